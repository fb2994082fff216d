//! `metrosoc rules bundle`: make signed bundles of rules, and look into them.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use detector::rulebook::bundle::{self, Bundle, BundleError};
use event::{Clock as _, SystemClock};
use keys::{NoteKey, VerifierKey};
use serde_json::json;

use crate::cli::Context;
use crate::exit::{Failure, Status};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a signing key; prints its public half for `rules.bundle_keys`
    #[command(after_help = "Example: metrosoc rules bundle key --name hcm-rules -o rules.key")]
    Key {
        /// How signatures are called, without spaces and `+`
        #[arg(long)]
        name: String,
        /// The file, which must not be there yet
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Pack the rules below a folder and sign them
    #[command(after_help = "Example: metrosoc rules bundle create rules/sigma --key rules.key -o city.rules")]
    Create {
        /// A folder of Sigma files; `.test.yml` is left out
        folder: PathBuf,
        /// The signing key (`rules bundle key` makes one)
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The bundle
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Say what a bundle holds; with --trust only when one of the keys signed it
    #[command(after_help = "Example: metrosoc rules bundle show city.rules --trust hcm-rules+3f1c…+AZ…")]
    Show {
        /// The bundle
        file: PathBuf,
        /// A public key as `rules bundle key` prints it; several are possible
        #[arg(long, value_name = "KEY")]
        trust: Vec<VerifierKey>,
    },
}

pub fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Key { name, output } => {
            let key = NoteKey::create(&output, &name).map_err(|error| bad_data(&crate::api::problem::chain(&error)))?;
            let verifier = key.verifier().to_string();
            context.output.print(&json!({ "verifier_key": verifier }), |_| format!("{verifier}\n"))
        }
        Command::Create { folder, key, output } => create(&folder, &key, &output, context),
        Command::Show { file, trust } => show(&file, &trust, context),
    }
}

fn create(folder: &Path, key: &Path, output: &Path, context: &Context) -> anyhow::Result<()> {
    let signer = NoteKey::read(key).map_err(|error| bad_data(&crate::api::problem::chain(&error)))?;
    let (bytes, files) = bundle::create(folder, &signer, SystemClock.now()).map_err(|error| refused(folder, &error))?;
    std::fs::write(output, &bytes).with_context(|| format!("bundle `{}`", output.display()))?;
    let verifier = signer.verifier().to_string();
    let answer = json!({ "files": files, "bytes": bytes.len(), "verifier_key": verifier });
    context.output.print(&answer, |_| format!("{files} files, {} bytes, signed by {verifier}\n", bytes.len()))
}

fn show(file: &Path, trust: &[VerifierKey], context: &Context) -> anyhow::Result<()> {
    let read = if trust.is_empty() {
        File::open(file).map_err(BundleError::from).and_then(bundle::inspect)
    } else {
        bundle::open(file, trust)
    };
    let Bundle { signers, created, files } = read.map_err(|error| refused(file, &error))?;
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let verified = !trust.is_empty();
    let answer = json!({ "signers": signers, "verified": verified, "created": created, "files": paths });
    context.output.print(&answer, |_| {
        let mut text: String = paths.iter().map(|path| format!("{}\n", path.escape_debug())).collect();
        let how = if verified { "signed by" } else { "not verified (--trust KEY does that), it names" };
        text.push_str(&format!("{} files, made {created}, {how} {}\n", paths.len(), signers.join(", ")));
        text
    })
}

fn refused(path: &Path, error: &BundleError) -> anyhow::Error {
    bad_data(&format!("bundle `{}` {}", path.display(), crate::api::problem::chain(error)))
}

fn bad_data(message: &str) -> anyhow::Error {
    Failure::new(Status::BadData, message).into()
}

//! `metrosoc shred`: make a person's values unrecoverable, and check the certificate of it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Context;
use super::config::{FileArgument, read};
use super::output::table;
use crate::erasure::{self, Signed};
use crate::exit::{Failure, Status};
use crate::serve::key_source;

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Destroys data key and row of each value, in every class and writing. That cannot be undone: keep the certificate, a
restore of an older backup reads it (`metrosoc restore DIR --shredded FILE`). Where somebody else may destroy too, the order
waits for that second person (`metrosoc shred waiting`, `approve`, `refuse`).
Values never stand on the command line, where every process of the machine could read them.
Needs a named user's token, on the server's own machine too: --token-file or METROSOC_TOKEN_FILE.
Examples:
  metrosoc shred --dry-run --reason 'đơn số 12/2026' values.txt
  metrosoc shred --reason 'đơn số 12/2026' --out certificate.json - < values.txt
  metrosoc shred approve 8c1f… --out certificate.json
  metrosoc shred certificate 3f9a…
  metrosoc shred verify certificate.json"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Files with the values of one person, one a line; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    values: Vec<PathBuf>,
    /// Why, such as the number of the request; recorded for ever
    #[arg(long, required = true, value_name = "TEXT")]
    reason: Option<String>,
    /// What for: a word of the policy's list of purposes
    #[arg(long, value_name = "P")]
    purpose: Option<String>,
    /// In which case
    #[arg(long, value_name = "ID")]
    case: Option<event::CaseId>,
    /// Say what would be destroyed, and destroy nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the certificate to this file too, which must not be there yet
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the orders that wait for a second person
    Waiting,
    /// Approve an order, as somebody else than who asked for it; destroys
    Approve {
        /// Its id
        id: String,
        /// Write the certificate to this file too, which must not be there yet
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Refuse an order, or take it back
    Refuse {
        /// Its id
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Print a certificate as things stand now: whether the spool still holds records of that time
    Certificate {
        /// Its id
        id: String,
    },
    /// Check a certificate's signature, offline
    #[command(
        after_help = "Exit code 65 when it was changed. The key is compared with --key, or with the one in --data when the master key is there."
    )]
    Verify {
        /// The certificate
        #[arg(value_name = "FILE")]
        certificate: PathBuf,
        /// The installation's public key, 64 hexadecimal digits
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
        #[command(flatten)]
        file: FileArgument,
    },
}

pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<()> {
    match arguments.command {
        Some(Command::Verify { certificate, key, file }) => verify(&certificate, key.as_deref(), &file, context),
        Some(Command::Certificate { id }) => {
            let signed: Signed = context.client()?.get(&format!("/api/v1/subjects/certificates/{id}")).await?;
            context.output.print(&signed, pretty)
        }
        Some(Command::Waiting) => {
            let answer: Value = context.client()?.get("/api/v1/subjects/shred").await?;
            context.output.print(&answer, |answer| {
                let rows = answer.get("waiting").and_then(Value::as_array).cloned().unwrap_or_default();
                table(&rows, &["id", "asked", "asked_by", "reason"])
            })
        }
        Some(Command::Approve { id, out }) => {
            destroy(&format!("/api/v1/subjects/shred/{id}/approve"), &json!({}), out.as_deref(), context).await
        }
        Some(Command::Refuse { id, reason }) => {
            let path = format!("/api/v1/subjects/shred/{id}/refuse");
            context.client()?.post(&path, &json!({ "reason": reason })).await
        }
        None => order(arguments, context).await,
    }
}

async fn order(arguments: Arguments, context: &Context) -> anyhow::Result<()> {
    let body = json!({
        "values": values(&arguments.values)?, "reason": arguments.reason, "purpose": arguments.purpose, "case": arguments.case,
    });
    if arguments.dry_run {
        let found: Value = context.client()?.post("/api/v1/subjects/find", &body).await?;
        return context.output.print(&found, held);
    }
    destroy("/api/v1/subjects/shred", &body, arguments.out.as_deref(), context).await
}

/// What is held, for people.
pub fn held(found: &Value) -> String {
    let rows = found.get("held").and_then(Value::as_array).cloned().unwrap_or_default();
    table(&rows, &["token", "class", "writings"])
}

/// Has something destroyed, and keeps the certificate; or says that it waits.
async fn destroy(path: &str, body: &Value, out: Option<&Path>, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    // Opened before anything is destroyed: a certificate that cannot be kept is noticed in time.
    let out = out.map(|path| create(path).map(|file| (path, file))).transpose()?;
    let forget = |out: &Option<(&Path, std::fs::File)>| match out {
        Some((path, _)) => std::fs::remove_file(path).with_context(|| format!("`{}`", path.display())),
        None => Ok(()),
    };
    let answer: Value = match client.post(path, body).await {
        Ok(answer) => answer,
        Err(error) => {
            forget(&out)?;
            return Err(error);
        }
    };
    if let Some(waiting) = answer.get("waiting") {
        forget(&out)?;
        let id = waiting.get("id").and_then(Value::as_str).unwrap_or_default();
        context.output.say(format!("it waits for a second person: `metrosoc shred approve {id}`"));
        return context.output.print(&answer, |_| format!("waiting {id}\n"));
    }
    let signed: Signed = serde_json::from_value(answer).context("the certificate")?;
    if let Some((path, mut file)) = out {
        let written = file.write_all(pretty(&signed).as_bytes()).and_then(|()| file.sync_all());
        written.with_context(|| format!("`{}`", path.display()))?;
    }
    context.output.say(match signed.certificate.spool_gone {
        Some(_) => "no segment of the spool holds records from before".to_owned(),
        None => format!(
            "the sealed spool may still hold records with these values; `metrosoc shred certificate {}` says when they are gone",
            signed.certificate.id
        ),
    });
    context.output.print(&signed, pretty)
}

fn pretty(signed: &Signed) -> String {
    let mut text = serde_json::to_string_pretty(signed).unwrap_or_else(|error| error.to_string());
    text.push('\n');
    text
}

fn create(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| format!("`{}`", path.display()))
}

/// The values in files, one a line.
///
/// # Errors
/// When one cannot be read. What was given is not said again: it may be a value.
pub fn values(files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut values = Vec::new();
    for file in files {
        let text = if file.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin().lock()).context("standard input")?
        } else {
            let hint = "what was named is no file that can be read; values stand in a file or on standard input (`-`), one a \
                        line, and never on the command line";
            std::fs::read_to_string(file)
                .map_err(|error| Failure::new(Status::Usage, format!("{hint} ({})", error.kind())))?
        };
        let text = keys::Secret::new(text);
        let lines = text.expose().lines().map(str::trim).filter(|line| !line.is_empty());
        values.extend(lines.map(str::to_owned));
    }
    Ok(values)
}

fn verify(path: &Path, key: Option<&str>, file: &FileArgument, context: &Context) -> anyhow::Result<()> {
    let known =
        match key {
            Some(key) => Some(hex::decode(key).map_err(|_| {
                Failure::new(Status::Usage, format!("`{key}` is no public key of 64 hexadecimal digits"))
            })?),
            None => {
                let config = read(file.config.as_deref())?.config;
                let data = std::path::absolute(&context.data).context("data directory")?;
                erasure::key_of(&data, &key_source(&config.keys, &data)?)?
            }
        };
    let signed = Signed::read(path, known.as_deref())?;
    if known.is_none() {
        context.output.say(
            "the signature fits the key in the certificate; whether that is the installation's was not checked (--key, or --data with the master key)",
        );
    }
    let certificate = &signed.certificate;
    let answer = json!({
        "id": certificate.id, "ordered": certificate.ordered, "destroyed": certificate.destroyed.len(),
        "keys_left": certificate.keys_left, "rows_left": certificate.rows_left, "spool_gone": certificate.spool_gone,
        "public_key": signed.public_key, "signed_by_known_key": known.is_some(), "genuine": true,
    });
    context.output.print(&answer, |_| {
        format!(
            "genuine: certificate {} of {}, {} values destroyed, {} keys and {} rows left\n",
            certificate.id,
            certificate.ordered,
            certificate.destroyed.len(),
            certificate.keys_left,
            certificate.rows_left
        )
    })
}

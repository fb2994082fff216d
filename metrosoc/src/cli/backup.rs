//! `metrosoc backup`: copy everything that the platform knows, with or without a running server, and check such a copy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use event::{Clock, Signer, SystemClock};
use keys::{Keyring, Secret};
use reqwest::Method;
use serde_json::json;
use store::Store;
use tokio::sync::mpsc::channel;

use super::Context;
use super::config::{FileArgument, read};
use crate::backup::make::{self, Made, Source, Told, Wanted};
use crate::backup::{SIGNER, check};
use crate::client::{SOCKET_NAME, lines};
use crate::exit::{Failure, Status};
use crate::serve::open::{open_index, open_ledger, open_spool, store_url};
use crate::serve::{LEDGER_KEY, key_source};

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "The running server makes it, without a pause; without one the data directory is copied as it lies.
In it are database, index, ledger, sealed keys, states and the configuration file; never the spool, and never the
master key (DATA.key): keep a copy of that key elsewhere, without it the backup opens nothing.
Examples:
  metrosoc backup /mnt/backup/2026-11-22
  metrosoc backup /mnt/backup/2026-11-23 --previous /mnt/backup/2026-11-22
  metrosoc backup verify /mnt/backup/2026-11-23"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Folder that is not there yet, or empty
    #[arg(required = true, value_name = "DIR")]
    to: Option<PathBuf>,
    /// A backup on the same file system whose unchanged files are linked instead of copied again
    #[arg(long, value_name = "DIR")]
    previous: Option<PathBuf>,
    #[command(flatten)]
    file: FileArgument,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Read a whole backup again: every file's hash, the signature, the ledger
    #[command(
        after_help = "Exit code 65 when something is wrong. The signature is compared with the master key of --data
(or `keys.file`) when that is there."
    )]
    Verify {
        /// The backup
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        #[command(flatten)]
        file: FileArgument,
    },
}

pub fn run(arguments: Arguments, context: &Context) -> anyhow::Result<()> {
    crate::telemetry::start_quiet();
    if let Some(Command::Verify { folder, file }) = arguments.command {
        return verify(&folder, &file, context);
    }
    let to = arguments.to.context("no folder was named")?;
    let to = std::path::absolute(&to).with_context(|| format!("`{}`", to.display()))?;
    let previous = arguments.previous.map(std::path::absolute).transpose().context("--previous")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let made = runtime.block_on(async {
        // A socket that a crash left answers nobody.
        if std::os::unix::net::UnixStream::connect(context.data.join(SOCKET_NAME)).is_ok() {
            online(&to, previous.as_deref(), context).await
        } else {
            offline(to, previous, &arguments.file, context).await
        }
    })?;
    context.output.say(format!(
        "the master key is not in it: keep a copy of the key file (`{}.key` unless the configuration names another) in another place",
        context.data.display()
    ));
    context.output.print(&made, |made| {
        format!(
            "backup {}: {} files, {} bytes ({} shared with the one before), {} events (those from {} on are not in it), {} entries of the ledger\n",
            made.id, made.files, made.bytes, made.shared_bytes, made.events, made.events_from, made.ledger_entries
        )
    })
}

/// Says what is told; keeps how it ended.
fn take(told: Told, context: &Context, ended: &mut Option<Result<Made, String>>) {
    match told {
        Told::Step(step) => context.output.say(format!("copying: {step}")),
        Told::Copied { bytes } => context.output.say(format!("  {} MiB", bytes >> 20)),
        Told::Made(made) => *ended = Some(Ok(made)),
        Told::Failed(reason) => *ended = Some(Err(reason)),
    }
}

fn outcome(ended: Option<Result<Made, String>>) -> anyhow::Result<Made> {
    match ended {
        Some(Ok(made)) => Ok(made),
        Some(Err(reason)) => Err(Failure::new(Status::Unavailable, reason).into()),
        None => Err(Failure::new(Status::Unavailable, "the server ended before the backup was made").into()),
    }
}

async fn online(to: &Path, previous: Option<&Path>, context: &Context) -> anyhow::Result<Made> {
    let client = context.client()?;
    let body = json!({ "to": to, "previous": previous });
    let mut ended = None;
    lines(client.request(Method::POST, "/api/v1/backup").json(&body), |told| take(told, context, &mut ended)).await?;
    outcome(ended)
}

/// Opens what the server would and copies it; nothing else can use the data directory meanwhile.
async fn offline(
    to: PathBuf,
    previous: Option<PathBuf>,
    file: &FileArgument,
    context: &Context,
) -> anyhow::Result<Made> {
    let data = std::path::absolute(&context.data).context("data directory")?;
    if !data.join("keys").is_dir() || !data.join("ledger").is_dir() {
        let message = format!("`{}` is no data directory; name it with --data", data.display());
        return Err(Failure::new(Status::Unavailable, message).into());
    }
    context.output.say(format!("no server runs on `{}`: it is copied as it lies", data.display()));
    let loaded = read(file.config.as_deref())?;
    crate::format::settle(&data)?;
    let config = &loaded.config;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keyring = Keyring::open(&key_source(&config.keys, &data)?, &data).context("the master key")?;
    let signer: Arc<dyn Signer> = Arc::new(keyring.note_signer(SIGNER).context("the key of backups")?);
    let ledger = open_ledger(config, &data, Arc::new(keyring.note_signer(LEDGER_KEY)?), &clock)?;
    let url = store_url(config, &data)?;
    let store = Store::open(&url).await.context("the database")?;
    let index = open_index(config, &data)?;
    let spool = Arc::new(open_spool(config, &data, &keyring, &index, &clock)?);
    let waiting = spool.next_id().0.saturating_sub(index.position().unwrap_or_default().0);
    let gaps = crate::backup::gaps::read(&data)?;
    if waiting > 0 && crate::backup::gaps::across(&gaps, index.position().unwrap_or_default()) < spool.next_id() {
        context.output.say(
            "records in the spool are not indexed yet and will not be in the backup; start the server once, or back up while it runs",
        );
    }
    let source = Source {
        data,
        config: loaded.file.clone(),
        postgres: (!config.store.url_file.is_empty()).then(|| Secret::new(url)),
        store,
        index,
        ledger,
        spool,
        searchable: None,
        signer,
        clock,
    };
    let wanted = Wanted { to, previous, by: operator()? };
    let (told, mut steps) = channel(64);
    let making = async {
        let made = make::make(&source, &wanted, &told).await;
        drop(told);
        made
    };
    let telling = async {
        while let Some(step) = steps.recv().await {
            take(step, context, &mut None);
        }
    };
    let (made, ()) = tokio::join!(making, telling);
    source.store.close().await;
    made
}

/// In whose name the ledger has what is done without a server.
pub fn operator() -> anyhow::Result<String> {
    let subject = policy::Guard::operator(rustix::process::getuid().as_raw());
    Ok(subject.map_err(|denied| anyhow::anyhow!("{denied}"))?.name.as_str().to_owned())
}

fn verify(folder: &Path, file: &FileArgument, context: &Context) -> anyhow::Result<()> {
    let loaded = read(file.config.as_deref())?;
    let folder = std::path::absolute(folder).with_context(|| format!("`{}`", folder.display()))?;
    let key = key_source(&loaded.config.keys, &context.data)?;
    // Read before a key is looked for in it: what is no backup is said to be none.
    check::read_manifest(&folder, None)?;
    let known = check::key_of(&folder, &key)?;
    let (mut bytes, mut said) = (0_u64, 0_u64);
    let checked = check::check(&folder, known.as_deref(), |more| {
        bytes += more;
        if bytes - said >= 1 << 30 {
            said = bytes;
            context.output.say(format!("  {} MiB", bytes >> 20));
        }
    })?;
    if !checked.is_ours {
        context.output.say(format!(
            "the signature fits the key in the backup; whether that is yours was not checked: there is no master key at `{}`",
            key.path().display()
        ));
    }
    let manifest = &checked.manifest;
    let answer = json!({
        "id": manifest.id, "made": manifest.made, "program": manifest.program, "files": manifest.files.len(),
        "bytes": manifest.bytes(), "events": manifest.events, "events_from": manifest.events_from,
        "ledger_entries": checked.ledger_entries, "signed_by_this_master_key": checked.is_ours, "whole": true,
    });
    context.output.print(&answer, |_| {
        format!(
            "whole: backup {} of {}, {} files, {} events, {} entries of the ledger\n",
            manifest.id,
            manifest.made,
            manifest.files.len(),
            manifest.events,
            checked.ledger_entries
        )
    })
}

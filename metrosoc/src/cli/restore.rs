//! `metrosoc restore`: bring a backup back into an empty data directory.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use event::SystemClock;
use keys::Secret;

use super::Context;
use super::backup::operator;
use super::config::{FileArgument, read};
use crate::backup::restore::{Restored, Wanted, restore};
use crate::serve::key_source;
use crate::serve::open::store_url;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Checks the whole backup first, copies it into --data (empty or not there yet) and verifies the copy; no server is needed.
The master key must lie where the server will look for it: DATA.key beside the directory, or `keys.file`.
Example:
  install -m 600 /safe/metrosoc.key /var/lib/metrosoc/data.key
  metrosoc restore /mnt/backup/2026-11-22 --data /var/lib/metrosoc/data"
)]
pub struct Arguments {
    /// The backup
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// The folder `vault-keys` is lost for ever: give up the values behind all pseudonyms, so that everything else goes on
    #[arg(long)]
    without_vault_keys: bool,
    /// Certificate of `metrosoc shred` from after the backup: what it names is destroyed again; may be given many times
    #[arg(long, value_name = "FILE")]
    shredded: Vec<PathBuf>,
    #[command(flatten)]
    file: FileArgument,
}

pub fn run(arguments: Arguments, context: &Context) -> anyhow::Result<()> {
    crate::telemetry::start_quiet();
    let config = read(arguments.file.config.as_deref())?.config;
    let data = std::path::absolute(&context.data).context("data directory")?;
    let from = std::path::absolute(&arguments.from).with_context(|| format!("`{}`", arguments.from.display()))?;
    let postgres = match config.store.url_file.as_str() {
        "" => None,
        _ => Some(Secret::new(store_url(&config, &data)?)),
    };
    let key = key_source(&config.keys, &data)?;
    let (mirror, without_vault_keys) = (config.ledger.mirror, arguments.without_vault_keys);
    let (shredded, by) = (arguments.shredded, operator()?);
    let wanted = Wanted { from, data, key, postgres, mirror, without_vault_keys, shredded, by };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    context.output.say("checking the backup");
    let (mut bytes, mut said) = (0_u64, 0_u64);
    let restored = runtime.block_on(restore(&wanted, Arc::new(SystemClock), |more| {
        bytes += more;
        if bytes - said >= 1 << 30 {
            said = bytes;
            context.output.say(format!("  {} MiB", bytes >> 20));
        }
    }))?;
    context.output.print(&restored, text)
}

fn text(restored: &Restored) -> String {
    let mut text = format!(
        "backup {} of {} is back: {} events, {} entries of the ledger, verified\n",
        restored.backup, restored.made, restored.events, restored.ledger_entries
    );
    text.push_str(&format!("events missing: from number {} on", restored.missing_from));
    if restored.missing_received > restored.missing_from {
        text.push_str(&format!(
            " ({} of them had been received by then)",
            restored.missing_received - restored.missing_from
        ));
    }
    text.push_str(&format!(
        "; how many came later cannot be known. New events have numbers from {} on\n",
        restored.next
    ));
    for note in &restored.notes {
        text.push_str(&format!("- {note}\n"));
    }
    text
}

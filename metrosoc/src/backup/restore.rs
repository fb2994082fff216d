//! Bringing a backup back into an empty data directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use detector::index::{Index, IndexSettings};
use event::{Clock, EventId};
use keys::{KeySource, Keyring, Secret};
use ledger::{Entry, Ledger, parse_note};
use policy::vault::{self, Shredded};
use serde::Serialize;
use serde_json::json;
use store::Store;

use super::gaps::{self, Gap};
use super::manifest::Manifest;
use super::{CONFIG, DATA, POSTGRES, POSTGRES_VAULT, SQLITE, check, copy, postgres};
use crate::erasure::{self, Signed};
use crate::exit::{Failure, Status};

/// Lies in a data directory until everything is there.
pub const UNFINISHED: &str = "RESTORING";

/// What is restored, and to where.
pub struct Wanted {
    /// The backup.
    pub from: PathBuf,
    /// The data directory, empty or not there.
    pub data: PathBuf,
    /// The master key that the backup was sealed under.
    pub key: KeySource,
    /// The address of a PostgreSQL with an empty database.
    pub postgres: Option<Secret<String>>,
    /// Where the ledger's newest checkpoint is mirrored; empty for nowhere.
    pub mirror: String,
    /// The data keys of the vault are lost for ever: its values are given up, so that everything else goes on.
    pub without_vault_keys: bool,
    /// Certificates of what was destroyed since the backup; it is destroyed again.
    pub shredded: Vec<PathBuf>,
    /// In whose name the ledger has it.
    pub by: String,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Restored {
    /// The backup's id.
    pub backup: String,
    /// When it was made.
    pub made: String,
    /// Events that are back.
    pub events: u64,
    /// Events from this number on are missing.
    pub missing_from: u64,
    /// Those before this number had been received by the end of the backup; later ones cannot be known.
    pub missing_received: u64,
    /// New events have numbers from here on.
    pub next: u64,
    /// Entries of the ledger, verified.
    pub ledger_entries: u64,
    /// What the operator has to know or do.
    pub notes: Vec<String>,
}

/// Checks the backup, then copies it, verifies the copy and writes down what is missing.
///
/// # Errors
/// When the data directory is not empty, or the backup is not whole or not of this master key. A data directory that was begun
/// is refused by the server.
pub async fn restore(wanted: &Wanted, clock: Arc<dyn Clock>, read: impl FnMut(u64)) -> anyhow::Result<Restored> {
    // Step 1: nothing is touched before everything is known to be good.
    let Wanted { from, data, .. } = wanted;
    if copy::is_filled(data)? {
        let message = format!("data directory `{}` is not empty; name one that is not there yet", data.display());
        return Err(Failure::new(Status::BadData, message).into());
    }
    check::read_manifest(from, None)?;
    let key = check::key_of(from, &wanted.key)?.ok_or_else(|| missing_key(&wanted.key))?;
    let checked = check::check(from, Some(&key), read)?;
    let manifest = checked.manifest;
    let shredded = read_certificates(wanted)?;
    if manifest.store == "postgres" && wanted.postgres.is_none() {
        let message =
            "the backup holds a PostgreSQL database; name the address of an empty one in `store.url_file` (--config)";
        return Err(Failure::new(Status::Config, message).into());
    }
    if manifest.store == "sqlite" && wanted.postgres.is_some() {
        let message =
            "the backup holds a SQLite database, and the configuration names a PostgreSQL in `store.url_file`";
        return Err(Failure::new(Status::Config, message).into());
    }
    let known = EventId(manifest.events_from.max(manifest.events_received));
    let next = gaps::beyond(known).context("numbers of events are used up")?;
    copy::make_folder(data)?;
    copy::check_room(data, manifest.bytes())?;

    // Step 2: the files, behind a mark that no server starts over.
    let mark = data.join(UNFINISHED);
    copy::put(&mark, format!("{}\n", manifest.id).as_bytes())?;
    copy_files(&manifest, from, data)?;
    if let Some(url) = wanted.postgres.as_ref().filter(|_| manifest.store == "postgres") {
        postgres::restore(url, &from.join(POSTGRES)).await?;
        postgres::restore(url, &from.join(POSTGRES_VAULT)).await?;
    }
    let (vault, shredded) = settle_vault(wanted, &shredded).await?;

    // Step 3: the copy is what was backed up.
    let ledger_entries = check::check_ledger(data, &manifest)?;
    check_index(data, &manifest)?;

    // Step 4: numbers go on behind everything that was ever given out, and the ledger says so.
    collector::spool::begin(&data.join("spool"), next).context("the spool")?;
    let gap = Gap { from: EventId(manifest.events_from), to: next, backup: manifest.id.clone(), restored: clock.now() };
    gaps::add(data, gap)?;
    record(wanted, &manifest, next, (vault, shredded), clock).await?;
    copy::sync_folders(data)?;
    std::fs::remove_file(&mark).with_context(|| format!("`{}`", mark.display()))?;
    copy::sync_folders(data)?;
    Ok(Restored {
        backup: manifest.id.clone(),
        made: manifest.made.clone(),
        events: manifest.events,
        missing_from: manifest.events_from,
        missing_received: manifest.events_received,
        next: next.0,
        ledger_entries,
        notes: notes(wanted, &manifest, ledger_entries, (vault, shredded)),
    })
}

fn missing_key(key: &KeySource) -> anyhow::Error {
    let message = format!(
        "the master key is not at `{}`: a backup never holds it; put the key back that the data were sealed under (mode 0600), \
         or name its place in `keys.file` (--config)",
        key.path().display()
    );
    Failure::new(Status::Unavailable, message).into()
}

fn copy_files(manifest: &Manifest, from: &Path, data: &Path) -> anyhow::Result<()> {
    for file in &manifest.files {
        let Some(path) = file.path.strip_prefix(DATA).and_then(|path| path.strip_prefix('/')) else { continue };
        let target = data.join(path);
        copy::make_parent(&target)?;
        let copied = copy::copy(&from.join(&file.path), &target).with_context(|| format!("`{}`", target.display()))?;
        if copied != (file.bytes, file.sha256.clone()) {
            return Err(check::bad(from, &format!("`{}` changed while it was read", file.path)));
        }
    }
    Ok(())
}

/// What became of the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vaulted {
    /// There is none: this platform writes without pseudonyms.
    Without,
    /// Its rows are back; its data keys are not in a backup.
    WantsKeys,
    /// So many writings of values were given up.
    GivenUp(u64),
}

/// What certificates name, each signed by the key that lies sealed in the backup.
fn read_certificates(wanted: &Wanted) -> anyhow::Result<Vec<Shredded>> {
    if wanted.shredded.is_empty() {
        return Ok(Vec::new());
    }
    let key = erasure::key_of(&wanted.from.join(DATA), &wanted.key)?.ok_or_else(|| {
        check::bad(
            &wanted.from,
            "it has no key of certificates; restore without `--shredded`, the list in `vault-keys` counts",
        )
    })?;
    let mut list = Vec::new();
    for path in &wanted.shredded {
        list.extend(Signed::read(path, Some(&key))?.certificate.destroyed);
    }
    Ok(list)
}

/// Gives what became of the vault, and how many values were destroyed again.
async fn settle_vault(wanted: &Wanted, shredded: &[Shredded]) -> anyhow::Result<(Vaulted, usize)> {
    let url = match &wanted.postgres {
        Some(url) => url.expose().clone(),
        None => store::sqlite_url(&wanted.data.join(SQLITE)),
    };
    let store = Store::open(&url).await.context("the restored database")?;
    let vault = match (vault::is_in(&store).await.context("the restored vault")?, wanted.without_vault_keys) {
        (false, _) => Vaulted::Without,
        (true, false) => Vaulted::WantsKeys,
        (true, true) => Vaulted::GivenUp(vault::give_up(&store).await.context("the restored vault")?),
    };
    let again = match vault {
        Vaulted::WantsKeys => vault::replay_on_rows(&store, shredded).await.context("destroying again")?,
        Vaulted::Without | Vaulted::GivenUp(_) => 0,
    };
    store.close().await;
    Ok((vault, again))
}

/// Opens the index as the server would and counts.
fn check_index(data: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let index = Index::open(&data.join("index"), IndexSettings::default()).context("the restored index")?;
    let (events, from) = (index.documents(), index.position().unwrap_or_default().0);
    anyhow::ensure!(
        (events, from) == (manifest.events, manifest.events_from) && index.lost().is_empty(),
        "the restored index holds {events} events before {from}, the manifest speaks of {} before {}",
        manifest.events,
        manifest.events_from
    );
    Ok(())
}

async fn record(
    wanted: &Wanted,
    manifest: &Manifest,
    next: EventId,
    (vault, shredded): (Vaulted, usize),
    clock: Arc<dyn Clock>,
) -> anyhow::Result<()> {
    let keyring = Keyring::open(&wanted.key, &wanted.data).context("the master key")?;
    let signer = keyring.note_signer(crate::serve::LEDGER_KEY).context("the ledger's key")?;
    let ledger = Ledger::open(&wanted.data.join("ledger"), Arc::new(signer), clock).context("the ledger")?;
    let given_up = match vault {
        Vaulted::GivenUp(writings) => writings,
        Vaulted::Without | Vaulted::WantsKeys => 0,
    };
    let detail = json!({
        "vault_writings_given_up": given_up, "shredded_again": shredded, "made": manifest.made, "events_missing_from": manifest.events_from,
        "events_received": manifest.events_received, "events_go_on_with": next.0,
    });
    let entry = Entry::new(wanted.by.as_str(), "platform_restored", format!("backup:{}", manifest.id), detail);
    ledger.append(entry).await.context("the ledger does not take the entry").map(drop)
}

/// What a restore cannot do by itself.
fn notes(wanted: &Wanted, manifest: &Manifest, entries: u64, (vault, shredded): (Vaulted, usize)) -> Vec<String> {
    let mut notes = vec![
        format!(
            "alerts of events received between {} and {} may be missing; `metrosoc rules backtest` runs rules over that time again",
            manifest.began, manifest.made
        ),
        format!(
            "what was done after {} is not in it: certificates revoked, accounts disabled, rights withdrawn and data deleted since \
             then must be so again before the listeners open",
            manifest.made
        ),
        "addresses that were blocked are compared with the kernel at the start (`metrosoc respond reconcile`)"
            .to_owned(),
    ];
    match vault {
        Vaulted::Without => {}
        Vaulted::WantsKeys => notes.push(format!(
            "put the vault's data keys back as `{}` before the start: no backup holds them, and without them nothing is decoded. \
             Are they lost for ever, restore again with `--without-vault-keys`",
            wanted.data.join("vault-keys").display()
        )),
        Vaulted::GivenUp(writings) => notes.push(format!(
            "the vault begins anew: {writings} values are given up, their pseudonyms stay in what is stored and nobody can reveal them"
        )),
    }
    if shredded > 0 {
        notes.push(format!("{shredded} values that were shredded after the backup are destroyed again"));
    }
    if vault == Vaulted::WantsKeys {
        notes.push(
            "`vault-keys` holds the list of what was shredded: the start destroys it again, whatever this backup or an old copy of the \
             keys has of it"
                .to_owned(),
        );
    }
    if manifest.files.iter().any(|file| file.path.starts_with(CONFIG)) {
        let path = wanted.from.join(CONFIG).join("metrosoc.toml");
        notes.push(format!(
            "the configuration of then is `{}`; compare it and put it where the server reads it",
            path.display()
        ));
    }
    if !wanted.mirror.is_empty() {
        notes.extend(mirror_note(Path::new(&wanted.mirror), entries));
    }
    notes
}

/// The checkpoint that was mirrored outside speaks of entries that the backup does not have: it is evidence, and in the way.
fn mirror_note(mirror: &Path, entries: u64) -> Option<String> {
    let path = mirror.join("checkpoint");
    let size = parse_note(&std::fs::read(&path).ok()?).ok()?.checkpoint.size;
    (size > entries).then(|| {
        format!(
            "`{}` speaks of {size} entries of the record, the backup has {entries}: {} are lost. Keep that file as evidence and move it \
             away, or the server refuses to start",
            path.display(),
            size - entries
        )
    })
}

//! Making a backup, while the server works or of a data directory that none uses.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use collector::spool::Spool;
use detector::index::{Index, Snapshot};
use event::{Clock, EventId, Signer};
use keys::Secret;
use ledger::{Entry, Ledger};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Store;
use tokio::sync::mpsc::Sender;
use tokio::task::block_in_place;

use super::copy::{self, Copier, Previous};
use super::manifest::{self, FORMAT, Manifest, Signature};
use super::postgres::{self, Part};
use super::{CONFIG, DATA, EXCLUDED, POSTGRES, POSTGRES_VAULT, SQLITE, STAGING, VAULT_TABLE, VAULT_WAITING, check};
use crate::exit::{Failure, Status};

/// Longest wait for what was received to become searchable.
const SEARCHABLE_MAX: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Bytes between two words about progress.
const TELL_EVERY: u64 = 64 << 20;
/// Names in the data directory that have a step of their own.
const APART: [&str; 6] = ["keys", "ledger", "index", SQLITE, "metrosoc.sqlite-wal", "metrosoc.sqlite-shm"];

/// What is said on the way, a JSON line each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// A step begins.
    Step(String),
    /// So much is copied.
    Copied {
        /// Bytes.
        bytes: u64,
    },
    /// It is made.
    Made(Made),
    /// It is not; the folder is no backup.
    Failed(String),
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// Files in it.
    pub files: usize,
    /// Bytes in it.
    pub bytes: u64,
    /// Bytes of them that the backup before holds too.
    pub shared_bytes: u64,
    /// Events in it.
    pub events: u64,
    /// Events from this number on are not.
    pub events_from: u64,
    /// Entries of the ledger in it.
    pub ledger_entries: u64,
}

/// The parts that are copied.
pub struct Source {
    pub data: PathBuf,
    /// The configuration file, when there is one.
    pub config: Option<PathBuf>,
    /// The address of a PostgreSQL.
    pub postgres: Option<Secret<String>>,
    pub store: Store,
    pub index: Arc<Index>,
    pub ledger: Ledger,
    pub spool: Arc<Spool>,
    /// The first position that a search does not see yet; `None` where nothing is being received or indexed.
    pub searchable: Option<Arc<dyn Fn() -> EventId + Send + Sync>>,
    pub signer: Arc<dyn Signer>,
    pub clock: Arc<dyn Clock>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// An absolute path: a folder that is not there, or empty.
    pub to: PathBuf,
    /// A backup whose files are shared where they are the same.
    pub previous: Option<PathBuf>,
    /// In whose name the ledger has it.
    pub by: String,
}

/// Makes a backup; its begin and end are entries of the ledger. Needs a runtime with several threads.
///
/// # Errors
/// When the folder cannot be used or a part not be copied. What was copied stays and is no backup.
pub async fn make(source: &Source, wanted: &Wanted, told: &Sender<Told>) -> anyhow::Result<Made> {
    let id = hex::encode(random()?);
    let previous = block_in_place(|| prepare(source, wanted))?;
    record(source, wanted, "backup_begun", &id, json!({ "to": wanted.to.display().to_string() })).await?;
    let made = copy_all(source, wanted, previous.as_ref(), &id, told).await;
    let (action, detail) = match &made {
        Ok((made, digest)) => (
            "backup_made",
            json!({
                "files": made.files, "bytes": made.bytes, "events_from": made.events_from,
                "ledger_entries": made.ledger_entries, "manifest": digest,
            }),
        ),
        Err(error) => ("backup_refused", json!({ "reason": format!("{error:#}") })),
    };
    record(source, wanted, action, &id, detail).await?;
    if made.is_ok() {
        metrics::gauge!("metrosoc_backup_made_timestamp_seconds").set(source.clock.now().secs() as f64);
    }
    made.map(|(made, _)| made)
}

async fn record(
    source: &Source,
    wanted: &Wanted,
    action: &'static str,
    id: &str,
    detail: serde_json::Value,
) -> anyhow::Result<()> {
    let entry = Entry::new(wanted.by.as_str(), action, format!("backup:{id}"), detail);
    source.ledger.append(entry).await.context("the ledger does not take the entry").map(drop)
}

/// Looks at the folders before anything is done.
fn prepare(source: &Source, wanted: &Wanted) -> anyhow::Result<Option<Previous>> {
    let to = &wanted.to;
    let refused = |reason: &str| Failure::new(Status::BadData, format!("backup to `{}`: {reason}", to.display()));
    let data = fs::canonicalize(&source.data).with_context(|| format!("`{}`", source.data.display()))?;
    if !to.is_absolute() {
        return Err(refused("not an absolute path").into());
    }
    if copy::is_filled(to)? {
        return Err(refused("the folder is not empty; name one that is not there yet").into());
    }
    let made_here = !to.exists();
    copy::make_folder(to)?;
    if fs::canonicalize(to).is_ok_and(|to| to.starts_with(&data)) {
        if made_here {
            fs::remove_dir(to).with_context(|| format!("`{}`", to.display()))?;
        }
        return Err(refused("it lies in the data directory; name a place outside, best on another disk").into());
    }
    let Some(folder) = &wanted.previous else {
        copy::check_room(to, source.index.bytes())?;
        return Ok(None);
    };
    let read = check::read_manifest(folder, Some(source.signer.public_key()));
    let manifest = read.with_context(|| format!("the backup before, `{}`", folder.display()))?;
    if !copy::same_device(folder, to) {
        return Err(refused("the backup before lies on another file system, so nothing can be shared with it").into());
    }
    let id = manifest.id;
    let files: BTreeMap<_, _> = manifest.files.into_iter().map(|file| (file.path.clone(), file)).collect();
    Ok(Some(Previous { id, folder: folder.clone(), files }))
}

/// The steps, in the order that [`super`] gives reasons for.
async fn copy_all(
    source: &Source,
    wanted: &Wanted,
    previous: Option<&Previous>,
    id: &str,
    told: &Sender<Told>,
) -> anyhow::Result<(Made, String)> {
    let to = &wanted.to;
    let mut copier = Copier::new(to, previous, progress(told.clone()));
    let began = source.clock.now().to_string();

    tell(told, "states").await?;
    block_in_place(|| copy_states(&mut copier, &source.data))?;

    tell(told, "database").await?;
    copy_database(source, to).await?;

    tell(told, "index").await?;
    let received = source.spool.next_id();
    wait_until_searchable(source, received, told).await?;
    let snapshot = block_in_place(|| copy_index(&mut copier, source))?;

    tell(told, "vault").await?;
    copy_vault(source, to).await?;
    let (store, files) = database(source);
    block_in_place(|| files.iter().try_for_each(|file| copier.take(file)))?;

    tell(told, "ledger").await?;
    let signed = block_in_place(|| {
        let signed = source.ledger.copy_to(&to.join(DATA).join("ledger")).context("the ledger")?;
        copier.take_folder(&format!("{DATA}/ledger"))?;
        anyhow::Ok(signed)
    })?;
    let signed = signed.context("the ledger has no checkpoint")?;

    tell(told, "keys").await?;
    block_in_place(|| copier.folder(&source.data.join("keys"), &format!("{DATA}/keys"), false))?;
    if let Some(config) = &source.config {
        block_in_place(|| copier.file(config, &format!("{CONFIG}/metrosoc.toml"), false))?;
    }

    tell(told, "manifest").await?;
    let shared_bytes = copier.shared_bytes;
    let manifest = Manifest {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        id: id.to_owned(),
        began,
        made: source.clock.now().to_string(),
        events_from: snapshot.position.unwrap_or_default().0,
        events_received: source.spool.next_id().0,
        events: snapshot.documents,
        ledger: signed.note(),
        store: store.to_owned(),
        previous: previous.map(|previous| previous.id.clone()),
        excluded: EXCLUDED.map(str::to_owned).to_vec(),
        files: std::mem::take(&mut copier.files),
    };
    drop(copier);
    let digest = block_in_place(|| sign(&manifest, to, source.signer.as_ref()))?;
    let made = Made {
        id: id.to_owned(),
        files: manifest.files.len(),
        bytes: manifest.bytes(),
        shared_bytes,
        events: manifest.events,
        events_from: manifest.events_from,
        ledger_entries: signed.checkpoint.size,
    };
    Ok((made, digest))
}

fn copy_states(copier: &mut Copier<'_>, data: &Path) -> anyhow::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(data).with_context(|| format!("`{}`", data.display()))? {
        let name = entry.with_context(|| format!("`{}`", data.display()))?.file_name();
        names.push(name.to_str().with_context(|| format!("`{}` has no readable name", name.display()))?.to_owned());
    }
    names.sort_unstable();
    for name in names.iter().filter(|name| !EXCLUDED.contains(&name.as_str()) && !APART.contains(&name.as_str())) {
        let (path, to) = (data.join(name), format!("{DATA}/{name}"));
        if path.is_dir() {
            copier.folder(&path, &to, false)?;
        } else if path.is_file() && !name.ends_with(".new") {
            copier.file(&path, &to, false)?;
        }
    }
    Ok(())
}

/// Which database it is, and its files in the backup.
fn database(source: &Source) -> (&'static str, Vec<String>) {
    match source.postgres {
        None => ("sqlite", vec![format!("{DATA}/{SQLITE}")]),
        Some(_) => ("postgres", vec![POSTGRES.to_owned(), POSTGRES_VAULT.to_owned()]),
    }
}

async fn copy_database(source: &Source, to: &Path) -> anyhow::Result<()> {
    match &source.postgres {
        None => {
            let file = to.join(DATA).join(SQLITE);
            copy::make_parent(&file)?;
            source.store.copy_to(&file).await.context("the database")
        }
        Some(url) => postgres::dump(url, Part::AllBut(VAULT_TABLE), &to.join(POSTGRES)).await,
    }
}

/// The vault's rows as they are now.
async fn copy_vault(source: &Source, to: &Path) -> anyhow::Result<()> {
    match &source.postgres {
        None => {
            let file = to.join(DATA).join(SQLITE);
            // First those that wait to be moved into the table: whoever is moved meanwhile is in both, and nobody in none.
            for table in [VAULT_WAITING, VAULT_TABLE] {
                source.store.copy_later_rows(&file, table).await.context("the vault")?;
            }
            Ok(())
        }
        Some(url) => postgres::dump(url, Part::Rows(VAULT_TABLE), &to.join(POSTGRES_VAULT)).await,
    }
}

/// Waits until everything before `received` is durable in the index.
async fn wait_until_searchable(source: &Source, received: EventId, told: &Sender<Told>) -> anyhow::Result<()> {
    let Some(searchable) = &source.searchable else {
        return tokio::task::block_in_place(|| source.index.flush()).context("the index");
    };
    let began = Instant::now();
    while searchable() < received {
        if began.elapsed() > SEARCHABLE_MAX {
            bail!(
                "{} events wait to be indexed and did not become searchable within {} minutes; look at `/readyz` and the log, then try again",
                received.0.saturating_sub(searchable().0),
                SEARCHABLE_MAX.as_secs() / 60
            );
        }
        anyhow::ensure!(!told.is_closed(), "whoever asked for the backup has gone");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

fn copy_index(copier: &mut Copier<'_>, source: &Source) -> anyhow::Result<Snapshot> {
    let staging = Staging::make(&source.data)?;
    let snapshot = source.index.snapshot(&staging.0).context("the index")?;
    copier.folder(&staging.0, &format!("{DATA}/index"), true)?;
    Ok(snapshot)
}

/// The folder in which the index is linked; removed at the end.
struct Staging(PathBuf);

impl Staging {
    fn make(data: &Path) -> anyhow::Result<Self> {
        remove_staging(data)?;
        let path = data.join(STAGING);
        copy::make_folder(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "links of the index not removed; the next start does it");
        }
    }
}

/// Removes what a backup that was cut short left in the data directory.
///
/// # Errors
/// When the system refuses.
pub fn remove_staging(data: &Path) -> anyhow::Result<()> {
    let path = data.join(STAGING);
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("`{}`", path.display()))
        }
        _ => Ok(()),
    }
}

/// Signs the manifest and writes both, everything else durable before; gives the manifest's hash.
fn sign(manifest: &Manifest, to: &Path, signer: &dyn Signer) -> anyhow::Result<String> {
    let bytes = serde_json::to_vec_pretty(manifest)?;
    let signature = Signature {
        name: signer.name().to_owned(),
        public_key: hex::encode(signer.public_key()),
        signature: hex::encode(signer.sign(&manifest::message(&bytes))),
    };
    copy::sync_folders(to)?;
    copy::put(&to.join(manifest::SIGNATURE_FILE), &serde_json::to_vec_pretty(&signature)?)?;
    copy::put(&to.join(manifest::FILE), &bytes)?;
    copy::sync_folders(to)?;
    let (_, digest) = copy::hash(&to.join(manifest::FILE))?;
    Ok(digest)
}

async fn tell(told: &Sender<Told>, step: &str) -> anyhow::Result<()> {
    told.send(Told::Step(step.to_owned())).await.ok().context("whoever asked for the backup has gone")
}

/// Tells every few megabytes; nobody waits for who does not listen.
fn progress(told: Sender<Told>) -> impl FnMut(u64) + Send {
    let (mut bytes, mut said) = (0_u64, 0_u64);
    move |more| {
        bytes += more;
        if bytes - said >= TELL_EVERY {
            said = bytes;
            let _ = told.try_send(Told::Copied { bytes });
        }
    }
}

fn random() -> anyhow::Result<[u8; 16]> {
    let random = ring::rand::generate::<[u8; 16]>(&ring::rand::SystemRandom::new());
    random.map(ring::rand::Random::expose).map_err(|_| anyhow::anyhow!("the system gives no random bytes"))
}

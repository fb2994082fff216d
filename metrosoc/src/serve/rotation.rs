//! Rotation of keys at work: what an older generation sealed or marked is sealed and marked anew, part by part, and the older
//! generation is destroyed when nothing needs it. The ring of keys itself says that there is something to do, so a stop at
//! any moment is gone on from at the next start.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use keys::{KeyKind, Keyring, KeysState};
use ledger::Entry;
use policy::Vault;
use serde::Serialize;
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;

use super::sealed::SealedFile;
use crate::api::App;

/// Between two passes: what was sealed just before the new generation came is in its place by then.
const PAUSE: Duration = Duration::from_secs(1);
/// Wait after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How far a rotation is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Progress {
    /// Which keys; `None` when none is under way.
    pub keys: Option<&'static str>,
    /// What is looked at now.
    pub part: Option<&'static str>,
    /// Rows and files of that part that were looked at.
    pub done: u64,
    /// How many there were when it began.
    pub total: u64,
    /// What was sealed or marked anew since it began, or since the last start.
    pub changed: u64,
    /// Why it does not go on; it is tried again.
    pub fault: Option<String>,
}

/// The keys, and what is under way.
pub struct Rotation {
    /// What hands out keys.
    pub keyring: Arc<Keyring>,
    states: Vec<SealedFile>,
    /// Whether the start went on with a master key.
    resumed: bool,
    progress: Mutex<Progress>,
    wake: Notify,
}

impl Rotation {
    /// Nothing under way yet.
    pub fn new(keyring: Arc<Keyring>, states: Vec<SealedFile>, resumed: bool) -> Self {
        Self { keyring, states, resumed, progress: Mutex::default(), wake: Notify::new() }
    }

    /// Which keys are in force, and how far their rotation is.
    pub fn now(&self) -> (KeysState, Progress) {
        (self.keyring.keys_state(), self.progress().clone())
    }

    /// Says that a new generation is there.
    pub fn begun(&self) {
        self.wake.notify_one();
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Every change leaves it whole, so what a panic left can be used.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn part(&self, part: &'static str, total: u64) {
        let mut progress = self.progress();
        (progress.part, progress.done, progress.total) = (Some(part), 0, total);
    }

    fn step(&self, seen: u64, changed: u64) {
        let mut progress = self.progress();
        progress.done = progress.done.saturating_add(seen);
        progress.changed = progress.changed.saturating_add(changed);
    }
}

/// Brings rotations to their end until cancelled.
pub async fn run(app: Arc<App>, cancel: CancellationToken) {
    let rotation = &app.rotation;
    if rotation.resumed {
        tracing::info!("the replacing of the master key was broken off and is done now");
    }
    loop {
        let mut wait = None;
        for kind in KeyKind::ALL {
            if !rotation.keyring.is_underway(kind) {
                continue;
            }
            let ended = tokio::select! {
                ended = finish(&app, kind) => ended,
                () = cancel.cancelled() => return,
            };
            if let Err(error) = ended {
                tracing::error!(keys = kind.as_str(), error = format!("{error:#}"), "keys not rotated; trying again");
                rotation.progress().fault = Some(format!("{error:#}"));
                wait = Some(RETRY_AFTER);
            }
        }
        let again = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = rotation.wake.notified() => {}
            () = again => {}
            () = cancel.cancelled() => return,
        }
    }
}

/// Passes until one finds nothing, then destroys the older generations.
async fn finish(app: &App, kind: KeyKind) -> anyhow::Result<()> {
    let rotation = &app.rotation;
    *rotation.progress() = Progress { keys: Some(kind.as_str()), ..Progress::default() };
    let mut passes = 0_u32;
    loop {
        let changed = match kind {
            KeyKind::Sealing => seal_anew(app).await?,
            KeyKind::LookUp => mark_anew(app).await?,
        };
        passes = passes.saturating_add(1);
        if changed == 0 && passes > 1 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    rotation.part("the older generation", 0);
    // A backup that is being made may hold parts from before and takes the ring last.
    let turn = app.backups.lock().await;
    block_in_place(|| rotation.keyring.retire(kind)).context("destroying the older generation")?;
    drop(turn);
    let changed = std::mem::take(&mut *rotation.progress()).changed;
    let state = rotation.keyring.keys_state();
    let generation = state.generations.get(kind.as_str()).and_then(|of_kind| of_kind.last());
    let detail = json!({
        "keys": kind.as_str(), "generation": generation.map(|one| &one.id), "changed": changed, "master": state.master,
    });
    let entry = Entry::new("metrosoc", "key_rotation_ended", format!("keys:{}", kind.as_str()), detail);
    app.ledger.append(entry).await.context("the ledger does not take the entry")?;
    metrics::counter!("metrosoc_key_rotations_total", "keys" => kind.as_str()).increment(1);
    tracing::info!(keys = kind.as_str(), changed, "keys rotated");
    Ok(())
}

/// One pass over everything that is sealed; gives how much an older generation had sealed.
async fn seal_anew(app: &App) -> anyhow::Result<u64> {
    let rotation = &app.rotation;
    let mut changed = 0;
    let mut note = |part: u64| {
        changed += part;
        rotation.step(part, part);
    };

    rotation.part("signing keys", 0);
    block_in_place(|| rotation.keyring.reseal_signers()).context("signing keys")?;

    rotation.part("states", rotation.states.len() as u64);
    for file in &rotation.states {
        let resealed = block_in_place(|| file.reseal());
        note(u64::from(resealed.with_context(|| format!("`{}`", file.path().display()))?));
    }

    rotation.part("spool", app.spool.segments().len() as u64);
    note(block_in_place(|| app.spool.rewrap()).context("the spool")?);

    rotation.part("identities", 1);
    let generation = rotation.keyring.sealer("identities").context("the key of identities")?.generation();
    note(u64::from(app.identities.sealed_under() != generation));

    rotation.part("second factors", 0);
    note(app.accounts.reseal_second_factors().await.context("second factors")?);

    rotation.part("certificate keys", 0);
    note(app.authority.reseal_keys().await.context("certificate keys")?);

    if let Some(vault) = vault(app).await? {
        rotation.part("vault data keys", vault.sizes().await?.0);
        let mut after = Some(String::new());
        while let Some(place) = after {
            let step = vault.rewrap(&place).await.context("the vault's data keys")?;
            changed += step.changed;
            rotation.step(step.seen, step.changed);
            after = step.next;
        }
    }
    Ok(changed)
}

/// One pass over everything that is found by a keyed hash; gives how much had a mark of an older generation.
async fn mark_anew(app: &App) -> anyhow::Result<u64> {
    let rotation = &app.rotation;
    let mut changed = 0;
    if let Some(vault) = vault(app).await? {
        rotation.part("vault values", vault.sizes().await?.1);
        let mut after = Some(String::new());
        while let Some(place) = after {
            let step = vault.remark(&place).await.context("the vault's values")?;
            changed += step.changed;
            rotation.step(step.seen, step.changed);
            after = step.next;
        }
    }
    Ok(changed)
}

/// The vault, where there is one. One that is there and switched off cannot be rotated, and its keys must stay.
async fn vault(app: &App) -> anyhow::Result<Option<&Vault>> {
    match &app.pseudonyms {
        Some(pseudonyms) => Ok(Some(pseudonyms.vault())),
        None if policy::vault::is_in(&app.store).await.context("the vault")? => {
            bail!("there is a vault and `privacy.pseudonyms` is off: switch it on until the keys are rotated")
        }
        None => Ok(None),
    }
}

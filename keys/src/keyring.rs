//! The keyring: opened once at start, it hands out sealers, look-up keys and signers, and rotates what they are made of.
//!
//! # Rotation
//! *Master key*: the next one is durable beside the old one; the ring is wrapped under both; the next takes the old one's
//! place; check value and ring are written for it alone. A stop at any moment leaves a ring that the key in force opens, and
//! [`Keyring::resume`] goes on. *Sealing and look-up keys*: [`Keyring::begin`] adds a generation that every sealer and look-up
//! key in use takes up at once; whoever holds sealed things seals them anew; [`Keyring::retire`] destroys the older ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use event::{Clock as _, SystemClock, Timestamp};
use serde::Serialize;

use crate::custody::{Custodian, MasterKey};
use crate::roots::{self, FIRST, KeyKind, Ring, Root, Roots};
use crate::{KeyError, KeySource, LookupKey, NoteSigner, Sealer, file, note, random};

/// Directory of the sealed keys inside the data directory.
const DIRECTORY: &str = "keys";
/// Where the ring lies too: this folder is kept apart from backups and comes back as it is now, a backup as it was.
const BESIDE: &str = "vault-keys";
/// Name of the check value.
const CHECK: &str = "check";
const CHECK_AAD: &[u8] = b"metrosoc check value 1";
/// The same beside a ring: who finds it without one knows that the ring was lost.
const CHECK_AAD_RING: &[u8] = b"metrosoc check value 2";
const NOTE_SIGNER: &str = "note signer";

/// One generation, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Generation {
    /// Its id, hexadecimal; `00000000` for what was derived from the master key itself.
    pub id: String,
    /// When it was made; the beginning of time for the first of an older data directory.
    pub created: Timestamp,
}

/// Which keys are in force, without their secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeysState {
    /// The mark of the master key.
    pub master: String,
    /// Whether a master key is being replaced.
    pub master_underway: bool,
    /// Generations by kind, the one in force last; with more than one a rotation is under way.
    pub generations: BTreeMap<&'static str, Vec<Generation>>,
}

/// The opened master key and what it opens.
pub struct Keyring {
    custodian: Arc<dyn Custodian>,
    data_dir: PathBuf,
    directory: PathBuf,
    state: Mutex<State>,
}

struct State {
    master: Box<dyn MasterKey>,
    roots: Roots,
    /// Whether the file is wrapped under more than one master key.
    between: bool,
    /// Whether the file lacks what came from the one beside the vault's data keys.
    merged: bool,
    sealers: BTreeMap<&'static str, Sealer>,
    lookups: BTreeMap<&'static str, LookupKey>,
    signers: BTreeSet<String>,
}

impl Keyring {
    /// Opens the master key for a data directory, or makes it when both are new.
    ///
    /// # Errors
    /// When the key lies inside the data directory, can be read by others, is damaged, is missing although data is
    /// sealed under it, or is not the one that the data was sealed under; and when a file cannot be written.
    pub fn open(source: &KeySource, data_dir: &Path) -> Result<Self, KeyError> {
        Self::open_with(Arc::new(source.clone()), data_dir)
    }

    /// As [`Keyring::open`], of a master key that somebody else holds.
    ///
    /// # Errors
    /// As [`Keyring::open`], and what the custodian says.
    pub fn open_with(custodian: Arc<dyn Custodian>, data_dir: &Path) -> Result<Self, KeyError> {
        let directory = data_dir.join(DIRECTORY);
        let master = match custodian.read(data_dir)? {
            Some(master) => master,
            None if holds_keys(&directory)? => {
                return Err(KeyError::Missing { path: custodian.place().to_owned(), data_dir: data_dir.to_owned() });
            }
            None => {
                let master = custodian.create()?;
                tracing::info!(path = %custodian.place().display(), "master key made");
                master
            }
        };
        file::create_dir(&directory)?;
        let wrong = || KeyError::WrongKey { path: custodian.place().to_owned(), data_dir: data_dir.to_owned() };
        let mut ring = Ring::read(&directory)?;
        let old = ring.is_none() && holds_keys(&directory)?;
        if old {
            // Another start may have made it just now.
            ring = Ring::read(&directory)?;
        }
        let (mut roots, written, between) = match ring {
            Some(ring) => (ring.open(master.as_ref()).ok_or_else(wrong)?, true, ring.is_between()),
            None if old => (first_roots(&directory, master.as_ref())?, false, false),
            None => (fresh_roots(&directory, master.as_ref())?, true, false),
        };
        check(&directory, master.as_ref(), written, between, &wrong)?;
        let mut merged = false;
        if let Some(beside) = Ring::read(&data_dir.join(BESIDE))? {
            match beside.open(master.as_ref()) {
                Some(others) => merged = roots.merge(&others),
                None => tracing::warn!("the ring beside the vault's data keys belongs to another master key"),
            }
        }
        let (sealers, lookups, signers) = Default::default();
        let state = State { master, roots, between, merged, sealers, lookups, signers };
        Ok(Self { custodian, data_dir: data_dir.to_owned(), directory, state: Mutex::new(state) })
    }

    /// The sealer for one purpose; the same label gives the same keys at every start. Labels are constants of the
    /// program, one for each kind of thing that is sealed, and never change.
    ///
    /// # Errors
    /// When the derivation fails, which it does not on a working machine.
    pub fn sealer(&self, label: &'static str) -> Result<Sealer, KeyError> {
        let mut state = self.state();
        if let Some(sealer) = state.sealers.get(label) {
            return Ok(sealer.clone());
        }
        let sealer = Sealer::of(state.roots.of(KeyKind::Sealing), label)?;
        state.sealers.insert(label, sealer.clone());
        Ok(sealer)
    }

    /// The key under which values of one purpose are found again; labels as for [`Keyring::sealer`].
    ///
    /// # Errors
    /// As [`Keyring::sealer`].
    pub fn lookup_key(&self, label: &'static str) -> Result<LookupKey, KeyError> {
        let mut state = self.state();
        if let Some(key) = state.lookups.get(label) {
            return Ok(key.clone());
        }
        let key = LookupKey::of(state.roots.of(KeyKind::LookUp), label)?;
        state.lookups.insert(label, key.clone());
        Ok(key)
    }

    /// The Ed25519 signer of that name, made at first use and kept sealed in the data directory.
    ///
    /// # Errors
    /// When the name cannot stand in a signed note, or the stored key is damaged or unreadable.
    pub fn note_signer(&self, name: &str) -> Result<NoteSigner, KeyError> {
        let signer = NoteSigner::open(&self.directory, &self.sealer(NOTE_SIGNER)?, name)?;
        self.state().signers.insert(name.to_owned());
        Ok(signer)
    }

    /// Whether the signer of that name was made already.
    pub fn has_note_signer(&self, name: &str) -> bool {
        self.directory.join(note::file_name(name)).exists()
    }

    /// Which keys are in force.
    pub fn keys_state(&self) -> KeysState {
        let state = self.state();
        let of = |kind| {
            let shown = |root: &Root| Generation { id: format!("{:08x}", root.id), created: root.created };
            state.roots.of(kind).map(shown).collect()
        };
        KeysState {
            master: state.master.mark().to_owned(),
            master_underway: state.between,
            generations: KeyKind::ALL.into_iter().map(|kind| (kind.as_str(), of(kind))).collect(),
        }
    }

    /// Whether older generations of a kind are still there.
    pub fn is_underway(&self, kind: KeyKind) -> bool {
        self.state().roots.of(kind).count() > 1
    }

    /// Whether a kind's newest generation is the master key itself, as in data directories from before there was a ring.
    pub fn is_first(&self, kind: KeyKind) -> bool {
        self.state().roots.newest(kind).is_some_and(|root| root.id == FIRST)
    }

    /// Brings a new generation: durable first, then every sealer or look-up key that was handed out takes it up.
    ///
    /// # Errors
    /// [`KeyError::Underway`] while older generations are still there; when the ring cannot be written.
    pub fn begin(&self, kind: KeyKind, now: Timestamp) -> Result<(), KeyError> {
        let mut state = self.state();
        if state.roots.of(kind).count() > 1 {
            return Err(KeyError::Underway { kind: kind.as_str() });
        }
        // A clock that went back must not make an older generation the newest after the next start.
        let before = state.roots.newest(kind).map_or(now, |root| root.created);
        let root = Root::make(kind, now.max(Timestamp::from_nanos(before.nanos().saturating_add(1))))?;
        let mut roots = state.roots.clone();
        roots.add(root.clone());
        self.write(&Ring::wrap(&roots, &[state.master.as_ref()])?)?;
        state.roots = roots;
        match kind {
            KeyKind::Sealing => state.sealers.values().try_for_each(|sealer| sealer.push(root.id, &root.secret))?,
            KeyKind::LookUp => state.lookups.values().try_for_each(|key| key.push(root.id, &root.secret))?,
        }
        drop(state);
        // The check value says from now on that there is a ring.
        self.write_check()
    }

    /// Seals the signers' keys anew; gives how many there are.
    ///
    /// # Errors
    /// When one cannot be opened or written.
    pub fn reseal_signers(&self) -> Result<usize, KeyError> {
        let sealer = self.sealer(NOTE_SIGNER)?;
        let names = self.state().signers.clone();
        for name in &names {
            note::reseal(&self.directory, &sealer, name)?;
        }
        Ok(names.len())
    }

    /// Destroys the older generations of a kind. Whoever calls this has seen to it that nothing needs them.
    ///
    /// # Errors
    /// [`KeyError::StillSealed`] when a signer's key does; when the ring cannot be written.
    pub fn retire(&self, kind: KeyKind) -> Result<(), KeyError> {
        let sealer = self.sealer(NOTE_SIGNER)?;
        let mut state = self.state();
        if kind == KeyKind::Sealing {
            for path in sealed_files(&self.directory)? {
                if !sealer.is_current(&file::read(&path)?) {
                    return Err(KeyError::StillSealed { path });
                }
            }
        }
        let mut roots = state.roots.clone();
        roots.retire(kind);
        self.write(&Ring::wrap(&roots, &[state.master.as_ref()])?)?;
        state.roots = roots;
        match kind {
            KeyKind::Sealing => state.sealers.values().for_each(Sealer::retire),
            KeyKind::LookUp => state.lookups.values().for_each(LookupKey::retire),
        }
        Ok(())
    }

    /// Replaces the master key; nothing else is sealed anew by that. Gives the marks of the old and the new one.
    ///
    /// # Errors
    /// [`KeyError::Fixed`] where only somebody else can; when a file cannot be written, and then [`Keyring::resume`] goes
    /// on from there.
    pub fn rotate_master(&self) -> Result<(String, String), KeyError> {
        let mut state = self.state();
        let next = self.custodian.prepare()?;
        self.write(&Ring::wrap(&state.roots, &[state.master.as_ref(), next.as_ref()])?)?;
        state.between = true;
        let before = state.master.mark().to_owned();
        self.put_in_force(&mut state, next)?;
        Ok((before, state.master.mark().to_owned()))
    }

    /// Goes on with the replacing of a master key that a stop broke off, and writes down what a restored ring lacked; gives
    /// whether there was something to do.
    ///
    /// # Errors
    /// As [`Keyring::rotate_master`].
    pub fn resume(&self) -> Result<bool, KeyError> {
        let mut state = self.state();
        if !state.between && !state.merged {
            return Ok(false);
        }
        let ring = Ring::read(&self.directory)?;
        let next = self.custodian.prepared(&self.data_dir)?;
        match next.filter(|next| ring.is_some_and(|ring| ring.open(next.as_ref()).is_some())) {
            Some(next) => self.put_in_force(&mut state, next)?,
            None => self.settle(&mut state)?,
        }
        Ok(true)
    }

    /// The ring is wrapped under both by now.
    fn put_in_force(&self, state: &mut State, next: Box<dyn MasterKey>) -> Result<(), KeyError> {
        self.custodian.promote()?;
        state.master = next;
        self.settle(state)
    }

    /// Writes check value and ring for the master key in force alone.
    fn settle(&self, state: &mut State) -> Result<(), KeyError> {
        let sealed = state.master.wrap(CHECK, CHECK_AAD_RING, &random::bytes::<16>())?;
        file::replace(&self.directory.join(CHECK), &sealed)?;
        self.write(&Ring::wrap(&state.roots, &[state.master.as_ref()])?)?;
        (state.between, state.merged) = (false, false);
        Ok(())
    }

    fn write_check(&self) -> Result<(), KeyError> {
        let sealed = self.state().master.wrap(CHECK, CHECK_AAD_RING, &random::bytes::<16>())?;
        file::replace(&self.directory.join(CHECK), &sealed)
    }

    /// Writes the ring, beside the vault's data keys too where there are some.
    fn write(&self, ring: &Ring) -> Result<(), KeyError> {
        let bytes = ring.to_bytes()?;
        file::replace(&self.directory.join(roots::FILE), &bytes)?;
        let beside = self.data_dir.join(BESIDE);
        if beside.is_dir() { file::replace(&beside.join(roots::FILE), &bytes) } else { Ok(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is durable before it is made here, so what a panic left can be used.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keyring").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// The roots of a data directory from before there was a ring: the master key itself.
fn first_roots(directory: &Path, master: &dyn MasterKey) -> Result<Roots, KeyError> {
    let roots = master.first_root().map(|secret| Roots::first(&secret));
    roots.ok_or_else(|| KeyError::RingMissing { path: directory.join(roots::FILE) })
}

/// The roots of a new data directory, in their file.
fn fresh_roots(directory: &Path, master: &dyn MasterKey) -> Result<Roots, KeyError> {
    let roots = Roots::fresh(SystemClock.now())?;
    file::create(&directory.join(roots::FILE), &Ring::wrap(&roots, &[master])?.to_bytes()?)?;
    Ok(roots)
}

/// Compares with the check value, or leaves one in a new data directory.
fn check(
    directory: &Path,
    master: &dyn MasterKey,
    has_ring: bool,
    between: bool,
    wrong: &dyn Fn() -> KeyError,
) -> Result<(), KeyError> {
    let path = directory.join(CHECK);
    match file::read(&path) {
        Ok(bytes) if has_ring => {
            // Between two master keys the check value may still be the other one's; the ring opened.
            let opens = |aad| master.unwrap(CHECK, aad, &bytes).is_ok();
            if between || opens(CHECK_AAD_RING) || opens(CHECK_AAD) { Ok(()) } else { Err(wrong()) }
        }
        Ok(bytes) if master.unwrap(CHECK, CHECK_AAD, &bytes).is_ok() => Ok(()),
        Ok(bytes) if master.unwrap(CHECK, CHECK_AAD_RING, &bytes).is_ok() => {
            Err(KeyError::RingMissing { path: directory.join(roots::FILE) })
        }
        Ok(_) => Err(wrong()),
        Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            if !sealed_files(directory)?.is_empty() {
                return Err(KeyError::CheckMissing { path });
            }
            let aad = if has_ring { CHECK_AAD_RING } else { CHECK_AAD };
            file::create(&path, &master.wrap(CHECK, aad, &random::bytes::<16>())?)
        }
        Err(error) => Err(error),
    }
}

/// Whether the directory holds anything that was sealed.
fn holds_keys(directory: &Path) -> Result<bool, KeyError> {
    let is_there = |name: &str| directory.join(name).exists();
    Ok(is_there(CHECK) || is_there(roots::FILE) || !sealed_files(directory)?.is_empty())
}

/// The sealed keys. Files on their way (`NAME.RANDOM.new`) hold nothing that is in use.
fn sealed_files(directory: &Path) -> Result<Vec<PathBuf>, KeyError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(KeyError::file(directory)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(KeyError::file(directory))?.path();
        if path.extension().is_some_and(|extension| extension == "sealed") {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;

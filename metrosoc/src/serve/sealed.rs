//! A sealed file in the data directory, replaced as a whole.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use keys::Sealer;

/// The file, its seal, and what binds the seal to it. Clones stand for the same file.
#[derive(Clone)]
pub struct SealedFile {
    sealer: Sealer,
    path: PathBuf,
    /// So that no other sealed file can take its place.
    aad: &'static [u8],
    /// One writes at a time.
    turn: Arc<Mutex<()>>,
}

impl SealedFile {
    /// The file at `path`, which need not be there yet.
    pub fn new(sealer: Sealer, path: PathBuf, aad: &'static [u8]) -> Self {
        Self { sealer, path, aad, turn: Arc::default() }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read or its seal does not open.
    pub fn read(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(sealed) = self.bytes()? else { return Ok(None) };
        Ok(Some(self.sealer.open(self.aad, &sealed).context("opening the seal")?))
    }

    /// Seals it anew when an older generation of the sealing key sealed it; gives whether one did.
    ///
    /// # Errors
    /// As [`SealedFile::read`] and [`SealedFile::write`].
    pub fn reseal(&self) -> anyhow::Result<bool> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sealed) = self.bytes()? else { return Ok(false) };
        match self.sealer.reseal(self.aad, &sealed).context("opening the seal")? {
            Some(anew) => self.put(&anew).map(|()| true),
            None => Ok(false),
        }
    }

    fn bytes(&self) -> anyhow::Result<Option<Vec<u8>>> {
        match fs::read(&self.path) {
            Ok(sealed) => Ok(Some(sealed)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("reading"),
        }
    }

    /// Replaces it; after a crash either the old or the new one is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.put(&self.sealer.seal(self.aad, bytes).context("sealing")?)
    }

    fn put(&self, sealed: &[u8]) -> anyhow::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = File::create(&new).with_context(|| format!("`{}`", new.display()))?;
        file.write_all(sealed).and_then(|()| file.sync_all()).with_context(|| format!("`{}`", new.display()))?;
        fs::rename(&new, &self.path).with_context(|| format!("`{}`", self.path.display()))?;
        let folder = self.path.parent().context("the file lies in no folder")?;
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| format!("`{}`", folder.display()))
    }
}

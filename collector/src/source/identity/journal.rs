//! What is known, on disk: two files of sealed batches, one a generation, and the offsets of files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use event::Timestamp;
use keys::Sealer;

use super::files::Files;
use super::known::{ENTRY_BYTES, Entry, GENERATION_MAX};
use crate::SpoolError;

const AAD: &[u8] = b"metrosoc/identities/1";
const AAD_FILES: &[u8] = b"metrosoc/identities/files/1";
/// A generation ends at this age.
const GENERATION_SECS: i64 = 86_400;
/// Largest batch that is believed.
const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The two generations and the files' offsets.
#[derive(Debug)]
pub(super) struct Journal {
    dir: PathBuf,
    sealer: Sealer,
    /// Entries in the newer generation, and bytes of their whole batches.
    count: usize,
    length: u64,
    begun: Timestamp,
    /// The newer generation must be begun anew with the next batch.
    turning: bool,
    /// The generation of the sealing key under which all of it is sealed; `None` when nobody looked.
    sealed_under: Option<u32>,
}

/// What was read at start.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Oldest first.
    pub(super) entries: Vec<Entry>,
    pub(super) files: Files,
}

impl Journal {
    pub(super) fn open(dir: PathBuf, sealer: Sealer, now: Timestamp) -> Result<(Self, Read), SpoolError> {
        fs::create_dir_all(&dir).map_err(|source| SpoolError::Io { doing: "create", path: dir.clone(), source })?;
        let journal = Self { dir, sealer, count: 0, length: 0, begun: now, turning: false, sealed_under: None };
        let (mut entries, _) = journal.batches(&journal.older())?;
        let (newer, length) = journal.batches(&journal.newer())?;
        let count = newer.len();
        entries.extend(newer);
        let files = match read(&journal.files())? {
            Some(sealed) => journal.sealer.open(AAD_FILES, &sealed).ok().and_then(|json| Files::from_json(&json)),
            None => None,
        };
        Ok((Self { count, length, ..journal }, Read { entries, files: files.unwrap_or_default() }))
    }

    fn newer(&self) -> PathBuf {
        self.dir.join("newer")
    }

    fn older(&self) -> PathBuf {
        self.dir.join("older")
    }

    fn files(&self) -> PathBuf {
        self.dir.join("files")
    }

    /// Whether the newer generation has to end.
    pub(super) fn is_full(&self, now: Timestamp) -> bool {
        self.count >= GENERATION_MAX || now.secs().saturating_sub(self.begun.secs()) >= GENERATION_SECS
    }

    /// Seals anew what an older generation of the sealing key sealed; gives the generation under which all of it is sealed.
    pub(super) fn reseal(&mut self) -> Result<u32, SpoolError> {
        let generation = self.sealer.generation();
        if self.sealed_under == Some(generation) {
            return Ok(generation);
        }
        for path in [self.older(), self.newer()] {
            let Some(bytes) = read(&path)? else { continue };
            let (mut anew, mut stale, mut rest) = (Vec::with_capacity(bytes.len()), false, bytes.as_slice());
            while let Some((plain, behind)) = self.batch(rest) {
                let before = rest.get(4..rest.len().saturating_sub(behind.len())).unwrap_or_default();
                stale |= !self.sealer.is_current(before);
                let sealed = self.seal(AAD, &plain, &path)?;
                anew.extend_from_slice(&u32::try_from(sealed.len()).unwrap_or(u32::MAX).to_le_bytes());
                anew.extend_from_slice(&sealed);
                rest = behind;
            }
            if stale {
                replace(&path, &anew).map_err(|source| SpoolError::Io {
                    doing: "write",
                    path: path.clone(),
                    source,
                })?;
                if path == self.newer() && !self.turning {
                    self.length = anew.len() as u64;
                }
            }
        }
        let path = self.files();
        if let Some(sealed) = read(&path)? {
            let anew = self.sealer.reseal(AAD_FILES, &sealed);
            let anew = anew.map_err(|source| SpoolError::Key { path: path.clone(), source })?;
            if let Some(anew) = anew {
                replace(&path, &anew).map_err(|source| SpoolError::Io {
                    doing: "write",
                    path: path.clone(),
                    source,
                })?;
            }
        }
        let sync = File::open(&self.dir).and_then(|dir| dir.sync_all());
        sync.map_err(|source| SpoolError::Io { doing: "sync", path: self.dir.clone(), source })?;
        self.sealed_under = Some(generation);
        Ok(generation)
    }

    /// Ends the newer generation with the next batch.
    pub(super) fn turn(&mut self, now: Timestamp) {
        (self.turning, self.begun, self.count, self.length) = (true, now, 0, 0);
    }

    /// Makes entries and offsets durable.
    pub(super) fn write(&mut self, entries: &[Entry], files: Option<&Files>) -> Result<(), SpoolError> {
        if self.turning {
            match fs::rename(self.newer(), self.older()) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(SpoolError::Io { doing: "rename", path: self.newer(), source });
                }
                _ => self.turning = false,
            }
        }
        if !entries.is_empty() {
            let plain: Vec<u8> = entries.iter().flat_map(|entry| entry.to_bytes()).collect();
            let path = self.newer();
            let sealed = self.seal(AAD, &plain, &path)?;
            let length = u32::try_from(sealed.len()).unwrap_or(u32::MAX).to_le_bytes();
            let batch = [&length[..], &sealed].concat();
            let append = || {
                let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
                // What a failed write left behind the last whole batch would hide everything behind it.
                file.set_len(self.length)?;
                file.write_all_at(&batch, self.length)?;
                file.sync_all()
            };
            append().map_err(|source| SpoolError::Io { doing: "write", path: path.clone(), source })?;
            self.length += batch.len() as u64;
            self.count += entries.len();
        }
        if let Some(files) = files {
            let path = self.files();
            let plain = files.to_json();
            let sealed = self.seal(AAD_FILES, &plain, &path)?;
            replace(&path, &sealed).map_err(|source| SpoolError::Io { doing: "write", path, source })?;
        }
        if !entries.is_empty() || files.is_some() {
            let sync = File::open(&self.dir).and_then(|dir| dir.sync_all());
            sync.map_err(|source| SpoolError::Io { doing: "sync", path: self.dir.clone(), source })?;
        }
        Ok(())
    }

    fn seal(&self, aad: &[u8], plain: &[u8], path: &Path) -> Result<Vec<u8>, SpoolError> {
        self.sealer.seal(aad, plain).map_err(|source| SpoolError::Key { path: path.to_path_buf(), source })
    }

    /// The entries of a generation, and the bytes of its whole batches; what a crash left behind them is left out.
    fn batches(&self, path: &Path) -> Result<(Vec<Entry>, u64), SpoolError> {
        let Some(bytes) = read(path)? else { return Ok((Vec::new(), 0)) };
        let (mut entries, mut rest) = (Vec::new(), bytes.as_slice());
        while let Some((plain, behind)) = self.batch(rest) {
            entries.extend(plain.chunks_exact(ENTRY_BYTES).filter_map(Entry::from_bytes));
            rest = behind;
        }
        if !rest.is_empty() {
            tracing::warn!(path = %path.display(), bytes = rest.len(), "identities: unfinished write left out");
        }
        Ok((entries, (bytes.len() - rest.len()) as u64))
    }

    fn batch<'b>(&self, bytes: &'b [u8]) -> Option<(Vec<u8>, &'b [u8])> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= BATCH_BYTES_MAX)?;
        let (sealed, rest) = rest.split_at_checked(length)?;
        Some((self.sealer.open(AAD, sealed).ok()?, rest))
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, SpoolError> {
    let io = |source| SpoolError::Io { doing: "read", path: path.to_path_buf(), source };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
        Ok(about) if about.len() > FILE_BYTES_MAX => return Err(SpoolError::Foreign { path: path.to_path_buf() }),
        Ok(_) => {}
    }
    fs::read(path).map(Some).map_err(io)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

//! The file that is appended to, with the place where tests make the disk fail.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is about to be done to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Bytes are written.
    Write,
    /// They are made durable.
    Sync,
    /// The tree and the newest checkpoint are written.
    Derive,
}

/// Asked before each step; an error stands for the disk's own.
#[derive(Clone)]
pub(crate) struct Gate(Arc<dyn Fn(Step) -> io::Result<()> + Send + Sync>);

impl Gate {
    /// Lets everything through.
    pub(crate) fn open() -> Self {
        Self(Arc::new(|_| Ok(())))
    }

    /// Asks `gate` each time.
    #[cfg(test)]
    pub(crate) fn new(gate: impl Fn(Step) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(gate))
    }

    pub(crate) fn pass(&self, step: Step) -> io::Result<()> {
        (self.0)(step)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Gate")
    }
}

/// A segment that is being written.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    gate: Gate,
    /// Bytes that are durable.
    durable: u64,
}

impl LogFile {
    /// Opens the segment and cuts it to its durable part.
    pub(crate) fn open(path: &Path, durable: u64, gate: Gate) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.set_len(durable)?;
        gate.pass(Step::Sync)?;
        file.sync_all()?;
        file.seek(SeekFrom::Start(durable))?;
        Ok(Self { path: path.to_owned(), file, gate, durable })
    }

    /// Appends bytes and makes them durable. After an error the file must be opened again: what the system keeps of
    /// it in memory is not to be trusted.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.gate.pass(Step::Write) {
            // A full disk takes a part.
            let _ = self.file.write_all(bytes.get(..bytes.len() / 2).unwrap_or_default());
            return Err(error);
        }
        self.file.write_all(bytes)?;
        self.gate.pass(Step::Sync)?;
        self.file.sync_data()?;
        self.durable += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a directory's names durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

//! A copy of the whole record as one checkpoint has it, while the ledger goes on.
//!
//! Entries are only ever appended, so the checkpoint says how many bytes belong to it. What lies beside the log is copied after
//! the entries, because its frames are durable before their entries are, and then cut to them. Nothing is destroyed meanwhile.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::PoisonError;

use crate::disk::{Gate, sync_dir};
use crate::open::{self, padded};
use crate::segment::{self, Lines, Next};
use crate::side::{self, Kind, Sides};
use crate::walk::Key;
use crate::{Fault, Ledger, LedgerError, Line, SignedCheckpoint, parse_line, tree};

/// Small files that are copied as they are.
const WHOLE: [&str; 2] = ["key", "format"];

impl Ledger {
    /// Copies the record into a directory, which is made, as its newest checkpoint has it; gives that. `None`, and nothing
    /// copied, while there is no entry. Reads and writes files: call it where blocking is allowed.
    ///
    /// # Errors
    /// When a file cannot be read or written, or the entries do not lead to the checkpoint.
    pub fn copy_to(&self, into: &Path) -> Result<Option<SignedCheckpoint>, LedgerError> {
        let _destroying = self.shared.destroying.lock().unwrap_or_else(PoisonError::into_inner);
        let (signed, segments) = self.head();
        let Some(signed) = signed else { return Ok(None) };
        let from = self.directory();
        let folders = [into.to_owned(), segment::directory(into), tree::directory(into)];
        for folder in folders.iter().chain(&Kind::ALL.map(|kind| side::directory(into, kind))) {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(LedgerError::disk(folder))?;
        }
        let size = signed.checkpoint.size;
        for first in segments.into_iter().filter(|first| *first < size) {
            let path = segment::path(from, first);
            let bytes = end_of(&path, size)?;
            part(&path, &segment::path(into, first), bytes)?;
        }
        for kind in Kind::ALL {
            let folder = side::directory(from, kind);
            for found in side::list(from, kind).map_err(LedgerError::disk(&folder))? {
                part(&found.path(from, kind), &found.path(into, kind), None)?;
            }
        }
        drop(Sides::open(into, size, &Gate::open()).map_err(LedgerError::disk(into))?);
        for name in WHOLE {
            part(&from.join(name), &into.join(name), None)?;
        }
        let checkpoint = into.join("checkpoint");
        open::new_file(&checkpoint, &padded(&signed)).map_err(LedgerError::disk(&checkpoint))?;
        copy_tree(from, into, size)?;
        for folder in folders {
            sync_dir(&folder).map_err(LedgerError::disk(&folder))?;
        }
        Ok(Some(signed))
    }
}

/// The tree as it was; made anew from the entries where it lags behind them.
fn copy_tree(from: &Path, into: &Path, size: u64) -> Result<(), LedgerError> {
    let whole = tree::stored(from).is_ok_and(|stored| stored >= size);
    for level in 0..tree::LEVELS_MAX {
        let bytes = if whole { tree::bytes(size, level) } else { 0 };
        part(&tree::path(from, level), &tree::path(into, level), Some(bytes))?;
    }
    if !whole {
        let Key { name, public_key } = open::read_key(into)?;
        open::rebuild_tree(into, &Key { name, public_key }, size)?;
    }
    Ok(())
}

/// Bytes of a segment up to the checkpoint of `size` entries; `None` when the segment ends before that.
fn end_of(path: &Path, size: u64) -> Result<Option<u64>, LedgerError> {
    let mut lines = Lines::open(path).map_err(LedgerError::disk(path))?;
    loop {
        let line = match lines.next().map_err(LedgerError::disk(path))? {
            Next::Line(bytes) if bytes.starts_with(b"# ") => parse_line(bytes).ok(),
            Next::Line(_) => None,
            Next::Torn | Next::Long | Next::End => return Ok(None),
        };
        match line {
            Some(Line::Checkpoint { size: found, .. }) if found == size => return Ok(Some(lines.offset())),
            Some(Line::Checkpoint { size: found, .. }) if found > size => {
                return Err(Fault::Cut { found: size, expected: found }.into());
            }
            _ => {}
        }
    }
}

/// Copies a file, or its first `bytes`, durably.
fn part(from: &Path, to: &Path, bytes: Option<u64>) -> Result<(), LedgerError> {
    let copied = || -> io::Result<u64> {
        let mut source = File::open(from)?.take(bytes.unwrap_or(u64::MAX));
        let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
        let copied = io::copy(&mut source, &mut target)?;
        target.sync_all()?;
        Ok(copied)
    };
    match copied() {
        Ok(copied) if bytes.is_some_and(|bytes| copied < bytes) => {
            Err(LedgerError::disk(from)(io::ErrorKind::UnexpectedEof.into()))
        }
        Ok(_) => Ok(()),
        // A tree that is not deep yet has no file for its upper levels; older forms have none beside the log.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !from.exists() && bytes.unwrap_or(0) == 0 => Ok(()),
        Err(error) => Err(LedgerError::disk(to)(error)),
    }
}

//! Where a local log was read up to: a small file that is there whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::SourceError;

/// Most bytes of a checkpoint.
const BYTES_MAX: u64 = 64 * 1024;

/// Where a file was read up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FilePosition {
    /// The file itself, not its name: rotation gives the name to another.
    pub(super) inode: u64,
    /// Bytes read.
    pub(super) offset: u64,
}

/// Reads what [`write`] wrote; `None` when there is nothing or nothing readable: the log is then read as at first.
pub(super) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    if fs::metadata(path).ok()?.len() > BYTES_MAX {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Writes a checkpoint. It is not flushed: what a crash of the machine takes is read once more, never skipped.
pub(super) fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), SourceError> {
    let fresh: PathBuf = path.with_extension("new");
    let io = |source: io::Error| SourceError::Local { doing: "write", path: path.to_path_buf(), source };
    let bytes = serde_json::to_vec(value).map_err(|error| io(error.into()))?;
    fs::write(&fresh, bytes).and_then(|()| fs::rename(&fresh, path)).map_err(io)
}

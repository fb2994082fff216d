//! Files beside the log: what an entry commits to and what may be destroyed without the entry.
//!
//! A side is a folder of segments, a segment a header and frames, a frame belongs to one entry. A frame is durable
//! before its entry is; frames of entries that never became durable are cut off when the ledger is opened.

mod file;
mod read;
mod rewrite;
mod write;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use file::{Frame, write_frame};
pub(crate) use read::{Frames, Step};
pub(crate) use rewrite::{Change, rewrite};
pub(crate) use write::{Attachment, Sides};

/// What a side keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Salts and leaves of indexed records.
    Records,
    /// Salts and clear texts of questions.
    Questions,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Records, Self::Questions];

    /// The folder in the ledger's.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Questions => "questions",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Records => ".leaves",
            Self::Questions => ".texts",
        }
    }

    /// Its number in a segment's header.
    fn code(self) -> u8 {
        match self {
            Self::Records => 1,
            Self::Questions => 2,
        }
    }

    /// A segment that is longer is followed by a new one.
    fn segment_bytes_max(self) -> u64 {
        match self {
            Self::Records => 64 << 20,
            Self::Questions => 4 << 20,
        }
    }
}

/// A segment, named by its first entry and the first event in it (0 where there are none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    /// The entry of the first frame.
    pub(crate) entry: u64,
    /// The least event; events ascend within a segment.
    pub(crate) event: u64,
}

impl Segment {
    pub(crate) fn path(self, ledger: &Path, kind: Kind) -> PathBuf {
        directory(ledger, kind).join(format!("{:020}-{:020}{}", self.entry, self.event, kind.suffix()))
    }
}

pub(crate) fn directory(ledger: &Path, kind: Kind) -> PathBuf {
    ledger.join(kind.folder())
}

/// The segments of a side in order; none where the folder is missing, as in older ledgers.
pub(crate) fn list(ledger: &Path, kind: Kind) -> io::Result<Vec<Segment>> {
    let entries = match fs::read_dir(directory(ledger, kind)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut segments = Vec::new();
    for found in entries {
        let file = found?.file_name();
        let name = file.to_str().and_then(|name| name.strip_suffix(kind.suffix()));
        let Some((entry, event)) = name.and_then(|name| name.split_once('-')) else { continue };
        if let (20, 20, Ok(entry), Ok(event)) = (entry.len(), event.len(), entry.parse(), event.parse()) {
            segments.push(Segment { entry, event });
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

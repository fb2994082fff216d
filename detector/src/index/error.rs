//! What can go wrong in the index.

use std::path::PathBuf;

use event::EventId;
use thiserror::Error;

/// The index could not do what it was asked.
#[derive(Debug, Error)]
pub enum IndexError {
    /// A directory or file of the index could not be read or written.
    #[error("index directory `{path}`: cannot {verb}", path = path.display())]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// What was tried, as in "cannot VERB".
        verb: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Tantivy refused.
    #[error("index slice `{slice}`: {source}")]
    Tantivy {
        /// The slice's directory name.
        slice: String,
        /// Tantivy's reason.
        source: tantivy::TantivyError,
    },
    /// A slice whose record or schema cannot be read.
    #[error("index slice `{slice}` is damaged: {reason}; move its directory away and import again")]
    Damaged {
        /// The slice's directory name.
        slice: String,
        /// What does not fit.
        reason: String,
    },
    /// A slice that a newer program wrote.
    #[error(
        "index slice `{slice}` has form {version} and this program reads forms up to {newest}: \
         start the newer program, or move the slice's directory away and import again"
    )]
    Newer {
        /// The slice's directory name.
        slice: String,
        /// The form of its record and events.
        version: u32,
        /// The newest form that is known.
        newest: u32,
    },
    /// What was written since the last commit is lost; events must be given again from `position`.
    #[error("index fell back to event {position}: {reason}")]
    FellBack {
        /// The first event that must be given again.
        position: EventId,
        /// Why the writer failed.
        reason: String,
    },
    /// Events of a batch are not in the order of their ids.
    #[error("event {found} comes after event {last}: a batch is in the order of ids")]
    Disorder {
        /// The id before.
        last: EventId,
        /// The id that is not greater.
        found: EventId,
    },
    /// The writer has ended.
    #[error("index is closed")]
    Closed,
}

impl IndexError {
    pub(crate) fn directory(path: &std::path::Path, verb: &'static str, source: std::io::Error) -> Self {
        Self::Directory { path: path.to_owned(), verb, source }
    }

    pub(crate) fn tantivy(slice: &str, source: impl Into<tantivy::TantivyError>) -> Self {
        Self::Tantivy { slice: slice.to_owned(), source: source.into() }
    }
}

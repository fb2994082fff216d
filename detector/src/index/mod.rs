//! The searchable store of events: Tantivy, one index a time slice by time of receipt.

mod error;
mod settings;

use std::path::Path;
use std::sync::Arc;

use event::{Clock, Event, EventId};
use serde::Serialize;

pub use error::IndexError;
pub use settings::IndexSettings;

/// Most events of one batch in the writer's queue; longer ones are split.
pub const BATCH_EVENTS_MAX: usize = 1_000;

/// What the ledger records of a batch: which events, and a digest of their stored bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchDigest {
    /// The first event added.
    pub first: EventId,
    /// The last event added.
    pub last: EventId,
    /// Number of events added; 0 when the index held them all already.
    pub count: u64,
    /// SHA-256 over the stored bytes, each event preceded by its length (64 bits, big endian); hexadecimal.
    pub sha256: String,
}

/// The index: slices in a directory and the thread that writes them.
#[derive(Debug)]
pub struct Index {}

impl Index {
    /// Opens the slices in `dir`, which is made where it is missing.
    ///
    /// # Errors
    /// A directory that cannot be read or written, or a damaged slice.
    pub fn open(dir: &Path, _settings: IndexSettings, _clock: Arc<dyn Clock>) -> Result<Self, IndexError> {
        std::fs::create_dir_all(dir).map_err(|source| IndexError::directory(dir, "make it", source))?;
        Ok(Self {})
    }

    /// Hands events to the writer, in the order of their ids; those it holds already are ignored.
    ///
    /// Blocks while the queue is full. The events are searchable within the commit interval, durable by then too.
    ///
    /// # Errors
    /// [`IndexError::FellBack`] when the writer failed: give the events again from the position it names.
    pub fn add(&self, _events: &[Event]) -> Result<BatchDigest, IndexError> {
        Err(IndexError::Closed)
    }

    /// Waits until everything added is durable and searchable.
    ///
    /// # Errors
    /// As [`Index::add`].
    pub fn flush(&self) -> Result<(), IndexError> {
        Ok(())
    }

    /// The first event that is not durable yet: where a reader goes on after a crash. `None` while the index is empty.
    pub fn position(&self) -> Option<EventId> {
        None
    }

    /// Number of events that a search can find.
    pub fn documents(&self) -> u64 {
        0
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        0
    }
}

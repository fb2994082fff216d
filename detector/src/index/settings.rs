//! The index's settings and their bounds.

use std::time::Duration;

/// How the index writes.
#[derive(Debug, Clone)]
pub struct IndexSettings {
    /// Length of a time slice; by time of receipt. At least one minute.
    pub slice_length: Duration,
    /// Memory of a slice's writer before it cuts a segment, in bytes; 15 MB to 1 GB.
    pub heap_bytes: usize,
    /// Longest time between an event's arrival and the commit that makes it searchable.
    pub commit_interval: Duration,
    /// Most batches of at most [`crate::index::BATCH_EVENTS_MAX`] events that wait for the writer; `add` blocks beyond.
    pub queue_batches_max: usize,
    /// Most bytes of one batch in the queue.
    pub queue_batch_bytes_max: usize,
    /// Most slices that have a writer at the same time; the one longest unused is closed.
    pub writers_max: usize,
}

impl Default for IndexSettings {
    fn default() -> Self {
        Self {
            slice_length: Duration::from_secs(86_400),
            heap_bytes: 96 * 1024 * 1024,
            commit_interval: Duration::from_millis(900),
            queue_batches_max: 8,
            queue_batch_bytes_max: 4 * 1024 * 1024,
            writers_max: 2,
        }
    }
}

impl IndexSettings {
    /// The same settings, each within its bounds.
    pub(crate) fn bounded(self) -> Self {
        Self {
            slice_length: self.slice_length.clamp(Duration::from_secs(60), Duration::from_secs(366 * 86_400)),
            heap_bytes: self.heap_bytes.clamp(15_000_000, 1_000_000_000),
            commit_interval: self.commit_interval.clamp(Duration::from_millis(10), Duration::from_secs(60)),
            queue_batches_max: self.queue_batches_max.clamp(1, 1_024),
            queue_batch_bytes_max: self.queue_batch_bytes_max.clamp(64 * 1024, 256 * 1024 * 1024),
            writers_max: self.writers_max.clamp(1, 16),
        }
    }
}

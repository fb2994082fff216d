//! The spool: a sealed, append-only log on disk between the sockets and everything that reads records.
//!
//! ```text
//! Intake ──> writer thread: one frame, one fsync for many submitters ──> segment files ──> Consumer …
//! ```
//!
//! * Records are numbered 0, 1, 2 … for ever: the number is the event's id. `head` on disk keeps it when every segment
//!   is gone.
//! * [`Intake::submit`] answers after the fsync. When the bound on disk is reached it refuses with
//!   [`IntakeError::Full`](crate::IntakeError::Full) and acknowledges nothing until consumers have passed.
//! * A segment is never appended to after a restart: the next batch begins a new one under a new key.
//! * A segment that every consumer has passed is destroyed: its key is overwritten and removed first.
//! * While it is held ([`Spool::hold`]: the disk is nearly full) it takes nothing but the product's own record.
//! * After a failed fsync nothing is written to that segment any more; what it acknowledged before stays.
//! * An unfinished write at the end of the last segment is cut off at start and reported; a damaged frame in the
//!   middle is skipped and reported, the frames behind it are kept. A segment of which header or key are damaged is set
//!   aside and reported; one that a newer program wrote is refused.
//!
//! Deliberately absent: replication, an index by content, and any way to change or remove a single record.

mod codec;
mod consumer;
mod frame;
mod intake;
mod position;
mod segment;
mod shared;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use event::{Clock, EventId};
use keys::Sealer;

pub use consumer::Consumer;
pub use intake::{Accepted, Intake};
pub use shared::{OpenReport, SegmentInfo};
pub(crate) use writer::chain;

use crate::SpoolError;
use shared::Shared;

/// Ranges of damage that are remembered.
pub const DAMAGE_MAX: usize = 1_000;

/// Makes the directory of a spool that will number its records from `next` on; for data that come from a backup.
///
/// # Errors
/// When there is a spool already, or the directory cannot be written.
pub fn begin(dir: &std::path::Path, next: EventId) -> Result<(), SpoolError> {
    let io = |source| SpoolError::Io { doing: "create", path: dir.to_path_buf(), source };
    std::fs::create_dir_all(dir).map_err(io)?;
    if std::fs::read_dir(dir).map_err(io)?.next().is_some() {
        return Err(io(std::io::ErrorKind::DirectoryNotEmpty.into()));
    }
    position::write_head(dir, next.0)
}

/// How the spool is kept.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// Its directory; made when it is not there.
    pub dir: PathBuf,
    /// Most bytes on disk; beyond, nothing is taken. Default 8 GiB.
    pub bytes_max: u64,
    /// A segment is finished at this size. Default 64 MiB.
    pub segment_bytes: u64,
    /// A segment is finished at this age, so that its key can be destroyed. Default 5 minutes.
    pub segment_age: Duration,
    /// Most bytes of records that wait for the disk in memory. Default 64 MiB.
    pub waiting_bytes_max: usize,
    /// Bytes of the newest records that stay in memory for consumers which keep up. Default 8 MiB.
    pub recent_bytes_max: usize,
    /// How long the first submitter waits for others when there are others. Default 5 ms, at most 20 ms.
    pub commit_delay: Duration,
    /// Whether frames are compressed (zstd level 1). Default yes.
    pub compress: bool,
    /// Consumers that must have passed before a segment is destroyed, whether they have started yet or not.
    pub consumers: Vec<String>,
    /// No record gets a number below this: the position of an index that outlived its spool.
    pub next_id_min: EventId,
    /// The master key is known to be the one that sealed the spool: a segment whose key does not open is damaged, and set
    /// aside. Otherwise it is an error.
    pub key_is_proven: bool,
}

impl SpoolSettings {
    /// The defaults, in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            bytes_max: 8 << 30,
            segment_bytes: 64 << 20,
            segment_age: Duration::from_secs(300),
            waiting_bytes_max: 64 << 20,
            recent_bytes_max: 8 << 20,
            commit_delay: Duration::from_millis(5),
            compress: true,
            consumers: Vec::new(),
            next_id_min: EventId(0),
            key_is_proven: false,
        }
    }
}

/// An open spool. Dropping it finishes what is waiting; [`Spool::close`] waits for that.
#[derive(Debug)]
pub struct Spool {
    shared: Arc<Shared>,
    intake: Intake,
    report: OpenReport,
}

impl Spool {
    /// Opens the spool, repairs what a crash left, and starts the writer thread.
    ///
    /// # Errors
    /// When the directory cannot be used, is used by another process, or its keys cannot be unwrapped.
    pub fn open(settings: SpoolSettings, sealer: Sealer, clock: Arc<dyn Clock>) -> Result<Self, SpoolError> {
        Self::open_with(settings, sealer, clock, writer::file_appender())
    }

    fn open_with(
        settings: SpoolSettings,
        sealer: Sealer,
        clock: Arc<dyn Clock>,
        appender: writer::MakeAppender,
    ) -> Result<Self, SpoolError> {
        let (shared, report) = Shared::open(settings, sealer, clock)?;
        let shared = Arc::new(shared);
        let intake = writer::start(&shared, appender)?;
        Ok(Self { shared, intake, report })
    }

    /// Where sources put records.
    pub fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// Opens a consumer. It starts at `from`; without it where it committed last, or at the oldest record.
    ///
    /// # Errors
    /// When the name is none, the consumer is open already, or `from` lies behind the end of the spool.
    pub fn reader(&self, consumer: &str, from: Option<EventId>) -> Result<Consumer, SpoolError> {
        Consumer::open(Arc::clone(&self.shared), consumer, from)
    }

    /// Forgets a consumer that will not come back, so that it holds no segment any more.
    ///
    /// # Errors
    /// When its position cannot be removed.
    pub fn forget(&self, consumer: &str) -> Result<(), SpoolError> {
        self.shared.forget(consumer)
    }

    /// What was found and repaired when it was opened.
    pub fn report(&self) -> &OpenReport {
        &self.report
    }

    /// Number that the next record will get; everything below is durable.
    pub fn next_id(&self) -> EventId {
        EventId(self.shared.durable())
    }

    /// The segments on disk, oldest first. What deletes by age (72 hours at most) decides by this list.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        self.shared.segments()
    }

    /// Wraps the keys of segments anew that an older generation of sealing keys wrapped; gives how many. A segment that is
    /// being begun may be missed: ask again until there are none.
    ///
    /// # Errors
    /// When a key cannot be read, opened or written.
    pub fn rewrap(&self) -> Result<u64, SpoolError> {
        self.shared.rewrap()
    }

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> u64 {
        self.shared.disk_bytes()
    }

    /// Whether the last write failed and nothing has succeeded since, and why; for `/readyz`.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble()
    }

    /// Takes nothing more, [`Intake::reserved`] apart, until it is called with `false`: everybody is told that the spool is
    /// full. Consumers go on.
    pub fn hold(&self, held: bool) {
        self.shared.state().held = held;
    }

    /// Records, from and behind, that were acknowledged and turned out to be unreadable since the spool was opened or then;
    /// at most [`DAMAGE_MAX`] ranges.
    pub fn damaged(&self) -> Vec<(EventId, EventId)> {
        self.shared.state().damaged.iter().map(|(from, behind)| (EventId(*from), EventId(*behind))).collect()
    }

    /// Writes what is waiting, then takes nothing more. Consumers may go on reading.
    pub async fn close(&self) {
        self.intake.close().await;
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.intake.close_soon();
    }
}

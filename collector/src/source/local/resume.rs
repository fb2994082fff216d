//! Up to where the journal is stored, as the spool itself says.
//!
//! The checkpoint is written after the spool has an entry; whoever is killed between the two would store the entry again. So
//! every record of the journal carries the cursor of its entry, durable with it or not at all, and a start looks at what the
//! spool got since the checkpoint was surely written.

use std::time::{Duration, Instant};

use event::EventId;

use crate::SpoolError;
use crate::spool::{Consumer, Spool};

/// The consumer of the spool that keeps what a start has to look at.
pub(super) const CONSUMER: &str = "journal";
/// How often the spool is told that all before is in the checkpoint.
pub(super) const SETTLE_EVERY: Duration = Duration::from_secs(5);
/// What stands before a cursor in a record.
const PREFIX: &str = "journal1:";
/// Records read at once.
const BATCH_RECORDS: usize = 4_096;
/// Longest wait for a batch that is there.
const BATCH_WAIT: Duration = Duration::from_secs(5);

/// What the spool says of the journal.
#[derive(Debug)]
pub(super) struct Resume {
    consumer: Consumer,
    settled: Instant,
}

impl Resume {
    /// Looks at the spool; gives the cursor of the last entry of the journal in it, if one came since the last run settled.
    /// Call it before the first entry of this run is stored.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub(super) async fn open(spool: &Spool) -> Result<(Self, Option<String>), SpoolError> {
        let mut consumer = spool.reader(CONSUMER, None)?;
        let (end, mut cursor) = (spool.next_id(), None);
        while consumer.position() < end && consumer.behind() > 0 {
            for (_, record) in consumer.next_batch(BATCH_RECORDS, BATCH_WAIT).await? {
                let found = record.dedupe.as_deref().and_then(|text| text.strip_prefix(PREFIX));
                cursor = found.map(str::to_owned).or(cursor);
            }
        }
        Ok((Self { consumer, settled: Instant::now() }, cursor))
    }

    /// Tells the spool, `every` so often at most, that every entry in it is in the checkpoint. Call it only when that is so.
    pub(super) async fn settle(&mut self, every: Duration) {
        if self.settled.elapsed() < every {
            return;
        }
        self.settled = Instant::now();
        let end = EventId(self.consumer.position().0.saturating_add(self.consumer.behind()));
        if let Err(error) = self.consumer.commit(end).await {
            tracing::warn!(error = %crate::spool::chain(&error), "position of the journal not stored; the spool keeps more than it must");
        }
    }
}

/// What a record says that holds the entry with this cursor.
pub(super) fn note(cursor: &str) -> String {
    format!("{PREFIX}{cursor}")
}

//! The last steps of a batch, beside the first steps of the next one: into the index, then into the record.
//!
//! One batch is on its way at a time, so that index and record get batches in order. What fails is told to whoever brings
//! the next batch; until then the pipeline may have stored the alerts of one batch more, which a replay does not count again.

use std::sync::Arc;

use anyhow::Context as _;
use detector::index::Index;
use event::{Event, EventId};
use ledger::{Batch, Ledger};
use tokio::task::JoinHandle;

use super::passed::Passed;

/// Where batches end.
pub struct Storing {
    index: Arc<Index>,
    ledger: Ledger,
    passed: Arc<Passed>,
    on_its_way: Option<JoinHandle<Stored>>,
    /// Leaves of what the index took and the ledger does not hold yet.
    unrecorded: Batch,
    /// The events of the batch before: their memory is used again.
    spare: Vec<Event>,
}

/// What is left of a batch.
struct Stored {
    events: Vec<Event>,
    unrecorded: Batch,
    outcome: anyhow::Result<()>,
}

impl Storing {
    /// With nothing on its way.
    pub fn new(index: Arc<Index>, ledger: Ledger, passed: Arc<Passed>) -> Self {
        Self { index, ledger, passed, on_its_way: None, unrecorded: Batch::default(), spare: Vec::new() }
    }

    /// Takes the events of a batch, once the batch before is stored; they end right before `behind`, and everything before
    /// `next` was processed then. Leaves other events in `events`, for their memory.
    ///
    /// # Errors
    /// When the batch before was not stored; this one is not taken then.
    pub async fn store(&mut self, events: &mut Vec<Event>, behind: EventId, next: EventId) -> anyhow::Result<()> {
        self.finished().await?;
        let batch = std::mem::replace(events, std::mem::take(&mut self.spare));
        let mut unrecorded = std::mem::take(&mut self.unrecorded);
        let (index, ledger, passed) = (Arc::clone(&self.index), self.ledger.clone(), Arc::clone(&self.passed));
        self.on_its_way = Some(tokio::spawn(async move {
            let leaf = |id: EventId, stored: &[u8]| unrecorded.push(id.0, stored);
            let added = tokio::task::block_in_place(|| index.add_seen(&batch, leaf)).context("indexing");
            // Also what was taken before an error has its leaves.
            let recorded = record(&ledger, &mut unrecorded).await;
            let outcome = added.and_then(|count| {
                metrics::counter!("metrosoc_events_indexed_total").increment(count);
                recorded.inspect(|()| passed.add(behind, next))
            });
            Stored { events: batch, unrecorded, outcome }
        }));
        Ok(())
    }

    /// Waits until nothing is on its way any more.
    ///
    /// # Errors
    /// When the last batch was not indexed or not recorded, once; or when what was indexed before cannot be recorded.
    pub async fn finished(&mut self) -> anyhow::Result<()> {
        if let Some(task) = &mut self.on_its_way {
            let stored = task.await;
            self.on_its_way = None;
            let Stored { events, unrecorded, outcome } = stored.context("storing a batch")?;
            (self.spare, self.unrecorded) = (events, unrecorded);
            outcome?;
        }
        record(&self.ledger, &mut self.unrecorded).await
    }
}

/// Records the leaves of what the index took.
async fn record(ledger: &Ledger, unrecorded: &mut Batch) -> anyhow::Result<()> {
    if !unrecorded.is_empty() {
        ledger.append_batch(unrecorded).await.context("recording the batch")?;
        unrecorded.clear();
    }
    Ok(())
}

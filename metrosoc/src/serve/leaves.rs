//! Leaves that a crash left out: what the index holds and no batch of the ledger does is recorded before anything new.

use anyhow::Context as _;
use detector::index::Index;
use event::EventId;
use ledger::{Batch, Ledger};

/// Events of one batch.
const BATCH_EVENTS: usize = 10_000;
/// Most events that get leaves where the ledger has none at all: an index from before there were leaves stays as it is.
const OLDER_EVENTS_MAX: u64 = 100_000;

/// Records what is missing.
///
/// # Errors
/// When the index cannot be read or the ledger not be written.
pub async fn make_up(index: &Index, ledger: &Ledger) -> anyhow::Result<()> {
    let recorded = tokio::task::block_in_place(|| ledger.recorded_events()).context("the ledger's leaves")?;
    if recorded.is_none() && index.documents() > OLDER_EVENTS_MAX {
        tracing::warn!(events = index.documents(), "older events have no leaves in the ledger and cannot be proved");
        return Ok(());
    }
    let mut from = EventId(recorded.unwrap_or(0));
    let mut total = 0;
    loop {
        let mut batch = Batch::default();
        let mut last = from;
        let take = |id: EventId, stored: &[u8]| {
            batch.push(id.0, stored);
            last = id;
        };
        let found = tokio::task::block_in_place(|| index.stored_from(from, BATCH_EVENTS, take));
        if found.context("reading the index")? == 0 {
            break;
        }
        total += batch.len();
        ledger.append_batch(&batch).await.context("recording the batch")?;
        from = EventId(last.0.saturating_add(1));
    }
    if total > 0 {
        tracing::info!(events = total, "leaves of events recorded that a stop left out");
    }
    Ok(())
}

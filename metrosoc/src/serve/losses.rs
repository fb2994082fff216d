//! What is found missing or damaged: slices of the index that vanished, records of the spool that cannot be read. Told once, in
//! the log, in the ledger (and by that to the rules), and among the warnings of `/readyz` until the next start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use collector::spool::Spool;
use detector::index::Index;
use event::{Act, EventId};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::api::App;

/// The consumer of the spool that keeps its segments while the index takes from them what it lost.
pub const CONSUMER: &str = "lost";
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What was found since the start.
#[derive(Debug)]
pub struct Losses {
    /// The spool ended here at the start: what is not back when this is searchable never comes back.
    until: EventId,
    /// The index had everything before this one at the start.
    indexed: EventId,
    /// Whether it is known what of the index came back from the spool.
    settled: AtomicBool,
    /// Whether something that was in it may stay lost.
    events_lost: AtomicBool,
    /// Damaged ranges of the spool that are told.
    damaged: AtomicUsize,
}

impl Losses {
    /// Looks at what was opened and makes the index want again what the spool still has.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn open(index: &Index, spool: &Spool) -> anyhow::Result<Self> {
        let lost = index.lost();
        let indexed = index.position().unwrap_or_default();
        let oldest = spool.report().oldest;
        let from = index.want_lost(oldest).context("the index")?;
        for one in lost {
            tracing::error!(
                slice = one.slice, events = one.events, first = %one.first, next = %one.next, spool_from = %oldest,
                "events of the index are missing; what the spool still holds of them is taken from there"
            );
        }
        if let Some(from) = from {
            tracing::warn!(%from, "indexing goes on from further back");
        }
        Ok(Self {
            settled: AtomicBool::new(lost.is_empty()),
            events_lost: AtomicBool::new(!lost.is_empty()),
            until: spool.next_id(),
            indexed,
            damaged: AtomicUsize::new(0),
        })
    }

    /// For `/readyz`.
    pub fn warnings(&self) -> impl Iterator<Item = &'static str> {
        let lost = self.events_lost.load(Ordering::Acquire).then_some("index_events_lost");
        let damaged = (self.damaged.load(Ordering::Acquire) > 0).then_some("spool_damaged");
        lost.into_iter().chain(damaged)
    }
}

/// Tells what is found, until cancelled.
pub async fn watch(app: Arc<App>, cancel: CancellationToken) {
    loop {
        tell_damage(&app);
        if !app.losses.settled.load(Ordering::Acquire) {
            settle(&app).await;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = cancel.cancelled() => return,
        }
    }
}

fn tell_damage(app: &App) {
    let found = app.spool.damaged();
    let told = app.losses.damaged.swap(found.len(), Ordering::AcqRel);
    for (from, behind) in found.into_iter().skip(told) {
        // What the index had before the start is not lost with the spool's copy.
        let indexed = behind <= app.losses.indexed;
        let detail = json!({ "from": from.0, "behind": behind.0, "count": behind.0 - from.0, "indexed": indexed });
        happened(app, "spool_damaged", format!("events:{from}-{behind}"), detail);
    }
}

/// Once everything that the spool had is searchable, what is not back is lost.
async fn settle(app: &Arc<App>) {
    let searchable = app.index.position().map_or(EventId(0), |position| app.passed.searchable(position));
    if searchable < app.losses.until {
        return;
    }
    let (index, spool) = (Arc::clone(&app.index), Arc::clone(&app.spool));
    let settle = move || {
        let settled = index.settle()?;
        if let Err(error) = spool.forget(CONSUMER) {
            tracing::warn!(error = %crate::api::problem::chain(&error), "segments of the spool are kept until the next start");
        }
        Ok::<_, detector::index::IndexError>(settled)
    };
    let settled = match tokio::task::spawn_blocking(settle).await {
        Ok(Ok(settled)) => settled,
        Ok(Err(error)) => {
            tracing::error!(error = %crate::api::problem::chain(&error), "loss of the index not settled; trying again");
            return;
        }
        Err(error) => {
            tracing::error!(%error, "loss of the index not settled; trying again");
            return;
        }
    };
    app.losses.settled.store(true, Ordering::Release);
    let missing: u64 = settled.iter().map(|(lost, back)| lost.events - back).sum();
    app.losses.events_lost.store(missing > 0, Ordering::Release);
    for (lost, back) in settled {
        let missing = lost.events - back;
        if missing > 0 {
            tracing::error!(slice = lost.slice, missing, back, "events of the index are lost");
        } else {
            tracing::warn!(slice = lost.slice, back, "events of the index were taken from the spool again");
        }
        let detail = json!({
            "first": lost.first.0, "next": lost.next.0, "count": lost.events, "back": back, "missing": missing,
        });
        happened(app, "index_slice_lost", format!("slice:{}", lost.slice), detail);
    }
}

fn happened(app: &App, action: &'static str, object: String, detail: Value) {
    app.acts.happened(Act { actor: super::OURSELVES.to_owned(), action, object, detail });
}

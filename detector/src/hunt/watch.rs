//! What is seen of a hunt from outside while it runs, and the way to stop it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use serde::Serialize;

/// A hunt's progress; clones share it.
#[derive(Debug, Clone)]
pub struct Watch(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    began: Instant,
    cancelled: AtomicBool,
    total: AtomicU64,
    scanned: AtomicU64,
    candidates: AtomicU64,
    matched: AtomicU64,
    slices_done: AtomicU64,
    slices_total: AtomicU64,
}

/// How far a hunt is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// Events in the slices that reach into the range.
    pub events_total: u64,
    /// Of them, those that are decided: read, or left out by the index.
    pub scanned: u64,
    /// Events that were read.
    pub candidates: u64,
    /// Findings so far; of correlations they come after the events of a slice are read.
    pub matched: u64,
    /// Time slices that are done.
    pub slices_done: u64,
    /// Time slices that reach into the range.
    pub slices_total: u64,
    /// Seconds since the start.
    pub elapsed_secs: f64,
    /// Events decided in a second.
    pub events_per_sec: f64,
    /// Seconds that the rest takes if it goes on like this; absent before the first event.
    pub left_secs: Option<f64>,
}

impl Default for Watch {
    fn default() -> Self {
        Self(Arc::new(Shared {
            began: Instant::now(),
            cancelled: AtomicBool::new(false),
            total: AtomicU64::new(0),
            scanned: AtomicU64::new(0),
            candidates: AtomicU64::new(0),
            matched: AtomicU64::new(0),
            slices_done: AtomicU64::new(0),
            slices_total: AtomicU64::new(0),
        }))
    }
}

impl Watch {
    /// Nothing done yet; the time runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the hunt as soon as it looks: within some thousand values or events.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether somebody cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let (total, scanned) = (load(&self.0.total), load(&self.0.scanned));
        let elapsed_secs = self.0.began.elapsed().as_secs_f64();
        let left = total.saturating_sub(scanned) as f64;
        Progress {
            events_total: total,
            scanned,
            candidates: load(&self.0.candidates),
            matched: load(&self.0.matched),
            slices_done: load(&self.0.slices_done),
            slices_total: load(&self.0.slices_total),
            elapsed_secs,
            events_per_sec: scanned as f64 / elapsed_secs.max(1e-6),
            left_secs: (scanned > 0).then(|| left * elapsed_secs / scanned as f64),
        }
    }

    pub(super) fn begin(&self, slices: u64, events: u64) {
        self.0.slices_total.store(slices, Ordering::Relaxed);
        self.0.total.store(events, Ordering::Relaxed);
    }

    pub(super) fn scanned(&self, events: u64) {
        self.0.scanned.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn read_one(&self) {
        self.0.candidates.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn found(&self, findings: u64) {
        self.0.matched.fetch_add(findings, Ordering::Relaxed);
    }

    pub(super) fn slice_done(&self) {
        self.0.slices_done.fetch_add(1, Ordering::Relaxed);
    }
}

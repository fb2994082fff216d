//! Memory that evaluating one event after another needs again and again; one for each thread.

use std::sync::Arc;

use bumpalo::Bump;
use rustc_hash::FxHashMap;

use super::super::view::Places;
use super::Classes;
use super::class::Class;

/// What an evaluation works in. Make one for each thread and keep it: events that match nothing then allocate nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) bump: Bump,
    pub(super) places: Places,
    pub(super) buckets: Vec<u32>,
    pub(super) seen: Seen,
    pub(super) woken: Vec<u32>,
    /// The rules that the event matches.
    pub(super) holding: Vec<u32>,
    pub(super) known: FxHashMap<Box<[u32]>, Arc<Class>>,
    /// A hash of the last event's log sources; 0 when it has none.
    pub(super) sources: u64,
    owner: Option<Arc<Classes>>,
}

impl Scratch {
    /// A hash of the log sources of the event that was evaluated last; 0 when it has none.
    pub(crate) fn sources_mark(&self) -> u64 {
        self.sources
    }

    /// Forgets the last event, and the classes of another rule set.
    pub(super) fn begin(&mut self, owner: &Arc<Classes>) {
        self.bump.reset();
        self.buckets.clear();
        self.woken.clear();
        self.holding.clear();
        self.sources = 0;
        if !self.owner.as_ref().is_some_and(|old| Arc::ptr_eq(old, owner)) {
            self.known.clear();
            self.owner = Some(Arc::clone(owner));
        }
    }
}

/// Which rules of a class are awake already for the present event.
#[derive(Debug, Default)]
pub(super) struct Seen {
    marks: Vec<u32>,
    round: u32,
}

impl Seen {
    /// Forgets all; there are `len` rules now.
    pub(super) fn begin(&mut self, len: usize) {
        if self.marks.len() < len {
            self.marks.resize(len, 0);
        }
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.marks.fill(0);
            self.round = 1;
        }
    }

    /// Whether `at` is seen for the first time.
    pub(super) fn first(&mut self, at: u32) -> bool {
        match self.marks.get_mut(at as usize) {
            Some(mark) if *mark != self.round => {
                *mark = self.round;
                true
            }
            _ => false,
        }
    }
}

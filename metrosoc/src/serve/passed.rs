//! How far the pipeline is: positions that no joined event reaches across, and what of them is searchable.
//!
//! The index knows the events that it has; positions that are folded into an event before them have none. A clean cut is
//! passed when every event before it is.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use event::EventId;

use crate::backup::gaps::{self, Gap};

/// Clean cuts that are remembered until they are passed; a further one takes the place of the newest.
const CUTS_MAX: usize = 4_096;

/// The clean cuts that are not passed yet, and the last one that is.
#[derive(Debug, Default)]
pub struct Passed {
    cuts: Mutex<Cuts>,
    /// Numbers that no event has.
    gaps: Vec<Gap>,
}

#[derive(Debug, Default)]
struct Cuts {
    waiting: VecDeque<Cut>,
    reached: EventId,
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    /// Behind the last event before it.
    behind: EventId,
    at: EventId,
}

impl Passed {
    /// With the gaps that restores left.
    pub fn with_gaps(gaps: Vec<Gap>) -> Self {
        Self { cuts: Mutex::default(), gaps }
    }

    /// A position, or the end of the gap that it lies in: where the next event can be.
    fn across(&self, position: EventId) -> EventId {
        gaps::across(&self.gaps, position)
    }

    /// The first number that the spool can have.
    pub fn spool_begins(&self) -> EventId {
        gaps::spool_begins(&self.gaps)
    }

    /// Everything before `at` was processed; its last event lies right before `behind`.
    pub fn add(&self, behind: EventId, at: EventId) {
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        if cuts.waiting.len() >= CUTS_MAX {
            cuts.waiting.pop_back();
        }
        cuts.waiting.push_back(Cut { behind, at });
    }

    /// Forgets what was not passed: processing begins again further back.
    pub fn again(&self) {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner).waiting.clear();
    }

    /// The greatest clean cut that is passed when every event before `durable` is durable; `None` when that is the one
    /// of the last time.
    pub fn clean(&self, durable: EventId) -> Option<EventId> {
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut clean = None;
        while let Some(cut) = cuts.waiting.pop_front_if(|cut| cut.behind <= durable) {
            clean = Some(cut.at);
        }
        cuts.reached = clean.unwrap_or(cuts.reached);
        clean
    }

    /// The first position that a search does not see yet, when the index sees every event before `index`.
    pub fn searchable(&self, index: EventId) -> EventId {
        let cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = cuts.waiting.iter().take_while(|cut| cut.behind <= index).last();
        let reached = cuts.reached;
        self.across(index.max(seen.map_or(reached, |cut| cut.at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_passed_with_its_last_event() {
        let passed = Passed::default();
        passed.add(EventId(3), EventId(5));
        passed.add(EventId(6), EventId(9));
        for (index, expected) in [(0, 0), (2, 2), (3, 5), (4, 5), (6, 9), (7, 9), (20, 20)] {
            assert_eq!(passed.searchable(EventId(index)), EventId(expected), "{index}");
        }
        assert_eq!(passed.clean(EventId(2)), None);
        assert_eq!(passed.clean(EventId(4)), Some(EventId(5)));
        assert_eq!(passed.clean(EventId(4)), None);
        assert_eq!(passed.searchable(EventId(4)), EventId(5));
        passed.again();
        assert_eq!((passed.clean(EventId(20)), passed.searchable(EventId(4))), (None, EventId(5)));
        for id in 0..2 * CUTS_MAX as u64 {
            passed.add(EventId(id + 10), EventId(id + 10));
        }
        assert_eq!(passed.clean(EventId(u64::MAX)), Some(EventId(2 * CUTS_MAX as u64 + 9)));
    }
}

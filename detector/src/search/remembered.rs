//! What searches remember of large segments, which never change: where their times lie, and how many documents the
//! questions that were asked last found in them. A page that asks the same every few seconds counts what is new alone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use event::{Permit, Scope};
use tantivy::index::{SegmentId, SegmentReader};
use tantivy::query::Weight;

use super::compile::is_fixed;
use super::part::Part;
use super::stretch::{STRETCH_DOCS, Stretch};
use crate::query::Node;

/// Questions whose counts are remembered.
const QUESTIONS_MAX: usize = 64;
/// Segments whose stretches are remembered; beyond, all are forgotten.
const SEGMENTS_MAX: usize = 8_192;

/// All that decides which documents of a segment a question finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    node: Node,
    scope: Scope,
    part: Part,
}

impl Asked {
    /// `None` where something else decides too: the time of asking, a filter, withheld persons, masks of single fields.
    pub(super) fn of(permit: &Permit, node: &Node) -> Option<Self> {
        let plain = permit.filter().is_none() && permit.withheld().is_none() && is_fixed(node);
        plain.then(|| Self { node: node.clone(), scope: permit.scope().clone(), part: Part::of(permit) })
    }
}

/// A segment with so many documents that are not deleted.
type Counted = HashMap<(SegmentId, u32), u64>;

#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// The question asked last stands first.
    counts: Mutex<VecDeque<(Asked, Counted)>>,
    stretches: Mutex<HashMap<SegmentId, Arc<[Stretch]>>>,
}

impl Remembered {
    /// How many documents of a segment `weight` finds, which `asked` was made into.
    pub(crate) fn count(
        &self,
        asked: Option<&Asked>,
        reader: &SegmentReader,
        weight: &dyn Weight,
    ) -> tantivy::Result<u64> {
        let asked = asked.filter(|_| reader.max_doc() > STRETCH_DOCS);
        let Some(asked) = asked else { return Ok(u64::from(weight.count(reader)?)) };
        let segment = (reader.segment_id(), reader.num_docs());
        if let Some(count) = self.with(asked, |counted| counted.get(&segment).copied()) {
            return Ok(count);
        }
        let count = u64::from(weight.count(reader)?);
        self.with(asked, |counted| {
            if counted.len() >= SEGMENTS_MAX {
                counted.clear();
            }
            counted.insert(segment, count);
        });
        Ok(count)
    }

    fn with<T>(&self, asked: &Asked, look: impl FnOnce(&mut Counted) -> T) -> T {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let at = counts.iter().position(|(one, _)| one == asked);
        let (asked, mut counted) =
            at.and_then(|at| counts.remove(at)).unwrap_or_else(|| (asked.clone(), Counted::new()));
        let answer = look(&mut counted);
        counts.push_front((asked, counted));
        counts.truncate(QUESTIONS_MAX);
        answer
    }

    /// The stretches of a segment, made by `make` when they are not known.
    pub(crate) fn stretches(&self, reader: &SegmentReader, make: impl FnOnce() -> Vec<Stretch>) -> Arc<[Stretch]> {
        if reader.max_doc() <= STRETCH_DOCS {
            return make().into();
        }
        let lock = || self.stretches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&reader.segment_id()) {
            return Arc::clone(known);
        }
        let made: Arc<[Stretch]> = make().into();
        let mut stretches = lock();
        if stretches.len() >= SEGMENTS_MAX {
            stretches.clear();
        }
        stretches.insert(reader.segment_id(), Arc::clone(&made));
        made
    }
}

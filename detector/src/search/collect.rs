//! Going through the matching documents of a slice: the total, the page's hits, the aggregations.
//!
//! Segments that lie outside the time range are not touched; where no document of a segment can get onto the page and
//! nothing is aggregated, documents are counted and their times are not read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tantivy::columnar::Column;
use tantivy::index::SegmentReader;
use tantivy::query::Weight;
use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DocAddress, DocId};

use super::Sort;
use super::aggregate::{Counting, SegmentCounting};
use super::scan::Budget;
use crate::index::layout::{ID, Layout, TIME};

/// A hit's place in the order: time and id; for ascending order with every bit turned, so that greater is earlier.
pub(crate) type Rank = (i64, u64);

/// Blocks of documents between two looks at the clock.
const BLOCKS_PER_LOOK: usize = 64;

/// Over which events a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Least event time in nanoseconds.
    pub(crate) from: i64,
    /// Greatest event time in nanoseconds.
    pub(crate) to: i64,
    /// The first event id that is not looked at.
    pub(crate) below: u64,
}

/// A document on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) rank: Rank,
    pub(crate) slice: usize,
    pub(crate) segment: u32,
    pub(crate) doc: DocId,
}

impl Found {
    pub(crate) fn address(&self) -> DocAddress {
        DocAddress::new(self.segment, self.doc)
    }
}

/// The rank of a time and an id.
pub(crate) fn rank(sort: Sort, time: i64, id: u64) -> Rank {
    match sort {
        Sort::Descending => (time, id),
        Sort::Ascending => (!time, !id),
    }
}

/// Collects over slices.
pub(crate) struct Collecting {
    pub(crate) window: Window,
    pub(crate) sort: Sort,
    /// Hits wanted; one more is kept, to know whether there is a next page.
    pub(crate) limit: usize,
    /// Hits at or above this rank were on pages before.
    pub(crate) after: Option<Rank>,
    /// Whether the total is wanted.
    pub(crate) count: bool,
    pub(crate) total: u64,
    pub(crate) aggregations: Vec<(String, Counting)>,
    page: BinaryHeap<Reverse<Found>>,
}

/// A segment's times and ids.
struct Marks {
    time: Column<i64>,
    id: Column<u64>,
    /// Whether some documents of the segment lie outside the window.
    partial: bool,
}

impl Collecting {
    pub(crate) fn new(window: Window, sort: Sort, limit: usize, after: Option<Rank>) -> Self {
        Self { window, sort, limit, after, count: true, total: 0, aggregations: Vec::new(), page: BinaryHeap::new() }
    }

    /// Goes through one segment.
    pub(crate) fn segment(
        &mut self,
        place: (usize, u32),
        reader: &SegmentReader,
        layout: &Layout,
        weight: &dyn Weight,
        budget: &Budget,
    ) -> tantivy::Result<()> {
        budget.check_time()?;
        let Some(marks) = self.marks(reader)? else { return Ok(()) };
        let hits = self.may_have_hits(&marks);
        if !hits && self.aggregations.is_empty() {
            if !self.count {
                return Ok(());
            }
            if !marks.partial {
                self.total += u64::from(weight.count(reader)?);
                return Ok(());
            }
        }
        let mut counting = Vec::with_capacity(self.aggregations.len());
        for (_, aggregation) in &self.aggregations {
            counting.push(aggregation.segment(layout, reader)?);
        }
        self.documents(place, &marks, hits, reader, weight, budget, &mut counting)?;
        for ((_, aggregation), counting) in self.aggregations.iter_mut().zip(counting) {
            aggregation.finish(counting, reader, budget)?;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `segment`, apart for its length")]
    fn documents(
        &mut self,
        place: (usize, u32),
        marks: &Marks,
        hits: bool,
        reader: &SegmentReader,
        weight: &dyn Weight,
        budget: &Budget,
        counting: &mut [SegmentCounting],
    ) -> tantivy::Result<()> {
        let mut scorer = weight.scorer(reader, 1.0)?;
        let mut block = [0; COLLECT_BLOCK_BUFFER_LEN];
        let mut within = Vec::with_capacity(COLLECT_BLOCK_BUFFER_LEN);
        for turn in 1_usize.. {
            let filled = scorer.fill_buffer(&mut block);
            within.clear();
            within.extend(block.iter().take(filled));
            if marks.partial {
                within.retain(|&doc| self.window.holds(marks.time(doc), marks.id(doc)));
            }
            self.total += within.len() as u64;
            counting.iter_mut().for_each(|counting| counting.take(&within));
            if hits {
                within.iter().for_each(|&doc| self.offer(place, marks, doc));
            }
            if filled < COLLECT_BLOCK_BUFFER_LEN {
                break;
            }
            if turn.is_multiple_of(BLOCKS_PER_LOOK) {
                budget.check_time()?;
            }
        }
        Ok(())
    }

    fn marks(&self, reader: &SegmentReader) -> tantivy::Result<Option<Marks>> {
        if reader.max_doc() == 0 {
            return Ok(None);
        }
        let (time, id) = (reader.fast_fields().i64(TIME)?, reader.fast_fields().u64(ID)?);
        let Window { from, to, below } = self.window;
        if time.max_value() < from || time.min_value() > to || id.min_value() >= below {
            return Ok(None);
        }
        let partial = time.min_value() < from || time.max_value() > to || id.max_value() >= below;
        Ok(Some(Marks { time, id, partial }))
    }

    /// Whether any document of a segment could get onto the page.
    fn may_have_hits(&self, marks: &Marks) -> bool {
        if self.limit == 0 {
            return false;
        }
        if self.page.len() <= self.limit {
            return true;
        }
        let best = match self.sort {
            Sort::Descending => marks.time.max_value(),
            Sort::Ascending => !marks.time.min_value(),
        };
        self.page.peek().is_none_or(|Reverse(worst)| best >= worst.rank.0)
    }

    fn offer(&mut self, (slice, segment): (usize, u32), marks: &Marks, doc: DocId) {
        let time = marks.time(doc);
        let full = self.page.len() > self.limit;
        let (first, _) = rank(self.sort, time, 0);
        if full && self.page.peek().is_some_and(|Reverse(worst)| first < worst.rank.0) {
            return; // most documents go no further, and their ids are not read
        }
        let rank = rank(self.sort, time, marks.id(doc));
        if self.after.is_some_and(|after| rank >= after) {
            return;
        }
        let found = Found { rank, slice, segment, doc };
        if !full {
            self.page.push(Reverse(found));
        } else if let Some(mut worst) = self.page.peek_mut()
            && found.rank > worst.0.rank
        {
            *worst = Reverse(found);
        }
    }

    /// The page, first hit first, and whether another page follows.
    pub(crate) fn take_page(&mut self) -> (Vec<Found>, bool) {
        let mut page: Vec<Found> = std::mem::take(&mut self.page).into_iter().map(|Reverse(found)| found).collect();
        page.sort_unstable_by_key(|found| Reverse(found.rank));
        let more = page.len() > self.limit;
        page.truncate(self.limit);
        (page, more)
    }
}

impl Marks {
    fn time(&self, doc: DocId) -> i64 {
        self.time.first(doc).unwrap_or(0)
    }

    fn id(&self, doc: DocId) -> u64 {
        self.id.first(doc).unwrap_or(0)
    }
}

impl Window {
    fn holds(&self, time: i64, id: u64) -> bool {
        (self.from..=self.to).contains(&time) && id < self.below
    }
}

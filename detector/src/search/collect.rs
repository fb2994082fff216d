//! Going through the matching documents of a slice: the total, the page's hits, the aggregations.
//!
//! Segments and stretches of segments that lie outside the time range are not touched. The page is looked for in the
//! stretches that are first in the order of the search, until no other can have a hit on it; apart from that, documents are
//! counted or aggregated, and their times are read only where a stretch lies partly within the range.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::index::SegmentReader;
use tantivy::query::Weight;
use tantivy::{COLLECT_BLOCK_BUFFER_LEN as BLOCK_DOCS, DocAddress, DocId};

use super::Sort;
use super::aggregate::Counting;
use super::remembered::{Asked, Remembered};
use super::scan::Budget;
use super::stretch::{Lies, Stretch, stretches};
use crate::index::layout::{ID, Layout, TIME};

/// A hit's place in the order: time and id; for ascending order with every bit turned, so that greater is earlier.
pub(crate) type Rank = (i64, u64);

/// How many times as many stretches are looked at when those before did not fill the page: each time costs going to the
/// first of them anew.
const STRETCHES_MORE: usize = 16;
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

/// A segment that is gone through.
pub(crate) struct Walked<'w> {
    /// The slice's place among those of the search, and the segment's in it.
    pub(crate) place: (usize, u32),
    pub(crate) reader: &'w SegmentReader,
    pub(crate) weight: &'w dyn Weight,
    pub(crate) budget: &'w Budget,
}

/// A segment's times and ids.
struct Marks {
    time: Column<i64>,
    id: Column<u64>,
    stretches: Arc<[Stretch]>,
}

impl Collecting {
    pub(crate) fn new(window: Window, sort: Sort, limit: usize, after: Option<Rank>) -> Self {
        Self { window, sort, limit, after, count: true, total: 0, aggregations: Vec::new(), page: BinaryHeap::new() }
    }

    /// Goes through one segment; `asked` is what its weight was made of, when nothing else decides what it finds.
    pub(crate) fn segment(
        &mut self,
        walked: &Walked<'_>,
        layout: &Layout,
        remembered: &Remembered,
        asked: Option<&Asked>,
    ) -> tantivy::Result<()> {
        walked.budget.check_time()?;
        let Some(marks) = self.marks(walked.reader, remembered)? else { return Ok(()) };
        let before = self.total;
        let is_within = marks.stretches.iter().all(|stretch| stretch.lies(&self.window) == Lies::Within);
        if !self.aggregations.is_empty() {
            let mut counting = Vec::with_capacity(self.aggregations.len());
            for (_, aggregation) in &self.aggregations {
                counting.push(aggregation.segment(layout, walked.reader)?);
            }
            self.documents(walked, &marks, |docs| counting.iter_mut().for_each(|counting| counting.take(docs)))?;
            for ((_, aggregation), counting) in self.aggregations.iter_mut().zip(counting) {
                aggregation.finish(counting, walked.reader, walked.budget)?;
            }
        } else if self.count && is_within {
            self.total += remembered.count(asked, walked.reader, walked.weight)?;
        } else if self.count {
            self.documents(walked, &marks, |_| {})?;
        }
        let is_counted = self.count || !self.aggregations.is_empty();
        self.hits(walked, &marks, is_counted.then_some(self.total - before))
    }

    /// Counts every document in the window, and gives them away block by block.
    fn documents(&mut self, walked: &Walked<'_>, marks: &Marks, mut take: impl FnMut(&[DocId])) -> tantivy::Result<()> {
        let window = self.window;
        let looked_at: Vec<Stretch> =
            marks.stretches.iter().filter(|stretch| stretch.lies(&window) != Lies::Outside).copied().collect();
        let mut total = 0;
        walk(walked, &looked_at, |stretch, docs| {
            if stretch.lies(&window) == Lies::Partly {
                docs.retain(|&doc| window.holds(marks.time(doc), marks.id(doc)));
            }
            total += docs.len() as u64;
            take(docs);
        })?;
        self.total += total;
        Ok(())
    }

    /// Puts the hits of a segment onto the page, from its first stretches in the order of the search on: as many as should
    /// fill it where so many documents are known to match, else one; then more, until no other can have one that belongs
    /// there.
    fn hits(&mut self, walked: &Walked<'_>, marks: &Marks, matching: Option<u64>) -> tantivy::Result<()> {
        if self.limit == 0 || matching == Some(0) {
            return Ok(());
        }
        let mut left: Vec<Stretch> = marks.stretches.to_vec();
        left.retain(|stretch| self.may_have_hits(stretch));
        let wanted = (left.len() as u64).saturating_mul(2 * (self.limit as u64 + 1));
        let mut at_once = matching.map_or(1, |matching| wanted.div_ceil(matching)).min(left.len() as u64) as usize;
        while !left.is_empty() {
            left.sort_unstable_by_key(|stretch| Reverse(self.first_and_last(stretch).0));
            let mut now: Vec<Stretch> = left.drain(..at_once.min(left.len())).collect();
            now.sort_unstable_by_key(|stretch| stretch.begin);
            walk(walked, &now, |stretch, docs| {
                let is_partly = stretch.lies(&self.window) == Lies::Partly;
                docs.iter().for_each(|&doc| self.offer(walked.place, marks, doc, is_partly));
            })?;
            left.retain(|stretch| self.may_have_hits(stretch));
            at_once = at_once.saturating_mul(STRETCHES_MORE);
        }
        Ok(())
    }

    fn marks(&self, reader: &SegmentReader, remembered: &Remembered) -> tantivy::Result<Option<Marks>> {
        if reader.max_doc() == 0 {
            return Ok(None);
        }
        let (time, id) = (reader.fast_fields().i64(TIME)?, reader.fast_fields().u64(ID)?);
        let Window { from, to, below } = self.window;
        if time.max_value() < from || time.min_value() > to || id.min_value() >= below {
            return Ok(None);
        }
        let stretches = remembered.stretches(reader, || stretches(reader.max_doc(), &time, &id));
        Ok(Some(Marks { time, id, stretches }))
    }

    /// The times of a stretch in the order of the search: the first and the last.
    fn first_and_last(&self, stretch: &Stretch) -> (i64, i64) {
        match self.sort {
            Sort::Descending => (stretch.greatest, stretch.least),
            Sort::Ascending => (!stretch.least, !stretch.greatest),
        }
    }

    /// Whether any document of a stretch could get onto the page.
    fn may_have_hits(&self, stretch: &Stretch) -> bool {
        let (first, last) = self.first_and_last(stretch);
        let is_behind = self.after.is_none_or(|(time, _)| last <= time);
        let is_full = self.page.len() > self.limit;
        let gets_on = !is_full || self.page.peek().is_none_or(|Reverse(worst)| first >= worst.rank.0);
        is_behind && gets_on && stretch.lies(&self.window) != Lies::Outside
    }

    fn offer(&mut self, (slice, segment): (usize, u32), marks: &Marks, doc: DocId, is_partly: bool) {
        let time = marks.time(doc);
        if is_partly && !self.window.holds(time, marks.id(doc)) {
            return;
        }
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

/// Gives the matching documents of these stretches, in their order, block by block.
fn walk(
    walked: &Walked<'_>,
    stretches: &[Stretch],
    mut take: impl FnMut(&Stretch, &mut Vec<DocId>),
) -> tantivy::Result<()> {
    if stretches.is_empty() {
        return Ok(());
    }
    let mut scorer = walked.weight.scorer(walked.reader, 1.0)?;
    let alive = walked.reader.alive_bitset();
    let mut block = [0; BLOCK_DOCS];
    let mut docs = Vec::with_capacity(BLOCK_DOCS);
    let (mut left, mut blocks): (&[DocId], usize) = (&[], 0);
    for stretch in stretches {
        loop {
            if left.is_empty() {
                if scorer.doc() < stretch.begin {
                    scorer.seek(stretch.begin);
                }
                let filled = scorer.fill_buffer(&mut block);
                if filled == 0 {
                    return Ok(());
                }
                blocks += 1;
                if blocks.is_multiple_of(BLOCKS_PER_LOOK) {
                    walked.budget.check_time()?;
                }
                left = block.get(..filled).unwrap_or_default();
            }
            // A block may reach from one stretch into others, which may not be among those that are looked at.
            let (begin, end) =
                (left.partition_point(|doc| *doc < stretch.begin), left.partition_point(|doc| *doc < stretch.end));
            docs.clear();
            docs.extend(left.get(begin..end).unwrap_or_default());
            left = left.get(end..).unwrap_or_default();
            if let Some(alive) = alive {
                docs.retain(|doc| alive.is_alive(*doc));
            }
            take(stretch, &mut docs);
            if !left.is_empty() {
                break;
            }
        }
    }
    Ok(())
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

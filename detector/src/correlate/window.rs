//! The hits of one group in the order of event time, and what is known of the newest window over them.
//!
//! Memory: 16 bytes a hit for `event_count`, 24 for `value_sum`, `value_avg`, `value_percentile`, `value_median` and
//! temporal ones, 32 for `value_count`; a percentile or median takes 8 more, `value_count` up to 37 more a value.

use std::collections::VecDeque;

use super::tally::{Payload, Question, Tally, newest_of_each};

/// Into how many parts of its timespan (and lateness, where windows wait) a group folds what it cannot keep one by one.
const FOLDS_PER_SPAN: i64 = 4_096;
/// Most hits around one that came out of order up to which the windows before the newest are asked one by one.
const LATE_HITS_MAX: usize = 2_048;
/// Most hits that a result names.
pub(super) const NAMED_MAX: usize = 100;

/// One hit of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<P> {
    pub(super) time: i64,
    pub(super) id: u64,
    pub(super) payload: P,
}

impl<P: Payload> Entry<P> {
    /// Where it stands among the others.
    pub(super) fn order(&self) -> (i64, u16, u64) {
        (self.time, self.payload.rank(), self.id)
    }
}

/// Hits of which only number and sum are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Folded {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) count: u64,
    pub(super) sum: f64,
}

/// What gives way when a group has more hits than it may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// The oldest keep their number and sum, their time to 1/4096 of the timespan.
    Fold,
    /// Hits whose payload came again later.
    Repeated,
    /// Hits whose successor has the same payload, which leaves the order of different ones.
    Runs,
    /// The oldest.
    Oldest,
}

/// Bounds of one group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The timespan in nanoseconds.
    pub(super) span: i64,
    /// How much later than its time a hit may come, in nanoseconds.
    pub(super) lateness: i64,
    /// Most hits kept.
    pub(super) hits_max: usize,
    /// What gives way.
    pub(super) excess: Excess,
    /// Whether the window slides with its newest hit; otherwise it is taken out when complete.
    pub(super) slides: bool,
}

/// What became of a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// It is in.
    In,
    /// It was in already.
    Repeated,
    /// It came too late.
    Late,
}

/// The hits of a group.
#[derive(Debug)]
pub(super) struct Window<P, T> {
    /// In the order of [`Entry::order`].
    pub(super) entries: VecDeque<Entry<P>>,
    /// How many of the first have left the newest window and stay for hits that come late.
    left: usize,
    /// Older than every entry; absent in most groups.
    #[expect(clippy::box_collection, reason = "8 bytes instead of 32 in every group, nearly all of which have none")]
    pub(super) folded: Option<Box<VecDeque<Folded>>>,
    tally: T,
}

impl<P: Payload, T: Tally<P>> Window<P, T> {
    /// An empty one.
    pub(super) fn new(tally: T) -> Self {
        Self { entries: VecDeque::new(), left: 0, folded: None, tally }
    }

    /// One with what was kept of another; `entries` in order.
    pub(super) fn restored(tally: T, entries: VecDeque<Entry<P>>, folded: VecDeque<Folded>, limits: &Limits) -> Self {
        let folded = (!folded.is_empty()).then(|| Box::new(folded));
        let mut window = Self { entries, left: 0, folded, tally };
        if limits.slides {
            for part in window.folded.iter().flat_map(|parts| parts.iter()) {
                window.tally.enter_many(part.count, part.sum);
            }
            for entry in &window.entries {
                window.tally.enter(entry.payload);
            }
            window.slide(limits);
        }
        window
    }

    /// The newest hit's time.
    pub(super) fn newest(&self) -> Option<i64> {
        self.entries.back().map(|entry| entry.time)
    }

    /// The oldest hit's time.
    pub(super) fn oldest(&self) -> Option<i64> {
        let folded = self.folded.as_ref().and_then(|folded| folded.front()).map(|part| part.first);
        folded.or_else(|| self.entries.front().map(|entry| entry.time))
    }

    /// Takes a hit in; the second number tells how many others were lost for it.
    pub(super) fn place(&mut self, entry: Entry<P>, limits: &Limits) -> (Placed, u64) {
        let newest = self.newest().unwrap_or(entry.time);
        if entry.time < newest.saturating_sub(limits.span.max(limits.lateness)) {
            return (Placed::Late, 0);
        }
        let at = match self.entries.back() {
            Some(last) if last.order() > entry.order() => {
                self.entries.partition_point(|other| other.order() <= entry.order())
            }
            _ => self.entries.len(),
        };
        if self.has_before(at, &entry) {
            return (Placed::Repeated, 0);
        }
        if at == self.entries.len() {
            self.entries.push_back(entry);
        } else {
            self.entries.insert(at, entry);
        }
        if limits.slides {
            if entry.time < newest.saturating_sub(limits.span) {
                self.left += 1;
            } else {
                self.tally.enter(entry.payload);
            }
            self.slide(limits);
        }
        let lost = if self.entries.len() > limits.hits_max { self.give_way(limits) } else { 0 };
        (Placed::In, lost)
    }

    fn has_before(&self, at: usize, entry: &Entry<P>) -> bool {
        let same = self.entries.range(..at).rev().take_while(|other| other.order() == entry.order());
        same.into_iter().any(|other| other.payload.bits() == entry.payload.bits())
    }

    /// Lets what is older than the newest window leave it, and what no late hit can reach go.
    fn slide(&mut self, limits: &Limits) {
        let Some(newest) = self.newest() else { return };
        let start = newest.saturating_sub(limits.span);
        while let Some(entry) = self.entries.get(self.left).filter(|entry| entry.time < start) {
            self.tally.leave(entry.payload);
            self.left += 1;
        }
        let kept_from = start.saturating_sub(limits.lateness);
        while self.entries.front().is_some_and(|entry| entry.time < kept_from) {
            self.entries.pop_front();
            self.left = self.left.saturating_sub(1);
        }
        if let Some(folded) = &mut self.folded {
            while let Some(part) = folded.front().filter(|part| part.last < start) {
                self.tally.leave_many(part.count, part.sum);
                folded.pop_front();
            }
            if folded.is_empty() {
                self.folded = None;
            }
        }
        if self.entries.capacity() > 64 && self.entries.len() < self.entries.capacity() / 8 {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }

    /// Makes room; gives the number of hits that were lost for good.
    fn give_way(&mut self, limits: &Limits) -> u64 {
        if self.left > 0 {
            self.entries.drain(..self.left);
            self.left = 0;
            return 0;
        }
        match limits.excess {
            Excess::Fold => return self.fold(limits),
            Excess::Repeated => {
                let keep = newest_of_each(self.entries.iter().rev().map(|entry| entry.payload));
                self.keep(limits, keep.into_iter().rev());
            }
            Excess::Runs => {
                let next = self.entries.iter().skip(1).map(|entry| Some(entry.payload.bits())).chain([None]);
                let pairs = self.entries.iter().zip(next);
                let keep: Vec<bool> = pairs.map(|(entry, next)| Some(entry.payload.bits()) != next).collect();
                self.keep(limits, keep.into_iter());
            }
            Excess::Oldest => {}
        }
        let most = limits.hits_max - limits.hits_max / 4;
        let lost = self.entries.len().saturating_sub(most);
        for entry in self.entries.drain(..lost) {
            if limits.slides {
                self.tally.leave(entry.payload);
            }
        }
        lost as u64
    }

    fn keep(&mut self, limits: &Limits, mut keep: impl Iterator<Item = bool>) {
        let tally = &mut self.tally;
        self.entries.retain(|entry| {
            let stays = keep.next().unwrap_or(true);
            if !stays && limits.slides {
                tally.leave(entry.payload);
            }
            stays
        });
    }

    fn fold(&mut self, limits: &Limits) -> u64 {
        let Some(entry) = self.entries.front().copied() else { return 0 };
        self.entries.pop_front();
        let whole = if limits.slides { limits.span } else { limits.span.saturating_add(limits.lateness) };
        let width = (whole / FOLDS_PER_SPAN).max(1);
        let folded = self.folded.get_or_insert_default();
        let (time, amount) = (entry.time, entry.payload.amount());
        let is_newer = folded.back().is_none_or(|part| part.first.div_euclid(width) < time.div_euclid(width));
        if is_newer {
            folded.push_back(Folded { first: time, last: time, count: 1, sum: amount });
            return 0;
        }
        // One that came late goes to the part of its time, or to the first.
        let at = folded.partition_point(|part| part.first <= time).saturating_sub(1);
        if let Some(part) = folded.get_mut(at) {
            part.first = part.first.min(time);
            part.last = part.last.max(time);
            part.count += 1;
            part.sum += amount;
        }
        0
    }

    /// The first end of a window, among the hits from `time` on that can share one with it, at which the condition
    /// holds; ends that `skip` names are passed over. A group that folded, or that has too many hits around this one,
    /// is asked at its newest hit only.
    pub(super) fn decide(
        &self,
        time: i64,
        span: i64,
        question: &Question<'_>,
        skip: impl Fn(i64) -> bool,
    ) -> Option<(i64, f64)> {
        let newest = self.newest()?;
        if time < newest && self.folded.is_none() {
            let found = self.decide_late(time, newest, span, question, &skip);
            if found.is_some() {
                return found;
            }
        }
        if newest > time.saturating_add(span) || skip(newest) {
            return None;
        }
        let mut hits = self.entries.range(self.left.min(self.entries.len())..).map(|entry| entry.payload);
        self.tally.judge(question, &mut hits).map(|value| (newest, value))
    }

    /// The ends from `time` on that come before the newest.
    fn decide_late(
        &self,
        time: i64,
        newest: i64,
        span: i64,
        question: &Question<'_>,
        skip: &impl Fn(i64) -> bool,
    ) -> Option<(i64, f64)> {
        let last_end = time.saturating_add(span).min(newest.saturating_sub(1));
        let from = self.entries.partition_point(|entry| entry.time < time);
        let first = self.entries.partition_point(|entry| entry.time < time.saturating_sub(span));
        if self.entries.partition_point(|entry| entry.time <= last_end) > first + LATE_HITS_MAX {
            return None;
        }
        let mut tally: Option<(T, usize, usize)> = None;
        let mut at = from;
        while let Some(end) = self.entries.get(at).map(|entry| entry.time).filter(|end| *end <= last_end) {
            let behind = at + self.entries.range(at..).take_while(|entry| entry.time == end).count();
            at = behind;
            if skip(end) {
                continue;
            }
            let (tally, first, next) = tally.get_or_insert_with(|| {
                let first = self.entries.partition_point(|entry| entry.time < end.saturating_sub(span));
                (self.tally.fresh(), first, first)
            });
            for entry in self.entries.range(*next..behind) {
                tally.enter(entry.payload);
            }
            *next = behind;
            while let Some(entry) = self.entries.get(*first).filter(|entry| entry.time < end.saturating_sub(span)) {
                tally.leave(entry.payload);
                *first += 1;
            }
            let mut hits = self.entries.range(*first..behind).map(|entry| entry.payload);
            if let Some(value) = tally.judge(question, &mut hits) {
                return Some((end, value));
            }
        }
        None
    }

    /// The answer over every hit up to `end`, for windows that do not slide.
    pub(super) fn decide_whole(&self, end: i64, question: &Question<'_>) -> Option<f64> {
        let mut tally = self.tally.fresh();
        for part in self.folded.iter().flat_map(|parts| parts.iter()).filter(|part| part.first <= end) {
            tally.enter_many(part.count, part.sum);
        }
        let inside = || self.entries.iter().take_while(|entry| entry.time <= end).map(|entry| entry.payload);
        inside().for_each(|payload| tally.enter(payload));
        tally.judge(question, &mut inside())
    }

    /// Takes every hit up to `end` out.
    pub(super) fn remove_until(&mut self, end: i64) {
        let count = self.entries.partition_point(|entry| entry.time <= end);
        self.entries.drain(..count);
        if let Some(folded) = &mut self.folded {
            folded.retain(|part| part.first > end);
            if folded.is_empty() {
                self.folded = None;
            }
        }
    }

    /// How many hits lie from `start` to `end`, and the events of the newest of them in the order of time: at most 100,
    /// each payload's newest among them when `each`.
    pub(super) fn named(&self, start: i64, end: i64, each: bool) -> (u64, Vec<u64>) {
        let first = self.entries.partition_point(|entry| entry.time < start);
        let behind = self.entries.partition_point(|entry| entry.time <= end).max(first);
        let folded =
            self.folded.iter().flat_map(|parts| parts.iter()).filter(|part| part.last >= start && part.first <= end);
        let total = folded.map(|part| part.count).sum::<u64>() + (behind - first) as u64;
        let newest_first = || self.entries.range(first..behind).rev();
        let mut ids: Vec<(i64, u64)> = Vec::new();
        if each {
            let keep = newest_of_each(newest_first().map(|entry| entry.payload));
            ids.extend(newest_first().zip(keep).filter(|(_, keep)| *keep).map(|(entry, _)| (entry.time, entry.id)));
            ids.truncate(NAMED_MAX);
        }
        for entry in newest_first() {
            if ids.len() >= NAMED_MAX {
                break;
            }
            // The same event may have come in for several rules.
            if !ids.contains(&(entry.time, entry.id)) {
                ids.push((entry.time, entry.id));
            }
        }
        ids.sort_unstable();
        ids.dedup();
        (total, ids.into_iter().map(|(_, id)| id).collect())
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        let folded = self.folded.as_ref().map_or(0, |parts| parts.capacity() * size_of::<Folded>() + 64);
        self.entries.capacity() * size_of::<Entry<P>>() + folded + self.tally.bytes()
    }
}

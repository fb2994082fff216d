//! Counts below a threshold are withheld, and so is what two questions would tell by their difference.
//!
//! Where a permit's masks set a threshold, a count below it is never shown: not a total, not a bucket, and not the one
//! bucket that could be worked out from the others. What one asker was answered in the last day is remembered, and a
//! question that shares most of an earlier one's events, but for fewer than the threshold, is refused (or, where masks add
//! noise, answered with it). The difference is counted in the index itself, by both questions as they were asked.
//!
//! Not covered: askers who put their answers together, what somebody knows from elsewhere, and that a refusal itself says
//! that two answers are close. A restart forgets.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::{Counts, Permit, Timestamp};
use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, Occur, Query, RangeQuery};

use super::collect::{Collecting, Window};
use super::compile::Compiler;
use super::fields::needs_names;
use super::scan::Settled;
use super::{Question, Search, SearchError, SearchRequest, Sort, fault};
use crate::index::layout::Layout;
use crate::query::Node;

/// How long an answer is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);
/// Most different questions of one asker in that time.
const QUESTIONS_MAX: usize = 64;
/// Most askers that are remembered.
const ASKERS_MAX: usize = 512;
/// Longest query where a threshold is in force; it is kept.
const QUERY_BYTES_MAX: usize = 4_096;

/// What was answered under a threshold, asker by asker.
#[derive(Debug, Default)]
pub(super) struct Answered(Mutex<HashMap<String, Shared>>);

type Shared = Arc<Mutex<VecDeque<Earlier>>>;

/// A question that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Earlier {
    asked: Timestamp,
    node: Node,
    /// What relative times in it meant.
    now: Timestamp,
    window: Window,
    /// The histogram's interval, where it had one.
    interval: Option<i64>,
    /// Its time range as it was written.
    range: (Option<String>, Option<String>),
}

/// Over which events a question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settlement {
    pub(super) window: Window,
    pub(super) now: Timestamp,
    /// Set when the answer is that of an earlier question, over the events that there were then.
    pub(super) as_of: Option<Timestamp>,
}

/// Refuses what a threshold does not allow to ask at all.
pub(super) fn check(counts: &Counts, request: &SearchRequest, histograms: usize) -> Result<(), SearchError> {
    if counts.are_exact() {
        return Ok(());
    }
    if request.cursor.is_some() {
        return Err(fault("cursor", "not where counts are withheld".to_owned()));
    }
    if histograms > 1 {
        return Err(fault("aggregations", "one histogram at a time where counts are withheld".to_owned()));
    }
    if request.query.len() > QUERY_BYTES_MAX {
        return Err(fault("query", format!("at most {QUERY_BYTES_MAX} bytes where counts are withheld")));
    }
    Ok(())
}

impl Answered {
    /// The questions of one asker. Whoever holds them answers one question at a time.
    fn of(&self, permit: &Permit, now: Timestamp) -> Result<Shared, SearchError> {
        let mut askers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = permit.subject().name.as_str();
        if let Some(known) = askers.get(name) {
            return Ok(Arc::clone(known));
        }
        if askers.len() >= ASKERS_MAX {
            askers.retain(|_, asked| {
                // Somebody who is being answered just now is not forgotten.
                asked.try_lock().map_or(true, |mut asked| {
                    forget(&mut asked, now);
                    !asked.is_empty()
                })
            });
        }
        if askers.len() >= ASKERS_MAX {
            return Err(SearchError::TooManyQuestions { limit: ASKERS_MAX });
        }
        Ok(Arc::clone(askers.entry(name.to_owned()).or_default()))
    }
}

fn forget(asked: &mut VecDeque<Earlier>, now: Timestamp) {
    // A clock that went back forgets nothing.
    asked.retain(|earlier| now.since(earlier.asked) < REMEMBERED);
}

impl Search {
    /// Compares a question with those that its asker was answered, and remembers it. Gives over which events it is to
    /// be answered: its own, or those of the same question as it was asked before, when only a few have come since.
    ///
    /// # Errors
    /// [`SearchError::TooClose`] when it differs too little from another question, [`SearchError::TooManyQuestions`].
    pub(super) fn settle(
        &self,
        permit: &Permit,
        counts: &Counts,
        request: &SearchRequest,
        question: &Question,
        (window, interval): (Window, Option<i64>),
    ) -> Result<Settlement, SearchError> {
        let own = Settlement { window, now: question.now, as_of: None };
        if counts.are_exact() || counts.noise.is_some() {
            return Ok(own);
        }
        let asked = self.answered.of(permit, question.now)?;
        let mut asked: MutexGuard<'_, VecDeque<Earlier>> = asked.lock().unwrap_or_else(PoisonError::into_inner);
        forget(&mut asked, question.now);
        let range = (request.from.clone(), request.to.clone());
        let node = question.node.clone();
        let this = Earlier { asked: question.now, node, now: question.now, window, interval, range };
        if let Some(same) = self.same(permit, question, counts, &asked, &this)? {
            return Ok(same);
        }
        // What is withheld whole tells nothing that a difference could tell more of; comparing it would.
        if self.count(permit, question, &this, None)? < counts.at_least {
            return Ok(own);
        }
        for earlier in asked.iter() {
            self.compare(permit, question, counts, earlier, &this)?;
        }
        if asked.len() >= QUESTIONS_MAX {
            return Err(SearchError::TooManyQuestions { limit: QUESTIONS_MAX });
        }
        asked.push_back(this);
        Ok(own)
    }

    /// The same question asked before, when answering it anew would tell of too few events.
    fn same(
        &self,
        permit: &Permit,
        question: &Question,
        counts: &Counts,
        asked: &VecDeque<Earlier>,
        this: &Earlier,
    ) -> Result<Option<Settlement>, SearchError> {
        let same = |earlier: &&Earlier| {
            earlier.node == this.node && earlier.range == this.range && earlier.interval == this.interval
        };
        let Some(earlier) = asked.iter().rev().find(same) else { return Ok(None) };
        let few = |count: u64| count < counts.at_least;
        let close =
            few(self.beside(permit, question, this, earlier)?) && few(self.beside(permit, question, earlier, this)?);
        Ok(close.then_some(Settlement { window: earlier.window, now: earlier.now, as_of: Some(earlier.asked) }))
    }

    fn compare(
        &self,
        permit: &Permit,
        question: &Question,
        counts: &Counts,
        earlier: &Earlier,
        this: &Earlier,
    ) -> Result<(), SearchError> {
        let too_close = || SearchError::TooClose { at_least: counts.at_least, asked: earlier.asked };
        let tells = |count: u64| count > 0 && count < counts.at_least;
        let more = self.beside(permit, question, this, earlier)?;
        if tells(more) || tells(self.beside(permit, question, earlier, this)?) {
            return Err(too_close());
        }
        // The same events in other intervals: the edges of both would tell of what lies between them.
        if let (Some(one), Some(other)) = (earlier.interval, this.interval)
            && one != other
            && self.count(permit, question, this, None)? > more
        {
            return Err(too_close());
        }
        Ok(())
    }

    /// The number of events that `one` finds and `other` does not.
    fn beside(&self, permit: &Permit, question: &Question, one: &Earlier, other: &Earlier) -> Result<u64, SearchError> {
        if one.node == other.node && one.window == other.window && one.now == other.now {
            return Ok(0);
        }
        self.count(permit, question, one, Some(other))
    }

    fn count(
        &self,
        permit: &Permit,
        question: &Question,
        one: &Earlier,
        but: Option<&Earlier>,
    ) -> Result<u64, SearchError> {
        let mut collecting = Collecting::new(one.window, Sort::Descending, 0, None);
        let views = self.views(Sort::Descending, &one.window)?;
        let needs_names = [Some(one), but].into_iter().flatten().any(|asked| needs_names(&asked.node));
        self.collect_by(permit, question, &views, &mut collecting, (needs_names, None), &|compiler| {
            let of = |earlier: &Earlier| Compiler { now: earlier.now, ..*compiler }.compile(&earlier.node);
            let mut clauses = vec![(Occur::Must, of(one)?)];
            if let Some(but) = but {
                let within = within(compiler.layout, &but.window, of(but)?);
                clauses.push((Occur::MustNot, Box::new(Settled(within)) as Box<dyn Query>));
            }
            Ok(Box::new(BooleanQuery::new(clauses)))
        })?;
        Ok(collecting.total)
    }
}

/// What a query finds within a window.
fn within(layout: &Layout, window: &Window, query: Box<dyn Query>) -> Box<dyn Query> {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let time = |nanos| Term::from_field_i64(layout.time, nanos);
    let mut clauses: Vec<(Occur, Box<dyn Query>)> = vec![(Occur::Must, query)];
    if window.from > i64::MIN || window.to < i64::MAX {
        clauses.push((Occur::Must, Box::new(RangeQuery::new(Included(time(window.from)), Included(time(window.to))))));
    }
    if window.below < u64::MAX {
        let below = Excluded(Term::from_field_u64(layout.id, window.below));
        clauses.push((Occur::Must, Box::new(RangeQuery::new(Unbounded, below))));
    }
    if clauses.len() == 1 {
        clauses.push((Occur::Must, Box::new(AllQuery)));
    }
    Box::new(BooleanQuery::new(clauses))
}

/// Cells with their counts, the greatest first, as they may be shown: at most `size` of them, and the sum of the rest
/// where that may be known. Beside one small cell alone, or small cells that are too few together, the smallest of the
/// others is withheld too: neither can be worked out from a total then.
pub(super) fn shown_cells<T>(mut cells: Vec<(T, u64)>, size: usize, at_least: u64) -> (Vec<(T, u64)>, Option<u64>) {
    let kept = cells.iter().take(size).take_while(|(_, count)| *count >= at_least).count();
    let mut rest = cells.split_off(kept);
    let has_small = rest.iter().any(|(_, count)| *count < at_least);
    let mut sum: u64 = rest.iter().map(|(_, count)| *count).sum();
    while has_small && (rest.len() < 2 || sum < at_least) {
        let Some((cell, count)) = cells.pop() else { break };
        sum += count;
        rest.push((cell, count));
    }
    let known = !has_small || (rest.len() >= 2 && sum >= at_least);
    (cells, known.then_some(sum))
}

/// A count with the noise of its cell; never below the threshold, so that noise does not tell what is withheld.
pub(super) fn noisy(counts: &Counts, cell: &str, count: u64) -> u64 {
    let Some(noise) = &counts.noise else { return count };
    // The count is part of the cell: the same events have the same noise however they are asked for.
    let offset = noise.of(&format!("{cell}\0{count}"));
    count.saturating_add_signed(offset).max(counts.at_least)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(counts: &[u64], size: usize, at_least: u64, shown: &[u64], rest: Option<u64>) {
        let cells = counts.iter().map(|count| ((), *count)).collect();
        let (cells, others) = shown_cells(cells, size, at_least);
        let found: Vec<u64> = cells.iter().map(|(_, count)| *count).collect();
        assert_eq!((found.as_slice(), others), (shown, rest), "{counts:?}");
    }

    #[test]
    fn small_cells_and_what_would_tell_them_are_withheld() {
        check(&[9, 8, 7], 10, 5, &[9, 8, 7], Some(0));
        check(&[9, 8, 7], 2, 5, &[9, 8], Some(7));
        check(&[9, 8, 3], 10, 5, &[9], Some(11));
        check(&[9, 8, 3, 1], 10, 5, &[9], Some(12));
        check(&[9, 8, 3, 2], 10, 5, &[9, 8], Some(5));
        check(&[9, 8, 7, 3], 1, 5, &[9], Some(18));
        check(&[9, 3], 10, 5, &[], Some(12));
        check(&[3], 10, 5, &[], None);
        check(&[3, 1], 10, 5, &[], None);
        check(&[3, 2], 10, 5, &[], Some(5));
        check(&[], 10, 5, &[], Some(0));
        check(&[3, 1], 10, 0, &[3, 1], Some(0));
    }

    proptest! {
        #[test]
        fn no_small_cell_can_be_worked_out(mut counts in prop::collection::vec(1_u64..30, 0..12), size in 1_usize..12, k in 2_u64..10) {
            counts.sort_unstable_by(|one, other| other.cmp(one));
            let total: u64 = counts.iter().sum();
            let cells = counts.iter().map(|count| ((), *count)).collect();
            let (shown, others) = shown_cells(cells, size, k);
            prop_assert!(shown.len() <= size && shown.iter().all(|(_, count)| *count >= k));
            let rest = total - shown.iter().map(|(_, count)| *count).sum::<u64>();
            let hidden = counts.len() - shown.len();
            let small = counts.iter().any(|count| *count < k);
            // Either nothing small is hidden, or it hides among others, or nothing is shown at all.
            prop_assert!(!small || (hidden >= 2 && rest >= k) || (shown.is_empty() && others.is_none()));
            prop_assert!(others.is_none_or(|others| others == rest));
        }
    }
}

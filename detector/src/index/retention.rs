//! How long events are kept, what a legal hold keeps longer, and the deletion of what is due.
//!
//! What is due goes by the time of receipt, a slice at a time, so that a forged date keeps nothing and loses nothing.
//! A slice of which everything is due goes as a whole; of others the due events are deleted and their segments written
//! anew, so that no byte of them stays on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use event::{SiteId, Timestamp};
use tantivy::indexer::{IndexWriterOptions, NoMergePolicy};
use tantivy::query::{AllQuery, BooleanQuery, EnableScoring, Occur, Query, RangeQuery, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{IndexWriter, Searcher, Term};

use super::document::Row;
use super::layout::{ID, Layout, SITE};
use super::slice::{Slice, SliceRecord};
use super::{Index, IndexError};

/// The field whose value names an event's dataset.
const DATASET: &str = "event.dataset";
/// Memory of the writer that deletes, in bytes; it adds nothing.
const HEAP_BYTES: usize = 15_000_000;

/// How long events are kept after they were received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Of datasets that `datasets` does not name.
    pub default: Duration,
    /// By `event.dataset`.
    pub datasets: BTreeMap<String, Duration>,
}

/// Events that are kept although they are due: all that every part names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Received at or after.
    pub from: Timestamp,
    /// Received before.
    pub to: Timestamp,
    /// Of these sites; of all when empty.
    pub sites: BTreeSet<SiteId>,
    /// Of these datasets; of all when empty.
    pub datasets: BTreeSet<String>,
}

/// What was deleted from one slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The slice: the start of its time of receipt.
    pub slice: String,
    /// Events deleted.
    pub events: u64,
    /// Their ids, ascending.
    pub ids: Vec<RangeInclusive<u64>>,
    /// Whether the slice is gone as a whole.
    pub whole: bool,
}

impl Index {
    /// Deletes what is due at `now` and not held, oldest slice first. Blocks while segments are written anew.
    ///
    /// `record` is told of each deletion before it is made, and stops everything when it answers `false`. The slice that
    /// was written last stays, whatever its age: it knows where the index goes on.
    ///
    /// # Errors
    /// A slice that cannot be read or written; those before it are done.
    pub fn expire(
        &self,
        now: Timestamp,
        retention: &Retention,
        holds: &[Hold],
        mut record: impl FnMut(&Expired) -> bool,
    ) -> Result<Vec<Expired>, IndexError> {
        let slices = self.slices();
        self.looked().retain(|start, _| slices.iter().any(|slice| slice.start_secs() == *start));
        let newest = slices.iter().map(|slice| slice.record().position).max().unwrap_or(0);
        let mut expired = Vec::new();
        for slice in slices.iter().filter(|slice| slice.record().position < newest) {
            let length = i64::try_from(self.settings.slice_length.as_secs()).unwrap_or(i64::MAX);
            let range = (slice.start_secs(), slice.start_secs().saturating_add(length));
            let due = Due::at(now, range, retention);
            let holds = holds.iter().filter(|hold| hold.touches(range)).cloned().collect();
            let asked = Asked { due, holds, record: slice.record() };
            // What was found to hold nothing that goes is not opened again before something about it changes.
            if matches!(asked.due, Due::Nothing) || self.looked().get(&slice.start_secs()) == Some(&asked) {
                continue;
            }
            let Some((one, query)) = plan(slice, &asked)? else {
                self.looked().insert(slice.start_secs(), asked);
                continue;
            };
            if !record(&one) {
                break;
            }
            self.release(slice.start_secs())?;
            // Before it is gone: what the catalogue does not name is missed by nobody.
            self.shared.catalogue().lower(&slice.name, one.events)?;
            match query {
                None => {
                    self.forget(slice.start_secs());
                    slice.remove()?;
                }
                Some(query) => delete(slice, query, one.events)?,
            }
            expired.push(one);
        }
        Ok(expired)
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was asked of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    due: Due,
    /// The holds that touch it.
    holds: Vec<Hold>,
    /// What it held then.
    record: SliceRecord,
}

/// Slices of which nothing was due, by their start, and what was asked of them then.
pub(crate) type Looked = BTreeMap<i64, Asked>;

/// What to delete of a slice: by a query, or all of it.
type Plan = (Expired, Option<Box<dyn Query>>);

fn plan(slice: &Slice, asked: &Asked) -> Result<Option<Plan>, IndexError> {
    slice.reload()?;
    let opened = slice.open()?;
    let whole = matches!(asked.due, Due::All) && asked.holds.is_empty();
    let Some(query) = asked.due.query(&opened.layout, &asked.holds) else { return Ok(None) };
    let (events, ids) = ids(&opened.searcher(), &*query).map_err(|error| slice.error(error))?;
    let expired = Expired { slice: slice.name.clone(), events, ids, whole };
    Ok((whole || events > 0).then(|| (expired, (!whole).then_some(query))))
}

/// How many events the query finds, and their ids as ranges.
fn ids(searcher: &Searcher, query: &dyn Query) -> tantivy::Result<(u64, Vec<RangeInclusive<u64>>)> {
    let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
    let mut found = Vec::new();
    for reader in searcher.segment_readers() {
        let column = reader.fast_fields().u64(ID)?;
        let alive = reader.alive_bitset();
        weight.for_each_no_score(reader, &mut |docs| {
            let docs = docs.iter().filter(|doc| alive.is_none_or(|alive| alive.is_alive(**doc)));
            found.extend(docs.filter_map(|doc| column.first(*doc)));
        })?;
    }
    found.sort_unstable();
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    for id in &found {
        match ranges.last_mut() {
            Some(last) if last.end().checked_add(1) == Some(*id) => *last = *last.start()..=*id,
            _ => ranges.push(*id..=*id),
        }
    }
    Ok((found.len() as u64, ranges))
}

/// Deletes the events that the query finds, and every byte of them.
fn delete(slice: &Slice, query: Box<dyn Query>, events: u64) -> Result<(), IndexError> {
    let opened = slice.open()?;
    let failed = |error| slice.error(error);
    let options = IndexWriterOptions::builder().num_worker_threads(1).memory_budget_per_thread(HEAP_BYTES).build();
    let mut writer: IndexWriter<Row> = opened.index.writer_with_options(options).map_err(failed)?;
    writer.set_merge_policy(Box::new(NoMergePolicy));
    writer.delete_query(query).map_err(failed)?;
    let mut record = slice.record();
    record.documents = record.documents.saturating_sub(events);
    let payload = serde_json::to_string(&record)
        .map_err(|error| slice.error(tantivy::TantivyError::InternalError(error.to_string())))?;
    let mut prepared = writer.prepare_commit().map_err(failed)?;
    prepared.set_payload(&payload);
    prepared.commit().map_err(failed)?;
    for segment in opened.index.searchable_segment_metas().map_err(failed)? {
        if segment.has_deletes() {
            writer.merge(&[segment.id()]).wait().map_err(failed)?;
        }
    }
    writer.garbage_collect_files().wait().map_err(failed)?;
    writer.wait_merging_threads().map_err(failed)?;
    slice.set_record(record);
    slice.reload()?;
    Ok(())
}

impl Hold {
    /// Whether some of what was received in the range of seconds may be held.
    fn touches(&self, (start, end): (i64, i64)) -> bool {
        self.from.secs() < end && self.to > Timestamp::from_secs(start)
    }

    fn query(&self, layout: &Layout) -> Box<dyn Query> {
        let bound = |time: Timestamp| Term::from_field_i64(layout.received, time.nanos());
        let range =
            RangeQuery::new(std::ops::Bound::Included(bound(self.from)), std::ops::Bound::Excluded(bound(self.to)));
        let mut parts: Vec<(Occur, Box<dyn Query>)> = vec![(Occur::Must, Box::new(range))];
        let sites = self.sites.iter().map(|site| site.as_str());
        let datasets = self.datasets.iter().map(String::as_str);
        parts.extend(any_of(layout, SITE, sites).map(|query| (Occur::Must, query)));
        parts.extend(any_of(layout, DATASET, datasets).map(|query| (Occur::Must, query)));
        Box::new(BooleanQuery::new(parts))
    }
}

/// What of a slice is older than it is kept for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Due {
    Nothing,
    All,
    /// Everything but these datasets.
    AllBut(Vec<String>),
    /// These datasets.
    Only(Vec<String>),
}

impl Due {
    fn at(now: Timestamp, (_, end): (i64, i64), retention: &Retention) -> Self {
        let is_due =
            |kept: Duration| i64::try_from(kept.as_secs()).is_ok_and(|kept| end.saturating_add(kept) <= now.secs());
        let named = |wanted: bool| -> Vec<String> {
            let found = retention.datasets.iter().filter(|(_, kept)| is_due(**kept) == wanted);
            found.map(|(dataset, _)| dataset.clone()).collect()
        };
        match (is_due(retention.default), named(true), named(false)) {
            (true, _, kept) if kept.is_empty() => Self::All,
            (true, _, kept) => Self::AllBut(kept),
            (false, due, _) if due.is_empty() => Self::Nothing,
            (false, due, _) => Self::Only(due),
        }
    }

    /// What to delete; `None` when the slice has no such column.
    fn query(&self, layout: &Layout, holds: &[Hold]) -> Option<Box<dyn Query>> {
        let mut parts: Vec<(Occur, Box<dyn Query>)> = match self {
            Self::Nothing => return None,
            Self::All => vec![(Occur::Must, Box::new(AllQuery))],
            Self::AllBut(kept) => {
                let kept = any_of(layout, DATASET, kept.iter().map(String::as_str))?;
                vec![(Occur::Must, Box::new(AllQuery)), (Occur::MustNot, kept)]
            }
            Self::Only(due) => vec![(Occur::Must, any_of(layout, DATASET, due.iter().map(String::as_str))?)],
        };
        parts.extend(holds.iter().map(|hold| (Occur::MustNot, hold.query(layout))));
        Some(Box::new(BooleanQuery::new(parts)))
    }
}

/// Events whose field has one of the values; `None` when there is no value or no such column.
fn any_of<'v>(layout: &Layout, name: &str, values: impl Iterator<Item = &'v str>) -> Option<Box<dyn Query>> {
    let field = layout.column(name)?.field;
    let term = |value: &str| -> (Occur, Box<dyn Query>) {
        let term = Term::from_field_text(field, value);
        (Occur::Should, Box::new(TermQuery::new(term, IndexRecordOption::Basic)))
    };
    let terms: Vec<_> = values.map(term).collect();
    (!terms.is_empty()).then(|| Box::new(BooleanQuery::new(terms)) as Box<dyn Query>)
}

#[cfg(test)]
mod tests;

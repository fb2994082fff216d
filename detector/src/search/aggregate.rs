//! Aggregations: a histogram over time, and the most frequent values of a field.
//!
//! Columns with a fast field are counted while documents are collected; for any other field the documents of each
//! value in the field's dictionary are counted against the matching ones (slower: it goes through all its values).

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv6Addr;
use std::sync::Arc;

use event::{Permit, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};
use tantivy::columnar::{Column as FastColumn, ColumnValues, StrColumn};
use tantivy::index::SegmentReader;
use tantivy::{BitSet, DocId};

use super::compile::check_field;
use super::scan::{Budget, Spent, Terms, show_address};
use super::show::is_free_text;
use super::target::{Target, rest_terms, target};
use super::value::ValueTest;
use super::{AGGREGATIONS_MAX, Aggregation, BUCKETS_MAX, Bucket, SearchError};
use crate::index::layout::{Column, Kind, Layout, RECEIVED, TIME};

/// Most different values that one terms aggregation counts.
const VALUES_MAX: usize = 500_000;
const SIZE_DEFAULT: usize = 10;

/// One aggregation as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked {
    /// Events by time.
    Histogram { column: &'static str, interval_nanos: i64 },
    /// Events by value.
    Terms { field: String, size: usize },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Form {
    DateHistogram { field: String, interval: String },
    Terms { field: String, size: Option<usize> },
}

/// Reads the request's aggregations and refuses those over fields that are not clear to the permit.
pub(crate) fn read(permit: &Permit, asked: &Map<String, Value>) -> Result<Vec<(String, Asked)>, SearchError> {
    if asked.len() > AGGREGATIONS_MAX {
        return Err(fault("aggregations", format!("at most {AGGREGATIONS_MAX} in one request")));
    }
    asked.iter().map(|(name, form)| Ok((name.clone(), read_one(permit, name, form)?))).collect()
}

fn read_one(permit: &Permit, name: &str, form: &Value) -> Result<Asked, SearchError> {
    let part = format!("aggregations.{name}");
    match Form::deserialize(form).map_err(|error| fault(&part, error.to_string()))? {
        Form::DateHistogram { field, interval } => {
            check_field(permit, &field)?;
            let column = match field.as_str() {
                "@timestamp" => TIME,
                "event.ingested" => RECEIVED,
                _ => return Err(fault(&part, "the field is `@timestamp` or `event.ingested`".to_owned())),
            };
            let interval_nanos = interval_nanos(&interval).ok_or_else(|| {
                fault(&part, format!("interval `{interval}` is not a number with s, m, h, d or w, as in `1h`"))
            })?;
            Ok(Asked::Histogram { column, interval_nanos })
        }
        Form::Terms { field, size } => {
            check_field(permit, &field)?;
            let countable = !is_free_text(&field) && !matches!(field.as_str(), "@timestamp" | "event.ingested" | "_id");
            if !countable {
                return Err(fault(&part, format!("`{field}` cannot be counted by value")));
            }
            let size = size.unwrap_or(SIZE_DEFAULT);
            if size == 0 || size > BUCKETS_MAX {
                return Err(fault(&part, format!("size is 1 to {BUCKETS_MAX}")));
            }
            Ok(Asked::Terms { field, size })
        }
    }
}

fn fault(part: &str, reason: String) -> SearchError {
    SearchError::Request { part: part.to_owned(), reason }
}

fn interval_nanos(text: &str) -> Option<i64> {
    let unit_at = text.find(|found: char| !found.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(unit_at)?;
    let unit_nanos: i64 = match unit {
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        "w" => 604_800_000_000_000,
        _ => return None,
    };
    count.parse::<i64>().ok()?.checked_mul(unit_nanos).filter(|&nanos| nanos > 0)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Int(i64),
    Ip(Ipv6Addr),
    Text(String),
}

/// The counts of one aggregation so far.
pub(crate) struct Counting {
    asked: Asked,
    times: BTreeMap<i64, u64>,
    values: HashMap<Key, u64>,
}

/// What counts the documents of one segment.
pub(crate) struct SegmentCounting {
    source: Source,
    /// Documents that matched, where a dictionary is counted behind them.
    matched: Option<BitSet>,
    behind: Vec<Terms>,
}

enum Source {
    Times { column: Arc<dyn ColumnValues<i64>>, interval: i64, bucket: i64, count: u64, counts: BTreeMap<i64, u64> },
    Texts { column: StrColumn, counts: Vec<u64> },
    Ints { column: FastColumn<i64>, counts: HashMap<i64, u64> },
    Ips { column: FastColumn<Ipv6Addr>, counts: HashMap<Ipv6Addr, u64> },
    None,
}

impl Counting {
    pub(crate) fn new(asked: Asked) -> Self {
        Self { asked, times: BTreeMap::new(), values: HashMap::new() }
    }

    /// Starts on a segment.
    pub(crate) fn segment(&self, layout: &Layout, reader: &SegmentReader) -> tantivy::Result<SegmentCounting> {
        let fast = reader.fast_fields();
        let (source, behind) = match &self.asked {
            Asked::Histogram { column, interval_nanos } => {
                let column = fast.i64(column)?.first_or_default_col(0);
                let (interval, bucket) = (*interval_nanos, i64::MIN);
                (Source::Times { column, interval, bucket, count: 0, counts: BTreeMap::new() }, Vec::new())
            }
            Asked::Terms { field, .. } => {
                let rest = rest_terms(layout, field);
                match target(layout, field) {
                    Target::Column(Column { field: column, kind, fast: is_fast }) => match kind {
                        Kind::Keyword if is_fast => (texts(fast.str(field)?), Vec::new()),
                        Kind::Keyword => (Source::None, vec![Terms { field: column, prefix: Vec::new() }]),
                        Kind::Int => (ints(fast.column_opt(field)?), vec![rest]),
                        Kind::Ip => (ips(fast.column_opt(field)?), vec![rest]),
                    },
                    _ => (Source::None, vec![rest]),
                }
            }
        };
        let matched = (!behind.is_empty()).then(|| BitSet::with_max_value(reader.max_doc()));
        Ok(SegmentCounting { source, matched, behind })
    }

    /// Takes a segment's counts in.
    pub(crate) fn finish(
        &mut self,
        segment: SegmentCounting,
        reader: &SegmentReader,
        budget: &Budget,
    ) -> tantivy::Result<()> {
        match segment.source {
            Source::Times { bucket, count, mut counts, .. } => {
                *counts.entry(bucket).or_default() += count;
                for (bucket, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
                    *self.times.entry(bucket).or_default() += count;
                }
            }
            Source::Texts { column, counts } => {
                let mut text = String::new();
                for (at, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                    if column.ord_to_str(at as u64, &mut text)? {
                        self.add(Key::Text(text.clone()), count, budget)?;
                    }
                }
            }
            Source::Ints { counts, .. } => {
                counts.into_iter().try_for_each(|(value, count)| self.add(Key::Int(value), count, budget))?;
            }
            Source::Ips { counts, .. } => {
                counts.into_iter().try_for_each(|(value, count)| self.add(Key::Ip(value), count, budget))?;
            }
            Source::None => {}
        }
        let Some(matched) = segment.matched else { return Ok(()) };
        for terms in &segment.behind {
            let mut counts: HashMap<String, u64> = HashMap::new();
            terms.walk(reader, &ValueTest::Any, budget, &mut |value, docs| {
                let count = docs.iter().filter(|&&doc| matched.contains(doc)).count() as u64;
                if count > 0 {
                    match counts.get_mut(value) {
                        Some(counted) => *counted += count,
                        None => drop(counts.insert(value.to_owned(), count)),
                    }
                }
            })?;
            counts.into_iter().try_for_each(|(value, count)| self.add(Key::Text(value), count, budget))?;
        }
        Ok(())
    }

    fn add(&mut self, key: Key, count: u64, budget: &Budget) -> Result<(), Spent> {
        *self.values.entry(key).or_default() += count;
        if self.values.len() > VALUES_MAX { budget.too_many() } else { Ok(()) }
    }

    /// The answer.
    pub(crate) fn answer(self, name: &str) -> Result<Aggregation, SearchError> {
        match self.asked {
            Asked::Histogram { interval_nanos, .. } => histogram(name, &self.times, interval_nanos),
            Asked::Terms { size, .. } => Ok(top(self.values, size)),
        }
    }
}

fn texts(column: Option<StrColumn>) -> Source {
    column.map_or(Source::None, |column| {
        let counts = vec![0; column.num_terms()];
        Source::Texts { column, counts }
    })
}

fn ints(column: Option<FastColumn<i64>>) -> Source {
    column.map_or(Source::None, |column| Source::Ints { column, counts: HashMap::new() })
}

fn ips(column: Option<FastColumn<Ipv6Addr>>) -> Source {
    column.map_or(Source::None, |column| Source::Ips { column, counts: HashMap::new() })
}

impl SegmentCounting {
    /// Counts one matching document; a value that it has twice counts once.
    pub(crate) fn take(&mut self, doc: DocId) {
        if let Some(matched) = &mut self.matched {
            matched.insert(doc);
        }
        match &mut self.source {
            Source::Times { column, interval, bucket, count, counts } => {
                let found = column.get_val(doc).div_euclid(*interval);
                if found != *bucket {
                    *counts.entry(*bucket).or_default() += *count;
                    (*bucket, *count) = (found, 0);
                }
                *count += 1;
            }
            Source::Texts { column, counts } => each_once(column.ords().values_for_doc(doc), |ord| {
                if let Some(count) = counts.get_mut(ord as usize) {
                    *count += 1;
                }
            }),
            Source::Ints { column, counts } => {
                each_once(column.values_for_doc(doc), |value| *counts.entry(value).or_default() += 1);
            }
            Source::Ips { column, counts } => {
                each_once(column.values_for_doc(doc), |value| *counts.entry(value).or_default() += 1);
            }
            Source::None => {}
        }
    }
}

fn each_once<T: PartialEq + Copy>(mut values: impl Iterator<Item = T>, mut take: impl FnMut(T)) {
    let Some(first) = values.next() else { return };
    take(first);
    let mut seen: Vec<T> = Vec::new();
    for value in values {
        if value != first && !seen.contains(&value) {
            seen.push(value);
            take(value);
        }
    }
}

/// Every interval from the first to the last with an event, the empty ones between them included.
fn histogram(name: &str, times: &BTreeMap<i64, u64>, interval: i64) -> Result<Aggregation, SearchError> {
    let (Some((&first, _)), Some((&last, _))) = (times.first_key_value(), times.last_key_value()) else {
        return Ok(Aggregation::default());
    };
    if last.abs_diff(first) >= BUCKETS_MAX as u64 {
        let reason = format!("more than {BUCKETS_MAX} intervals; narrow the time range or widen the interval");
        return Err(fault(&format!("aggregations.{name}"), reason));
    }
    let bucket = |at: i64| Bucket {
        key: Value::String(Timestamp::from_nanos(at.saturating_mul(interval)).to_string()),
        count: times.get(&at).copied().unwrap_or(0),
    };
    Ok(Aggregation { buckets: (first..=last).map(bucket).collect(), others: None })
}

fn top(values: HashMap<Key, u64>, size: usize) -> Aggregation {
    let mut values: Vec<(Key, u64)> = values.into_iter().collect();
    values.sort_unstable_by(|(one, count), (other, others)| others.cmp(count).then_with(|| one.cmp(other)));
    let others = values.iter().skip(size).map(|(_, count)| count).sum();
    let bucket = |(key, count)| Bucket {
        key: match key {
            Key::Int(number) => Value::from(number),
            Key::Ip(address) => Value::String(show_address(address)),
            Key::Text(text) => Value::String(text),
        },
        count,
    };
    Aggregation { buckets: values.into_iter().take(size).map(bucket).collect(), others: Some(others) }
}

//! Aggregations: a histogram over time, and the most frequent values of a field.
//!
//! Columns with a fast field are counted while documents are collected; for any other field the documents of each
//! value in the field's dictionary are counted against the matching ones (slower: it goes through all its values).

mod withheld;

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv6Addr;
use std::sync::Arc;

use event::{Counts, Permit, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};
use tantivy::columnar::column_values::CompactSpaceU64Accessor;
use tantivy::columnar::{Column as FastColumn, ColumnType, ColumnValues, StrColumn};
use tantivy::index::SegmentReader;
use tantivy::{BitSet, DocId, TantivyError};

use super::compile::check_field;
use super::scan::{Budget, Terms};
use super::show::is_free_text;
use super::tally::Tally;
use super::target::{Target, rest_terms, target};
use super::twins::Twins;
use super::value::ValueTest;
use super::{AGGREGATIONS_MAX, Aggregation, BUCKETS_MAX, Bucket, SearchError};
use crate::index::from_v6;
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

/// The intervals of the histograms among them.
pub(crate) fn intervals(asked: &[(String, Asked)]) -> Vec<i64> {
    let interval = |(_, asked): &(String, Asked)| match asked {
        Asked::Histogram { interval_nanos, .. } => Some(*interval_nanos),
        Asked::Terms { .. } => None,
    };
    asked.iter().filter_map(interval).collect()
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

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Int(i64),
    Ip(Ipv6Addr),
    Text(String),
}

impl Key {
    fn shown(self) -> Value {
        match self {
            Self::Int(number) => Value::from(number),
            Self::Ip(address) => Value::String(from_v6(address)),
            Self::Text(text) => Value::String(text),
        }
    }
}

/// The counts of one aggregation so far.
pub(crate) struct Counting {
    asked: Asked,
    times: BTreeMap<i64, u64>,
    /// What the segments counted, one after the other, each in order; the same value may be there once a segment.
    values: Vec<(Key, u64)>,
}

/// What counts the documents of one segment.
pub(crate) struct SegmentCounting {
    source: Source,
    /// Documents that matched, where a dictionary is counted behind them.
    matched: Option<BitSet>,
    behind: Vec<Terms>,
    /// Where values lie under the names of other fields.
    twins: Option<Twins>,
}

enum Source {
    Times {
        column: Arc<dyn ColumnValues<i64>>,
        interval: i64,
        bucket: i64,
        count: u64,
        counts: BTreeMap<i64, u64>,
    },
    Texts {
        column: StrColumn,
        counts: Vec<u64>,
    },
    Ints {
        column: FastColumn<i64>,
        tally: Tally,
    },
    /// Addresses by their number among those of the segment.
    Ips {
        column: FastColumn<u64>,
        addresses: Arc<CompactSpaceU64Accessor>,
        tally: Tally,
    },
    None,
}

impl Counting {
    pub(crate) fn new(asked: Asked) -> Self {
        Self { asked, times: BTreeMap::new(), values: Vec::new() }
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
                        Kind::Int => (ints(fast.column_opt(field)?, reader), present(rest, reader)?),
                        Kind::Ip => (ips(field, reader)?, present(rest, reader)?),
                    },
                    _ => (Source::None, present(rest, reader)?),
                }
            }
        };
        let twins = match &self.asked {
            Asked::Terms { field, .. } if matches!(target(layout, field), Target::Rest) => Twins::of(layout, field),
            _ => None,
        };
        let twins = match twins {
            Some(twins) if twins.are_in(reader)? => Some(twins),
            _ => None,
        };
        let behind_columns = !behind.is_empty() || twins.is_some();
        let matched = behind_columns.then(|| BitSet::with_max_value(reader.max_doc()));
        Ok(SegmentCounting { source, matched, behind, twins })
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
                        self.values.push((Key::Text(text.clone()), count));
                    }
                }
            }
            Source::Ints { tally, .. } => {
                let counts = tally.finish().into_iter();
                self.values.extend(counts.map(|(number, count)| (Key::Int(from_ordered(number)), count)));
            }
            Source::Ips { addresses, tally, .. } => {
                let address = |number: u64| Ipv6Addr::from(addresses.compact_to_u128(number as u32));
                let counts = tally.finish().into_iter();
                self.values.extend(counts.map(|(number, count)| (Key::Ip(address(number)), count)));
            }
            Source::None => {}
        }
        if let Some(matched) = segment.matched {
            self.finish_behind(&segment.behind, &matched, reader, budget)?;
            self.finish_twins(segment.twins.as_ref(), &matched, reader, budget)?;
        }
        if self.values.len() > VALUES_MAX {
            self.values = unite(std::mem::take(&mut self.values));
        }
        if self.values.len() > VALUES_MAX { Ok(budget.too_many()?) } else { Ok(()) }
    }

    /// Counts the values of dictionaries against the documents that matched.
    fn finish_behind(
        &mut self,
        behind: &[Terms],
        matched: &BitSet,
        reader: &SegmentReader,
        budget: &Budget,
    ) -> tantivy::Result<()> {
        for terms in behind {
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
            self.values.extend(counts.into_iter().map(|(value, count)| (Key::Text(value), count)));
        }
        Ok(())
    }

    /// Counts the values that lie under the names of other fields.
    fn finish_twins(
        &mut self,
        twins: Option<&Twins>,
        matched: &BitSet,
        reader: &SegmentReader,
        budget: &Budget,
    ) -> tantivy::Result<()> {
        let Some(twins) = twins else { return Ok(()) };
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut look = || budget.check_time().map_err(TantivyError::from);
        twins.walk(reader, &ValueTest::Any, &mut look, &mut |value, docs| {
            let count = docs.iter().filter(|&&doc| matched.contains(doc)).count() as u64;
            if count > 0 {
                match counts.get_mut(value) {
                    Some(counted) => *counted += count,
                    None => drop(counts.insert(value.to_owned(), count)),
                }
            }
        })?;
        self.values.extend(counts.into_iter().map(|(value, count)| (Key::Text(value), count)));
        Ok(())
    }

    /// The answer, as counts may be seen.
    pub(crate) fn answer(self, name: &str, counts: &Counts) -> Result<Aggregation, SearchError> {
        match self.asked {
            Asked::Histogram { interval_nanos, .. } if counts.are_exact() => {
                histogram(name, &self.times, interval_nanos)
            }
            Asked::Histogram { column, interval_nanos } => {
                Ok(withheld::histogram(self.times, column, interval_nanos, counts))
            }
            Asked::Terms { size, .. } if counts.are_exact() => Ok(top(unite(self.values), size)),
            Asked::Terms { field, size } => Ok(withheld::top(unite(self.values), &field, size, counts)),
        }
    }
}

fn texts(column: Option<StrColumn>) -> Source {
    column.map_or(Source::None, |column| {
        let counts = vec![0; column.num_terms()];
        Source::Texts { column, counts }
    })
}

fn ints(column: Option<FastColumn<i64>>, reader: &SegmentReader) -> Source {
    column.map_or(Source::None, |column| {
        let (least, greatest) = (ordered(column.min_value()), ordered(column.max_value()));
        Source::Ints { column, tally: Tally::new(least, greatest, reader.max_doc()) }
    })
}

fn ips(name: &str, reader: &SegmentReader) -> tantivy::Result<Source> {
    let found = reader.fast_fields().u64_lenient_for_type(Some(&[ColumnType::IpAddr]), name)?;
    let Some((column, _)) = found else { return Ok(Source::None) };
    let Ok(addresses) = Arc::clone(&column.values).downcast_arc::<CompactSpaceU64Accessor>() else {
        return Err(TantivyError::InternalError("a column of addresses is of no known form".to_owned()));
    };
    if column.values.num_vals() == 0 {
        return Ok(Source::None);
    }
    let tally = Tally::new(column.min_value(), column.max_value(), reader.max_doc());
    Ok(Source::Ips { column, addresses, tally })
}

/// A dictionary, where it has any value of its name.
fn present(terms: Terms, reader: &SegmentReader) -> tantivy::Result<Vec<Terms>> {
    let inverted = reader.inverted_index(terms.field)?;
    let mut stream = inverted.terms().range().ge(&terms.prefix).into_stream()?;
    let there = stream.advance() && stream.key().starts_with(&terms.prefix);
    Ok(if there { vec![terms] } else { Vec::new() })
}

/// A signed number as an unsigned one of the same order.
fn ordered(number: i64) -> u64 {
    number.cast_unsigned() ^ (1 << 63)
}

fn from_ordered(number: u64) -> i64 {
    (number ^ (1 << 63)).cast_signed()
}

impl SegmentCounting {
    /// Counts matching documents; a value that one of them has twice counts once.
    pub(crate) fn take(&mut self, docs: &[DocId]) {
        if let Some(matched) = &mut self.matched {
            for &doc in docs {
                matched.insert(doc);
            }
        }
        match &mut self.source {
            Source::Times { column, interval, bucket, count, counts } => {
                for &doc in docs {
                    let found = column.get_val(doc).div_euclid(*interval);
                    if found != *bucket {
                        *counts.entry(*bucket).or_default() += *count;
                        (*bucket, *count) = (found, 0);
                    }
                    *count += 1;
                }
            }
            Source::Texts { column, counts } => each_value(column.ords(), docs, |ord| {
                if let Some(count) = counts.get_mut(ord as usize) {
                    *count += 1;
                }
            }),
            Source::Ints { column, tally } => each_value(column, docs, |value| tally.take(ordered(value))),
            Source::Ips { column, tally, .. } => each_value(column, docs, |number| tally.take(number)),
            Source::None => {}
        }
    }
}

fn each_value<T>(column: &FastColumn<T>, docs: &[DocId], mut take: impl FnMut(T))
where
    T: PartialOrd + Copy + std::fmt::Debug + Send + Sync + 'static,
{
    docs.iter().for_each(|&doc| each_once(column.values_for_doc(doc), &mut take));
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

/// The counts of the same value put together. The sort is one that makes use of what is in order already.
fn unite(mut values: Vec<(Key, u64)>) -> Vec<(Key, u64)> {
    values.sort_by(|(one, _), (other, _)| one.cmp(other));
    values.dedup_by(|(key, count), (before, sum)| {
        let same = key == before;
        if same {
            *sum += *count;
        }
        same
    });
    values
}

fn top(mut values: Vec<(Key, u64)>, size: usize) -> Aggregation {
    let order =
        |(one, count): &(Key, u64), (other, others): &(Key, u64)| others.cmp(count).then_with(|| one.cmp(other));
    let mut others = 0;
    if values.len() > size {
        values.select_nth_unstable_by(size, order);
        others = values.drain(size..).map(|(_, count)| count).sum();
    }
    values.sort_unstable_by(order);
    let bucket = |(key, count): (Key, u64)| Bucket { key: key.shown(), count };
    Aggregation { buckets: values.into_iter().map(bucket).collect(), others: Some(others) }
}

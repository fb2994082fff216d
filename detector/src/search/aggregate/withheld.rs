//! Aggregations where counts are withheld below a threshold, or have noise.

use std::collections::BTreeMap;

use event::{Counts, Timestamp};
use serde_json::Value;

use super::Key;
use crate::search::threshold::{noisy, shown_cells};
use crate::search::{Aggregation, BUCKETS_MAX, Bucket};

/// The intervals with as many events as may be told, in order of time. One without events looks like one with few.
pub(super) fn histogram(times: BTreeMap<i64, u64>, column: &str, interval: i64, counts: &Counts) -> Aggregation {
    let mut cells: Vec<(i64, u64)> = times.into_iter().collect();
    cells.sort_by(|(one, first), (other, second)| second.cmp(first).then_with(|| one.cmp(other)));
    let (mut shown, _) = shown_cells(cells, BUCKETS_MAX, counts.at_least);
    shown.sort_unstable();
    let bucket = |(at, count): (i64, u64)| {
        let key = Timestamp::from_nanos(at.saturating_mul(interval)).to_string();
        let count = noisy(counts, &format!("{column}\0{interval}\0{key}"), count);
        Bucket { key: Value::String(key), count }
    };
    Aggregation { buckets: shown.into_iter().map(bucket).collect(), others: None }
}

/// The most frequent values among those with as many events as may be told.
pub(super) fn top(mut values: Vec<(Key, u64)>, field: &str, size: usize, counts: &Counts) -> Aggregation {
    values.sort_by(|(one, first), (other, second)| second.cmp(first).then_with(|| one.cmp(other)));
    let (shown, others) = shown_cells(values, size, counts.at_least);
    let bucket = |(key, count): (Key, u64)| {
        let key = key.shown();
        let count = noisy(counts, &format!("{field}\0{key}"), count);
        Bucket { key, count }
    };
    let mut buckets: Vec<Bucket> = shown.into_iter().map(bucket).collect();
    // Noise may change the order; keeping the old one would tell it.
    buckets.sort_by_key(|bucket| std::cmp::Reverse(bucket.count));
    let others = others.map(|count| if count == 0 { 0 } else { noisy(counts, &format!("{field}\0others"), count) });
    Aggregation { buckets, others }
}

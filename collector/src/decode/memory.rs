//! What each source sends: the format of its last record, and counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use event::{SourceId, Timestamp};
use metrics::{Counter, counter};

use super::{FORMATS, PLAIN, format_name};

/// Sources that are remembered one by one; those that come later share one memory, called `other`.
const SOURCES_MAX: usize = 10_000;
/// Sources with a metric of their own; the label of the others is `other`.
const LABELS_MAX: usize = 1_000;
const NONE: usize = usize::MAX;
/// Differences between received and claimed time that are remembered of a source, one a second at most.
const SKEWS: usize = 31;
/// So many say something.
const SKEWS_MIN: usize = 8;

/// The sources seen since the start.
#[derive(Debug)]
pub(crate) struct Memory {
    sources: RwLock<HashMap<SourceId, Arc<Seen>>>,
    other: Arc<Seen>,
    formats: [OnceLock<Counter>; FORMATS + 1],
}

impl Default for Memory {
    fn default() -> Self {
        let other = Arc::new(Seen::new("other".to_owned()));
        Self { sources: RwLock::default(), other, formats: [const { OnceLock::new() }; FORMATS + 1] }
    }
}

/// One source.
#[derive(Debug)]
pub(crate) struct Seen {
    label: String,
    last: AtomicUsize,
    counts: [AtomicU64; FORMATS + 1],
    undecoded: AtomicU64,
    absurd_times: AtomicU64,
    truncated: AtomicU64,
    undecoded_total: OnceLock<Counter>,
    skews: Skews,
}

/// Received minus claimed time, in milliseconds, of the last records that said one.
#[derive(Debug)]
struct Skews {
    ring: [AtomicI64; SKEWS],
    count: AtomicUsize,
    /// The second of the last.
    last: AtomicI64,
}

impl Default for Skews {
    fn default() -> Self {
        Self { ring: [const { AtomicI64::new(0) }; SKEWS], count: AtomicUsize::new(0), last: AtomicI64::new(i64::MIN) }
    }
}

impl Skews {
    fn note(&self, received: Timestamp, claimed: Timestamp) {
        // One of a second: what a line held back comes in a heap and would outvote the rest.
        if self.last.swap(received.secs(), Ordering::Relaxed) == received.secs() {
            return;
        }
        let at = self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(place) = self.ring.get(at % SKEWS) {
            place.store(received.millis().saturating_sub(claimed.millis()), Ordering::Relaxed);
        }
    }

    fn median(&self) -> Option<i64> {
        let count = self.count.load(Ordering::Relaxed).min(SKEWS);
        let mut all: Vec<i64> = self.ring.iter().take(count).map(|one| one.load(Ordering::Relaxed)).collect();
        all.sort_unstable();
        all.get(count / 2).copied().filter(|_| count >= SKEWS_MIN)
    }
}

impl Memory {
    /// The memory of `source`.
    pub(crate) fn of(&self, source: &SourceId) -> Arc<Seen> {
        if let Some(seen) = self.sources.read().unwrap_or_else(PoisonError::into_inner).get(source) {
            return Arc::clone(seen);
        }
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= SOURCES_MAX && !sources.contains_key(source) {
            return Arc::clone(&self.other);
        }
        let label = if sources.len() < LABELS_MAX { source.to_string() } else { "other".to_owned() };
        Arc::clone(sources.entry(source.clone()).or_insert_with(|| Arc::new(Seen::new(label))))
    }

    /// Counts a record of `seen` that was understood.
    pub(crate) fn understood(&self, seen: &Seen, format: usize) {
        if seen.last.load(Ordering::Relaxed) != format {
            seen.last.store(format, Ordering::Relaxed);
        }
        if let Some(count) = seen.counts.get(format) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(total) = self.formats.get(format) {
            let name = format_name(format);
            total.get_or_init(|| counter!("metrosoc_records_decoded_total", "format" => name)).increment(1);
        }
    }

    /// What is known of one source: records that nothing understood, and the skew of its clock in milliseconds.
    pub(crate) fn understanding(&self, source: &SourceId) -> Option<(u64, Option<i64>)> {
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        sources.get(source).map(|seen| (seen.undecoded.load(Ordering::Relaxed), seen.skews.median()))
    }

    /// What every source sent.
    pub(crate) fn list(&self) -> Vec<SourceFormats> {
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<_> = sources.iter().map(|(source, seen)| seen.list(source.as_str())).collect();
        list.sort_by(|one, two| one.source.cmp(&two.source));
        list.extend(Some(self.other.list("other")).filter(|other| other.undecoded > 0 || !other.formats.is_empty()));
        list
    }
}

impl Seen {
    fn new(label: String) -> Self {
        Self {
            label,
            last: AtomicUsize::new(NONE),
            counts: [const { AtomicU64::new(0) }; FORMATS + 1],
            undecoded: AtomicU64::new(0),
            absurd_times: AtomicU64::new(0),
            truncated: AtomicU64::new(0),
            undecoded_total: OnceLock::new(),
            skews: Skews::default(),
        }
    }

    /// A record that was first received at one time says that it is of another.
    pub(crate) fn claimed(&self, received: Timestamp, claimed: Timestamp) {
        self.skews.note(received, claimed);
    }

    /// The format of its last record.
    pub(crate) fn last(&self) -> Option<usize> {
        Some(self.last.load(Ordering::Relaxed)).filter(|last| *last < PLAIN)
    }

    /// Counts a record that nothing understood; tells by the count whether it is worth a line in our own log.
    pub(crate) fn not_understood(&self, fault: &'static str) {
        let count = self.undecoded.fetch_add(1, Ordering::Relaxed) + 1;
        let new = || counter!("metrosoc_records_undecoded_total", "source" => self.label.clone());
        self.undecoded_total.get_or_init(new).increment(1);
        if count.is_power_of_two() {
            tracing::warn!(source = %self.label, count, fault, "records kept that no decoder understands");
        }
    }

    /// Counts a time that no event of this record can have.
    pub(crate) fn absurd_time(&self) {
        let count = self.absurd_times.fetch_add(1, Ordering::Relaxed) + 1;
        counter!("metrosoc_records_time_rejected_total", "source" => self.label.clone()).increment(1);
        if count.is_power_of_two() {
            tracing::warn!(source = %self.label, count, "times rejected: before the oldest or after the latest allowed");
        }
    }

    /// Counts a record of which only the beginning is kept.
    pub(crate) fn truncated(&self) {
        let count = self.truncated.fetch_add(1, Ordering::Relaxed) + 1;
        counter!("metrosoc_records_truncated_total", "source" => self.label.clone()).increment(1);
        if count.is_power_of_two() {
            tracing::warn!(source = %self.label, count, "records cut off at the bound");
        }
    }

    fn list(&self, source: &str) -> SourceFormats {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).enumerate();
        let mut formats: Vec<(&'static str, u64)> = Vec::new();
        for (number, count) in counts.filter(|(_, count)| *count > 0) {
            let name = format_name(number);
            match formats.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += count,
                None => formats.push((name, count)),
            }
        }
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SourceFormats {
            source: source.to_owned(),
            formats,
            undecoded: load(&self.undecoded),
            absurd_times: load(&self.absurd_times),
            truncated: load(&self.truncated),
        }
    }
}

/// What one source sent since the start.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SourceFormats {
    /// The source, or `other` for those beyond the first ten thousand.
    pub source: String,
    /// Formats with the number of records.
    pub formats: Vec<(&'static str, u64)>,
    /// Records kept that nothing understood.
    pub undecoded: u64,
    /// Records whose own time was rejected.
    pub absurd_times: u64,
    /// Records of which only the beginning is kept.
    pub truncated: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_counted_and_bounded() {
        let memory = Memory::default();
        for number in 0..SOURCES_MAX + 5 {
            let seen = memory.of(&SourceId::new(format!("udp:{number}")).unwrap());
            memory.understood(&seen, PLAIN);
            seen.not_understood("x");
        }
        let list = memory.list();
        assert_eq!(list.len(), SOURCES_MAX + 1);
        let other = list.last().unwrap();
        assert_eq!(
            (other.source.as_str(), other.undecoded, other.formats.as_slice()),
            ("other", 5, &[("system.syslog", 5)][..])
        );
        let first = memory.of(&SourceId::new("udp:0").unwrap());
        assert_eq!(first.last(), None);
        memory.understood(&first, 2);
        assert_eq!(first.last(), Some(2));
    }

    #[test]
    fn the_clock_of_a_source_is_the_median_of_late() {
        let memory = Memory::default();
        let id = SourceId::new("udp:1").unwrap();
        let seen = memory.of(&id);
        let at = |secs: i64| Timestamp::from_secs(1_793_664_000 + secs);
        for second in 0..7 {
            seen.claimed(at(second), at(second - 10));
        }
        assert_eq!(memory.understanding(&id), Some((0, None)), "seven are too few");
        (0..1_000).for_each(|_| seen.claimed(at(7), at(-90_000)));
        assert_eq!(memory.understanding(&id), Some((0, Some(10_000))), "a heap in one second is one");
        (8..80).for_each(|second| seen.claimed(at(second), at(second + 400)));
        assert_eq!(memory.understanding(&id), Some((0, Some(-400_000))));
        assert_eq!(memory.understanding(&SourceId::new("udp:2").unwrap()), None);
    }
}

//! The alerts that findings would have become: as `alert::group` groups them, nobody closing one in between.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use event::{Finding, Timestamp};
use ring::digest::{SHA256, digest};

use crate::alert::key_of;

/// Most different keys; findings of further ones are not counted, and the answer says so.
const KEYS_MAX: usize = 1_000_000;

/// The first and the last finding of an alert, in nanoseconds.
type Span = (i64, i64);

/// Alerts by their key, in whatever order findings come.
#[derive(Debug)]
pub(super) struct AlertCount {
    window: i64,
    keys: HashMap<[u8; 16], Vec<Span>>,
    /// Whether there were more keys than can be remembered.
    pub(super) is_truncated: bool,
}

impl AlertCount {
    /// No alert; findings of one key at most `window` apart belong together.
    pub(super) fn new(window: Duration) -> Self {
        let window = i64::try_from(window.as_nanos()).unwrap_or(i64::MAX);
        Self { window, keys: HashMap::new(), is_truncated: false }
    }

    /// Counts a finding in.
    pub(super) fn take(&mut self, finding: &Finding) {
        let digest = digest(&SHA256, key_of(finding).as_bytes());
        let mut key = [0; 16];
        key.iter_mut().zip(digest.as_ref()).for_each(|(own, byte)| *own = *byte);
        let time = finding.time.nanos();
        self.add(key, (time, time));
    }

    /// Counts in what another one counted.
    pub(super) fn merge(&mut self, other: Self) {
        self.is_truncated |= other.is_truncated;
        for (key, spans) in other.keys {
            spans.into_iter().for_each(|span| self.add(key, span));
        }
    }

    fn add(&mut self, key: [u8; 16], new: Span) {
        if self.keys.len() >= KEYS_MAX && !self.keys.contains_key(&key) {
            self.is_truncated = true;
            return;
        }
        let window = self.window;
        let is_near = |span: &Span| span.0 <= new.1.saturating_add(window) && new.0 <= span.1.saturating_add(window);
        let spans = self.keys.entry(key).or_default();
        let mut joined = new;
        spans.retain(|span| {
            let near = is_near(span);
            if near {
                joined = (joined.0.min(span.0), joined.1.max(span.1));
            }
            !near
        });
        spans.push(joined);
    }

    /// How many alerts there are, by the day on which each begins.
    pub(super) fn by_day(&self, day_of: impl Fn(Timestamp) -> String) -> BTreeMap<String, u64> {
        let mut days = BTreeMap::new();
        for (first, _) in self.keys.values().flatten() {
            *days.entry(day_of(Timestamp::from_nanos(*first))).or_insert(0) += 1;
        }
        days
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(spans: &[Span]) -> usize {
        let mut alerts = AlertCount::new(Duration::from_nanos(10));
        spans.iter().for_each(|span| alerts.add([0; 16], *span));
        alerts.keys.values().map(Vec::len).sum()
    }

    #[test]
    fn findings_close_in_time_are_one_alert_in_any_order() {
        assert_eq!(count(&[(0, 0), (10, 10), (20, 20)]), 1);
        assert_eq!(count(&[(20, 20), (0, 0), (10, 10)]), 1);
        assert_eq!(count(&[(0, 0), (11, 11)]), 2);
        assert_eq!(count(&[(0, 0), (30, 30), (10, 20)]), 1);
    }
}

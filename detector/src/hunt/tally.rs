//! Counting findings: by day, site and rule, the newest ones kept as samples.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use event::{Event, EventId, Finding, RuleId, SiteId, Timestamp};
use jiff::tz::TimeZone;

use super::alerts::AlertCount;
use super::answer::{Counted, DayCount, RuleCount, Sample, SiteCount};

/// Most days and most sites that are counted apart.
const ROWS_MAX: usize = 4_096;
const DAY_NANOS: i64 = 86_400_000_000_000;

/// What is wanted of findings.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The rules that are asked about; others only feed them.
    pub(super) rules: HashSet<RuleId>,
    /// Least and greatest time of a finding.
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Most samples.
    pub(super) samples: usize,
    pub(super) zone: TimeZone,
    pub(super) window: Duration,
}

/// A finding kept as a sample: newest first, then by event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    time: Timestamp,
    events: Vec<EventId>,
    rule: RuleId,
    matched: Vec<String>,
}

/// Counts of some findings.
#[derive(Debug, Default)]
struct Counts {
    total: u64,
    by_day: HashMap<i64, u64>,
    by_site: HashMap<Option<SiteId>, u64>,
    by_rule: BTreeMap<RuleId, u64>,
    samples: BinaryHeap<Reverse<Kept>>,
    is_truncated: bool,
}

/// What was found by one who goes through events.
#[derive(Debug)]
pub(super) struct Tally {
    wanted: Wanted,
    seen: Counts,
    hidden: Counts,
    pub(super) alerts: AlertCount,
}

impl Tally {
    /// Nothing found yet.
    pub(super) fn new(wanted: Wanted) -> Self {
        let alerts = AlertCount::new(wanted.window);
        Self { wanted, seen: Counts::default(), hidden: Counts::default(), alerts }
    }

    /// Takes a finding that is seen; says whether it counts.
    pub(super) fn see(&mut self, finding: &Finding) -> bool {
        if !self.wanted.counts(&finding.rule.id, finding.time) {
            return false;
        }
        self.alerts.take(finding);
        let events: Vec<EventId> = finding.events().collect();
        let kept = |time| Kept { time, events, rule: finding.rule.id.clone(), matched: finding.matched.clone() };
        self.seen.take(&self.wanted, &finding.rule.id, finding.time, finding.entities.site.as_ref(), kept);
        true
    }

    /// Takes a match that an exception hides.
    pub(super) fn hide(&mut self, rule: &RuleId, event: &Event) {
        let time = event.timestamp();
        if !self.wanted.counts(rule, time) {
            return;
        }
        let site = event.origin.as_ref().map(|origin| &origin.site);
        let kept = |time| Kept { time, events: vec![event.id], rule: rule.clone(), matched: Vec::new() };
        self.hidden.take(&self.wanted, rule, time, site, kept);
    }

    /// The day of a time, counted from 1970-01-01 in the zone.
    pub(super) fn day(&self, time: Timestamp) -> i64 {
        self.wanted.day(time)
    }

    /// Adds what another one found.
    pub(super) fn merge(&mut self, other: Self) {
        self.seen.merge(other.seen, self.wanted.samples);
        self.hidden.merge(other.hidden, self.wanted.samples);
        self.alerts.merge(other.alerts);
    }

    /// Seen and hidden, and whether days or sites are missing.
    pub(super) fn finish(self) -> (Counted, Counted, AlertCount, bool) {
        let is_truncated = self.seen.is_truncated || self.hidden.is_truncated;
        (self.seen.counted(), self.hidden.counted(), self.alerts, is_truncated)
    }
}

impl Wanted {
    fn counts(&self, rule: &RuleId, time: Timestamp) -> bool {
        (self.from..=self.to).contains(&time) && self.rules.contains(rule)
    }

    fn day(&self, time: Timestamp) -> i64 {
        let offset = i64::from(self.zone.to_offset(time.to_jiff()).seconds()) * 1_000_000_000;
        time.nanos().saturating_add(offset).div_euclid(DAY_NANOS)
    }
}

/// A day as it is written.
pub(super) fn day_text(day: i64) -> String {
    let start = Timestamp::from_nanos(day.saturating_mul(DAY_NANOS));
    start.to_jiff().strftime("%Y-%m-%d").to_string()
}

impl Counts {
    fn take(
        &mut self,
        wanted: &Wanted,
        rule: &RuleId,
        time: Timestamp,
        site: Option<&SiteId>,
        kept: impl FnOnce(Timestamp) -> Kept,
    ) {
        self.total += 1;
        self.count_day(wanted.day(time), 1);
        self.count_site(site.cloned(), 1);
        match self.by_rule.get_mut(rule) {
            Some(count) => *count += 1,
            None => drop(self.by_rule.insert(rule.clone(), 1)),
        }
        let is_newer = self.samples.peek().is_none_or(|Reverse(oldest)| time >= oldest.time);
        if self.samples.len() < wanted.samples || (is_newer && wanted.samples > 0) {
            self.keep(kept(time), wanted.samples);
        }
    }

    fn keep(&mut self, kept: Kept, samples: usize) {
        self.samples.push(Reverse(kept));
        if self.samples.len() > samples {
            self.samples.pop();
        }
    }

    fn count_day(&mut self, day: i64, count: u64) {
        if self.by_day.len() >= ROWS_MAX && !self.by_day.contains_key(&day) {
            self.is_truncated = true;
            return;
        }
        *self.by_day.entry(day).or_default() += count;
    }

    fn count_site(&mut self, site: Option<SiteId>, count: u64) {
        if self.by_site.len() >= ROWS_MAX && !self.by_site.contains_key(&site) {
            self.is_truncated = true;
            return;
        }
        *self.by_site.entry(site).or_default() += count;
    }

    fn merge(&mut self, other: Self, samples: usize) {
        self.total += other.total;
        self.is_truncated |= other.is_truncated;
        other.by_day.into_iter().for_each(|(day, count)| self.count_day(day, count));
        other.by_site.into_iter().for_each(|(site, count)| self.count_site(site, count));
        for (rule, count) in other.by_rule {
            *self.by_rule.entry(rule).or_default() += count;
        }
        other.samples.into_iter().for_each(|Reverse(kept)| self.keep(kept, samples));
    }

    fn counted(self) -> Counted {
        let mut days: Vec<(i64, u64)> = self.by_day.into_iter().collect();
        days.sort_unstable();
        let site = |site: Option<SiteId>| site.map_or_else(|| "-".to_owned(), |site| site.as_str().to_owned());
        let mut by_site: Vec<SiteCount> =
            self.by_site.into_iter().map(|(id, count)| SiteCount { site: site(id), count }).collect();
        by_site.sort_by(|one, other| (Reverse(one.count), &one.site).cmp(&(Reverse(other.count), &other.site)));
        let mut by_rule: Vec<RuleCount> =
            self.by_rule.into_iter().map(|(rule, count)| RuleCount { rule, count }).collect();
        by_rule.sort_by_key(|one| Reverse(one.count));
        let mut samples: Vec<Kept> = self.samples.into_iter().map(|Reverse(kept)| kept).collect();
        samples.sort_by(|one, other| other.cmp(one));
        let sample = |kept: Kept| Sample {
            rule: kept.rule,
            time: kept.time,
            events: kept.events,
            matched: kept.matched,
            hit: None,
        };
        Counted {
            total: self.total,
            by_day: days.into_iter().map(|(day, count)| DayCount { day: day_text(day), count }).collect(),
            by_site,
            by_rule,
            samples: samples.into_iter().map(sample).collect(),
        }
    }
}

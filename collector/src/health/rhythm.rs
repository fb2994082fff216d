//! The rhythm of one source: what is usual, and whether it still holds.

use std::time::Duration;

use event::{SiteId, Timestamp};

use super::bounds::Bounds;
use super::gaps::Gaps;
use super::state::State;
use super::week::{Week, hour_of};
use super::window::{Measured, Window};

/// How long the mean of the recent volume looks back, in seconds.
const RECENT_SECS: f64 = 3_600.0;
/// An hour counts when at least this much of it was watched, in seconds.
const HOUR_WATCHED_SECS_MIN: f64 = 2_700.0;
/// Longest gap that is learnt of an hour in which nothing came, in seconds.
const GAP_SECS_MAX: f64 = 86_400.0;
/// Longest window of volume, in seconds.
const WINDOW_SECS_MAX: f64 = 6.0 * 3_600.0;

/// What was heard of a source since the last look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Heard {
    /// Records.
    pub(super) records: u64,
    /// When the last of them came.
    pub(super) last: Timestamp,
    /// Records that nothing understood.
    pub(super) undecoded: u64,
    /// Received minus claimed time, the median of late, in milliseconds.
    pub(super) skew_ms: Option<i64>,
}

/// How much comes, against what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Volume {
    #[default]
    Usual,
    Less,
    More,
}

/// The hour that is being watched.
#[derive(Debug, Clone, PartialEq, Default)]
struct Hour {
    number: i64,
    from: Timestamp,
    events: u64,
    gaps: Gaps,
}

/// What is known of one source. About 2.3 KiB.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rhythm {
    pub(super) site: SiteId,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) arrivals: u32,
    pub(super) records: u64,
    pub(super) undecoded: u64,
    pub(super) skew_ms: Option<i64>,
    pub(super) gaps: Gaps,
    pub(super) week: Week,
    /// Events a second, a mean that fades within an hour, and how many seconds are in it.
    pub(super) recent: f64,
    pub(super) recent_secs: f64,
    pub(super) is_silent: bool,
    pub(super) volume: Volume,
    /// What was told of it last.
    pub(super) told: State,
    /// Since when it is in its state.
    pub(super) state: State,
    pub(super) since: Timestamp,
    /// When it was looked at last.
    pub(super) looked: Timestamp,
    hour: Hour,
    window: Window,
}

impl Rhythm {
    pub(super) fn new(site: SiteId, now: Timestamp) -> Self {
        Self {
            site,
            first: now,
            last: now,
            arrivals: 0,
            records: 0,
            undecoded: 0,
            skew_ms: None,
            gaps: Gaps::default(),
            week: Week::default(),
            recent: 0.0,
            recent_secs: 0.0,
            is_silent: false,
            volume: Volume::Usual,
            told: State::Learning,
            state: State::Learning,
            since: now,
            looked: Timestamp::MIN,
            hour: Hour::default(),
            window: Window::default(),
        }
    }

    /// Nobody watched until `now`: neither the silence nor the volume of that time counts.
    pub(super) fn resume(&mut self, now: Timestamp) {
        self.window.clear();
        self.hour = Hour { number: hour_of(now), from: now, ..Hour::default() };
    }

    /// Takes in what was heard; `resumed` is since when somebody watches without a pause.
    pub(super) fn look(&mut self, heard: &Heard, now: Timestamp, resumed: Timestamp, bounds: &Bounds) {
        self.turn_hour(now);
        if heard.records > 0 {
            self.arrive(heard, resumed);
        }
        self.undecoded += heard.undecoded;
        self.skew_ms = heard.skew_ms.or(self.skew_ms);
        if let Some(measured) = self.window.take(heard.records, now, self.window_length(now, bounds)) {
            self.compare(measured, now, bounds);
        }
        self.fall_silent(now, resumed, bounds);
        let state = self.judge(bounds);
        if state != self.state {
            (self.state, self.since) = (state, now);
        }
    }

    /// Whether enough is known for a verdict.
    pub(super) fn is_learnt(&self, bounds: &Bounds) -> bool {
        self.arrivals >= bounds.learn_arrivals_min && self.last.since(self.first) >= bounds.learn_min
    }

    /// The interval that nineteen of twenty arrivals keep within: of late, or at this hour of the week, whichever is longer.
    pub(super) fn usual_secs(&self, now: Timestamp) -> Option<f64> {
        let recent = self.gaps.usual().map(f64::from);
        let hour = self.week.at(hour_of(now)).map(|cell| f64::from(cell.gap_secs));
        recent.map(|recent| recent.max(hour.unwrap_or(0.0)))
    }

    /// The silence after which it counts as silent.
    pub(super) fn deadline(&self, now: Timestamp, bounds: &Bounds) -> Option<Duration> {
        let usual = self.usual_secs(now)?;
        Some(bounds.silence_min.max(Duration::from_secs_f64(usual * f64::from(bounds.intervals))))
    }

    /// Events a second that are expected: the least and the most that the hour of the week and the last hour say.
    pub(super) fn expected(&self, now: Timestamp, bounds: &Bounds) -> Option<(f64, f64)> {
        let hour = self.week.at(hour_of(now)).map(|cell| f64::from(cell.events) / 3_600.0);
        let window = self.window_length(now, bounds).as_secs_f64();
        let recent = Some(self.recent).filter(|_| self.recent_secs >= 3.0 * window);
        match (hour, recent) {
            (Some(hour), Some(recent)) => Some((hour.min(recent), hour.max(recent))),
            (hour, recent) => hour.or(recent).map(|only| (only, only)),
        }
    }

    fn window_length(&self, now: Timestamp, bounds: &Bounds) -> Duration {
        let usual = self.usual_secs(now).unwrap_or(0.0) * f64::from(bounds.intervals);
        bounds.window_min.max(Duration::from_secs_f64(usual.min(WINDOW_SECS_MAX)))
    }

    fn arrive(&mut self, heard: &Heard, resumed: Timestamp) {
        if self.arrivals > 0 && self.last >= resumed && heard.last > self.last {
            let gap = heard.last.since(self.last).as_secs_f32();
            self.gaps.push(gap);
            self.hour.gaps.push(gap);
        }
        if self.arrivals == 0 {
            self.first = heard.last;
        }
        self.last = self.last.max(heard.last);
        self.arrivals = self.arrivals.saturating_add(1);
        self.records += heard.records;
        self.hour.events += heard.records;
        self.is_silent = false;
    }

    /// At the end of an hour that was watched, what is usual at it is learnt.
    fn turn_hour(&mut self, now: Timestamp) {
        let number = hour_of(now);
        if number == self.hour.number {
            return;
        }
        let before = std::mem::replace(&mut self.hour, Hour { number, from: now, ..Hour::default() });
        let watched = now.since(before.from).as_secs_f64().min(3_600.0);
        if before.number + 1 != number || watched < HOUR_WATCHED_SECS_MIN || self.arrivals == 0 {
            return;
        }
        let quiet = now.since(self.last).as_secs_f64().min(GAP_SECS_MAX) as f32;
        let gap = before.gaps.usual().unwrap_or(quiet);
        self.week.learn(before.number, (before.events as f64 * 3_600.0 / watched) as f32, gap);
    }

    /// Compares a window with what is usual, and then takes its newest part into the mean.
    fn compare(&mut self, measured: Measured, now: Timestamp, bounds: &Bounds) {
        if let Some((least, most)) = self.expected(now, bounds).filter(|_| self.is_learnt(bounds)) {
            let (least, most) = (least * measured.secs, most * measured.secs);
            let (down, up) = (f64::from(bounds.drop_factor), f64::from(bounds.surge_factor));
            let is_drop = least >= f64::from(bounds.drop_events_min) && measured.events * down < least;
            let is_surge = measured.events >= f64::from(bounds.surge_events_min) && measured.events > most * up;
            self.volume = match self.volume {
                // What ends altogether is silence, which has its own bound.
                _ if is_drop && measured.newest > 0.0 => Volume::Less,
                _ if is_surge => Volume::More,
                Volume::Less if measured.events * 2.0 < least => Volume::Less,
                Volume::More if measured.events * 2.0 > most * up => Volume::More,
                _ => Volume::Usual,
            };
        }
        self.recent_secs = (self.recent_secs + measured.newest_secs).min(RECENT_SECS);
        let weight = measured.newest_secs / self.recent_secs;
        self.recent += weight * (measured.newest / measured.newest_secs - self.recent);
    }

    fn fall_silent(&mut self, now: Timestamp, resumed: Timestamp, bounds: &Bounds) {
        if self.is_silent || !self.is_learnt(bounds) {
            return;
        }
        let quiet = now.since(self.last.max(resumed));
        if self.deadline(now, bounds).is_some_and(|deadline| quiet > deadline) {
            self.is_silent = true;
            self.volume = Volume::Usual;
            self.window.clear();
        }
    }

    fn judge(&self, bounds: &Bounds) -> State {
        let is_skewed = self.skew_ms.is_some_and(|skew| u128::from(skew.unsigned_abs()) >= bounds.skew_max.as_millis());
        match self.volume {
            _ if self.is_silent => State::Silent,
            Volume::Less => State::Drop,
            Volume::More => State::Surge,
            Volume::Usual if is_skewed => State::Skewed,
            Volume::Usual if self.is_learnt(bounds) => State::Ok,
            Volume::Usual => State::Learning,
        }
    }
}

#[cfg(test)]
mod tests;

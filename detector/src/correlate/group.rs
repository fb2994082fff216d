//! One group of a correlation: its hits and when it fired.

use super::key::Distinct;
use super::plan::Planned;
use super::spec::Measure;
use super::tally::{Amounts, Count, Question, Ranks, Rules, Values};
use super::window::{Entry, Excess, Limits, Placed, Window};

/// The hits, in the form that the measure needs.
#[derive(Debug)]
pub(super) enum Body {
    Count(Window<(), Count>),
    Amounts(Window<f64, Amounts>),
    Ranks(Window<f64, Ranks>),
    Values(Window<Distinct, Values>),
    Rules(Window<u16, Rules>),
}

/// Does the same to whichever window it is.
macro_rules! each {
    ($body:expr, $window:ident => $act:expr) => {
        match $body {
            Body::Count($window) => $act,
            Body::Amounts($window) => $act,
            Body::Ranks($window) => $act,
            Body::Values($window) => $act,
            Body::Rules($window) => $act,
        }
    };
}
pub(super) use each;

/// What one hit brings.
#[derive(Debug, Clone, Copy)]
pub(super) enum Brought {
    Event,
    Amount(f64),
    Value(Distinct),
    Rule(u16),
}

/// One group.
#[derive(Debug)]
pub(super) struct Group {
    /// Its correlation's number.
    pub(super) correlation: u32,
    /// Correlation and values, see [`super::key`].
    pub(super) key: Box<[u8]>,
    pub(super) body: Body,
    /// The clock when the last hit came, or that hit's time where it is later.
    pub(super) touched: i64,
    /// The ends of the windows that fired and that a hit can still come near to, ascending.
    pub(super) fired: Vec<i64>,
    /// For windows that are decided when complete: up to where they were.
    pub(super) closed_to: i64,
    /// The same: by how much the first hit of the window came later than its time.
    pub(super) delay: i64,
    /// The same: for when it stands among the deadlines.
    pub(super) scheduled: i64,
}

/// A window for which the condition holds.
#[derive(Debug)]
pub(super) struct Firing {
    pub(super) time: i64,
    pub(super) value: f64,
    pub(super) events: Vec<u64>,
    pub(super) events_total: u64,
    /// The event that completed it.
    pub(super) trigger: u64,
}

impl Planned {
    /// The bounds of its groups.
    pub(super) fn limits(&self, lateness: i64, hits_max: usize) -> Limits {
        let excess = match self.measure {
            Measure::EventCount | Measure::ValueSum | Measure::ValueAvg => Excess::Fold,
            Measure::ValueCount | Measure::Temporal => Excess::Repeated,
            Measure::TemporalOrdered => Excess::Runs,
            Measure::ValuePercentile(_) | Measure::ValueMedian => Excess::Oldest,
        };
        Limits { span: self.span, lateness, hits_max, excess, slides: !self.waits }
    }

    pub(super) fn question(&self) -> Question<'_> {
        Question { measure: self.measure, condition: &self.condition }
    }

    /// An empty body for one of its groups.
    pub(super) fn body(&self) -> Body {
        match self.measure {
            Measure::EventCount => Body::Count(Window::new(Count::default())),
            Measure::ValueSum | Measure::ValueAvg => Body::Amounts(Window::new(Amounts::default())),
            Measure::ValuePercentile(_) | Measure::ValueMedian => Body::Ranks(Window::new(Ranks::default())),
            Measure::ValueCount => Body::Values(Window::new(Values::default())),
            Measure::Temporal | Measure::TemporalOrdered => Body::Rules(Window::new(Rules::new(self.inputs.len()))),
        }
    }
}

impl Group {
    /// A group without hits.
    pub(super) fn new(correlation: u32, key: &[u8], planned: &Planned) -> Self {
        Self {
            correlation,
            key: Box::from(key),
            body: planned.body(),
            touched: i64::MIN,
            fired: Vec::new(),
            closed_to: i64::MIN,
            delay: 0,
            scheduled: i64::MAX,
        }
    }

    /// Takes a hit in; the second number tells how many others were lost for it.
    pub(super) fn place(&mut self, time: i64, id: u64, brought: Brought, limits: &Limits, clock: i64) -> (Placed, u64) {
        if time <= self.closed_to {
            return (Placed::Late, 0);
        }
        let was_empty = self.oldest().is_none();
        let placed = match (&mut self.body, brought) {
            (Body::Count(window), _) => window.place(Entry { time, id, payload: () }, limits),
            (Body::Amounts(window), Brought::Amount(payload)) => window.place(Entry { time, id, payload }, limits),
            (Body::Ranks(window), Brought::Amount(payload)) => window.place(Entry { time, id, payload }, limits),
            (Body::Values(window), Brought::Value(payload)) => window.place(Entry { time, id, payload }, limits),
            (Body::Rules(window), Brought::Rule(payload)) => window.place(Entry { time, id, payload }, limits),
            // The brought value is made by the measure that made the body.
            _ => (Placed::Repeated, 0),
        };
        if placed.0 == Placed::In {
            self.touched = self.touched.max(clock).max(time);
            if was_empty {
                self.delay = clock.saturating_sub(time).max(0);
            }
        }
        placed
    }

    /// Whether the hit at `time` completes a window, for windows that slide. A group fires at most once a timespan.
    pub(super) fn fire(&mut self, time: i64, planned: &Planned, limits: &Limits) -> Option<Firing> {
        let span = limits.span;
        let near = |end: i64, fired: &[i64]| fired.iter().rev().any(|old| end.abs_diff(*old) <= span.unsigned_abs());
        let fired = &self.fired;
        let question = planned.question();
        let skip = |end| near(end, fired);
        let (end, value) = each!(&self.body, window => window.decide(time, span, &question, skip))?;
        let newest = self.newest().unwrap_or(end);
        let kept_from = newest.saturating_sub(span.max(limits.lateness)).saturating_sub(span);
        self.fired.retain(|old| *old >= kept_from);
        let at = self.fired.partition_point(|old| *old < end);
        self.fired.insert(at, end);
        Some(self.firing(end.saturating_sub(span), end, end, value, planned))
    }

    /// When the oldest window must be decided, for windows that wait; nothing when there is none.
    pub(super) fn due(&self, limits: &Limits) -> Option<i64> {
        let oldest = self.oldest()?;
        Some(oldest.saturating_add(limits.span).saturating_add(limits.lateness).saturating_add(self.delay))
    }

    /// Decides the oldest window and takes it out when it is complete: at `clock`, or by the group's own newest hit.
    /// `Some(None)` tells that it did and the condition did not hold.
    pub(super) fn close(&mut self, clock: i64, planned: &Planned, limits: &Limits) -> Option<Option<Firing>> {
        let start = self.oldest()?;
        let end = start.saturating_add(limits.span);
        let passed_itself = self.newest()? > end.saturating_add(limits.lateness);
        if !passed_itself && clock < self.due(limits)? {
            return None;
        }
        let question = planned.question();
        let value = each!(&self.body, window => window.decide_whole(end, &question));
        let firing = value.map(|value| self.firing(start, end, end, value, planned));
        each!(&mut self.body, window => window.remove_until(end));
        self.closed_to = end;
        Some(firing)
    }

    fn firing(&self, start: i64, end: i64, time: i64, value: f64, planned: &Planned) -> Firing {
        let each = planned.measure.is_temporal();
        let (events_total, events) = each!(&self.body, window => window.named(start, end, each));
        let trigger = events.last().copied().unwrap_or_default();
        Firing { time, value, events, events_total, trigger }
    }

    pub(super) fn newest(&self) -> Option<i64> {
        each!(&self.body, window => window.newest())
    }

    fn oldest(&self) -> Option<i64> {
        each!(&self.body, window => window.oldest())
    }

    /// Bytes on the heap and in the group itself.
    pub(super) fn bytes(&self) -> usize {
        let hits = each!(&self.body, window => window.bytes());
        size_of::<Self>() + self.key.len() + self.fired.capacity() * size_of::<i64>() + hits
    }
}

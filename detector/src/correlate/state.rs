//! What correlations remember: takes hits in, hands results out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use event::{Event, EventId, Timestamp};

use super::group::Brought;
use super::groups::{Groups, SlotId};
use super::key;
use super::lookup::Source;
use super::plan::{Edge, Input, Plan, Planned};
use super::spec::Measure;

/// Bounds of a [`State`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How much out of order hits of one group may come and still be placed as if they had come in order.
    pub lateness: Duration,
    /// Most groups of all correlations together; the least recently used one gives way, of the correlation that has
    /// the most, so that a flood of one does not cost the others their memory.
    pub groups_max: usize,
    /// Most hits kept one by one in a group; see [`super`] for what happens beyond.
    pub hits_per_group_max: usize,
    /// Most bytes of all groups together, without the table to find them (about 300 a group); groups give way as for
    /// `groups_max`, of the correlation with the most bytes.
    pub bytes_max: usize,
}

impl Default for Settings {
    /// 5 minutes, 200,000 groups, 10,000 hits, 512 MiB.
    fn default() -> Self {
        Self {
            lateness: Duration::from_secs(300),
            groups_max: 200_000,
            hits_per_group_max: 10_000,
            bytes_max: 512 * 1024 * 1024,
        }
    }
}

/// A base rule matched an event.
#[derive(Debug, Clone, Copy)]
pub struct Hit<'e> {
    /// The rule's number, as `resolve` gave it to [`Plan::compile`].
    pub rule: u32,
    /// The event.
    pub event: &'e Event,
    /// Its id; hits come in the order of their ids.
    pub id: EventId,
    /// When it happened.
    pub time: Timestamp,
}

/// A correlation holds for a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlated {
    /// The correlation's number: its place among the specs of the plan.
    pub correlation: u32,
    /// The window's end: the time of the hit that completed it, or when a window that waits was over.
    pub time: Timestamp,
    /// The fields of `group-by` and their values.
    pub group: Vec<(String, String)>,
    /// The window's events in the order of time, at most the 100 newest; for temporal correlations the newest of every
    /// rule is among them. A chained correlation names the events that completed the inner ones.
    pub events: Vec<EventId>,
    /// How many hits the window has; an event that several rules matched counts for each in temporal correlations.
    pub events_total: u64,
    /// What was computed: the count, sum, mean, rank, or for temporal ones the number of different rules.
    pub value: f64,
}

/// What was not taken as it came, since the state began; nothing of it is silent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Hits that came too late for their group.
    pub late: u64,
    /// Hits whose sender's clock was ahead of ours by more than the lateness; they count at their receipt.
    pub ahead: u64,
    /// Hits without a field of the group or of the value.
    pub incomplete: u64,
    /// Hits of events that were taken before.
    pub repeated: u64,
    /// Groups that gave way before their time.
    pub evicted: u64,
    /// Hits that a group let go before their time, because it had too many.
    pub dropped: u64,
    /// Hits taken into a group.
    pub taken: u64,
    /// Results, those that only feed other correlations included.
    pub fired: u64,
}

/// The memory of a plan's correlations; belongs to the plan it was made for.
#[derive(Debug)]
pub struct State {
    pub(super) settings: Settings,
    pub(super) groups: Groups,
    /// When groups whose windows wait must be looked at.
    pub(super) deadlines: BinaryHeap<Reverse<(i64, SlotId, u64)>>,
    pub(super) clock: i64,
    pub(super) next: u64,
    /// The rules that matched the event of the last hit; `None` when that event is done.
    current: Option<Vec<u32>>,
    pub(super) totals: Totals,
    key: Vec<u8>,
    pub(super) pending: Vec<Pending>,
}

/// A result on its way to outer correlations.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) correlated: Correlated,
    /// The event that completed it.
    pub(super) trigger: u64,
    /// Whether that is the event at hand.
    pub(super) by_event: bool,
}

/// A hit on its way to its group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) time: i64,
    pub(super) id: u64,
    pub(super) brought: Brought,
    /// Whether the event at hand brought it.
    pub(super) by_event: bool,
}

impl State {
    /// A state that remembers nothing.
    pub fn new(plan: &Plan, settings: Settings) -> Self {
        Self {
            settings,
            groups: Groups::new(plan.len()),
            deadlines: BinaryHeap::new(),
            clock: i64::MIN,
            next: 0,
            current: None,
            totals: Totals::default(),
            key: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// The id of the next event that is wanted; hits of events before it are ignored and counted.
    pub fn position(&self) -> EventId {
        EventId(self.next)
    }

    /// Tells that every event before `next` was offered, those without hits too; call it before [`State::save`].
    pub fn passed(&mut self, next: EventId) {
        if next.0 >= self.next {
            self.next = next.0;
            self.current = None;
        }
    }

    /// What was not taken as it came.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// How many groups there are.
    pub fn groups_len(&self) -> usize {
        self.groups.len()
    }

    /// How many groups a correlation has.
    pub fn groups_of(&self, correlation: u32) -> usize {
        self.groups.len_of(correlation)
    }

    /// The bytes that groups take, by capacity of what they hold.
    pub fn bytes(&self) -> usize {
        self.groups.bytes()
    }

    /// Takes a hit in and appends what it completes to `out`, inner correlations before outer ones.
    ///
    /// Hits come in the order of their event ids; several rules may match one event, each once. A hit is taken once:
    /// keep `out` until it is stored, or load the last checkpoint and begin at its position again.
    pub fn take(&mut self, plan: &Plan, hit: Hit<'_>, out: &mut Vec<Correlated>) {
        if !self.admit(&hit) {
            self.totals.repeated += 1;
            return;
        }
        let time = self.believed(&hit);
        self.close_due(plan);
        self.feed_outer(plan, None, out);
        let source = Source { event: Some((hit.rule, hit.event)), group: None };
        for edge in plan.edges(hit.rule) {
            self.feed(plan, *edge, &source, time, hit.id.0);
        }
        self.feed_outer(plan, source.event, out);
    }

    /// Tells that event time has come to `now`: closes the windows that waited for it and lets groups go whose time
    /// has passed. Call it every few seconds with the time of receipt of what was taken last.
    pub fn advance(&mut self, plan: &Plan, now: Timestamp, out: &mut Vec<Correlated>) {
        self.clock = self.clock.max(now.nanos());
        // Closing feeds outer correlations, which may have windows that are due as well.
        for _ in 0..=plan.len() {
            self.close_due(plan);
            if self.pending.is_empty() {
                break;
            }
            self.feed_outer(plan, None, out);
        }
        for correlation in (0_u32..).take(plan.len()) {
            self.expire(plan, correlation, usize::MAX);
        }
    }

    fn admit(&mut self, hit: &Hit<'_>) -> bool {
        if hit.id.0 >= self.next {
            self.next = hit.id.0.saturating_add(1);
            let rules = self.current.get_or_insert_default();
            rules.clear();
            rules.push(hit.rule);
            return true;
        }
        let is_current = hit.id.0.saturating_add(1) == self.next;
        match self.current.as_mut().filter(|rules| is_current && !rules.contains(&hit.rule)) {
            Some(rules) => {
                rules.push(hit.rule);
                true
            }
            None => false,
        }
    }

    /// The hit's time, unless its sender's clock is far ahead: one such hit would make every other of its group late.
    fn believed(&mut self, hit: &Hit<'_>) -> i64 {
        let time = hit.time.nanos();
        // An event without origin was never received: offline detection believes what it reads.
        if hit.event.origin.is_none() {
            self.clock = self.clock.max(time);
            return time;
        }
        let received = hit.event.received.nanos();
        self.clock = self.clock.max(time.min(received));
        if time > received.saturating_add(self.lateness()) {
            self.totals.ahead += 1;
            return received;
        }
        time
    }

    pub(super) fn lateness(&self) -> i64 {
        i64::try_from(self.settings.lateness.as_nanos()).unwrap_or(i64::MAX)
    }

    fn feed(&mut self, plan: &Plan, edge: Edge, source: &Source<'_>, time: i64, id: u64) {
        let Some(planned) = plan.planned(edge.correlation) else { return };
        let Some(input) = planned.inputs.get(usize::from(edge.input)) else { return };
        let Some(brought) = self.brought(planned, input, edge, source) else {
            self.totals.incomplete += 1;
            return;
        };
        let mut key = std::mem::take(&mut self.key);
        if key::write(&mut key, edge.correlation, input, planned.group_by, source) {
            let arrival = Arrival { time, id, brought, by_event: source.event.is_some() };
            self.place(plan, edge.correlation, &key, arrival);
        } else {
            self.totals.incomplete += 1;
        }
        self.key = key;
    }

    /// Feeds what was completed to the correlations that lean on it, and hands out what is not silent.
    fn feed_outer(&mut self, plan: &Plan, event: Option<(u32, &Event)>, out: &mut Vec<Correlated>) {
        let mut at = 0;
        // No circle: `Plan::compile` refuses them, so this ends.
        while let Some(pending) = self.pending.get_mut(at) {
            let number = pending.correlated.correlation;
            let feeds = plan.planned(number).map_or(&[][..], |planned| planned.feeds.as_slice());
            if !feeds.is_empty() {
                let (time, trigger) = (pending.correlated.time.nanos(), pending.trigger);
                let event = event.filter(|_| pending.by_event);
                let group = std::mem::take(&mut pending.correlated.group);
                let source = Source { event, group: Some(&group) };
                for edge in feeds {
                    self.feed(plan, *edge, &source, time, trigger);
                }
                if let Some(pending) = self.pending.get_mut(at) {
                    pending.correlated.group = group;
                }
            }
            at += 1;
        }
        self.totals.fired += at as u64;
        let loud = self.pending.drain(..).map(|pending| pending.correlated);
        out.extend(loud.filter(|correlated| !plan.is_silent_correlation(correlated.correlation)));
    }

    fn brought(&mut self, planned: &Planned, input: &Input, edge: Edge, source: &Source<'_>) -> Option<Brought> {
        match planned.measure {
            Measure::EventCount => Some(Brought::Event),
            Measure::Temporal | Measure::TemporalOrdered => Some(Brought::Rule(edge.input)),
            Measure::ValueCount => key::distinct(&mut self.key, input, planned.group_by, source).map(Brought::Value),
            _ => {
                let number = input.lookups.get(planned.group_by)?.find(source)?.as_f64()?;
                // Minus zero is zero.
                number.is_finite().then_some(Brought::Amount(number + 0.0))
            }
        }
    }
}

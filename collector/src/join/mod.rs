//! Joining: the records that the Linux audit system writes of one event become one event.
//!
//! The kernel writes an event as a row of records with the same time and serial number: SYSCALL first, then what belongs
//! to it, PROCTITLE and EOE last. A joined event has the position of its first record; the positions of the others are
//! **folded** into it and have no event. Order is kept: what comes behind an event that is not complete waits with it, so
//! that positions are given out ascending and whoever follows them sees no gap that is filled later. Where a batch ends
//! is always a clean cut: no joined event has records on both sides of it. A reader that begins again at a clean cut
//! joins the same records again, since what belongs together depends on the records alone:
//!
//! - an event begins with a SYSCALL record and ends with PROCTITLE, EOE, or its 64th record (an EOE behind a PROCTITLE
//!   says nothing more and stays by itself);
//! - a record that was received more than 2 s after the one before it is none of the event's;
//! - so is one that lies 4,096 records behind the first.
//!
//! Records that say what they mean alone (a program's own, AVC before its SYSCALL) are never waited for.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use event::{EventId, SourceId, Timestamp};

use crate::Record;

/// Records of one event at most.
pub const RECORDS_MAX: usize = 64;
/// How far behind its first record a record may lie, in positions: this many records wait at most.
pub const SPAN_MAX: u64 = 4_096;
/// Longest time between the receipt of two records of one event.
pub const GAP_MAX: Duration = Duration::from_secs(2);
/// An event is waited for a little longer than [`GAP_MAX`]: a record that was received in time may still be on its way.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// Which event of the audit system a record belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The stream that it came from.
    pub source: SourceId,
    /// The machine that it names; empty where it names none.
    pub host: String,
    /// The kernel's time, as it is written.
    pub time: String,
    /// The kernel's serial number.
    pub sequence: i64,
}

/// Where a record stands in its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It begins one.
    First,
    /// It belongs to one that has begun.
    Inner,
    /// It ends one.
    Last,
}

/// What becomes one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// A record by itself.
    One(EventId, Record),
    /// Records of one event in their order, at least two; the event has the position of the first.
    Joined(Vec<(EventId, Record)>),
}

impl Unit {
    /// The position of its event.
    pub fn id(&self) -> EventId {
        match self {
            Self::One(id, _) => *id,
            Self::Joined(records) => records.first().map_or(EventId(0), |(id, _)| *id),
        }
    }
}

impl Unit {
    /// Positions that have no event because theirs is this one.
    pub fn folded(&self) -> usize {
        match self {
            Self::One(..) => 0,
            Self::Joined(records) => records.len().saturating_sub(1),
        }
    }
}

/// Units in the order of their positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ready {
    /// What can be processed now.
    pub units: Vec<Unit>,
    /// The position behind it, a clean cut; `None` when there is nothing.
    pub next: Option<EventId>,
}

/// A record that waits.
#[derive(Debug)]
struct Held {
    id: EventId,
    record: Record,
    key: Option<(Key, Part)>,
}

/// An event that is being put together, by the places of its records in the row that waits.
#[derive(Debug)]
struct Group {
    members: Vec<usize>,
    received: Timestamp,
    is_complete: bool,
}

/// Puts records together; holds back what is not complete.
#[derive(Debug, Default)]
pub struct Joiner {
    held: VecDeque<Held>,
}

impl Joiner {
    /// How many records wait.
    pub fn waiting(&self) -> usize {
        self.held.len()
    }

    /// Forgets what waits: its reader begins again at the last clean cut.
    pub fn clear(&mut self) {
        self.held.clear();
    }

    /// Takes the next records, in order, and gives what is complete or has waited long enough. `now` is `None` as long as
    /// more records lie ready: after a restart they are old, and what belongs together must not be torn apart by that.
    /// `key` tells which event of the audit system a record belongs to.
    pub fn take(
        &mut self,
        batch: Vec<(EventId, Record)>,
        now: Option<Timestamp>,
        key: impl Fn(&Record) -> Option<(Key, Part)>,
    ) -> Ready {
        let mut is_plain = self.held.is_empty();
        let fresh = batch.into_iter().map(|(id, record)| Held { key: key(&record), id, record });
        for held in fresh {
            is_plain &= held.key.is_none();
            self.held.push_back(held);
        }
        if is_plain {
            let next = self.held.back().map(|last| EventId(last.id.0 + 1));
            return Ready { units: self.held.drain(..).map(|held| Unit::One(held.id, held.record)).collect(), next };
        }
        let groups = self.groups();
        let cut = self.cut(&groups, now);
        self.give(cut, &groups)
    }

    /// The events in the row that waits, in the order of their first records.
    fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut open: HashMap<&Key, usize> = HashMap::new();
        for (place, held) in self.held.iter().enumerate() {
            let Some((key, part)) = &held.key else { continue };
            if *part == Part::First {
                open.insert(key, groups.len());
                groups.push(Group { members: vec![place], received: held.record.received, is_complete: false });
                continue;
            }
            let found = open.get(key).and_then(|at| groups.get_mut(*at));
            let Some(group) = found.filter(|group| !group.is_complete && self.belongs(group, held)) else { continue };
            group.members.push(place);
            group.received = held.record.received;
            group.is_complete = *part == Part::Last || group.members.len() >= RECORDS_MAX;
        }
        groups
    }

    fn belongs(&self, group: &Group, held: &Held) -> bool {
        let first = group.members.first().and_then(|place| self.held.get(*place)).map_or(0, |first| first.id.0);
        let gap = held.record.received.since(group.received).max(group.received.since(held.record.received));
        gap <= GAP_MAX && held.id.0.saturating_sub(first) < SPAN_MAX
    }

    /// The place of the first record that must wait, such that no event has records on both sides.
    fn cut(&self, groups: &[Group], now: Option<Timestamp>) -> usize {
        let Some(last) = self.held.back() else { return 0 };
        let (newest, now) = (last.id.0, now.unwrap_or(last.record.received));
        let waits = |group: &&Group| {
            let first = group.members.first().and_then(|place| self.held.get(*place)).map_or(0, |first| first.id.0);
            let age = now.since(group.received).max(group.received.since(now));
            !group.is_complete && age <= PATIENCE && newest.saturating_sub(first) < SPAN_MAX
        };
        let waiting = groups.iter().filter(waits).filter_map(|group| group.members.first().copied());
        let mut cut = waiting.min().unwrap_or(self.held.len());
        // An event whose records lie on both sides waits too, and with it whatever lies behind its first record.
        let ends = |group: &Group| Some((*group.members.first()?, *group.members.last()?));
        while let Some(first) = groups.iter().filter_map(ends).find(|(first, last)| *first < cut && cut <= *last) {
            cut = first.0;
        }
        cut
    }

    /// Gives out the row up to `cut`.
    fn give(&mut self, cut: usize, groups: &[Group]) -> Ready {
        let Some(last) = cut.checked_sub(1).and_then(|place| self.held.get(place)) else { return Ready::default() };
        let next = Some(EventId(last.id.0 + 1));
        let is_given = |group: &&Group| group.members.first().is_some_and(|first| *first < cut);
        let short = groups.iter().filter(is_given).filter(|group| !group.is_complete).count();
        metrics::counter!("metrosoc_joined_events_cut_short_total").increment(short as u64);
        let mut group_of: HashMap<usize, usize> = HashMap::new();
        for (at, group) in groups.iter().enumerate().filter(|(_, group)| group.members.len() > 1) {
            group_of.extend(group.members.iter().map(|place| (*place, at)));
        }
        let mut units: Vec<Unit> = Vec::with_capacity(cut);
        let mut unit_of: HashMap<usize, usize> = HashMap::new();
        for (place, held) in self.held.drain(..cut).enumerate() {
            let Some(group) = group_of.get(&place) else {
                units.push(Unit::One(held.id, held.record));
                continue;
            };
            match unit_of.get(group).and_then(|at| units.get_mut(*at)) {
                Some(Unit::Joined(records)) => records.push((held.id, held.record)),
                _ => {
                    unit_of.insert(*group, units.len());
                    units.push(Unit::Joined(vec![(held.id, held.record)]));
                }
            }
        }
        let folded: usize = units.iter().map(Unit::folded).sum();
        metrics::counter!("metrosoc_records_folded_total").increment(folded as u64);
        Ready { units, next }
    }
}

#[cfg(test)]
mod tests;

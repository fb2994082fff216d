//! The state as bytes and back, so that a restart neither forgets nor counts twice.
//!
//! `magic ‖ version ‖ position ‖ clock ‖ totals ‖ correlations ‖ SHA-256 of all that`. A correlation is bound to the
//! digest of its spec, inner correlations included: one that changed loses its state and is reported, the others keep
//! theirs. Numbers of rules and correlations do not stand in it, so other rules may come and go.

use std::collections::VecDeque;
use std::fmt;

use ring::digest::{SHA256, digest};
use thiserror::Error;

use super::codec::{self, Reader, Stored};
use super::group::{Body, Group, each};
use super::plan::{Plan, Planned};
use super::spec::{CorrelationSpec, Measure};
use super::state::{Settings, State, Totals};
use super::tally::{Amounts, Count, Payload, Ranks, Rules, Tally, Values};
use super::window::{Entry, Folded, Limits, Window};

const MAGIC: &[u8; 8] = b"msoccorr";
const VERSION: u32 = 1;

/// Why a checkpoint cannot be read; begin with [`State::new`] and replay as far back as the longest timespan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// The bytes are something else.
    #[error("correlation checkpoint is none: it does not begin like one")]
    NotOne,
    /// Another release wrote it.
    #[error("correlation checkpoint has version {found}, this release reads {VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// The checksum differs.
    #[error("correlation checkpoint is damaged: its checksum differs")]
    Damaged,
    /// The checksum is right and the content is not.
    #[error("correlation checkpoint makes no sense at {what}")]
    Malformed {
        /// The part.
        what: &'static str,
    },
}

/// A correlation whose remembered hits were left out, because it changed or is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// What it was called.
    pub called: String,
    /// How many groups it had.
    pub groups: u64,
}

impl fmt::Display for Forgotten {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "correlation `{}` changed or is gone; its {} groups begin anew", self.called, self.groups)
    }
}

/// A state that was read back.
#[derive(Debug)]
pub struct Restored {
    /// The state.
    pub state: State,
    /// What it no longer remembers.
    pub forgotten: Vec<Forgotten>,
}

impl State {
    /// The state as bytes; call it between two events, after [`State::passed`].
    pub fn save(&self, plan: &Plan) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes() / 2);
        out.extend_from_slice(MAGIC);
        VERSION.write(&mut out);
        self.next.write(&mut out);
        self.clock.write(&mut out);
        for total in totals_of(&self.totals) {
            total.write(&mut out);
        }
        let full: Vec<(u32, &Planned, &CorrelationSpec)> = (0_u32..)
            .zip(plan.specs())
            .filter_map(|(number, spec)| Some((number, plan.planned(number)?, spec)))
            .filter(|(number, ..)| self.groups_of(*number) > 0)
            .collect();
        (full.len() as u64).write(&mut out);
        for (number, planned, spec) in full {
            out.extend_from_slice(&planned.digest);
            codec::block(&mut out, spec.called().as_bytes());
            (self.groups_of(number) as u64).write(&mut out);
            let mut groups = Vec::new();
            let mut at = self.groups.oldest(number);
            while let Some(group) = at.and_then(|at| self.groups.get(at)) {
                write_group(&mut groups, group);
                at = at.and_then(|at| self.groups.newer(at));
            }
            codec::block(&mut out, &groups);
        }
        let checksum = digest(&SHA256, &out);
        out.extend_from_slice(checksum.as_ref());
        out
    }

    /// Reads what [`State::save`] wrote, for a plan that may have changed in between.
    ///
    /// # Errors
    /// [`CheckpointError`] for bytes that are none, damaged or of another version; nothing is half read.
    pub fn load(plan: &Plan, settings: Settings, bytes: &[u8]) -> Result<Restored, CheckpointError> {
        let Some((content, checksum)) = bytes.split_last_chunk::<32>() else {
            return Err(CheckpointError::NotOne);
        };
        let mut from = Reader(content);
        if from.array::<8>().as_ref() != Some(MAGIC) {
            return Err(CheckpointError::NotOne);
        }
        if digest(&SHA256, content).as_ref() != checksum {
            return Err(CheckpointError::Damaged);
        }
        match u32::read(&mut from) {
            Some(VERSION) => {}
            found => return Err(CheckpointError::Version { found: found.unwrap_or_default() }),
        }
        let mut state = Self::new(plan, settings);
        state.read_header(&mut from).ok_or(CheckpointError::Malformed { what: "its beginning" })?;
        let count = u64::read(&mut from).ok_or(CheckpointError::Malformed { what: "its beginning" })?;
        let mut forgotten = Vec::new();
        for _ in 0..count {
            let gone = state.read_correlation(plan, &mut from)?;
            forgotten.extend(gone);
        }
        match from.0 {
            [] => Ok(Restored { state, forgotten }),
            _ => Err(CheckpointError::Malformed { what: "its end" }),
        }
    }

    fn read_header(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.next = u64::read(from)?;
        self.clock = i64::read(from)?;
        let totals = &mut self.totals;
        let places = [&mut totals.late, &mut totals.ahead, &mut totals.incomplete, &mut totals.repeated];
        for place in places {
            *place = u64::read(from)?;
        }
        let places = [&mut totals.evicted, &mut totals.dropped, &mut totals.taken, &mut totals.fired];
        for place in places {
            *place = u64::read(from)?;
        }
        Some(())
    }

    fn read_correlation(&mut self, plan: &Plan, from: &mut Reader<'_>) -> Result<Option<Forgotten>, CheckpointError> {
        let fault = |what| move || CheckpointError::Malformed { what };
        let bound = from.array::<32>().ok_or_else(fault("a correlation's digest"))?;
        let called = from.block().ok_or_else(fault("a correlation's name"))?;
        let groups = u64::read(from).ok_or_else(fault("a correlation's groups"))?;
        let mut inside = Reader(from.block().ok_or_else(fault("a correlation's groups"))?);
        let mut plans = (0_u32..).take(plan.len()).filter_map(|number| Some((number, plan.planned(number)?)));
        let Some((number, planned)) = plans.find(|(_, planned)| planned.digest == bound) else {
            let called = String::from_utf8_lossy(called).into_owned();
            return Ok(Some(Forgotten { called, groups }));
        };
        let limits = self.limits(planned);
        for _ in 0..groups {
            let group = read_group(&mut inside, number, planned, &limits).ok_or_else(fault("a group"))?;
            self.restore(plan, planned, &limits, group).ok_or_else(fault("a group that stands twice"))?;
        }
        if inside.0.is_empty() { Ok(None) } else { Err(fault("the end of a correlation")()) }
    }

    fn restore(&mut self, plan: &Plan, planned: &Planned, limits: &Limits, group: Group) -> Option<()> {
        let hash = self.groups.hash(&group.key);
        if self.groups.find(hash, &group.key).is_some() {
            return None;
        }
        self.make_room();
        let at = self.groups.insert(hash, group);
        if planned.waits {
            self.close(plan, at, planned, limits);
        }
        Some(())
    }
}

fn totals_of(totals: &Totals) -> [u64; 8] {
    let Totals { late, ahead, incomplete, repeated, evicted, dropped, taken, fired } = *totals;
    [late, ahead, incomplete, repeated, evicted, dropped, taken, fired]
}

fn write_group(out: &mut Vec<u8>, group: &Group) {
    // The correlation's number is of this run only.
    codec::block(out, group.key.get(4..).unwrap_or_default());
    group.touched.write(out);
    group.closed_to.write(out);
    group.delay.write(out);
    codec::list(out, group.fired.iter());
    each!(&group.body, window => {
        codec::list(out, window.entries.iter());
        let none = VecDeque::new();
        codec::list(out, window.folded.as_deref().unwrap_or(&none).iter());
    });
}

fn read_group(from: &mut Reader<'_>, number: u32, planned: &Planned, limits: &Limits) -> Option<Group> {
    let mut key = number.to_le_bytes().to_vec();
    key.extend_from_slice(from.block()?);
    if !is_whole(&key, planned.group_by) {
        return None;
    }
    let mut group = Group::new(number, &key, planned);
    group.touched = i64::read(from)?;
    group.closed_to = i64::read(from)?;
    group.delay = i64::read(from)?;
    group.fired = from.list::<i64, Vec<i64>>()?;
    group.body = match planned.measure {
        Measure::EventCount => Body::Count(read_window(from, Count::default(), limits)?),
        Measure::ValueSum | Measure::ValueAvg => Body::Amounts(read_window(from, Amounts::default(), limits)?),
        Measure::ValuePercentile(_) | Measure::ValueMedian => Body::Ranks(read_window(from, Ranks::default(), limits)?),
        Measure::ValueCount => Body::Values(read_window(from, Values::default(), limits)?),
        Measure::Temporal | Measure::TemporalOrdered => {
            let window = read_window(from, Rules::new(planned.inputs.len()), limits)?;
            let is_rule = |entry: &Entry<u16>| usize::from(entry.payload) < planned.inputs.len();
            Body::Rules(Some(window).filter(|window| window.entries.iter().all(is_rule))?)
        }
    };
    (group.delay >= 0 && group.fired.is_sorted()).then_some(group)
}

fn read_window<P: Payload + Stored, T: Tally<P>>(
    from: &mut Reader<'_>,
    tally: T,
    limits: &Limits,
) -> Option<Window<P, T>> {
    let entries: VecDeque<Entry<P>> = from.list::<Entry<P>, _>()?;
    let folded: VecDeque<Folded> = from.list::<Folded, _>()?;
    let is_ordered = entries.iter().is_sorted_by_key(Entry::order) && folded.iter().is_sorted_by_key(|part| part.first);
    is_ordered.then(|| Window::restored(tally, entries, folded, limits))
}

/// Whether a key is a correlation's number and exactly this many values.
fn is_whole(key: &[u8], values: usize) -> bool {
    let mut from = Reader(key.get(4..).unwrap_or_default());
    let all = (0..values).all(|_| u32::read(&mut from).is_some_and(|len| from.bytes(len as usize).is_some()));
    all && from.0.is_empty()
}

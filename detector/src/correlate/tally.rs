//! What is known of a window at every moment, kept up as hits enter and leave it.

use std::collections::{HashMap, HashSet};

use super::key::Distinct;
use super::spec::{Condition, Measure};

/// Different values up to which a list is shorter and faster than a table.
const LISTED_MAX: usize = 16;

/// What one hit brings to its window.
pub(super) trait Payload: Copy + std::fmt::Debug {
    /// Whether two hits of one event at one time are the same hit.
    fn bits(self) -> u128;
    /// Where it stands among hits of the same time.
    fn rank(self) -> u16 {
        0
    }
    /// What it adds to a sum.
    fn amount(self) -> f64 {
        0.0
    }
}

impl Payload for () {
    fn bits(self) -> u128 {
        0
    }
}

impl Payload for f64 {
    fn bits(self) -> u128 {
        u128::from(self.to_bits())
    }

    fn amount(self) -> f64 {
        self
    }
}

impl Payload for Distinct {
    fn bits(self) -> u128 {
        self
    }
}

/// The place of a rule in `rules`.
impl Payload for u16 {
    fn bits(self) -> u128 {
        u128::from(self)
    }

    fn rank(self) -> u16 {
        self
    }
}

/// Running knowledge of the hits in a window.
pub(super) trait Tally<P> {
    /// One without hits, for the same question.
    fn fresh(&self) -> Self;
    /// A hit enters.
    fn enter(&mut self, payload: P);
    /// A hit that entered leaves.
    fn leave(&mut self, payload: P);
    /// Hits of which only number and sum are known enter.
    fn enter_many(&mut self, _count: u64, _sum: f64) {}
    /// They leave.
    fn leave_many(&mut self, _count: u64, _sum: f64) {}
    /// The computed number when the condition holds; `hits` are those of the window in the order of time.
    fn judge(&self, question: &Question<'_>, hits: &mut dyn Iterator<Item = P>) -> Option<f64>;
    /// Bytes on the heap.
    fn bytes(&self) -> usize;
}

/// What is asked of a window.
pub(super) struct Question<'p> {
    pub(super) measure: Measure,
    pub(super) condition: &'p Condition,
}

impl Question<'_> {
    fn of_number(&self, number: f64) -> Option<f64> {
        match self.condition {
            Condition::Bounds(bounds) => bounds.hold(number).then_some(number),
            Condition::Terms(_) => None,
        }
    }
}

/// The number of hits.
#[derive(Debug, Default)]
pub(super) struct Count(u64);

impl Tally<()> for Count {
    fn fresh(&self) -> Self {
        Self::default()
    }

    fn enter(&mut self, (): ()) {
        self.0 += 1;
    }

    fn leave(&mut self, (): ()) {
        self.0 = self.0.saturating_sub(1);
    }

    fn enter_many(&mut self, count: u64, _sum: f64) {
        self.0 += count;
    }

    fn leave_many(&mut self, count: u64, _sum: f64) {
        self.0 = self.0.saturating_sub(count);
    }

    fn judge(&self, question: &Question<'_>, _hits: &mut dyn Iterator<Item = ()>) -> Option<f64> {
        question.of_number(self.0 as f64)
    }

    fn bytes(&self) -> usize {
        0
    }
}

/// Number and sum; what rounding loses is carried along (Neumaier), so that a large number that came and went leaves
/// the small ones as they were.
#[derive(Debug, Default)]
pub(super) struct Amounts {
    count: u64,
    sum: f64,
    lost: f64,
}

impl Amounts {
    fn add(&mut self, amount: f64) {
        let sum = self.sum + amount;
        self.lost += if self.sum.abs() >= amount.abs() { (self.sum - sum) + amount } else { (amount - sum) + self.sum };
        self.sum = sum;
        if self.count == 0 {
            *self = Self::default();
        }
    }
}

impl Tally<f64> for Amounts {
    fn fresh(&self) -> Self {
        Self::default()
    }

    fn enter(&mut self, payload: f64) {
        self.enter_many(1, payload);
    }

    fn leave(&mut self, payload: f64) {
        self.leave_many(1, payload);
    }

    fn enter_many(&mut self, count: u64, sum: f64) {
        self.count += count;
        self.add(sum);
    }

    fn leave_many(&mut self, count: u64, sum: f64) {
        self.count = self.count.saturating_sub(count);
        self.add(-sum);
    }

    fn judge(&self, question: &Question<'_>, _hits: &mut dyn Iterator<Item = f64>) -> Option<f64> {
        let sum = self.sum + self.lost;
        match question.measure {
            _ if self.count == 0 => None,
            Measure::ValueAvg => question.of_number(sum / self.count as f64),
            _ => question.of_number(sum),
        }
    }

    fn bytes(&self) -> usize {
        0
    }
}

/// Every number, ascending.
#[derive(Debug, Default)]
pub(super) struct Ranks(Vec<f64>);

impl Tally<f64> for Ranks {
    fn fresh(&self) -> Self {
        Self::default()
    }

    fn enter(&mut self, payload: f64) {
        let at = self.0.partition_point(|number| number.total_cmp(&payload).is_lt());
        self.0.insert(at, payload);
    }

    fn leave(&mut self, payload: f64) {
        let at = self.0.partition_point(|number| number.total_cmp(&payload).is_lt());
        if at < self.0.len() {
            self.0.remove(at);
        }
    }

    fn judge(&self, question: &Question<'_>, _hits: &mut dyn Iterator<Item = f64>) -> Option<f64> {
        let count = self.0.len();
        let at = |place: usize| self.0.get(place).copied();
        let number = match question.measure {
            Measure::ValuePercentile(percentile) => {
                let rank = (percentile / 100.0 * count as f64).ceil() as usize;
                at(rank.clamp(1, count.max(1)) - 1)?
            }
            _ if count % 2 == 1 => at(count / 2)?,
            _ => f64::midpoint(at((count / 2).checked_sub(1)?)?, at(count / 2)?),
        };
        question.of_number(number)
    }

    fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<f64>()
    }
}

/// How often every value is there.
#[derive(Debug)]
pub(super) enum Values {
    /// Few of them.
    Listed(Vec<(Distinct, u32)>),
    /// More.
    Tabled(HashMap<Distinct, u32>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Tally<Distinct> for Values {
    fn fresh(&self) -> Self {
        Self::default()
    }

    fn enter(&mut self, payload: Distinct) {
        match self {
            Self::Tabled(table) => *table.entry(payload).or_default() += 1,
            Self::Listed(list) => {
                if let Some((_, count)) = list.iter_mut().find(|(value, _)| *value == payload) {
                    *count += 1;
                } else if list.len() < LISTED_MAX {
                    list.push((payload, 1));
                } else {
                    *self = Self::Tabled(list.drain(..).chain([(payload, 1)]).collect());
                }
            }
        }
    }

    fn leave(&mut self, payload: Distinct) {
        match self {
            Self::Tabled(table) => {
                if let Some(count) = table.get_mut(&payload) {
                    *count -= 1;
                    if *count == 0 {
                        table.remove(&payload);
                    }
                }
                if table.len() < LISTED_MAX / 2 {
                    *self = Self::Listed(table.drain().collect());
                }
            }
            Self::Listed(list) => {
                if let Some(at) = list.iter().position(|(value, _)| *value == payload)
                    && let Some((_, count)) = list.get_mut(at)
                {
                    *count -= 1;
                    if *count == 0 {
                        list.swap_remove(at);
                    }
                }
            }
        }
    }

    fn judge(&self, question: &Question<'_>, _hits: &mut dyn Iterator<Item = Distinct>) -> Option<f64> {
        let count = match self {
            Self::Listed(list) => list.len(),
            Self::Tabled(table) => table.len(),
        };
        question.of_number(count as f64)
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Listed(list) => list.capacity() * size_of::<(Distinct, u32)>(),
            // A slot is a pair and a control byte, at most seven eighths of them taken.
            Self::Tabled(table) => table.capacity() * 8 / 7 * (size_of::<(Distinct, u32)>() + 1),
        }
    }
}

/// How often every rule matched.
#[derive(Debug)]
pub(super) struct Rules(Box<[u32]>);

impl Rules {
    /// For this many rules.
    pub(super) fn new(rules: usize) -> Self {
        Self(vec![0; rules].into_boxed_slice())
    }

    fn has(&self, rule: u16) -> bool {
        self.0.get(usize::from(rule)).is_some_and(|count| *count > 0)
    }
}

impl Tally<u16> for Rules {
    fn fresh(&self) -> Self {
        Self::new(self.0.len())
    }

    fn enter(&mut self, payload: u16) {
        if let Some(count) = self.0.get_mut(usize::from(payload)) {
            *count += 1;
        }
    }

    fn leave(&mut self, payload: u16) {
        if let Some(count) = self.0.get_mut(usize::from(payload)) {
            *count = count.saturating_sub(1);
        }
    }

    fn judge(&self, question: &Question<'_>, hits: &mut dyn Iterator<Item = u16>) -> Option<f64> {
        let is_ordered = question.measure == Measure::TemporalOrdered;
        let different = self.0.iter().filter(|count| **count > 0).count();
        match question.condition {
            Condition::Bounds(_) if is_ordered => question.of_number(steps(hits) as f64),
            Condition::Bounds(_) => question.of_number(different as f64),
            Condition::Terms(terms) => {
                let is_there = |rule: &u16| self.has(*rule);
                let mut possible =
                    terms.iter().filter(|term| term.present.iter().all(is_there) && !term.absent.iter().any(is_there));
                if !is_ordered {
                    return possible.next().map(|_| different as f64);
                }
                let possible: Vec<&[u16]> = possible.map(|term| term.present.as_slice()).collect();
                if possible.is_empty() { None } else { in_order(possible, hits) }
            }
        }
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// The length of the first of `wanted` whose rules occur in order; `hits` of one time come in the order of `rules`.
fn in_order(wanted: Vec<&[u16]>, hits: &mut dyn Iterator<Item = u16>) -> Option<f64> {
    let mut open: Vec<(&[u16], &[u16])> = wanted.into_iter().map(|rules| (rules, rules)).collect();
    for hit in hits {
        for (whole, rest) in &mut open {
            if rest.first() == Some(&hit) {
                *rest = rest.get(1..).unwrap_or_default();
                if rest.is_empty() {
                    return Some(whole.len() as f64);
                }
            }
        }
    }
    None
}

/// The most different rules that occur in their order: the longest strictly ascending run, gaps allowed.
fn steps(hits: &mut dyn Iterator<Item = u16>) -> usize {
    let mut last_of_length: Vec<u16> = Vec::new();
    for hit in hits {
        let at = last_of_length.partition_point(|last| *last < hit);
        match last_of_length.get_mut(at) {
            Some(last) => *last = hit,
            None => last_of_length.push(hit),
        }
    }
    last_of_length.len()
}

/// Which payloads stand for the others when there are too many hits; see [`super::window::Excess`].
pub(super) fn newest_of_each<P: Payload>(newest_first: impl Iterator<Item = P>) -> Vec<bool> {
    let mut seen = HashSet::new();
    newest_first.map(|payload| seen.insert(payload.bits())).collect()
}

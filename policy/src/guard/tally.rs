//! How often what was asked and decided: the material for simulations and for finding rights that nobody uses.
//!
//! One count for each hour and each different question; names of values or queries are not part of it. The counts lie
//! in memory until somebody takes them to be stored; a crash loses the last seconds of a statistic, not of the record,
//! which is the ledger's.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use event::{AgencyId, Object, Operation, Role, Subject, Timestamp, UserName};

use super::circumstances::Circumstances;
use super::strength::Strength;

/// Most different questions between two takings; further ones are counted as not kept.
const QUESTIONS_MAX: usize = 20_000;
/// Nanoseconds of an hour.
const HOUR: i64 = 3_600_000_000_000;

/// A question, with all that its decision depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decided {
    /// The beginning of the hour.
    pub hour: Timestamp,
    /// Who asked.
    pub name: UserName,
    /// As what.
    pub role: Role,
    /// Speaking for whom.
    pub agency: Option<AgencyId>,
    /// What was to be done.
    pub operation: Operation,
    /// To what.
    pub object: Object,
    /// What for.
    pub purpose: String,
    /// On which legal basis, where one was stated.
    pub basis: String,
    /// How surely it was known who asked.
    pub strength: Strength,
    /// Whether it was allowed.
    pub allowed: bool,
}

impl Decided {
    /// Who asked, to the guard.
    pub fn subject(&self) -> Subject {
        Subject { name: self.name.clone(), role: self.role, agency: self.agency.clone() }
    }
}

/// A question and how often it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// What was asked and decided.
    pub decided: Decided,
    /// How often.
    pub count: u64,
}

/// The counts since they were last taken.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Mutex<HashMap<Decided, u64>>,
}

impl Tally {
    #[expect(clippy::too_many_arguments, reason = "a decision depends on all of them, and nothing else gathers them")]
    pub(super) fn count(
        &self,
        now: Timestamp,
        subject: &Subject,
        operation: Operation,
        object: Object,
        purpose: &str,
        circumstances: &Circumstances,
        allowed: bool,
    ) {
        let decided = Decided {
            hour: Timestamp::from_nanos(now.nanos() - now.nanos().rem_euclid(HOUR)),
            name: subject.name.clone(),
            role: subject.role,
            agency: subject.agency.clone(),
            operation,
            object,
            purpose: purpose.chars().take(64).collect(),
            basis: circumstances.basis.chars().take(64).collect(),
            strength: circumstances.strength,
            allowed,
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= QUESTIONS_MAX && !counts.contains_key(&decided) {
            metrics::counter!("metrosoc_decisions_not_kept_total").increment(1);
            return;
        }
        *counts.entry(decided).or_default() += 1;
    }

    /// Takes the counts, which begin anew.
    pub fn take(&self) -> Vec<Counted> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.drain().map(|(decided, count)| Counted { decided, count }).collect()
    }

    /// Gives back counts that could not be stored.
    pub fn put_back(&self, counted: Vec<Counted>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for Counted { decided, count } in counted {
            *counts.entry(decided).or_default() += count;
        }
    }
}

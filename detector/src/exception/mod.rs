//! Exceptions: findings that somebody has decided not to see, why, and until when.
//!
//! `draft` is what somebody asks for and what is refused, `register` keeps it under a permit (`row` is the stored form),
//! `set` is the compiled form that the pipeline asks. Nothing is ever deleted: an exception ends by its date or is
//! withdrawn, and stays in the register with the names of both.

mod draft;
mod register;
mod row;
mod set;

use event::{EventId, ExceptionId, Level, RuleId, Timestamp, UserName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub use draft::{Draft, LIFE_MAX};
pub use register::{Accepted, ExceptionRegister};
pub(crate) use row::count;
pub use set::Exceptions;

/// The findings of which rules an exception may hide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Those of these rules.
    Rules(Vec<RuleId>),
    /// Those of every rule of this level.
    Level(Level),
}

/// A decision to hide findings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exception {
    /// Its id.
    pub id: ExceptionId,
    /// Of which rules.
    pub target: Target,
    /// Which events: a map as in a rule's search identifier, in which all must hold.
    pub fields: Map<String, Json>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: UserName,
    /// When it was added.
    pub created: Timestamp,
    /// By whom.
    pub created_by: UserName,
    /// When it ends.
    pub expires: Timestamp,
    /// Its end before that.
    pub withdrawn: Option<Withdrawal>,
    /// How many findings it has hidden, over all restarts.
    pub hidden: u64,
}

/// An exception has hidden a finding on an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hiding {
    /// The event.
    pub event: EventId,
    /// The exception.
    pub exception: ExceptionId,
}

/// The end of an exception before its date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withdrawal {
    /// When.
    pub time: Timestamp,
    /// By whom.
    pub by: UserName,
    /// Why.
    pub reason: String,
}

/// Where an exception stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It hides.
    Active,
    /// Its date is past: it hides nothing.
    Expired,
    /// It was withdrawn: it hides nothing.
    Withdrawn,
}

impl Exception {
    /// Where it stands at `now`.
    pub fn state(&self, now: Timestamp) -> State {
        match &self.withdrawn {
            Some(_) => State::Withdrawn,
            None if now >= self.expires => State::Expired,
            None => State::Active,
        }
    }
}

#[cfg(test)]
mod tests;

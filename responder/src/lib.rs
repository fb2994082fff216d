//! Responses: a playbook makes a plan of an alert, checks and limits hold it against what must never happen, an action
//! carries it out for a time, and the journal keeps every step. Everything can be undone.
//!
//! Deliberately absent: actions without an end, actions on networks instead of addresses, and any action that an
//! unauthenticated sender could bring about without a person.

pub mod action;
mod carry;
mod consider;
mod error;
mod journal;
mod limits;
mod plan;
mod playbook;
mod protect;
mod reconcile;
mod responder;

#[cfg(test)]
mod tests;

pub use action::{Blocked, Firewall, FirewallError};
pub use error::{PlaybookError, ResponderError};
pub use journal::JournalEntry;
pub use limits::Limits;
pub use plan::{Check, Plan, PlanFilter, PlanStatus};
pub use playbook::{Condition, Playbook, Playbooks, Target, Title};
pub use protect::{Look, Protected, Sources};
pub use reconcile::ReconcileReport;
pub use responder::{Responder, ResponderSettings};

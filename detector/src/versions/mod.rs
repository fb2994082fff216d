//! Versions of rules: what was loaded, what that changed against what was loaded before, and the text of each version.
//!
//! `change` finds the difference, `register` keeps it and shows it under a permit. Who changes files is known to who
//! keeps the files; what stands here is what came into force, when, and at whose reload.

mod change;
mod register;

use event::{RuleId, Timestamp};
use serde::{Deserialize, Serialize};

pub use change::{Change, digest_of};
pub use register::{TEXT_BYTES_MAX, VERSIONS_MAX, VersionRegister};

/// What happened to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It came into force.
    Added,
    /// Its text is another one.
    Changed,
    /// It is in force no more: gone, or rejected.
    Removed,
}

impl Action {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }

    /// Reads what [`Action::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Added, Self::Changed, Self::Removed].into_iter().find(|action| action.as_str() == text)
    }
}

/// One version of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// The rule.
    pub rule: RuleId,
    /// Counted from 1 for each rule.
    pub number: u64,
    /// When it came into force.
    pub time: Timestamp,
    /// At whose reload: a user's name, `metrosoc` at a start or a signal.
    pub actor: String,
    /// What happened.
    pub action: Action,
    /// The title by then.
    pub title: String,
    /// The file by then, as it was given.
    pub path: String,
    /// The rule's own `modified`, else `date`, else `version`.
    pub modified: Option<String>,
    /// SHA-256 of its text, in hexadecimal; nothing when it was removed.
    pub digest: Option<String>,
    /// The digest of the version before; nothing when there was none.
    pub before: Option<String>,
    /// Its text, at most [`TEXT_BYTES_MAX`] bytes; empty when it was removed.
    pub text: String,
    /// The number of the ledger's entry that names it.
    pub ledger: u64,
}

#[cfg(test)]
mod tests;

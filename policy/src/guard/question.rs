//! One question to the engine, and what it says.

use super::strength::Strength;
use super::window::Minute;

/// One question to the engine, in the policy's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Question<'q> {
    /// A role, or `operator`.
    pub who: &'q str,
    /// `all`, or `agency:ID`.
    pub scope: &'q str,
    /// Whether that agency is the asker's own, or a unit of it.
    pub own: bool,
    /// What.
    pub object: &'q str,
    /// Which class of fields; empty for the object as a whole.
    pub class: &'q str,
    /// Which operation.
    pub operation: &'q str,
    /// What for; empty when nothing was stated.
    pub purpose: &'q str,
    /// On which legal basis; empty when there is none.
    pub basis: &'q str,
    /// When in the week.
    pub time: Minute,
    /// How surely it is known who asks.
    pub strength: Strength,
    /// The grant that the asker holds for this; empty when there is none.
    pub grant: &'q str,
}

/// What the engine said, and the places (in the list of lines) that made it say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Indices into the list of lines, the ones that matched; nothing behind the first that denies.
    pub lines: Vec<usize>,
}

//! Reveals: pseudonyms are turned back for a purpose and a case, after approvals by class, for hours and for the values
//! that were asked for; or at once where the glass is broken, which is told and reviewed.

mod register;
mod restricted;
mod rules;
mod state;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use register::{Revealed, RevealedText, Reveals, Shown, Wanted};
pub use restricted::unrestricted;
pub use rules::{EMBEDDED, RevealRules};
pub use state::{Place, Reveal, RevealAct, RevealState, RevealStep};

/// A reveal that nobody decided on for so long is over.
pub const WAITS_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How often an overdue review alarms again.
pub const ALARM_EVERY: Duration = Duration::from_secs(24 * 3_600);

//! Sigma correlations (Correlation Rules Specification 2.1.0): hits of rules → windows of event time → results.
//!
//! The files in the order of the walk: `spec` reads a document (`timespan`, `bounds`, `expression`), `plan` resolves it
//! (`reference`, `lookup`), `state` takes hits and hands results out (`key`, `hold`, `groups`, `group`), `window` and
//! `tally` compute, `checkpoint` keeps the state over a restart.
//!
//! # Windows
//! A group is the values of every `group-by` field; a hit that lacks one, or the measured field, is not counted in that
//! correlation (`Totals::incomplete`). Of a list the first value counts; values are compared as text, case and all. Two
//! hits share a window when at most `timespan` lies between their *event* times. An event counts once in a group even
//! if several of the rules match it, in temporal correlations once for every rule.
//!
//! **Sliding.** When only more can make the condition true (`gt`, `gte`, a temporal condition without `not`), a window
//! ends at every hit and is decided there, at once. A group fires at most once a timespan: after a window fired, those
//! that end within one timespan of it do not. While an attack goes on it is told again after each timespan, so that
//! nothing falls silent; a count that swings around its threshold gives no storm, and the hits that are held back share
//! a window with a result that was given less than a timespan ago.
//!
//! **Complete.** When more can make the condition false (`lt`, `lte`, `eq`, `neq`, a range, a `not`), a window begins
//! with a group's first hit, ends `timespan` later, and is decided when it is complete: when the clock, or the group's
//! own newest hit, is past its end by the lateness. The next one begins with the first hit behind it. A group exists
//! from its first hit on, so nothing at all is never found: zero events cannot be correlated.
//!
//! # Order and lateness
//! A hit that comes out of order is placed at its time and every window that it completes is looked at, exactly so for
//! windows that end up to the lateness before the group's newest hit, as long as no more than 2,048 hits lie around it;
//! in hotter groups the newest window alone is asked. It is too late (`Totals::late`) when it is behind that by more
//! than lateness and timespan both, or falls into a window that was decided. Lateness is measured against the same
//! *group*: a site whose line was cut delivers hours late as a whole and loses nothing because others went on. A group
//! to which nothing came while the clock went on by timespan and lateness is forgotten. A hit whose sender's clock is
//! ahead of its receipt by more than the lateness counts at its receipt.
//! `temporal_ordered` goes by event time; hits of the same time are in order.
//!
//! # Bounds
//! Groups, bytes and hits in a group have a bound each ([`Settings`]). Beyond it, counts, sums and means fold their
//! oldest hits into 1/4096 parts of the timespan (a threshold of a million stays right to that); `value_count` and
//! `temporal` let hits go whose value or rule came again later, `temporal_ordered` those followed by the same rule;
//! percentiles and medians, and what is still too much, lose the oldest quarter (`Totals::dropped`).
//!
//! # Chains
//! A result goes to the correlations that refer to its correlation as a hit at the window's end. They see its group
//! values as fields, and for other fields the event that completed it.

mod bounds;
mod checkpoint;
mod codec;
mod expression;
mod forget;
mod group;
mod groups;
mod hold;
mod key;
mod lookup;
mod plan;
mod reference;
mod spec;
mod state;
mod tally;
mod timespan;
mod window;

pub use bounds::Bounds;
pub use checkpoint::{CheckpointError, Forgotten, Restored};
pub use plan::{Plan, Refused};
pub use spec::{Alias, CorrelationSpec, Measure};
pub use state::{Correlated, Hit, Settings, State, Totals};
pub(crate) use timespan::parse as timespan_nanos;

#[cfg(test)]
mod tests;

//! What a hunt answers.

use event::{EventId, RuleId, Timestamp};
use serde::Serialize;

use super::Progress;
use crate::search::Hit;

/// The outcome of a hunt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HuntAnswer {
    /// Findings that would have been seen.
    pub seen: Counted,
    /// Findings that exceptions would have hidden.
    pub hidden: Counted,
    /// The alerts that the seen ones would have become; absent where the asker may not see what they are grouped by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerts: Option<AlertEstimate>,
    /// How much work it was.
    pub work: Progress,
    /// Whether the index left events out; otherwise every event of the range was read.
    pub pruned: bool,
    /// What the answer leaves out because it is too much; nothing where it is whole.
    pub truncated: Vec<String>,
    /// The policy lines that allowed it.
    pub explanation: Vec<String>,
}

/// Findings, counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counted {
    /// All of them.
    pub total: u64,
    /// By the day of the event, in the city's zone, oldest first.
    pub by_day: Vec<DayCount>,
    /// By site, most first; findings of no site under `-`.
    pub by_site: Vec<SiteCount>,
    /// By rule, most first.
    pub by_rule: Vec<RuleCount>,
    /// The newest of them.
    pub samples: Vec<Sample>,
}

/// A day's count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DayCount {
    /// `2026-11-03`.
    pub day: String,
    /// How many.
    pub count: u64,
}

/// A site's count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteCount {
    /// Its id.
    pub site: String,
    /// How many.
    pub count: u64,
}

/// A rule's count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleCount {
    /// Its id.
    pub rule: RuleId,
    /// How many.
    pub count: u64,
}

/// One finding to look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// The rule.
    pub rule: RuleId,
    /// When.
    pub time: Timestamp,
    /// The events that it is about, oldest first.
    pub events: Vec<EventId>,
    /// What matched, in the rule's own names.
    pub matched: Vec<String>,
    /// The last of the events as the asker may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hit: Option<Hit>,
}

/// Alerts that would have been raised.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertEstimate {
    /// All of them.
    pub total: u64,
    /// On the average of the days that the range has events of.
    pub per_day: f64,
    /// By the day on which each would have been raised.
    pub by_day: Vec<DayCount>,
}

//! A finding: one rule matched one event.

use serde::{Deserialize, Serialize};

use crate::{Atom, Entities, EventId, KnownBy, RuleId, Timestamp};

/// How serious a rule takes its matches, as Sigma names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth counting, not alerting.
    Informational,
    /// Notable, rarely an incident.
    Low,
    /// Relevant, to be looked at.
    Medium,
    /// Should be looked at soon.
    High,
    /// Look at it now.
    Critical,
}

impl Level {
    /// As Sigma writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The risk score of an alert whose rule tells none of its own, 0 to 100 (as Elastic Security has them).
    pub fn risk_score(self) -> u8 {
        match self {
            Self::Informational => 1,
            Self::Low => 21,
            Self::Medium => 47,
            Self::High => 73,
            Self::Critical => 99,
        }
    }

    /// Reads Sigma's word, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "informational" => Some(Self::Informational),
            "low" => Some(Self::Low),
            "medium" => Some(Self::Medium),
            "high" => Some(Self::High),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }
}

/// What a finding or an alert tells of its rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRef {
    /// The rule's id.
    pub id: RuleId,
    /// The rule's title.
    pub title: String,
    /// The rule's level.
    pub level: Level,
    /// The rule's tags, ATT&CK techniques as `attack.t1110.001` among them.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The rule's own risk score, 0 to 100, where it tells one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_score: Option<u8>,
}

impl RuleRef {
    /// How much an alert of the rule weighs, 0 to 100: its own risk score, else its level's.
    pub fn risk(&self) -> u8 {
        self.risk_score.unwrap_or_else(|| self.level.risk_score()).min(100)
    }
}

/// One rule matched one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule.
    pub rule: RuleRef,
    /// The event; of a correlation the one at which it was decided, which need not be part of it.
    pub event: EventId,
    /// The event's time.
    pub time: Timestamp,
    /// Who and what was involved.
    pub entities: Entities,
    /// How the event's site is known; automatic actions need proof.
    pub known_by: KnownBy,
    /// The selections that were true, in the rule's own names; of a correlation, its value and group.
    pub matched: Vec<String>,
    /// The comparisons that were true, with the values compared; of a correlation, its group. At most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub atoms: Vec<Atom>,
    /// The events that took part in a correlation, oldest first, at most 100; nothing for a rule about one event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<EventId>,
}

impl Finding {
    /// The events that it is about, oldest first.
    pub fn events(&self) -> impl Iterator<Item = EventId> + '_ {
        let own = self.related.is_empty().then_some(self.event);
        self.related.iter().copied().chain(own)
    }
}

//! An alert: findings of one rule on one entity that an analyst works on together.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{AgencyId, AlertId, Atom, RuleRef, SiteId, Timestamp, UserName};

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// Nobody has looked at it.
    New,
    /// Somebody works on it.
    Acknowledged,
    /// Done: it was an incident.
    ClosedTrue,
    /// Done: it was none.
    ClosedFalse,
}

impl AlertStatus {
    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Acknowledged => "acknowledged",
            Self::ClosedTrue => "closed_true",
            Self::ClosedFalse => "closed_false",
        }
    }

    /// Reads what [`AlertStatus::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::New, Self::Acknowledged, Self::ClosedTrue, Self::ClosedFalse]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// Who and what an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entities {
    /// The site it came from.
    pub site: Option<SiteId>,
    /// The agency that owns the site.
    pub agency: Option<AgencyId>,
    /// `host.name`.
    pub host: Option<String>,
    /// `user.name`.
    pub user: Option<String>,
    /// `source.ip`.
    pub source_ip: Option<IpAddr>,
    /// `destination.ip`.
    pub destination_ip: Option<IpAddr>,
}

/// Findings that belong together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// The rule that all its findings come from.
    pub rule: RuleRef,
    /// How much it weighs, 0 to 100.
    pub risk_score: u8,
    /// Where it stands.
    pub status: AlertStatus,
    /// Who works on it.
    pub assignee: Option<UserName>,
    /// Number of findings.
    pub count: u64,
    /// The least event time of its findings.
    pub first_seen: Timestamp,
    /// The greatest event time of its findings.
    pub last_seen: Timestamp,
    /// When it was stored first.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Who and what it is about.
    pub entities: Entities,
    /// Events of its findings: the first ones and the last, at most 100 ids.
    pub events: Vec<crate::EventId>,
    /// The different comparisons that were true in its findings, the first ones; at most 20.
    #[serde(default)]
    pub atoms: Vec<Atom>,
    /// Whether every finding came from an authenticated sender.
    pub authenticated: bool,
}

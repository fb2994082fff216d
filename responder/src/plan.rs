//! A plan: one action on one target for one alert, with why, checks and where it stands.

use event::{Action, AgencyId, AlertId, PlanId, SiteId, Timestamp};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// Where a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// It waits: for a person, for the operator to enable actions, or for the firewall.
    Planned,
    /// It must not be done: the target is on the never-block list.
    Refused,
    /// It is being carried out.
    Running,
    /// It was carried out and is in force until its end.
    Done,
    /// A person took it back before its end.
    Undone,
    /// Its time is over.
    Expired,
    /// The firewall refused.
    Failed,
}

impl PlanStatus {
    /// Every status.
    pub const ALL: [Self; 7] =
        [Self::Planned, Self::Refused, Self::Running, Self::Done, Self::Undone, Self::Expired, Self::Failed];

    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Refused => "refused",
            Self::Running => "running",
            Self::Done => "done",
            Self::Undone => "undone",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }

    /// Reads what [`PlanStatus::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether its block should stand in the kernel.
    pub fn in_force(self) -> bool {
        matches!(self, Self::Running | Self::Done)
    }
}

/// One thing that was looked at before acting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which: `never_block`, `limits`, `authenticated`, `enabled`.
    pub name: String,
    /// Whether it allows the action without a person.
    pub passed: bool,
    /// What was found.
    pub detail: String,
}

impl Check {
    pub(crate) fn passed(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), passed: true, detail: detail.into() }
    }

    pub(crate) fn failed(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), passed: false, detail: detail.into() }
    }
}

/// A stored plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Its id, which follows from alert, playbook and target: the same is never planned twice.
    pub id: PlanId,
    /// The alert that called for it.
    pub alert: AlertId,
    /// The playbook that answered.
    pub playbook: String,
    /// What is acted on: an address.
    pub target: String,
    /// What is done.
    pub action: Action,
    /// Where it stands.
    pub status: PlanStatus,
    /// Why it was made, in a sentence.
    pub why: String,
    /// What was looked at last.
    pub checks: Vec<Check>,
    /// What it waits for, why it was refused, or what went wrong; empty otherwise.
    pub note: String,
    /// The site of the alert.
    pub site: Option<SiteId>,
    /// The agency of the alert.
    pub agency: Option<AgencyId>,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// When it was last carried out.
    pub started: Option<Timestamp>,
    /// When the block ends or ended.
    pub ends: Option<Timestamp>,
}

impl Plan {
    /// The id of a playbook's plan for a target of an alert.
    pub(crate) fn id_of(alert: &AlertId, playbook: &str, target: &str) -> Option<PlanId> {
        let key = format!("{alert}\n{playbook}\n{target}");
        let sum = digest(&SHA256, key.as_bytes());
        let short: String = sum.as_ref().iter().take(10).map(|byte| format!("{byte:02x}")).collect();
        PlanId::new(format!("plan-{short}")).ok()
    }
}

/// Which plans to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanFilter {
    /// Only in this status.
    pub status: Option<PlanStatus>,
    /// Only of this alert.
    pub alert: Option<AlertId>,
    /// At most so many; 0 means the most that are given, 1,000.
    pub limit: u32,
}

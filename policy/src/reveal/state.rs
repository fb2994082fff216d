//! Where a reveal stands, and which step leads where. Pure: the time and who acts are passed in.

use std::collections::BTreeSet;
use std::time::Duration;

use event::{AgencyId, CaseId, EventId, Timestamp, UserName};
use serde::{Deserialize, Serialize};

use crate::CareError;
use crate::care::sentence;
use crate::request::{Approvals, Party};

/// Most characters of what somebody writes.
pub(super) const TEXT_CHARS_MAX: usize = 1_000;
/// Most steps.
const STEPS_MAX: usize = 100;

/// Where a reveal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevealState {
    /// Waits for approvals.
    Asked,
    /// The values can be had, until it ends.
    Approved,
    /// Refused.
    Refused,
    /// Taken back.
    Withdrawn,
    /// Its time is over.
    Ended,
}

impl RevealState {
    /// As the API and the database write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Ended => "ended",
        }
    }
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevealAct {
    /// Agrees.
    Approve,
    /// Does not agree.
    Refuse {
        /// Why not.
        reason: String,
    },
    /// Ends it: by who asked, or by who may decide.
    Withdraw {
        /// Why.
        reason: String,
    },
    /// Looks back at a use of break-glass.
    Review {
        /// Whether it was right.
        justified: bool,
        /// What was found.
        finding: String,
    },
    /// Its time is over.
    End,
}

impl RevealAct {
    /// The action of the ledger's entry.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Approve => "reveal_approved",
            Self::Refuse { .. } => "reveal_request_refused",
            Self::Withdraw { .. } => "reveal_withdrawn",
            Self::Review { justified: true, .. } => "break_glass_reviewed",
            Self::Review { justified: false, .. } => "break_glass_unjustified",
            Self::End => "reveal_ended",
        }
    }
}

/// One step of its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevealStep {
    /// When; never before the step before.
    pub time: Timestamp,
    /// Who.
    pub by: UserName,
    /// What, as the ledger's entry says.
    pub action: String,
    /// What was written with it.
    pub text: String,
}

/// A field of an event in which pseudonyms of a reveal stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The event.
    pub event: EventId,
    /// The field, in its full name.
    pub field: String,
}

/// A reveal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reveal {
    /// Its id, and that of the grant.
    pub id: String,
    /// Who asked, and alone gets the values.
    pub asked_by: UserName,
    /// For which agency he speaks.
    pub unit: Option<AgencyId>,
    /// When.
    pub asked: Timestamp,
    /// Whose data it is.
    pub agency: AgencyId,
    /// Which pseudonyms; never their values.
    pub tokens: BTreeSet<String>,
    /// The fields that are read as they came; empty where values alone were asked for.
    #[serde(default)]
    pub places: BTreeSet<Place>,
    /// An id of the purposes.
    pub purpose: String,
    /// An id of the legal bases.
    pub basis: String,
    /// The case.
    pub case: CaseId,
    /// Why, in words.
    pub reason: String,
    /// For how many seconds, once it is approved.
    pub life_secs: u64,
    /// Where it stands.
    pub state: RevealState,
    /// Who approved.
    pub approvals: Approvals,
    /// Whether the glass was broken: it stood at once, and is reviewed.
    pub break_glass: bool,
    /// From when on the values can be had; `None` before.
    pub from: Option<Timestamp>,
    /// Until when.
    pub until: Option<Timestamp>,
    /// When the review is due; `None` where there is none, or any more.
    pub review_due: Option<Timestamp>,
    /// Who reviewed.
    pub reviewed_by: Option<UserName>,
    /// Every step.
    pub history: Vec<RevealStep>,
}

impl Reveal {
    /// Whether the values can be had at `now`.
    pub fn stands(&self, now: Timestamp) -> bool {
        self.state == RevealState::Approved
            && self.from.is_some_and(|from| from <= now)
            && self.until.is_some_and(|until| now < until)
    }

    /// Takes a step. What is not allowed changes nothing.
    ///
    /// # Errors
    /// [`CareError::Conflict`] when its state does not allow it, [`CareError::SamePerson`] when it takes somebody else,
    /// [`CareError::Invalid`] when something is missing.
    pub fn apply(&mut self, act: &RevealAct, by: &Party, now: Timestamp) -> Result<(), CareError> {
        let now = self.history.last().map_or(now, |last| now.max(last.time));
        if self.history.len() >= STEPS_MAX && *act != RevealAct::End {
            return self.conflict(format!("it took {STEPS_MAX} steps"));
        }
        let mut next = self.clone();
        let open = matches!(self.state, RevealState::Asked | RevealState::Approved);
        let text = match act {
            RevealAct::Approve => {
                next.waits()?;
                next.approvals.may_decide(by, [&self.asked_by])?;
                next.approvals.add(by, now)?;
                if next.approvals.complete() {
                    next.begin(now);
                }
                String::new()
            }
            RevealAct::Refuse { reason } => {
                next.waits()?;
                next.approvals.may_decide(by, [&self.asked_by])?;
                next.state = RevealState::Refused;
                written(reason, "a refusal says why")?
            }
            RevealAct::Withdraw { reason } if open => {
                next.state = RevealState::Withdrawn;
                written(reason, "a withdrawal says why")?
            }
            RevealAct::End if self.is_over(now) => {
                next.state = RevealState::Ended;
                String::new()
            }
            RevealAct::Review { finding, .. } => {
                if self.review_due.is_none() {
                    return self.conflict("there is nothing to review".to_owned());
                }
                next.approvals.may_decide(by, [&self.asked_by])?;
                next.review_due = None;
                next.reviewed_by = Some(by.name.clone());
                written(finding, "a review says what was found")?
            }
            RevealAct::Withdraw { .. } => return self.conflict(format!("it is {} already", self.state.as_str())),
            RevealAct::End => return self.conflict("its time is not over".to_owned()),
        };
        let action = act.action().to_owned();
        next.history.push(RevealStep { time: now, by: by.name.clone(), action, text });
        *self = next;
        Ok(())
    }

    /// From now on the values can be had.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.state = RevealState::Approved;
        self.from = Some(now);
        self.until = Some(now.plus(Duration::from_secs(self.life_secs)));
    }

    /// Whether its time is over: that of its values, or that in which somebody could have decided.
    pub fn is_over(&self, now: Timestamp) -> bool {
        match self.state {
            RevealState::Approved => self.until.is_none_or(|until| now >= until),
            RevealState::Asked => now >= self.asked.plus(super::WAITS_MAX),
            RevealState::Refused | RevealState::Withdrawn | RevealState::Ended => false,
        }
    }

    fn waits(&self) -> Result<(), CareError> {
        if self.state == RevealState::Asked {
            return Ok(());
        }
        self.conflict(format!("it is {} already", self.state.as_str()))
    }

    fn conflict<T>(&self, reason: String) -> Result<T, CareError> {
        Err(CareError::Conflict { reason: format!("reveal `{}`: {reason}", self.id) })
    }
}

/// What somebody writes, which must not be nothing.
pub(super) fn written(text: &str, missing: &str) -> Result<String, CareError> {
    let text = sentence(text, TEXT_CHARS_MAX);
    if text.is_empty() { Err(CareError::Invalid { reason: missing.to_owned() }) } else { Ok(text) }
}

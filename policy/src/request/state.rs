//! Where a request stands, and which step leads where. Pure: the time and who acts are passed in.

use event::{AgencyId, Timestamp, UserName};
use serde::{Deserialize, Serialize};

use super::approvals::{Approvals, Party};
use super::terms::{Narrowing, Terms, invalid};
use crate::CareError;
use crate::care::sentence;

/// Most steps that a request takes.
const STEPS_MAX: usize = 100;
/// Most characters of what somebody writes.
pub(super) const TEXT_CHARS_MAX: usize = 1_000;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for a decision, or for the second of two.
    Asked,
    /// Granted as it was asked.
    Approved,
    /// Granted, less than was asked.
    Narrowed,
    /// Refused, with reason and legal basis.
    Refused,
    /// Taken back by who asked, or by the data owner.
    Withdrawn,
    /// Its time is over.
    Expired,
    /// Another request took its place.
    Renewed,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Asked, Self::Approved, Self::Narrowed, Self::Refused, Self::Withdrawn, Self::Expired, Self::Renewed];

    /// As the API and the database write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Approved => "approved",
            Self::Narrowed => "narrowed",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Renewed => "renewed",
        }
    }

    /// Reads what [`State::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it is a grant, from `from` until `until`.
    pub fn is_granted(self) -> bool {
        matches!(self, Self::Approved | Self::Narrowed)
    }

    /// Whether nothing leads out of it.
    pub fn is_final(self) -> bool {
        !self.is_granted() && self != Self::Asked
    }
}

/// A step that somebody takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Agrees.
    Approve,
    /// Agrees to less.
    Narrow {
        /// To what.
        to: Box<Narrowing>,
        /// Why not to all.
        reason: String,
    },
    /// Does not agree.
    Refuse {
        /// Why not.
        reason: String,
        /// On which legal basis.
        basis: String,
    },
    /// Ends it.
    Withdraw {
        /// Why.
        reason: String,
    },
    /// Lets somebody else decide.
    Delegate {
        /// Whom.
        to: UserName,
    },
    /// Another request takes its place.
    Renew {
        /// Which.
        by: String,
    },
    /// Its time is over.
    Expire,
}

impl Act {
    /// The action of the ledger's entry.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Approve => "request_approved",
            Self::Narrow { .. } => "request_narrowed",
            Self::Refuse { .. } => "request_refused",
            Self::Withdraw { .. } => "request_withdrawn",
            Self::Delegate { .. } => "request_delegated",
            Self::Renew { .. } => "request_renewed",
            Self::Expire => "request_expired",
        }
    }
}

/// One step of a request's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When; never before the step before.
    pub time: Timestamp,
    /// Who.
    pub by: UserName,
    /// What, as the ledger's entry says.
    pub action: String,
    /// Where it stood then.
    pub state: State,
    /// What was written with it.
    pub text: String,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRequest {
    /// Its id, and that of the grant.
    pub id: String,
    /// Who asked.
    pub asked_by: UserName,
    /// For which agency.
    pub asked_from: Option<AgencyId>,
    /// When.
    pub asked: Timestamp,
    /// Whose data.
    pub agency: AgencyId,
    /// What was asked for.
    pub asked_for: Terms,
    /// What is granted, or still asked for.
    pub terms: Terms,
    /// An id of the purposes.
    pub purpose: String,
    /// An id of the legal bases.
    pub basis: String,
    /// Why, in words.
    pub reason: String,
    /// Whether fields of it are of sensitive classes.
    pub sensitive: bool,
    /// Where it stands.
    pub state: State,
    /// Who approved.
    pub approvals: Approvals,
    /// Who is to decide, where somebody handed that on.
    pub assigned_to: Option<UserName>,
    /// The request whose place this takes.
    pub renews: Option<String>,
    /// The legal basis of a refusal.
    pub refusal_basis: Option<String>,
    /// What reminders went out.
    #[serde(default)]
    pub reminded: Vec<String>,
    /// Every step.
    pub history: Vec<Step>,
}

impl AccessRequest {
    /// Takes a step. What is not allowed changes nothing.
    ///
    /// # Errors
    /// [`CareError::Conflict`] when its state does not allow it, [`CareError::SamePerson`] when it takes somebody else,
    /// [`CareError::Invalid`] when something is missing.
    pub fn apply(&mut self, act: &Act, by: &Party, now: Timestamp) -> Result<(), CareError> {
        // A clock that went back does not make a step earlier than the one before.
        let now = self.history.last().map_or(now, |last| now.max(last.time));
        if self.history.len() >= STEPS_MAX && *act != Act::Expire {
            return self.conflict(format!("it took {STEPS_MAX} steps; ask anew"));
        }
        let over = now >= self.terms.until;
        let mut next = self.clone();
        let text = match act {
            _ if self.state.is_final() => return self.conflict(format!("it is {} already", self.state.as_str())),
            Act::Expire if !over => return self.conflict("its time is not over".to_owned()),
            Act::Expire => {
                next.state = State::Expired;
                String::new()
            }
            _ if over => return self.conflict(format!("its time was over at {}", self.terms.until)),
            Act::Approve => next.approve(by, now, None)?,
            Act::Narrow { to, reason } => next.approve(by, now, Some((to, reason)))?,
            Act::Refuse { reason, basis } => next.refuse(by, reason, basis)?,
            Act::Withdraw { reason } => {
                next.state = State::Withdrawn;
                written(reason, "a withdrawal says why")?
            }
            Act::Delegate { to } => next.delegate(by, to)?,
            Act::Renew { by } if self.state.is_granted() => {
                next.state = State::Renewed;
                by.clone()
            }
            Act::Renew { .. } => return self.conflict("only a grant is renewed".to_owned()),
        };
        let action = act.action().to_owned();
        next.history.push(Step { time: now, by: by.name.clone(), action, state: next.state, text });
        *self = next;
        Ok(())
    }

    fn approve(
        &mut self,
        by: &Party,
        now: Timestamp,
        narrowing: Option<(&Narrowing, &str)>,
    ) -> Result<String, CareError> {
        self.may_decide(by)?;
        let mut text = String::new();
        if let Some((to, reason)) = narrowing {
            text = written(reason, "who grants less than was asked says why")?;
            self.terms = self.terms.narrowed(to, now)?;
            // What others agreed to was more: this is less, so that their word still holds.
        }
        self.approvals.add(by, now)?;
        if self.approvals.complete() {
            self.state = if self.terms == self.asked_for { State::Approved } else { State::Narrowed };
        }
        self.assigned_to = None;
        Ok(text)
    }

    fn refuse(&mut self, by: &Party, reason: &str, basis: &str) -> Result<String, CareError> {
        self.may_decide(by)?;
        let text = written(reason, "a refusal gives its reason in writing")?;
        self.refusal_basis = Some(written(basis, "a refusal names its legal basis")?);
        self.state = State::Refused;
        self.assigned_to = None;
        Ok(text)
    }

    fn delegate(&mut self, by: &Party, to: &UserName) -> Result<String, CareError> {
        // Who handed it on may take it back.
        let taken_back = self.assigned_to.is_some() && *to == by.name;
        if taken_back {
            self.assigned_to = None;
        }
        self.may_decide(by)?;
        if *to == self.asked_by || self.terms.people.contains(to) {
            let reason = format!("`{to}` asked for it or is to see it, and decides nothing here");
            return Err(CareError::SamePerson { reason });
        }
        self.assigned_to = (!taken_back).then(|| to.clone());
        Ok(to.to_string())
    }

    fn may_decide(&self, by: &Party) -> Result<(), CareError> {
        if self.state != State::Asked {
            return self.conflict(format!("it is {} already", self.state.as_str()));
        }
        if let Some(assigned) = self.assigned_to.as_ref().filter(|assigned| **assigned != by.name) {
            return self.conflict(format!("`{assigned}` is to decide; take it back first (delegate it to yourself)"));
        }
        self.approvals.may_decide(by, self.asked_for.people.iter().chain([&self.asked_by]))
    }

    fn conflict<T>(&self, reason: String) -> Result<T, CareError> {
        Err(CareError::Conflict { reason: format!("request `{}`: {reason}", self.id) })
    }
}

/// What somebody writes, which must not be nothing.
pub(super) fn written(text: &str, missing: &str) -> Result<String, CareError> {
    let text = sentence(text, TEXT_CHARS_MAX);
    if text.is_empty() { invalid(missing) } else { Ok(text) }
}

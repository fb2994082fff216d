//! The guard: who may do what, over which part, through which masks, and the policy lines that said so.
//!
//! Every permit of the program comes from here. The guard asks the engine with the role, never with the name; what
//! the engine does not allow, cannot answer or has no policy for is denied. A permit lives for one question: 60 s.

mod decider;
mod denied;
mod line;
mod policy;
mod purpose;
mod remembered;
mod source;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use event::{Clock, Grant, Masks, NoMasks, Object, Operation, Permit, Role, Scope, Subject, Timestamp, UserName};
use serde::Serialize;
use tracing::{debug, info, warn};

pub use decider::{CasbinDecider, Decider, Question, Verdict};
pub use denied::{Denied, Reason};
pub use line::{Line, OPERATOR};
pub use purpose::{Purpose, Title};
pub use remembered::Remembered;
pub use source::{PolicySource, PolicyText};

use crate::PolicyError;
use crate::mask::MaskTable;
use policy::{Allowed, Asker, Policy, deny};

/// How long a permit is good for: long enough for one slow question, too short to be kept.
pub const PERMIT_LIFE: Duration = Duration::from_secs(60);

#[derive(Debug)]
enum State {
    Open { policy: Arc<Policy>, confirmed: Timestamp },
    Closed { reason: String },
}

/// The guard. Cheap to clone; every clone follows a reload.
#[derive(Debug, Clone)]
pub struct Guard {
    source: Arc<PolicySource>,
    clock: Arc<dyn Clock>,
    fresh_for: Option<Duration>,
    state: Arc<ArcSwap<State>>,
}

/// Why the guard says what it says: the answer to "may this subject do that, and why".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Over which part; `None` when it is denied.
    pub scope: Option<Scope>,
    /// The profile of `masks.yml` that the answer is seen through.
    pub masks: String,
    /// Why it is denied.
    pub reason: Option<Reason>,
    /// The policy lines that said so, or the condition that was missing.
    pub because: Vec<String>,
    /// Which policy that was.
    pub policy_version: String,
}

impl Guard {
    /// Reads, checks and compiles the policy.
    ///
    /// # Errors
    /// [`PolicyError`] names the file and line; use [`Guard::closed`] to go on with everything denied.
    pub fn open(source: PolicySource, clock: Arc<dyn Clock>) -> Result<Self, PolicyError> {
        let guard = Self::closed(source, clock, "not read yet");
        guard.reload()?;
        Ok(guard)
    }

    /// A guard that denies everything until [`Guard::reload`] succeeds.
    pub fn closed(source: PolicySource, clock: Arc<dyn Clock>, reason: &str) -> Self {
        let state = State::Closed { reason: reason.to_owned() };
        Self { source: Arc::new(source), clock, fresh_for: None, state: Arc::new(ArcSwap::from_pointee(state)) }
    }

    /// Denies everything once the policy was not confirmed by a reload for so long. For policies that come from
    /// elsewhere and may be behind; files of this machine do not age.
    #[must_use]
    pub fn fresh_for(mut self, bound: Duration) -> Self {
        self.fresh_for = Some(bound);
        self
    }

    /// Reads the policy again and puts it in force at once, without a gap. Gives its version.
    ///
    /// # Errors
    /// [`PolicyError`]; the policy that was in force stays.
    pub fn reload(&self) -> Result<String, PolicyError> {
        let policy = Policy::read(&self.source)
            .inspect_err(|error| warn!(%error, "policy not taken, the one in force stays"))?;
        let version = policy.version.clone();
        info!(version, lines = policy.lines.len(), "policy in force");
        let confirmed = self.clock.now();
        self.state.store(Arc::new(State::Open { policy: Arc::new(policy), confirmed }));
        Ok(version)
    }

    /// Denies everything from now on until the next successful reload.
    pub fn close(&self, reason: &str) {
        warn!(reason, "policy withdrawn, everything is denied");
        self.state.store(Arc::new(State::Closed { reason: reason.to_owned() }));
    }

    /// Which policy is in force; `None` when there is none.
    pub fn version(&self) -> Option<String> {
        match &**self.state.load() {
            State::Open { policy, .. } => Some(policy.version.clone()),
            State::Closed { .. } => None,
        }
    }

    /// Decides, and gives the permit.
    ///
    /// `purpose` is an id of `purposes.yml` or empty. A subject called `local:UID` is the operator whatever its role.
    ///
    /// # Errors
    /// [`Denied`] with the reason and the lines.
    pub fn permit(
        &self,
        subject: &Subject,
        operation: Operation,
        object: Object,
        purpose: &str,
    ) -> Result<Permit, Denied> {
        let decision = self.decide(subject, operation, object, purpose);
        self.note(subject, operation, object, &decision);
        let Allowed { scope, masks, because } = decision?;
        // The audit record is read whole or not at all: who did what is what it is for.
        let masks = if object == Object::Audit { Arc::new(NoMasks) as Arc<dyn Masks> } else { masks };
        Ok(Permit::issue(Grant {
            subject: subject.clone(),
            purpose: purpose.to_owned(),
            operation,
            object,
            scope,
            masks,
            not_after: self.clock.now().plus(PERMIT_LIFE),
            because,
        }))
    }

    /// Decides for the operator at the Unix socket, who is no user: `operator` in the policy.
    ///
    /// # Errors
    /// [`Denied`] as [`Guard::permit`].
    pub fn local(&self, uid: u32, operation: Operation, object: Object) -> Result<Permit, Denied> {
        self.permit(&Self::operator(uid)?, operation, object, "")
    }

    /// The subject that [`Guard::local`] asks for: `local:UID`. Its role is a formality, the policy sees `operator`.
    ///
    /// # Errors
    /// Never in practice: the name is well-formed.
    pub fn operator(uid: u32) -> Result<Subject, Denied> {
        let name = UserName::new(format!("local:{uid}"))
            .map_err(|error| deny(Reason::SubjectInvalid, vec![error.to_string()]))?;
        Ok(Subject { name, role: Role::Admin, agency: None })
    }

    /// Why something is allowed or denied. Issues nothing.
    pub fn explain(&self, subject: &Subject, operation: Operation, object: Object, purpose: &str) -> Explanation {
        let policy_version = self.version().unwrap_or_default();
        match self.decide(subject, operation, object, purpose) {
            Ok(Allowed { scope, masks, because }) => Explanation {
                allowed: true,
                scope: Some(scope),
                masks: masks.name().to_owned(),
                reason: None,
                because,
                policy_version,
            },
            Err(Denied { reason, because }) => Explanation {
                allowed: false,
                scope: None,
                masks: MaskTable::hidden().name().to_owned(),
                reason: Some(reason),
                because,
                policy_version,
            },
        }
    }

    /// What the subject may do, stating a purpose where one is needed: what a page shows or leaves out.
    pub fn can(&self, subject: &Subject) -> BTreeMap<Object, Vec<Operation>> {
        let mut can: BTreeMap<Object, Vec<Operation>> = BTreeMap::new();
        let purposes = self.every_purpose();
        for object in Object::ALL {
            for operation in Operation::ALL {
                let may = |purpose: &str| self.decide(subject, operation, object, purpose).is_ok();
                if may("") || purposes.iter().any(|purpose| may(&purpose.id)) {
                    can.entry(object).or_default().push(operation);
                }
            }
        }
        can
    }

    /// The purposes that the subject may state to do this, in the order of `purposes.yml`.
    pub fn purposes(&self, subject: &Subject, operation: Operation, object: Object) -> Vec<Purpose> {
        let mut purposes = self.every_purpose();
        purposes.retain(|purpose| self.decide(subject, operation, object, &purpose.id).is_ok());
        purposes
    }

    /// The masks that the subject sees events and alerts through.
    pub fn masks(&self, subject: &Subject) -> Arc<MaskTable> {
        match (self.policy_in_force(), Asker::of(subject)) {
            (Ok(policy), Ok(asker)) => policy.masks_of(&asker),
            _ => Arc::new(MaskTable::hidden()),
        }
    }

    /// The policy as the page `POLICY.md`: what every role may do, and its masks.
    ///
    /// # Errors
    /// [`PolicyError::Engine`] when there is no policy in force or the engine fails.
    pub fn table_markdown(&self) -> Result<String, PolicyError> {
        match &**self.state.load() {
            State::Open { policy, .. } => table::markdown(policy),
            State::Closed { reason } => Err(PolicyError::Engine { reason: reason.clone() }),
        }
    }

    fn every_purpose(&self) -> Vec<Purpose> {
        match &**self.state.load() {
            State::Open { policy, .. } => policy.purposes.clone(),
            State::Closed { .. } => Vec::new(),
        }
    }

    fn decide(
        &self,
        subject: &Subject,
        operation: Operation,
        object: Object,
        purpose: &str,
    ) -> Result<Allowed, Denied> {
        let policy = self.policy_in_force()?;
        let asker = Asker::of(subject)?;
        if !purpose.is_empty() && policy.purposes.iter().all(|known| known.id != purpose) {
            let shown: String = purpose.chars().take(48).collect();
            return Err(deny(Reason::PurposeUnknown, vec![format!("purposes.yml: there is no purpose `{shown}`")]));
        }
        policy.decide(&asker, operation, object, purpose)
    }

    fn policy_in_force(&self) -> Result<Arc<Policy>, Denied> {
        match &**self.state.load() {
            State::Closed { reason } => Err(deny(Reason::PolicyMissing, vec![reason.clone()])),
            State::Open { policy, confirmed } => {
                let now = self.clock.now();
                // A clock that went back proves nothing either.
                let stale = |bound: Duration| now.since(*confirmed) > bound || now < *confirmed;
                if self.fresh_for.is_some_and(stale) {
                    let when = format!("policy {} was confirmed at {confirmed}", policy.version);
                    return Err(deny(Reason::PolicyStale, vec![when]));
                }
                Ok(Arc::clone(policy))
            }
        }
    }

    fn note(&self, subject: &Subject, operation: Operation, object: Object, decision: &Result<Allowed, Denied>) {
        let (outcome, reason, because) = match decision {
            Ok(allowed) => ("allow", "line", &allowed.because),
            Err(denied) => ("deny", denied.reason.as_str(), &denied.because),
        };
        let (object, operation) = (object.as_str(), operation.as_str());
        metrics::counter!(
            "metrosoc_decisions_total",
            "decision" => outcome, "reason" => reason, "object" => object, "operation" => operation
        )
        .increment(1);
        debug!(subject = %subject.name, operation, object, outcome, reason, ?because, "decided");
    }
}

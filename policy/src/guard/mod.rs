//! The guard: who may do what, over which part, through which masks, and the policy lines that said so.
//!
//! Every permit of the program comes from here. The guard asks the engine with the role, never with the name; what
//! the engine does not allow, cannot answer or has no policy for is denied. A permit lives for one question: 60 s.

mod circumstances;
mod decider;
mod denied;
mod engine;
mod explain;
mod granted;
mod line;
mod link;
mod policy;
mod purpose;
mod question;
mod seen;
mod source;
mod strength;
mod table;
mod tables;
mod tally;
#[cfg(test)]
mod tests;
mod window;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use event::{
    AgencyId, Clock, Grant, Masks, NoMasks, Object, Operation, Permit, Reach, Role, Subject, Timestamp, UserName,
};
use tracing::{debug, info, warn};

pub use circumstances::{AccessGrant, Circumstances};
pub use decider::{CasbinDecider, Decider};
pub use denied::{Denied, Reason};
pub use engine::Engine;
pub use explain::Explanation;
pub use granted::{Held, Holdings};
pub use line::{Line, LineKind, Permission, parse as parse_lines};
pub use purpose::{Basis, Purpose, Title};
pub use question::{Question, Verdict};
pub use source::{PolicySource, PolicyText};
pub use strength::Strength;
pub use tables::Tables;
pub use tally::{Counted, Decided, Tally};
pub use window::Minute;
pub use words::{AGENCY_PREFIX, OPERATOR, Vocabulary};

use crate::PolicyError;
use crate::holiday::Calendar;
use crate::mask::{GrantMasks, Masking};
use crate::privacy::FieldTable;
use policy::{Allowed, Asked, Asker, Policy, deny};
use seen::Recipient;

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
    source: Arc<ArcSwap<PolicySource>>,
    clock: Arc<dyn Clock>,
    fresh_for: Option<Duration>,
    state: Arc<ArcSwap<State>>,
    /// The latest time that was seen: a clock that goes back does not make a grant longer.
    latest: Arc<AtomicI64>,
    /// Who may not use the own role now, and why.
    suspended: Arc<ArcSwap<BTreeMap<UserName, String>>>,
    /// The grants of approved requests.
    holdings: Arc<ArcSwap<Holdings>>,
    /// The tokens of persons whose data is not processed further.
    restricted: Arc<ArcSwap<BTreeSet<String>>>,
    tally: Arc<Tally>,
    /// Which days count as Sundays where lines name hours of the week.
    calendar: Calendar,
    /// What masks need beside the policy; without it, what needs a key or the scanner is not shown.
    masking: Option<Arc<Masking>>,
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

    /// Checks a policy as it would be taken, without taking it, and gives its version.
    ///
    /// # Errors
    /// [`PolicyError`] names the file and line.
    pub fn check(text: &PolicyText) -> Result<String, PolicyError> {
        let text = PolicySource::Text(text.clone()).read()?;
        Ok(Policy::read(&text)?.version)
    }

    /// A guard that denies everything until [`Guard::reload`] succeeds.
    pub fn closed(source: PolicySource, clock: Arc<dyn Clock>, reason: &str) -> Self {
        let state = State::Closed { reason: reason.to_owned() };
        Self {
            source: Arc::new(ArcSwap::from_pointee(source)),
            clock,
            fresh_for: None,
            state: Arc::new(ArcSwap::from_pointee(state)),
            latest: Arc::new(AtomicI64::new(i64::MIN)),
            suspended: Arc::default(),
            holdings: Arc::default(),
            restricted: Arc::default(),
            tally: Arc::default(),
            calendar: Calendar::default(),
            masking: None,
        }
    }

    /// Denies everything once the policy was not confirmed by a reload for so long. For policies that come from
    /// elsewhere and may be behind; files of this machine do not age.
    #[must_use]
    pub fn fresh_for(mut self, bound: Duration) -> Self {
        self.fresh_for = Some(bound);
        self
    }

    /// Lets holidays count as Sundays, and weekends that make up as Fridays, where lines name hours of the week; without it
    /// only the week counts.
    #[must_use]
    pub fn with_calendar(mut self, calendar: Calendar) -> Self {
        self.calendar = calendar;
        self
    }

    /// Gives the masks their key and the scanner of personal values.
    #[must_use]
    pub fn with_masking(mut self, masking: Arc<Masking>) -> Self {
        self.masking = Some(masking);
        self
    }

    /// Reads the policy again and puts it in force at once, without a gap. Gives its version.
    ///
    /// # Errors
    /// [`PolicyError`]; the policy that was in force stays.
    pub fn reload(&self) -> Result<String, PolicyError> {
        let policy = self.source.load().read().and_then(|text| Policy::read(&text));
        let policy = policy.inspect_err(|error| warn!(%error, "policy not taken, the one in force stays"))?;
        Ok(self.put_in_force(policy))
    }

    /// Puts another policy in force at once, without a gap; a later reload reads it again. Gives its version.
    ///
    /// # Errors
    /// [`PolicyError`]; the policy that was in force stays.
    pub fn replace(&self, text: PolicyText) -> Result<String, PolicyError> {
        let source = PolicySource::Text(text);
        let policy = source.read().and_then(|text| Policy::read(&text));
        let policy = policy.inspect_err(|error| warn!(%error, "policy not taken, the one in force stays"))?;
        self.source.store(Arc::new(source));
        Ok(self.put_in_force(policy))
    }

    /// Says that `version` is still the newest policy there is. Anything else than what is in force changes nothing.
    pub fn confirm(&self, version: &str) {
        let confirmed = self.clock.now();
        // Never over a policy that came into force meanwhile.
        self.state.rcu(|state| match &**state {
            State::Open { policy, .. } if policy.version == version => {
                Arc::new(State::Open { policy: Arc::clone(policy), confirmed })
            }
            _ => Arc::clone(state),
        });
    }

    /// The four files of the policy in force.
    ///
    /// # Errors
    /// [`PolicyError`] when they cannot be read any more.
    pub fn text(&self) -> Result<PolicyText, PolicyError> {
        self.source.load().read()
    }

    /// Replaces the list of those who may not use their role now, with the reason for each.
    pub fn suspend(&self, suspended: BTreeMap<UserName, String>) {
        self.suspended.store(Arc::new(suspended));
    }

    /// Replaces the grants of approved requests, at once and without a gap.
    pub fn hold(&self, holdings: Holdings) {
        self.holdings.store(Arc::new(holdings));
    }

    /// The grants of approved requests as they are now.
    pub fn holdings(&self) -> Arc<Holdings> {
        self.holdings.load_full()
    }

    /// The grant that somebody names, when it is one of his. Whether it is in force is for the decision to say.
    ///
    /// # Errors
    /// [`Reason::GrantMissing`] when it is not his, was given to an agency that he does not speak for, or there is none.
    pub fn granted(&self, subject: &Subject, id: &str) -> Result<AccessGrant, Denied> {
        let holdings = self.holdings.load();
        let his = |held: &&Held| held.people.contains(&subject.name) && held.agency == subject.agency;
        let held = holdings.get(id).filter(his);
        let shown: String = id.chars().take(48).collect();
        held.map(|held| held.grant.clone())
            .ok_or_else(|| deny(Reason::GrantMissing, vec![format!("`{}` holds no grant `{shown}`", subject.name)]))
    }

    /// The time by the clock that permits are made by.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The latest time that was seen, by a clock that never goes back.
    pub fn latest(&self) -> Timestamp {
        let now = self.clock.now();
        now.max(Timestamp::from_nanos(self.latest.fetch_max(now.nanos(), Ordering::Relaxed)))
    }

    /// Tells of a time that was seen before this guard was made: grants that had ended by then do not begin again.
    pub fn seen(&self, time: Timestamp) {
        self.latest.fetch_max(time.nanos(), Ordering::Relaxed);
    }

    /// Counts of the decisions since they were last taken.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    fn put_in_force(&self, policy: Policy) -> String {
        let version = policy.version.clone();
        info!(version, lines = policy.lines.len(), "policy in force");
        let confirmed = self.clock.now();
        self.state.store(Arc::new(State::Open { policy: Arc::new(policy), confirmed }));
        version
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
        self.permit_in(subject, operation, object, purpose, &Circumstances::default())
    }

    /// Decides as [`Guard::permit`], for who says more about the circumstances.
    ///
    /// # Errors
    /// [`Denied`] with the reason and the lines.
    pub fn permit_in(
        &self,
        subject: &Subject,
        operation: Operation,
        object: Object,
        purpose: &str,
        circumstances: &Circumstances,
    ) -> Result<Permit, Denied> {
        let decision = self.decide(subject, operation, object, purpose, circumstances);
        self.note(subject, operation, object, &decision);
        self.tally.count(self.clock.now(), subject, operation, object, purpose, circumstances, decision.is_ok());
        let Decision { allowed, not_after, fields, grant } = decision?;
        let Allowed { scope, masks, hidden, because, .. } = allowed;
        let filter = grant.as_ref().map(|grant| grant.filter.clone()).filter(|filter| !filter.is_empty());
        let granted = grant.and_then(|grant| grant.fields);
        // The audit record is read whole or not at all: who did what is what it is for.
        let masks: Arc<dyn Masks> = match (object, granted) {
            (Object::Audit, _) => Arc::new(NoMasks),
            (_, granted) => {
                let masks = self.seen_by(masks, &Recipient::Subject(subject)).hiding(fields, hidden);
                match granted {
                    Some(granted) => Arc::new(GrantMasks::new(masks, granted)),
                    None => Arc::new(masks),
                }
            }
        };
        let restricted = self.restricted_for(subject, object, purpose, circumstances);
        let subject = subject.clone();
        let purpose = purpose.to_owned();
        let grant = Grant { subject, purpose, operation, object, scope, masks, not_after, because };
        let permit = match filter {
            Some(filter) => Permit::issue_part(grant, &filter),
            None => Permit::issue(grant),
        };
        Ok(permit.withholding(restricted))
    }

    /// Says whose data is not processed further, by the tokens of the vault: permits for events do not reach theirs.
    pub fn restrict(&self, tokens: BTreeSet<String>) {
        self.restricted.store(Arc::new(tokens));
    }

    /// The tokens that are withheld from a subject: all that are restricted, unless the policy lets it see them all the same
    /// (`subjects reveal`). The audit record, which holds no event of theirs, is read whole.
    pub fn restricted_for(
        &self,
        subject: &Subject,
        object: Object,
        purpose: &str,
        circumstances: &Circumstances,
    ) -> Arc<BTreeSet<String>> {
        let restricted = self.restricted.load_full();
        let concerned = !restricted.is_empty() && !matches!(object, Object::Audit | Object::Subjects);
        // Who the policy names is named with and without a grant, which is about events.
        let plain = Circumstances { grant: None, through_grant: false, ..circumstances.clone() };
        let exempt = || self.decide(subject, Operation::Reveal, Object::Subjects, purpose, &plain).is_ok();
        if concerned && !exempt() { restricted } else { Arc::default() }
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

    /// The ids of every purpose that can be stated.
    pub fn stated_purposes(&self) -> Vec<String> {
        self.every_purpose().into_iter().map(|purpose| purpose.id).collect()
    }

    /// The lines of a policy, checked.
    ///
    /// # Errors
    /// [`PolicyError`] names the first that is wrong.
    pub fn lines(text: &PolicyText) -> Result<Vec<Line>, PolicyError> {
        line::parse(&text.policy, &Vocabulary::of(&purpose::parse(&text.purposes)?))
    }

    /// The purpose and the legal basis that somebody states, or the purpose's own basis; `None` without either.
    ///
    /// # Errors
    /// [`Denied`] for a word that is in neither list, or without a policy in force.
    pub fn stated(&self, purpose: &str, basis: &str) -> Result<Option<(Purpose, Basis)>, Denied> {
        let policy = self.policy_in_force()?;
        check_stated(&policy, purpose, basis)?;
        let basis = policy.purposes.basis(basis, purpose);
        let purpose = policy.purposes.purposes.iter().find(|known| known.id == purpose);
        let basis = policy.purposes.bases.iter().find(|known| known.id == basis);
        Ok(purpose.cloned().zip(basis.cloned()))
    }

    /// Whether a purpose can be stated.
    pub fn knows_purpose(&self, purpose: &str) -> bool {
        self.every_purpose().iter().any(|known| known.id == purpose)
    }

    fn every_purpose(&self) -> Vec<Purpose> {
        match &**self.state.load() {
            State::Open { policy, .. } => policy.purposes.purposes.clone(),
            State::Closed { .. } => Vec::new(),
        }
    }

    fn decide(
        &self,
        subject: &Subject,
        operation: Operation,
        object: Object,
        purpose: &str,
        circumstances: &Circumstances,
    ) -> Result<Decision, Denied> {
        let policy = self.policy_in_force()?;
        let asker = Asker::of(subject)?;
        if let Some(why) = self.suspended.load().get(&subject.name) {
            return Err(deny(Reason::PersonnelMissing, vec![why.clone()]));
        }
        check_stated(&policy, purpose, &circumstances.basis)?;
        let now = circumstances.at.unwrap_or_else(|| self.clock.now());
        let grant = self.grant_in_force(circumstances, object, now);
        let grant = grant.filter(|grant| grant.purpose.is_empty() || grant.purpose == purpose);
        if circumstances.through_grant && grant.is_none() {
            return Err(deny(Reason::GrantMissing, vec![granted::why_not(circumstances, object, purpose)]));
        }
        let asked = Asked {
            operation,
            object,
            purpose,
            basis: granted::basis(circumstances, grant),
            time: Minute::on(now, &self.calendar.load()),
            strength: circumstances.strength,
            grant: grant.map_or("", |grant| grant.id.as_str()),
            class: circumstances.class,
        };
        let mut allowed = policy.decide(&asker, &asked, circumstances.through_grant)?;
        let mut not_after = now.plus(PERMIT_LIFE);
        if let Some(grant) = grant.filter(|_| allowed.by_grant) {
            allowed.scope.agencies = both(allowed.scope.agencies, &grant.agencies);
            not_after = not_after.min(grant.not_after);
            if matches!(&allowed.scope.agencies, Reach::Only(agencies) if agencies.is_empty()) {
                return Err(deny(Reason::GrantMissing, vec![format!("grant `{}` covers other agencies", grant.id)]));
            }
        }
        let grant = grant.filter(|_| allowed.by_grant).cloned();
        Ok(Decision { allowed, not_after, fields: policy.classes.clone(), grant })
    }

    /// The grant, when it is about this and in force by a clock that never goes back.
    fn grant_in_force<'c>(
        &self,
        circumstances: &'c Circumstances,
        object: Object,
        now: Timestamp,
    ) -> Option<&'c AccessGrant> {
        // What is asked about another time is asked by that.
        let time = match circumstances.at {
            Some(at) => at,
            None => now.max(Timestamp::from_nanos(self.latest.fetch_max(now.nanos(), Ordering::Relaxed))),
        };
        let grant = circumstances.grant.as_ref()?;
        let holds =
            grant.object == object && !grant.id.is_empty() && grant.not_before <= time && time < grant.not_after;
        holds.then_some(grant)
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

    fn note(&self, subject: &Subject, operation: Operation, object: Object, decision: &Result<Decision, Denied>) {
        let (outcome, reason, because) = match decision {
            Ok(decision) => ("allow", "line", &decision.allowed.because),
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

/// What was decided, with what a permit needs.
#[derive(Debug)]
struct Decision {
    allowed: Allowed,
    not_after: Timestamp,
    fields: Option<Arc<FieldTable>>,
    /// The grant that made it so.
    grant: Option<AccessGrant>,
}

fn check_stated(policy: &Policy, purpose: &str, basis: &str) -> Result<(), Denied> {
    let shorten = |text: &str| text.chars().take(48).collect::<String>();
    if !purpose.is_empty() && policy.purposes.purposes.iter().all(|known| known.id != purpose) {
        let because = format!("purposes.yml: there is no purpose `{}`", shorten(purpose));
        return Err(deny(Reason::PurposeUnknown, vec![because]));
    }
    if !basis.is_empty() && policy.purposes.bases.iter().all(|known| known.id != basis) {
        let because = format!("purposes.yml: there is no legal basis `{}`", shorten(basis));
        return Err(deny(Reason::BasisMissing, vec![because]));
    }
    Ok(())
}

/// What lies in both.
fn both(one: Reach<AgencyId>, other: &Reach<AgencyId>) -> Reach<AgencyId> {
    match (one, other) {
        (Reach::All, other) => other.clone(),
        (one, Reach::All) => one,
        (Reach::Only(one), Reach::Only(other)) => Reach::Only(one.intersection(other).cloned().collect()),
    }
}

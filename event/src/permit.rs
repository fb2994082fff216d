//! The permit: proof that the guard said yes, to whom, for what, over which part, through which masks.
//!
//! A [`Permit`] has private fields and one constructor, [`Permit::issue`]. `policy/src/guard/` is its only caller
//! outside tests; `tests/tidy.rs` holds that. Everything that gives data out asks for a `&Permit`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AgencyId, SiteId, Timestamp, UserName};

/// The roles of MetroSOC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Triages alerts; sees masked personal data.
    AnalystTier1,
    /// Investigates; sees more.
    AnalystTier2,
    /// Leads the shift.
    SocLead,
    /// Speaks for an agency; sees its own agency's events only.
    AgencyOfficer,
    /// Decides on access to data.
    DataOwner,
    /// Reads who saw what and why.
    Auditor,
    /// Data-protection officer.
    Dpo,
    /// Runs the platform; reads no data.
    Admin,
    /// A program.
    Machine,
}

impl Role {
    /// Every role, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::AnalystTier1,
        Self::AnalystTier2,
        Self::SocLead,
        Self::AgencyOfficer,
        Self::DataOwner,
        Self::Auditor,
        Self::Dpo,
        Self::Admin,
        Self::Machine,
    ];

    /// As the policy file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AnalystTier1 => "analyst-tier1",
            Self::AnalystTier2 => "analyst-tier2",
            Self::SocLead => "soc-lead",
            Self::AgencyOfficer => "agency-officer",
            Self::DataOwner => "data-owner",
            Self::Auditor => "auditor",
            Self::Dpo => "dpo",
            Self::Admin => "admin",
            Self::Machine => "machine",
        }
    }

    /// Reads what [`Role::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// Who asks: a user, a service or a site. (The person whom data is about is the *data subject*.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The account's name; `local:UID` for the operator at the Unix socket, `site:ID` for a certificate.
    pub name: UserName,
    /// Its role.
    pub role: Role,
    /// Its agency, when it speaks for one.
    pub agency: Option<AgencyId>,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// See.
    Read,
    /// Take out in bulk.
    Export,
    /// Change what stands there: an alert's status, a case.
    Write,
    /// Add, remove and configure.
    Manage,
    /// Look for: part of [`Operation::Read`] unless a policy line says otherwise.
    Search,
    /// Count and group: part of [`Operation::Read`] unless a policy line says otherwise.
    Aggregate,
    /// Turn a mask or a pseudonym back into the value.
    Reveal,
    /// Act on what was found: part of [`Operation::Manage`] unless a policy line says otherwise.
    Respond,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Export,
        Self::Write,
        Self::Manage,
        Self::Search,
        Self::Aggregate,
        Self::Reveal,
        Self::Respond,
    ];

    /// As the policy file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Export => "export",
            Self::Write => "write",
            Self::Manage => "manage",
            Self::Search => "search",
            Self::Aggregate => "aggregate",
            Self::Reveal => "reveal",
            Self::Respond => "respond",
        }
    }
}

/// What it is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    /// Stored events: search, aggregations, histogram, export.
    Events,
    /// Alerts.
    Alerts,
    /// Detection rules.
    Rules,
    /// The register of sites and agencies, sources and their health.
    Sites,
    /// Accounts and tokens.
    Users,
    /// The audit record and the ledger.
    Audit,
    /// Certificates.
    Certificates,
    /// Response plans and blocks.
    Responses,
    /// The policy itself.
    Policy,
    /// Sending logs in.
    Ingest,
    /// The platform: configuration, backup, metrics.
    Platform,
    /// Decisions and masking for other systems: to read is to ask what others may, to export to have records masked.
    Decisions,
    /// Access requests: to write is to ask, to manage is to decide.
    Requests,
    /// Reveals of personal values: to write is to ask, to manage is to decide or review, to respond is to break the glass.
    Reveals,
    /// What is held on the persons whom data is about: to find, export, restrict and destroy it.
    Subjects,
}

impl Object {
    /// Every object.
    pub const ALL: [Self; 15] = [
        Self::Events,
        Self::Alerts,
        Self::Rules,
        Self::Sites,
        Self::Users,
        Self::Audit,
        Self::Certificates,
        Self::Responses,
        Self::Policy,
        Self::Ingest,
        Self::Platform,
        Self::Decisions,
        Self::Requests,
        Self::Reveals,
        Self::Subjects,
    ];

    /// As the policy file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Alerts => "alerts",
            Self::Rules => "rules",
            Self::Sites => "sites",
            Self::Users => "users",
            Self::Audit => "audit",
            Self::Certificates => "certificates",
            Self::Responses => "responses",
            Self::Policy => "policy",
            Self::Ingest => "ingest",
            Self::Platform => "platform",
            Self::Decisions => "decisions",
            Self::Requests => "requests",
            Self::Reveals => "reveals",
            Self::Subjects => "subjects",
        }
    }
}

/// All of a kind, or only these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach<T: Ord> {
    /// Every one, the unknown included.
    All,
    /// These and no other; the empty set is none.
    Only(BTreeSet<T>),
}

impl<T: Ord> Reach<T> {
    /// Whether `one` is within reach; something that has no `one` is within reach of `All` alone.
    pub fn holds(&self, one: Option<&T>) -> bool {
        match (self, one) {
            (Self::All, _) => true,
            (Self::Only(set), Some(one)) => set.contains(one),
            (Self::Only(_), None) => false,
        }
    }
}

/// Which part of the data a permit covers; both must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// By agency.
    pub agencies: Reach<AgencyId>,
    /// By site.
    pub sites: Reach<SiteId>,
}

impl Scope {
    /// Everything.
    pub fn all() -> Self {
        Self { agencies: Reach::All, sites: Reach::All }
    }

    /// Whether something of this agency and site lies inside.
    pub fn holds(&self, agency: Option<&AgencyId>, site: Option<&SiteId>) -> bool {
        self.agencies.holds(agency) && self.sites.holds(site)
    }
}

/// What somebody may know of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Its value; it may be queried, sorted and aggregated by.
    Clear,
    /// A masked form of its value; it may not be queried, sorted or aggregated by.
    Masked,
    /// Nothing, not even that it is there.
    Hidden,
}

/// The masks of a permit; `policy` implements them, whoever shows data applies them.
pub trait Masks: Send + Sync + fmt::Debug {
    /// What may be known of `field` (dotted ECS name).
    fn visibility(&self, field: &str) -> Visibility;
    /// The form of `value` that may be shown; `None` when the field is hidden.
    fn show<'v>(&self, field: &str, value: &'v str) -> Option<Cow<'v, str>>;
    /// The same, for a value of a record about `person`, where forms keep the records of one person together.
    fn show_about<'v>(&self, person: Option<&str>, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
        let _ = person;
        self.show(field, value)
    }
    /// The fields that tell which person a record is about, the first that is there counts.
    fn person_fields(&self) -> &[String] {
        &[]
    }
    /// How counts may be seen. Whoever puts masks over masks hands this on.
    fn counts(&self) -> Counts;
    /// Whether text as a whole (`message`, `event.original`, bare-word search) may be seen and searched.
    fn free_text(&self) -> bool;
}

/// Noise on counts: for the same cell always the same.
pub trait Noise: Send + Sync + fmt::Debug {
    /// What is added to the count of a cell.
    fn of(&self, cell: &str) -> i64;
}

/// How counts and rows may be seen.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Counts below this are withheld, and questions that differ by fewer events; 0 and 1 withhold nothing.
    pub at_least: u64,
    /// Whether single events may be seen beside counts.
    pub rows: bool,
    /// Noise on counts; questions that differ by too few events are answered then.
    pub noise: Option<Arc<dyn Noise>>,
}

impl Counts {
    /// Every count as it is, and every row.
    pub fn exact() -> Self {
        Self { at_least: 0, rows: true, noise: None }
    }

    /// Whether counts are shown as they are.
    pub fn are_exact(&self) -> bool {
        self.at_least <= 1 && self.noise.is_none()
    }
}

/// Nothing is masked.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMasks;

impl Masks for NoMasks {
    fn visibility(&self, _field: &str) -> Visibility {
        Visibility::Clear
    }

    fn show<'v>(&self, _field: &str, value: &'v str) -> Option<Cow<'v, str>> {
        Some(Cow::Borrowed(value))
    }

    fn counts(&self) -> Counts {
        Counts::exact()
    }

    fn free_text(&self) -> bool {
        true
    }
}

/// What the guard decided: the content of a permit.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Who asked.
    pub subject: Subject,
    /// What for: a word from the policy's list of purposes.
    pub purpose: String,
    /// What may be done.
    pub operation: Operation,
    /// To what.
    pub object: Object,
    /// Over which part.
    pub scope: Scope,
    /// Through which masks.
    pub masks: Arc<dyn Masks>,
    /// When it ends; short, since permits are made for one question.
    pub not_after: Timestamp,
    /// The policy lines that said so.
    pub because: Vec<String>,
}

/// Proof that the guard said yes. Private fields, one constructor, no way to widen it.
#[derive(Debug, Clone)]
pub struct Permit(Arc<Grant>, Option<Arc<str>>, Option<Arc<BTreeSet<String>>>);

impl Permit {
    /// Makes a permit of what the guard decided. Only the guard calls this.
    pub fn issue(grant: Grant) -> Self {
        Self(Arc::new(grant), None, None)
    }

    /// The same for a part of the events alone: those that `filter` finds, a query in the words of search.
    pub fn issue_part(grant: Grant, filter: &str) -> Self {
        Self(Arc::new(grant), Some(Arc::from(filter)), None)
    }

    /// Who asked.
    pub fn subject(&self) -> &Subject {
        &self.0.subject
    }

    /// What for.
    pub fn purpose(&self) -> &str {
        &self.0.purpose
    }

    /// Whether it allows `operation` on `object` at `now`. Every door checks this before it opens. A permit for a part
    /// of the events alone opens none of these doors.
    pub fn allows(&self, operation: Operation, object: Object, now: Timestamp) -> bool {
        self.1.is_none() && self.allows_part(operation, object, now)
    }

    /// As [`Permit::allows`], for doors that show nothing but what [`Permit::filter`] finds.
    pub fn allows_part(&self, operation: Operation, object: Object, now: Timestamp) -> bool {
        self.0.operation == operation && self.0.object == object && now <= self.0.not_after
    }

    /// What it is for; doors that serve more than one object ask.
    pub fn object(&self) -> Object {
        self.0.object
    }

    /// Over which part.
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// The query that finds the events it is for, within its scope; `None` is all of them.
    pub fn filter(&self) -> Option<&str> {
        self.1.as_deref()
    }

    /// The same without the events in which one of these tokens stands: those of persons whose data is not processed
    /// further.
    #[must_use]
    pub fn withholding(self, tokens: Arc<BTreeSet<String>>) -> Self {
        let tokens = Some(tokens).filter(|tokens| !tokens.is_empty());
        Self(self.0, self.1, tokens)
    }

    /// The tokens whose events it does not reach, in ascending order; `None` when there are none. Every door to events
    /// keeps to it.
    pub fn withheld(&self) -> Option<&BTreeSet<String>> {
        self.2.as_deref()
    }

    /// Through which masks.
    pub fn masks(&self) -> &dyn Masks {
        &*self.0.masks
    }

    /// The policy lines that said so.
    pub fn because(&self) -> &[String] {
        &self.0.because
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_holds_nothing_without_a_name() {
        let only = Reach::Only([AgencyId::new("so-y-te").unwrap()].into());
        assert!(only.holds(Some(&AgencyId::new("so-y-te").unwrap())));
        assert!(!only.holds(Some(&AgencyId::new("other").unwrap())));
        assert!(!only.holds(None) && Reach::<AgencyId>::All.holds(None));
    }

    #[test]
    fn every_role_reads_back() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("root"), None);
    }
}

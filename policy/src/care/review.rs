//! Reports for reviews: who can see what, what ends soon, which rights nobody uses, whose records are missing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use event::{AgencyId, Masks, Object, Operation, Reach, Role, Subject, Timestamp, UserName, Visibility};
use serde::Serialize;

use super::people::{is_sensitive, personnel};
use crate::PolicyError;
use crate::account::Account;
use crate::guard::{AccessGrant, Circumstances, Counted, Guard, Line, PolicyText, Strength};
use crate::privacy::{Class, FieldKind, PrivacyText, parse};

/// What ends within so long is named.
pub const SOON: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How somebody can see a class of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// As it is.
    Clear,
    /// A masked form.
    Masked,
    /// Not without a reveal, which needs further conditions.
    RevealOnly,
}

/// Somebody who can see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seer {
    /// The account.
    pub name: UserName,
    /// Its role.
    pub role: Role,
    /// How it is seen.
    pub sight: Sight,
    /// Over which agencies; all of them when nothing stands there.
    pub agencies: Option<BTreeSet<AgencyId>>,
    /// For which purposes.
    pub purposes: Vec<String>,
    /// The lines that say so.
    pub because: Vec<String>,
}

/// Something that ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ending {
    /// When.
    pub ends: Timestamp,
    /// Whose.
    pub name: String,
    /// What, such as `token`, `training`.
    pub what: String,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// Which class `seers` is about.
    pub class: &'static str,
    /// Who can see values of the class, today.
    pub seers: Vec<Seer>,
    /// What ends within 30 days, or has ended; the soonest first.
    pub ending: Vec<Ending>,
    /// Lines that allow something which nobody did in the last 30 days.
    pub unused: Vec<String>,
    /// Accounts with a sensitive role and the records that they lack.
    pub records_missing: BTreeMap<UserName, Vec<&'static str>>,
    /// Decisions that `unused` was found from.
    pub decisions: u64,
}

/// What a report is made from.
#[derive(Debug, Clone, Copy)]
pub struct Material<'m> {
    /// The policy in force.
    pub guard: &'m Guard,
    /// Every account.
    pub accounts: &'m [Account],
    /// Every personnel record.
    pub personnel: &'m [personnel::Record],
    /// API tokens and other things that end: whose, what, when.
    pub ending: &'m [Ending],
    /// The decisions of the last weeks.
    pub counted: &'m [Counted],
    /// Now.
    pub now: Timestamp,
}

impl Material<'_> {
    /// Makes the report about one class.
    ///
    /// # Errors
    /// [`PolicyError`] when the policy in force cannot be read any more.
    pub fn review(&self, class: Class) -> Result<Review, PolicyError> {
        let rules = parse(&PrivacyText::embedded())
            .map_err(|error| PolicyError::Engine { reason: format!("the classes of fields: {error}") })?;
        let fields: Vec<String> = rules
            .fields()
            .rows()
            .into_iter()
            .filter(|(_, kind)| *kind == FieldKind::Class(class))
            // A pattern stands for a field of that name.
            .map(|(field, _)| field.replace("*.", "x.").replace(".*", ".x"))
            .collect();
        let people = self.accounts.iter().filter(|account| !account.disabled);
        Ok(Review {
            class: class.as_str(),
            seers: people.filter_map(|account| self.seer(&account.subject(), class, &fields)).collect(),
            ending: self.ending(),
            unused: self.unused(&self.guard.text()?)?,
            records_missing: self.records_missing(),
            decisions: self.counted.iter().map(|one| one.count).sum(),
        })
    }

    fn seer(&self, subject: &Subject, class: Class, fields: &[String]) -> Option<Seer> {
        let mut best: Option<Seer> = None;
        let purposes: Vec<String> = self.guard.stated_purposes();
        for object in [Object::Events, Object::Alerts] {
            for purpose in purposes.iter().map(String::as_str).chain([""]) {
                let Some(found) = self.sees(subject, object, purpose, class, fields) else { continue };
                best = Some(match best {
                    Some(mut known) if known.sight <= found.sight => {
                        if known.sight == found.sight && !known.purposes.iter().any(|known| known == purpose) {
                            known.purposes.push(purpose.to_owned());
                        }
                        known
                    }
                    _ => found,
                });
            }
        }
        best
    }

    fn sees(&self, subject: &Subject, object: Object, purpose: &str, class: Class, fields: &[String]) -> Option<Seer> {
        let circumstances = Circumstances::of(Strength::TwoFactor);
        let found = self.guard.explain_in(subject, Operation::Read, object, purpose, &circumstances);
        let seer = |sight: Sight, agencies: Option<&Reach<AgencyId>>, because: Vec<String>| Seer {
            name: subject.name.clone(),
            role: subject.role,
            sight,
            agencies: match agencies {
                Some(Reach::Only(agencies)) => Some(agencies.clone()),
                _ => None,
            },
            purposes: vec![purpose.to_owned()],
            because,
        };
        if found.allowed && !found.hidden_classes.contains(&class.as_str()) {
            let masks = self.guard.masks(subject);
            let visible = fields.iter().map(|field| masks.visibility(field));
            let best = visible.chain(masks.free_text().then_some(Visibility::Clear)).min_by_key(rank);
            let agencies = found.scope.as_ref().map(|scope| &scope.agencies);
            match best {
                Some(Visibility::Clear) => return Some(seer(Sight::Clear, agencies, found.because)),
                Some(Visibility::Masked) => return Some(seer(Sight::Masked, agencies, found.because)),
                _ => {}
            }
        }
        let granted = Circumstances { grant: Some(self.some_grant(object)), class: Some(class), ..circumstances };
        let found = self.guard.explain_in(subject, Operation::Reveal, object, purpose, &granted);
        found.allowed.then(|| seer(Sight::RevealOnly, None, found.because))
    }

    fn some_grant(&self, object: Object) -> AccessGrant {
        AccessGrant::over("any", object, Reach::All, self.now.minus(SOON), self.now.plus(SOON))
    }

    fn ending(&self) -> Vec<Ending> {
        let records = self.personnel.iter().map(|record| Ending {
            ends: record.ends,
            name: record.account.to_string(),
            what: record.kind.as_str().to_owned(),
        });
        let mut ending: Vec<Ending> = records.chain(self.ending.iter().cloned()).collect();
        let limit = self.now.plus(SOON);
        ending.retain(|one| one.ends <= limit);
        ending.sort();
        ending
    }

    /// Puts every question that was asked to the policy again and strikes out the lines that answer.
    fn unused(&self, text: &PolicyText) -> Result<Vec<String>, PolicyError> {
        let mut used: BTreeSet<String> = BTreeSet::new();
        for Counted { decided, .. } in self.counted {
            let circumstances = Circumstances {
                basis: decided.basis.clone(),
                at: Some(decided.hour),
                ..Circumstances::of(decided.strength)
            };
            let (operation, object) = (decided.operation, decided.object);
            let subject = decided.subject();
            let found = self.guard.explain_in(&subject, operation, object, &decided.purpose, &circumstances);
            if found.allowed {
                used.extend(found.because);
            }
        }
        let lines = Guard::lines(text)?;
        let allows = |line: &&Line| line.permission().is_some_and(|line| !line.denies());
        Ok(lines.iter().filter(allows).map(Line::to_string).filter(|line| !used.contains(line)).collect())
    }

    fn records_missing(&self) -> BTreeMap<UserName, Vec<&'static str>> {
        let in_force = |name: &UserName, kind: personnel::Kind| {
            self.personnel.iter().any(|record| {
                record.account == *name && record.kind == kind && record.begins <= self.now && self.now < record.ends
            })
        };
        let sensitive = self.accounts.iter().filter(|account| !account.disabled && is_sensitive(account.role));
        let missing = sensitive.map(|account| {
            let kinds = personnel::Kind::ALL.into_iter().filter(|kind| !in_force(&account.name, *kind));
            (account.name.clone(), kinds.map(personnel::Kind::as_str).collect::<Vec<_>>())
        });
        missing.filter(|(_, kinds)| !kinds.is_empty()).collect()
    }
}

/// The most that is seen first.
fn rank(visibility: &Visibility) -> u8 {
    match visibility {
        Visibility::Clear => 0,
        Visibility::Masked => 1,
        Visibility::Hidden => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use event::{Clock, ManualClock};

    use super::*;
    use crate::guard::{Decided, PolicySource};

    fn account(name: &str, role: Role, disabled: bool) -> Account {
        let time = Timestamp::from_secs(0);
        let name = UserName::new(name).unwrap();
        let agency = (role == Role::AgencyOfficer).then(|| AgencyId::new("so-y-te").unwrap());
        Account { name, role, agency, disabled, has_password: true, created: time, updated: time }
    }

    #[test]
    fn the_report_names_people_ends_and_idle_lines() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let guard = Guard::open(PolicySource::Embedded, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let accounts = [
            account("an", Role::Admin, false),
            account("lan", Role::AnalystTier2, false),
            account("tu", Role::AnalystTier1, false),
            account("cu", Role::AnalystTier2, true),
            account("yte", Role::AgencyOfficer, false),
        ];
        let now = clock.now();
        let record = personnel::Record {
            account: UserName::new("lan").unwrap(),
            kind: personnel::Kind::Training,
            begins: now.minus(SOON),
            ends: now.plus(SOON / 2),
            document: "x".into(),
        };
        let token = Ending { ends: now.plus(SOON * 2), name: "lan".into(), what: "token".into() };
        let decided = Decided {
            hour: now,
            name: UserName::new("tu").unwrap(),
            role: Role::AnalystTier1,
            agency: None,
            operation: Operation::Read,
            object: Object::Alerts,
            purpose: String::new(),
            basis: String::new(),
            strength: Strength::Password,
            allowed: true,
        };
        let material = Material {
            guard: &guard,
            accounts: &accounts,
            personnel: std::slice::from_ref(&record),
            ending: std::slice::from_ref(&token),
            counted: &[Counted { decided, count: 9 }],
            now,
        };
        let review = material.review(Class::CitizenId).unwrap();
        let sight = |name: &str| review.seers.iter().find(|seer| seer.name.as_str() == name).map(|seer| seer.sight);
        assert_eq!(sight("lan"), Some(Sight::Clear));
        assert_eq!((sight("an"), sight("cu")), (None, None));
        assert_ne!(sight("tu"), Some(Sight::Clear));
        assert_eq!(review.ending.len(), 1, "the token ends later");
        assert_eq!(review.records_missing[&UserName::new("lan").unwrap()], ["appointment", "confidentiality"]);
        let idle = |text: &str| review.unused.iter().any(|line| line.ends_with(text));
        assert!(!idle("p, analyst-tier1, all, alerts, read, any, allow"));
        assert!(idle("p, analyst-tier1, all, alerts, write, any, allow"));
        assert!(!review.unused.iter().any(|line| line.contains("deny")));
        assert_eq!(review.decisions, 9);
    }
}

//! A policy in force: lines, purposes, masks and engine, and how they decide together.

use std::collections::BTreeSet;
use std::sync::Arc;

use event::{AgencyId, Object, Operation, Reach, Role, Scope, Subject};
use tracing::warn;

use super::decider::{CasbinDecider, Decider, Question, Verdict};
use super::denied::{Denied, Reason};
use super::line::{self, Line, OPERATOR};
use super::purpose::{self, Purpose};
use super::remembered::Remembered;
use super::source::PolicySource;
use crate::PolicyError;
use crate::mask::{self, MaskSet, MaskTable};

/// A policy that was read and checked whole.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) version: String,
    pub(super) lines: Vec<Line>,
    pub(super) purposes: Vec<Purpose>,
    pub(super) masks: MaskSet,
    pub(super) decider: Box<dyn Decider>,
}

pub(super) struct Allowed {
    pub(super) scope: Scope,
    pub(super) masks: Arc<MaskTable>,
    pub(super) because: Vec<String>,
}

/// Who asks, in the policy's word.
pub(super) struct Asker<'a> {
    pub(super) word: &'static str,
    pub(super) role: Option<Role>,
    pub(super) agency: Option<&'a AgencyId>,
}

impl Policy {
    pub(super) fn read(source: &PolicySource) -> Result<Self, PolicyError> {
        let text = source.read()?;
        let purposes = purpose::parse(&text.purposes)?;
        let ids: BTreeSet<String> = purposes.iter().map(|purpose| purpose.id.clone()).collect();
        let lines = line::parse(&text.policy, &ids)?;
        let masks = mask::parse(&text.masks)?;
        let engine = CasbinDecider::new(&text.model, &lines)?;
        let decider = Box::new(Remembered::new(engine, ids.into_iter().collect()));
        Ok(Self { version: text.version(), lines, purposes, masks, decider })
    }

    pub(super) fn masks_of(&self, asker: &Asker<'_>) -> Arc<MaskTable> {
        asker.role.map_or_else(|| Arc::new(MaskTable::hidden()), |role| self.masks.of(role))
    }

    /// The widest scope that the policy allows, `all` before `own_agency`.
    pub(super) fn decide(
        &self,
        asker: &Asker<'_>,
        operation: Operation,
        object: Object,
        purpose: &str,
    ) -> Result<Allowed, Denied> {
        let question = |scope: &'static str| Question {
            who: asker.word,
            scope,
            object: object.as_str(),
            operation: operation.as_str(),
            purpose,
        };
        let verdict = self.ask(question("all"))?;
        if verdict.allowed {
            let masks = self.masks_of(asker);
            return Ok(Allowed { scope: Scope::all(), masks, because: self.quote(&verdict.lines) });
        }
        if !verdict.lines.is_empty() {
            return Err(deny(Reason::DenyLine, self.quote(&self.denying(&verdict.lines))));
        }
        let verdict = self.ask(question("own_agency"))?;
        if !verdict.allowed {
            return Err(self.why_not(question("all"), question("own_agency")));
        }
        let Some(agency) = asker.agency else {
            return Err(deny(Reason::AgencyMissing, self.quote(&verdict.lines)));
        };
        let scope = Scope { agencies: Reach::Only([agency.clone()].into()), sites: Reach::All };
        Ok(Allowed { scope, masks: self.masks_of(asker), because: self.quote(&verdict.lines) })
    }

    fn ask(&self, question: Question<'_>) -> Result<Verdict, Denied> {
        self.decider.decide(question).map_err(|error| {
            warn!(%error, "policy engine failed, denied");
            deny(Reason::EngineFailed, vec![error.to_string()])
        })
    }

    /// Nothing allowed it: would a purpose have?
    fn why_not(&self, all: Question<'_>, own: Question<'_>) -> Denied {
        let mut needing = BTreeSet::new();
        for purpose in &self.purposes {
            for question in [all, own] {
                match self.ask(Question { purpose: &purpose.id, ..question }) {
                    Ok(verdict) if verdict.allowed => needing.extend(verdict.lines),
                    Ok(_) => {}
                    Err(denied) => return denied,
                }
            }
        }
        let needing: Vec<usize> = needing.into_iter().collect();
        match (needing.is_empty(), all.purpose.is_empty()) {
            (false, true) => deny(Reason::PurposeMissing, self.quote(&needing)),
            (false, false) => deny(Reason::PurposeNotAllowed, self.quote(&needing)),
            (true, _) => {
                let Question { who, operation, object, .. } = all;
                deny(Reason::NoLine, vec![format!("policy.csv: no line allows `{who}` to {operation} `{object}`")])
            }
        }
    }

    fn denying(&self, places: &[usize]) -> Vec<usize> {
        let denies = |line: &Line| line.columns.last().is_some_and(|effect| effect == "deny");
        places.iter().copied().filter(|&at| self.lines.get(at).is_some_and(denies)).collect()
    }

    fn quote(&self, places: &[usize]) -> Vec<String> {
        places.iter().filter_map(|&at| self.lines.get(at)).map(Line::to_string).collect()
    }
}

impl<'a> Asker<'a> {
    /// The word that the policy knows somebody by. `local:` and `site:` names cannot be made by users.
    pub(super) fn of(subject: &'a Subject) -> Result<Self, Denied> {
        let agency = subject.agency.as_ref();
        let role = subject.role;
        match subject.name.as_str().split_once(':') {
            None => Ok(Self { word: role.as_str(), role: Some(role), agency }),
            Some(("local", _)) => Ok(Self { word: OPERATOR, role: None, agency: None }),
            Some(("site", _)) if role == Role::Machine => Ok(Self { word: role.as_str(), role: Some(role), agency }),
            Some(_) => {
                let because = format!("`{}` cannot have the role `{}`", subject.name, role.as_str());
                Err(deny(Reason::SubjectInvalid, vec![because]))
            }
        }
    }
}

pub(super) fn deny(reason: Reason, because: Vec<String>) -> Denied {
    Denied { reason, because }
}

//! A policy in force: lines, purposes, masks and engine, and how they decide together.

use std::collections::BTreeSet;
use std::sync::Arc;

use event::{AgencyId, Object, Operation, Reach, Role, Scope, Subject};
use tracing::warn;

use super::decider::Decider;
use super::denied::{Denied, Reason};
use super::engine::Engine;
use super::line::{self, Line, LineKind};
use super::link::Links;
use super::purpose::{self, Purposes};
use super::question::{Question, Verdict};
use super::source::PolicyText;
use super::strength::Strength;
use super::window::Minute;
use super::words::{AGENCY_PREFIX, OPERATOR, Vocabulary};
use crate::PolicyError;
use crate::mask::{self, Chosen, MaskSet, MaskTable};
use crate::privacy::{Class, FieldTable};

/// Most lines that an explanation quotes.
const QUOTED_MAX: usize = 20;

/// A policy that was read and checked whole.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) version: String,
    pub(super) lines: Arc<[Line]>,
    pub(super) purposes: Purposes,
    pub(super) masks: MaskSet,
    pub(super) decider: Box<dyn Decider>,
    /// Every agency that a line names, with its units.
    units: Vec<(AgencyId, BTreeSet<AgencyId>)>,
    /// Whether scopes must be put together agency by agency.
    by_agency: bool,
    /// Which field holds which class; only where lines speak of classes.
    pub(super) classes: Option<Arc<FieldTable>>,
}

#[derive(Debug)]
pub(super) struct Allowed {
    pub(super) scope: Scope,
    pub(super) masks: Chosen,
    /// Classes of fields that are hidden beside what the masks hide.
    pub(super) hidden: BTreeSet<Class>,
    pub(super) because: Vec<String>,
    /// Whether it is the grant that made it so.
    pub(super) by_grant: bool,
    /// The legal basis that was counted.
    pub(super) basis: String,
}

/// Who asks, in the policy's word.
pub(super) struct Asker<'a> {
    pub(super) word: &'static str,
    pub(super) role: Option<Role>,
    pub(super) agency: Option<&'a AgencyId>,
}

/// What is asked, without a scope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'q> {
    pub(super) operation: Operation,
    pub(super) object: Object,
    pub(super) purpose: &'q str,
    pub(super) basis: &'q str,
    pub(super) time: Minute,
    pub(super) strength: Strength,
    /// Empty without one.
    pub(super) grant: &'q str,
    pub(super) class: Option<Class>,
}

impl Policy {
    pub(super) fn read(text: &PolicyText) -> Result<Self, PolicyError> {
        let purposes = purpose::parse(&text.purposes)?;
        let words = Vocabulary::of(&purposes);
        let lines: Arc<[Line]> = line::parse(&text.policy, &words)?.into();
        let masks = mask::parse(&text.masks)?;
        if let Some(purpose) = masks.unknown_purpose(|purpose| words.purposes.contains(purpose)) {
            let reason = format!("a choice: purpose `{purpose}` is not one of purposes.yml");
            return Err(PolicyError::Masks { reason });
        }
        let decider = Box::new(Engine::new(&text.model, Arc::clone(&lines), &words)?);
        let (units, by_agency) = agencies(&lines);
        let speaks = |line: &Line| line.text.contains("class=");
        let classes = lines.iter().any(speaks).then(fields).transpose()?;
        Ok(Self { version: text.version(), lines, purposes, masks, decider, units, by_agency, classes })
    }

    pub(super) fn masks_of(&self, asker: &Asker<'_>) -> Arc<MaskTable> {
        asker.role.map_or_else(|| Arc::new(MaskTable::hidden()), |role| self.masks.of(role))
    }

    /// The masks that an asker sees an object through for a purpose; the operator sees nothing.
    pub(super) fn chosen(&self, asker: &Asker<'_>, object: Object, purpose: &str) -> Chosen {
        asker.role.map_or_else(Chosen::nothing, |role| self.masks.chosen(role, object.as_str(), purpose))
    }

    /// The widest scope that the policy allows: all, or the agencies one by one.
    /// `through_grant` asks through the grant even where it is not needed.
    pub(super) fn decide(&self, asker: &Asker<'_>, asked: &Asked<'_>, through_grant: bool) -> Result<Allowed, Denied> {
        let basis = self.purposes.basis(asked.basis, asked.purpose).to_owned();
        let asked = Asked { basis: &basis, ..*asked };
        if !asked.grant.is_empty() && !through_grant {
            // A grant counts only where it is needed, since it narrows what is seen to what was granted.
            if let Ok(allowed) = self.widest(asker, &Asked { grant: "", ..asked }) {
                return Ok(allowed);
            }
        }
        let allowed = self.widest(asker, &asked)?;
        Ok(Allowed { by_grant: !asked.grant.is_empty(), ..allowed })
    }

    fn widest(&self, asker: &Asker<'_>, asked: &Asked<'_>) -> Result<Allowed, Denied> {
        let verdict = self.ask(&asked.over(asker, "all", false))?;
        if verdict.allowed {
            return self.allow(asker, asked, Scope::all(), &verdict.lines);
        }
        if let Some(whole) = self.denying(&verdict.lines).into_iter().find(|at| !self.is_of_agency(*at)) {
            return Err(deny(Reason::DenyLine, self.quote(&[whole])));
        }
        let mut agencies = BTreeSet::new();
        let mut because = BTreeSet::new();
        for (agency, own) in self.candidates(asker, !verdict.lines.is_empty()) {
            let verdict = self.ask(&asked.over(asker, &format!("{AGENCY_PREFIX}{agency}"), own))?;
            if verdict.allowed {
                agencies.insert(agency.clone());
                because.extend(verdict.lines);
            }
        }
        if !agencies.is_empty() {
            let scope = Scope { agencies: Reach::Only(agencies), sites: Reach::All };
            let because: Vec<usize> = because.into_iter().collect();
            return self.allow(asker, asked, scope, &because);
        }
        Err(self.why_not(asker, asked, &verdict)?)
    }

    /// The agencies that a scope may be made of: the own one with its units, and those that lines name.
    fn candidates<'p>(&'p self, asker: &'p Asker<'_>, denied: bool) -> Vec<(&'p AgencyId, bool)> {
        let own_units = asker.agency.and_then(|own| self.units.iter().find(|(agency, _)| agency == own));
        let is_own = |agency: &AgencyId| {
            asker.agency == Some(agency) || own_units.is_some_and(|(_, units)| units.contains(agency))
        };
        let mut found: Vec<(&AgencyId, bool)> = asker.agency.into_iter().map(|own| (own, true)).collect();
        if self.by_agency || denied {
            let others = self.units.iter().map(|(agency, _)| agency).filter(|agency| asker.agency != Some(*agency));
            found.extend(others.map(|agency| (agency, is_own(agency))));
        } else {
            found.extend(own_units.into_iter().flat_map(|(_, units)| units.iter().map(|unit| (unit, true))));
        }
        found
    }

    fn allow(&self, asker: &Asker<'_>, asked: &Asked<'_>, scope: Scope, lines: &[usize]) -> Result<Allowed, Denied> {
        let masks = self.chosen(asker, asked.object, asked.purpose);
        let mut hidden = BTreeSet::new();
        if self.classes.is_some() && asked.class.is_none() {
            for class in Class::ALL {
                if self.hides(asker, &Asked { class: Some(class), ..*asked }, &scope)? {
                    hidden.insert(class);
                }
            }
        }
        let because = self.quote(lines);
        Ok(Allowed { scope, masks, hidden, because, by_grant: false, basis: asked.basis.to_owned() })
    }

    /// Whether fields of a class stay hidden: denied over any part of the scope is denied.
    fn hides(&self, asker: &Asker<'_>, asked: &Asked<'_>, scope: &Scope) -> Result<bool, Denied> {
        let Reach::Only(agencies) = &scope.agencies else {
            return Ok(!self.ask(&asked.over(asker, "all", false))?.allowed);
        };
        let own_units = asker.agency.and_then(|own| self.units.iter().find(|(agency, _)| agency == own));
        for agency in agencies {
            let own = asker.agency == Some(agency) || own_units.is_some_and(|(_, units)| units.contains(agency));
            if !self.ask(&asked.over(asker, &format!("{AGENCY_PREFIX}{agency}"), own))?.allowed {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn ask(&self, question: &Question<'_>) -> Result<Verdict, Denied> {
        self.decider.decide(question).map_err(|error| {
            warn!(%error, "policy engine failed, denied");
            deny(Reason::EngineFailed, vec![error.to_string()])
        })
    }

    /// Nothing allowed it: what would have?
    fn why_not(&self, asker: &Asker<'_>, asked: &Asked<'_>, verdict: &Verdict) -> Result<Denied, Denied> {
        let own = asker.agency.map_or_else(|| AGENCY_PREFIX.to_owned(), |own| format!("{AGENCY_PREFIX}{own}"));
        let mut others = self.other_circumstances(asked);
        if asker.agency.is_none() {
            others.insert(0, (Reason::AgencyMissing, vec![*asked]));
        }
        for (reason, tries) in others {
            let mut needing = BTreeSet::new();
            for attempt in &tries {
                for (scope, own) in [("all", false), (own.as_str(), true)] {
                    let verdict = self.ask(&attempt.over(asker, scope, own))?;
                    if verdict.allowed {
                        needing.extend(verdict.lines);
                    }
                }
            }
            if !needing.is_empty() {
                let needing: Vec<usize> = needing.into_iter().collect();
                return Ok(deny(reason, self.quote(&needing)));
            }
        }
        let denying = self.denying(&verdict.lines);
        if !denying.is_empty() {
            return Ok(deny(Reason::DenyLine, self.quote(&denying)));
        }
        let (who, operation, object) = (asker.word, asked.operation.as_str(), asked.object.as_str());
        Ok(deny(Reason::NoLine, vec![format!("policy.csv: no line allows `{who}` to {operation} `{object}`")]))
    }

    /// What could be missing, the likeliest first: each alone, then everything at once.
    fn other_circumstances<'q>(&'q self, asked: &Asked<'q>) -> Vec<(Reason, Vec<Asked<'q>>)> {
        let purposes: Vec<Asked<'_>> =
            self.purposes.purposes.iter().map(|purpose| Asked { purpose: &purpose.id, ..*asked }).collect();
        let based = |one: &Asked<'q>| {
            let bases = self.purposes.bases.iter().map(|basis| basis.id.as_str());
            bases.map(|basis| Asked { basis, ..*one }).collect::<Vec<_>>()
        };
        let mut windows: Vec<Minute> = self.lines.iter().filter_map(line::minute_inside).take(1_000).collect();
        windows.sort_unstable();
        windows.dedup();
        let timed = |one: &Asked<'q>| windows.iter().map(|&time| Asked { time, ..*one }).collect::<Vec<_>>();
        let strong = Asked { strength: Strength::TwoFactor, ..*asked };
        let granted = Asked { grant: "needed", ..*asked };
        let purpose_reason = if asked.purpose.is_empty() { Reason::PurposeMissing } else { Reason::PurposeNotAllowed };
        let whole = |one: &Asked<'q>| Asked { strength: Strength::TwoFactor, grant: "needed", ..*one };
        let every: Vec<Asked<'q>> = purposes
            .iter()
            .chain([asked])
            .flat_map(|one| based(one).into_iter().chain([*one]))
            .map(|one| whole(&one))
            .collect();
        let every_timed: Vec<Asked<'q>> = every.iter().flat_map(timed).take(500).collect();
        vec![
            (purpose_reason, purposes),
            (Reason::BasisMissing, based(asked)),
            (Reason::StrengthMissing, vec![strong]),
            (Reason::GrantMissing, vec![granted]),
            (Reason::TimeNotAllowed, timed(asked)),
            (Reason::ConditionsMissing, every),
            (Reason::ConditionsMissing, every_timed),
        ]
    }

    fn denying(&self, places: &[usize]) -> Vec<usize> {
        let denies = |line: &Line| line.permission().is_some_and(|line| line.denies());
        places.iter().copied().filter(|&at| self.lines.get(at).is_some_and(denies)).collect()
    }

    fn is_of_agency(&self, at: usize) -> bool {
        let line = self.lines.get(at).and_then(Line::permission);
        line.is_some_and(|line| line.scope.starts_with(AGENCY_PREFIX))
    }

    fn quote(&self, places: &[usize]) -> Vec<String> {
        let mut quoted: Vec<String> =
            places.iter().take(QUOTED_MAX).filter_map(|&at| self.lines.get(at)).map(Line::to_string).collect();
        if places.len() > QUOTED_MAX {
            quoted.push(format!("and {} lines more", places.len() - QUOTED_MAX));
        }
        quoted
    }
}

impl Asked<'_> {
    pub(super) fn over<'q>(&'q self, asker: &'q Asker<'_>, scope: &'q str, own: bool) -> Question<'q> {
        Question {
            who: asker.word,
            scope,
            own,
            object: self.object.as_str(),
            class: self.class.map_or("", Class::as_str),
            operation: self.operation.as_str(),
            purpose: self.purpose,
            basis: self.basis,
            time: self.time,
            strength: self.strength,
            grant: self.grant,
        }
    }
}

/// Every agency that lines name, each with all its units; and whether a line speaks of one agency.
fn agencies(lines: &[Line]) -> (Vec<(AgencyId, BTreeSet<AgencyId>)>, bool) {
    let id = |text: &str| text.strip_prefix(AGENCY_PREFIX).and_then(|id| AgencyId::new(id).ok());
    let links = Links::of(lines, LineKind::Agency);
    let scopes: BTreeSet<&str> =
        lines.iter().filter_map(Line::scope).filter(|s| s.starts_with(AGENCY_PREFIX)).collect();
    let by_agency = !scopes.is_empty();
    let mut units: std::collections::BTreeMap<AgencyId, BTreeSet<AgencyId>> = scopes
        .into_iter()
        .chain(links.givers())
        .chain(links.heirs())
        .filter_map(id)
        .map(|id| (id, BTreeSet::new()))
        .collect();
    for unit in links.heirs() {
        let Some(unit_id) = id(unit) else { continue };
        for department in links.above(unit).into_iter().filter_map(id) {
            units.entry(department).or_default().insert(unit_id.clone());
        }
    }
    (units.into_iter().collect(), by_agency)
}

fn fields() -> Result<Arc<FieldTable>, PolicyError> {
    let rules = crate::privacy::parse(&crate::privacy::PrivacyText::embedded())
        .map_err(|error| PolicyError::Engine { reason: format!("the classes of fields: {error}") })?;
    Ok(Arc::new(rules.fields().clone()))
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

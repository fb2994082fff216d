//! Correlations resolved: every reference a number, every circle refused, every field a list of names to look under.

use std::collections::{HashMap, HashSet};

use ring::digest::{SHA256, digest};

use super::lookup::Lookup;
use super::reference::{self, Target};
use super::spec::{Condition, CorrelationSpec, Measure};

/// Most correlations in one plan.
const CORRELATIONS_MAX: usize = 4_096;

/// A correlation that is not evaluated, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its place among the specs that were given.
    pub correlation: u32,
    /// One sentence, with the way out where there is one.
    pub reason: String,
}

/// The correlations that can be evaluated; it does not change while a [`super::State`] works with it.
///
/// Correlations keep the number that they had among the specs given to [`Plan::compile`], refused ones too.
#[derive(Debug, Default)]
pub struct Plan {
    specs: Vec<CorrelationSpec>,
    planned: Vec<Option<Planned>>,
    edges: HashMap<u32, Vec<Edge>>,
    silent: HashSet<u32>,
    refused: Vec<Refused>,
}

/// Where a hit goes: the correlation and which of its inputs it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) correlation: u32,
    pub(super) input: u16,
}

/// One entry of `rules`, resolved.
#[derive(Debug)]
pub(super) struct Input {
    /// Where to find the fields of `group-by`, then those of `field`.
    pub(super) lookups: Vec<Lookup>,
}

/// One correlation that is evaluated.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) measure: Measure,
    pub(super) condition: Condition,
    /// Nanoseconds.
    pub(super) span: i64,
    /// Whether it is decided when a window is complete.
    pub(super) waits: bool,
    /// How many of an input's lookups make the group.
    pub(super) group_by: usize,
    pub(super) inputs: Vec<Input>,
    /// The correlations that its results go to.
    pub(super) feeds: Vec<Edge>,
    /// Whether its results are for other correlations only.
    pub(super) is_silent: bool,
    /// What its state belongs to: everything that decides what is counted, inner correlations included.
    pub(super) digest: [u8; 32],
    /// The base rules beneath it, ascending.
    leaves: Vec<u32>,
}

impl Plan {
    /// Resolves the references of `specs`.
    ///
    /// `resolve` gives the numbers of the base rules with this id or name, `names_of` under which names the events of
    /// a base rule may have a field, the best first. A correlation whose reference is unknown or that stands in a
    /// circle is refused, and so is what leans on it; the others stay.
    pub fn compile(
        specs: Vec<CorrelationSpec>,
        resolve: &dyn Fn(&str) -> Vec<u32>,
        names_of: &dyn Fn(u32, &str) -> Vec<String>,
    ) -> Self {
        let mut plan = Self { planned: specs.iter().map(|_| None).collect(), specs, ..Self::default() };
        let mut targets: Vec<Result<Vec<Target>, String>> =
            (0..plan.specs.len()).map(|number| plan.targets_of(number, resolve)).collect();
        let order = reference::order(&plan.specs, &mut targets);
        for (number, found) in (0_u32..).zip(&targets) {
            if let Err(reason) = found {
                plan.refused.push(Refused { correlation: number, reason: reason.clone() });
            }
        }
        for number in order {
            let Some(Ok(found)) = targets.get(number as usize) else { continue };
            match plan.planned_of(number, found, resolve, names_of) {
                Ok(planned) => plan.add(number, found, planned),
                Err(reason) => plan.refused.push(Refused { correlation: number, reason }),
            }
        }
        plan.refused.sort_by_key(|refused| refused.correlation);
        plan.keep_silent(&targets);
        plan
    }

    /// Every spec that was given, refused ones too; a correlation's number is its place here.
    pub fn specs(&self) -> &[CorrelationSpec] {
        &self.specs
    }

    /// The spec of a correlation.
    pub fn spec(&self, correlation: u32) -> Option<&CorrelationSpec> {
        self.specs.get(correlation as usize)
    }

    /// The correlations that are not evaluated.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Whether nothing is correlated.
    pub fn is_empty(&self) -> bool {
        self.planned.iter().all(Option::is_none)
    }

    /// Whether a base rule is a building block only, which gives no findings of its own: some correlation refers to
    /// it, and none of those says `generate: true`. A refused correlation silences nothing.
    pub fn is_silent(&self, rule: u32) -> bool {
        self.silent.contains(&rule)
    }

    /// The same of a correlation: its results only feed others and are not handed out.
    pub fn is_silent_correlation(&self, correlation: u32) -> bool {
        self.planned(correlation).is_some_and(|planned| planned.is_silent)
    }

    /// Whether some correlation wants the hits of a base rule.
    pub fn wants(&self, rule: u32) -> bool {
        self.edges.contains_key(&rule)
    }

    pub(super) fn edges(&self, rule: u32) -> &[Edge] {
        self.edges.get(&rule).map_or(&[], Vec::as_slice)
    }

    pub(super) fn planned(&self, correlation: u32) -> Option<&Planned> {
        self.planned.get(correlation as usize).and_then(Option::as_ref)
    }

    pub(super) fn len(&self) -> usize {
        self.planned.len()
    }

    fn targets_of(&self, number: usize, resolve: &dyn Fn(&str) -> Vec<u32>) -> Result<Vec<Target>, String> {
        if number >= CORRELATIONS_MAX {
            return Err(format!("stands behind {CORRELATIONS_MAX} correlations, which are the most"));
        }
        let (before, rest) = self.specs.split_at_checked(number).unwrap_or_default();
        let Some(spec) = rest.first() else { return Err("is not there".to_owned()) };
        let own = [spec.id.as_ref().map(event::RuleId::as_str), spec.name.as_deref()];
        for own in own.into_iter().flatten() {
            if before.iter().any(|other| other.is_called(own)) {
                return Err(format!("another correlation is called `{own}` already"));
            }
        }
        spec.rules.iter().map(|rule| reference::target(rule, &self.specs, resolve)).collect()
    }

    fn planned_of(
        &self,
        number: u32,
        targets: &[Target],
        resolve: &dyn Fn(&str) -> Vec<u32>,
        names_of: &dyn Fn(u32, &str) -> Vec<String>,
    ) -> Result<Planned, String> {
        let Some(spec) = self.spec(number) else { return Err("is not there".to_owned()) };
        reference::check_aliases(spec, targets, &self.specs, resolve)?;
        let mut leaves = Vec::new();
        let mut inputs = Vec::new();
        for (rule, target) in spec.rules.iter().zip(targets) {
            if target.inner().is_some_and(|inner| self.planned(inner).is_none()) {
                return Err(format!("leans on `{rule}`, which is refused"));
            }
            let own = self.leaves_of(target);
            let inner = target.inner().and_then(|inner| self.spec(inner));
            let lookups = spec.group_by.iter().chain(&spec.fields).map(|field| {
                let field = reference::field_of(spec, field, rule, target, &self.specs, resolve);
                Lookup::new(&field, &own, inner, names_of)
            });
            inputs.push(Input { lookups: lookups.collect() });
            leaves.extend(own);
        }
        leaves.sort_unstable();
        leaves.dedup();
        Ok(Planned {
            measure: spec.measure,
            condition: spec.condition.clone(),
            span: spec.timespan_nanos,
            waits: spec.waits(),
            group_by: spec.group_by.len(),
            inputs,
            feeds: Vec::new(),
            is_silent: false,
            digest: self.digest_of(spec, targets),
            leaves,
        })
    }

    fn leaves_of(&self, target: &Target) -> Vec<u32> {
        match target {
            Target::Rules(rules) => rules.clone(),
            Target::Correlation(inner) => {
                self.planned(*inner).map(|planned| planned.leaves.clone()).unwrap_or_default()
            }
        }
    }

    fn digest_of(&self, spec: &CorrelationSpec, targets: &[Target]) -> [u8; 32] {
        let own = format!(
            "{:?}",
            (
                (spec.called(), &spec.id, spec.measure, &spec.rules, &spec.group_by),
                (&spec.fields, &spec.aliases, spec.timespan_nanos, &spec.condition),
            )
        );
        let mut bytes = own.into_bytes();
        for inner in targets.iter().filter_map(Target::inner).filter_map(|inner| self.planned(inner)) {
            bytes.extend_from_slice(&inner.digest);
        }
        <[u8; 32]>::try_from(digest(&SHA256, &bytes).as_ref()).unwrap_or_default()
    }

    fn add(&mut self, number: u32, targets: &[Target], planned: Planned) {
        for (input, target) in (0_u16..).zip(targets) {
            let edge = Edge { correlation: number, input };
            match target {
                Target::Rules(rules) => {
                    for rule in rules {
                        self.edges.entry(*rule).or_default().push(edge);
                    }
                }
                Target::Correlation(inner) => {
                    if let Some(Some(inner)) = self.planned.get_mut(*inner as usize) {
                        inner.feeds.push(edge);
                    }
                }
            }
        }
        if let Some(place) = self.planned.get_mut(number as usize) {
            *place = Some(planned);
        }
    }

    fn keep_silent(&mut self, targets: &[Result<Vec<Target>, String>]) {
        let mut loud = (HashSet::new(), HashSet::new());
        let mut used = (HashSet::new(), HashSet::new());
        for ((number, spec), found) in (0_u32..).zip(&self.specs).zip(targets) {
            let Ok(found) = found else { continue };
            if self.planned(number).is_none() {
                continue;
            }
            let (rules, inner) = if spec.generate { &mut loud } else { &mut used };
            for target in found {
                match target {
                    Target::Rules(numbers) => rules.extend(numbers.iter().copied()),
                    Target::Correlation(number) => {
                        inner.insert(*number);
                    }
                }
            }
        }
        self.silent = used.0.difference(&loud.0).copied().collect();
        for number in used.1.difference(&loud.1) {
            if let Some(Some(planned)) = self.planned.get_mut(*number as usize) {
                planned.is_silent = true;
            }
        }
    }
}

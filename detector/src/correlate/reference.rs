//! What `rules` and `aliases` refer to, and the order in which correlations lean on one another.

use std::collections::VecDeque;

use super::spec::CorrelationSpec;
use crate::sigma::suggest::suggestion;

/// Most correlations whose circle is looked for; more than that in circles get a shorter reason.
const CIRCLES_MAX: usize = 64;

/// What a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Base rules, by their numbers.
    Rules(Vec<u32>),
    /// Another correlation.
    Correlation(u32),
}

impl Target {
    /// The correlation, when it is one.
    pub(super) fn inner(&self) -> Option<u32> {
        match self {
            Self::Rules(_) => None,
            Self::Correlation(number) => Some(*number),
        }
    }

    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rules(one), Self::Rules(other)) => one.iter().any(|rule| other.contains(rule)),
            (one, other) => one == other,
        }
    }
}

/// Resolves one reference.
///
/// # Errors
/// A sentence when nothing or both a rule and a correlation are called so.
pub(super) fn target(
    name: &str,
    specs: &[CorrelationSpec],
    resolve: &dyn Fn(&str) -> Vec<u32>,
) -> Result<Target, String> {
    let rules = resolve(name);
    let correlation = (0_u32..).zip(specs).find(|(_, spec)| spec.is_called(name)).map(|(number, _)| number);
    match (rules.is_empty(), correlation) {
        (false, None) => Ok(Target::Rules(rules)),
        (true, Some(number)) => Ok(Target::Correlation(number)),
        (false, Some(_)) => Err(format!("`rules` names `{name}`, which is both a rule and a correlation")),
        (true, None) => {
            let known: Vec<&str> = specs.iter().filter_map(|spec| spec.name.as_deref()).collect();
            let near = suggestion(name, &known);
            Err(format!("`rules` names `{name}`, which is neither the id nor the name of a loaded rule{near}"))
        }
    }
}

/// The numbers of the correlations whose targets are good, inner ones first; what is in a circle or leans on a refused
/// one becomes an error.
pub(super) fn order(specs: &[CorrelationSpec], targets: &mut [Result<Vec<Target>, String>]) -> Vec<u32> {
    let inner_of = |found: &Result<Vec<Target>, String>| -> Option<Vec<u32>> {
        found.as_ref().ok().map(|found| found.iter().filter_map(Target::inner).collect())
    };
    let inner: Vec<Option<Vec<u32>>> = targets.iter().map(inner_of).collect();
    let mut outer: Vec<Vec<u32>> = vec![Vec::new(); inner.len()];
    let mut waits: Vec<usize> = vec![0; inner.len()];
    for ((number, found), count) in (0_u32..).zip(&inner).zip(&mut waits) {
        for below in found.iter().flatten() {
            *count += 1;
            if let Some(above) = outer.get_mut(*below as usize) {
                above.push(number);
            }
        }
    }
    let is_ready = |(number, found): (u32, &Option<Vec<u32>>)| found.as_ref()?.is_empty().then_some(number);
    let mut ready: VecDeque<u32> = (0_u32..).zip(&inner).filter_map(is_ready).collect();
    let mut order = Vec::with_capacity(inner.len());
    while let Some(number) = ready.pop_front() {
        order.push(number);
        for above in outer.get(number as usize).into_iter().flatten() {
            let Some(count) = waits.get_mut(*above as usize) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 && inner.get(*above as usize).is_some_and(Option::is_some) {
                ready.push_back(*above);
            }
        }
    }
    refuse_the_rest(specs, targets, &inner, &order);
    order
}

fn refuse_the_rest(
    specs: &[CorrelationSpec],
    targets: &mut [Result<Vec<Target>, String>],
    inner: &[Option<Vec<u32>>],
    order: &[u32],
) {
    let mut is_good = vec![false; inner.len()];
    for number in order {
        if let Some(good) = is_good.get_mut(*number as usize) {
            *good = true;
        }
    }
    let called = |number: u32| specs.get(number as usize).map_or("?", CorrelationSpec::called);
    let mut looked_for = 0;
    for (number, found) in (0_u32..).zip(targets) {
        let good = is_good.get(number as usize).copied().unwrap_or_default();
        if good || found.is_err() {
            continue;
        }
        looked_for += 1;
        let circle = if looked_for <= CIRCLES_MAX { circle(number, inner, &is_good) } else { None };
        let below = inner.get(number as usize).into_iter().flatten().flatten();
        let refused = below.copied().find(|below| !is_good.get(*below as usize).copied().unwrap_or_default());
        *found = Err(match circle {
            Some(path) => {
                let names: Vec<&str> = path.into_iter().map(called).collect();
                format!("refers to itself in a circle: `{}`", names.join("` → `"))
            }
            None => format!("leans on `{}`, which is refused", refused.map_or("?", called)),
        });
    }
}

/// The shortest way from a correlation down to itself.
fn circle(start: u32, inner: &[Option<Vec<u32>>], is_good: &[bool]) -> Option<Vec<u32>> {
    let mut came_from: Vec<Option<u32>> = vec![None; inner.len()];
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for below in inner.get(at as usize)?.iter().flatten().copied() {
            if below == start {
                let mut path = vec![start, at];
                let mut step = at;
                while step != start {
                    step = (*came_from.get(step as usize)?)?;
                    path.push(step);
                }
                if at == start {
                    path.truncate(2);
                }
                path.reverse();
                return Some(path);
            }
            let place = came_from.get_mut(below as usize)?;
            if place.is_none() && !is_good.get(below as usize).copied().unwrap_or_default() {
                *place = Some(at);
                queue.push_back(below);
            }
        }
    }
    None
}

/// Checks that every alias speaks of rules that `rules` names.
///
/// # Errors
/// A sentence with the rule that is not among them.
pub(super) fn check_aliases(
    spec: &CorrelationSpec,
    targets: &[Target],
    specs: &[CorrelationSpec],
    resolve: &dyn Fn(&str) -> Vec<u32>,
) -> Result<(), String> {
    for alias in &spec.aliases {
        for (rule, _) in &alias.fields {
            let is_known = spec.rules.iter().zip(targets).any(|(name, own)| means(rule, name, own, specs, resolve));
            if !is_known {
                let near = suggestion(rule, &spec.rules);
                return Err(format!("alias `{}` speaks of `{rule}`, which `rules` does not name{near}", alias.name));
            }
        }
    }
    Ok(())
}

/// What the events of one rule call `field`: what an alias says of this rule, else the name itself.
pub(super) fn field_of(
    spec: &CorrelationSpec,
    field: &str,
    name: &str,
    own: &Target,
    specs: &[CorrelationSpec],
    resolve: &dyn Fn(&str) -> Vec<u32>,
) -> String {
    let alias = spec.aliases.iter().find(|alias| alias.name == field);
    let said = alias.into_iter().flat_map(|alias| &alias.fields);
    let mut own = said.filter(|(rule, _)| means(rule, name, own, specs, resolve)).map(|(_, field)| field.clone());
    own.next().unwrap_or_else(|| field.to_owned())
}

/// Whether an alias's rule is the one that `rules` calls `name`, the one by its id and the other by its name perhaps.
fn means(rule: &str, name: &str, own: &Target, specs: &[CorrelationSpec], resolve: &dyn Fn(&str) -> Vec<u32>) -> bool {
    rule == name || target(rule, specs, resolve).is_ok_and(|found| found.meets(own))
}

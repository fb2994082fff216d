//! The compiled engine: from an event to the few rules that may match it.
//!
//! Rules are found by the event's set of log sources; for every set that occurs, a [`Class`] is compiled once. From each
//! rule it takes one *clause* (`clause`): probes of which at least one must hit before the rule can be true, those that
//! are rarest on the events that come; the first thousands of events teach which. Probes of
//! one field lie in one structure: equality in a hash, starts and ends in tries (`trie`), parts in one automaton or, when
//! they are many, by four bytes of each (`grams`). A hit
//! wakes the rules that watch it; only those are evaluated, by the same code that the reference uses, so that the engine
//! can be slow by mistake but not wrong by more than a missing clause. What cannot be probed is evaluated always.

mod class;
mod clause;
mod grams;
mod literal;
mod routes;
mod scratch;
mod trie;

pub use scratch::Scratch;

use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, PoisonError, RwLock};

use event::Event;
use rustc_hash::{FxHashMap, FxHasher};

use super::logsource::{self, Source};
use super::names::Names;
use super::rule::Rule;
use super::view::{Places, View};
use super::windows;
use class::Class;
use routes::Routes;

/// A hash of log sources; 0 for none.
fn mark_of(sources: &[Source<'_>]) -> u64 {
    if sources.is_empty() {
        return 0;
    }
    let mut hasher = FxHasher::default();
    sources.hash(&mut hasher);
    hasher.finish().max(1)
}

/// Most classes that are kept; sets of log sources beyond that are evaluated rule by rule.
const CLASSES_MAX: usize = 1_024;

/// The classes by their buckets of rules, compiled when first met.
type Classes = RwLock<FxHashMap<Box<[u32]>, Arc<Class>>>;

/// Routes and classes of one rule set.
#[derive(Debug, Default)]
pub(super) struct Engine {
    /// The rules that are asked.
    routes: Routes,
    /// The rules that ask what another one asks, by the number of that one: its answer is theirs.
    twins: FxHashMap<u32, Vec<u32>>,
    classes: Arc<Classes>,
}

impl Engine {
    /// Makes the rule known under its number.
    pub(super) fn add(&mut self, rule: &Rule, number: usize) {
        match rule.twin_of() {
            Some(first) => self.twins.entry(first).or_default().push(u32::try_from(number).unwrap_or(u32::MAX)),
            None => self.routes.add(rule, number),
        }
    }

    /// Calls `found` for every rule that matches, in the order of the rules.
    pub(super) fn evaluate<'s>(
        &self,
        rules: &'s [Rule],
        names: &Names,
        event: &Event,
        scratch: &mut Scratch,
        mut found: impl FnMut(u32, &'s Rule, &View<'_>),
    ) {
        scratch.begin(&self.classes);
        let Scratch { bump, places, buckets, seen, woken, holding, known, sources, .. } = scratch;
        let found_sources = logsource::sources(event, bump);
        *sources = mark_of(&found_sources);
        self.routes.buckets(&found_sources, bump, buckets);
        if buckets.is_empty() {
            return;
        }
        let newer = match known.get(buckets.as_slice()) {
            Some(class) if class.has_learnt() => Some(self.learnt(rules, buckets, class)),
            Some(_) => None,
            None => Some(self.class(rules, buckets)),
        };
        if let Some(class) = newer {
            known.insert(buckets.as_slice().into(), class);
        }
        // Borrowed: threads that count references to one class wait for one another.
        let Some(class) = known.get(buckets.as_slice()) else { return };
        let view = View::new(event, names, places, bump);
        class.wake(&view, seen, woken);
        let holds = |number: &&u32| rules.get(**number as usize).is_some_and(|rule| rule.matches(&view));
        holding.extend(woken.iter().filter(holds));
        self.add_twins(holding);
        for number in holding.iter() {
            if let Some(rule) = rules.get(*number as usize) {
                found(*number, rule, &view);
            }
        }
    }

    /// Adds the rules that ask what those in `holding` ask, and sorts all.
    fn add_twins(&self, holding: &mut Vec<u32>) {
        for at in 0..holding.len() {
            let twins = holding.get(at).and_then(|number| self.twins.get(number));
            holding.extend(twins.into_iter().flatten());
        }
        holding.sort_unstable();
    }

    /// Every rule that matches, asked one by one: what [`Engine::evaluate`] must agree with.
    pub(super) fn evaluate_slowly<'s>(
        &self,
        rules: &'s [Rule],
        names: &Names,
        event: &Event,
        mut found: impl FnMut(u32, &'s Rule, &View<'_>),
    ) {
        let bump = bumpalo::Bump::new();
        let mut buckets = Vec::new();
        self.routes.buckets(&logsource::sources(event, &bump), &bump, &mut buckets);
        let mut places = Places::default();
        let view = View::new(event, names, &mut places, &bump);
        let mut holding = self.routes.rules_of(&buckets);
        holding.retain(|number| rules.get(*number as usize).is_some_and(|rule| rule.matches(&view)));
        self.add_twins(&mut holding);
        for number in holding {
            if let Some(rule) = rules.get(number as usize) {
                found(number, rule, &view);
            }
        }
    }

    /// Compiles the classes that `old` has met, so that the first events after a reload wait for none of them.
    pub(super) fn warm(&self, rules: &[Rule], old: &Self) {
        let met: Vec<Vec<[Option<String>; 3]>> = {
            let classes = old.classes.read().unwrap_or_else(PoisonError::into_inner);
            classes.keys().map(|buckets| old.routes.names_of(buckets)).collect()
        };
        for names in met {
            self.class(rules, &self.routes.buckets_named(&names));
        }
    }

    /// Compiles the classes of Windows events that rules ask for, so that the first of them wait for none. These are the
    /// many rules, and their sets of log sources are known before; others are compiled when they are met.
    pub(super) fn warm_windows(&self, rules: &[Rule]) {
        let bump = bumpalo::Bump::new();
        let mut sets = windows::every(&bump);
        let names = self.routes.names().filter(|names| names[0].as_deref() == Some("windows"));
        let services = names.filter_map(|[_, _, service]| service.as_deref());
        sets.extend(services.map(|service| bumpalo::vec![in &bump; Source::new("windows", "", service)]));
        let mut buckets = Vec::new();
        for set in sets {
            buckets.clear();
            self.routes.buckets(&set, &bump, &mut buckets);
            if !buckets.is_empty() {
                self.class(rules, &buckets);
            }
        }
    }

    /// How many classes there are by now.
    #[cfg(test)]
    fn met(&self) -> usize {
        self.classes.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The class with its probes chosen by what `old` has learnt, made by the first thread that asks.
    fn learnt(&self, rules: &[Rule], buckets: &[u32], old: &Arc<Class>) -> Arc<Class> {
        let present = self.class(rules, buckets);
        if !Arc::ptr_eq(&present, old) {
            return present;
        }
        let Some(class) = old.learnt(rules, &self.routes.rules_of(buckets)) else { return present };
        let class = Arc::new(class);
        let mut classes = self.classes.write().unwrap_or_else(PoisonError::into_inner);
        match classes.get_mut(buckets) {
            Some(present) if Arc::ptr_eq(present, old) => *present = Arc::clone(&class),
            // Another thread was first, or the class is kept by nobody.
            Some(present) => return Arc::clone(present),
            None => {}
        }
        class
    }

    fn class(&self, rules: &[Rule], buckets: &[u32]) -> Arc<Class> {
        let classes = self.classes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(class) = classes.get(buckets) {
            return Arc::clone(class);
        }
        let full = classes.len() >= CLASSES_MAX;
        drop(classes);
        let numbers = self.routes.rules_of(buckets);
        if full {
            return Arc::new(Class::without_probes(numbers));
        }
        let class = Arc::new(Class::compile(rules, numbers));
        let mut classes = self.classes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(classes.entry(buckets.into()).or_insert(class))
    }
}

#[cfg(test)]
mod tests;

//! The compiled engine: from an event to the few rules that may match it.
//!
//! Rules are found by the event's set of log sources; for every set that occurs, a [`Class`] is compiled once. From each
//! rule it takes one *clause* (`clause`): probes of which at least one must hit before the rule can be true, those that
//! are rarest on the events that come; the first thousands of events teach which. Probes of
//! one field lie in one structure: equality in a hash, starts and ends in tries (`trie`), parts in one automaton. A hit
//! wakes the rules that watch it; only those are evaluated, by the same code that the reference uses, so that the engine
//! can be slow by mistake but not wrong by more than a missing clause. What cannot be probed is evaluated always.

mod class;
mod clause;
mod literal;
mod routes;
mod scratch;
mod trie;

pub use scratch::Scratch;

use std::sync::{Arc, PoisonError, RwLock};

use event::Event;
use rustc_hash::FxHashMap;

use super::logsource;
use super::rule::Rule;
use super::view::{Names, View};
use class::Class;
use routes::Routes;

/// Most classes that are kept; sets of log sources beyond that are evaluated rule by rule.
const CLASSES_MAX: usize = 1_024;

/// The classes by their buckets of rules, compiled when first met.
type Classes = RwLock<FxHashMap<Box<[u32]>, Arc<Class>>>;

/// Routes and classes of one rule set.
#[derive(Debug, Default)]
pub(super) struct Engine {
    routes: Routes,
    classes: Arc<Classes>,
}

impl Engine {
    /// Makes the rule known under its number.
    pub(super) fn add(&mut self, rule: &Rule, number: usize) {
        self.routes.add(rule, number);
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
        let Scratch { bump, buckets, seen, woken, answers, known, .. } = scratch;
        self.routes.buckets(&logsource::sources(event, bump), bump, buckets);
        if buckets.is_empty() {
            return;
        }
        let class = match known.get(buckets.as_slice()) {
            Some(class) => Arc::clone(class),
            None => {
                let class = self.class(rules, buckets);
                known.insert(buckets.as_slice().into(), Arc::clone(&class));
                class
            }
        };
        let class = match class.has_learnt() {
            true => {
                let class = self.learnt(rules, buckets, &class);
                known.insert(buckets.as_slice().into(), Arc::clone(&class));
                class
            }
            false => class,
        };
        let view = View::new(event, names, bump);
        class.wake(&view, bump, seen, woken);
        answers.clear();
        for number in woken.iter() {
            let Some(rule) = rules.get(*number as usize) else { continue };
            let twin = rule.twin_of().unwrap_or(*number);
            // Twins watch the same, so the first of them was woken, too, and stands before them.
            let holds = match answers.iter().find(|(first, _)| *first == twin) {
                Some((_, holds)) => *holds,
                None => rule.matches(&view),
            };
            if rule.twin_of().is_none() {
                answers.push((twin, holds));
            }
            if holds {
                found(*number, rule, &view);
            }
        }
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
        let view = View::new(event, names, &bump);
        for number in self.routes.rules_of(&buckets) {
            if let Some(rule) = rules.get(number as usize)
                && rule.matches(&view)
            {
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
        let class = Arc::new(old.learnt(rules, &self.routes.rules_of(buckets)));
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

//! Rules that can never fire on what was seen.

use std::collections::{BTreeMap, BTreeSet};

use event::RuleRef;
use rustc_hash::FxHashSet;
use serde::Serialize;

use super::Seen;
use crate::correlate::Measure;
use crate::rulebook::Rulebook;
use crate::sigma::{LogSource, RuleSet, absent};

/// Why a rule cannot fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Silence {
    /// No event was of its log source.
    SourceNeverSeen {
        /// The log source, `product/category/service`.
        logsource: String,
    },
    /// Events of its log source had none of these fields, and the condition cannot hold without them.
    FieldsNeverSeen {
        /// The log source, `product/category/service`.
        logsource: String,
        /// The fields in the rule's own names.
        fields: Vec<String>,
    },
    /// A correlation whose rules cannot fire.
    RulesSilent {
        /// The rules, as the correlation names them.
        rules: Vec<String>,
    },
}

/// A rule that cannot fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SilentRule {
    /// The rule.
    pub rule: RuleRef,
    /// Its file.
    pub path: String,
    /// The line of its file.
    pub line: usize,
    /// Why.
    #[serde(flatten)]
    pub silence: Silence,
}

/// The rules and correlations of `book` that can never fire on what was seen, in the order of the book. A rule that is not
/// named can fire, as far as names of fields tell.
pub fn silent(book: &Rulebook, seen: &Seen) -> Vec<SilentRule> {
    let mut met: BTreeMap<&LogSource, Met> = BTreeMap::new();
    let mut found = Vec::new();
    let mut silent = BTreeSet::new();
    for (number, rule) in book.rules().rules().iter().enumerate() {
        let met = met.entry(&rule.logsource).or_insert_with(|| Met::of(&rule.logsource, seen, book.rules()));
        let logsource = rule.logsource.to_string();
        let silence = if !met.is_seen {
            Some(Silence::SourceNeverSeen { logsource })
        } else if met.is_full {
            None
        } else {
            let wanting = absent::fields_wanting(rule, &met.fields);
            wanting.map(|fields| Silence::FieldsNeverSeen { logsource, fields })
        };
        if let Some(silence) = silence {
            silent.insert(number);
            let (rule, path, line) = (rule.reference.clone(), rule.path.clone(), rule.line);
            found.push(SilentRule { rule, path, line, silence });
        }
    }
    found.extend(silent_correlations(book, &silent));
    found
}

/// What was seen of a rule's log source.
struct Met {
    is_seen: bool,
    is_full: bool,
    fields: FxHashSet<crate::sigma::NameId>,
}

impl Met {
    fn of(asked: &LogSource, seen: &Seen, set: &RuleSet) -> Self {
        let mut met = Self { is_seen: seen.is_full, is_full: seen.is_full, fields: FxHashSet::default() };
        for (_, fields) in seen.sources.iter().filter(|(source, _)| source.implies(asked)) {
            met.is_seen = true;
            met.is_full |= fields.is_full;
            met.fields.extend(fields.names.keys().filter_map(|name| set.names().id_of(name)));
        }
        met
    }
}

/// A correlation in time needs each of its rules, every other one of them.
fn silent_correlations(book: &Rulebook, silent_rules: &BTreeSet<usize>) -> Vec<SilentRule> {
    let mut known = Known::of_rules(book, silent_rules);
    let specs = book.plan().specs();
    let mut found: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    // Correlations may stand on correlations, in any order: until nothing new is silent, at most as often as there are.
    for _ in 0..=specs.len() {
        let before = found.len();
        for (at, spec) in specs.iter().enumerate().filter(|(at, _)| !is_refused(book, *at)) {
            let silent: Vec<String> = spec.rules.iter().filter(|name| known.is_silent(name)).cloned().collect();
            let needs_each = matches!(spec.measure, Measure::Temporal | Measure::TemporalOrdered);
            let is_silent = !silent.is_empty() && (needs_each || silent.len() == spec.rules.len());
            if is_silent && !found.contains_key(&at) {
                found.insert(at, silent);
            }
        }
        known.take_correlations(book, &found);
        if found.len() == before {
            break;
        }
    }
    let told = |(at, rules): (usize, Vec<String>)| {
        let one = book.correlations().get(at)?;
        let (rule, path, line) = (one.reference.clone(), one.path.clone(), one.line);
        Some(SilentRule { rule, path, line, silence: Silence::RulesSilent { rules } })
    };
    found.into_iter().filter_map(told).collect()
}

fn is_refused(book: &Rulebook, at: usize) -> bool {
    book.plan().refused().iter().any(|refused| refused.correlation as usize == at)
}

/// By id and name: how many rules are called so, and how many of them are silent.
#[derive(Default)]
struct Known {
    rules: BTreeMap<String, (usize, usize)>,
    correlations: BTreeMap<String, (usize, usize)>,
}

impl Known {
    fn of_rules(book: &Rulebook, silent: &BTreeSet<usize>) -> Self {
        let mut known = Self::default();
        for (number, rule) in book.rules().rules().iter().enumerate() {
            let names = std::iter::once(rule.id().as_str()).chain(rule.name.as_deref());
            names.for_each(|name| count(&mut known.rules, name, silent.contains(&number)));
        }
        known
    }

    fn take_correlations(&mut self, book: &Rulebook, silent: &BTreeMap<usize, Vec<String>>) {
        self.correlations.clear();
        for (at, (one, spec)) in book.correlations().iter().zip(book.plan().specs()).enumerate() {
            let names = std::iter::once(one.reference.id.as_str()).chain(spec.name.as_deref());
            names.for_each(|name| count(&mut self.correlations, name, silent.contains_key(&at)));
        }
    }

    /// Whether all that are called so are silent.
    fn is_silent(&self, name: &str) -> bool {
        let all = [self.rules.get(name), self.correlations.get(name)];
        let (total, silent) = all.into_iter().flatten().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        total > 0 && total == silent
    }
}

fn count(known: &mut BTreeMap<String, (usize, usize)>, name: &str, is_silent: bool) {
    let counts = known.entry(name.to_owned()).or_default();
    *counts = (counts.0 + 1, counts.1 + usize::from(is_silent));
}

//! The exceptions in force, compiled. Immutable: made anew when exceptions or rules change.

use std::collections::HashMap;

use event::{Event, ExceptionId, RuleId, Timestamp};

use super::{Exception, State, Target};
use crate::sigma::{FieldMap, LogSource, RuleSet, Selections};

/// Exceptions ready to be asked. What they hide is counted where alerts are stored, see [`super::Hiding`].
#[derive(Debug, Default)]
pub struct Exceptions {
    /// In the order in which they were added.
    active: Vec<Active>,
    by_rule: HashMap<RuleId, Vec<usize>>,
    selections: Selections,
    faults: Vec<(ExceptionId, String)>,
}

#[derive(Debug)]
struct Active {
    id: ExceptionId,
    expires: Timestamp,
}

impl Exceptions {
    /// Compiles those that are active at `now`. Fields are found under the names that the map gives them for the rules
    /// concerned. One that cannot be compiled hides nothing and stands in [`Exceptions::faults`].
    pub fn compile(exceptions: &[Exception], rules: &RuleSet, map: &FieldMap, now: Timestamp) -> Self {
        let mut set = Self::default();
        for exception in exceptions.iter().filter(|exception| exception.state(now) == State::Active) {
            let concerned = concerned(exception, rules);
            let mut sources: Vec<&LogSource> = Vec::new();
            for rule in rules.rules().iter().filter(|rule| concerned.contains(&rule.id())) {
                if !sources.contains(&&rule.logsource) {
                    sources.push(&rule.logsource);
                }
            }
            let mut names_of = |field: &str| names(field, &sources, map);
            match set.selections.add(&exception.fields, &mut names_of) {
                // Selections and exceptions are added together, so they have the same numbers.
                Ok(number) => {
                    for rule in concerned {
                        set.by_rule.entry(rule.clone()).or_default().push(number);
                    }
                    let Exception { id, expires, .. } = exception.clone();
                    set.active.push(Active { id, expires });
                }
                Err(reason) => set.faults.push((exception.id.clone(), reason)),
            }
        }
        set
    }

    /// The exception that hides a finding of `rule` on `event` at `now`; `None` when it is to be seen.
    /// What has expired since the set was made hides nothing.
    pub fn hides(&self, rule: &RuleId, event: &Event, now: Timestamp) -> Option<&ExceptionId> {
        let numbers = self.by_rule.get(rule)?;
        let in_force = |number: &usize| self.active.get(*number).is_some_and(|one| now < one.expires);
        let number = self.selections.first(numbers.iter().copied().filter(in_force), event)?;
        self.active.get(number).map(|one| &one.id)
    }

    /// How many are in force at the most.
    pub fn len(&self) -> usize {
        self.active.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Those that could not be compiled, and why.
    pub fn faults(&self) -> &[(ExceptionId, String)] {
        &self.faults
    }
}

/// The rules whose findings an exception may hide; those that are not loaded too, they may come back.
fn concerned<'a>(exception: &'a Exception, rules: &'a RuleSet) -> Vec<&'a RuleId> {
    let mut found: Vec<&RuleId> = match &exception.target {
        Target::Rules(ids) => ids.iter().collect(),
        Target::Level(level) => {
            rules.rules().iter().filter(|rule| rule.reference.level == *level).map(|rule| rule.id()).collect()
        }
    };
    found.sort();
    found.dedup();
    found
}

fn names(field: &str, sources: &[&LogSource], map: &FieldMap) -> Vec<String> {
    let mut names = vec![field.to_owned()];
    for name in sources.iter().flat_map(|source| map.candidates(source, field)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

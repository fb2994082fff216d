//! Letting go of what is remembered of certain values, before their time.

use std::collections::BTreeSet;

use super::group::{Body, Group};
use super::key::{self, Distinct};
use super::plan::{Plan, Planned};
use super::state::State;

/// Values that must not be remembered any more.
struct Doomed {
    /// In small letters.
    texts: Vec<String>,
    distinct: BTreeSet<Distinct>,
}

impl State {
    /// Forgets every group whose key holds one of `values` (whatever its case, alone or inside a longer text), and every
    /// group that counts it among different values. Where several fields together are counted nobody can tell whose they
    /// are, and all groups of such a correlation go. Gives how many groups went; what comes later begins them anew.
    pub fn forget(&mut self, plan: &Plan, values: &[String]) -> usize {
        let texts: Vec<String> =
            values.iter().filter(|value| !value.is_empty()).map(|value| value.to_lowercase()).collect();
        let distinct = values.iter().chain(&texts).map(|value| key::distinct_of(value)).collect();
        let doomed = Doomed { texts, distinct };
        let mut gone = Vec::new();
        for number in (0_u32..).take(plan.len()) {
            let Some(planned) = plan.planned(number) else { continue };
            let mut at = self.groups.oldest(number);
            while let Some(place) = at {
                at = self.groups.newer(place);
                if self.groups.get(place).is_some_and(|group| doomed.is_in(group, planned)) {
                    gone.push(place);
                }
            }
        }
        for place in &gone {
            self.groups.remove(*place);
        }
        gone.len()
    }
}

impl Doomed {
    fn is_in(&self, group: &Group, planned: &Planned) -> bool {
        let stands = |value: String| {
            let value = value.to_lowercase();
            self.texts.iter().any(|text| value.contains(text))
        };
        if key::values(&group.key).into_iter().any(stands) {
            return true;
        }
        let Body::Values(window) = &group.body else { return false };
        // The fields behind those of the group are what is counted.
        let several = planned.inputs.iter().any(|input| input.lookups.len() > planned.group_by.saturating_add(1));
        several || window.entries.iter().any(|entry| self.distinct.contains(&entry.payload))
    }
}

//! What the rules say of one event, whatever came before it: the half of the work that any thread can do.

use event::{Event, EventId, Finding, RuleId};

use super::Rulebook;
use crate::sigma::{Scratch, finding_of};

/// The rules that match one event; [`super::Stream::follow`] takes it from there, in the order of the events.
#[derive(Debug, Clone, Default)]
pub struct Matched {
    /// Of rules that are told, not only counted.
    pub(super) findings: Vec<Finding>,
    /// The numbers of the rules that correlations count.
    pub(super) wanted: Vec<u32>,
    sources_mark: u64,
}

impl Matched {
    /// A hash of the event's log sources; 0 when it has none.
    pub fn sources_mark(&self) -> u64 {
        self.sources_mark
    }

    /// The events that findings are about: one for each rule that is told.
    pub fn events(&self) -> impl Iterator<Item = EventId> {
        self.findings.iter().map(|finding| finding.event)
    }
}

impl Rulebook {
    /// The rules that match an event, without those that `is_hidden` says of. Findings have their atoms where `with_atoms`.
    /// Keep one `scratch` for each thread.
    pub fn matched(
        &self,
        event: &Event,
        scratch: &mut Scratch,
        with_atoms: bool,
        is_hidden: impl Fn(&RuleId, &Event) -> bool,
    ) -> Matched {
        let mut matched = Matched::default();
        let wants = |number| with_atoms && !self.plan().is_silent(number);
        for mut found in self.rules().evaluate_with_atoms(event, scratch, wants) {
            if is_hidden(found.rule.id(), event) {
                continue;
            }
            if !self.plan().is_silent(found.number) {
                let atoms = std::mem::take(&mut found.atoms);
                matched.findings.push(Finding { atoms, ..finding_of(event, &found) });
            }
            if self.plan().wants(found.number) {
                matched.wanted.push(found.number);
            }
        }
        matched.sources_mark = scratch.sources_mark();
        matched
    }
}

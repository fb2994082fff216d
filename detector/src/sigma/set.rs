//! The rule set: rules loaded from files and texts, and asked through the compiled engine.

use event::{Atom, Event};
use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

use super::documents::{self, Rejected};
use super::engine::{Engine, Scratch};
use super::explain::atoms_in;
use super::fields::FieldMap;
use super::files::RuleSource;
use super::names::{Names, digest_of};
use super::rule::Rule;
use super::yaml::Node;

/// One rule matched an event.
#[derive(Debug, Clone)]
pub struct Match<'s> {
    /// The rule's place in [`RuleSet::rules`].
    pub number: u32,
    /// The rule.
    pub rule: &'s Rule,
    /// The search identifiers that were true, in the rule's own names.
    pub matched: Vec<String>,
    /// The comparisons that were true, where they were asked for.
    pub atoms: Vec<Atom>,
}

/// Rules ready to be asked. Immutable: reload by making another.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    rejected: Vec<Rejected>,
    names: Names,
    pub(super) engine: Engine,
    /// What rules ask, as digests, with the number of the first that does.
    asked: FxHashMap<[u8; 16], u32>,
}

impl RuleSet {
    /// Loads every rule that can be loaded; what cannot is listed in [`RuleSet::rejected`], and the rest still load.
    ///
    /// Rules about single events alone: correlations, filters and pipelines are [`crate::rulebook::Rulebook`]'s.
    pub fn load(sources: &[RuleSource], map: &FieldMap) -> Self {
        let (documents, rejected) = documents::read(sources);
        let mut set = Self { rejected, ..Self::default() };
        for document in documents {
            if let Err(reason) = set.add(&document.path, document.line, &document.node, map) {
                set.rejected.push(document.rejected(reason));
            }
        }
        set
    }

    /// An empty set whose rules see `@timestamp` in `zone`.
    pub(crate) fn in_zone(zone: TimeZone) -> Self {
        Self { names: Names::in_zone(zone), ..Self::default() }
    }

    /// Compiles a document and adds it.
    ///
    /// # Errors
    /// A sentence that tells what is wrong, with a suggestion where there is one.
    pub(crate) fn add(&mut self, path: &str, line: usize, node: &Node, map: &FieldMap) -> Result<(), String> {
        let rule = Rule::compile(path, line, node, map, &mut self.names)?;
        let number = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        let asked = format!("{} {:?}", rule.logsource, node.get("detection"));
        let first = *self.asked.entry(digest_of(&asked)).or_insert(number);
        let rule = rule.with_twin((first != number).then_some(first));
        self.engine.add(&rule, self.rules.len());
        self.rules.push(rule);
        Ok(())
    }

    /// The rules that loaded, in the order of their files.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What did not load.
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// The rule of this id, the first where several have it.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id().as_str() == id)
    }

    /// Every rule that matches, in the order of the rules.
    pub fn evaluate(&self, event: &Event, scratch: &mut Scratch) -> Vec<Match<'_>> {
        self.evaluate_with_atoms(event, scratch, |_| false)
    }

    /// [`RuleSet::evaluate`] with the atoms of the rules whose numbers are wanted; see [`super::explain::holding_atoms`].
    pub fn evaluate_with_atoms(
        &self,
        event: &Event,
        scratch: &mut Scratch,
        wants: impl Fn(u32) -> bool,
    ) -> Vec<Match<'_>> {
        let mut found = Vec::new();
        self.engine.evaluate(&self.rules, &self.names, event, scratch, |number, rule, view| {
            let atoms = if wants(number) { atoms_in(rule, view) } else { Vec::new() };
            found.push(Match { number, rule, matched: rule.holding(view), atoms });
        });
        found
    }

    /// What [`RuleSet::evaluate`] gives, found by asking every rule of the event's log sources one by one: the
    /// reference that tests and measurements compare with.
    pub fn evaluate_slowly(&self, event: &Event) -> Vec<Match<'_>> {
        let mut found = Vec::new();
        self.engine.evaluate_slowly(&self.rules, &self.names, event, |number, rule, view| {
            found.push(Match { number, rule, matched: rule.holding(view), atoms: Vec::new() });
        });
        found
    }

    /// Prepares for the kinds of events that `old` has met, so that the first of them after a reload do not wait.
    pub fn warm(&self, old: &Self) {
        self.engine.warm(&self.rules, &old.engine);
    }

    /// Prepares for the kinds of Windows events that its rules ask for.
    pub fn warm_windows(&self) {
        self.engine.warm_windows(&self.rules);
    }

    /// The field names that its rules ask for.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }
}

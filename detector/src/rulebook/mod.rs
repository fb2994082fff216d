//! The rulebook: everything that rule files say, ready to be asked. Rules, the correlations above them, the filters and
//! pipelines that change them.
//!
//! `load` (below) is the order: documents → filters → pipelines → rules → correlations. `stream` asks it one event after
//! another, `check` runs the tests that lie beside rules, `content` is what they say, `bundle` carries rules under a
//! signature.

pub mod bundle;
pub(crate) mod check;
mod content;
mod matched;
mod pick;
mod stream;

use std::collections::HashMap;

use event::RuleRef;
use jiff::tz::TimeZone;

pub use check::{CheckReport, Failure, check};
pub use content::{Content, of_pipelines};
pub use matched::Matched;
pub use pick::{Asked, PickError, Picked};
pub use stream::Stream;

use crate::correlate::{CorrelationSpec, Plan};
use crate::pipelines::{Filter, Pipelines};
use crate::sigma::documents::{self, RuleDocument};
use crate::sigma::rule::{derived_id, read_risk_score};
use crate::sigma::yaml::Node;
use crate::sigma::{FieldMap, Rejected, RuleSet, RuleSource};

/// How the words of rules are meant here.
#[derive(Debug)]
pub struct Dialect {
    /// Under which names events have the fields that rules speak of.
    pub map: FieldMap,
    /// The operator's pipelines: field names, values, placeholders.
    pub pipelines: Pipelines,
    /// The zone in which rules see the hour of `@timestamp`.
    pub zone: TimeZone,
}

impl Dialect {
    /// The shipped field map, no pipelines, the city's zone.
    ///
    /// # Errors
    /// [`crate::DetectorError::FieldMap`] when the shipped map is broken, which a test excludes.
    pub fn embedded() -> Result<Self, crate::DetectorError> {
        Ok(Self::of(FieldMap::embedded()?))
    }

    /// This field map, no pipelines, the city's zone.
    pub fn of(map: FieldMap) -> Self {
        let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(7)));
        Self { map, pipelines: Pipelines::default(), zone }
    }
}

/// A correlation as lists and findings tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correlation {
    /// What findings and alerts tell of it.
    pub reference: RuleRef,
    /// The file it came from, as it was given.
    pub path: String,
    /// The line of that file on which its document begins, from 1.
    pub line: usize,
}

/// Rules and correlations that loaded, and what did not. Immutable: reload by making another.
#[derive(Debug, Default)]
pub struct Rulebook {
    rules: RuleSet,
    plan: Plan,
    correlations: Vec<Correlation>,
    rejected: Vec<Rejected>,
}

impl Rulebook {
    /// Loads everything that can be loaded; the rest is listed in [`Rulebook::rejected`] and hinders nothing.
    pub fn load(sources: &[RuleSource], dialect: &Dialect) -> Self {
        let (documents, rejected) = documents::read(sources);
        Self::of(&documents, rejected, dialect)
    }

    /// As [`Rulebook::load`], and what each rule in force says, by their ids.
    pub fn load_with_contents(sources: &[RuleSource], dialect: &Dialect) -> (Self, Vec<Content>) {
        let (documents, rejected) = documents::read(sources);
        let book = Self::of(&documents, rejected, dialect);
        let contents = content::of(documents, book.rejected());
        (book, contents)
    }

    fn of(documents: &[RuleDocument], mut rejected: Vec<Rejected>, dialect: &Dialect) -> Self {
        let mut rules = RuleSet::in_zone(dialect.zone.clone());
        let filters = filters(documents, &mut rejected);
        for document in documents.iter().filter(|one| !one.is_correlation() && !one.is_filter()) {
            let node = filters
                .iter()
                .filter(|filter| filter.applies_to(&document.node))
                .fold(document.node.clone(), |node, filter| filter.apply(node));
            let added = dialect
                .pipelines
                .apply(node)
                .and_then(|applied| applied.complete())
                .and_then(|node| rules.add(&document.path, document.line, &node, &dialect.map));
            if let Err(reason) = added {
                rejected.push(document.rejected(reason));
            }
        }
        let (plan, correlations) = correlations(documents, &rules, dialect, &mut rejected);
        rejected.sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
        Self { rules, plan, correlations, rejected }
    }

    /// The rules about single events.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// The correlations, by the numbers that [`Plan`] knows them under; refused ones among them.
    pub fn correlations(&self) -> &[Correlation] {
        &self.correlations
    }

    /// How correlations are computed.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What did not load, by file and line.
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// Number of rules and correlations in force.
    pub fn len(&self) -> usize {
        self.rules.rules().len() + self.correlations.len() - self.plan.refused().len()
    }

    /// Whether nothing is in force.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn filters(documents: &[RuleDocument], rejected: &mut Vec<Rejected>) -> Vec<Filter> {
    let mut found = Vec::new();
    for document in documents.iter().filter(|one| one.is_filter()) {
        match Filter::parse(&document.node) {
            Ok(filter) => found.push(filter),
            Err(reason) => rejected.push(document.rejected(reason)),
        }
    }
    found
}

fn correlations(
    documents: &[RuleDocument],
    rules: &RuleSet,
    dialect: &Dialect,
    rejected: &mut Vec<Rejected>,
) -> (Plan, Vec<Correlation>) {
    let by_reference = by_reference(rules);
    let resolve = |reference: &str| by_reference.get(reference).cloned().unwrap_or_default();
    let mut specs = Vec::new();
    let mut found = Vec::new();
    let mut from = Vec::new();
    for document in documents.iter().filter(|one| one.is_correlation()) {
        let named = named_by(&document.node, documents);
        let spec = dialect
            .pipelines
            .apply_with(document.node.clone(), &named)
            .and_then(|applied| CorrelationSpec::parse(&applied.rule))
            .and_then(|spec| Ok((reference_of(&spec, document)?, spec)));
        match spec {
            Ok((reference, spec)) => {
                found.push(Correlation { reference, path: document.path.clone(), line: document.line });
                specs.push(spec);
                from.push(document);
            }
            Err(reason) => rejected.push(document.rejected(reason)),
        }
    }
    let names_of = |rule: u32, field: &str| match rules.rules().get(rule as usize) {
        Some(rule) => dialect.map.candidates(&rule.logsource, field),
        None => Vec::new(),
    };
    let plan = Plan::compile(specs, &resolve, &names_of);
    for refused in plan.refused() {
        if let Some(document) = from.get(refused.correlation as usize) {
            rejected.push(document.rejected(refused.reason.clone()));
        }
    }
    (plan, found)
}

/// The numbers of rules by id and by name.
fn by_reference(rules: &RuleSet) -> HashMap<String, Vec<u32>> {
    let mut found: HashMap<String, Vec<u32>> = HashMap::new();
    for (number, rule) in (0_u32..).zip(rules.rules()) {
        found.entry(rule.id().as_str().to_owned()).or_default().push(number);
        if let Some(name) = &rule.name {
            found.entry(name.clone()).or_default().push(number);
        }
    }
    found
}

/// The documents of the rules that a correlation names.
fn named_by<'d>(correlation: &Node, documents: &'d [RuleDocument]) -> Vec<&'d Node> {
    let names = correlation.get("correlation").and_then(|part| part.get("rules")).map(Node::texts).unwrap_or_default();
    let is_named = |node: &Node| {
        let has = |key| node.get(key).and_then(Node::scalar).is_some_and(|own| names.contains(&own));
        has("id") || has("name")
    };
    documents.iter().map(|document| &document.node).filter(|node| is_named(node)).collect()
}

/// A correlation without an id is called after its file and line.
fn reference_of(spec: &CorrelationSpec, document: &RuleDocument) -> Result<RuleRef, String> {
    let id = match &spec.id {
        Some(id) => id.clone(),
        None => derived_id(&document.path, document.line)?,
    };
    let risk_score = read_risk_score(&document.node);
    Ok(RuleRef { id, title: spec.title.clone(), level: spec.level, tags: spec.tags.clone(), risk_score })
}

#[cfg(test)]
mod tests;

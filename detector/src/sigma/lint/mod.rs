//! Lint: what is wrong, dear or unclear in rules that may well load, one file a check.
//!
//! `subject` is a document with what checks ask of it, `taxonomy` the fields that log sources have; a new check gets a
//! file, a code in `report` and a line in [`CHECKS`].

mod attack_tags;
mod constant_condition;
mod dates;
mod duplicates;
mod empty_values;
mod given_sources;
mod header;
mod identity;
mod modifier_use;
mod one_of_one;
mod regex_cost;
mod report;
mod risk_score;
mod subject;
mod taxonomy;
mod unknown_fields;
mod unreached;
mod wildcards;

use super::collection::Collection;
use super::fields::FieldMap;
use super::files::{self, RuleSource};
use super::names::Names;
use super::rule::Rule;
use super::yaml::{self, Node};
use duplicates::Duplicates;
use subject::Subject;

pub use report::{Code, Lint, Severity};
pub use taxonomy::Taxonomy;

/// What checks know besides the rule.
struct Around<'a> {
    map: &'a FieldMap,
    taxonomy: &'a Taxonomy,
    given: given_sources::Given,
}

type Check = fn(&Subject<'_>, &Around<'_>, &mut Vec<Lint>);

const CHECKS: [Check; 14] = [
    identity::check,
    header::check,
    dates::check,
    risk_score::check,
    attack_tags::check,
    given_sources::check,
    unknown_fields::check,
    unreached::check,
    constant_condition::check,
    one_of_one::check,
    modifier_use::check,
    wildcards::check,
    empty_values::check,
    regex_cost::check,
];

/// Looks at every rule of `sources`; what is found stands in the order of files and lines.
pub fn lint(sources: &[RuleSource], map: &FieldMap, taxonomy: &Taxonomy) -> Vec<Lint> {
    let around = Around { map, taxonomy, given: given_sources::Given::known() };
    let mut duplicates = Duplicates::default();
    let mut found = Vec::new();
    for file in files::read(sources) {
        match &file.text {
            Ok(text) => lint_file(&file.path, text, &around, &mut duplicates, &mut found),
            Err(reason) => found.push(Lint::of_file(&file.path, 1, reason.clone())),
        }
    }
    found
}

fn lint_file(path: &str, text: &str, around: &Around<'_>, duplicates: &mut Duplicates, found: &mut Vec<Lint>) {
    let mut collection = Collection::default();
    for document in yaml::documents(text) {
        let completed = document
            .node
            .map_err(|fault| (fault.line.unwrap_or(document.line), fault.reason))
            .and_then(|node| collection.complete(node).map_err(|reason| (document.line, reason)));
        let node = match completed {
            Ok(Some(node)) => node,
            Ok(None) => continue,
            Err((line, reason)) => {
                found.push(Lint::of_file(path, line, reason));
                continue;
            }
        };
        // Correlations and filters tell their own faults when they load.
        if node.get("detection").is_none() && (node.get("correlation").is_some() || node.get("filter").is_some()) {
            continue;
        }
        let start = found.len();
        lint_document(path, text, document.line, &node, around, duplicates, found);
        if let Some(new) = found.get_mut(start..) {
            new.sort_by_key(|lint| lint.line);
        }
    }
}

fn lint_document(
    path: &str,
    text: &str,
    line: usize,
    node: &Node,
    around: &Around<'_>,
    duplicates: &mut Duplicates,
    found: &mut Vec<Lint>,
) {
    // The names are this rule's alone: nothing is evaluated here.
    let compiled = Rule::compile(path, line, node, around.map, &mut Names::default());
    let subject = Subject::new(path, text, line, node, compiled.as_ref().ok());
    if let Err(reason) = &compiled {
        found.push(subject.lint(Code::DoesNotLoad, &[], reason.clone()));
    }
    CHECKS.iter().for_each(|check| check(&subject, around, found));
    duplicates.check(&subject, found);
}

#[cfg(test)]
mod tests;

//! Conditions that are the same whatever the event, and search identifiers that change nothing: by a truth table.

use super::Around;
use super::report::{Code, Lint};
use super::subject::Subject;
use super::unreached::mark;
use crate::sigma::rule::Rule;
use crate::sigma::yaml::Node;

/// Most search identifiers in a table of 4,096 rows; larger conditions are not looked at.
const SELECTIONS_MAX: usize = 12;

pub(super) fn check(subject: &Subject<'_>, _around: &Around<'_>, found: &mut Vec<Lint>) {
    let Some(rule) = subject.rule else { return };
    let nodes: Vec<&Node> = subject.selections().map(|(_, node)| node).collect();
    // Search identifiers that ask the same are one variable.
    let first = |node: &Node| nodes.iter().position(|other| *other == node).unwrap_or(0);
    let variables: Vec<usize> = nodes.iter().map(|node| first(node)).collect();
    let mut asked = vec![false; rule.selections().len()];
    mark(rule.condition(), &mut asked);
    let name = |number: usize| rule.selections().get(number).map(|(name, _)| name.as_str()).unwrap_or_default();
    for (number, variable) in variables.iter().enumerate() {
        if number != *variable && asked.get(number) == Some(&true) && asked.get(*variable) == Some(&true) {
            let message = format!("`{}` asks the same as `{}`", name(number), name(*variable));
            found.push(subject.lint(Code::SameSelections, &["detection", name(number)], message));
        }
    }
    let mut used: Vec<usize> =
        variables.iter().zip(&asked).filter(|(_, asked)| **asked).map(|(variable, _)| *variable).collect();
    used.sort_unstable();
    used.dedup();
    if used.len() > SELECTIONS_MAX {
        return;
    }
    let table = Table::of(rule, &variables, &used);
    let place = ["detection", "condition"];
    let condition = subject.conditions().join(" | ");
    match (table.any, table.all) {
        (false, _) => {
            let message = format!("condition `{condition}` can never hold: the rule finds nothing");
            found.push(subject.lint(Code::ConstantCondition, &place, message));
        }
        (_, true) => {
            let message =
                format!("condition `{condition}` always holds: the rule matches every event of its log source");
            found.push(subject.lint(Code::ConstantCondition, &place, message));
        }
        _ => {
            let idle = used.iter().enumerate().filter(|(at, _)| table.effects & (1 << *at) == 0);
            for (_, number) in idle {
                let message = format!("condition `{condition}` is the same whether `{}` holds or not", name(*number));
                found.push(subject.lint(Code::SelectionWithoutEffect, &place, message));
            }
        }
    }
}

/// The condition's truth over every combination of its variables.
struct Table {
    any: bool,
    all: bool,
    /// A bit for each variable that changes the truth somewhere.
    effects: u32,
}

impl Table {
    fn of(rule: &Rule, variables: &[usize], used: &[usize]) -> Self {
        let bit =
            |number: usize| variables.get(number).and_then(|variable| used.iter().position(|one| one == variable));
        let bits: Vec<Option<usize>> = (0..variables.len()).map(bit).collect();
        let holds = |row: u32| {
            rule.condition()
                .holds(&mut |number| bits.get(number).copied().flatten().is_some_and(|at| row & (1 << at) != 0))
        };
        let truths: Vec<bool> = (0..1_u32 << used.len()).map(holds).collect();
        let truth = |row: usize| truths.get(row).copied().unwrap_or_default();
        let changes = |at: &usize| (0..truths.len()).any(|row| truth(row) != truth(row ^ (1 << at)));
        let effects = (0..used.len()).filter(changes).fold(0, |effects, at| effects | 1 << at);
        Self { any: truths.contains(&true), all: !truths.contains(&false), effects }
    }
}

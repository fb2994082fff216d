//! Search identifiers that the condition never asks.

use super::Around;
use super::report::{Code, Lint};
use super::subject::Subject;
use crate::sigma::condition::Condition;

pub(super) fn check(subject: &Subject<'_>, _around: &Around<'_>, found: &mut Vec<Lint>) {
    let Some(rule) = subject.rule else { return };
    let mut asked = vec![false; rule.selections().len()];
    mark(rule.condition(), &mut asked);
    for ((name, _), asked) in rule.selections().iter().zip(asked) {
        if !asked {
            let message = format!("the condition never asks `{name}`");
            let lint = subject.lint(Code::UnreachedSelection, &["detection", name], message);
            found.push(lint.suggest("name it in the condition or take it out"));
        }
    }
}

/// Marks the search identifiers that a condition asks.
pub(super) fn mark(condition: &Condition, asked: &mut [bool]) {
    match condition {
        Condition::Selection(number) => {
            if let Some(one) = asked.get_mut(*number) {
                *one = true;
            }
        }
        Condition::Not(inner) => mark(inner, asked),
        Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| mark(part, asked)),
    }
}

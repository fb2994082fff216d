//! Fields that events of the rule's log source do not have.

use super::Around;
use super::report::{Code, Lint, Severity};
use super::subject::Subject;
use crate::sigma::suggest::suggestion;

pub(super) fn check(subject: &Subject<'_>, around: &Around<'_>, found: &mut Vec<Lint>) {
    let Some(logsource) = subject.rule.map(|rule| &rule.logsource) else { return };
    let Some(known) = around.taxonomy.fields(logsource) else { return };
    let mut told: Vec<&str> = Vec::new();
    for item in &subject.items {
        let field = item.field();
        // A dotted name is ECS or a product's own tree, of which nobody has the whole list.
        let is_good = field.is_empty() || field.contains('.') || known.contains(&field);
        if is_good || told.contains(&field) || around.map.has(logsource, field) {
            continue;
        }
        told.push(field);
        let near = suggestion(field, &known);
        let severity = if near.is_empty() { Severity::Note } else { Severity::Warning };
        let message = format!("events of `{logsource}` are not known to have the field `{field}`{near}");
        let lint = subject.lint(Code::UnknownField, &item.place(), message).at(severity);
        found.push(lint.suggest("where they do have it, add it to the taxonomy"));
    }
}

//! Modifiers: old spellings, `all` over one value.

use super::Around;
use super::report::{Code, Lint};
use super::subject::Subject;

/// Alias and the name that the specification's table has.
const ALIASES: [(&str, &str); 4] = [("wide", "utf16le"), ("ignorecase", "i"), ("multiline", "m"), ("dotall", "s")];

pub(super) fn check(subject: &Subject<'_>, _around: &Around<'_>, found: &mut Vec<Lint>) {
    for item in &subject.items {
        for modifier in item.modifiers() {
            if let Some((alias, name)) = ALIASES.iter().find(|(alias, _)| *alias == modifier) {
                let message = format!("`{}`: modifier `{alias}` is an alias", item.name());
                let lint = subject.lint(Code::ModifierAlias, &item.place(), message);
                found.push(lint.suggest(format!("write `{name}`")));
            }
        }
        if item.has("all") && item.values.len() == 1 {
            let message = format!("`{}`: `all` over a single value says nothing", item.name());
            let lint = subject.lint(Code::AllOfOne, &item.place(), message);
            found.push(lint.suggest("take `|all` away or add the missing values"));
        }
    }
}

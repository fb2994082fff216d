//! `1 of` and `all of` that fit a single search identifier.

use super::Around;
use super::report::{Code, Lint};
use super::subject::Subject;

pub(super) fn check(subject: &Subject<'_>, _around: &Around<'_>, found: &mut Vec<Lint>) {
    let names: Vec<&str> = subject.selections().map(|(name, _)| name).collect();
    for condition in subject.conditions() {
        let words: Vec<&str> = condition.split([' ', '(', ')', '\n', '\t']).filter(|word| !word.is_empty()).collect();
        for quantified in words.windows(3) {
            let [quantifier @ ("1" | "all" | "any"), "of", pattern] = quantified else { continue };
            // `filter_main_*` and `filter_optional_*` stand open for filters to come.
            if pattern.starts_with("filter") {
                continue;
            }
            let fitting: Vec<&str> = names.iter().copied().filter(|name| fits(pattern, name)).collect();
            if let [only] = fitting.as_slice() {
                let message = format!("`{quantifier} of {pattern}` fits `{only}` alone");
                let lint = subject.lint(Code::OneOfOne, &["detection", "condition"], message);
                found.push(lint.suggest(format!("write `{only}`")));
            }
        }
    }
}

/// Patterns with one star at the end, and `them`; others are rare and left alone.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern {
        "them" => !name.starts_with('_'),
        pattern => pattern.strip_suffix('*').is_some_and(|start| name.starts_with(start)),
    }
}

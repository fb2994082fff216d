//! Dates: `YYYY-MM-DD`, days that exist, changed not before written.

use jiff::civil::Date;

use super::Around;
use super::report::{Code, Lint};
use super::subject::Subject;
use crate::sigma::yaml::Node;

pub(super) fn check(subject: &Subject<'_>, _around: &Around<'_>, found: &mut Vec<Lint>) {
    let mut days = Vec::new();
    for key in ["date", "modified"] {
        let Some(node) = subject.node.get(key) else { continue };
        let text = node.scalar().unwrap_or_default();
        match day(&text) {
            Some(day) => days.push(day),
            None if *node == Node::Null => {}
            None => {
                let message = format!("`{key}` is `{text}`, no date of the form `YYYY-MM-DD`");
                let lint = subject.lint(Code::DateForm, &[key], message);
                found.push(match day(&text.replace(['/', '.'], "-")) {
                    Some(meant) => lint.suggest(format!("write `{meant}`")),
                    None => lint,
                });
            }
        }
    }
    if let [date, modified] = days.as_slice()
        && modified < date
    {
        let message = format!("`modified` ({modified}) lies before `date` ({date})");
        found.push(subject.lint(Code::DateForm, &["modified"], message));
    }
}

fn day(text: &str) -> Option<Date> {
    let is_formed = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_formed { text.parse().ok() } else { None }
}

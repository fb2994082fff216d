//! What a rule tells of itself: title, description, level, status.

use super::Around;
use super::report::{Code, Lint};
use super::subject::Subject;
use crate::sigma::suggest::suggestion;
use crate::sigma::yaml::Node;

/// Longest title that lists and messages show whole, in characters.
const TITLE_CHARS_MAX: usize = 120;
/// Shortest title that tells something, in characters.
const TITLE_CHARS_MIN: usize = 8;

const STATUSES: [&str; 5] = ["stable", "test", "experimental", "deprecated", "unsupported"];

pub(super) fn check(subject: &Subject<'_>, _around: &Around<'_>, found: &mut Vec<Lint>) {
    let text = |key| subject.node.get(key).and_then(Node::scalar).map(|text| text.trim().to_owned());
    if let Some(title) = text("title") {
        let chars = title.chars().count();
        if !(TITLE_CHARS_MIN..=TITLE_CHARS_MAX).contains(&chars) {
            let message = format!("the title has {chars} characters");
            let way = format!("{TITLE_CHARS_MIN} to {TITLE_CHARS_MAX} are read whole in lists");
            found.push(subject.lint(Code::TitleLength, &["title"], message).suggest(way));
        }
    }
    if text("description").is_none_or(|text| text.is_empty()) {
        let lint = subject.lint(Code::MissingDescription, &[], "the rule has no `description`");
        found.push(lint.suggest("say what it finds and why that matters"));
    }
    if text("level").is_none_or(|text| text.is_empty()) {
        let lint = subject.lint(Code::MissingLevel, &[], "the rule has no `level` and counts as `medium`");
        found.push(lint.suggest("choose informational, low, medium, high or critical"));
    }
    status(subject, text("status"), found);
}

fn status(subject: &Subject<'_>, status: Option<String>, found: &mut Vec<Lint>) {
    match status.as_deref() {
        None | Some("") => {
            let lint = subject.lint(Code::MissingStatus, &[], "the rule has no `status`");
            found.push(lint.suggest("write `status: experimental` until it has proved itself"));
        }
        Some(status @ ("deprecated" | "unsupported")) => {
            let message = format!("the rule's status is `{status}` and it is loaded all the same");
            found.push(subject.lint(Code::RetiredRule, &["status"], message).suggest("take it out of the rule paths"));
        }
        Some(status) if !STATUSES.contains(&status) => {
            let message = format!("unknown status `{status}`{}", suggestion(status, &STATUSES));
            found.push(subject.lint(Code::UnknownStatus, &["status"], message));
        }
        Some(_) => {}
    }
}

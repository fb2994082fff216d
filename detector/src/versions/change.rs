//! The difference between what was loaded and what is.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use event::RuleId;
use ring::digest::{SHA256, digest};

use super::Action;
use crate::rulebook::Content;

/// What happened to one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The rule.
    pub rule: RuleId,
    /// What happened.
    pub action: Action,
    /// The title; of a rule that was removed, the last one.
    pub title: String,
    /// The file; of a rule that was removed, the last one.
    pub path: String,
    /// The rule's own `modified`, else `date`, else `version`.
    pub modified: Option<String>,
    /// The digest now; nothing when it was removed.
    pub digest: Option<String>,
    /// The digest before; nothing when it was not in force.
    pub before: Option<String>,
    /// The text now; empty when it was removed.
    pub text: String,
    /// The number of this version.
    pub(super) number: i64,
}

/// The last version of a rule, as it is stored.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) number: i64,
    pub(super) title: String,
    pub(super) path: String,
    /// Nothing when it was removed.
    pub(super) digest: Option<String>,
}

/// What `contents` change against `last`, in the order of the rules' ids.
pub(super) fn between(mut last: BTreeMap<RuleId, Last>, contents: &[Content]) -> Vec<Change> {
    let mut changes = Vec::new();
    for content in contents {
        let before = last.remove(&content.id);
        let number = before.as_ref().map_or(0, |last| last.number).saturating_add(1);
        let before = before.and_then(|last| last.digest);
        if before.as_ref() == Some(&content.digest) {
            continue;
        }
        changes.push(Change {
            rule: content.id.clone(),
            action: if before.is_some() { Action::Changed } else { Action::Added },
            title: content.title.clone(),
            path: content.path.clone(),
            modified: content.modified.clone(),
            digest: Some(content.digest.clone()),
            before,
            text: content.text.clone(),
            number,
        });
    }
    for (rule, Last { number, title, path, digest }) in last {
        if digest.is_some() {
            let (action, number) = (Action::Removed, number.saturating_add(1));
            changes.push(Change {
                rule,
                action,
                title,
                path,
                modified: None,
                digest: None,
                before: digest,
                text: String::new(),
                number,
            });
        }
    }
    changes.sort_by(|one, other| one.rule.cmp(&other.rule));
    changes
}

/// SHA-256 over the lines `ACTION RULE BEFORE DIGEST` (`-` for none) of changes in the order of the rules' ids, in
/// hexadecimal: one number for many changes, which anybody can compute again from the versions.
pub fn digest_of(changes: &[Change]) -> String {
    let mut lines = String::new();
    for change in changes {
        let part = |digest: &Option<String>| digest.clone().unwrap_or_else(|| "-".to_owned());
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            lines,
            "{} {} {} {}",
            change.action.as_str(),
            change.rule,
            part(&change.before),
            part(&change.digest)
        );
    }
    digest(&SHA256, lines.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

//! What rule files say, rule by rule: the text by which a version of a rule is known.

use std::collections::{BTreeMap, HashSet};

use event::RuleId;
use ring::digest::{Context, SHA256};

use crate::sigma::Rejected;
use crate::sigma::documents::RuleDocument;
use crate::sigma::rule::derived_id;
use crate::sigma::yaml::Node;

/// A rule, correlation or filter in force, as it is written. Rules that share an id are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its id.
    pub id: RuleId,
    /// Its title; empty for a filter without one.
    pub title: String,
    /// The file, as it was given.
    pub path: String,
    /// The rule's own `modified`, else `date`, else `version`.
    pub modified: Option<String>,
    /// SHA-256 of what it says, in hexadecimal: of the text, and of what it inherits from other documents of its file.
    pub digest: String,
    /// Its text.
    pub text: String,
}

/// Those of `documents` that were not rejected, by their ids.
pub(super) fn of(documents: Vec<RuleDocument>, rejected: &[Rejected]) -> Vec<Content> {
    let refused: HashSet<(&str, usize)> =
        rejected.iter().filter_map(|one| Some((one.path.as_str(), one.line?))).collect();
    let mut found: BTreeMap<RuleId, (Content, Context)> = BTreeMap::new();
    for document in documents {
        if refused.contains(&(document.path.as_str(), document.line)) {
            continue;
        }
        let text = |key: &str| document.node.get(key).and_then(Node::scalar);
        let id = match text("id") {
            Some(id) => RuleId::new(id).ok(),
            None => derived_id(&document.path, document.line).ok(),
        };
        let Some(id) = id else { continue };
        let modified = ["modified", "date", "version"].into_iter().find_map(text);
        let title = text("title").unwrap_or_default();
        let inherits = if document.inherits { format!("\0{:?}", document.node) } else { String::new() };
        let RuleDocument { path, text, .. } = document;
        let (_, digest) = match found.get_mut(&id) {
            Some(twin) => {
                twin.0.text.push_str("\n---\n");
                twin.0.text.push_str(&text);
                twin.1.update(b"\0");
                twin
            }
            None => {
                let content =
                    Content { id: id.clone(), title, path, modified, digest: String::new(), text: text.clone() };
                found.entry(id).or_insert((content, Context::new(&SHA256)))
            }
        };
        digest.update(text.as_bytes());
        digest.update(inherits.as_bytes());
    }
    let finish = |(content, digest): (Content, Context)| {
        let digest = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Content { digest, ..content }
    };
    found.into_values().map(finish).collect()
}

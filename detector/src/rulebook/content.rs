//! What rule files say, rule by rule: the text by which a version of a rule is known.

use std::collections::{BTreeMap, HashSet};

use event::RuleId;
use ring::digest::{Context, SHA256, digest};

use crate::sigma::Rejected;
use crate::sigma::documents::RuleDocument;
use crate::sigma::files::{self, RuleSource};
use crate::sigma::rule::{derived_id, id_of_path};
use crate::sigma::yaml::{self, Node};

/// A rule, correlation, filter or pipeline in force, as it is written. Rules that share an id are one.
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
    let finish =
        |(content, digest): (Content, Context)| Content { digest: hexadecimal(digest.finish().as_ref()), ..content };
    found.into_values().map(finish).collect()
}

/// What pipelines say, file by file: a change of one changes what rules mean. Their ids are `pipeline:` and the path.
pub fn of_pipelines(sources: &[RuleSource]) -> Vec<Content> {
    let content = |file: files::RuleFile| {
        let text = file.text.ok()?;
        let id = id_of_path("pipeline:", &file.path, "").ok()?;
        let name = |node: &Node| node.get("name").and_then(Node::scalar);
        let title = yaml::documents(&text).iter().find_map(|document| name(document.node.as_ref().ok()?));
        let digest = hexadecimal(digest(&SHA256, text.as_bytes()).as_ref());
        Some(Content { id, title: title.unwrap_or_default(), path: file.path, modified: None, digest, text })
    };
    files::read(sources).into_iter().filter_map(content).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! Rules that share an id, and rules that look for the same.

use std::collections::HashMap;
use std::fmt::Write;

use super::report::{Code, Lint};
use super::subject::Subject;
use crate::sigma::yaml::Node;

/// What was seen so far; texts of detections are hashed, since there may be a hundred thousand.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    ids: HashMap<String, String>,
    detections: HashMap<[u8; 16], String>,
}

impl Duplicates {
    pub(super) fn check(&mut self, subject: &Subject<'_>, found: &mut Vec<Lint>) {
        let place = subject.place();
        if let Some(id) = subject.id() {
            match self.ids.get(&id) {
                Some(first) => {
                    let message = format!("id `{id}` belongs to the rule at {first}");
                    found.push(subject.lint(Code::DuplicateId, &["id"], message).suggest("give it an id of its own"));
                }
                None => {
                    self.ids.insert(id, place.clone());
                }
            }
        }
        // Rules with a name are parts of correlations, which need them in their own files and may need the same.
        let (Some(rule), Some(detection), None) =
            (subject.rule, subject.node.get("detection"), subject.node.get("name"))
        else {
            return;
        };
        let mut text = rule.logsource.to_string();
        write_canonical(detection, &mut text);
        match self.detections.get(&digest(&text)) {
            Some(first) => {
                let message = format!("log source and detection are those of the rule at {first}");
                found.push(
                    subject.lint(Code::DuplicateDetection, &["detection"], message).suggest("keep one of the two"),
                );
            }
            None => {
                self.detections.insert(digest(&text), place);
            }
        }
    }
}

/// The detection as text in which the order of keys means nothing.
fn write_canonical(node: &Node, text: &mut String) {
    match node {
        Node::Map(entries) => {
            let mut entries: Vec<&(String, Node)> = entries.iter().collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            text.push('{');
            for (key, value) in entries {
                // Writing to a String cannot fail.
                let _ = write!(text, "{key:?}:");
                write_canonical(value, text);
            }
            text.push('}');
        }
        Node::List(items) => {
            text.push('[');
            items.iter().for_each(|item| write_canonical(item, text));
            text.push(']');
        }
        scalar => {
            let _ = write!(text, "{scalar:?},");
        }
    }
}

fn digest(text: &str) -> [u8; 16] {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let mut short = [0; 16];
    short.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    short
}

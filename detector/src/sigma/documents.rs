//! The documents of rule files, completed by what they inherit; a faulty one is refused by itself.

use std::collections::HashMap;
use std::fmt;

use super::collection::Collection;
use super::files::{self, RuleSource};
use super::yaml::{self, Node};

/// A document that is no rule of ours, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The file, as it was given.
    pub path: String,
    /// The line of the fault, or on which its document begins, from 1; `None` when the file as a whole is unreadable.
    pub line: Option<usize>,
    /// The rule's title, where it could be read.
    pub title: Option<String>,
    /// What is wrong, with a suggestion where there is one.
    pub reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        if let Some(title) = &self.title {
            write!(formatter, ": rule `{title}`")?;
        }
        write!(formatter, ": {}", self.reason)
    }
}

/// One document: a rule, a correlation or a filter.
#[derive(Debug)]
pub(crate) struct RuleDocument {
    /// The file, as it was given.
    pub(crate) path: String,
    /// The line on which it begins, from 1.
    pub(crate) line: usize,
    /// What it holds.
    pub(crate) node: Node,
    /// Its text as it is written.
    pub(crate) text: String,
    /// Whether documents of its file may add to what it says.
    pub(crate) inherits: bool,
}

impl RuleDocument {
    /// The refusal of this document.
    pub(crate) fn rejected(&self, reason: String) -> Rejected {
        let title = self.node.get("title").and_then(Node::scalar);
        Rejected { path: self.path.clone(), line: Some(self.line), title, reason }
    }

    /// Whether it is a correlation.
    pub(crate) fn is_correlation(&self) -> bool {
        self.node.get("correlation").is_some()
    }

    /// Whether it is a filter.
    pub(crate) fn is_filter(&self) -> bool {
        self.node.get("filter").is_some() && self.node.get("detection").is_none() && !self.is_correlation()
    }
}

/// Every document of `sources`, in the order of their files, and what cannot be read.
pub(crate) fn read(sources: &[RuleSource]) -> (Vec<RuleDocument>, Vec<Rejected>) {
    let mut reading = Reading::default();
    for file in files::read(sources) {
        match file.text {
            Ok(text) => reading.file(&file.path, &text),
            Err(reason) => reading.rejected.push(Rejected { path: file.path, line: None, title: None, reason }),
        }
    }
    (reading.found, reading.rejected)
}

#[derive(Default)]
struct Reading {
    found: Vec<RuleDocument>,
    rejected: Vec<Rejected>,
    /// The places in `found` of the documents with an id.
    by_id: HashMap<String, Vec<usize>>,
}

impl Reading {
    fn file(&mut self, path: &str, text: &str) {
        let mut collection = Collection::default();
        let documents = yaml::documents(text);
        let has_action = |node: &Node| node.get("action").is_some();
        let inherits = documents.iter().any(|document| document.node.as_ref().is_ok_and(has_action));
        for document in documents {
            let (line, text) = (document.line, document.text.trim_start_matches(['\r', '\n']).to_owned());
            let reject = |line: usize, title: Option<String>, reason: String| Rejected {
                path: path.to_owned(),
                line: Some(line),
                title,
                reason,
            };
            let node = match document.node {
                Ok(node) => node,
                Err(fault) => {
                    self.rejected.push(reject(fault.line.unwrap_or(line), None, fault.reason));
                    continue;
                }
            };
            let title = node.get("title").and_then(Node::scalar);
            match collection.complete(node) {
                Ok(Some(node)) => self.keep(RuleDocument { path: path.to_owned(), line, node, text, inherits }),
                Ok(None) => {}
                Err(reason) => self.rejected.push(reject(line, title, reason)),
            }
        }
    }

    /// Different rules with one id are all kept: nothing is lost. The very same document counts once.
    fn keep(&mut self, document: RuleDocument) {
        if let Some(id) = document.node.get("id").and_then(Node::scalar) {
            let same = self.by_id.entry(id).or_default();
            let twin = same.iter().filter_map(|at| self.found.get(*at)).find(|other| other.node == document.node);
            if let Some(twin) = twin {
                let reason = format!("the same rule was loaded from `{}`", twin.path);
                return self.rejected.push(document.rejected(reason));
            }
            same.push(self.found.len());
        }
        self.found.push(document);
    }
}

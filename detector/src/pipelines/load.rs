//! Pipelines from files: each file is taken or refused by itself.

use std::fmt;

use super::run::Vars;
use super::step::{Step, read_all};
use crate::sigma::files::{self, RuleSource};
use crate::sigma::suggest::suggestion;
use crate::sigma::yaml::{self, Node};

/// Most pipelines.
const PIPELINES_MAX: usize = 256;

const KEYS: [&str; 7] =
    ["name", "priority", "vars", "allowed_backends", "transformations", "postprocessing", "finalizers"];

/// What is wrong with a pipeline's file, or left out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, as it was given.
    pub path: String,
    /// The line that it is about, or on which its document begins, from 1; `None` when the file is unreadable.
    pub line: Option<usize>,
    /// What is wrong, with a suggestion where there is one.
    pub reason: String,
    /// Whether the file is refused; otherwise it works without what the reason names.
    pub is_refusal: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        write!(formatter, ": {}", self.reason)
    }
}

/// One pipeline.
#[derive(Debug)]
pub(super) struct Pipeline {
    /// Lower ones run first.
    pub(super) priority: i64,
    /// Its name, or its path.
    pub(super) name: String,
    /// The values of placeholders.
    pub(super) vars: Vars,
    /// Its transformations in order.
    pub(super) steps: Vec<Step>,
}

/// Reads every source; what is refused is told and the rest still works. Sorted by priority, then name.
pub(super) fn load(sources: &[RuleSource]) -> (Vec<Pipeline>, Vec<Fault>) {
    let mut pipelines = Vec::new();
    let mut faults = Vec::new();
    for file in files::read(sources) {
        match file.text {
            Ok(text) => pipelines.extend(load_file(&file.path, &text, &mut faults)),
            Err(reason) => faults.push(Fault { path: file.path, line: None, reason, is_refusal: true }),
        }
        if pipelines.len() > PIPELINES_MAX {
            pipelines.truncate(PIPELINES_MAX);
            let reason = format!("there are more than {PIPELINES_MAX} pipelines; what stands behind is left out");
            faults.push(Fault { path: String::new(), line: None, reason, is_refusal: true });
            break;
        }
    }
    pipelines.sort_by(|a: &Pipeline, b: &Pipeline| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
    (pipelines, faults)
}

/// A file's pipelines; none when any of it is faulty.
fn load_file(path: &str, text: &str, faults: &mut Vec<Fault>) -> Vec<Pipeline> {
    let mut found = Vec::new();
    let mut is_refused = false;
    for document in yaml::documents(text) {
        let told = |line: usize, reason: String, is_refusal| Fault {
            path: path.to_owned(),
            line: Some(line),
            reason,
            is_refusal,
        };
        let read = document.node.map_err(|fault| vec![(0, fault.to_string())]).and_then(|node| read(path, &node));
        match read {
            Ok((pipeline, notices)) => {
                faults.extend(notices.into_iter().map(|notice| told(document.line, notice, false)));
                found.push(pipeline);
            }
            Err(reasons) => {
                is_refused = true;
                for (number, reason) in reasons {
                    let line = line_of(text, document.line, number);
                    let reason = if number == 0 { reason } else { format!("transformation {number}: {reason}") };
                    faults.push(told(line, reason, true));
                }
            }
        }
    }
    if is_refused { Vec::new() } else { found }
}

type Reasons = Vec<(usize, String)>;

/// A document as a pipeline, with notices of what is ignored; a reason has its transformation's number, or 0.
fn read(path: &str, node: &Node) -> Result<(Pipeline, Vec<String>), Reasons> {
    let fault = |reason: String| vec![(0, reason)];
    let Node::Map(entries) = node else {
        return Err(fault(format!("is {}, not a map of a pipeline's keys", node.kind())));
    };
    if let Some((key, _)) = entries.iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
        return Err(fault(format!("unknown key `{key}`{}", suggestion(key, &KEYS))));
    }
    let priority = match node.get("priority") {
        None | Some(Node::Null) => 0,
        Some(Node::Int(priority)) => *priority,
        Some(other) => return Err(fault(format!("`priority` is {}, not a whole number", other.kind()))),
    };
    let name = node.get("name").and_then(Node::scalar).unwrap_or_else(|| path.to_owned());
    let vars = read_vars(node.get("vars")).map_err(fault)?;
    let steps = match node.get("transformations") {
        None | Some(Node::Null) => Vec::new(),
        Some(Node::List(items)) => read_all(items, &name, 0)?,
        Some(other) => return Err(fault(format!("`transformations` is {}, not a list", other.kind()))),
    };
    let mut notices = Vec::new();
    for key in ["postprocessing", "finalizers"] {
        if node.get(key).is_some_and(|node| !matches!(node, Node::Null) && *node != Node::List(Vec::new())) {
            notices.push(format!("`{key}` is ignored: it changes the text of queries, and no queries are made here"));
        }
    }
    let backends = node.get("allowed_backends").map(Node::texts).unwrap_or_default();
    if !backends.is_empty() {
        let named = backends.join("`, `");
        notices.push(format!(
            "`allowed_backends` is ignored: the pipeline is meant for `{named}` and applied all the same"
        ));
    }
    Ok((Pipeline { priority, name, vars, steps }, notices))
}

fn read_vars(node: Option<&Node>) -> Result<Vars, String> {
    let entries = match node {
        None | Some(Node::Null) => return Ok(Vars::new()),
        Some(Node::Map(entries)) => entries,
        Some(other) => return Err(format!("`vars` is {}, not a map", other.kind())),
    };
    let mut vars = Vars::new();
    for (name, node) in entries {
        let is_scalar = |node: &Node| node.scalar().is_some();
        let is_good = match node {
            Node::List(items) => items.iter().all(is_scalar),
            single => is_scalar(single),
        };
        if !is_good {
            return Err(format!("`vars`: `{name}` must be text, a number, or a list of them"));
        }
        vars.insert(name.clone(), node.texts());
    }
    Ok(vars)
}

/// The line of a document's transformation, for block style; the document's first line where it cannot be told.
fn line_of(text: &str, first: usize, number: usize) -> usize {
    let mut lines = text.lines().enumerate().skip(first.saturating_sub(1));
    if number == 0 || !lines.any(|(_, line)| line.trim_end() == "transformations:") {
        return first;
    }
    let mut seen = 0;
    let mut indent = None;
    for (index, line) in lines {
        let inner = line.trim_start();
        let depth = line.len() - inner.len();
        let is_item = inner == "-" || inner.starts_with("- ");
        if is_item && *indent.get_or_insert(depth) == depth {
            seen += 1;
            if seen == number {
                return index + 1;
            }
        } else if depth == 0 && !inner.is_empty() && !inner.starts_with('#') {
            break;
        }
    }
    first
}

//! The tests beside rules: `NAME.test.yml` next to `NAME.yml` holds events that must match and events that must not.
//!
//! ```yaml
//! match:
//!   - name: what this shows
//!     event: {event.dataset: system.auth, message: "…"}
//! no_match:
//!   - name: what this shows
//!     event: {event.dataset: system.auth, message: "…"}
//! ```

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use event::{Event, EventFull, Value};

use super::fields::FieldMap;
use super::files::RuleSource;
use super::set::{Rejected, RuleSet};
use super::yaml::{self, Node};

/// What the tests beside the rules came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Rules that loaded.
    pub rules: usize,
    /// Events that were tried.
    pub events: usize,
    /// Rules that did not load.
    pub rejected: Vec<Rejected>,
    /// Files of rules that have no test beside them.
    pub untested: Vec<PathBuf>,
    /// Tests that failed or could not be read.
    pub failures: Vec<Failure>,
}

impl CheckReport {
    /// Whether every rule loaded and every test held; rules without tests do not count against it.
    pub fn is_good(&self) -> bool {
        self.rejected.is_empty() && self.failures.is_empty()
    }
}

/// A test that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The test's file.
    pub path: PathBuf,
    /// The name of the event in it, or its place.
    pub event: String,
    /// What was wrong.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: `{}` {}", self.path.display(), self.event, self.reason)
    }
}

/// Runs the tests beside every rule below `paths`, files or folders.
pub fn check(paths: &[PathBuf], map: &FieldMap) -> CheckReport {
    let sources: Vec<_> = paths.iter().cloned().map(RuleSource::Path).collect();
    let set = RuleSet::load(&sources, map);
    let mut report =
        CheckReport { rules: set.rules().len(), rejected: set.rejected().to_vec(), ..CheckReport::default() };
    let mut files: Vec<PathBuf> = set.rules().iter().map(|rule| PathBuf::from(&rule.path)).collect();
    files.sort();
    files.dedup();
    for file in files {
        let test = test_beside(&file);
        match fs::read_to_string(&test) {
            Ok(text) => check_file(&file, &test, &text, map, &mut report),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => report.untested.push(file),
            Err(error) => report.failures.push(failure(&test, "the file", format!("cannot be read: {error}"))),
        }
    }
    report
}

fn test_beside(rule: &Path) -> PathBuf {
    rule.with_extension(if rule.extension().is_some_and(|end| end == "yaml") { "test.yaml" } else { "test.yml" })
}

fn check_file(rule: &Path, test: &Path, text: &str, map: &FieldMap, report: &mut CheckReport) {
    let set = RuleSet::load(&[RuleSource::Path(rule.to_owned())], map);
    for document in yaml::documents(text) {
        let node = match document.node {
            Ok(node) => node,
            Err(reason) => {
                report.failures.push(failure(test, "the file", format!("cannot be read: {reason}")));
                continue;
            }
        };
        let before = report.events;
        for (key, must_match) in [("match", true), ("no_match", false)] {
            let Some(Node::List(cases)) = node.get(key) else { continue };
            for (at, case) in cases.iter().enumerate() {
                report.events += 1;
                let name = case.get("name").and_then(Node::scalar).unwrap_or_else(|| format!("{key} {at}"));
                if let Err(reason) = check_case(&set, case, must_match) {
                    report.failures.push(failure(test, &name, reason));
                }
            }
        }
        if report.events == before {
            report.failures.push(failure(test, "the file", "has neither `match` nor `no_match` events".to_owned()));
        }
    }
}

fn check_case(set: &RuleSet, case: &Node, must_match: bool) -> Result<(), String> {
    let Some(fields) = case.get("event") else { return Err("has no `event`".to_owned()) };
    let mut event = Event::new();
    fill("", fields, &mut event).map_err(|error| error.to_string())?;
    let matched = !set.evaluate(&event).is_empty();
    match (matched, must_match) {
        (false, true) => Err("must match and does not".to_owned()),
        (true, false) => Err("must not match and does".to_owned()),
        _ => Ok(()),
    }
}

/// Adds a tree to an event under dotted names, as `event::json::flatten` does.
fn fill(name: &str, node: &Node, event: &mut Event) -> Result<(), EventFull> {
    match node {
        Node::Map(entries) => entries.iter().try_for_each(|(key, inner)| {
            let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            fill(&name, inner, event)
        }),
        Node::List(items) => items.iter().try_for_each(|inner| fill(name, inner, event)),
        Node::Text(text) => event.push(name, text.as_str()),
        Node::Int(number) => event.push(name, *number),
        Node::Float(number) => event.push(name, Value::Float(*number)),
        Node::Bool(truth) => event.push(name, *truth),
        Node::Null => event.push(name, Value::Null),
    }
}

fn failure(path: &Path, event: &str, reason: String) -> Failure {
    Failure { path: path.to_owned(), event: event.to_owned(), reason }
}

//! Tests that lie beside rules: events that must match and events that must not.
//!
//! `NAME.test.yml` beside `NAME.yml`:
//!
//! ```yaml
//! match:                          # each case must give a finding
//!   - name: one event
//!     event: {event.dataset: system.auth, …}
//!   - name: many events           # what correlations need
//!     events:
//!       - {event: {…, user.name: 'u{n}'}, at: 90s, repeat: 20, every: 2s}
//! no_match:                       # no case may give one
//!   - …
//! ```
//!
//! `at` counts from the case's start, `repeat` gives the event so many times, `every` apart, with the running number
//! from 0 in place of `{n}`. Under `event`, any rule of the file may match, also one that is only part of a correlation;
//! under `events`, the findings count that a stream would give.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use event::{Event, EventFull, EventId, Timestamp, Value};

use super::{Dialect, Rulebook, Stream};
use crate::correlate::{Settings, timespan_nanos};
use crate::sigma::yaml::{self, Node};
use crate::sigma::{Rejected, RuleSource, Scratch};

/// Most events of one case.
const EVENTS_MAX: usize = 20_000;
/// When cases begin: a Tuesday morning in the city.
const START_SECS: i64 = 1_793_664_000;

/// What tests beside rules found.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Rules and correlations that loaded.
    pub rules: usize,
    /// Cases that were run.
    pub cases: usize,
    /// Rules that did not load.
    pub rejected: Vec<Rejected>,
    /// Files of rules with no test beside them.
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
    /// The name of the case in it, or its place.
    pub case: String,
    /// What was wrong.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: `{}` {}", self.path.display(), self.case, self.reason)
    }
}

/// Runs the tests beside every rule below `paths`, files or folders.
pub fn check(paths: &[PathBuf], dialect: &Dialect) -> CheckReport {
    let sources: Vec<_> = paths.iter().cloned().map(RuleSource::Path).collect();
    let book = Rulebook::load(&sources, dialect);
    let mut report = CheckReport { rules: book.len(), rejected: book.rejected().to_vec(), ..CheckReport::default() };
    let of_rules = book.rules().rules().iter().map(|rule| &rule.path);
    let of_correlations = book.correlations().iter().map(|one| &one.path);
    let mut files: Vec<PathBuf> = of_rules.chain(of_correlations).map(PathBuf::from).collect();
    files.sort();
    files.dedup();
    for file in files {
        let test = test_beside(&file);
        match fs::read_to_string(&test) {
            Ok(text) => check_file(&file, &test, &text, dialect, &mut report),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => report.untested.push(file),
            Err(error) => report.failures.push(failure(&test, "the file", format!("cannot be read: {error}"))),
        }
    }
    report
}

fn test_beside(rule: &Path) -> PathBuf {
    rule.with_extension(if rule.extension().is_some_and(|end| end == "yaml") { "test.yaml" } else { "test.yml" })
}

fn check_file(rule: &Path, test: &Path, text: &str, dialect: &Dialect, report: &mut CheckReport) {
    let book = Arc::new(Rulebook::load(&[RuleSource::Path(rule.to_owned())], dialect));
    let before = report.cases;
    for document in yaml::documents(text) {
        let node = match document.node {
            Ok(node) => node,
            Err(reason) => {
                report.failures.push(failure(test, "the file", format!("cannot be read: {reason}")));
                continue;
            }
        };
        for (key, must_match) in [("match", true), ("no_match", false)] {
            let Some(Node::List(cases)) = node.get(key) else { continue };
            for (at, case) in cases.iter().enumerate() {
                report.cases += 1;
                let name = case.get("name").and_then(Node::scalar).unwrap_or_else(|| format!("{key} {at}"));
                let outcome = match matches(&book, case) {
                    Ok(found) if found == must_match => continue,
                    Ok(_) if must_match => "must match and does not".to_owned(),
                    Ok(_) => "must not match and does".to_owned(),
                    Err(reason) => reason,
                };
                report.failures.push(failure(test, &name, outcome));
            }
        }
    }
    if report.cases == before {
        report.failures.push(failure(test, "the file", "has neither `match` nor `no_match` cases".to_owned()));
    }
}

fn matches(book: &Arc<Rulebook>, case: &Node) -> Result<bool, String> {
    let events = events_of(case)?;
    match (case.get("event"), events.as_slice()) {
        (Some(_), [(_, event)]) => Ok(!book.rules().evaluate(event, &mut Scratch::default()).is_empty()),
        _ => Ok(fires(book, events)),
    }
}

/// The events of a case and when each comes, counted from the case's start.
pub(crate) fn events_of(case: &Node) -> Result<Vec<(Duration, Event)>, String> {
    let filled = |fields: &Node, number: usize| {
        let mut event = Event::new();
        fill("", fields, number, &mut event).map_err(|error| error.to_string())?;
        Ok::<Event, String>(event)
    };
    match (case.get("event"), case.get("events")) {
        (Some(fields), None) => Ok(vec![(Duration::ZERO, filled(fields, 0)?)]),
        (None, Some(Node::List(items))) => {
            let mut events = Vec::new();
            for item in items {
                let fields = item.get("event").ok_or("an item of `events` has no `event`")?;
                let repeat = count(item)?;
                if events.len() + repeat > EVENTS_MAX {
                    return Err(format!("has more than {EVENTS_MAX} events"));
                }
                let at = duration(item, "at", Duration::ZERO)?;
                let every = duration(item, "every", Duration::from_secs(1))?;
                for number in 0..repeat {
                    let offset = at + every * u32::try_from(number).unwrap_or(u32::MAX);
                    events.push((offset, filled(fields, number)?));
                }
            }
            events.sort_by_key(|(offset, _)| *offset);
            Ok(events)
        }
        _ => Err("must have either `event` or a list of `events`".to_owned()),
    }
}

fn fires(book: &Arc<Rulebook>, events: Vec<(Duration, Event)>) -> bool {
    let start = Timestamp::from_secs(START_SECS);
    let mut stream = Stream::new(Arc::clone(book), Settings::default());
    let mut findings = Vec::new();
    let mut last = start;
    for ((offset, mut event), number) in events.into_iter().zip(0..) {
        last = start.plus(offset);
        event.id = EventId(number);
        event.received = last;
        event.claimed = Some(last);
        stream.take(&event, |_, _| false, &mut findings);
    }
    // A correlation that waits for the end of its window decides once it is surely over.
    let longest = book.plan().specs().iter().map(|spec| spec.timespan_nanos).max().unwrap_or(0);
    let longest = Duration::from_nanos(u64::try_from(longest).unwrap_or(0));
    stream.advance(last.plus(longest).plus(Settings::default().lateness * 2), &mut findings);
    !findings.is_empty()
}

fn count(item: &Node) -> Result<usize, String> {
    match item.get("repeat") {
        None => Ok(1),
        Some(Node::Int(number)) => usize::try_from(*number).map_err(|_| format!("`repeat` is {number}")),
        Some(other) => Err(format!("`repeat` is {}, not a number", other.kind())),
    }
}

fn duration(item: &Node, key: &str, default: Duration) -> Result<Duration, String> {
    match item.get(key).map(|node| (node, node.scalar())) {
        None => Ok(default),
        Some((_, Some(text))) if text == "0s" => Ok(Duration::ZERO),
        Some((_, Some(text))) => {
            let nanos = timespan_nanos(&text).map_err(|reason| format!("`{key}`: {reason}"))?;
            Ok(Duration::from_nanos(nanos.unsigned_abs()))
        }
        Some((node, None)) => Err(format!("`{key}` is {}, not a duration such as `90s`", node.kind())),
    }
}

/// Adds a tree to an event under dotted names, as `event::json::flatten` does.
fn fill(name: &str, node: &Node, number: usize, event: &mut Event) -> Result<(), EventFull> {
    match node {
        Node::Map(entries) => entries.iter().try_for_each(|(key, inner)| {
            let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            fill(&name, inner, number, event)
        }),
        Node::List(items) => items.iter().try_for_each(|inner| fill(name, inner, number, event)),
        Node::Text(text) if text == "{n}" => event.push(name, i64::try_from(number).unwrap_or(i64::MAX)),
        Node::Text(text) => event.push(name, text.replace("{n}", &number.to_string()).as_str()),
        Node::Int(number) => event.push(name, *number),
        Node::Float(number) => event.push(name, Value::Float(*number)),
        Node::Bool(truth) => event.push(name, *truth),
        Node::Null => event.push(name, Value::Null),
    }
}

fn failure(path: &Path, case: &str, reason: String) -> Failure {
    Failure { path: path.to_owned(), case: case.to_owned(), reason }
}

//! The findings of `metrosoc detect`, in the order of the events: a line each.

use std::collections::BTreeMap;
use std::io::{BufWriter, StdoutLock, Write};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use detector::correlate::Settings;
use detector::rulebook::{Rulebook, Stream};
use event::{Event, EventId, Finding, RuleRef};
use serde_json::{Value, json};

use super::{Outcome, Totals, cpu_of_thread};

/// Correlates and prints.
pub(super) struct Printer<'b> {
    book: &'b Rulebook,
    stream: Stream,
    out: BufWriter<StdoutLock<'static>>,
    /// The number of each file's first event, counted over all files.
    files: Vec<(u64, Arc<str>)>,
    totals: Totals,
    findings: Vec<Finding>,
}

impl<'b> Printer<'b> {
    /// A printer that has printed nothing.
    pub(super) fn new(book: &'b Arc<Rulebook>) -> Self {
        Self {
            book,
            stream: Stream::new(Arc::clone(book), Settings::default()),
            out: BufWriter::new(std::io::stdout().lock()),
            files: Vec::new(),
            totals: Totals::default(),
            findings: Vec::new(),
        }
    }

    /// Prints everything that comes, batches in the order of their numbers.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(super) fn print(mut self, outcomes: Receiver<Outcome>) -> anyhow::Result<Totals> {
        let start = cpu_of_thread();
        let mut waiting: BTreeMap<u64, Outcome> = BTreeMap::new();
        let mut next = 0;
        for outcome in outcomes {
            waiting.insert(outcome.number, outcome);
            while let Some(ready) = waiting.remove(&next) {
                self.batch(ready)?;
                next += 1;
            }
        }
        self.end()?;
        self.totals.matching += cpu_of_thread().saturating_sub(start);
        Ok(self.totals)
    }

    fn batch(&mut self, outcome: Outcome) -> anyhow::Result<()> {
        let offset = self.totals.events;
        if self.files.last().is_none_or(|(_, file)| *file != outcome.file || outcome.first == 0) {
            self.files.push((offset, Arc::clone(&outcome.file)));
        }
        self.totals.add(&outcome.totals);
        let mut found = outcome.found.into_iter().peekable();
        for (at, rules, event) in outcome.wanted {
            while let Some((at, rule, matched)) = found.next_if(|(own, ..)| *own <= at) {
                self.rule(&outcome.file, outcome.first + at, rule, &matched)?;
            }
            self.correlate(offset + at, &rules, event)?;
        }
        for (at, rule, matched) in found {
            self.rule(&outcome.file, outcome.first + at, rule, &matched)?;
        }
        Ok(())
    }

    fn correlate(&mut self, number: u64, rules: &[u32], mut event: Event) -> anyhow::Result<()> {
        event.id = EventId(number);
        // What a file says is believed: there is nobody whose clock could be compared.
        event.origin = None;
        self.stream.correlate(&event, rules, &mut self.findings);
        self.correlations()
    }

    /// Windows that are open when the events end are decided as if time went on.
    fn end(&mut self) -> anyhow::Result<()> {
        if let Some(now) = self.stream.clock() {
            let longest = self.book.plan().specs().iter().map(|spec| spec.timespan_nanos.unsigned_abs()).max();
            let over = Duration::from_nanos(longest.unwrap_or(0)) + 2 * Settings::default().lateness;
            self.stream.advance(now.plus(over), &mut self.findings);
            self.correlations()?;
        }
        self.out.flush()?;
        Ok(())
    }

    fn rule(&mut self, file: &str, at: u64, rule: u32, matched: &[String]) -> anyhow::Result<()> {
        let Some(rule) = self.book.rules().rules().get(rule as usize) else { return Ok(()) };
        self.line(json!({ "file": file, "event": at, "rule": told(&rule.reference), "matched": matched }))
    }

    fn correlations(&mut self) -> anyhow::Result<()> {
        for finding in std::mem::take(&mut self.findings) {
            let last = finding.events().last().unwrap_or(finding.event);
            let (file, at) = self.place(last);
            let events: Vec<Value> = finding
                .events()
                .map(|id| match self.place(id) {
                    (other, at) if other == file => json!(at),
                    (other, at) => json!({ "file": other, "event": at }),
                })
                .collect();
            self.line(json!({
                "file": file, "event": at, "rule": told(&finding.rule), "matched": finding.matched, "events": events,
            }))?;
        }
        Ok(())
    }

    fn line(&mut self, line: Value) -> anyhow::Result<()> {
        self.totals.findings += 1;
        serde_json::to_writer(&mut self.out, &line)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }

    /// The file of an event, and its number there.
    fn place(&self, id: EventId) -> (Arc<str>, u64) {
        let behind = self.files.partition_point(|(first, _)| *first <= id.0);
        match self.files.get(behind.saturating_sub(1)) {
            Some((first, file)) => (Arc::clone(file), id.0 - first),
            None => (Arc::from(""), id.0),
        }
    }
}

fn told(rule: &RuleRef) -> Value {
    json!({ "id": rule.id, "title": rule.title, "level": rule.level })
}

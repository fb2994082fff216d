//! `metrosoc detect`: match events against rules, offline, no server and no data directory.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use collector::Record;
use collector::file::{self, FileRecord, FileSettings};
use collector::pipeline::{Pipeline, PipelineSettings};
use detector::sigma::{RuleSet, RuleSource};
use event::{Event, EventId, KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};
use serde_json::json;

use crate::exit::{Failure, Status};
use crate::serve::rules::{embedded_rules, field_map};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Events are NDJSON (flat or nested), EVTX or any log that a decoder knows, plain or .gz or .zst.
Examples:
  metrosoc detect --rules sigma/rules events.ndjson.zst
  journalctl -o json | metrosoc detect --rules rules/sigma -
  metrosoc detect --rules sigma/rules --threads 2 --stats stats.json *.evtx > findings.ndjson"
)]
pub struct Arguments {
    /// Sigma files and folders; the embedded rules without
    #[arg(long, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// Threads that decode and match
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Write counts, times and rejected rules here, as JSON
    #[arg(long, value_name = "FILE")]
    stats: Option<PathBuf>,
    /// Files with events, `-` for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Records that one worker takes at a time.
const BATCH_RECORDS: usize = 256;

struct Batch {
    number: u64,
    file: Arc<str>,
    first: u64,
    records: Vec<FileRecord>,
}

#[derive(Default)]
struct Totals {
    events: u64,
    findings: u64,
    parse: Duration,
    matching: Duration,
}

/// The lines of one batch and what they cost.
struct Outcome {
    number: u64,
    lines: Vec<u8>,
    totals: Totals,
}

pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    crate::telemetry::start_quiet();
    let started = Instant::now();
    let sources: Vec<RuleSource> = if arguments.rules.is_empty() {
        embedded_rules()
    } else {
        check_paths(&arguments.rules)?;
        arguments.rules.iter().cloned().map(RuleSource::Path).collect()
    };
    let rules = RuleSet::load(&sources, &field_map()?);
    let load = started.elapsed();
    for rejected in rules.rejected() {
        eprint_line(&format!("metrosoc: rule `{}` rejected: {}", rejected.path, rejected.reason));
    }
    let read_started = cpu_of_thread();
    let (totals, faults) = match_files(&arguments, &rules)?;
    let reading = cpu_of_thread().saturating_sub(read_started);
    if let Some(path) = &arguments.stats {
        write_stats(path, &rules, load, reading, &totals)?;
    }
    match faults {
        0 => Ok(()),
        _ => Err(Failure::new(Status::BadData, format!("{faults} records or files could not be read")).into()),
    }
}

fn check_paths(paths: &[PathBuf]) -> anyhow::Result<()> {
    for path in paths {
        std::fs::metadata(path).with_context(|| format!("rules `{}`", path.display()))?;
    }
    Ok(())
}

/// Reads on this thread, matches on `threads` others, prints in the order of reading.
fn match_files(arguments: &Arguments, rules: &RuleSet) -> anyhow::Result<(Totals, u64)> {
    let pipeline = Pipeline::new(PipelineSettings::default());
    let threads = usize::from(arguments.threads);
    let (to_workers, batches) = sync_channel::<Batch>(threads * 2);
    let (to_printer, outcomes) = sync_channel::<Outcome>(threads * 2);
    let batches = Mutex::new(batches);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let to_printer = to_printer.clone();
            scope.spawn(|| work(&batches, to_printer, &pipeline, rules));
        }
        drop(to_printer);
        let printer = scope.spawn(|| print_in_order(outcomes));
        let faults = read_files(&arguments.files, &to_workers);
        drop(to_workers);
        let totals = match printer.join() {
            Ok(totals) => totals?,
            Err(_) => return Err(Failure::new(Status::Bug, "printing stopped").into()),
        };
        Ok((totals, faults))
    })
}

fn read_files(files: &[PathBuf], to_workers: &SyncSender<Batch>) -> u64 {
    let mut number = 0;
    let mut faults = 0;
    for path in files {
        let reader = match file::open(path, &FileSettings::default()) {
            Ok(reader) => reader,
            Err(error) => {
                faults += 1;
                eprint_line(&format!("metrosoc: `{}`: {}", path.display(), crate::api::problem::chain(&error)));
                continue;
            }
        };
        let name: Arc<str> = Arc::from(path.to_string_lossy());
        let mut batch = Batch { number, file: Arc::clone(&name), first: 0, records: Vec::new() };
        let mut count = 0;
        for record in reader {
            match record {
                Ok(record) => batch.records.push(record),
                Err(error) => {
                    faults += 1;
                    eprint_line(&format!("metrosoc: {}", crate::api::problem::chain(&error)));
                    continue;
                }
            }
            count += 1;
            if batch.records.len() >= BATCH_RECORDS {
                number += 1;
                let next = Batch { number, file: Arc::clone(&name), first: count, records: Vec::new() };
                if to_workers.send(std::mem::replace(&mut batch, next)).is_err() {
                    return faults;
                }
            }
        }
        number += 1;
        if to_workers.send(batch).is_err() {
            return faults;
        }
    }
    faults
}

fn work(batches: &Mutex<Receiver<Batch>>, to_printer: SyncSender<Outcome>, pipeline: &Pipeline, rules: &RuleSet) {
    let origin = Arc::new(offline_origin());
    let mut event = Event::new();
    loop {
        let batch = match batches.lock() {
            Ok(receiver) => receiver.recv(),
            Err(_) => return,
        };
        let Ok(batch) = batch else { return };
        let mut outcome = Outcome { number: batch.number, lines: Vec::new(), totals: Totals::default() };
        for (at, record) in (batch.first..).zip(batch.records) {
            one(&batch.file, at, record, &origin, (pipeline, rules), &mut event, &mut outcome);
        }
        if to_printer.send(outcome).is_err() {
            return;
        }
    }
}

fn one(
    file: &str,
    at: u64,
    record: FileRecord,
    origin: &Arc<Origin>,
    (pipeline, rules): (&Pipeline, &RuleSet),
    event: &mut Event,
    outcome: &mut Outcome,
) {
    let start = cpu_of_thread();
    let mut raw = Record::new(Arc::clone(origin), Timestamp::from_nanos(0), record.bytes);
    raw.format = Some(record.format);
    raw.truncated = record.truncated;
    event.clear();
    pipeline.event(EventId(at), &raw, event);
    let parsed = cpu_of_thread();
    for found in rules.evaluate(event) {
        outcome.totals.findings += 1;
        let rule = found.rule;
        let line = json!({
            "file": file, "event": at,
            "rule": { "id": rule.id(), "title": rule.reference.title, "level": rule.reference.level },
            "matched": found.matched,
        });
        outcome.lines.extend_from_slice(line.to_string().as_bytes());
        outcome.lines.push(b'\n');
    }
    outcome.totals.events += 1;
    outcome.totals.parse += parsed.saturating_sub(start);
    outcome.totals.matching += cpu_of_thread().saturating_sub(parsed);
}

pub fn offline_origin() -> Origin {
    Origin {
        site: SiteId::local(),
        agency: None,
        known_by: KnownBy::Operator,
        source: SourceId::new("detect:file").unwrap_or_else(|_| unreachable!("the id is well formed")),
        transport: Transport::Import,
        peer: None,
    }
}

fn print_in_order(outcomes: Receiver<Outcome>) -> anyhow::Result<Totals> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut waiting: BTreeMap<u64, Outcome> = BTreeMap::new();
    let mut next = 0;
    let mut totals = Totals::default();
    for outcome in outcomes {
        waiting.insert(outcome.number, outcome);
        while let Some(ready) = waiting.remove(&next) {
            out.write_all(&ready.lines)?;
            totals.events += ready.totals.events;
            totals.findings += ready.totals.findings;
            totals.parse += ready.totals.parse;
            totals.matching += ready.totals.matching;
            next += 1;
        }
    }
    out.flush()?;
    Ok(totals)
}

fn write_stats(path: &Path, rules: &RuleSet, load: Duration, reading: Duration, totals: &Totals) -> anyhow::Result<()> {
    let rejected: Vec<_> =
        rules.rejected().iter().map(|one| json!({ "path": one.path, "reason": one.reason })).collect();
    let parse = (totals.parse + reading).as_secs_f64();
    let matching = totals.matching.as_secs_f64();
    let stats = json!({
        "events": totals.events,
        "findings": totals.findings,
        "rules_loaded": rules.rules().len(),
        "rules_rejected": rejected,
        "load_seconds": load.as_secs_f64(),
        "parse_cpu_seconds": parse,
        "match_cpu_seconds": matching,
        "events_per_cpu_second": totals.events as f64 / (parse + matching).max(1e-9),
        "rss_bytes_max": rss_bytes_max(),
    });
    std::fs::write(path, format!("{stats:#}\n")).with_context(|| format!("statistics `{}`", path.display()))
}

/// Processor time that this thread has used.
pub fn cpu_of_thread() -> Duration {
    duration_of(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime))
}

/// Processor time that this process has used, all threads.
pub fn cpu_of_process() -> Duration {
    duration_of(rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime))
}

fn duration_of(time: rustix::time::Timespec) -> Duration {
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The most memory that this process has had resident, in bytes; 0 where the kernel does not say.
pub fn rss_bytes_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn eprint_line(line: &str) {
    // When standard error is closed nobody listens.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

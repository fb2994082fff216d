//! `metrosoc detect`: match events against rules, offline, no server and no data directory.
//!
//! One thread reads, others decode and match, one correlates and prints (`print`) in the order of reading.

mod print;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use collector::Record;
use collector::file::{self, FileRecord, FileSettings};
use collector::pipeline::{Pipeline, PipelineSettings};
use detector::rulebook::Rulebook;
use detector::sigma::{RuleSource, Scratch};
use event::{Clock as _, Event, EventId, KnownBy, Origin, SiteId, SourceId, SystemClock, Transport};
use print::Printer;
use serde_json::json;

use crate::exit::{Failure, Status};
use crate::serve::rules::{dialect, embedded_rules};

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
    /// Processing pipelines (pySigma's YAML), files and folders
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pipelines: Vec<PathBuf>,
    /// Threads that decode and match
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Write counts, times and rejected rules here, as JSON
    #[arg(long, value_name = "FILE")]
    stats: Option<PathBuf>,
    /// Files with events, `-` for standard input
    files: Vec<PathBuf>,
}

impl Arguments {
    /// `--rules PATH… FILE…` leaves open where the files begin when no other option stands between: they begin at the
    /// first path, behind one for the option itself, that is neither a folder nor YAML.
    fn find_files(mut self) -> anyhow::Result<Self> {
        for listed in [&mut self.rules, &mut self.pipelines] {
            let first = listed.iter().skip(1).position(|path| !is_yaml_or_folder(path));
            if let (true, Some(first)) = (self.files.is_empty(), first) {
                self.files = listed.split_off(first + 1);
            }
        }
        if self.files.is_empty() {
            let reason = "no file with events is given; `-` reads standard input (`metrosoc detect --help`)";
            return Err(Failure::new(Status::Usage, reason).into());
        }
        Ok(self)
    }
}

fn is_yaml_or_folder(path: &Path) -> bool {
    path.is_dir() || path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml")
}

/// Records that one worker takes at a time.
const BATCH_RECORDS: usize = 256;

/// Events of a batch that are decoded before they are matched: what one decoder writes is still near the processor then.
const DECODED_TOGETHER: usize = 16;

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

impl Totals {
    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.findings += other.findings;
        self.parse += other.parse;
        self.matching += other.matching;
    }
}

/// What one batch gave, events counted from its first.
#[derive(Default)]
struct Outcome {
    number: u64,
    file: Arc<str>,
    first: u64,
    /// Matches: event, rule, selections.
    found: Vec<(u64, u32, Vec<String>)>,
    /// Events that correlations want, with the rules that matched.
    wanted: Vec<(u64, Vec<u32>, Event)>,
    totals: Totals,
}

pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    crate::telemetry::start_quiet();
    let arguments = arguments.find_files()?;
    let started = Instant::now();
    let sources: Vec<RuleSource> = if arguments.rules.is_empty() {
        embedded_rules()
    } else {
        check_paths(&arguments.rules)?;
        arguments.rules.iter().cloned().map(RuleSource::Path).collect()
    };
    let book = Arc::new(Rulebook::load(&sources, &dialect(&arguments.pipelines)?));
    book.rules().warm_windows();
    let load = started.elapsed();
    for rejected in book.rejected() {
        eprint_line(&format!("metrosoc: rejected {rejected}"));
    }
    let read_started = cpu_of_thread();
    let (totals, faults) = match_files(&arguments, &book)?;
    let reading = cpu_of_thread().saturating_sub(read_started);
    if let Some(path) = &arguments.stats {
        write_stats(path, &book, load, reading, &totals)?;
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
fn match_files(arguments: &Arguments, book: &Arc<Rulebook>) -> anyhow::Result<(Totals, u64)> {
    let pipeline = Pipeline::new(PipelineSettings::default());
    let threads = usize::from(arguments.threads);
    let (to_workers, batches) = sync_channel::<Batch>(threads * 2);
    let (to_printer, outcomes) = sync_channel::<Outcome>(threads * 2);
    let batches = Mutex::new(batches);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let to_printer = to_printer.clone();
            scope.spawn(|| work(&batches, to_printer, &pipeline, book));
        }
        drop(to_printer);
        let printer = scope.spawn(|| Printer::new(book).print(outcomes));
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

fn work(batches: &Mutex<Receiver<Batch>>, to_printer: SyncSender<Outcome>, pipeline: &Pipeline, book: &Rulebook) {
    let origin = Arc::new(offline_origin());
    let mut events = Vec::new();
    let mut scratch = Scratch::default();
    loop {
        let batch = match batches.lock() {
            Ok(receiver) => receiver.recv(),
            Err(_) => return,
        };
        let Ok(batch) = batch else { return };
        let mut outcome = Outcome { number: batch.number, file: batch.file, first: batch.first, ..Outcome::default() };
        let mut records = batch.records.into_iter();
        while records.len() > 0 {
            let start = cpu_of_thread();
            let count = parse(records.by_ref().take(DECODED_TOGETHER), &origin, pipeline, &mut events);
            let parsed = cpu_of_thread();
            outcome.match_more(events.get(..count).unwrap_or_default(), book, &mut scratch);
            outcome.totals.parse += parsed.saturating_sub(start);
            outcome.totals.matching += cpu_of_thread().saturating_sub(parsed);
        }
        if to_printer.send(outcome).is_err() {
            return;
        }
    }
}

/// Decodes into events that are used again and again; says how many there are.
fn parse(
    records: impl Iterator<Item = FileRecord>,
    origin: &Arc<Origin>,
    pipeline: &Pipeline,
    events: &mut Vec<Event>,
) -> usize {
    let now = SystemClock.now();
    events.resize_with(DECODED_TOGETHER, Event::new);
    let mut count = 0;
    for (record, event) in records.zip(events.iter_mut()) {
        count += 1;
        let mut raw = Record::new(Arc::clone(origin), now, record.bytes);
        raw.format = Some(record.format);
        raw.truncated = record.truncated;
        pipeline.event(EventId(0), &raw, event);
    }
    count
}

impl Outcome {
    /// Adds what the rules say of the next events, correlations left for later: those need every event in order.
    fn match_more(&mut self, events: &[Event], book: &Rulebook, scratch: &mut Scratch) {
        for (at, event) in (self.totals.events..).zip(events) {
            let mut wanted = Vec::new();
            for found in book.rules().evaluate(event, scratch) {
                if book.plan().wants(found.number) {
                    wanted.push(found.number);
                }
                if !book.plan().is_silent(found.number) {
                    self.found.push((at, found.number, found.matched));
                }
            }
            if !wanted.is_empty() {
                self.wanted.push((at, wanted, event.clone()));
            }
        }
        self.totals.events += events.len() as u64;
    }
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

fn write_stats(path: &Path, book: &Rulebook, load: Duration, reading: Duration, totals: &Totals) -> anyhow::Result<()> {
    let rejected: Vec<_> =
        book.rejected().iter().map(|one| json!({ "path": one.path, "reason": one.reason })).collect();
    let parse = (totals.parse + reading).as_secs_f64();
    let matching = totals.matching.as_secs_f64();
    let stats = json!({
        "events": totals.events,
        "findings": totals.findings,
        "rules_loaded": book.len(),
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn files_are_found_behind_rules() {
        let folder = tempfile::tempdir().unwrap();
        let rules = folder.path().to_str().unwrap();
        let check = |line: &[&str], expected: Option<(&[&str], &[&str])>| {
            let parsed = Line::try_parse_from(std::iter::once(&"detect").chain(line)).unwrap().arguments.find_files();
            let paths = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
            let found = parsed.ok().map(|found| (paths(&found.rules), paths(&found.files)));
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            assert_eq!(found, expected.map(|(rules, files)| (owned(rules), owned(files))), "{line:?}");
        };
        check(&["--rules", rules, "a.ndjson.zst"], Some((&[rules], &["a.ndjson.zst"])));
        check(&["--rules", rules, "x.yml", "a.evtx", "b.evtx"], Some((&[rules, "x.yml"], &["a.evtx", "b.evtx"])));
        check(&["--rules", rules, "-"], Some((&[rules], &["-"])));
        check(&["--rules", "x.yml", "--threads", "2", "a", "b"], Some((&["x.yml"], &["a", "b"])));
        check(&["--rules", rules, "--", "x.yml"], Some((&[rules], &["x.yml"])));
        check(&["a.log"], Some((&[], &["a.log"])));
        // The option has at least one path of its own, be it wrong.
        check(&["--rules", "missing", "a.log"], Some((&["missing"], &["a.log"])));
        check(&["--rules", rules], None);
    }
}

//! Decode and match a file of events, the steps timed apart.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use collector::Record;
use collector::pipeline::{Pipeline, PipelineSettings};
use detector::rulebook::Rulebook;
use detector::sigma::{RuleSource, Scratch};
use event::{Event, EventId};
use serde::Serialize;

use super::ingest::read;
use crate::cli::detect::{cpu_of_thread, rss_bytes_max};
use crate::serve::rules::{dialect, embedded_rules};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Events: NDJSON, EVTX or any log, plain or .gz or .zst
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Sigma files and folders; the embedded rules without
    #[arg(long, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
}

/// Events that are decoded before they are matched, so that the clock is read twice a batch.
const BATCH: usize = 32;

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Figures {
    events: u64,
    findings: u64,
    rules_loaded: usize,
    rules_rejected: usize,
    load_seconds: f64,
    parse_events_per_cpu_second: f64,
    pub match_events_per_cpu_second: f64,
    events_per_cpu_second: f64,
    rss_bytes_max: u64,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Figures> {
    measure(&arguments.rules, &read(&arguments.file)?)
}

/// Decodes and matches `records` by the rules at these paths; by the embedded ones when there are none.
pub fn measure(rules: &[PathBuf], records: &[Record]) -> anyhow::Result<Figures> {
    let started = Instant::now();
    let sources: Vec<RuleSource> =
        if rules.is_empty() { embedded_rules() } else { rules.iter().cloned().map(RuleSource::Path).collect() };
    let book = Rulebook::load(&sources, &dialect(&[])?);
    let load = started.elapsed();
    let pipeline = Pipeline::new(PipelineSettings::default());
    let (mut parsing, mut matching, mut findings) = (Duration::ZERO, Duration::ZERO, 0);
    let mut events: Vec<Event> = (0..BATCH).map(|_| Event::new()).collect();
    let mut scratch = Scratch::default();
    // The second time round is measured: classes are compiled when first met, which no stream pays twice.
    for is_measured in [false, true] {
        for batch in records.chunks(BATCH) {
            let start = cpu_of_thread();
            batch.iter().zip(&mut events).for_each(|(record, event)| pipeline.event(EventId(0), record, event));
            let parsed = cpu_of_thread();
            let found: usize =
                events.iter().take(batch.len()).map(|event| book.rules().evaluate(event, &mut scratch).len()).sum();
            if is_measured {
                findings += found as u64;
                parsing += parsed.saturating_sub(start);
                matching += cpu_of_thread().saturating_sub(parsed);
            }
        }
    }
    let rate = |time: Duration| records.len() as f64 / time.as_secs_f64().max(1e-9);
    Ok(Figures {
        events: records.len() as u64,
        findings,
        rules_loaded: book.len(),
        rules_rejected: book.rejected().len(),
        load_seconds: load.as_secs_f64(),
        parse_events_per_cpu_second: rate(parsing),
        match_events_per_cpu_second: rate(matching),
        events_per_cpu_second: rate(parsing + matching),
        rss_bytes_max: rss_bytes_max(),
    })
}

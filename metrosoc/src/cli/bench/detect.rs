//! Decode and match a file of events, the steps timed apart.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use collector::pipeline::{Pipeline, PipelineSettings};
use detector::sigma::{RuleSet, RuleSource};
use event::{Event, EventId};
use serde::Serialize;

use super::ingest::read;
use crate::cli::detect::{cpu_of_thread, rss_bytes_max};
use crate::serve::rules::{embedded_rules, field_map};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Events: NDJSON, EVTX or any log, plain or .gz or .zst
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Sigma files and folders; the embedded rules without
    #[arg(long, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Figures {
    events: u64,
    findings: u64,
    rules_loaded: usize,
    rules_rejected: usize,
    load_seconds: f64,
    parse_events_per_cpu_second: f64,
    match_events_per_cpu_second: f64,
    events_per_cpu_second: f64,
    rss_bytes_max: u64,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Figures> {
    let started = Instant::now();
    let sources: Vec<RuleSource> = if arguments.rules.is_empty() {
        embedded_rules()
    } else {
        arguments.rules.iter().cloned().map(RuleSource::Path).collect()
    };
    let rules = RuleSet::load(&sources, &field_map()?);
    let load = started.elapsed();
    let records = read(&arguments.file, u64::MAX)?;
    let pipeline = Pipeline::new(PipelineSettings::default());
    let (mut parsing, mut matching, mut findings) = (Duration::ZERO, Duration::ZERO, 0);
    let mut event = Event::new();
    for (id, record) in (0..).zip(&records) {
        let start = cpu_of_thread();
        event.clear();
        pipeline.event(EventId(id), record, &mut event);
        let parsed = cpu_of_thread();
        findings += rules.evaluate(&event).len() as u64;
        parsing += parsed.saturating_sub(start);
        matching += cpu_of_thread().saturating_sub(parsed);
    }
    let rate = |time: Duration| records.len() as f64 / time.as_secs_f64().max(1e-9);
    Ok(Figures {
        events: records.len() as u64,
        findings,
        rules_loaded: rules.rules().len(),
        rules_rejected: rules.rejected().len(),
        load_seconds: load.as_secs_f64(),
        parse_events_per_cpu_second: rate(parsing),
        match_events_per_cpu_second: rate(matching),
        events_per_cpu_second: rate(parsing + matching),
        rss_bytes_max: rss_bytes_max(),
    })
}

//! Decode and index a file: the whole way of a log line behind the spool, without rules.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use collector::Record;
use collector::file::{self, FileSettings};
use collector::pipeline::{Pipeline, PipelineSettings};
use detector::index::{Index, IndexSettings};
use event::{Clock, Event, EventId, SystemClock};
use serde::Serialize;

use super::FileArguments;
use crate::cli::detect::{cpu_of_process, cpu_of_thread, offline_origin, rss_bytes_max};

/// Events handed to the index at a time.
pub const BATCH_EVENTS: usize = 1_000;

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Figures {
    events: u64,
    input_bytes: u64,
    decode_cpu_seconds: f64,
    decode_events_per_cpu_second: f64,
    index_cpu_seconds: f64,
    index_documents_per_cpu_second: f64,
    index_megabytes_per_cpu_second: f64,
    events_per_cpu_second: f64,
    wall_seconds: f64,
    index_bytes: u64,
    input_to_index_ratio: f64,
    rss_bytes_max: u64,
}

pub fn run(arguments: &FileArguments) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir()?;
    let index = open(folder.path())?;
    let records = read(&arguments.file, u64::MAX)?;
    let started = Instant::now();
    let cpu = cpu_of_process();
    let filled = fill(&index, &records)?;
    index.flush()?;
    let total = cpu_of_process().saturating_sub(cpu);
    let indexing = total.saturating_sub(filled.decoding);
    let per_second = |amount: u64, time: Duration| amount as f64 / time.as_secs_f64().max(1e-9);
    Ok(Figures {
        events: filled.events,
        input_bytes: filled.bytes,
        decode_cpu_seconds: filled.decoding.as_secs_f64(),
        decode_events_per_cpu_second: per_second(filled.events, filled.decoding),
        index_cpu_seconds: indexing.as_secs_f64(),
        index_documents_per_cpu_second: per_second(filled.events, indexing),
        index_megabytes_per_cpu_second: per_second(filled.bytes, indexing) / 1e6,
        events_per_cpu_second: per_second(filled.events, total),
        wall_seconds: started.elapsed().as_secs_f64(),
        index_bytes: index.bytes(),
        input_to_index_ratio: filled.bytes as f64 / (index.bytes() as f64).max(1.0),
        rss_bytes_max: rss_bytes_max(),
    })
}

/// Opens an index for a bench.
pub fn open(folder: &Path) -> anyhow::Result<Arc<Index>> {
    Ok(Arc::new(Index::open(folder, IndexSettings::default())?))
}

/// The records of a file, at most `most`; the file is read again from its beginning when it has fewer and `most` is bounded.
pub fn read(path: &Path, most: u64) -> anyhow::Result<Vec<Record>> {
    let origin = Arc::new(offline_origin());
    let mut records = Vec::new();
    loop {
        let before = records.len();
        for record in file::open(path, &FileSettings::default())? {
            let record = record?;
            let received = SystemClock.now();
            records.push(Record {
                format: Some(record.format),
                ..Record::new(Arc::clone(&origin), received, record.bytes)
            });
            if records.len() as u64 >= most {
                return Ok(records);
            }
        }
        if most == u64::MAX || records.len() == before {
            return Ok(records);
        }
    }
}

/// What filling an index took.
pub struct Filled {
    pub events: u64,
    pub bytes: u64,
    pub decoding: Duration,
}

/// Decodes and indexes, in batches.
pub fn fill(index: &Index, records: &[Record]) -> anyhow::Result<Filled> {
    let pipeline = Pipeline::new(PipelineSettings::default());
    let mut filled = Filled { events: 0, bytes: 0, decoding: Duration::ZERO };
    let mut events: Vec<Event> = Vec::new();
    for batch in records.chunks(BATCH_EVENTS) {
        let start = cpu_of_thread();
        events.resize_with(batch.len(), Event::new);
        for (record, event) in batch.iter().zip(events.iter_mut()) {
            event.clear();
            pipeline.event(EventId(filled.events), record, event);
            filled.events += 1;
            filled.bytes += record.bytes.len() as u64;
        }
        filled.decoding += cpu_of_thread().saturating_sub(start);
        index.add(&events)?;
    }
    Ok(filled)
}

//! The way of a log line by its stages: received and spooled, decoded, matched, personal values replaced, indexed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use collector::Record;
use collector::file::{self, FileSettings};
use collector::pipeline::{Pipeline, PipelineSettings};
use detector::index::{Index, IndexSettings};
use event::{Clock, Event, EventId, SystemClock, Timestamp};
use policy::pseudonym::{Pseudonyms, Replacer};
use serde::Serialize;

use super::vault::{EVERYTHING, pseudonyms, vault};
use super::{FileArguments, detect, receive};
use crate::cli::detect::{cpu_of_process, cpu_of_thread, offline_origin, rss_bytes_max};

/// Events handed on at a time: as many as the pipeline takes when it has to catch up.
pub const BATCH_EVENTS: usize = crate::serve::BATCH_RECORDS_MAX;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    file: FileArguments,
    /// Also with the personal values replaced: once when the vault meets them for the first time, once when it knows them
    #[arg(long)]
    privacy: bool,
    /// Sigma files and folders for the stage of matching; the embedded rules without
    #[arg(long, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// Lines sent to the log ports in each turn of the stage of receiving; 0 leaves it out
    #[arg(long, default_value_t = 0, value_name = "N")]
    receive: usize,
}

/// Turns with and without pseudonyms.
const TURNS: usize = 5;

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
    /// After the segments were put together, as the server does with slices that are over: stored events, and what finds
    /// them.
    sealed_stored_bytes: u64,
    sealed_index_bytes: u64,
    input_to_sealed_ratio: f64,
    rss_bytes_max: u64,
    #[serde(flatten)]
    privacy: Option<Privacy>,
    #[serde(flatten)]
    receive: Option<receive::Figures>,
    #[serde(flatten)]
    stages: Stages,
}

/// Where the time of the stages behind the spool goes.
#[derive(Debug, Default, Serialize)]
pub struct Stages {
    decode_cpu_seconds_per_million_lines: f64,
    match_cpu_seconds_per_million_lines: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    replace_cpu_seconds_per_million_lines: Option<f64>,
    index_cpu_seconds_per_million_lines: f64,
}

/// The same way with personal values replaced between decoding and indexing.
#[derive(Debug, Serialize)]
pub struct Privacy {
    privacy_new_values_events_per_cpu_second: f64,
    privacy_events_per_cpu_second: f64,
    /// Of the speed without, measured in the same turns.
    privacy_loss_percent: f64,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Figures> {
    let records = read(&arguments.file.file)?;
    let mut figures = plain(&records)?;
    if arguments.privacy {
        let (privacy, replacing) = private(&records)?;
        figures.privacy = Some(privacy);
        figures.stages.replace_cpu_seconds_per_million_lines = Some(replacing);
    }
    let matched = detect::measure(&arguments.rules, &records)?.match_events_per_cpu_second;
    figures.stages.match_cpu_seconds_per_million_lines = of_a_million(matched);
    if arguments.receive > 0 {
        figures.receive = Some(receive::run(&records, arguments.receive)?);
    }
    figures.rss_bytes_max = rss_bytes_max();
    Ok(figures)
}

/// Seconds for a million at this rate.
fn of_a_million(rate: f64) -> f64 {
    1e6 / rate.max(1e-9)
}

/// With a vault that is empty at first; then, when it knows every value, with and without in turns, so that a machine whose
/// speed changes does not decide. Beside it, what replacing costs, in processor seconds for a million lines.
fn private(records: &[Record]) -> anyhow::Result<(Privacy, f64)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let vault = runtime.block_on(vault(folder.path()))?;
    let all = pseudonyms(folder.path(), EVERYTHING, &vault)?;
    let turn = |change: &mut dyn FnMut(&mut Vec<Event>) -> anyhow::Result<()>| -> anyhow::Result<(u64, Duration)> {
        let folder = tempfile::tempdir()?;
        let index = open(folder.path())?;
        let cpu = cpu_of_process();
        let filled = fill_with(&index, records, None, change)?;
        index.flush()?;
        Ok((filled.events, cpu_of_process().saturating_sub(cpu)))
    };
    let rate = |(events, cpu): (u64, Duration)| events as f64 / cpu.as_secs_f64().max(1e-9);
    let new = turn(&mut replacing(&all, &runtime))?;
    let (mut without, mut known) = ((0, Duration::ZERO), (0, Duration::ZERO));
    for _ in 0..TURNS {
        let (events, cpu) = turn(&mut |_| Ok(()))?;
        without = (without.0 + events, without.1 + cpu);
        let (events, cpu) = turn(&mut replacing(&all, &runtime))?;
        known = (known.0 + events, known.1 + cpu);
    }
    let (without, known) = (rate(without), rate(known));
    let privacy = Privacy {
        privacy_new_values_events_per_cpu_second: rate(new),
        privacy_events_per_cpu_second: known,
        privacy_loss_percent: 100.0 * (1.0 - known / without.max(1e-9)),
    };
    Ok((privacy, of_a_million(known) - of_a_million(without)))
}

/// Puts tokens into batches of events.
fn replacing<'a>(
    all: &Arc<Pseudonyms>,
    runtime: &'a tokio::runtime::Runtime,
) -> impl FnMut(&mut Vec<Event>) -> anyhow::Result<()> + use<'a> {
    let (mut replacer, mut out) = (Replacer::new(Arc::clone(all), 1), Vec::new());
    move |events| {
        replacer.read(events, &[]);
        runtime.block_on(replacer.enter())?;
        replacer.write(events, &mut [], &mut out);
        std::mem::swap(events, &mut out);
        Ok(())
    }
}

fn plain(records: &[Record]) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir()?;
    let index = open(folder.path())?;
    let started = Instant::now();
    let cpu = cpu_of_process();
    let filled = fill(&index, records, None)?;
    index.flush()?;
    let total = cpu_of_process().saturating_sub(cpu);
    let indexing = total.saturating_sub(filled.decoding);
    let (wall_seconds, index_bytes) = (started.elapsed().as_secs_f64(), index.bytes());
    let (stored, searchable) = seal(&index, folder.path(), filled.events)?;
    let per_second = |amount: u64, time: Duration| amount as f64 / time.as_secs_f64().max(1e-9);
    let stages = Stages {
        decode_cpu_seconds_per_million_lines: of_a_million(per_second(filled.events, filled.decoding)),
        index_cpu_seconds_per_million_lines: of_a_million(per_second(filled.events, indexing)),
        ..Stages::default()
    };
    Ok(Figures {
        events: filled.events,
        input_bytes: filled.bytes,
        decode_cpu_seconds: filled.decoding.as_secs_f64(),
        decode_events_per_cpu_second: per_second(filled.events, filled.decoding),
        index_cpu_seconds: indexing.as_secs_f64(),
        index_documents_per_cpu_second: per_second(filled.events, indexing),
        index_megabytes_per_cpu_second: per_second(filled.bytes, indexing) / 1e6,
        events_per_cpu_second: per_second(filled.events, total),
        wall_seconds,
        index_bytes,
        input_to_index_ratio: filled.bytes as f64 / (index_bytes as f64).max(1.0),
        sealed_stored_bytes: stored,
        sealed_index_bytes: searchable,
        input_to_sealed_ratio: filled.bytes as f64 / ((stored + searchable) as f64).max(1.0),
        rss_bytes_max: rss_bytes_max(),
        privacy: None,
        receive: None,
        stages,
    })
}

/// Puts the segments together; gives the bytes of stored events and those of all the rest.
fn seal(index: &Index, folder: &Path, events: u64) -> anyhow::Result<(u64, u64)> {
    // The slice that was written last is never sealed: one more event, two days on, makes it another one.
    let now = SystemClock.now();
    let mut later = Event::new();
    (later.id, later.received) = (EventId(events), now.plus(Duration::from_secs(2 * 86_400)));
    index.add(&[later])?;
    index.flush()?;
    while index.seal_next(now.plus(Duration::from_secs(3 * 86_400)))?.is_some() {}
    let (mut stored, mut rest) = (0, 0);
    for slice in std::fs::read_dir(folder)?.flatten().filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(slice.path())?.flatten() {
            let is_store = file.path().extension().is_some_and(|extension| extension == "store");
            *(if is_store { &mut stored } else { &mut rest }) += file.metadata()?.len();
        }
    }
    Ok((stored, rest))
}

/// Opens an index for a bench.
pub fn open(folder: &Path) -> anyhow::Result<Arc<Index>> {
    Ok(Arc::new(Index::open(folder, IndexSettings::default())?))
}

/// The records of a file.
pub fn read(path: &Path) -> anyhow::Result<Vec<Record>> {
    let origin = Arc::new(offline_origin());
    let mut records = Vec::new();
    for record in file::open(path, &FileSettings::default())? {
        let record = record?;
        let received = SystemClock.now();
        records
            .push(Record { format: Some(record.format), ..Record::new(Arc::clone(&origin), received, record.bytes) });
    }
    Ok(records)
}

/// What filling an index took.
pub struct Filled {
    pub events: u64,
    pub bytes: u64,
    pub decoding: Duration,
}

/// Decodes and indexes, in batches; from the beginning again until there are as many as are wanted. Each time the events
/// are as much later as the file is long, so that they lie in the order of their times as those of a city do.
pub fn fill(index: &Index, records: &[Record], wanted: Option<u64>) -> anyhow::Result<Filled> {
    fill_with(index, records, wanted, |_| Ok(()))
}

/// The same, and `change` sees each batch before what it leaves there is indexed.
fn fill_with(
    index: &Index,
    records: &[Record],
    wanted: Option<u64>,
    mut change: impl FnMut(&mut Vec<Event>) -> anyhow::Result<()>,
) -> anyhow::Result<Filled> {
    let pipeline = Pipeline::new(PipelineSettings::default());
    let mut filled = Filled { events: 0, bytes: 0, decoding: Duration::ZERO };
    let mut events: Vec<Event> = Vec::new();
    let wanted = wanted.unwrap_or(records.len() as u64);
    let (mut least, mut greatest, mut later) =
        (Timestamp::from_nanos(i64::MAX), Timestamp::from_nanos(0), Duration::ZERO);
    while filled.events < wanted && !records.is_empty() {
        for batch in records.chunks(BATCH_EVENTS) {
            let left = usize::try_from(wanted - filled.events).unwrap_or(usize::MAX);
            let batch = batch.get(..left).unwrap_or(batch);
            if batch.is_empty() {
                break;
            }
            let start = cpu_of_thread();
            events.resize_with(batch.len(), Event::new);
            for (record, event) in batch.iter().zip(events.iter_mut()) {
                event.clear();
                pipeline.event(EventId(filled.events), record, event);
                if filled.events < records.len() as u64 {
                    (least, greatest) = (least.min(event.timestamp()), greatest.max(event.timestamp()));
                } else {
                    event.received = event.received.plus(later);
                    event.claimed = event.claimed.map(|claimed| claimed.plus(later));
                }
                filled.events += 1;
                filled.bytes += record.bytes.len() as u64;
            }
            filled.decoding += cpu_of_thread().saturating_sub(start);
            change(&mut events)?;
            index.add(&events)?;
        }
        later += greatest.since(least);
    }
    Ok(filled)
}

//! The thread that writes: takes rows from a queue, gives them to the slices' writers, commits.
//!
//! A commit takes its time, which is why it does not happen where events arrive. Of the slices that have something
//! to commit all but the last record the position from before; the last records the new one. Whatever the moment
//! of a crash, the greatest recorded position is therefore one below which every event is held.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tantivy::IndexWriter;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tracing::{debug, error, warn};

use super::document::Row;
use super::slice::{Slice, SliceRecord};
use super::snapshot::{self, Snapshot};
use super::{IndexError, IndexSettings, Shared};

/// A segment of at least this many events is merged with its equals only.
const SMALL_SEGMENT_DOCUMENTS: u32 = 10_000;
/// A segment of this many events is not merged any more.
pub(crate) const LARGE_SEGMENT_DOCUMENTS: usize = 2_000_000;
/// So many segments of a size are merged into one.
const SEGMENTS_PER_MERGE: usize = 10;

/// What the writer is asked to do.
pub(crate) enum Command {
    /// Write these.
    Rows(Rows),
    /// Commit, then answer.
    Flush(SyncSender<()>),
    /// Commit, close the writer of the slice that begins then, answer.
    Release(i64, SyncSender<()>),
    /// Events are given again from this one on.
    From(u64),
    /// Commit, then link what is committed into a directory.
    Snapshot(PathBuf, SyncSender<Result<Snapshot, IndexError>>),
    /// Commit and end.
    Close,
}

/// Rows for one slice.
pub(crate) struct Rows {
    /// The slice's start in seconds.
    pub(crate) start: i64,
    /// The slice.
    pub(crate) slice: Arc<Slice>,
    /// The rows, by id.
    pub(crate) rows: Vec<Row>,
    /// The count of failures when they were made; they are dropped when it has changed.
    pub(crate) epoch: u64,
}

struct Active {
    slice: Arc<Slice>,
    writer: IndexWriter<Row>,
    /// As it will be with the next commit.
    record: SliceRecord,
    dirty: bool,
    used: u64,
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    settings: IndexSettings,
    active: BTreeMap<i64, Active>,
    closing: BTreeMap<i64, JoinHandle<()>>,
    /// When the oldest row that is not committed came.
    waiting_since: Option<Instant>,
    /// One more than the greatest id written.
    next: u64,
    /// Counts batches, to know which slice was used last.
    turn: u64,
    epoch: u64,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, settings: IndexSettings) -> Self {
        let next = shared.position().unwrap_or(0);
        Self {
            shared,
            settings,
            active: BTreeMap::new(),
            closing: BTreeMap::new(),
            waiting_since: None,
            next,
            turn: 0,
            epoch: 0,
        }
    }

    /// Runs until it is told to close or nobody can send any more.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            match commands.recv_timeout(self.patience()) {
                Ok(Command::Rows(rows)) => {
                    let written = self.write(rows);
                    self.outcome(written);
                }
                Ok(Command::Flush(answer)) => {
                    let committed = self.commit();
                    self.outcome(committed);
                    let _ = answer.send(()); // whoever asked may have gone
                }
                Ok(Command::Release(start, answer)) => {
                    let committed = self.commit();
                    self.outcome(committed);
                    self.close(start);
                    let _ = answer.send(()); // as above
                }
                Ok(Command::From(next)) => self.next = next,
                Ok(Command::Snapshot(into, answer)) => {
                    // Here, because no other slice commits meanwhile: the position of one never runs ahead of another.
                    let committed = self.commit();
                    self.outcome(committed);
                    let _ = answer.send(snapshot::link_all(&self.shared, &into)); // as above
                }
                Ok(Command::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.waiting_since.is_some_and(|since| since.elapsed() >= self.settings.commit_interval) {
                let committed = self.commit();
                self.outcome(committed);
            }
        }
        let committed = self.commit();
        self.outcome(committed);
        self.close_all();
        self.shared.catalogue().keep();
    }

    fn patience(&self) -> Duration {
        const IDLE: Duration = Duration::from_secs(3_600);
        self.waiting_since.map_or(IDLE, |since| self.settings.commit_interval.saturating_sub(since.elapsed()))
    }

    fn write(&mut self, rows: Rows) -> Result<(), IndexError> {
        if rows.epoch != self.epoch {
            return Ok(());
        }
        self.turn += 1;
        let turn = self.turn;
        if !self.active.contains_key(&rows.start) {
            self.open(rows.start, &rows.slice)?;
        }
        let Some(active) = self.active.get_mut(&rows.start) else { return Ok(()) };
        active.used = turn;
        active.dirty = true;
        for row in rows.rows {
            active.record.take(row.id, row.time);
            self.next = self.next.max(row.id.saturating_add(1));
            active.writer.add_document(row).map_err(|error| active.slice.error(error))?;
        }
        self.waiting_since.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn open(&mut self, start: i64, slice: &Arc<Slice>) -> Result<(), IndexError> {
        if let Some(closing) = self.closing.remove(&start) {
            drop(closing.join());
        }
        if self.active.len() >= self.settings.writers_max {
            self.commit()?;
            self.close_oldest();
        }
        let opened = slice.open()?;
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(self.settings.heap_bytes)
            .build();
        let mut sealing = slice.sealing();
        let writer = match sealing.take() {
            // Its segments are being put together, which goes on beside what is added.
            Some(writer) => writer,
            None => opened.index.writer_with_options(options).map_err(|error| slice.error(error))?,
        };
        drop(sealing);
        let mut policy = LogMergePolicy::default();
        policy.set_min_layer_size(SMALL_SEGMENT_DOCUMENTS);
        policy.set_min_num_segments(SEGMENTS_PER_MERGE);
        policy.set_max_docs_before_merge(LARGE_SEGMENT_DOCUMENTS);
        writer.set_merge_policy(Box::new(policy));
        let active = Active { slice: Arc::clone(slice), writer, record: slice.record(), dirty: false, used: self.turn };
        self.active.insert(start, active);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), IndexError> {
        self.waiting_since = None;
        let before = self.shared.position().unwrap_or(0);
        let mut left = self.active.values().filter(|active| active.dirty).count();
        if left == 0 {
            return Ok(());
        }
        let began = Instant::now();
        let mut committed = Vec::with_capacity(left);
        for active in self.active.values_mut().filter(|active| active.dirty) {
            left -= 1;
            active.record.position = if left == 0 { self.next } else { before };
            active.commit()?;
            committed.push(Arc::clone(&active.slice));
        }
        for slice in committed {
            slice.reload()?;
            self.shared.catalogue().note(&slice.name, &slice.record(), before);
        }
        self.shared.set_position(self.next);
        self.shared.in_trouble(None);
        debug!(next = self.next, took_ms = began.elapsed().as_millis() as u64, "index committed");
        Ok(())
    }

    /// After a failure everything that is not committed is given up; whoever adds next is told where to go on.
    fn outcome(&mut self, outcome: Result<(), IndexError>) {
        let Err(failure) = outcome else { return };
        error!(error = %failure, "index writer failed; events since the last commit are asked for again");
        self.active.clear();
        self.waiting_since = None;
        self.epoch = self.shared.fail(failure.to_string());
        self.next = self.shared.position().unwrap_or(0);
    }

    /// Closes the writer of a slice, merges included.
    fn close(&mut self, start: i64) {
        if let Some(active) = self.active.remove(&start) {
            let name = active.slice.name.clone();
            if let Err(error) = active.writer.wait_merging_threads() {
                warn!(slice = %name, %error, "merging was cut short");
            }
        }
        if let Some(closing) = self.closing.remove(&start) {
            drop(closing.join());
        }
    }

    fn close_oldest(&mut self) {
        let oldest = self.active.iter().min_by_key(|(_, active)| active.used).map(|(start, _)| *start);
        let Some((start, active)) = oldest.and_then(|start| self.active.remove_entry(&start)) else { return };
        let name = active.slice.name.clone();
        let closing = std::thread::Builder::new().name("index-close".to_owned()).spawn(move || {
            if let Err(error) = active.writer.wait_merging_threads() {
                warn!(slice = %name, %error, "merging was cut short");
            }
        });
        match closing {
            Ok(handle) => drop(self.closing.insert(start, handle)),
            Err(error) => warn!(%error, "slice closed without merging"),
        }
    }

    fn close_all(&mut self) {
        self.active.clear();
        for (_, closing) in std::mem::take(&mut self.closing) {
            drop(closing.join());
        }
    }
}

impl Active {
    fn commit(&mut self) -> Result<(), IndexError> {
        let slice = Arc::clone(&self.slice);
        let record = serde_json::to_string(&self.record)
            .map_err(|error| slice.error(tantivy::TantivyError::InternalError(error.to_string())))?;
        let mut prepared = self.writer.prepare_commit().map_err(|error| slice.error(error))?;
        prepared.set_payload(&record);
        prepared.commit().map_err(|error| slice.error(error))?;
        self.slice.set_record(self.record);
        self.dirty = false;
        Ok(())
    }
}

//! The searchable store of events: Tantivy, one index a time slice by time of receipt.
//!
//! Slices are cut by when an event was received, so that forged dates cannot make thousands of them; each knows the
//! least and the greatest event time in it, so that a search opens only what it needs. Events go in by position and
//! each is held exactly once: [`Index::position`] says where to go on after a crash, and what is held is ignored.

mod catalogue;
mod digest;
mod document;
mod error;
mod known;
pub(crate) mod layout;
mod names;
pub(crate) mod packed;
mod retention;
mod seal;
mod settings;
pub(crate) mod slice;
mod snapshot;
mod stored;
#[cfg(test)]
mod tests;
pub(crate) mod twin;
pub(crate) mod words;
mod writer;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;

use event::{Event, EventId};

use catalogue::Catalogue;
use digest::Digester;
use document::Row;
use slice::Slice;
use writer::{Command, Rows, Writer};

pub use catalogue::Lost;
pub use digest::BatchDigest;
pub(crate) use document::{from_v6, to_v6};
pub use error::IndexError;
pub use retention::{Expired, Hold, Retention};
pub use seal::Sealed;
pub use settings::IndexSettings;
pub use snapshot::Snapshot;

/// Most events of one batch in the writer's queue; longer ones are split.
pub const BATCH_EVENTS_MAX: usize = 1_000;

/// The position of an index without events.
const NOWHERE: u64 = u64::MAX;

/// The index: slices in a directory and the thread that writes them.
#[derive(Debug)]
pub struct Index {
    dir: PathBuf,
    settings: IndexSettings,
    shared: Arc<Shared>,
    intake: Mutex<Intake>,
    commands: SyncSender<Command>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// What the catalogue names and the directory did not have when it was opened.
    lost: Vec<Lost>,
    /// What retention found to hold nothing that goes.
    looked: Mutex<retention::Looked>,
    /// Slices whose segments are put together.
    sealings: Mutex<seal::Sealings>,
    /// Held while the index is open, so that no second process writes.
    _lock: File,
}

/// What the writing thread and everybody else share.
#[derive(Debug)]
pub(crate) struct Shared {
    slices: RwLock<BTreeMap<i64, Arc<Slice>>>,
    /// The first event that is not durable; [`NOWHERE`] while there is none at all.
    position: AtomicU64,
    /// Counts the writer's failures.
    epoch: AtomicU64,
    failure: Mutex<String>,
    /// Why nothing can be written; `None` again once something was.
    trouble: Mutex<Option<String>>,
    catalogue: Mutex<Catalogue>,
}

/// What `add` knows: which events are taken already.
#[derive(Debug, Default)]
struct Intake {
    /// The first id ever given to the writer.
    first: Option<u64>,
    /// One more than the greatest id given to the writer.
    next: Option<u64>,
    /// Ids at or above the position that slices hold already, found when the index was opened or the writer failed.
    held: HashSet<u64>,
    /// The failures that `add` has told of.
    epoch: u64,
    /// After a failure: the id that the next batch must not start behind.
    replay_from: Option<u64>,
}

impl Index {
    /// Opens the slices in `dir`, which is made where it is missing.
    ///
    /// # Errors
    /// A directory that cannot be read or written or is open elsewhere, or a damaged slice.
    pub fn open(dir: &Path, settings: IndexSettings) -> Result<Self, IndexError> {
        let settings = settings.bounded();
        std::fs::create_dir_all(dir).map_err(|source| IndexError::directory(dir, "make it", source))?;
        let lock = lock(dir)?;
        let (slices, position) = read_slices(dir)?;
        let (catalogue, lost) = Catalogue::open(dir, &slices)?;
        let shared = Arc::new(Shared {
            slices: RwLock::new(slices),
            position: AtomicU64::new(position.unwrap_or(NOWHERE)),
            epoch: AtomicU64::new(0),
            failure: Mutex::new(String::new()),
            trouble: Mutex::new(None),
            catalogue: Mutex::new(catalogue),
        });
        let held = shared.held()?;
        let intake = Intake { next: position, held, ..Intake::default() };
        let (commands, receiver) = sync_channel(settings.queue_batches_max);
        let writer = Writer::new(Arc::clone(&shared), settings.clone());
        let thread = std::thread::Builder::new()
            .name("index-writer".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(|source| IndexError::directory(dir, "start its writer", source))?;
        Ok(Self {
            dir: dir.to_owned(),
            settings,
            shared,
            intake: Mutex::new(intake),
            commands,
            writer: Mutex::new(Some(thread)),
            lost,
            looked: Mutex::default(),
            sealings: Mutex::default(),
            _lock: lock,
        })
    }

    /// Hands events to the writer, in the order of their ids; those it holds already are ignored.
    ///
    /// Blocks while the queue is full. The events are searchable and durable within the commit interval.
    ///
    /// # Errors
    /// [`IndexError::FellBack`] when the writer failed: give the events again from the position it names.
    pub fn add(&self, events: &[Event]) -> Result<BatchDigest, IndexError> {
        let mut digest = Digester::new();
        self.add_seen(events, |id, stored| digest.take(id, stored))?;
        Ok(digest.finish())
    }

    /// [`Index::add`], which shows `seen` the stored bytes of each event that is taken; gives how many were.
    ///
    /// # Errors
    /// As [`Index::add`]. Events that were shown may then not have been taken; they are shown again.
    pub fn add_seen(&self, events: &[Event], seen: impl FnMut(EventId, &[u8])) -> Result<u64, IndexError> {
        let added = self.take(events, seen);
        match &added {
            Err(error) => self.shared.in_trouble(Some(error.to_string())),
            // Nothing was left to write: what was given is durable already.
            Ok(0) if self.holds_durably(events) => self.shared.in_trouble(None),
            Ok(_) => {}
        }
        added
    }

    fn take(&self, events: &[Event], mut seen: impl FnMut(EventId, &[u8])) -> Result<u64, IndexError> {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_replay(&mut intake, events.first())?;
        check_order(events)?;
        let mut count = 0;
        let mut batch: Option<Rows> = None;
        let (mut bytes, mut size) = (0, 1_024);
        for event in events {
            if intake.holds(event.id.0) {
                continue;
            }
            let start = slice::start_of(event.received, self.settings.slice_length.as_secs().cast_signed());
            let full = |batch: &Rows| {
                batch.start != start
                    || batch.rows.len() >= BATCH_EVENTS_MAX
                    || bytes >= self.settings.queue_batch_bytes_max
            };
            if let Some(rows) = batch.take_if(|batch| full(batch)) {
                self.send_rows(rows, &mut intake)?;
                bytes = 0;
            }
            let rows = match &mut batch {
                Some(rows) => rows,
                None => batch.insert(Rows {
                    start,
                    slice: self.slice(start),
                    rows: Vec::with_capacity(events.len().min(BATCH_EVENTS_MAX)),
                    epoch: intake.epoch,
                }),
            };
            let layout = &rows.slice.open()?.layout;
            let mut source = Vec::with_capacity(size);
            packed::write(event, &mut source);
            size = source.len() + source.len() / 4; // the next event is much like this one
            let row = Row::new(event, source, layout);
            seen(event.id, row.source());
            count += 1;
            bytes += row.bytes();
            rows.rows.push(row);
        }
        if let Some(rows) = batch {
            self.send_rows(rows, &mut intake)?;
        }
        Ok(count)
    }

    /// Waits until everything added is durable and searchable.
    ///
    /// # Errors
    /// As [`Index::add`].
    pub fn flush(&self) -> Result<(), IndexError> {
        let (answer, done) = sync_channel(1);
        self.send(Command::Flush(answer))?;
        done.recv().map_err(|_| IndexError::Closed)?;
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_failure(&mut intake)
    }

    /// The first event that is not durable yet: where a reader goes on after a crash. `None` while the index is empty.
    pub fn position(&self) -> Option<EventId> {
        self.shared.position().map(EventId)
    }

    /// Why what was added last could not be written, until something is written again; for `/readyz`.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Number of events that a search can find.
    pub fn documents(&self) -> u64 {
        self.slices().iter().map(|slice| slice.record().documents).sum()
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.slices().iter().map(|slice| slice.bytes()).sum()
    }

    /// Number of time slices.
    pub fn slice_count(&self) -> usize {
        self.slices().len()
    }

    /// The slices, oldest first.
    pub(crate) fn slices(&self) -> Vec<Arc<Slice>> {
        self.shared.slices.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Has the writer let a slice go.
    fn release(&self, start: i64) -> Result<(), IndexError> {
        let (answer, done) = sync_channel(1);
        self.send(Command::Release(start, answer))?;
        done.recv().map_err(|_| IndexError::Closed)
    }

    /// Takes a slice out of those that are searched.
    fn forget(&self, start: i64) {
        self.shared.slices.write().unwrap_or_else(PoisonError::into_inner).remove(&start);
    }

    fn holds_durably(&self, events: &[Event]) -> bool {
        let position = self.shared.position().unwrap_or(0);
        let intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        !events.is_empty() && events.iter().all(|event| event.id.0 < position || intake.held.contains(&event.id.0))
    }

    fn slice(&self, start: i64) -> Arc<Slice> {
        let mut slices = self.shared.slices.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slices.entry(start).or_insert_with(|| Arc::new(Slice::new(&self.dir, start))))
    }

    /// Gives rows to the writer; only then are they taken.
    fn send_rows(&self, rows: Rows, intake: &mut Intake) -> Result<(), IndexError> {
        let (first, last) = (rows.rows.first().map(|row| row.id), rows.rows.last().map(|row| row.id));
        self.send(Command::Rows(rows))?;
        intake.first = intake.first.or(first);
        intake.next = last.map(|last| last.saturating_add(1)).or(intake.next);
        Ok(())
    }

    fn send(&self, command: Command) -> Result<(), IndexError> {
        self.commands.send(command).map_err(|_| IndexError::Closed)
    }

    /// Refuses events behind a gap that the writer's failure left.
    fn check_replay(&self, intake: &mut Intake, first: Option<&Event>) -> Result<(), IndexError> {
        self.check_failure(intake)?;
        match (intake.replay_from, first) {
            (Some(position), Some(first)) if first.id.0 > position => Err(self.fell_back(position)),
            (Some(_), Some(_)) => {
                intake.replay_from = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Tells once of every failure of the writer.
    fn check_failure(&self, intake: &mut Intake) -> Result<(), IndexError> {
        let epoch = self.shared.epoch.load(Ordering::Acquire);
        if epoch == intake.epoch {
            return Ok(());
        }
        let held = self.shared.held()?;
        let first = intake.first;
        let position = self.shared.position().or(first).unwrap_or(0);
        *intake = Intake { first, next: Some(position), held, epoch, replay_from: Some(position) };
        Err(self.fell_back(position))
    }

    fn fell_back(&self, position: u64) -> IndexError {
        let reason = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        IndexError::FellBack { position: EventId(position), reason }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Close); // a writer that is gone needs no telling
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            drop(writer.join());
        }
    }
}

impl Intake {
    fn holds(&self, id: u64) -> bool {
        self.next.is_some_and(|next| id < next) || self.held.contains(&id)
    }
}

impl Shared {
    pub(crate) fn position(&self) -> Option<u64> {
        Some(self.position.load(Ordering::Acquire)).filter(|&position| position != NOWHERE)
    }

    pub(crate) fn set_position(&self, position: u64) {
        self.position.store(position, Ordering::Release);
    }

    /// Notes a failure of the writer and counts it.
    pub(crate) fn fail(&self, reason: String) -> u64 {
        self.in_trouble(Some(reason.clone()));
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = reason;
        self.epoch.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(crate) fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        self.catalogue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes why nothing can be written, or that something was.
    pub(crate) fn in_trouble(&self, reason: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// Ids at or above the position that slices hold: a crash or a failure came between two slices' commits.
    fn held(&self) -> Result<HashSet<u64>, IndexError> {
        let position = self.position().unwrap_or(0);
        let slices: Vec<_> = self.slices.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let mut held = HashSet::new();
        for slice in slices.iter().filter(|slice| slice.record().next > position) {
            slice.reload()?;
            for segment in slice.open()?.searcher().segment_readers() {
                let ids = segment.fast_fields().u64(layout::ID).map_err(|error| slice.error(error))?;
                held.extend((0..segment.max_doc()).filter_map(|doc| ids.first(doc)).filter(|&id| id >= position));
            }
        }
        Ok(held)
    }
}

fn check_order(events: &[Event]) -> Result<(), IndexError> {
    let mut pairs = events.iter().zip(events.iter().skip(1));
    match pairs.find(|(last, found)| found.id <= last.id) {
        Some((last, found)) => Err(IndexError::Disorder { last: last.id, found: found.id }),
        None => Ok(()),
    }
}

fn lock(dir: &Path) -> Result<File, IndexError> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(|source| IndexError::directory(&path, "make it", source))?;
    file.try_lock().map_err(|error| IndexError::directory(&path, "lock it: another process has it", error.into()))?;
    Ok(file)
}

/// The slices on disk and the greatest position that they record.
#[expect(clippy::type_complexity, reason = "used once, right above")]
fn read_slices(dir: &Path) -> Result<(BTreeMap<i64, Arc<Slice>>, Option<u64>), IndexError> {
    let mut slices = BTreeMap::new();
    let mut position = None;
    let unreadable = |source| IndexError::directory(dir, "read it", source);
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        if Path::new(&name).extension().is_some_and(|extension| extension == slice::DOOMED) {
            std::fs::remove_dir_all(entry.path())
                .map_err(|source| IndexError::directory(&entry.path(), "delete what is left of it", source))?;
            continue;
        }
        let Some(start) = name.to_str().and_then(slice::start_of_name) else { continue };
        let slice = Slice::new(dir, start);
        if slice.read()? {
            let record = slice.record();
            position = position.max((record.documents > 0).then_some(record.position));
            slices.insert(start, Arc::new(slice));
        }
    }
    Ok((slices, position))
}

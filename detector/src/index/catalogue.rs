//! Which slices there are: a small file beside them, so that one that vanished is missed.
//!
//! It follows the slices' own commits and never runs ahead of them: a slice that holds fewer events than the catalogue says
//! has lost some. It is written when a slice is begun or deleted, every minute, and at the end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use event::EventId;
use serde::{Deserialize, Serialize};

use super::slice::{self, Slice, SliceRecord};
use super::writer::Command;
use super::{Index, IndexError, Intake, PoisonError, layout};

const FILE: &str = "catalogue.json";
const VERSION: u32 = 1;
const KEEP_EVERY: Duration = Duration::from_secs(60);
/// Slices in the file; more are damage.
const SLICES_MAX: usize = 1_000_000;

/// Events that the index had once and had no more when it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// The slice's directory name.
    pub slice: String,
    /// No event of it is before this one.
    pub first: EventId,
    /// Nor at or behind this one.
    pub next: EventId,
    /// How many are missing.
    pub events: u64,
    /// How many of it are there.
    #[serde(skip)]
    held: u64,
}

/// A slice as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    first: u64,
    next: u64,
    documents: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    slices: BTreeMap<String, Known>,
}

/// The catalogue and its file.
#[derive(Debug)]
pub(crate) struct Catalogue {
    path: PathBuf,
    known: BTreeMap<String, Known>,
    kept_at: Instant,
}

impl Catalogue {
    /// Reads it and compares it with the slices that there are. One that is missing or damaged is made anew, which is told.
    pub(crate) fn open(dir: &Path, slices: &BTreeMap<i64, Arc<Slice>>) -> Result<(Self, Vec<Lost>), IndexError> {
        let path = dir.join(FILE);
        let read = match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(IndexError::directory(&path, "read it", source)),
        };
        let known = match read.map(|bytes| parse(&bytes)) {
            None => BTreeMap::new(),
            Some(Ok(known)) => known,
            Some(Err(Some(version))) => {
                return Err(IndexError::Newer { slice: FILE.to_owned(), version, newest: VERSION });
            }
            Some(Err(None)) => {
                tracing::error!(path = %path.display(), "catalogue of the index is damaged; it is made anew, and a slice that vanished before is not missed");
                BTreeMap::new()
            }
        };
        let mut catalogue = Self { path, known, kept_at: Instant::now() };
        let lost = catalogue.compare(slices);
        catalogue.write()?;
        Ok((catalogue, lost))
    }

    fn compare(&mut self, slices: &BTreeMap<i64, Arc<Slice>>) -> Vec<Lost> {
        let mut lost = Vec::new();
        let mut before = 0;
        for slice in slices.values() {
            let record = slice.record();
            self.raise(&slice.name, &record, before);
            before = before.max(record.next);
        }
        for (name, known) in &self.known {
            let found = slice::start_of_name(name).and_then(|start| slices.get(&start));
            let found = found.map_or(0, |slice| slice.record().documents);
            if found < known.documents {
                let (first, next) = (EventId(known.first), EventId(known.next));
                let events = known.documents - found;
                lost.push(Lost { slice: name.clone(), first, next, events, held: found });
            }
        }
        lost
    }

    /// A slice committed; `before` is the position from before.
    pub(crate) fn note(&mut self, name: &str, record: &SliceRecord, before: u64) {
        let is_new = !self.known.contains_key(name);
        self.raise(name, record, before);
        if is_new || self.kept_at.elapsed() >= KEEP_EVERY {
            self.keep();
        }
    }

    /// What was lost stays on the list until [`Index::settle`].
    fn raise(&mut self, name: &str, record: &SliceRecord, before: u64) {
        let fresh = Known { first: before.min(record.next), next: record.next, documents: 0 };
        let known = self.known.entry(name.to_owned()).or_insert(fresh);
        known.next = known.next.max(record.next);
        known.documents = known.documents.max(record.documents);
    }

    /// Events of a slice are about to be deleted; with its last one the slice is.
    pub(crate) fn lower(&mut self, name: &str, events: u64) -> Result<(), IndexError> {
        if let Some(known) = self.known.get_mut(name) {
            known.documents = known.documents.saturating_sub(events);
        }
        self.known.retain(|_, known| known.documents > 0);
        self.write()
    }

    /// Writes it; that it could not is told, the next time comes soon.
    pub(crate) fn keep(&mut self) {
        if let Err(error) = self.write() {
            tracing::warn!(%error, "catalogue of the index not written");
        }
    }

    fn write(&mut self) -> Result<(), IndexError> {
        let form = Form { version: VERSION, slices: self.known.clone() };
        let written = serde_json::to_vec(&form).map_err(io::Error::other).and_then(|bytes| replace(&self.path, &bytes));
        written.map_err(|source| IndexError::directory(&self.path, "write it", source))?;
        self.kept_at = Instant::now();
        Ok(())
    }
}

/// Reads the file's form; the error holds the version of one that is newer.
fn parse(bytes: &[u8]) -> Result<BTreeMap<String, Known>, Option<u32>> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(bytes).map_err(|_| None)?;
    if version > VERSION {
        return Err(Some(version));
    }
    let form: Form = serde_json::from_slice(bytes).map_err(|_| None)?;
    if form.slices.len() <= SLICES_MAX { Ok(form.slices) } else { Err(None) }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

impl Index {
    /// What the catalogue names and the directory did not have when the index was opened.
    pub fn lost(&self) -> &[Lost] {
        &self.lost
    }

    /// Makes the index want again what it lost, as far as it comes behind `oldest`, which is the oldest event that can still
    /// be given; gives where to begin. Call it before anything is added.
    ///
    /// # Errors
    /// When a slice cannot be read.
    pub fn want_lost(&self, oldest: EventId) -> Result<Option<EventId>, IndexError> {
        let Some(first) = self.lost.iter().map(|lost| lost.first.0).min() else { return Ok(None) };
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        let from = self.shared.position().map_or(first, |position| position.min(first)).max(oldest.0);
        self.shared.position.store(from, Ordering::Release);
        self.send(Command::From(from))?;
        let held = self.shared.held()?;
        *intake = Intake { next: Some(from), held, epoch: intake.epoch, ..Intake::default() };
        Ok(Some(EventId(from)))
    }

    /// Everything that could be given again was: gives how many events of what was lost are back, and forgets the rest.
    ///
    /// # Errors
    /// When the catalogue cannot be written.
    pub fn settle(&self) -> Result<Vec<(Lost, u64)>, IndexError> {
        let slices = self.slices();
        let mut catalogue = self.shared.catalogue();
        let mut settled = Vec::new();
        for lost in &self.lost {
            let slice = slices.iter().find(|slice| slice.name == lost.slice);
            let there = slice.map_or(Ok(0), |slice| events_before(slice, lost.next.0))?;
            settled.push((lost.clone(), there.saturating_sub(lost.held).min(lost.events)));
            if let Some(known) = catalogue.known.get_mut(&lost.slice) {
                known.documents = slice.map_or(0, |slice| slice.record().documents);
            }
        }
        catalogue.known.retain(|_, known| known.documents > 0);
        catalogue.write()?;
        Ok(settled)
    }
}

/// Events of a slice whose ids are below `next`.
fn events_before(slice: &Slice, next: u64) -> Result<u64, IndexError> {
    slice.reload()?;
    let mut count = 0;
    for segment in slice.open()?.searcher().segment_readers() {
        let ids = segment.fast_fields().u64(layout::ID).map_err(|error| slice.error(error))?;
        count += segment.doc_ids_alive().filter_map(|doc| ids.first(doc)).filter(|id| *id < next).count() as u64;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_does_not_know_is_refused_and_damage_is_told_apart() {
        let good = br#"{"version":1,"slices":{"20261103T000000Z":{"first":0,"next":9,"documents":9}}}"#;
        assert_eq!(parse(good).map(|known| known.len()), Ok(1));
        assert_eq!(parse(br#"{"version":2,"shape":"another"}"#).err(), Some(Some(2)));
        for damaged in [&b""[..], b"{", br#"{"version":1}"#, br#"{"version":1,"slices":{"x":{"first":0}}}"#] {
            assert_eq!(parse(damaged).err(), Some(None));
        }
    }
}

//! One time slice: its directory, its record, its Tantivy index, opened when it is first needed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use event::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tantivy::directory::MmapDirectory;
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::{IndexReader, IndexWriter, ReloadPolicy, Searcher};

use super::IndexError;
use super::document::Row;
use super::layout::{self, Layout};
use super::words;

/// Decompressed blocks of stored events that one segment keeps.
const STORE_CACHE_BLOCKS: usize = 2;
/// Stored events that are compressed together. Whoever reads one of them unpacks them all, in 0.3 ms; blocks of half the size
/// cost 7 % more disk.
const STORE_BLOCK_BYTES: usize = 512 * 1024;
/// How hard zstd tries, while segments are written: three microseconds an event for 8 % less disk than level 1. Merges take
/// blocks over as they are, so sealing does not do it again.
const STORE_LEVEL: i32 = 6;
/// The extension of a slice's directory that is being deleted.
pub(crate) const DOOMED: &str = "deleted";
const NAME_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// What a slice's last commit says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SliceRecord {
    /// The form of this record and of the events stored: 1 for events as JSON, 2 when some are packed, 3 when values may
    /// lie in the column of another field.
    pub(crate) version: u32,
    /// The first event that no slice is sure to hold, as far as this commit knows.
    pub(crate) position: u64,
    /// One more than the greatest event id in it.
    pub(crate) next: u64,
    /// Least event time in nanoseconds.
    pub(crate) least: i64,
    /// Greatest event time in nanoseconds.
    pub(crate) greatest: i64,
    /// Number of events.
    pub(crate) documents: u64,
}

impl SliceRecord {
    pub(crate) const VERSION: u32 = 3;

    /// The record of a slice without events.
    pub(crate) fn empty() -> Self {
        Self { version: Self::VERSION, position: 0, next: 0, least: i64::MAX, greatest: i64::MIN, documents: 0 }
    }

    /// Counts an event in.
    pub(crate) fn take(&mut self, id: u64, time: i64) {
        self.version = Self::VERSION;
        self.next = self.next.max(id.saturating_add(1));
        self.least = self.least.min(time);
        self.greatest = self.greatest.max(time);
        self.documents += 1;
    }
}

/// A slice's Tantivy index, open.
pub(crate) struct Opened {
    pub(crate) index: tantivy::Index,
    pub(crate) layout: Arc<Layout>,
    reader: IndexReader,
}

impl Opened {
    /// What can be searched now.
    pub(crate) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }
}

impl std::fmt::Debug for Slice {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Slice").field("name", &self.name).field("record", &self.record()).finish()
    }
}

/// One time slice.
pub(crate) struct Slice {
    pub(crate) name: String,
    start_secs: i64,
    path: PathBuf,
    record: RwLock<SliceRecord>,
    opened: Mutex<Option<Arc<Opened>>>,
    /// Who puts its segments together, as long as nobody has events for it.
    sealing: Mutex<Option<IndexWriter<Row>>>,
}

impl Slice {
    /// A slice of this start that may not be on disk yet.
    pub(crate) fn new(dir: &Path, start_secs: i64) -> Self {
        let name = name_of(start_secs);
        Self {
            path: dir.join(&name),
            name,
            start_secs,
            record: RwLock::new(SliceRecord::empty()),
            opened: Mutex::new(None),
            sealing: Mutex::new(None),
        }
    }

    /// Reads the record of a slice on disk; `false` when the directory holds no index yet.
    pub(crate) fn read(&self) -> Result<bool, IndexError> {
        let directory = self.directory()?;
        if !tantivy::Index::exists(&directory).map_err(|error| self.damaged(error))? {
            return Ok(false);
        }
        let index = tantivy::Index::open(directory).map_err(|error| self.damaged(error))?;
        let metas = index.load_metas().map_err(|error| self.damaged(error))?;
        let Some(payload) = metas.payload else { return Ok(true) };
        let record: SliceRecord = serde_json::from_str(&payload).map_err(|error| self.damaged(error))?;
        if record.version > SliceRecord::VERSION {
            let (slice, version, newest) = (self.name.clone(), record.version, SliceRecord::VERSION);
            return Err(IndexError::Newer { slice, version, newest });
        }
        self.set_record(record);
        Ok(true)
    }

    /// What its last commit says.
    pub(crate) fn record(&self) -> SliceRecord {
        *self.record.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the record, after a commit.
    pub(crate) fn set_record(&self, record: SliceRecord) {
        *self.record.write().unwrap_or_else(PoisonError::into_inner) = record;
    }

    /// The Tantivy index, opened or made when this is the first use.
    pub(crate) fn open(&self) -> Result<Arc<Opened>, IndexError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = &*opened {
            return Ok(Arc::clone(opened));
        }
        let directory = self.directory()?;
        let exists = tantivy::Index::exists(&directory).map_err(|error| self.damaged(error))?;
        let index = if exists { tantivy::Index::open(directory) } else { Self::builder().open_or_create(directory) };
        let index = index.map_err(|error| self.error(error))?;
        words::register(index.tokenizers());
        let layout = Layout::of(&index.schema()).ok_or_else(|| self.damaged("its schema is not ours"))?;
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(STORE_CACHE_BLOCKS)
            .try_into()
            .map_err(|error| self.error(error))?;
        let fresh = Arc::new(Opened { index, layout: Arc::new(layout), reader });
        *opened = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// The writer that puts its segments together. A slice has one writer at a time: whoever opens one holds this lock
    /// meanwhile, and who has events for the slice takes this one over, with the merge that goes on in it.
    pub(crate) fn sealing(&self) -> MutexGuard<'_, Option<IndexWriter<Row>>> {
        self.sealing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets searches see the last commit.
    pub(crate) fn reload(&self) -> Result<(), IndexError> {
        self.open()?.reader.reload().map_err(|error| self.error(error))
    }

    /// An error of this slice.
    pub(crate) fn error(&self, source: impl Into<tantivy::TantivyError>) -> IndexError {
        IndexError::tantivy(&self.name, source)
    }

    /// Its directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The time of receipt, in seconds, at which it begins.
    pub(crate) fn start_secs(&self) -> i64 {
        self.start_secs
    }

    /// Deletes it from the disk; searches that have it open end undisturbed.
    pub(crate) fn remove(&self) -> Result<(), IndexError> {
        // Under another name first: a crash in between must not leave half a slice under its own.
        let doomed = self.path.with_extension(DOOMED);
        let failed = |source| IndexError::directory(&self.path, "delete it", source);
        std::fs::rename(&self.path, &doomed).map_err(failed)?;
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = None;
        std::fs::remove_dir_all(&doomed).map_err(failed)
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        let Ok(entries) = std::fs::read_dir(&self.path) else { return 0 };
        entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    fn builder() -> tantivy::index::IndexBuilder {
        let compressor = Compressor::Zstd(ZstdCompressor { compression_level: Some(STORE_LEVEL) });
        tantivy::Index::builder().schema(layout::schema()).settings(tantivy::IndexSettings {
            docstore_compression: compressor,
            docstore_blocksize: STORE_BLOCK_BYTES,
            docstore_compress_dedicated_thread: false,
            ..tantivy::IndexSettings::default()
        })
    }

    fn directory(&self) -> Result<MmapDirectory, IndexError> {
        std::fs::create_dir_all(&self.path).map_err(|source| IndexError::directory(&self.path, "make it", source))?;
        MmapDirectory::open(&self.path).map_err(|error| self.error(error))
    }

    fn damaged(&self, reason: impl ToString) -> IndexError {
        IndexError::Damaged { slice: self.name.clone(), reason: reason.to_string() }
    }
}

/// The start of the slice, in seconds, that an event received at `received` belongs to.
pub(crate) fn start_of(received: Timestamp, length_secs: i64) -> i64 {
    received.secs().div_euclid(length_secs.max(1)).saturating_mul(length_secs.max(1))
}

/// A slice's directory name.
fn name_of(start_secs: i64) -> String {
    Timestamp::from_secs(start_secs).to_jiff().strftime(NAME_FORMAT).to_string()
}

/// Reads a slice's directory name; `None` when it is none.
pub(crate) fn start_of_name(name: &str) -> Option<i64> {
    let start = DateTime::strptime(NAME_FORMAT, name).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    (name_of(start) == name).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_named_by_its_start() {
        let received = Timestamp::parse_rfc3339("2026-11-03T17:45:12.5Z").unwrap();
        let start = start_of(received, 86_400);
        assert_eq!(name_of(start), "20261103T000000Z");
        assert_eq!(start_of_name("20261103T000000Z"), Some(start));
        assert_eq!(name_of(start_of(received, 3_600)), "20261103T170000Z");
        for other in ["", "lock", "20261103", "20261103T000000", "20261303T000000Z", "x20261103T000000Z"] {
            assert_eq!(start_of_name(other), None, "{other}");
        }
    }
}

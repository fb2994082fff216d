//! A snapshot of the index: every slice as its last commit has it, linked into another directory.
//!
//! Tantivy never changes a file that a commit names, and deletes files only under its lock of `meta.json`: under that lock
//! the commit is read and its files are linked, which takes no time and no room. Where links cannot be made the files are
//! copied.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::PoisonError;
use std::sync::mpsc::sync_channel;

use event::EventId;
use serde::Deserialize;
use tantivy::Directory as _;
use tantivy::directory::META_LOCK;

use super::slice::{Slice, SliceRecord};
use super::writer::Command;
use super::{Index, IndexError, Shared};

const META: &str = "meta.json";
/// Tantivy's list of the files that it may delete one day.
const MANAGED: &str = ".managed.json";

/// What a snapshot holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Everything before this event is in it; `None` of an empty index.
    pub position: Option<EventId>,
    /// Number of events.
    pub documents: u64,
    /// Number of slices.
    pub slices: usize,
}

impl Index {
    /// Links everything that is durable into `into`, an empty directory, best on the same file system. What was added
    /// before is in it. Blocks; writing waits meanwhile, searching does not.
    ///
    /// # Errors
    /// When a slice cannot be read or a file cannot be linked.
    pub fn snapshot(&self, into: &Path) -> Result<Snapshot, IndexError> {
        let (answer, done) = sync_channel(1);
        self.send(Command::Snapshot(into.to_owned(), answer))?;
        done.recv().map_err(|_| IndexError::Closed)?
    }
}

/// A segment as `meta.json` names it.
#[derive(Deserialize)]
struct SegmentName {
    segment_id: String,
    #[serde(default)]
    deletes: Option<Deletes>,
}

#[derive(Deserialize)]
struct Deletes {
    opstamp: u64,
}

/// What of `meta.json` a snapshot needs.
#[derive(Deserialize)]
struct Meta {
    segments: Vec<SegmentName>,
    #[serde(default)]
    payload: Option<String>,
}

impl SegmentName {
    /// Whether a file of the directory belongs to the commit.
    fn owns(&self, name: &str) -> bool {
        let id = self.segment_id.replace('-', "");
        let Some(part) = name.strip_prefix(&id).and_then(|rest| rest.strip_prefix('.')) else { return false };
        if part.ends_with("del") {
            return self.deletes.as_ref().is_some_and(|deletes| part == format!("{}.del", deletes.opstamp));
        }
        !part.ends_with("temp")
    }
}

/// Links all slices; called where nothing commits meanwhile.
pub(crate) fn link_all(shared: &Shared, into: &Path) -> Result<Snapshot, IndexError> {
    let slices: Vec<_> = shared.slices.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
    let mut snapshot = Snapshot::default();
    for slice in slices {
        let target = into.join(&slice.name);
        match link(&slice, &target) {
            Ok(None) => {}
            Ok(Some(record)) => {
                snapshot.slices += 1;
                snapshot.documents += record.documents;
                let position = (record.documents > 0).then_some(EventId(record.position));
                snapshot.position = snapshot.position.max(position);
            }
            // Deleted meanwhile, because its time is over: what was linked of it is taken back.
            Err(_) if !slice.path().exists() => {
                fs::remove_dir_all(&target)
                    .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
                    .map_err(|source| IndexError::directory(&target, "delete what is left of it", source))?;
            }
            Err(error) => return Err(error),
        }
    }
    sync(into).map_err(|source| IndexError::directory(into, "flush it", source))?;
    Ok(snapshot)
}

/// Links one slice; `None` of one that never committed.
fn link(slice: &Slice, target: &Path) -> Result<Option<SliceRecord>, IndexError> {
    let from = slice.path();
    if !from.join(META).exists() {
        return Ok(None);
    }
    let opened = slice.open()?;
    let lock = opened.index.directory().acquire_lock(&META_LOCK);
    let _lock = lock.map_err(|error| slice.error(tantivy::TantivyError::from(error)))?;
    let read = |source| IndexError::directory(from, "read it", source);
    let bytes = fs::read(from.join(META)).map_err(read)?;
    let damaged = |reason: String| IndexError::Damaged { slice: slice.name.clone(), reason };
    let meta: Meta = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    let record = meta.payload.as_deref().map(serde_json::from_str::<SliceRecord>).transpose();
    let record = record.map_err(|error| damaged(error.to_string()))?.unwrap_or_else(SliceRecord::empty);
    let write = |source| IndexError::directory(target, "write it", source);
    fs::create_dir_all(target).map_err(write)?;
    let mut names = BTreeSet::from([META.to_owned()]);
    for entry in fs::read_dir(from).map_err(read)? {
        let entry = entry.map_err(read)?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        if meta.segments.iter().any(|segment| segment.owns(&name)) {
            link_or_copy(&entry.path(), &target.join(&name)).map_err(write)?;
            names.insert(name);
        }
    }
    let managed = serde_json::to_vec(&names).map_err(|error| damaged(error.to_string()))?;
    put(&target.join(MANAGED), &managed).and_then(|()| put(&target.join(META), &bytes)).map_err(write)?;
    sync(target).map_err(write)?;
    Ok(Some(record))
}

fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        Err(_) => fs::copy(from, to).and_then(|_| File::open(to)?.sync_all()),
    }
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_owns_its_own_files() {
        let segment = SegmentName {
            segment_id: "0a1b2c3d-0000-0000-0000-000000000001".to_owned(),
            deletes: Some(Deletes { opstamp: 7 }),
        };
        for (name, expected) in [
            ("0a1b2c3d000000000000000000000001.store", true),
            ("0a1b2c3d000000000000000000000001.7.del", true),
            ("0a1b2c3d000000000000000000000001.6.del", false),
            ("0a1b2c3d000000000000000000000001.store.temp", false),
            ("0a1b2c3d000000000000000000000002.store", false),
            ("0a1b2c3d000000000000000000000001", false),
            ("meta.json", false),
        ] {
            assert_eq!(segment.owns(name), expected, "{name}");
        }
    }
}

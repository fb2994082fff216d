//! Files that are followed, and up to where each is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What stands before a file and its place in a record.
const PREFIX: &str = "file1:";
/// Most files that are remembered; the one that grew longest ago goes first.
const FILES_MAX: usize = 10_000;

/// A file, whatever its name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileId {
    /// The device it lies on.
    pub device: u64,
    /// Its number there, which another file may get when it is gone.
    pub inode: u64,
}

/// Up to where a file is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Bytes from its beginning.
    pub offset: u64,
    /// A check of its first bytes, of 256 or as many as were read: another file with its number begins otherwise.
    pub head: u64,
}

/// Places by file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Files {
    /// With the step in which it grew last.
    by_id: BTreeMap<FileId, (Place, u64)>,
    steps: u64,
}

impl Files {
    /// As it was written down.
    pub(super) fn from_json(json: &[u8]) -> Option<Self> {
        let places: Vec<(FileId, Place)> = serde_json::from_slice(json).ok()?;
        let mut files = Self::default();
        for (file, place) in places {
            files.set(file, place);
        }
        Some(files)
    }

    /// To be written down: those that grew last come last.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut places: Vec<_> = self.by_id.iter().map(|(file, (place, step))| (step, file, place)).collect();
        places.sort_by_key(|(step, ..)| **step);
        let places: Vec<_> = places.into_iter().map(|(_, file, place)| (file, place)).collect();
        // Numbers can always be written.
        serde_json::to_vec(&places).unwrap_or_default()
    }

    pub(super) fn place(&self, file: FileId) -> Option<Place> {
        self.by_id.get(&file).map(|(place, _)| *place)
    }

    /// The file is stored up to `place`; what was known of it before is over, since its lines come in order.
    pub(super) fn set(&mut self, file: FileId, place: Place) {
        self.steps += 1;
        self.by_id.insert(file, (place, self.steps));
        if self.by_id.len() > FILES_MAX {
            let oldest = self.by_id.iter().min_by_key(|(_, (_, step))| *step).map(|(file, _)| *file);
            oldest.and_then(|file| self.by_id.remove(&file));
        }
    }
}

/// What a record says that ends at `place` of a file.
pub fn write(file: FileId, place: Place) -> String {
    format!("{PREFIX}{:x}:{:x}:{:x}:{:x}", file.device, file.inode, place.offset, place.head)
}

/// The file and the place that a record carries.
pub(super) fn read(text: &str) -> Option<(FileId, Place)> {
    let mut numbers = text.strip_prefix(PREFIX)?.split(':').map(|digits| u64::from_str_radix(digits, 16).ok());
    let mut next = || numbers.next().flatten();
    let file = FileId { device: next()?, inode: next()? };
    Some((file, Place { offset: next()?, head: next()? }))
}

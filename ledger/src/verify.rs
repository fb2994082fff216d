//! The whole record, walked from its first entry to its last; the first thing that is wrong is named.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use event::Timestamp;

use crate::beside::Beside;
use crate::form::{self, Form};
use crate::tree::{LEVELS_MAX, TreeReader, count};
use crate::walk::{self, Along, Behind, Key, Position, Sealed};
use crate::{Checkpoint, Fault, Hash, StoredEntry, open, parse_note, segment, tree, verifier_key};

/// That a record is whole.
#[derive(Debug, Clone)]
pub struct Report {
    /// Entries under the last checkpoint.
    pub entries: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// Checkpoints met, each with its signature verified.
    pub checkpoints: u64,
    /// Files of entries.
    pub segments: usize,
    /// Entries (or parts of them) behind the last checkpoint: a group that is being written, or that a crash tore.
    pub torn_end: bool,
    /// When the last entry was appended.
    pub last: Option<Timestamp>,
    /// The key that signed, as a verifier key.
    pub signed_by: String,
    /// Whether the caller gave the key; otherwise it is only the one that lies beside the record.
    pub key_given: bool,
}

/// Verifies a record, also while it is being written. Without a key the one beside the record is used, which finds
/// accidents but nobody who replaced both.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(directory: &Path, public_key: Option<&[u8]>) -> Result<Report, Fault> {
    run(directory, public_key, None)
}

/// [`verify`], and that the record continues the one that an earlier checkpoint, kept elsewhere, speaks of: a signed
/// note as [`crate::SignedCheckpoint::note`] gives it.
///
/// # Errors
/// The first thing that is wrong; [`Fault::Cut`] or [`Fault::Rewritten`] when the record was taken back or replaced.
pub fn verify_against(directory: &Path, public_key: Option<&[u8]>, note: &str) -> Result<Report, Fault> {
    run(directory, public_key, Some(note))
}

fn run(directory: &Path, public_key: Option<&[u8]>, note: Option<&str>) -> Result<Report, Fault> {
    if let Form::Unknown(found) = form::read(directory).map_err(Fault::unreadable(directory))? {
        return Err(Fault::Form { file: "format".to_owned(), found });
    }
    let key = key_of(directory, public_key)?;
    let kept = note.map(|note| genuine(note, &key)).transpose()?;
    // Read first: what is written later only adds to it.
    let newest = open::read_newest(directory, &key);
    let entries = segment::directory(directory);
    let segments = segment::list(directory).map_err(Fault::unreadable(&entries))?;
    let expected = newest.as_ref().map_or(0, |signed| signed.checkpoint.size);
    let mut along = Comparing::open(directory, expected)?;
    along.anchors.extend(kept.clone());
    along.anchors.extend(newest.as_ref().ok().map(|signed| signed.checkpoint.clone()));
    let signed_size = expected.max(kept.as_ref().map_or(0, |kept| kept.size));
    let (sealed, torn_end) = walk_all(directory, &key, &segments, &mut along, signed_size)?;
    let found = sealed.position.frontier.size();
    match newest {
        // An empty ledger has no checkpoint yet.
        Err(Fault::Newest { reason: "it is empty" | "it cannot be read", .. }) if found == 0 => {}
        Err(fault) => return Err(fault),
        Ok(_) => {}
    }
    if signed_size > found {
        return Err(Fault::Cut { found, expected: signed_size });
    }
    along.beside.end(found)?;
    // The entries agree with the tree by now; what was given may speak of a size between two checkpoints.
    if let Some(kept) = kept
        && root_at(directory, kept.size)? != kept.root
    {
        return Err(Fault::Rewritten { from: 0, to: kept.size.saturating_sub(1) });
    }
    Ok(Report {
        entries: found,
        root: sealed.position.frontier.root(),
        checkpoints: sealed.checkpoints,
        segments: segments.len(),
        torn_end,
        last: sealed.position.time,
        signed_by: verifier_key(&key.name, &key.public_key),
        key_given: public_key.is_some(),
    })
}

/// The key beside the record, which must be the one that was given.
pub(crate) fn key_of(directory: &Path, public_key: Option<&[u8]>) -> Result<Key, Fault> {
    let key = open::read_key(directory)?;
    if public_key.is_some_and(|given| given != key.public_key) {
        return Err(Fault::Key { file: "key".to_owned() });
    }
    Ok(key)
}

/// The root over the first `size` entries, from the stored tree.
pub(crate) fn root_at(directory: &Path, size: u64) -> Result<Hash, Fault> {
    TreeReader::new(directory).root(size).map_err(Fault::unreadable(&tree::directory(directory)))
}

fn walk_all(
    directory: &Path,
    key: &Key,
    segments: &[u64],
    along: &mut Comparing,
    signed_size: u64,
) -> Result<(Sealed, bool), Fault> {
    let mut sealed = Sealed { position: Position::start(), checkpoint: None, bytes: 0, checkpoints: 0 };
    for (number, first) in segments.iter().enumerate() {
        let (reached, behind) = walk::segment(directory, *first, sealed, key, along)?;
        sealed = reached;
        let Some(Behind { fault, cut }) = behind else { continue };
        let last = number + 1 == segments.len();
        let found = sealed.position.frontier.size();
        if last && signed_size <= found {
            return Ok((sealed, true));
        }
        return Err(if last && cut { Fault::Cut { found, expected: signed_size } } else { fault });
    }
    Ok((sealed, false))
}

/// Reads a note that was kept elsewhere and must be signed by the key.
pub(crate) fn genuine(note: &str, key: &Key) -> Result<Checkpoint, Fault> {
    let fault = |reason| Fault::Newest { file: "the checkpoint that was given".to_owned(), reason };
    let signed = parse_note(note.as_bytes()).map_err(|_| fault("it is damaged"))?;
    if signed.checkpoint.origin != key.name || !signed.is_signed_by(&key.public_key) {
        return Err(fault("its signature is not that of the key"));
    }
    Ok(signed.checkpoint)
}

/// Holds the entries against the stored tree and against checkpoints from elsewhere.
struct Comparing {
    /// Hashes met and the stored ones, until those end.
    levels: Vec<(u64, Option<BufReader<File>>)>,
    /// Leaves that the tree must have.
    expected: u64,
    anchors: Vec<Checkpoint>,
    beside: Beside,
}

impl Comparing {
    fn open(directory: &Path, expected: u64) -> Result<Self, Fault> {
        let mut levels = Vec::new();
        for level in 0..LEVELS_MAX {
            let path = tree::path(directory, level);
            let file = File::open(&path).map_err(Fault::unreadable(&path))?;
            levels.push((0, Some(BufReader::new(file))));
        }
        Ok(Self { levels, expected, anchors: Vec::new(), beside: Beside::open(directory, expected)? })
    }
}

impl Along for Comparing {
    fn hash(&mut self, level: u32, hash: &Hash) -> Result<(), Fault> {
        let Some((index, reader)) = self.levels.get_mut(level as usize) else { return Ok(()) };
        let at = *index;
        *index += 1;
        let mut stored = [0; 32];
        let read = reader.as_mut().is_some_and(|reader| reader.read_exact(&mut stored).is_ok());
        if !read {
            *reader = None;
        }
        // The tree is written after the log and before the newest checkpoint.
        let later = !read && at >= count(self.expected, level);
        match level {
            _ if later || (read && stored == *hash) => Ok(()),
            0 => Err(Fault::Leaf { index: at }),
            _ => Err(Fault::Tree { level, index: at }),
        }
    }

    fn entry(&mut self, entry: &StoredEntry) -> Result<(), Fault> {
        self.beside.entry(entry)
    }

    fn sealed(&mut self, checkpoint: &Checkpoint) -> Result<(), Fault> {
        let differs = |anchor: &Checkpoint| anchor.size == checkpoint.size && anchor.root != checkpoint.root;
        if self.anchors.iter().any(differs) {
            return Err(Fault::Rewritten { from: 0, to: checkpoint.size.saturating_sub(1) });
        }
        Ok(())
    }
}

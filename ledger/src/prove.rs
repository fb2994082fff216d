//! The handle, continued: proofs, tiles, questions, destruction.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::PoisonError;

use crate::batch::{Leaves, Salt};
use crate::destroy;
use crate::evidence::{BatchPath, EntryPath};
use crate::line::entry_json;
use crate::question::Question;
use crate::side::{self, Frame, Frames, Kind, Segment, Step};
use crate::tile::{TILE_WIDTH, TileKind, TilePath, write_bundled};
use crate::tree::{self, LEVELS_MAX, TreeReader};
use crate::verify::{genuine, key_of, root_at};
use crate::{
    ConsistencyProof, Destroyed, Destruction, EventProof, Fault, Ledger, LedgerError, Proof, verify_consistency,
};

/// Segments that are looked through for an event: where events were indexed again after a crash they overlap.
const SEGMENTS_SEARCHED_MAX: usize = 64;

/// What the ledger holds of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventEvidence {
    /// The proof, without the record.
    pub proof: EventProof,
    /// The salt of its leaf; `None` when it was destroyed.
    pub salt: Option<Salt>,
}

impl Ledger {
    /// Proves that an entry is under the newest checkpoint.
    ///
    /// # Errors
    /// When there is no such entry or the stored tree cannot be read.
    pub fn prove(&self, index: u64) -> Result<Proof, LedgerError> {
        let signed = self.checkpoint().ok_or(LedgerError::Absent { index, size: 0 })?;
        let size = signed.checkpoint.size;
        if index >= size {
            return Err(LedgerError::Absent { index, size });
        }
        let reader = TreeReader::new(self.directory());
        let tree = tree::directory(self.directory());
        let leaf = reader.leaf(index).map_err(LedgerError::disk(&tree))?;
        let path = reader.path(index, size).map_err(LedgerError::disk(&tree))?;
        Ok(Proof { index, leaf, path, note: signed.note() })
    }

    /// Proves that an event's record is under the newest checkpoint; `None` when no batch holds it, or all of its
    /// batch was destroyed. Reads files: call it where blocking is allowed.
    ///
    /// Give the salt only to who may see the whole record: with it a guess can be tried.
    ///
    /// # Errors
    /// When a file cannot be read or what it holds is damaged.
    pub fn prove_event(&self, event: u64) -> Result<Option<EventEvidence>, LedgerError> {
        let Some((entry, leaves, position)) = self.leaves_of(event)? else { return Ok(None) };
        let Some((leaf, salt, path)) = leaves.prove(position) else { return Ok(None) };
        let log = self.prove(entry)?;
        let mut text = String::new();
        self.each(entry..entry + 1, |index, first, line| {
            let changed = |reason| Fault::Changed { index, file: crate::segment::name(first), reason };
            text = String::from_utf8_lossy(entry_json(line).map_err(changed)?).into_owned();
            Ok(())
        })?;
        let hexadecimal = |path: &[crate::Hash]| path.iter().map(hex::encode).collect();
        let batch = BatchPath { index: position as u64, size: leaves.len() as u64, path: hexadecimal(&path) };
        let entry = EntryPath { index: entry, text, path: hexadecimal(&log.path) };
        let proof = EventProof::new(event, &leaf, batch, entry, log.note);
        Ok(Some(EventEvidence { proof, salt }))
    }

    /// The newest batch that holds an event.
    fn leaves_of(&self, event: u64) -> Result<Option<(u64, Leaves, usize)>, LedgerError> {
        let folder = side::directory(self.directory(), Kind::Records);
        let segments = side::list(self.directory(), Kind::Records).map_err(LedgerError::disk(&folder))?;
        let near = segments.into_iter().rev().filter(|segment| segment.event <= event);
        for segment in near.take(SEGMENTS_SEARCHED_MAX) {
            let mut found = None;
            self.frames(Kind::Records, segment, |frame, file| {
                let damaged = |reason| Fault::Beside { entry: frame.entry, file: file_name(file), reason };
                let leaves = Leaves::parse(&frame.body).map_err(damaged)?;
                if let Some(position) = leaves.position(event) {
                    found = Some((frame.entry, leaves, position));
                }
                Ok(found.is_none())
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Goes through the frames of durable entries in a segment, until `more` says no.
    fn frames(
        &self,
        kind: Kind,
        segment: Segment,
        mut more: impl FnMut(&Frame, &Path) -> Result<bool, LedgerError>,
    ) -> Result<(), LedgerError> {
        let size = self.len();
        let path = segment.path(self.directory(), kind);
        let mut frames = Frames::new(self.directory(), kind, vec![segment]);
        loop {
            let damaged = |entry, reason| Fault::Beside { entry, file: file_name(&path), reason };
            let step = frames.next().map_err(LedgerError::disk(&path))?;
            match step.map_err(|reason| damaged(segment.entry, reason))? {
                Step::Frame(frame) if frame.entry >= size => return Ok(()),
                Step::Frame(frame) => {
                    if !more(&frame, &path)? {
                        return Ok(());
                    }
                }
                Step::Unsound { entry } => {
                    let reason = crate::LineFault::Shape("its bytes were changed");
                    return Err(damaged(entry, reason).into());
                }
                Step::Torn | Step::End => return Ok(()),
            }
        }
    }

    /// The questions that entries asked, by entry. Entries that asked none, or whose text was destroyed, are left out.
    ///
    /// # Errors
    /// When a file cannot be read or what it holds is damaged.
    pub fn questions(&self, entries: &[u64]) -> Result<BTreeMap<u64, Question>, LedgerError> {
        let wanted: BTreeSet<u64> = entries.iter().copied().collect();
        let mut questions = BTreeMap::new();
        let (Some(least), Some(greatest)) = (wanted.first(), wanted.last()) else { return Ok(questions) };
        let folder = side::directory(self.directory(), Kind::Questions);
        let segments = side::list(self.directory(), Kind::Questions).map_err(LedgerError::disk(&folder))?;
        let start = segments.partition_point(|segment| segment.entry <= *least).saturating_sub(1);
        for segment in segments.into_iter().skip(start).take_while(|segment| segment.entry <= *greatest) {
            self.frames(Kind::Questions, segment, |frame, file| {
                if wanted.contains(&frame.entry) {
                    let damaged = |reason| Fault::Beside { entry: frame.entry, file: file_name(file), reason };
                    questions.insert(frame.entry, Question::parse(&frame.body).map_err(damaged)?);
                }
                Ok(frame.entry < *greatest)
            })?;
        }
        Ok(questions)
    }

    /// Up to which event records were recorded: the first that no batch holds. `None` while there are no leaves.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn recorded_events(&self) -> Result<Option<u64>, LedgerError> {
        let folder = side::directory(self.directory(), Kind::Records);
        let mut segments = side::list(self.directory(), Kind::Records).map_err(LedgerError::disk(&folder))?;
        let (size, mut end) = (self.len(), None);
        // After a crash the newest segment can hold what the one before it held already.
        let newest = segments.split_off(segments.len().saturating_sub(2));
        let mut frames = Frames::new(self.directory(), Kind::Records, newest);
        loop {
            match frames.next().map_err(LedgerError::disk(&folder))? {
                Ok(Step::Frame(frame)) if frame.entry < size => {
                    let last = Leaves::parse(&frame.body).ok().and_then(|leaves| leaves.last());
                    end = end.max(last.map(|last| last.saturating_add(1)));
                }
                Ok(Step::End) => return Ok(end),
                // What is damaged is for `verify` to name.
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// A tile of the tree or a bundle of entries; `None` when there is none (yet). Bundles hold what entries say: give
    /// them to who may read the record. Reads files: call it where blocking is allowed.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn tile(&self, path: &TilePath) -> Result<Option<Vec<u8>>, LedgerError> {
        let size = self.len();
        let Some(first) = path.first() else { return Ok(None) };
        let end = first.saturating_add(path.width);
        match path.kind {
            TileKind::Hashes(level) => {
                let level = u32::from(level);
                if level >= LEVELS_MAX || end > tree::count(size, level) {
                    return Ok(None);
                }
                let folder = tree::directory(self.directory());
                let read = TreeReader::new(self.directory()).hashes(level, first, path.width);
                read.map(Some).map_err(LedgerError::disk(&folder))
            }
            TileKind::Entries if end > size || path.width > TILE_WIDTH => Ok(None),
            TileKind::Entries => {
                let mut bundle = Vec::new();
                self.each(first..end, |index, segment, line| {
                    let changed = |reason| Fault::Changed { index, file: crate::segment::name(segment), reason };
                    let long = || changed(crate::LineFault::Shape("it is too long for a bundle"));
                    let json = entry_json(line).map_err(changed)?;
                    write_bundled(&mut bundle, json).ok_or_else(long).map_err(LedgerError::from)
                })?;
                Ok(Some(bundle))
            }
        }
    }

    /// Destroys salts of records or texts of questions: the entry that says so first, then they go. Leaves of what
    /// stays are kept, so that its proofs hold. What a crash interrupts is done, with an entry again, at the next opening.
    /// Blocks: call it on a thread of its own.
    ///
    /// # Errors
    /// When it cannot be recorded, and nothing is destroyed; or when the disk refuses in the middle.
    pub fn destroy(&self, destruction: &Destruction) -> Result<Destroyed, LedgerError> {
        let _one = self.shared.destroying.lock().unwrap_or_else(PoisonError::into_inner);
        let (entry, kind, ranges) = destruction.entry()?;
        destroy::begin(self.directory(), destruction)?;
        let entry = match self.append_blocking(entry) {
            Ok(receipt) => receipt.index,
            Err(error) => {
                destroy::end(self.directory())?;
                return Err(error);
            }
        };
        let count = destroy::carry_out(self.directory(), kind, &ranges, entry)?;
        destroy::end(self.directory())?;
        Ok(Destroyed { entry, count })
    }
}

/// Proves that a ledger continued from one checkpoint to another, both kept elsewhere and given as signed notes; works
/// on the files. Without a key the one beside the record is used.
///
/// # Errors
/// When a note is not genuine, the record does not reach the newer checkpoint ([`Fault::Cut`]) or does not agree with
/// one of them ([`Fault::Rewritten`]).
pub fn consistency(
    directory: &Path,
    public_key: Option<&[u8]>,
    old: &str,
    new: &str,
) -> Result<ConsistencyProof, Fault> {
    let key = key_of(directory, public_key)?;
    let (old, new) = (genuine(old, &key)?, genuine(new, &key)?);
    let (old, new) = if old.size <= new.size { (old, new) } else { (new, old) };
    let reader = TreeReader::new(directory);
    let unreadable = || Fault::unreadable(&tree::directory(directory));
    let found = tree::stored(directory).map_err(unreadable())?;
    if new.size > found {
        return Err(Fault::Cut { found, expected: new.size });
    }
    for checkpoint in [&old, &new] {
        if root_at(directory, checkpoint.size)? != checkpoint.root {
            return Err(Fault::Rewritten { from: 0, to: checkpoint.size.saturating_sub(1) });
        }
    }
    let proof = if old.size == 0 || old.size == new.size {
        Vec::new()
    } else {
        reader.consistency(old.size, new.size).map_err(unreadable())?
    };
    if !verify_consistency(old.size, &old.root, new.size, &new.root, &proof) {
        return Err(Fault::Rewritten { from: 0, to: new.size.saturating_sub(1) });
    }
    Ok(ConsistencyProof { old_size: old.size, old_root: old.root, new_size: new.size, new_root: new.root, proof })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

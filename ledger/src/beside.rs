//! Holding what lies beside the log against the entries: every leaf, every question, every destruction.

use std::path::Path;

use crate::batch::Leaves;
use crate::destroy::{DESTROY_ACTION, DestroyDetail, Ranges, object};
use crate::evidence::{BATCH_ACTION, BatchDetail};
use crate::question::Question;
use crate::side::{self, Frame, Frames, Kind, Step};
use crate::{Fault, Hash, LineFault, StoredEntry};

/// The key of a question's commitment in an entry's detail.
pub(crate) const QUESTION_KEY: &str = "question";

/// Walks along the sides while the entries go by.
pub(crate) struct Beside {
    durable: u64,
    records: Side,
    questions: Side,
}

impl Beside {
    /// `durable` entries were there before: of what is written meanwhile, some may not be seen yet.
    pub(crate) fn open(ledger: &Path, durable: u64) -> Result<Self, Fault> {
        let open = |kind| Side::open(ledger, kind);
        Ok(Self { durable, records: open(Kind::Records)?, questions: open(Kind::Questions)? })
    }

    /// Takes the next entry.
    pub(crate) fn entry(&mut self, stored: &StoredEntry) -> Result<(), Fault> {
        if let Some((count, root)) = batch_of(stored) {
            match self.records.frame(stored.index)? {
                Some(frame) => self.batch(&frame, count, &root)?,
                None if stored.index >= self.durable => {}
                None => self.records.missing.extend(events_of(stored)),
            }
        }
        if let Some(hash) = question_of(stored) {
            match self.questions.frame(stored.index)? {
                Some(frame) => self.question(&frame, &hash)?,
                None if stored.index >= self.durable => {}
                None => self.questions.missing.push((stored.index, stored.index)),
            }
        }
        if stored.entry.action == DESTROY_ACTION
            && let Ok(detail) = serde_json::from_value::<DestroyDetail>(stored.entry.detail.clone())
        {
            for side in [&mut self.records, &mut self.questions] {
                if object(side.kind) == stored.entry.object {
                    side.destroyed.extend(&detail.ranges);
                }
            }
        }
        for side in [&mut self.records, &mut self.questions] {
            side.join();
        }
        Ok(())
    }

    /// After the last of `size` entries: what is missing must have been destroyed, and nothing may be left over.
    pub(crate) fn end(mut self, size: u64) -> Result<(), Fault> {
        for side in [&mut self.records, &mut self.questions] {
            side.frame(size)?;
            let destroyed = Ranges::new(std::mem::take(&mut side.destroyed));
            let what = match side.kind {
                Kind::Records => "leaves of events",
                Kind::Questions => "texts of questions of entries",
            };
            if let Some((first, last)) = side.missing.iter().find(|(first, last)| !destroyed.covers(*first, *last)) {
                return Err(Fault::Gone { what, first: *first, last: *last });
            }
        }
        Ok(())
    }

    fn batch(&mut self, frame: &Frame, count: u64, root: &Hash) -> Result<(), Fault> {
        let fault = |reason| self.records.fault(frame.entry, reason);
        let leaves = Leaves::parse(&frame.body).map_err(fault)?;
        if leaves.len() as u64 != count || leaves.root() != *root {
            return Err(fault(LineFault::Shape("its leaves are others than were recorded")));
        }
        self.records.missing.extend(leaves.destroyed());
        Ok(())
    }

    fn question(&self, frame: &Frame, hash: &Hash) -> Result<(), Fault> {
        let fault = |reason| self.questions.fault(frame.entry, reason);
        let question = Question::parse(&frame.body).map_err(fault)?;
        if question.hash() == *hash {
            Ok(())
        } else {
            Err(fault(LineFault::Shape("its question is another than was recorded")))
        }
    }
}

/// One side.
struct Side {
    kind: Kind,
    frames: Frames,
    ahead: Option<Frame>,
    ended: bool,
    /// Events or entries whose salts or texts are gone.
    missing: Vec<(u64, u64)>,
    destroyed: Vec<(u64, u64)>,
}

/// Ranges that are collected before they are joined.
const JOINED_AFTER: usize = 4_096;

impl Side {
    fn open(ledger: &Path, kind: Kind) -> Result<Self, Fault> {
        let folder = side::directory(ledger, kind);
        let segments = side::list(ledger, kind).map_err(Fault::unreadable(&folder))?;
        let frames = Frames::new(ledger, kind, segments);
        Ok(Self { kind, frames, ahead: None, ended: false, missing: Vec::new(), destroyed: Vec::new() })
    }

    /// The frame of an entry, when there is one. Frames that no entry speaks of are a fault.
    fn frame(&mut self, entry: u64) -> Result<Option<Frame>, Fault> {
        if self.ahead.is_none() && !self.ended {
            let path = self.frames.path().to_owned();
            let step = self.frames.next().map_err(Fault::unreadable(&path))?;
            match step.map_err(|reason| self.fault(entry, reason))? {
                Step::Frame(frame) => self.ahead = Some(frame),
                Step::Unsound { entry } => {
                    return Err(self.fault(entry, LineFault::Shape("its bytes were changed")));
                }
                Step::Torn => return self.frame(entry),
                Step::End => self.ended = true,
            }
        }
        match &self.ahead {
            Some(frame) if frame.entry < entry => {
                Err(self.fault(frame.entry, LineFault::Shape("the entry speaks of nothing beside it")))
            }
            Some(frame) if frame.entry == entry => Ok(self.ahead.take()),
            _ => Ok(None),
        }
    }

    fn fault(&self, entry: u64, reason: LineFault) -> Fault {
        let file = self.frames.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        Fault::Beside { entry, file, reason }
    }

    /// Keeps the collected ranges few.
    fn join(&mut self) {
        for ranges in [&mut self.missing, &mut self.destroyed] {
            if ranges.len() >= JOINED_AFTER && ranges.len().is_power_of_two() {
                *ranges = Ranges::new(std::mem::take(ranges)).into_vec();
            }
        }
    }
}

/// Leaves and root that an entry speaks of; `None` for entries of other kinds and of older batches.
pub(crate) fn batch_of(stored: &StoredEntry) -> Option<(u64, Hash)> {
    if stored.entry.action != BATCH_ACTION {
        return None;
    }
    let detail: BatchDetail = serde_json::from_value(stored.entry.detail.clone()).ok()?;
    hash(&detail.root).map(|root| (detail.count, root))
}

fn question_of(stored: &StoredEntry) -> Option<Hash> {
    hash(stored.entry.detail.get(QUESTION_KEY)?.as_str()?)
}

fn hash(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).ok().map(|()| hash)
}

/// The events that a batch's entry names: `events:FIRST-LAST`.
fn events_of(stored: &StoredEntry) -> Option<(u64, u64)> {
    let (first, last) = stored.entry.object.strip_prefix("events:")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

//! A walk along the lines that holds each against the one before it and each checkpoint against the entries.

use std::path::Path;

use event::Timestamp;

use crate::merkle::Frontier;
use crate::segment::{self, Lines, Next};
use crate::{Checkpoint, Fault, Hash, Line, LineFault, SignedCheckpoint, StoredEntry, parse_line};

/// Who must have signed.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) public_key: Vec<u8>,
}

/// Where a walk stands.
#[derive(Debug, Clone)]
pub(crate) struct Position {
    pub(crate) frontier: Frontier,
    pub(crate) previous: Hash,
    /// Time of the entry before.
    pub(crate) time: Option<Timestamp>,
}

impl Position {
    pub(crate) fn start() -> Self {
        Self { frontier: Frontier::default(), previous: [0; 32], time: None }
    }
}

/// The state at the last genuine checkpoint.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pub(crate) position: Position,
    pub(crate) checkpoint: Option<SignedCheckpoint>,
    /// Bytes of the segment up to its last checkpoint.
    pub(crate) bytes: u64,
    /// Checkpoints met.
    pub(crate) checkpoints: u64,
}

/// What is told along the way. An error ends the walk.
pub(crate) trait Along {
    /// A hash that the stored tree keeps.
    fn hash(&mut self, level: u32, hash: &Hash) -> Result<(), Fault>;
    /// An entry that is in its place.
    fn entry(&mut self, _entry: &StoredEntry) -> Result<(), Fault> {
        Ok(())
    }
    /// A genuine checkpoint: everything told so far is sealed.
    fn sealed(&mut self, checkpoint: &Checkpoint) -> Result<(), Fault>;
}

/// What stands behind the last genuine checkpoint of a segment.
#[derive(Debug)]
pub(crate) struct Behind {
    /// Why it is not sealed too.
    pub(crate) fault: Fault,
    /// Whether it is sound as far as it goes: the end is missing, nothing was changed.
    pub(crate) cut: bool,
}

/// Why a walk stops.
enum Stop {
    Behind(Behind),
    Fault(Fault),
}

impl Stop {
    fn changed(fault: Fault) -> Self {
        Self::Behind(Behind { fault, cut: false })
    }

    fn cut(fault: Fault) -> Self {
        Self::Behind(Behind { fault, cut: true })
    }
}

/// Walks along one segment from a sealed position. Gives the state at its last genuine checkpoint and what stands
/// behind that.
pub(crate) fn segment(
    ledger: &Path,
    first: u64,
    from: Sealed,
    key: &Key,
    along: &mut dyn Along,
) -> Result<(Sealed, Option<Behind>), Fault> {
    let path = segment::path(ledger, first);
    let mut lines = Lines::open(&path).map_err(Fault::unreadable(&path))?;
    let mut walk = Walk { file: segment::name(first), key, at: from.position.clone(), sealed: from };
    walk.sealed.bytes = 0;
    loop {
        match walk.step(first, &path, &mut lines, along) {
            Ok(true) => {}
            Ok(false) => return Ok((walk.sealed, None)),
            Err(Stop::Behind(behind)) => return Ok((walk.sealed, Some(behind))),
            Err(Stop::Fault(fault)) => return Err(fault),
        }
    }
}

struct Walk<'a> {
    file: String,
    key: &'a Key,
    at: Position,
    sealed: Sealed,
}

impl Walk<'_> {
    fn size(&self) -> u64 {
        self.at.frontier.size()
    }

    /// One line further; `false` at a sound end.
    fn step(&mut self, first: u64, path: &Path, lines: &mut Lines, along: &mut dyn Along) -> Result<bool, Stop> {
        if lines.offset() == 0 && self.size() != first {
            return Err(Stop::changed(self.out_of_order(first)));
        }
        match lines.next().map_err(|error| Stop::Fault(Fault::unreadable(path)(error)))? {
            Next::End if self.size() == self.sealed.position.frontier.size() => return Ok(false),
            Next::End => return Err(Stop::cut(self.forged("it is missing"))),
            Next::Torn => return Err(Stop::cut(self.changed(LineFault::Shape("its line has no end")))),
            Next::Long => return Err(Stop::changed(self.changed(LineFault::Shape("its line is too long")))),
            Next::Line(bytes) => match parse_line(bytes) {
                Ok(Line::Entry(entry)) => self.entry(&entry, along)?,
                Ok(Line::Checkpoint { size, root, signature }) => {
                    let checkpoint = Checkpoint { origin: self.key.name.clone(), size, root };
                    self.checkpoint(SignedCheckpoint { checkpoint, signature }, lines.offset(), along)?;
                }
                Err(_) if bytes.starts_with(b"# ") => return Err(Stop::changed(self.forged("it is damaged"))),
                Err(reason) => return Err(Stop::changed(self.changed(reason))),
            },
        }
        Ok(true)
    }

    fn entry(&mut self, entry: &StoredEntry, along: &mut dyn Along) -> Result<(), Stop> {
        let index = self.size();
        if entry.index != index {
            return Err(Stop::changed(self.out_of_order(entry.index)));
        }
        if entry.previous != self.at.previous {
            return Err(Stop::changed(Fault::Chain { index, file: self.file.clone() }));
        }
        self.at.frontier.push(entry.hash, |level, hash| along.hash(level, hash)).map_err(Stop::Fault)?;
        along.entry(entry).map_err(Stop::Fault)?;
        self.at.previous = entry.hash;
        self.at.time = Some(entry.time);
        Ok(())
    }

    fn checkpoint(&mut self, signed: SignedCheckpoint, end: u64, along: &mut dyn Along) -> Result<(), Stop> {
        let size = self.size();
        if !signed.is_signed_by(&self.key.public_key) {
            return Err(Stop::changed(self.forged("its signature is not that of the key")));
        }
        if signed.checkpoint.size != size {
            return Err(Stop::changed(self.forged("it speaks of another number of entries")));
        }
        if signed.checkpoint.root != self.at.frontier.root() {
            let from = self.sealed.position.frontier.size();
            return Err(Stop::Fault(Fault::Rewritten { from, to: size.saturating_sub(1) }));
        }
        along.sealed(&signed.checkpoint).map_err(Stop::Fault)?;
        let checkpoints = self.sealed.checkpoints + 1;
        self.sealed = Sealed { position: self.at.clone(), checkpoint: Some(signed), bytes: end, checkpoints };
        Ok(())
    }

    fn out_of_order(&self, found: u64) -> Fault {
        Fault::OutOfOrder { expected: self.size(), found, file: self.file.clone() }
    }

    fn changed(&self, reason: LineFault) -> Fault {
        Fault::Changed { index: self.size(), file: self.file.clone(), reason }
    }

    fn forged(&self, reason: &'static str) -> Fault {
        Fault::Checkpoint { size: self.size(), file: self.file.clone(), reason }
    }
}

//! Destruction: what is no longer kept is named by an entry first, then its salts and texts go. Leaves of what stays
//! are kept, so that its proofs hold.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::batch::Leaves;
use crate::disk::sync_dir;
use crate::open::new_file;
use crate::side::{self, Change, Frame, Kind};
use crate::{Entry, LedgerError};

/// Ranges that one destruction can name at most.
pub const DESTROYED_RANGES_MAX: usize = 1_000;
/// Characters of a reason at most.
pub const REASON_CHARS_MAX: usize = 500;
/// The action of entries of destructions.
pub(crate) const DESTROY_ACTION: &str = "destroy";

/// What is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doomed {
    /// The salts of events, so that their leaves say nothing any more.
    Events(Vec<RangeInclusive<u64>>),
    /// The texts of questions that entries in these ranges asked.
    Questions(Vec<RangeInclusive<u64>>),
}

/// A destruction as the ledger records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destruction {
    /// What.
    pub what: Doomed,
    /// Why: `retention of 365 days`, `erasure request 17`. No personal data: the ledger forgets nothing.
    pub why: String,
    /// By whom: a user's name, or `metrosoc` for what the clock decides.
    pub by: String,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Destroyed {
    /// The entry that names it.
    pub entry: u64,
    /// Salts or texts that were there and are gone.
    pub count: u64,
}

/// The detail of a destruction's entry.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DestroyDetail {
    /// Ranges from first to last.
    pub(crate) ranges: Vec<(u64, u64)>,
}

impl Doomed {
    fn parts(&self) -> (Kind, &[RangeInclusive<u64>]) {
        match self {
            Self::Events(ranges) => (Kind::Records, ranges),
            Self::Questions(ranges) => (Kind::Questions, ranges),
        }
    }
}

impl Destruction {
    /// The entry that names it; `events` or `questions` is what it is done to.
    pub(crate) fn entry(&self) -> Result<(Entry, Kind, Ranges), LedgerError> {
        let (kind, ranges) = self.what.parts();
        let refused = |reason: String| LedgerError::Refused { reason };
        if ranges.is_empty() || ranges.len() > DESTROYED_RANGES_MAX || ranges.iter().any(RangeInclusive::is_empty) {
            return Err(refused(format!("a destruction names 1 to {DESTROYED_RANGES_MAX} ranges, none empty")));
        }
        if self.why.trim().is_empty() || self.why.chars().count() > REASON_CHARS_MAX {
            return Err(refused(format!("a destruction has a reason of 1 to {REASON_CHARS_MAX} characters")));
        }
        let ranges = Ranges::new(ranges.iter().map(|range| (*range.start(), *range.end())).collect());
        let detail = json!({ "ranges": ranges.0, "why": self.why });
        Ok((Entry::new(self.by.as_str(), DESTROY_ACTION, object(kind), detail), kind, ranges))
    }
}

/// The object of a destruction's entry.
pub(crate) fn object(kind: Kind) -> &'static str {
    match kind {
        Kind::Records => "events",
        Kind::Questions => "questions",
    }
}

/// Ranges from first to last, ascending and apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    pub(crate) fn new(mut given: Vec<(u64, u64)>) -> Self {
        given.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(given.len());
        for (first, last) in given {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    pub(crate) fn into_vec(self) -> Vec<(u64, u64)> {
        self.0
    }

    pub(crate) fn contains(&self, one: u64) -> bool {
        self.covers(one, one)
    }

    /// Whether all from `first` to `last` are in it.
    pub(crate) fn covers(&self, first: u64, last: u64) -> bool {
        let at = self.0.partition_point(|(_, end)| *end < first);
        self.0.get(at).is_some_and(|(start, end)| *start <= first && last <= *end)
    }

    /// The least that is in it.
    fn least(&self) -> u64 {
        self.0.first().map_or(u64::MAX, |(first, _)| *first)
    }

    fn greatest(&self) -> u64 {
        self.0.last().map_or(0, |(_, last)| *last)
    }
}

/// The file that names a destruction while it is under way.
fn intent(ledger: &Path) -> PathBuf {
    ledger.join("destroying")
}

/// Notes a destruction before its entry, so that a crash in the middle does not leave it half done.
pub(crate) fn begin(ledger: &Path, destruction: &Destruction) -> Result<(), LedgerError> {
    let path = intent(ledger);
    let json = serde_json::to_vec(destruction).map_err(|error| LedgerError::Refused { reason: error.to_string() })?;
    new_file(&path, &json).map_err(LedgerError::disk(&path))
}

/// Forgets the note: all of it is done, or none of it.
pub(crate) fn end(ledger: &Path) -> Result<(), LedgerError> {
    let path = intent(ledger);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LedgerError::disk(&path)(error)),
        _ => sync_dir(ledger).map_err(LedgerError::disk(&path)),
    }
}

/// The destruction that a crash interrupted.
pub(crate) fn interrupted(ledger: &Path) -> Option<Destruction> {
    serde_json::from_slice(&fs::read(intent(ledger)).ok()?).ok()
}

/// Destroys what frames of entries before `entry` hold of the ranges; all their segments are finished. Doing it again
/// does no harm.
pub(crate) fn carry_out(ledger: &Path, kind: Kind, ranges: &Ranges, entry: u64) -> Result<u64, LedgerError> {
    let folder = side::directory(ledger, kind);
    let segments = side::list(ledger, kind).map_err(LedgerError::disk(&folder))?;
    let mut count = 0;
    for (at, segment) in segments.iter().enumerate().filter(|(_, segment)| segment.entry < entry) {
        let next = segments.get(at + 1).map_or(u64::MAX, |next| next.entry);
        let outside = match kind {
            // Events ascend within a segment; its last is not known without reading it.
            Kind::Records => segment.event > ranges.greatest(),
            Kind::Questions => segment.entry > ranges.greatest() || next <= ranges.least(),
        };
        if outside {
            continue;
        }
        let path = segment.path(ledger, kind);
        let rewritten = side::rewrite(&path, kind, |frame| decide(kind, ranges, frame));
        count += rewritten.map_err(LedgerError::disk(&path))?;
    }
    Ok(count)
}

fn decide(kind: Kind, ranges: &Ranges, frame: &Frame) -> (Change, u64) {
    if kind == Kind::Questions {
        return if ranges.contains(frame.entry) { (Change::Remove, 1) } else { (Change::Keep, 0) };
    }
    // What cannot be read is kept: `verify` names it.
    let Ok(mut leaves) = Leaves::parse(&frame.body) else { return (Change::Keep, 0) };
    let destroyed = leaves.destroy(|event| ranges.contains(event));
    match destroyed {
        0 if !leaves.is_destroyed() => (Change::Keep, 0),
        _ if leaves.is_destroyed() => (Change::Remove, destroyed),
        _ => (Change::Replace(leaves.write()), destroyed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_joined_and_asked() {
        let ranges = Ranges::new(vec![(10, 12), (1, 3), (4, 4), (11, 20), (u64::MAX, u64::MAX)]);
        assert_eq!(ranges, Ranges(vec![(1, 4), (10, 20), (u64::MAX, u64::MAX)]));
        for (first, last, expected) in
            [(1, 4, true), (2, 3, true), (0, 0, false), (4, 5, false), (5, 9, false), (10, 20, true), (3, 11, false)]
        {
            assert_eq!(ranges.covers(first, last), expected, "{first}-{last}");
        }
        assert!(ranges.contains(u64::MAX) && !Ranges::default().contains(0));
    }

    #[test]
    fn a_destruction_without_reason_or_ranges_is_refused() {
        let check = |what, why: &str, expected: bool| {
            let destruction = Destruction { what, why: why.to_owned(), by: "metrosoc".to_owned() };
            assert_eq!(destruction.entry().is_ok(), expected, "{destruction:?}");
        };
        check(Doomed::Events(vec![1..=2]), "retention", true);
        check(Doomed::Questions(vec![7..=7, 9..=12]), "retention", true);
        check(Doomed::Events(vec![]), "retention", false);
        check(Doomed::Events(vec![1..=2]), " ", false);
        check(Doomed::Events(vec![1..=2]), &"x".repeat(501), false);
        #[expect(clippy::reversed_empty_ranges, reason = "an empty range is what is refused")]
        check(Doomed::Events(vec![2..=1]), "retention", false);
        check(Doomed::Events(vec![0..=0; 1_001]), "retention", false);
    }
}

//! A batch of indexed records: for each a leaf that commits to its stored bytes under a salt of its own.
//!
//! The leaf is RFC 6962's hash of salt (16 bytes), event id (8 bytes, big endian) and stored bytes. The root over a
//! batch's leaves stands in the ledger's entry; salts and leaves lie beside the log. Without its salt a leaf says
//! nothing about what it commits to, and the other leaves are proved all the same.

use ring::rand::{SecureRandom, SystemRandom};

use crate::merkle::{path_of, root_of, sha256};
use crate::side::{Attachment, Kind};
use crate::{Hash, LineFault};

/// Records of one batch at most.
pub const BATCH_RECORDS_MAX: usize = 65_536;
/// A salt; zeros once it is destroyed.
pub type Salt = [u8; 16];

/// A salt that was destroyed.
pub(crate) const NO_SALT: Salt = [0; 16];
/// Salts that are drawn at a time.
const SALTS_DRAWN: usize = 256;

/// The leaf of a record: SHA-256 of a zero byte, the salt, the event's id and its stored bytes.
pub fn record_leaf(salt: &Salt, event: u64, stored: &[u8]) -> Hash {
    sha256(&[&[0], salt, &event.to_be_bytes(), stored])
}

/// Leaves on their way into the ledger.
#[derive(Default)]
pub struct Batch {
    leaves: Leaves,
    drawn: Vec<Salt>,
    fault: Option<&'static str>,
}

impl Batch {
    /// Takes a record in. Events of ids that do not ascend, and those beyond [`BATCH_RECORDS_MAX`], make the batch
    /// one that [`crate::Ledger::append_batch`] refuses.
    pub fn push(&mut self, event: u64, stored: &[u8]) {
        if self.len() >= BATCH_RECORDS_MAX {
            self.fault = Some("its batch has more records than 65536");
            return;
        }
        let Some(salt) = self.salt() else { return };
        if !self.leaves.push_event(event) {
            self.fault = Some("its events do not ascend");
            return;
        }
        self.leaves.salts.push(salt);
        self.leaves.hashes.push(record_leaf(&salt, event, stored));
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.leaves.hashes.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The least and the greatest event; `None` when it is empty.
    pub fn events(&self) -> Option<(u64, u64)> {
        let (first, _) = self.leaves.runs.first()?;
        Some((*first, self.leaves.last()?))
    }

    /// Forgets its records, for the next.
    pub fn clear(&mut self) {
        self.leaves = Leaves::default();
        self.fault = None;
    }

    /// Why it cannot be recorded.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        self.fault
    }

    pub(crate) fn root(&self) -> Hash {
        root_of(&self.leaves.hashes)
    }

    pub(crate) fn attachment(&self) -> Attachment {
        let events = self.events().unwrap_or_default();
        Attachment { kind: Kind::Records, events, body: self.leaves.write() }
    }

    fn salt(&mut self) -> Option<Salt> {
        if self.drawn.is_empty() {
            let mut bytes = [0; SALTS_DRAWN * 16];
            if SystemRandom::new().fill(&mut bytes).is_err() {
                self.fault = Some("the system gives no random bytes for its salts");
                return None;
            }
            self.drawn.extend_from_slice(bytes.as_chunks().0);
        }
        self.drawn.pop()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Batch").field("records", &self.len()).finish_non_exhaustive()
    }
}

/// The salts and leaves of a batch, as they lie beside the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Leaves {
    /// First event and number of those that follow one another.
    runs: Vec<(u64, u32)>,
    salts: Vec<Salt>,
    hashes: Vec<Hash>,
}

impl Leaves {
    fn push_event(&mut self, event: u64) -> bool {
        let Some((first, length)) = self.runs.last_mut() else {
            self.runs.push((event, 1));
            return true;
        };
        let next = first.saturating_add(u64::from(*length));
        if event == next {
            *length += 1;
        } else if event > next {
            self.runs.push((event, 1));
        }
        event >= next
    }

    /// Form: number of leaves and of runs (4 bytes each), runs (8 and 4), salts, leaves; integers big endian.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(8 + self.runs.len() * 12 + self.hashes.len() * 48);
        body.extend_from_slice(&(self.hashes.len() as u32).to_be_bytes());
        body.extend_from_slice(&(self.runs.len() as u32).to_be_bytes());
        for (first, length) in &self.runs {
            body.extend_from_slice(&first.to_be_bytes());
            body.extend_from_slice(&length.to_be_bytes());
        }
        body.extend_from_slice(self.salts.as_flattened());
        body.extend_from_slice(self.hashes.as_flattened());
        body
    }

    /// Reads what [`Leaves::write`] wrote. Takes any bytes.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, LineFault> {
        let short = LineFault::Shape("its leaves end early");
        let (count, rest) = body.split_first_chunk::<4>().ok_or(short)?;
        let (runs, rest) = rest.split_first_chunk::<4>().ok_or(short)?;
        let (count, runs) = (u32::from_be_bytes(*count) as usize, u32::from_be_bytes(*runs) as usize);
        if count > BATCH_RECORDS_MAX || runs > count {
            return Err(LineFault::Shape("it has more leaves than a batch can have"));
        }
        let (runs, rest) = rest.split_at_checked(runs * 12).ok_or(short)?;
        let (salts, hashes) = rest.split_at_checked(count * 16).ok_or(short)?;
        if hashes.len() != count * 32 {
            return Err(LineFault::Shape("its number of leaves is another than it says"));
        }
        let read = Self {
            runs: runs.as_chunks::<12>().0.iter().map(run).collect(),
            salts: salts.as_chunks().0.to_vec(),
            hashes: hashes.as_chunks().0.to_vec(),
        };
        read.check(count)
    }

    fn check(self, count: usize) -> Result<Self, LineFault> {
        let (mut sum, mut next) = (0_u64, 0_u64);
        for (first, length) in &self.runs {
            let end = first.checked_add(u64::from(*length)).filter(|end| *first >= next && end > first);
            next = end.ok_or(LineFault::Shape("its events do not ascend"))?;
            sum += u64::from(*length);
        }
        let agree = sum == count as u64;
        if agree { Ok(self) } else { Err(LineFault::Shape("its number of events is not that of its leaves")) }
    }

    pub(crate) fn root(&self) -> Hash {
        root_of(&self.hashes)
    }

    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The greatest event.
    pub(crate) fn last(&self) -> Option<u64> {
        let (last, length) = self.runs.last()?;
        Some(last.saturating_add(u64::from(*length)).saturating_sub(1))
    }

    /// Where the leaf of an event stands.
    pub(crate) fn position(&self, event: u64) -> Option<usize> {
        let mut before = 0;
        for (first, length) in &self.runs {
            if event < *first {
                return None;
            }
            if event - first < u64::from(*length) {
                return Some(before + (event - first) as usize);
            }
            before += *length as usize;
        }
        None
    }

    /// The leaf there, its salt unless that is destroyed, and the siblings on the way to the root.
    pub(crate) fn prove(&self, position: usize) -> Option<(Hash, Option<Salt>, Vec<Hash>)> {
        let salt = self.salts.get(position).copied().filter(|salt| *salt != NO_SALT);
        Some((*self.hashes.get(position)?, salt, path_of(&self.hashes, position)?))
    }

    /// The events in order.
    fn events(&self) -> impl Iterator<Item = u64> {
        self.runs.iter().flat_map(|(first, length)| (*first..).take(*length as usize))
    }

    /// Destroys the salts of events in the ranges; gives how many were still there.
    pub(crate) fn destroy(&mut self, is_destroyed: impl Fn(u64) -> bool) -> u64 {
        let doomed: Vec<bool> = self.events().map(is_destroyed).collect();
        let mut destroyed = 0;
        for (salt, doomed) in self.salts.iter_mut().zip(doomed) {
            if doomed && *salt != NO_SALT {
                *salt = NO_SALT;
                destroyed += 1;
            }
        }
        destroyed
    }

    /// Events whose salts are destroyed, as ranges from first to last.
    pub(crate) fn destroyed(&self) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (event, _) in self.events().zip(&self.salts).filter(|(_, salt)| **salt == NO_SALT) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == event => *last = event,
                _ => ranges.push((event, event)),
            }
        }
        ranges
    }

    /// Whether no salt is left.
    pub(crate) fn is_destroyed(&self) -> bool {
        self.salts.iter().all(|salt| *salt == NO_SALT)
    }
}

fn run(bytes: &[u8; 12]) -> (u64, u32) {
    let (first, length) = bytes.split_at(8);
    let first = first.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    (first, length.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::verify_inclusion;

    fn batch(events: &[u64]) -> Batch {
        let mut batch = Batch::default();
        for event in events {
            batch.push(*event, format!("record {event}").as_bytes());
        }
        batch
    }

    #[test]
    fn a_batch_that_breaks_a_bound_says_so() {
        assert_eq!(batch(&[3, 4, 9]).fault(), None);
        assert_eq!(batch(&[3, 3]).fault(), Some("its events do not ascend"));
        assert_eq!(batch(&[3, 2]).fault(), Some("its events do not ascend"));
        let mut full = batch(&(0..BATCH_RECORDS_MAX as u64).collect::<Vec<_>>());
        assert_eq!((full.fault(), full.events()), (None, Some((0, BATCH_RECORDS_MAX as u64 - 1))));
        full.push(u64::MAX, b"");
        assert!(full.fault().is_some());
        full.clear();
        assert!(full.fault().is_none() && full.is_empty() && full.events().is_none());
    }

    #[test]
    fn every_record_has_a_salt_of_its_own() {
        let batch = batch(&(0..600).collect::<Vec<_>>());
        let different: std::collections::HashSet<_> = batch.leaves.salts.iter().collect();
        assert_eq!(different.len(), 600);
        assert!(!different.contains(&NO_SALT));
    }

    proptest! {
        #[test]
        fn leaves_come_back_and_are_proved(
            gaps in prop::collection::vec(1_u64..4, 1..90),
            asked in any::<prop::sample::Index>(),
            doomed in any::<prop::sample::Index>(),
        ) {
            let events: Vec<u64> = gaps.iter().scan(7, |at, gap| { *at += gap; Some(*at) }).collect();
            let batch = batch(&events);
            let mut leaves = Leaves::parse(&batch.attachment().body).unwrap();
            prop_assert_eq!(&leaves, &batch.leaves);
            prop_assert!(leaves.events().eq(events.iter().copied()));
            let doomed = events[doomed.index(events.len())];
            prop_assert_eq!(leaves.destroy(|event| event == doomed), 1);
            prop_assert_eq!(leaves.destroyed(), vec![(doomed, doomed)]);
            let event = events[asked.index(events.len())];
            let position = leaves.position(event).unwrap();
            let (leaf, salt, path) = leaves.prove(position).unwrap();
            prop_assert_eq!(salt.is_none(), event == doomed);
            if let Some(salt) = salt {
                prop_assert_eq!(leaf, record_leaf(&salt, event, format!("record {event}").as_bytes()));
            }
            prop_assert!(verify_inclusion(&leaf, position as u64, leaves.len() as u64, &path, &batch.root()));
            prop_assert!(!verify_inclusion(&[9; 32], position as u64, leaves.len() as u64, &path, &batch.root()));
            for event in 0..400 {
                prop_assert_eq!(leaves.position(event).is_some(), events.contains(&event));
            }
        }

        #[test]
        fn any_bytes_may_be_parsed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Leaves::parse(&bytes);
        }
    }
}

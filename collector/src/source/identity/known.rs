//! Identities in memory, in two generations: when the newer one is full or a day old, the older one is forgotten.

use std::collections::{HashMap, HashSet};

use ring::digest::{Context, SHA256};

use super::Verdict;

/// Most identities of one generation.
pub(super) const GENERATION_MAX: usize = 500_000;
/// Bytes of an entry as it is written.
pub(super) const ENTRY_BYTES: usize = 24;
/// What stands before entries in a record.
const PREFIX: &str = "id1:";

/// Who sent what under which name, as a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity([u8; 16]);

/// An identity with what was stored under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Whose and which.
    pub identity: Identity,
    /// A check of the content, for telling the same from something else.
    pub check: u64,
    /// Whether it is remembered when it is stored; otherwise only as long as its record lies in the spool.
    pub lasting: bool,
}

impl Identity {
    /// The identity that these parts make together; every part is told from its neighbours.
    pub fn of(parts: &[&[u8]]) -> Self {
        let [first, ..] = hash(parts);
        Self(first)
    }

    /// The identity of one numbered part of what this one names.
    pub fn part(self, number: u64) -> Self {
        Self::of(&[b"part", &self.0, &number.to_le_bytes()])
    }
}

impl Entry {
    /// A lasting entry.
    pub fn new(identity: Identity, check: u64) -> Self {
        Self { identity, check, lasting: true }
    }

    pub(super) fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let check = self.check.to_le_bytes();
        for (slot, byte) in bytes.iter_mut().zip(self.identity.0.into_iter().chain(check)) {
            *slot = byte;
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (identity, check) = bytes.split_first_chunk::<16>()?;
        Some(Self::new(Identity(*identity), u64::from_le_bytes(check.try_into().ok()?)))
    }
}

/// A check of some content.
pub fn check(content: &[u8]) -> u64 {
    let [_, second] = hash(&[content]);
    let (first, _) = second.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    u64::from_le_bytes(*first)
}

fn hash(parts: &[&[u8]]) -> [[u8; 16]; 2] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    let mut halves = [[0; 16]; 2];
    let digest = context.finish();
    for (half, bytes) in halves.iter_mut().zip(digest.as_ref().chunks_exact(16)) {
        half.copy_from_slice(bytes);
    }
    halves
}

/// What a record says that carries these entries.
pub fn write(entries: &[Entry]) -> String {
    let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_bytes()).collect();
    format!("{PREFIX}{}", hex::encode(bytes))
}

/// The entries that a record carries; none when it says something else.
pub(super) fn read(text: &str) -> Vec<Entry> {
    let bytes = text.strip_prefix(PREFIX).and_then(|digits| hex::decode(digits).ok()).unwrap_or_default();
    bytes.chunks_exact(ENTRY_BYTES).filter_map(Entry::from_bytes).collect()
}

/// What was stored.
#[derive(Debug, Default)]
pub(super) struct Known {
    newer: HashMap<Identity, u64>,
    older: HashMap<Identity, u64>,
    in_flight: HashSet<Identity>,
}

impl Known {
    /// Adds an entry; `false` when it was there.
    pub(super) fn insert(&mut self, entry: Entry) -> bool {
        if self.newer.len() >= GENERATION_MAX {
            self.turn();
        }
        self.newer.insert(entry.identity, entry.check).is_none()
    }

    /// Begins a new generation and forgets the oldest.
    pub(super) fn turn(&mut self) {
        self.older = std::mem::take(&mut self.newer);
    }

    /// A verdict for each entry; those that are fresh are in flight then, and given back.
    pub(super) fn claim(&mut self, entries: Vec<Entry>) -> (Vec<Verdict>, Vec<Entry>) {
        let (mut verdicts, mut mine) = (Vec::with_capacity(entries.len()), Vec::new());
        let mut ours: HashMap<Identity, u64> = HashMap::new();
        for entry in entries {
            let stored = self.newer.get(&entry.identity).or_else(|| self.older.get(&entry.identity));
            let verdict = match stored.or_else(|| ours.get(&entry.identity)) {
                Some(check) if *check == entry.check => Verdict::Same,
                Some(check) => Verdict::Other(*check),
                None if self.in_flight.contains(&entry.identity) => Verdict::Busy,
                None => {
                    self.in_flight.insert(entry.identity);
                    ours.insert(entry.identity, entry.check);
                    mine.push(entry);
                    Verdict::Fresh
                }
            };
            verdicts.push(verdict);
        }
        (verdicts, mine)
    }

    /// It is not in flight any more.
    pub(super) fn release(&mut self, identity: Identity) {
        self.in_flight.remove(&identity);
    }
}

//! Key material of masks: for every recipient a key of his own, under one key of the installation.

use std::sync::{Arc, Mutex, PoisonError};

use event::{Noise, Subject};
use keys::{LookupKey, MARK_BYTES};

use super::form::offset;
use crate::privacy::{Complete, Memory, Scanner, Span};
use crate::vault::Token;

/// What marks are made for; each kind is apart from the others.
const HASH: u8 = 1;
const SHIFT: u8 = 2;
const NOISE: u8 = 3;
const TOKEN: u8 = 4;

/// Buffers of scans that are kept for the next; more answers at once make their own.
const MEMORIES_MAX: usize = 8;

/// What masks need beside the policy: the installation's key, and the scanner that finds personal values in text.
#[derive(Debug)]
pub struct Masking {
    key: LookupKey,
    scanner: Arc<Scanner>,
    memories: Mutex<Vec<(Memory, Vec<Span>)>>,
}

impl Masking {
    /// With the keyring's look-up key for masks, and the rules of what is personal.
    pub fn new(key: LookupKey, scanner: Arc<Scanner>) -> Self {
        Self { key, scanner, memories: Mutex::default() }
    }

    /// The rules of what is personal.
    pub fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// Finds the personal values of a text, and hands what was found to `read`. An answer shows some thousand texts: its buffers
    /// are used again.
    pub(super) fn scan<T>(&self, text: &str, read: impl FnOnce(Complete, &[Span]) -> T) -> T {
        let kept = self.memories.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (mut memory, mut spans) = kept.unwrap_or_default();
        let complete = self.scanner.scan(text, &self.scanner.rules().default_switches(), &mut memory, &mut spans);
        let answer = read(complete, &spans);
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        if memories.len() < MEMORIES_MAX {
            memories.push((memory, spans));
        }
        answer
    }

    /// The key of who looks: of his agency where he speaks for one, else of himself.
    pub fn of_subject(&self, subject: &Subject) -> RecipientKey {
        match &subject.agency {
            Some(agency) => self.of(&format!("agency:{agency}")),
            None => self.of(&format!("account:{}", subject.name)),
        }
    }

    /// The key of a recipient by name; names of different kinds begin differently.
    pub fn of(&self, recipient: &str) -> RecipientKey {
        RecipientKey(self.key.sub_key(recipient.as_bytes()))
    }
}

/// The key of one recipient: what it makes tells nothing to another.
#[derive(Debug, Clone)]
pub struct RecipientKey(LookupKey);

impl RecipientKey {
    /// The mark of a value: 32 characters, the same for equal values.
    pub fn hashed(&self, value: &str) -> String {
        use std::fmt::Write as _;
        let mark = self.0.mark(HASH, value.trim().as_bytes());
        mark.iter().fold(String::with_capacity(2 * MARK_BYTES), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// A token as this recipient sees it: of the same kind, the same for the same token, and of use to nobody else.
    #[must_use]
    pub fn token(&self, token: Token) -> Token {
        let mark = self.0.mark(TOKEN, token.to_string().as_bytes());
        token.with_bits(mark)
    }

    /// By how many days dates of a person are moved: 1 to `days`, earlier or later, never 0. Without a person all dates
    /// of the recipient are moved alike.
    pub fn days(&self, person: Option<&str>, days: u16) -> i32 {
        let cell = person.map_or_else(|| b"\0nobody".to_vec(), |person| person.trim().as_bytes().to_vec());
        let bits = self.bits(SHIFT, &cell);
        let most = u64::from(days.max(1));
        let by = i32::try_from((bits >> 1) % most + 1).unwrap_or(1);
        if bits & 1 == 0 { by } else { -by }
    }

    /// The key of this recipient as another system stands before him.
    #[must_use]
    pub fn behind(&self, asker: &str) -> Self {
        Self(self.0.sub_key(format!("behind:{asker}").as_bytes()))
    }

    /// The key of noise on counts, apart from that of noise on values.
    pub(super) fn sub_key_of_counts(&self) -> Self {
        Self(self.0.sub_key(b"counts"))
    }

    /// The noise of a cell.
    pub fn noise(&self, cell: &str, spread: u16) -> i64 {
        offset(self.bits(NOISE, cell.as_bytes()), spread)
    }

    fn bits(&self, kind: u8, cell: &[u8]) -> u64 {
        self.0.mark(kind, cell).iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte))
    }
}

/// Noise on a recipient's counts.
#[derive(Debug)]
pub(super) struct CountNoise {
    pub(super) key: RecipientKey,
    pub(super) spread: u16,
}

impl Noise for CountNoise {
    fn of(&self, cell: &str) -> i64 {
        self.key.noise(cell, self.spread)
    }
}

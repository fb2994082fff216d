//! What the vault was asked lately, in two generations: memory is bounded, and what is asked for often stays.

use std::hash::{BuildHasherDefault, Hasher};
use std::mem;

use std::collections::HashMap;

use super::{Fingerprint, Writing};

/// Fingerprints are keyed hashes already: nobody outside can choose them.
#[derive(Debug, Default)]
pub(crate) struct FingerprintHasher(u64);

impl Hasher for FingerprintHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A table by fingerprint.
pub(crate) type ByFingerprint<V> = HashMap<Fingerprint, V, BuildHasherDefault<FingerprintHasher>>;

type Generation = ByFingerprint<Writing>;

/// The newest writings by fingerprint. A full generation becomes the old one, and the one before is dropped: whatever was asked
/// for in the last half of the capacity is there.
#[derive(Debug)]
pub(super) struct Cache {
    young: Generation,
    old: Generation,
    generation_max: usize,
}

impl Cache {
    /// For at most `values_max` writings; about 40 bytes each.
    pub(super) fn new(values_max: usize) -> Self {
        Self { young: Generation::default(), old: Generation::default(), generation_max: (values_max / 2).max(1) }
    }

    pub(super) fn get(&mut self, value: &Fingerprint) -> Option<Writing> {
        if let Some(found) = self.young.get(value) {
            return Some(*found);
        }
        let found = *self.old.get(value)?;
        self.put(*value, found);
        Some(found)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.young = Generation::default();
        self.old = Generation::default();
    }

    pub(super) fn put(&mut self, value: Fingerprint, writing: Writing) {
        if self.young.len() >= self.generation_max {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(value, writing);
    }

    /// Forgets every writing of a token.
    pub(super) fn forget(&mut self, token: super::Token) {
        self.young.retain(|_, writing| writing.token != token);
        self.old.retain(|_, writing| writing.token != token);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Token};
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let mut cache = Cache::new(20);
        let mark = |number: u64| Fingerprint([number, 0]);
        let often = Writing { token: Token::random(Kind::Text), number: 3 };
        cache.put(mark(0), often);
        for number in 1..1_000 {
            cache.put(mark(number), Writing { token: Token::random(Kind::Text), number: 0 });
            assert_eq!(cache.get(&mark(0)), Some(often), "{number}");
            assert!(cache.len() <= 20);
        }
        assert_eq!(cache.get(&mark(1)), None);
        cache.forget(often.token);
        assert_eq!(cache.get(&mark(0)), None);
    }
}

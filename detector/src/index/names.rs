//! Looking a field's name up in a fixed table: a quick hash, good for tables that nobody outside can add to.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table by field name whose names are our own.
pub(crate) type Names<K, V> = HashMap<K, V, BuildHasherDefault<NameHasher>>;

/// Takes eight bytes at a time in by multiplication.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NameHasher(u64);

/// An odd number whose bits look random: 2^64 divided by the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl NameHasher {
    fn take(&mut self, bits: u64) {
        let mixed = (self.0 ^ bits).wrapping_mul(FACTOR);
        self.0 = mixed ^ (mixed >> 32);
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (whole, rest) = bytes.as_chunks::<8>();
        whole.iter().for_each(|chunk| self.take(u64::from_le_bytes(*chunk)));
        if !rest.is_empty() {
            let bits = rest.iter().fold(rest.len() as u64, |bits, byte| bits << 8 | u64::from(*byte));
            self.take(bits);
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.0 ^= u64::from(byte);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

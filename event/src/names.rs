//! Hashes of field names: most names that are asked of an event are not there, and that answer has to be cheap.

/// Hashes that are compared at once; without a branch between them the compiler makes vector instructions of it.
const BLOCK: usize = 8;
/// Odd, with bits that spread; the constant of FxHash.
const SPREAD: u64 = 0x517c_c1b7_2722_0a95;

/// The hash of a field's name: equal names, equal hashes. It may change from one version to the next, so do not keep it.
#[inline]
pub fn name_hash(name: &str) -> u32 {
    let bytes = name.as_bytes();
    let mut hash = bytes.len() as u64;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mixed(hash, u64::from_le_bytes(*word));
    }
    // The last bytes are read together with some before them where there are any: one word instead of a loop.
    let last = match (bytes.last_chunk::<8>(), bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        _ if rest.is_empty() => 0,
        (Some(last), ..) => u64::from_le_bytes(*last),
        (None, Some(first), Some(last)) => {
            (u64::from(u32::from_le_bytes(*first)) << 32) | u64::from(u32::from_le_bytes(*last))
        }
        _ => rest.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte)),
    };
    (mixed(hash, last) >> 32) as u32
}

#[inline]
fn mixed(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(SPREAD)
}

/// Which hashes may be among those that were added; one that is not here was not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sieve([u64; 8]);

impl Sieve {
    pub(crate) fn add(&mut self, hash: u32) {
        if let Some(word) = self.0.get_mut((hash >> 29) as usize) {
            *word |= 1 << ((hash >> 23) & 63);
        }
    }

    #[inline]
    pub(crate) fn may_have(&self, hash: u32) -> bool {
        self.0.get((hash >> 29) as usize).is_some_and(|word| (word >> ((hash >> 23) & 63)) & 1 == 1)
    }
}

/// The first place of `wanted` from `from` on.
#[inline]
pub(crate) fn place(hashes: &[u32], wanted: u32, from: usize) -> Option<usize> {
    let (blocks, tail) = hashes.get(from..)?.as_chunks::<BLOCK>();
    let mut start = from;
    for block in blocks {
        if block.iter().fold(false, |found, hash| found | (*hash == wanted)) {
            let at = block.iter().position(|hash| *hash == wanted)?;
            return Some(start + at);
        }
        start += BLOCK;
    }
    tail.iter().position(|hash| *hash == wanted).map(|at| start + at)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_differ_little_differ_in_their_hashes() {
        let mut names: Vec<String> = (0..5_000).map(|number| format!("winlog.event_data.Field{number}")).collect();
        names.extend((0..5_000).map(|number| format!("{number}")));
        names.extend((0..5_000).map(|number| format!("{number}.source.address")));
        let hashes: HashSet<u32> = names.iter().map(|name| name_hash(name)).collect();
        assert!(hashes.len() + 3 >= names.len(), "{} of {}", hashes.len(), names.len());
    }

    proptest! {
        #[test]
        fn what_was_added_may_be_there(hashes in prop::collection::vec(any::<u32>(), 0..40)) {
            let mut sieve = Sieve::default();
            hashes.iter().for_each(|hash| sieve.add(*hash));
            prop_assert!(hashes.iter().all(|hash| sieve.may_have(*hash)));
            prop_assert!(!hashes.is_empty() || !sieve.may_have(7));
        }

        #[test]
        fn places_are_found(hashes in prop::collection::vec(0_u32..20, 0..40), wanted in 0_u32..20, from in 0_usize..45) {
            let found = hashes.iter().enumerate().skip(from).find(|(_, hash)| **hash == wanted).map(|(at, _)| at);
            prop_assert_eq!(place(&hashes, wanted, from), found);
        }
    }
}

//! A quick name for a value inside this process, so that a value that comes often costs no mark.
//!
//! A mark is a HMAC: it lies on the disk for years, and whoever steals the disk must not get from it to a value. What only
//! this process's memory compares needs less: two keyed hashes of 64 bits under keys of this start alone, which is 128 bits
//! that no sender can aim at. Two values among a thousand million share one with a chance below 10^-20.

use std::hash::{BuildHasher as _, RandomState};

use super::Kind;

/// The quick name of a value as it is written; it means nothing outside this process and is never stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub(super) [u64; 2]);

impl std::hash::Hash for Fingerprint {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let [first, _] = self.0;
        state.write_u64(first);
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Fingerprint")
    }
}

/// Makes fingerprints under two keys of its own.
#[derive(Debug)]
pub(super) struct Fingerprints(RandomState, RandomState);

impl Fingerprints {
    /// With fresh random keys.
    pub(super) fn new() -> Self {
        Self(RandomState::new(), RandomState::new())
    }

    /// The fingerprint of a value of a kind.
    pub(super) fn of(&self, kind: Kind, value: &str) -> Fingerprint {
        let named = (kind.number(), value);
        Fingerprint([self.0.hash_one(named), self.1.hash_one(named)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::Class;

    #[test]
    fn kind_value_and_start_each_change_it() {
        let (own, other) = (Fingerprints::new(), Fingerprints::new());
        let phone = Kind::Value(Class::Phone);
        let first = own.of(phone, "0912345678");
        assert_eq!(own.of(phone, "0912345678"), first);
        assert_ne!(own.of(phone, "0912345679"), first);
        assert_ne!(own.of(Kind::Text, "0912345678"), first);
        assert_ne!(other.of(phone, "0912345678"), first);
        let [one, two] = first.0;
        assert_ne!(one, two, "the halves are two hashes");
    }
}

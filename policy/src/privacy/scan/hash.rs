//! Hashes of words: letters are digits to the base 256 of a number modulo a prime.
//!
//! Eight letters that are read from memory at once are their own hash, to write a word behind another one is to rotate its
//! hash, and words of up to seven letters never share one. Nothing secret is kept by these hashes: they only find words that
//! the rules know.

/// 2^61 - 1: to multiply by a power of two is a rotation of 61 bits.
const PRIME: u64 = (1 << BITS) - 1;
const BITS: u32 = 61;
/// Odd, so that nothing is lost in a product.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// The hash of eight letters, the first one in the lowest byte.
#[inline]
pub(super) fn of_letters(letters: u64) -> u64 {
    fit((letters & PRIME) + (letters >> BITS))
}

/// The hash of two texts written one after the other, `len` being the length of the first.
#[inline]
pub(super) fn join(first: u64, second: u64, len: u16) -> u64 {
    let by = u32::from(len) * 8 % BITS;
    fit(first + ((second << by) & PRIME | second >> (BITS - by)))
}

#[inline]
fn fit(sum: u64) -> u64 {
    if sum >= PRIME { sum - PRIME } else { sum }
}

/// The hash of a word with its diacritics. `qualities` is that of what the letters have besides their base (`â`, `ă`); the
/// tone counts for the whole syllable: `hòa` and `hoà` are one word.
#[inline]
pub(super) fn exact(letters: u64, qualities: u64, tone: u8) -> u64 {
    letters.wrapping_add(qualities.wrapping_mul(BASE)).wrapping_mul(BASE).wrapping_add(u64::from(tone) + 1)
}

/// The hash of two words in a row, both with their diacritics.
#[inline]
pub(super) fn in_a_row(first: u64, second: u64) -> u64 {
    first.rotate_left(7).wrapping_mul(BASE).wrapping_add(second)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by the definition alone, letter by letter.
    fn slowly(text: &[u8]) -> u64 {
        let hash = text.iter().rev().fold(0, |hash, letter| (hash * 256 + u128::from(*letter)) % u128::from(PRIME));
        hash as u64
    }

    fn quickly(text: &[u8]) -> u64 {
        let mut hash = 0;
        for (at, letters) in text.chunks(8).enumerate() {
            let word = letters.iter().rev().fold(0, |word, letter| word << 8 | u64::from(*letter));
            hash = join(hash, of_letters(word), at as u16 * 8);
        }
        hash
    }

    proptest! {
        #[test]
        fn it_is_what_its_definition_says(first in "[a-z0-9?]{0,70}", second in "[a-z0-9?]{0,20}") {
            let (one, two) = (first.as_bytes(), second.as_bytes());
            prop_assert_eq!(quickly(one), slowly(one));
            prop_assert_eq!(join(quickly(one), quickly(two), one.len() as u16), slowly(&[one, two].concat()));
        }
    }
}

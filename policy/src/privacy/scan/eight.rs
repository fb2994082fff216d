//! Eight bytes of ASCII at once: how many of them belong to one word, of what kind they are, and their letters.
//!
//! Arithmetic on all eight in one register: words have every length, and a branch for each byte would be guessed wrong
//! once a word.

use super::token::shape;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES << 7;

/// The first letters and digits of a text, at most eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Eight {
    /// How many belong together.
    pub(super) len: u16,
    /// Their shape.
    pub(super) shape: u8,
    /// Their small letters, the first one in the lowest byte, and zeros behind.
    pub(super) letters: u64,
}

impl Eight {
    /// Reads the first eight bytes; `seen` is the shape of what stands before them in the same word. A capital behind
    /// a small letter begins another word, unless digits stood before (`soDienThoai`, not `a1B2`).
    #[inline]
    pub(super) fn new(bytes: &[u8], seen: u8) -> Self {
        let word = match bytes.first_chunk::<8>() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        let (letter, digit) = (within(word | ONES << 5, b'a', b'z'), within(word, b'0', b'9'));
        // The bit of 32 tells small letters from capitals.
        let lower = letter & word << 2;
        let upper = letter & !lower;
        let mut end = (!(letter | digit) & HIGH).trailing_zeros() / 8;
        let small = if seen & shape::LOWER != 0 { 0 } else { lower.trailing_zeros() };
        let camel = upper & u64::MAX.checked_shl(small).unwrap_or(0) & below(end);
        if camel != 0 && seen & shape::DIGIT == 0 {
            let cut = camel.trailing_zeros() / 8;
            if digit & below(cut) == 0 {
                end = cut;
            }
        }
        let kept = below(end);
        let bit = |of: u64, bit: u8| if of & kept != 0 { bit } else { 0 };
        let shape = bit(lower, shape::LOWER) | bit(upper, shape::UPPER) | bit(digit, shape::DIGIT);
        Self { len: end as u16, shape, letters: (word | ONES << 5) & kept }
    }
}

/// The highest bit of each byte from `low` to `high`; both are ASCII.
#[inline]
fn within(word: u64, low: u8, high: u8) -> u64 {
    let seven = word & !HIGH;
    let from = seven.wrapping_add(ONES.wrapping_mul(u64::from(0x80 - low)));
    let beyond = seven.wrapping_add(ONES.wrapping_mul(u64::from(0x7F - high)));
    from & !beyond & !word & HIGH
}

/// All bits of the first bytes, so many.
#[inline]
fn below(bytes: u32) -> u64 {
    !u64::MAX.checked_shl(bytes * 8).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, byte by byte.
    fn slowly(bytes: &[u8], mut seen: u8) -> Eight {
        let mut eight = Eight { len: 0, shape: 0, letters: 0 };
        for (at, byte) in bytes.iter().take(8).enumerate() {
            let kind = match byte {
                b'a'..=b'z' => shape::LOWER,
                b'A'..=b'Z' => shape::UPPER,
                b'0'..=b'9' => shape::DIGIT,
                _ => break,
            };
            if kind == shape::UPPER && seen & (shape::LOWER | shape::DIGIT) == shape::LOWER {
                break;
            }
            seen |= kind;
            eight.shape |= kind;
            eight.len += 1;
            eight.letters |= u64::from(byte.to_ascii_lowercase()) << (8 * at);
        }
        eight
    }

    #[test]
    fn words_end_where_they_end() {
        for (text, len) in
            [("", 0), ("a", 1), ("Nguyen V", 6), ("soDien", 2), ("a1B2", 4), ("NGUYEN", 6), ("abcdefghi", 8), ("é", 0)]
        {
            assert_eq!(Eight::new(text.as_bytes(), 0).len, len, "{text}");
        }
    }

    proptest! {
        #[test]
        fn eight_at_once_are_what_one_by_one_are(text in "[a-zA-Z0-9 =é]{0,12}", seen in 0_u8..16) {
            prop_assert_eq!(Eight::new(text.as_bytes(), seen), slowly(text.as_bytes(), seen));
        }
    }
}

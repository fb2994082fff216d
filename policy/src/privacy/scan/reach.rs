//! How far into a text numbers and e-mail addresses may stand: what lies behind needs no reading where only those are wanted.

use crate::privacy::Class;

/// Classes that digits and `@` find.
pub(super) const CLASSES: [Class; 9] = [
    Class::CitizenId,
    Class::OldCitizenId,
    Class::TaxCode,
    Class::Phone,
    Class::Email,
    Class::SocialInsurance,
    Class::HealthInsurance,
    Class::BankAccount,
    Class::Card,
];

/// No value has fewer digits.
const DIGITS_LEAST: u32 = 8;

/// Of [`KINDS`]: a digit, or a part of a character that may be one or may stand between two.
const DIGIT: u8 = 1;
/// Of [`KINDS`]: ends a group; without it, a byte may stand between the groups of a number. The first bytes of U+00C0 to U+027F
/// and of U+1000 to U+1FFF do: those are letters and signs of their own, Vietnamese ones above all, but for [`SPACE_MARK`].
const ENDS: u8 = 2;
/// The only white space among them.
const SPACE_MARK: &str = "\u{1680}";

#[expect(clippy::indexing_slicing, reason = "a constant, checked when the program is built")]
const KINDS: [u8; 256] = {
    let mut kinds = [ENDS; 256];
    let mut at = 0;
    while at < 256 {
        kinds[at] = match at as u8 {
            0xC3..=0xC9 | 0xE1 => ENDS,
            b'0'..=b'9' | 128..=255 => DIGIT,
            b' ' | b'.' | b'-' | b'(' | b')' => 0,
            _ => ENDS,
        };
        at += 1;
    }
    kinds
};

/// The byte behind the last word in which, or right behind which, a number or an address may stand; 0 when none does. Rather
/// too far than not far enough.
pub(super) fn reach(text: &[u8]) -> usize {
    // Anything may stand in an escape.
    let escape = memchr::memchr3(b'\\', b'%', b'&', text).is_some();
    if escape || memchr::memmem::find(text, SPACE_MARK.as_bytes()).is_some() {
        return text.len();
    }
    let behind_at = memchr::memrchr(b'@', text).map_or(0, |at| at + 1);
    let reach = behind_at + behind_digits(text.get(behind_at..).unwrap_or_default());
    let behind = text.get(reach..).unwrap_or_default();
    match memchr::memchr(b' ', behind) {
        _ if reach == 0 => 0,
        Some(word) => reach + word,
        None => text.len(),
    }
}

/// The byte behind the last group of digits that is long enough; 0 when there is none. From the end, and without a branch that
/// depends on a byte: words and numbers take turns as nobody can guess.
fn behind_digits(text: &[u8]) -> usize {
    let (mut digits, mut end) = (0, 0);
    for (at, byte) in text.iter().enumerate().rev() {
        let kind = KINDS.get(usize::from(*byte)).copied().unwrap_or(ENDS);
        let (digit, goes_on) = (u32::from(kind & DIGIT), u32::from(kind & ENDS == 0));
        end = if digits == 0 { at + 1 } else { end };
        digits = (digits + digit) * goes_on;
        if digits >= DIGITS_LEAST {
            return end;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, from the beginning and byte by byte.
    fn slowly(text: &[u8]) -> usize {
        let (mut digits, mut reach) = (0, 0);
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'\\' | b'%' | b'&' => return text.len(),
                b'@' => (digits, reach) = (0, at + 1),
                0xC3..=0xC9 | 0xE1 => digits = 0,
                b'0'..=b'9' | 128..=255 => {
                    digits += 1;
                    if digits >= DIGITS_LEAST {
                        reach = at + 1;
                    }
                }
                b' ' | b'.' | b'-' | b'(' | b')' => {}
                _ => digits = 0,
            }
        }
        let word = text.iter().skip(reach).position(|byte| *byte == b' ');
        if reach == 0 { 0 } else { word.map_or(text.len(), |word| reach + word) }
    }

    #[test]
    fn it_ends_behind_the_last_word_that_may_hold_a_number() {
        for (text, expected) in [
            ("", 0),
            ("opened in 37 ms, 412 MB", 0),
            ("call 0912 345 678 now or later", 17),
            ("call 0912345678.x now", 17),
            ("call 0912345678", 15),
            ("lan@hcm.gov.vn wrote", 14),
            ("12345678 and 1234567", 8),
            ("12-34-56-7(8) a", 13),
            ("1234567 a 1", 0),
            ("n %31 b", 7),
            ("０１２ a", 9),
            ("đội trưởng 12345 ở đó", 0),
            ("1234\u{1680}5678 a", 13),
        ] {
            assert_eq!(reach(text.as_bytes()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn from_the_end_it_is_the_same(text in "[0-9]{0,9}([a-c0-9 .@ê()%-]{0,12}[0-9]{0,9}){0,6}[a-c ]{0,9}") {
            prop_assert_eq!(reach(text.as_bytes()), slowly(text.as_bytes()));
        }
    }
}

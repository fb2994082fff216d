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

/// What a byte is to somebody who looks for digits in groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Ends a group.
    Other,
    /// May stand between the groups of a number.
    Between,
    /// A digit, or a part of a character that may be one or may stand between two.
    Digit,
    At,
    /// Begins an escape: anything may stand there.
    Escape,
}

#[expect(clippy::indexing_slicing, reason = "a constant, checked when the program is built")]
const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Other; 256];
    let mut at = 0;
    while at < 256 {
        kinds[at] = match at as u8 {
            b'0'..=b'9' | 128..=255 => Kind::Digit,
            b' ' | b'.' | b'-' | b'(' | b')' => Kind::Between,
            b'@' => Kind::At,
            b'\\' | b'%' => Kind::Escape,
            _ => Kind::Other,
        };
        at += 1;
    }
    kinds
};

/// The byte behind the last word in which, or right behind which, a number or an address may stand; 0 when none does. Rather
/// too far than not far enough.
pub(super) fn reach(text: &[u8]) -> usize {
    let (mut digits, mut reach) = (0, 0);
    for (at, byte) in text.iter().enumerate() {
        match KINDS.get(usize::from(*byte)).copied().unwrap_or(Kind::Other) {
            Kind::Other => digits = 0,
            Kind::Between => {}
            Kind::Digit => {
                digits += 1;
                if digits >= DIGITS_LEAST {
                    reach = at + 1;
                }
            }
            Kind::At => (digits, reach) = (0, at + 1),
            Kind::Escape => return text.len(),
        }
    }
    let behind = text.get(reach..).unwrap_or_default();
    match memchr::memchr(b' ', behind) {
        _ if reach == 0 => 0,
        Some(word) => reach + word,
        None => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            assert_eq!(reach(text.as_bytes()), expected, "{text}");
        }
    }
}

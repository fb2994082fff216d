//! Numbers that prove themselves: check digits, prefixes, the parts of a citizen id.

/// The provinces of a citizen id, as numbered before the mergers of 2025 (Circular 59/2021/TT-BCA, annex); the numbers
/// stay valid for life.
const PROVINCES: [u16; 63] = [
    1, 2, 4, 6, 8, 10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25, 26, 27, 30, 31, 33, 34, 35, 36, 37, 38, 40, 42, 44, 45,
    46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, 66, 67, 68, 70, 72, 74, 75, 77, 79, 80, 82, 83, 84, 86, 87, 89, 91, 92,
    93, 94, 95, 96,
];

/// What the digits of a citizen id say for themselves; none of it is a check digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CitizenEvidence {
    /// Not twelve digits.
    None,
    /// Twelve digits whose parts do not fit.
    Length,
    /// A known province, but a year of birth in the future or over 110 years ago.
    Province,
    /// Province, century and year fit.
    Full,
}

/// The value of a slice of ASCII digits; `None` when it holds anything else or more than 18 digits.
pub fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}

/// What speaks for a citizen id; `year` is the present one.
pub fn citizen_id(digits: &[u8], year: u16) -> CitizenEvidence {
    if digits.len() != 12 || number(digits).is_none() {
        return CitizenEvidence::None;
    }
    let part = |from: usize, to: usize| digits.get(from..to).and_then(number).unwrap_or(0) as u16;
    if PROVINCES.binary_search(&part(0, 3)).is_err() {
        return CitizenEvidence::Length;
    }
    let born = 1900 + part(3, 4) / 2 * 100 + part(4, 6);
    if born <= year && born + 110 >= year { CitizenEvidence::Full } else { CitizenEvidence::Province }
}

/// Whether the tenth digit of a tax code is its check digit: 10 minus the weighted sum modulo 11.
pub fn tax_code(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 9] = [31, 29, 23, 19, 17, 13, 7, 5, 3];
    if !matches!(digits.len(), 10 | 13) || number(digits).is_none() {
        return false;
    }
    let sum: u32 = WEIGHTS.iter().zip(digits).map(|(weight, digit)| weight * u32::from(digit - b'0')).sum();
    let check = 10 - sum % 11;
    digits.get(9).is_some_and(|digit| check < 10 && u32::from(digit - b'0') == check)
}

/// Luhn's formula (ISO/IEC 7812-1, annex B).
pub fn luhn(digits: &[u8]) -> bool {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let weigh = |(place, digit): (usize, &u8)| {
        let digit = u32::from(digit - b'0');
        let doubled = if place % 2 == 1 { digit * 2 } else { digit };
        if doubled > 9 { doubled - 9 } else { doubled }
    };
    digits.iter().rev().enumerate().map(weigh).sum::<u32>() % 10 == 0
}

/// Whether the first digits belong to a card issuer and fit the length: Visa, Mastercard, American Express, JCB,
/// UnionPay, Napas (9704).
pub fn card_issuer(digits: &[u8]) -> bool {
    let Some(prefix) = digits.get(..4).and_then(number) else { return false };
    match prefix {
        4000..=4999 => matches!(digits.len(), 13 | 16 | 19),
        5100..=5599 | 2221..=2720 | 3528..=3589 => digits.len() == 16,
        3400..=3499 | 3700..=3799 => digits.len() == 15,
        6200..=6299 | 9704 => matches!(digits.len(), 16 | 19),
        _ => false,
    }
}

/// What a number of digits is as a Vietnamese telephone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneKind {
    /// A mobile number with its `0` or its country code.
    Mobile,
    /// A fixed line with its area.
    Fixed,
}

/// Tells a telephone number by its prefix; a leading `84` counts as `0` (11 digits and more).
pub fn phone(digits: &[u8]) -> Option<PhoneKind> {
    number(digits)?;
    let rest = match digits {
        [b'8', b'4', rest @ ..] if digits.len() >= 11 => rest,
        [b'0', rest @ ..] => rest,
        _ => return None,
    };
    match (rest, rest.len()) {
        ([b'3', b'2'..=b'9', ..], 9)
        | ([b'5', b'2' | b'5' | b'6' | b'8' | b'9', ..], 9)
        | ([b'7', b'0' | b'6'..=b'9', ..], 9)
        | ([b'8', b'1'..=b'9', ..], 9)
        | ([b'9', b'0'..=b'4' | b'6'..=b'9', ..], 9) => Some(PhoneKind::Mobile),
        ([b'2', b'4' | b'8', b'2'..=b'9', ..], 10) => Some(PhoneKind::Fixed),
        ([b'2', b'0'..=b'9', b'0'..=b'9', b'2' | b'3' | b'6', ..], 10) => Some(PhoneKind::Fixed),
        _ => None,
    }
}

/// Whether fifteen characters are a health insurance card: two letters of a group, its level 1 to 5, a province, ten
/// digits (Decision 1351/QD-BHXH). Letters in lower case.
pub fn health_insurance(card: &[u8]) -> bool {
    const GROUPS: [&[u8; 2]; 52] = [
        b"dn", b"hx", b"ch", b"nn", b"tk", b"hc", b"xk", b"ht", b"tb", b"no", b"ct", b"xb", b"tn", b"cs", b"qn", b"ca",
        b"cy", b"xn", b"ms", b"cc", b"ck", b"cb", b"kc", b"hd", b"te", b"bt", b"hn", b"dt", b"dk", b"xd", b"ts", b"tc",
        b"tq", b"ta", b"ty", b"hg", b"ls", b"pv", b"cn", b"hs", b"sv", b"gb", b"gd", b"th", b"tv", b"td", b"tu", b"hk",
        b"nd", b"ks", b"tl", b"nu",
    ];
    if card.len() != 15 || !card.get(2..).is_some_and(|rest| rest.iter().all(u8::is_ascii_digit)) {
        return false;
    }
    let group = card.get(..2).is_some_and(|group| GROUPS.iter().any(|known| known.as_slice() == group));
    let level = card.get(2).is_some_and(|level| (b'1'..=b'5').contains(level));
    let province = card.get(3..5).and_then(number).is_some_and(|province| (1..=99).contains(&province));
    group && level && province
}

/// Whether digits are a moment: seconds, milliseconds, micro- or nanoseconds since 1970 within 2001 to 2033, or
/// `yyyymmdd` with or without a time.
pub fn moment(digits: &[u8]) -> bool {
    let part = |from: usize, to: usize| digits.get(from..to).and_then(number);
    let epoch = matches!(digits.len(), 10 | 13 | 16 | 19) && matches!(digits.first(), Some(b'1'));
    let within = |value: Option<u64>, low: u64, high: u64| value.is_some_and(|value| (low..=high).contains(&value));
    let day = within(part(0, 4), 1970, 2099) && within(part(4, 6), 1, 12) && within(part(6, 8), 1, 31);
    let time = |from: usize| within(part(from, from + 2), 0, 23) && within(part(from + 2, from + 4), 0, 59);
    let date = match digits.len() {
        8 => day,
        12 | 14 | 17 => day && time(8),
        _ => false,
    };
    epoch || date
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citizen_ids_say_where_and_when() {
        for (digits, expected) in [
            ("079090012345", CitizenEvidence::Full),
            ("001303012345", CitizenEvidence::Full),
            ("079390012345", CitizenEvidence::Province),
            ("079599012345", CitizenEvidence::Province),
            ("003090012345", CitizenEvidence::Length),
            ("07909001234", CitizenEvidence::None),
            ("07909001234x", CitizenEvidence::None),
        ] {
            assert_eq!(citizen_id(digits.as_bytes(), 2026), expected, "{digits}");
        }
    }

    #[test]
    fn check_digits_and_prefixes() {
        for (good, bad) in [("0301442989", "0301442988"), ("0100109106", "0100109107")] {
            assert!(tax_code(good.as_bytes()), "{good}");
            assert!(!tax_code(bad.as_bytes()), "{bad}");
        }
        assert!(luhn(b"4111111111111111") && !luhn(b"4111111111111112") && !luhn(b""));
        for (digits, expected) in [
            ("0912345678", Some(PhoneKind::Mobile)),
            ("84912345678", Some(PhoneKind::Mobile)),
            ("02838221234", Some(PhoneKind::Fixed)),
            ("842838221234", Some(PhoneKind::Fixed)),
            ("0112345678", None),
            ("0952345678", None),
            ("8491234567", None),
            ("", None),
        ] {
            assert_eq!(phone(digits.as_bytes()), expected, "{digits}");
        }
        assert!(health_insurance(b"gd4797912345678") && !health_insurance(b"zz4797912345678"));
        assert!(!health_insurance(b"gd9797912345678") && !health_insurance(b"gd47979123456"));
        for moment_text in ["1715489231", "1715489231000", "20240512", "20240512103045"] {
            assert!(moment(moment_text.as_bytes()), "{moment_text}");
        }
        assert!(!moment(b"079090012345") && !moment(b"0912345678"));
    }
}

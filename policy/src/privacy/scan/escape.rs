//! Characters written as escapes: `\u1ec5` of JSON, `%E1%BB%85` of URLs, `&#7877;` and `&quot;` of XML.

use std::borrow::Cow;

/// A text with its escapes read; what is none stays.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains(['\\', '%', '&']) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.char_indices();
    while let Some((at, found)) = rest.next() {
        match read(text.as_bytes(), at) {
            Some((meant, len)) => {
                plain.push(meant);
                // An escape is ASCII: so many characters as bytes.
                for _ in 1..len {
                    rest.next();
                }
            }
            None => plain.push(found),
        }
    }
    Cow::Owned(plain)
}

/// The character that the escape at `at` stands for, and its length in bytes; `None` where none stands.
pub(super) fn read(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    match (bytes.get(at)?, bytes.get(at + 1)?) {
        (b'\\', b'u') => Some((char::from_u32(hex(bytes, at + 2, 4)?)?, 6)),
        // `C:\nam` is a path, `\nNam` a new line before a name.
        (b'\\', b'n' | b'r' | b't') if !bytes.get(at + 2).is_some_and(u8::is_ascii_lowercase) => Some(('\n', 2)),
        (b'\\', b'"') => Some(('"', 2)),
        (b'\\', b'/') => Some(('/', 2)),
        (b'%', _) => percent(bytes, at),
        (b'&', _) => reference(bytes, at),
        _ => None,
    }
}

/// Longest reference of XML that is read, `&` and `;` with it.
const REFERENCE_BYTES_MAX: usize = 10;

/// A character or entity reference of XML (XML 1.0, section 4.1); of the entities those that XML itself has.
fn reference(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let rest = bytes.get(at + 1..)?;
    let len = rest.iter().take(REFERENCE_BYTES_MAX).position(|byte| *byte == b';')?;
    let found = match rest.get(..len)? {
        b"quot" => '"',
        b"apos" => '\'',
        b"lt" => '<',
        b"gt" => '>',
        b"amp" => '&',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?)?,
        [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
        _ => return None,
    };
    Some((found, len + 2))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let value = digits
        .iter()
        .try_fold(0_u32, |value, &digit| value.checked_mul(radix)?.checked_add(char::from(digit).to_digit(radix)?));
    value.filter(|value| *value > 0)
}

fn percent(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let first = hex(bytes, at + 1, 2)? as u8;
    let len = match first {
        0..=0x7F => 1,
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let mut decoded = [first, 0, 0, 0];
    for (number, slot) in decoded.iter_mut().enumerate().take(len).skip(1) {
        if bytes.get(at + 3 * number) != Some(&b'%') {
            return None;
        }
        *slot = hex(bytes, at + 3 * number + 1, 2)? as u8;
    }
    let found = std::str::from_utf8(decoded.get(..len)?).ok()?.chars().next()?;
    Some((found, 3 * len))
}

fn hex(bytes: &[u8], at: usize, digits: usize) -> Option<u32> {
    let digits = bytes.get(at..at + digits)?;
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_whole() {
        assert_eq!(unescape(r"Nguy\u1ec5n%20An 100% \"), "Nguyễn An 100% \\");
        assert_eq!(unescape("Nguyễn"), "Nguyễn");
        assert_eq!(unescape("Nguy&#7877;n &amp; An & &x;"), "Nguyễn & An & &x;");
    }

    #[test]
    fn escapes_are_read_and_nothing_else_is() {
        for (text, expected) in [
            (r"\u1ec5", Some(('ễ', 6))),
            (r"\u1ec", None),
            (r"\ud800", None),
            (r"\nN", Some(('\n', 2))),
            (r"\nam", None),
            ("%E1%BB%85x", Some(('ễ', 9))),
            ("%40", Some(('@', 3))),
            ("%E1%BB", None),
            ("%FF", None),
            ("100% of", None),
            ("&#7877;n", Some(('ễ', 7))),
            ("&#x1EC5;n", Some(('ễ', 8))),
            ("&quot;", Some(('"', 6))),
            ("&nbsp;", None),
            ("&#;", None),
            ("&#0;", None),
            ("&#55296;", None),
            ("&#99999999999;", None),
            ("a=1&b=2;", None),
        ] {
            let at = text.find(['\\', '%', '&']).unwrap();
            assert_eq!(read(text.as_bytes(), at), expected, "{text}");
        }
    }
}

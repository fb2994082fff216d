//! Letters without their diacritics, and the diacritics apart: composed and decomposed text fold alike.

use unicode_normalization::char::{canonical_combining_class, decompose_canonical};

/// First character beyond the Latin alphabets and the marks that follow letters in decomposed text.
const TABLE_END: usize = 0x370;
/// The block of Vietnamese letters with two marks.
const EXTRA_START: usize = 0x1E00;
const EXTRA_END: usize = 0x1F00;

/// What a character is to the scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folded {
    /// A Latin letter: its base in lower case, its quality (`â`, `ă`, `ơ`, `đ`), its tone, and whether it is a capital.
    Letter { base: u8, quality: u8, tone: u8, upper: bool },
    /// A decimal digit, as ASCII.
    Digit(u8),
    /// A mark that belongs to the letter before it.
    Mark { quality: u8, tone: u8 },
    /// A letter of another alphabet.
    Foreign,
    /// Takes no room: skipped.
    Invisible,
    /// White space.
    Space,
    /// Another character.
    Sign,
}

/// The tables of [`Folded`] letters, computed once from Unicode's canonical decompositions.
#[derive(Debug, Clone)]
pub(super) struct Folds {
    latin: Vec<Folded>,
    extra: Vec<Folded>,
}

impl Folds {
    pub(super) fn new() -> Self {
        Self {
            latin: (0..TABLE_END).map(fold_code).collect(),
            extra: (EXTRA_START..EXTRA_END).map(fold_code).collect(),
        }
    }

    #[inline]
    pub(super) fn fold(&self, found: char) -> Folded {
        self.known(u32::from(found)).unwrap_or_else(|| fold_char(found))
    }

    /// The character with a code, when it is in the tables.
    #[inline]
    pub(super) fn known(&self, code: u32) -> Option<Folded> {
        let code = code as usize;
        match code.checked_sub(EXTRA_START) {
            Some(at) => self.extra.get(at).copied(),
            None => self.latin.get(code).copied(),
        }
    }
}

fn fold_code(code: usize) -> Folded {
    u32::try_from(code).ok().and_then(char::from_u32).map_or(Folded::Sign, fold_char)
}

fn fold_char(found: char) -> Folded {
    match found {
        '0'..='9' => return Folded::Digit(found as u8),
        '\u{FF10}'..='\u{FF19}' => return Folded::Digit(b'0' + (found as u32 - 0xFF10) as u8),
        'đ' => return Folded::Letter { base: b'd', quality: 4, tone: 0, upper: false },
        'Đ' | 'Ð' => return Folded::Letter { base: b'd', quality: 4, tone: 0, upper: true },
        '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' => return Folded::Invisible,
        _ if found.is_whitespace() => return Folded::Space,
        _ => {}
    }
    if canonical_combining_class(found) != 0 {
        let (quality, tone) = mark(found);
        return Folded::Mark { quality, tone };
    }
    letter(found)
}

fn letter(found: char) -> Folded {
    let (mut base, mut quality, mut tone) = (None, 0, 0);
    decompose_canonical(found, |part| {
        if base.is_none() {
            base = Some(part);
        } else {
            let (more, voice) = mark(part);
            quality |= more;
            tone |= voice;
        }
    });
    match base {
        Some(base) if base.is_ascii_alphabetic() => {
            let upper = base.is_ascii_uppercase();
            Folded::Letter { base: base.to_ascii_lowercase() as u8, quality, tone, upper }
        }
        _ if found.is_alphabetic() => Folded::Foreign,
        _ => Folded::Sign,
    }
}

/// Quality (1 circumflex, 2 breve, 3 horn) and tone (1 to 5) of a combining mark.
fn mark(found: char) -> (u8, u8) {
    match found {
        '\u{302}' => (1, 0),
        '\u{306}' => (2, 0),
        '\u{31B}' => (3, 0),
        '\u{300}' | '\u{340}' => (0, 1),
        '\u{301}' | '\u{341}' => (0, 2),
        '\u{303}' => (0, 3),
        '\u{309}' => (0, 4),
        '\u{323}' => (0, 5),
        _ => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vietnamese_letters_lose_their_marks_and_keep_them_apart() {
        let folds = Folds::new();
        let letter = |base, quality, tone, upper| Folded::Letter { base, quality, tone, upper };
        for (found, expected) in [
            ('a', letter(b'a', 0, 0, false)),
            ('Z', letter(b'z', 0, 0, true)),
            ('ễ', letter(b'e', 1, 3, false)),
            ('Ự', letter(b'u', 3, 5, true)),
            ('ă', letter(b'a', 2, 0, false)),
            ('Đ', letter(b'd', 4, 0, true)),
            ('7', Folded::Digit(b'7')),
            ('７', Folded::Digit(b'7')),
            ('\u{301}', Folded::Mark { quality: 0, tone: 2 }),
            ('ж', Folded::Foreign),
            ('\u{200B}', Folded::Invisible),
            ('\u{A0}', Folded::Space),
            ('•', Folded::Sign),
        ] {
            assert_eq!(folds.fold(found), expected, "{found:?}");
        }
    }
}

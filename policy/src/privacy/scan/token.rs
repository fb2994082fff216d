//! Text to tokens in one pass: runs of letters and digits, folded, with hashes, what stood between them and where.
//!
//! Offsets are those of the original bytes, whatever form the letters had: composed, decomposed, full-width, JSON escape
//! (`\u1ec5`) or percent encoding.

use super::escape;
use super::fold::{Folded, Folds};

/// What stood before a token.
pub(super) mod gap {
    pub(in super::super) const SPACE: u16 = 1;
    pub(in super::super) const COMMA: u16 = 1 << 1;
    /// `:`, `>`: what stands before it names what follows.
    pub(in super::super) const COLON: u16 = 1 << 2;
    /// `=`.
    pub(in super::super) const EQUALS: u16 = 1 << 3;
    pub(in super::super) const QUOTE: u16 = 1 << 4;
    /// The end of a line, a column or a list: what came before says nothing of what follows.
    pub(in super::super) const BREAK: u16 = 1 << 5;
    pub(in super::super) const DOT: u16 = 1 << 6;
    pub(in super::super) const DASH: u16 = 1 << 7;
    pub(in super::super) const SLASH: u16 = 1 << 8;
    pub(in super::super) const UNDER: u16 = 1 << 9;
    pub(in super::super) const PLUS: u16 = 1 << 10;
    pub(in super::super) const PAREN: u16 = 1 << 11;
    pub(in super::super) const AT: u16 = 1 << 12;
    pub(in super::super) const BACKSLASH: u16 = 1 << 13;
    pub(in super::super) const OTHER: u16 = 1 << 14;
    /// The text begins here, or ends.
    pub(in super::super) const EDGE: u16 = 1 << 15;
}

/// What a token consists of.
pub(super) mod shape {
    pub(in super::super) const FIRST_UPPER: u8 = 1;
    pub(in super::super) const LOWER: u8 = 1 << 1;
    pub(in super::super) const UPPER: u8 = 1 << 2;
    pub(in super::super) const DIGIT: u8 = 1 << 3;
    pub(in super::super) const MARKED: u8 = 1 << 4;
    pub(in super::super) const FOREIGN: u8 = 1 << 5;
    pub(in super::super) const LETTER: u8 = LOWER | UPPER | FOREIGN;
}

/// Multiplier of the hashes; odd, so that no letter is lost.
pub(super) const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// The gap that an ASCII sign makes.
#[expect(clippy::indexing_slicing, reason = "a constant, checked when the program is built")]
const SIGNS: [u16; 256] = {
    let mut signs = [gap::OTHER; 256];
    let mut at = 0;
    while at < 128 {
        signs[at] = match at as u8 {
            b' ' => gap::SPACE,
            b',' => gap::COMMA,
            b':' | b'>' => gap::COLON,
            b'=' => gap::EQUALS,
            b'"' | b'\'' | b'`' => gap::QUOTE,
            b'\n' | b'\r' | b'\t' | b';' | b'|' | b'&' | b'{' | b'}' | b'<' | b'[' | b']' => gap::BREAK,
            b'.' => gap::DOT,
            b'-' => gap::DASH,
            b'/' => gap::SLASH,
            b'_' => gap::UNDER,
            b'+' => gap::PLUS,
            b'(' | b')' => gap::PAREN,
            b'\\' => gap::BACKSLASH,
            b'@' => gap::AT,
            _ => gap::OTHER,
        };
        at += 1;
    }
    signs
};

/// A run of letters and digits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Token {
    /// Hash of the folded letters; concatenates (see [`join`]).
    pub(super) hash: u64,
    /// Hash of the letters with qualities and tone.
    pub(super) exact: u64,
    /// First byte in the original text.
    pub(super) start: u32,
    /// Byte after the last.
    pub(super) end: u32,
    /// Where its folded letters begin in [`Tokens::folded`].
    at: u32,
    /// What the lexicon knows of it, without regard to diacritics.
    pub(super) flags: u32,
    /// How many characters, at most 65,535.
    pub(super) len: u16,
    /// Bits of [`gap`]: everything that stood between the token before and this one.
    pub(super) gap: u16,
    /// How many characters stood there, at most 255.
    pub(super) gap_len: u8,
    /// Bits of [`shape`].
    pub(super) shape: u8,
    tone: u8,
}

impl Token {
    pub(super) fn is_word(&self) -> bool {
        self.shape & shape::DIGIT == 0 && self.shape & shape::LETTER != 0
    }

    pub(super) fn is_number(&self) -> bool {
        self.shape & (shape::LETTER | shape::MARKED) == 0
    }

    pub(super) fn is_mixed(&self) -> bool {
        self.shape & shape::DIGIT != 0 && self.shape & shape::LETTER != 0
    }

    /// Capital first; `AN` and `An`, not `an`.
    pub(super) fn is_capital(&self) -> bool {
        self.shape & shape::FIRST_UPPER != 0
    }

    /// More than one letter and no small one.
    pub(super) fn is_upper(&self) -> bool {
        self.shape & shape::LOWER == 0 && self.is_capital()
    }

    pub(super) fn is_marked(&self) -> bool {
        self.shape & shape::MARKED != 0
    }

    /// Exactly one such character stood before it.
    pub(super) fn single(&self, gaps: u16) -> bool {
        self.gap_len == 1 && self.gap & !gaps == 0
    }
}

/// Powers of [`BASE`], up to the longest words that phrases have.
#[expect(clippy::indexing_slicing, reason = "a constant, checked when the program is built")]
const POWERS: [u64; 32] = {
    let mut powers = [1; 32];
    let mut at = 1;
    while at < 32 {
        powers[at] = BASE.wrapping_pow(at as u32);
        at += 1;
    }
    powers
};

/// The hash of two texts written one after the other, `len` being the length of the second.
pub(super) fn join(first: u64, second: u64, len: u16) -> u64 {
    let power = POWERS.get(usize::from(len)).copied().unwrap_or_else(|| BASE.wrapping_pow(u32::from(len)));
    first.wrapping_mul(power).wrapping_add(second)
}

/// What an ASCII letter or digit adds to the shape of a token; 0 for everything else.
#[expect(clippy::indexing_slicing, reason = "a constant, checked when the program is built")]
const SHAPES: [u8; 256] = {
    let mut shapes = [0; 256];
    let mut at = 0;
    while at < 128 {
        shapes[at] = match at as u8 {
            b'a'..=b'z' => shape::LOWER,
            b'A'..=b'Z' => shape::UPPER,
            b'0'..=b'9' => shape::DIGIT,
            _ => 0,
        };
        at += 1;
    }
    shapes
};

/// The tokens of one text; its buffers are used again for the next.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub(super) list: Vec<Token>,
    /// The folded letters and digits of all tokens, in ASCII; `?` for letters of other alphabets.
    folded: Vec<u8>,
    /// Where every `@` stands.
    pub(super) ats: Vec<u32>,
    /// The gap after the last token.
    pub(super) last_gap: u16,
    open: Token,
    in_token: bool,
    gap: u16,
    gap_len: u8,
}

impl Tokens {
    /// The token with a number; an empty one, that fits nothing, beyond the last.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Token {
        self.list.get(at).copied().unwrap_or(Token { gap: gap::EDGE, gap_len: 255, ..Token::default() })
    }

    /// Its letters, folded.
    #[inline]
    pub(super) fn text(&self, token: &Token) -> &[u8] {
        let start = token.at as usize;
        self.folded.get(start..start + usize::from(token.len)).unwrap_or_default()
    }

    /// What stands between token `at` and the one before it, [`gap::EDGE`] after the last.
    #[inline]
    pub(super) fn gap(&self, at: usize) -> (u16, u8) {
        match self.list.get(at) {
            Some(token) => (token.gap, token.gap_len),
            None => (self.last_gap | gap::EDGE, 255),
        }
    }

    /// Splits a text; bytes count from `offset`.
    pub(super) fn split(&mut self, folds: &Folds, text: &str, offset: u32) {
        self.list.clear();
        self.folded.clear();
        self.folded.reserve(text.len());
        self.ats.clear();
        self.in_token = false;
        (self.gap, self.gap_len) = (gap::EDGE, 0);
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let position = offset + at as u32;
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {
                    at += self.run(bytes.get(at..).unwrap_or_default(), position);
                    continue;
                }
                b'\\' | b'%' => at += self.escaped(folds, bytes, at, position),
                0..=127 => self.sign(byte, position),
                _ => {
                    let found = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('\u{FFFD}');
                    let len = found.len_utf8();
                    self.folded(folds.fold(found), position, len as u32);
                    at += len - 1;
                }
            }
            at += 1;
        }
        self.close();
        self.last_gap = self.gap | gap::EDGE;
    }

    /// Letters and digits of ASCII in a row; how many.
    #[inline]
    fn run(&mut self, bytes: &[u8], position: u32) -> usize {
        if self.in_token && self.small_before() && bytes.first().is_some_and(u8::is_ascii_uppercase) {
            self.close();
        }
        if !self.in_token {
            self.start(position);
            if bytes.first().is_some_and(u8::is_ascii_uppercase) {
                self.open.shape |= shape::FIRST_UPPER;
            }
        }
        let (mut hash, mut seen) = (self.open.hash, self.open.shape);
        let mut count = 0;
        for &byte in bytes {
            let shape = SHAPES.get(usize::from(byte)).copied().unwrap_or(0);
            let camel = shape == shape::UPPER && seen & (shape::LOWER | shape::DIGIT) == shape::LOWER;
            if shape == 0 || camel {
                break;
            }
            seen |= shape;
            hash = hash.wrapping_mul(BASE).wrapping_add(u64::from(byte | 0x20));
            count += 1;
        }
        let open = &mut self.open;
        if open.exact != 0 {
            open.exact = join(open.exact, 0, count as u16);
        }
        (open.hash, open.shape) = (hash, seen);
        open.len = open.len.saturating_add(u16::try_from(count).unwrap_or(u16::MAX));
        open.end = position + count as u32;
        self.folded.extend(bytes.get(..count).unwrap_or_default().iter().map(|byte| byte | 0x20));
        count
    }

    /// A `\` or `%`, with what it stands for; how many bytes more than one were read.
    fn escaped(&mut self, folds: &Folds, bytes: &[u8], at: usize, position: u32) -> usize {
        let Some((found, len)) = escape::read(bytes, at) else {
            self.sign(bytes.get(at).copied().unwrap_or(b' '), position);
            return 0;
        };
        match (found, u8::try_from(u32::from(found))) {
            (_, Ok(byte)) if byte.is_ascii() && !byte.is_ascii_alphanumeric() => self.sign(byte, position),
            _ => self.folded(folds.fold(found), position, len as u32),
        }
        len - 1
    }

    fn folded(&mut self, folded: Folded, position: u32, len: u32) {
        match folded {
            Folded::Letter { base, quality, tone, upper } => self.letter(base, quality, tone, upper, position, len),
            Folded::Digit(digit) => self.digit(digit, position, len),
            Folded::Mark { quality, tone } if self.in_token => {
                self.open.exact = self.open.exact.wrapping_add(u64::from(quality) << 8);
                self.open.tone |= tone;
                if quality | tone != 0 {
                    self.open.shape |= shape::MARKED;
                }
                self.open.end = position + len;
            }
            Folded::Foreign => {
                self.letter(b'?', 0, 0, false, position, len);
                self.open.shape |= shape::FOREIGN;
            }
            Folded::Mark { .. } | Folded::Invisible => {}
            Folded::Space => self.between(gap::SPACE),
            Folded::Sign => self.between(gap::OTHER),
        }
    }

    #[inline]
    fn letter(&mut self, base: u8, quality: u8, tone: u8, upper: bool, position: u32, len: u32) {
        if upper && self.in_token && self.small_before() {
            self.close();
        }
        if !self.in_token {
            self.start(position);
            if upper {
                self.open.shape |= shape::FIRST_UPPER;
            }
        }
        let open = &mut self.open;
        open.shape |= if upper { shape::UPPER } else { shape::LOWER };
        if quality | tone != 0 {
            open.shape |= shape::MARKED;
        }
        open.tone |= tone;
        let letter = u64::from(base);
        open.hash = open.hash.wrapping_mul(BASE).wrapping_add(letter);
        open.exact = open.exact.wrapping_mul(BASE).wrapping_add(u64::from(quality) << 8);
        open.len = open.len.saturating_add(1);
        open.end = position + len;
        self.folded.push(base);
    }

    /// `soDienThoai` is three words: a capital after a small letter begins a new one.
    fn small_before(&self) -> bool {
        self.open.shape & (shape::LOWER | shape::DIGIT) == shape::LOWER
    }

    #[inline]
    fn digit(&mut self, digit: u8, position: u32, len: u32) {
        if !self.in_token {
            self.start(position);
        }
        let open = &mut self.open;
        open.shape |= shape::DIGIT;
        let letter = u64::from(digit);
        open.hash = open.hash.wrapping_mul(BASE).wrapping_add(letter);
        open.exact = open.exact.wrapping_mul(BASE);
        open.len = open.len.saturating_add(1);
        open.end = position + len;
        self.folded.push(digit);
    }

    #[inline]
    fn sign(&mut self, byte: u8, position: u32) {
        if byte == b'@' {
            self.ats.push(position);
        }
        self.between(SIGNS.get(usize::from(byte)).copied().unwrap_or(gap::OTHER));
    }

    #[inline]
    fn between(&mut self, bits: u16) {
        self.close();
        self.gap |= bits;
        self.gap_len = self.gap_len.saturating_add(1);
    }

    #[inline]
    fn start(&mut self, position: u32) {
        self.in_token = true;
        self.open = Token {
            start: position,
            end: position,
            at: self.folded.len() as u32,
            gap: self.gap,
            gap_len: self.gap_len,
            ..Token::default()
        };
        (self.gap, self.gap_len) = (0, 0);
    }

    #[inline]
    fn close(&mut self) {
        if self.in_token {
            self.in_token = false;
            // Until here `exact` holds what the qualities add to the hash of the bare letters.
            self.open.exact = finish(self.open.hash.wrapping_add(self.open.exact), self.open.tone);
            self.list.push(self.open);
        }
    }

    /// Gives memory back that one large text made it take.
    pub(super) fn shrink(&mut self, tokens_max: usize) {
        self.list.shrink_to(tokens_max);
        self.folded.shrink_to(tokens_max * 8);
        self.ats.shrink_to(tokens_max / 8);
    }
}

/// The tone counts for the whole syllable: `hòa` and `hoà` are one word.
fn finish(exact: u64, tone: u8) -> u64 {
    exact.wrapping_mul(BASE).wrapping_add(u64::from(tone) + 1)
}

/// Both hashes of one word, folded and exact, and its length; as [`Tokens::split`] computes them.
pub(super) fn hashes(tokens: &mut Tokens, folds: &Folds, text: &str) -> Option<Token> {
    tokens.split(folds, text, 0);
    match tokens.list.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(String, String)> {
        let mut tokens = Tokens::default();
        tokens.split(&Folds::new(), text, 0);
        let list = tokens.list.iter().map(|token| {
            let folded = String::from_utf8(tokens.text(token).to_vec()).unwrap();
            (folded, text[token.start as usize..token.end as usize].to_owned())
        });
        list.collect()
    }

    #[test]
    fn tokens_are_folded_and_point_at_the_original_bytes() {
        for (text, expected) in [
            ("Nguyễn Văn", vec![("nguyen", "Nguyễn"), ("van", "Văn")]),
            ("Nguye\u{302}\u{303}n", vec![("nguyen", "Nguye\u{302}\u{303}n")]),
            (r"Nguy\u1ec5n V", vec![("nguyen", r"Nguy\u1ec5n"), ("v", "V")]),
            ("Nguy%E1%BB%85n%20V", vec![("nguyen", "Nguy%E1%BB%85n"), ("v", "V")]),
            ("soDienThoai=09", vec![("so", "so"), ("dien", "Dien"), ("thoai", "Thoai"), ("09", "09")]),
            ("a\u{200B}b", vec![("ab", "a\u{200B}b")]),
            (r"C:\nam\nAn", vec![("c", "C"), ("nam", "nam"), ("an", "An")]),
            ("", vec![]),
            ("@@", vec![]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn hashes_know_composition_tone_place_and_words_written_together() {
        let (mut tokens, folds) = (Tokens::default(), Folds::new());
        let mut of = |text: &str| hashes(&mut tokens, &folds, text).unwrap();
        assert_eq!(of("hòa").exact, of("hoà").exact);
        assert_eq!(of("Nguyễn").exact, of("NGUYE\u{302}\u{303}N").exact);
        assert_ne!(of("hòa").exact, of("hoa").exact);
        assert_eq!(of("hòa").hash, of("hoa").hash);
        assert_eq!(join(of("so").hash, of("dien").hash, 4), of("sodien").hash);
    }
}

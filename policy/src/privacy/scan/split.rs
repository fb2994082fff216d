//! Text to tokens in one pass: runs of letters and digits, folded, with hashes, what stood between them and where.
//!
//! Offsets are those of the original bytes, whatever form the letters had: composed, decomposed, full-width, JSON escape
//! (`\u1ec5`) or percent encoding.

use super::eight::Eight;
use super::escape;
use super::fold::{Folded, Folds};
use super::token::{BASE, Token, gap, shape, weight};

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

/// What stands beyond the last token: nothing, set off by the end of the text.
static BEYOND: Token = Token {
    hash: 0,
    exact: 0,
    start: 0,
    end: 0,
    at: 0,
    flags: 0,
    len: 0,
    gap: gap::EDGE,
    gap_len: 255,
    shape: 0,
    tone: 0,
};

/// The tokens of one text; its buffers are used again for the next.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub(super) list: Vec<Token>,
    /// The text in small letters, byte for byte, and behind it the folded letters of the tokens that are not ASCII; `?`
    /// for letters of other alphabets.
    folded: Vec<u8>,
    /// Where every `@` stands.
    pub(super) ats: Vec<u32>,
    /// The gap after the last token.
    pub(super) last_gap: u16,
    /// How many tokens have diacritics.
    pub(super) marked: usize,
    /// Whether the lexicon has looked every word up.
    pub(super) known: bool,
    /// The text's first byte.
    offset: u32,
    open: Token,
    /// The letters of the open token stand behind the text.
    apart: bool,
    in_token: bool,
    gap: u16,
    gap_len: u8,
}

impl Tokens {
    /// The token with a number; an empty one, that fits nothing, beyond the last.
    #[inline]
    pub(super) fn get(&self, at: usize) -> &Token {
        self.list.get(at).unwrap_or(&BEYOND)
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
        self.ats.clear();
        (self.in_token, self.apart, self.known, self.marked, self.offset) = (false, false, false, 0, offset);
        (self.gap, self.gap_len) = (gap::EDGE, 0);
        let bytes = text.as_bytes();
        self.folded.clear();
        self.folded.extend(bytes.iter().map(|byte| byte | 0x20));
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
                    let (folded, len) = wide(folds, text, at);
                    self.folded(folded, position, len as u32);
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
        if self.in_token {
            self.set_apart();
        } else {
            self.start(position);
            if bytes.first().is_some_and(u8::is_ascii_uppercase) {
                self.open.shape |= shape::FIRST_UPPER;
            }
        }
        let (mut count, mut whole) = (0, true);
        while whole {
            let eight = Eight::new(bytes.get(count..).unwrap_or_default(), self.open.shape);
            let open = &mut self.open;
            open.hash = open.hash.wrapping_add(eight.hash.wrapping_mul(weight(open.len)));
            open.shape |= eight.shape;
            open.len = open.len.saturating_add(eight.len);
            count += usize::from(eight.len);
            whole = eight.len == 8;
        }
        self.open.end = position + count as u32;
        if self.apart {
            let start = (position - self.offset) as usize;
            self.folded.extend_from_within(start..start + count);
        }
        count
    }

    /// Puts the letters of the open token behind the text, where others can follow them.
    fn set_apart(&mut self) {
        if !self.apart {
            self.apart = true;
            let start = self.open.at as usize;
            self.open.at = self.folded.len() as u32;
            self.folded.extend_from_within(start..start + usize::from(self.open.len));
        }
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
                let weight = weight(self.open.len.saturating_sub(1));
                self.open.exact = self.open.exact.wrapping_add((u64::from(quality) << 8).wrapping_mul(weight));
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
        self.set_apart();
        let open = &mut self.open;
        open.shape |= if upper { shape::UPPER } else { shape::LOWER };
        if quality | tone != 0 {
            open.shape |= shape::MARKED;
        }
        open.tone |= tone;
        let weight = weight(open.len);
        open.hash = open.hash.wrapping_add(u64::from(base).wrapping_mul(weight));
        open.exact = open.exact.wrapping_add((u64::from(quality) << 8).wrapping_mul(weight));
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
        self.set_apart();
        let open = &mut self.open;
        open.shape |= shape::DIGIT;
        open.hash = open.hash.wrapping_add(u64::from(digit).wrapping_mul(weight(open.len)));
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
            at: position - self.offset,
            gap: self.gap,
            gap_len: self.gap_len,
            ..Token::default()
        };
        (self.gap, self.gap_len, self.apart) = (0, 0, false);
    }

    #[inline]
    fn close(&mut self) {
        if self.in_token {
            self.in_token = false;
            // Until here `exact` holds what the qualities add to the hash of the bare letters.
            self.marked += usize::from(self.open.is_marked());
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

/// The character beyond ASCII at `at`, folded, and how many bytes it has.
#[inline]
fn wide(folds: &Folds, text: &str, at: usize) -> (Folded, usize) {
    let byte = |more: usize| text.as_bytes().get(at + more).map_or(0, |byte| u32::from(*byte));
    let (lead, second) = (byte(0), byte(1) & 0x3F);
    let (code, len) = match lead {
        0xC2..=0xDF => ((lead & 0x1F) << 6 | second, 2),
        0xE1 => (0x1000 | second << 6 | byte(2) & 0x3F, 3),
        _ => (0, 0),
    };
    if let Some(folded) = folds.known(code).filter(|_| len > 0) {
        return (folded, len);
    }
    let found = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('\u{FFFD}');
    (folds.fold(found), found.len_utf8())
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
    use super::super::token::join;
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
        assert_eq!(join(of("so").hash, of("dien").hash, 2), of("sodien").hash);
    }
}

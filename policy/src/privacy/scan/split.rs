//! Text to tokens in one pass: runs of letters and digits, folded, with hashes, what stood between them and where.
//!
//! Offsets are those of the original bytes, whatever form the letters had: composed, decomposed, full-width, JSON escape
//! (`\u1ec5`) or percent encoding.

use super::eight::Eight;
use super::fold::{Folded, Folds};
use super::token::{Token, gap, shape};
use super::{escape, hash};

/// Of [`SIGNS`]: a letter or digit of ASCII.
const WORD: u16 = 0;

/// What a byte is: [`WORD`], or the gap that an ASCII sign makes.
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
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => WORD,
            _ => gap::OTHER,
        };
        at += 1;
    }
    signs
};

#[inline]
fn sign(byte: u8) -> u16 {
    SIGNS.get(usize::from(byte)).copied().unwrap_or(gap::OTHER)
}

/// Whether a byte may stand for another character: it begins one beyond ASCII or an escape.
#[inline]
fn is_more(byte: u8) -> bool {
    byte >= 128 || byte == b'\\' || byte == b'%' || byte == b'&'
}

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
    /// The text in small letters, byte for byte. Tokens that are not ASCII have their folded letters where they begin, which
    /// are never more than their bytes; `?` for letters of other alphabets.
    folded: Vec<u8>,
    /// Where every `@` stands.
    pub(super) ats: Vec<u32>,
    /// The gap after the last token.
    pub(super) last_gap: u16,
    /// How many tokens have diacritics.
    pub(super) marked: usize,
    /// Whether the lexicon has looked every word up.
    pub(super) known: bool,
}

/// What stood before a token, as far as it was read.
#[derive(Debug, Clone, Copy)]
struct Gap {
    bits: u16,
    len: u8,
}

impl Gap {
    /// Between two words that are written together.
    const NONE: Self = Self { bits: 0, len: 0 };

    #[inline]
    fn add(&mut self, bits: u16) {
        self.bits |= bits;
        self.len = self.len.saturating_add(1);
    }
}

/// A text on its way to tokens.
struct Source<'a> {
    folds: &'a Folds,
    text: &'a str,
    bytes: &'a [u8],
    /// The number of its first byte.
    offset: u32,
}

/// A token that is being read.
struct Open {
    token: Token,
    /// Hash of what its letters have besides their bases.
    qualities: u64,
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
        (self.known, self.marked) = (false, 0);
        let bytes = text.as_bytes();
        self.folded.clear();
        self.folded.extend(bytes.iter().map(|byte| byte | 0x20));
        let source = Source { folds, text, bytes, offset };
        let (mut at, mut gap) = (0, Gap { bits: gap::EDGE, len: 0 });
        while let Some(&byte) = bytes.get(at) {
            let sign = sign(byte);
            if sign == WORD {
                at = self.word(&source, at, gap);
                gap = Gap::NONE;
            } else if is_more(byte) {
                (at, gap) = self.more(&source, at, gap);
            } else {
                if byte == b'@' {
                    self.ats.push(source.position(at));
                }
                gap.add(sign);
                at += 1;
            }
        }
        self.last_gap = gap.bits | gap::EDGE;
    }

    /// A word that begins with a letter or digit of ASCII; where it ends.
    #[inline]
    fn word(&mut self, source: &Source<'_>, at: usize, gap: Gap) -> usize {
        let eight = Eight::new(source.rest(at), 0);
        let first_upper = if source.bytes.get(at).is_some_and(u8::is_ascii_uppercase) { shape::FIRST_UPPER } else { 0 };
        let end = at + usize::from(eight.len);
        let letters = hash::of_letters(eight.letters);
        let token = Token {
            hash: letters,
            exact: hash::exact(letters, 0, 0),
            start: source.position(at),
            end: source.position(end),
            at: at as u32,
            flags: 0,
            len: eight.len,
            gap: gap.bits,
            gap_len: gap.len,
            shape: eight.shape | first_upper,
            tone: 0,
        };
        // Nearly all words are short and plain: what ends them is a sign.
        if eight.len < 8 && !source.bytes.get(end).is_some_and(|byte| is_more(*byte)) {
            self.list.push(token);
            return end;
        }
        self.go_on(source, end, Open { token, qualities: 0 })
    }

    /// What begins with an escape or beyond ASCII: a word, or something that stands between words.
    fn more(&mut self, source: &Source<'_>, at: usize, mut gap: Gap) -> (usize, Gap) {
        let (folded, len) = match source.more(at) {
            More::Letter(folded, len) => (folded, len),
            More::Sign(byte, len) => {
                if byte == b'@' {
                    self.ats.push(source.position(at));
                }
                gap.add(sign(byte));
                return (at + len, gap);
            }
        };
        match folded {
            Folded::Letter { .. } | Folded::Digit(_) | Folded::Foreign => {
                let upper = matches!(folded, Folded::Letter { upper: true, .. });
                let shape = if upper { shape::FIRST_UPPER } else { 0 };
                let start = source.position(at);
                let (gap, gap_len) = (gap.bits, gap.len);
                let token = Token { start, end: start, at: at as u32, gap, gap_len, shape, ..Token::default() };
                return (self.go_on(source, at, Open { token, qualities: 0 }), Gap::NONE);
            }
            Folded::Mark { .. } | Folded::Invisible => {}
            Folded::Space => gap.add(gap::SPACE),
            Folded::Sign => gap.add(gap::OTHER),
        }
        (at + len, gap)
    }

    /// Reads an open word on from `at` to its end, which is given.
    fn go_on(&mut self, source: &Source<'_>, mut at: usize, mut open: Open) -> usize {
        while let Some(&byte) = source.bytes.get(at) {
            if sign(byte) == WORD {
                let eight = Eight::new(source.rest(at), open.token.shape);
                if eight.len == 0 {
                    break; // a capital behind a small letter begins another word
                }
                let to = open.place(source);
                if to != at {
                    self.folded.copy_within(at..at + usize::from(eight.len), to);
                }
                at += usize::from(eight.len);
                open.letters(eight, source.position(at));
                continue;
            }
            if !is_more(byte) {
                break;
            }
            let More::Letter(folded, len) = source.more(at) else { break };
            let end = source.position(at + len);
            let base = match folded {
                Folded::Letter { upper: true, .. } if open.is_small() => break,
                Folded::Letter { base, quality, tone, upper } => {
                    open.quality(quality, tone, open.token.len);
                    open.token.shape |= if upper { shape::UPPER } else { shape::LOWER };
                    base
                }
                Folded::Digit(digit) => {
                    open.token.shape |= shape::DIGIT;
                    digit
                }
                Folded::Foreign => {
                    open.token.shape |= shape::FOREIGN | shape::LOWER;
                    b'?'
                }
                Folded::Mark { quality, tone } => {
                    open.quality(quality, tone, open.token.len.saturating_sub(1));
                    open.token.end = end;
                    at += len;
                    continue;
                }
                Folded::Invisible => {
                    at += len;
                    continue;
                }
                Folded::Space | Folded::Sign => break,
            };
            let to = open.place(source);
            if let Some(place) = self.folded.get_mut(to) {
                *place = base;
            }
            open.letter(base, end);
            at += len;
        }
        let token = open.token;
        self.marked += usize::from(token.is_marked());
        self.list.push(Token { exact: hash::exact(token.hash, open.qualities, token.tone), ..token });
        at
    }

    /// Gives memory back that one large text made it take.
    pub(super) fn shrink(&mut self, tokens_max: usize) {
        self.list.shrink_to(tokens_max);
        self.folded.shrink_to(tokens_max * 8);
        self.ats.shrink_to(tokens_max / 8);
    }
}

/// What an escape or a byte beyond ASCII stands for, and how many bytes it has.
enum More {
    Letter(Folded, usize),
    /// A sign of ASCII.
    Sign(u8, usize),
}

impl<'a> Source<'a> {
    #[inline]
    fn position(&self, at: usize) -> u32 {
        self.offset + at as u32
    }

    #[inline]
    fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    #[inline]
    fn more(&self, at: usize) -> More {
        let byte = self.bytes.get(at).copied().unwrap_or(b' ');
        if byte >= 128 {
            let (folded, len) = wide(self.folds, self.text, at);
            return More::Letter(folded, len);
        }
        let Some((found, len)) = escape::read(self.bytes, at) else { return More::Sign(byte, 1) };
        match u8::try_from(u32::from(found)) {
            Ok(byte) if byte.is_ascii() && !byte.is_ascii_alphanumeric() => More::Sign(byte, len),
            _ => More::Letter(self.folds.fold(found), len),
        }
    }
}

impl Open {
    /// Where in the folded text its next letter goes.
    #[inline]
    fn place(&self, source: &Source<'_>) -> usize {
        (self.token.start - source.offset) as usize + usize::from(self.token.len)
    }

    /// `soDienThoai` is three words: a capital after a small letter begins a new one.
    #[inline]
    fn is_small(&self) -> bool {
        self.token.shape & (shape::LOWER | shape::DIGIT) == shape::LOWER
    }

    #[inline]
    fn letters(&mut self, eight: Eight, end: u32) {
        let token = &mut self.token;
        token.hash = hash::join(token.hash, hash::of_letters(eight.letters), token.len);
        token.shape |= eight.shape;
        token.len = token.len.saturating_add(eight.len);
        token.end = end;
    }

    #[inline]
    fn letter(&mut self, base: u8, end: u32) {
        let token = &mut self.token;
        token.hash = hash::join(token.hash, u64::from(base), token.len);
        token.len = token.len.saturating_add(1);
        token.end = end;
    }

    /// What the letter behind so many letters has besides its base.
    #[inline]
    fn quality(&mut self, quality: u8, tone: u8, letters: u16) {
        self.token.tone |= tone;
        if quality | tone != 0 {
            self.token.shape |= shape::MARKED;
            self.qualities = hash::join(self.qualities, u64::from(quality), letters);
        }
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

/// Both hashes of one word, folded and exact, and its length; as [`Tokens::split`] computes them.
pub(super) fn hashes(tokens: &mut Tokens, folds: &Folds, text: &str) -> Option<Token> {
    tokens.split(folds, text, 0);
    match tokens.list.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

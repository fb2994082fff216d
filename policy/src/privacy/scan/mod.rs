//! Finds personal values inside text.
//!
//! One pass splits the text into tokens ([`token`]), a second walks over them: words open contexts (`số điện thoại:`)
//! and names, digits are measured against every kind of number, `@` is widened to an address. What is found carries a
//! score; of findings that overlap the better one stays. Nothing is allocated once the buffers have grown.

mod address;
mod context;
mod eight;
mod email;
mod escape;
mod fold;
mod hash;
mod lexicon;
mod mixed;
mod name;
mod neighbours;
mod network;
mod number;
mod pass;
mod reach;
mod record;
mod resolve;
mod split;
#[cfg(test)]
mod tests;
mod token;
mod user;

use std::collections::HashSet;

use super::{Class, PrivacyRules, Switches};
pub(crate) use escape::unescape;
use fold::Folds;
use lexicon::Lexicon;
pub(super) use lexicon::PHRASE_WORDS_MAX;
use pass::{MARKED_LEAST, Pass};
use split::Tokens;

/// Most findings in one text; a text with more is not [`Complete`].
pub const SPANS_MAX: usize = 16_384;
/// Longer texts are read in parts of so many bytes.
const PART_BYTES: usize = 64 * 1024;
/// Parts overlap by so many bytes: more than any value has.
const OVERLAP_BYTES: usize = 512;
/// Longer texts than 4 GiB have no offsets here; none is that long.
const TEXT_BYTES_MAX: usize = u32::MAX as usize;
/// So many bytes behind the last number are read at first, to tell whether words have diacritics.
const REST_BYTES: usize = 64;
/// Tokens for which memory is kept.
const TOKENS_KEPT: usize = 32 * 1024;

/// Classes whose values begin with words.
const WORDED: [Class; 5] = [Class::PersonName, Class::Address, Class::UserName, Class::HealthRecord, Class::LandRecord];

/// A personal value in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// Its first byte in the original text.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// What it is.
    pub class: Class,
    /// How sure that is, from its threshold to 100.
    pub score: u8,
}

/// Whether a text was scanned to its end.
#[must_use = "of a text that is not complete nothing may be shown"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complete {
    /// Every finding is there.
    Yes,
    /// There were more than [`SPANS_MAX`] findings: the rest of the text is unknown and must be hidden whole.
    No,
}

/// Buffers of a scan, to be used again for the next; one a thread.
#[derive(Debug, Default)]
pub struct Memory {
    tokens: Tokens,
}

/// Finds personal values inside text, by the rules of `rules/privacy/`.
#[derive(Debug)]
pub struct Scanner {
    folds: Folds,
    lexicon: Lexicon,
    rules: PrivacyRules,
    allowed: HashSet<(Class, Vec<u8>)>,
    /// Classes with allowed values.
    allows: u32,
    year: u16,
}

impl Scanner {
    /// A scanner with these rules; `year` is the present one, by which years of birth are judged.
    pub fn new(rules: PrivacyRules, year: u16) -> Self {
        let folds = Folds::new();
        let lexicon = Lexicon::new(&rules, &folds);
        let mut allowed = HashSet::new();
        let mut allows = 0;
        for rule in rules.classes() {
            for value in &rule.allow {
                allows |= rule.class.bit();
                allowed.insert((rule.class, plain(value.as_bytes()).collect()));
            }
        }
        Self { folds, lexicon, rules, allowed, allows, year }
    }

    /// The rules it was made with.
    pub fn rules(&self) -> &PrivacyRules {
        &self.rules
    }

    /// Finds the personal values of a text and puts them into `out` in order, without overlaps; `out` is emptied first.
    /// `switches` are those of the text's source ([`PrivacyRules::switches`]).
    ///
    /// Takes time in proportion to the text; holds memory for at most 64 KiB of it.
    pub fn scan(&self, text: &str, switches: &Switches, memory: &mut Memory, out: &mut Vec<Span>) -> Complete {
        out.clear();
        if text.len() > TEXT_BYTES_MAX {
            return Complete::No;
        }
        // Where only numbers and addresses are looked for, words are read around those alone.
        let words = WORDED.iter().any(|class| switches.is_on(*class));
        let digits = switches.are_within(&reach::CLASSES);
        let mut start = 0;
        loop {
            let end = part_end(text, start);
            let part = text.get(start..end).unwrap_or_default();
            if digits {
                self.split_reach(part, start as u32, &mut memory.tokens);
            } else {
                memory.tokens.split(&self.folds, part, start as u32);
            }
            if words {
                self.lexicon.know(&mut memory.tokens);
            }
            Pass::new(self, text.as_bytes(), &memory.tokens, switches, out).run();
            if out.len() >= SPANS_MAX {
                resolve::resolve(out);
                return Complete::No;
            }
            if end >= text.len() {
                break;
            }
            start = floor(text, end - OVERLAP_BYTES);
        }
        if text.len() > PART_BYTES {
            memory.tokens.shrink(TOKENS_KEPT);
        }
        resolve::resolve(out);
        Complete::Yes
    }

    /// Splits as much of a text as numbers and e-mail addresses stand in, and as much of the rest as decides whether this is a
    /// text with diacritics.
    fn split_reach(&self, part: &str, start: u32, tokens: &mut Tokens) {
        let (mut read, mut rest) = part.split_at_checked(reach::reach(part.as_bytes())).unwrap_or((part, ""));
        tokens.split(&self.folds, read, start);
        let mut more = REST_BYTES;
        while !read.is_empty() && tokens.marked < MARKED_LEAST && !rest.is_ascii() {
            let behind = rest.as_bytes().get(more..).and_then(|behind| memchr::memchr(b' ', behind));
            let end = behind.map_or(part.len(), |space| read.len() + more + space);
            (read, rest) = part.split_at_checked(end).unwrap_or((part, ""));
            tokens.split(&self.folds, read, start);
            more *= 2;
        }
    }

    /// Whether a value is nobody's by `classes.yml`.
    pub(super) fn is_allowed(&self, class: Class, value: &[u8]) -> bool {
        self.allows & class.bit() != 0 && self.allowed.contains(&(class, plain(value).collect()))
    }
}

fn plain(value: &[u8]) -> impl Iterator<Item = u8> + '_ {
    value.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase)
}

/// Where a part that begins at `start` ends.
fn part_end(text: &str, start: usize) -> usize {
    let end = start + PART_BYTES;
    if end >= text.len() { text.len() } else { floor(text, end) }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

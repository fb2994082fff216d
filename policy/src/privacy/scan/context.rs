//! What the words before a value say about it.

use super::lexicon::{Phrase, kind};
use super::pass::Pass;
use super::token::{Token, gap};
use crate::privacy::Class;

/// Tokens between a context word and a value in a sentence.
const WINDOW: usize = 7;
/// Words between a context word and the sign that ends its key.
const KEY_WORDS_MAX: usize = 3;
/// Filler words between a context word and its value.
const FILLERS_MAX: usize = 4;

/// A phrase that was met.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    phrase: Phrase,
    /// Its first token.
    start: usize,
    /// Its last token.
    end: usize,
}

/// The last phrases that were met, the nearest first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Nearby {
    met: [Option<Met>; 3],
}

/// What the words before a value say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing.
    Nothing,
    /// It is of this class: the word stands right before it.
    Direct,
    /// It may be of this class: the word stands in the same sentence.
    Window,
    /// It is of another class.
    Other,
    /// It is something else: an order number, a time.
    Counter,
}

impl Said {
    /// What it adds to a score.
    pub(super) fn bonus(self) -> i32 {
        match self {
            Self::Nothing => 0,
            Self::Direct => 50,
            Self::Window => 30,
            Self::Other => -8,
            Self::Counter => -45,
        }
    }
}

impl Nearby {
    /// Remembers a phrase.
    pub(super) fn open(&mut self, phrase: Phrase, start: usize, end: usize) {
        let [first, second, _] = self.met;
        self.met = [Some(Met { phrase, start, end }), first, second];
    }

    /// The nearest phrase.
    pub(super) fn nearest(&self) -> Option<Phrase> {
        self.met.first().copied().flatten().map(|met| met.phrase)
    }

    /// Whether one of the last phrases speaks of these classes; without, nothing is said of them.
    #[inline]
    pub(super) fn speak_of(&self, classes: u32) -> bool {
        self.met.iter().flatten().any(|met| met.phrase.context & classes != 0)
    }

    /// Whether one of the last phrases speaks of these classes, not far from `at`.
    pub(super) fn may(&self, classes: u32, at: usize) -> bool {
        self.met.iter().flatten().any(|met| met.phrase.context & classes != 0 && at.saturating_sub(met.end) <= WINDOW)
    }

    /// Whether the nearest phrase ends at this token.
    pub(super) fn ends_at(&self, at: usize) -> bool {
        self.met.first().copied().flatten().is_some_and(|met| met.end == at)
    }
}

/// What the words before a value say of every class.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Verdict {
    /// The token that it is about, counted from 1; 0 before the first.
    at: usize,
    direct: u32,
    window: u32,
    other: u32,
    counter: u32,
}

impl Verdict {
    fn said(&self, bit: u32) -> Said {
        match bit {
            bit if self.direct & bit != 0 => Said::Direct,
            bit if self.counter & bit != 0 => Said::Counter,
            bit if self.window & bit != 0 => Said::Window,
            bit if self.other & bit != 0 => Said::Other,
            _ => Said::Nothing,
        }
    }
}

impl Pass<'_> {
    /// What the words before token `at` say about a value of `class` that begins there.
    pub(super) fn said(&mut self, at: usize, class: Class) -> Said {
        if self.verdict.at != at + 1 {
            self.catch_up(at);
            self.verdict = self.judge(at);
        }
        self.verdict.said(class.bit())
    }

    fn judge(&self, at: usize) -> Verdict {
        let mut verdict = Verdict { at: at + 1, ..Verdict::default() };
        let token = self.tokens.get(at);
        let keyed = token.gap & (gap::COLON | gap::EQUALS) != 0;
        if !keyed && token.gap & gap::BREAK != 0 {
            return verdict;
        }
        // Where the words before the value begin: phrases in a row (`số CCCD/CMND: …`) all stand right before it.
        let (mut reach, mut edge) = (at, at);
        for met in self.nearby.met.iter().flatten() {
            if met.end >= at || !self.reaches(met.end, reach) {
                continue;
            }
            let direct = self.only_fillers(met.end + 1, edge);
            let open = !(verdict.direct | verdict.window | verdict.other | verdict.counter);
            let context = met.phrase.context & open;
            match (direct, keyed) {
                (true, _) => verdict.direct |= met.phrase.context & !(verdict.window | verdict.counter),
                (false, false) => verdict.window |= context,
                // A keyed value takes only what its key says, though it may say it at length (`số CMND chủ hợp đồng: …`).
                (false, true) if self.is_one_key(met.end, at) => verdict.window |= context,
                (false, true) => {}
            }
            let open = !(verdict.direct | verdict.window | verdict.other | verdict.counter);
            if met.phrase.is(kind::COUNTER) && met.phrase.context == 0 {
                if direct || !keyed {
                    verdict.counter |= open;
                    return verdict;
                }
            } else if direct {
                verdict.other |= open;
            }
            reach = met.end;
            if direct {
                edge = met.start;
            }
        }
        verdict
    }

    /// Whether a phrase that ends at `end` can speak for what begins at `at`: near, with no end of line, list or value
    /// between them.
    fn reaches(&self, end: usize, at: usize) -> bool {
        if at.saturating_sub(end) > WINDOW {
            return false;
        }
        (end + 1..=at).all(|place| {
            let (bits, _) = self.tokens.gap(place);
            let keyed = place == at && bits & (gap::COLON | gap::EQUALS) != 0;
            keyed || bits & gap::BREAK == 0 && bits & (gap::QUOTE | gap::COMMA) != gap::QUOTE | gap::COMMA
        })
    }

    /// Whether the words between a phrase that ends at `end` and a value at `at` belong to one key.
    fn is_one_key(&self, end: usize, at: usize) -> bool {
        let words = at.saturating_sub(end + 1);
        let joined = |token: &Token| token.gap_len == 0 || token.single(gap::SPACE) || token.single(gap::UNDER);
        words <= KEY_WORDS_MAX && (end + 1..at).all(|place| joined(self.tokens.get(place)))
    }

    /// Whether only fillers stand from token `from` to before `at`.
    pub(super) fn only_fillers(&self, from: usize, at: usize) -> bool {
        let mut place = from;
        let mut left = FILLERS_MAX;
        while place < at {
            let known = self.scanner.lexicon.phrase(self.tokens, place);
            match known.filter(|(phrase, _)| left > 0 && phrase.is(kind::FILLER)) {
                Some((_, count)) => place += count,
                None => return false,
            }
            left -= 1;
        }
        place == at
    }

    /// The token after fillers, from `at` on.
    pub(super) fn skip_fillers(&self, mut at: usize) -> usize {
        for _ in 0..FILLERS_MAX {
            match self.scanner.lexicon.phrase(self.tokens, at) {
                Some((phrase, count)) if phrase.is(kind::FILLER) => at += count,
                _ => break,
            }
        }
        at
    }

    /// Whether a value begins a quoted or keyed text: `ho_ten="…`, `user: …`.
    pub(super) fn is_keyed(&self, at: usize) -> bool {
        self.tokens.get(at).gap & (gap::COLON | gap::EQUALS) != 0
    }
}

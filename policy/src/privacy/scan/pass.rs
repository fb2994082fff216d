//! The walk over the tokens of one text.

use super::context::{Nearby, Verdict};
use super::lexicon::{kind, word};
use super::split::Tokens;
use super::token::{Token, gap};
use super::{SPANS_MAX, Scanner, Span};
use crate::privacy::{Class, Switches};

/// So many marked words make a text one that is written with diacritics.
pub(super) const MARKED_LEAST: usize = 2;

/// Three phrases, each with a window behind it: nothing further back speaks for a value.
const CONTEXT_TOKENS_MAX: usize = 48;

/// Words of a place's name at most.
const PLACE_WORDS_MAX: usize = 5;
/// So many capitals without diacritics are a term (`MABN`), whatever the text around them has.
const ACRONYM_MIN: u16 = 4;

/// One text on its way through the scanner.
pub(super) struct Pass<'a> {
    pub(super) scanner: &'a Scanner,
    pub(super) bytes: &'a [u8],
    pub(super) tokens: &'a Tokens,
    pub(super) switches: &'a Switches,
    pub(super) nearby: Nearby,
    pub(super) verdict: Verdict,
    /// The text writes diacritics, so that a word without them has none.
    pub(super) marked: bool,
    /// The token after the last word of a place (`đường`, `trường`): what begins there is named like a person.
    pub(super) place_next: usize,
    /// The token after the dash of a place that is named by two streets (`giao lộ Nguyễn Huệ - Lê Lợi`).
    pub(super) place_crossed: usize,
    /// A phrase that looks like a name and is none: its first token, and how many it has.
    pub(super) not_name: (usize, usize),
    /// Before this token every context was met; counted only where words are not walked over.
    met: usize,
    out: &'a mut Vec<Span>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        scanner: &'a Scanner,
        bytes: &'a [u8],
        tokens: &'a Tokens,
        switches: &'a Switches,
        out: &'a mut Vec<Span>,
    ) -> Self {
        let marked = tokens.marked >= MARKED_LEAST;
        let (nearby, verdict) = (Nearby::default(), Verdict::default());
        let not_name = (usize::MAX, 0);
        Self {
            scanner,
            bytes,
            tokens,
            switches,
            nearby,
            verdict,
            marked,
            place_next: usize::MAX,
            place_crossed: usize::MAX,
            not_name,
            met: 0,
            out,
        }
    }

    pub(super) fn run(&mut self) {
        let count = self.tokens.list.len();
        let mut at = 0;
        while at < count && self.out.len() < SPANS_MAX {
            let token = self.tokens.get(at);
            at = if token.is_word() {
                if self.tokens.known { self.word(at, token) } else { self.word_of_digits(at, token) }
            } else if token.is_number() {
                self.number(at, token)
            } else {
                self.mixed(at, token)
            };
        }
        if self.switches.is_on(Class::Email) {
            self.emails();
        }
    }

    /// A word in a text of which only numbers are wanted: it may stand in a MAC or IPv6 address. The next token.
    fn word_of_digits(&mut self, at: usize, token: &Token) -> usize {
        if token.len <= 4 && (self.switches.is_on(Class::DeviceId) || self.switches.is_on(Class::IpAddress)) {
            self.hexadecimal(at, token);
        }
        at + 1
    }

    /// Meets the contexts before a token, as far back as any can speak for it, in a text whose words are not walked over.
    pub(super) fn catch_up(&mut self, at: usize) {
        if self.tokens.known {
            return;
        }
        let mut place = self.met.max(at.saturating_sub(CONTEXT_TOKENS_MAX));
        while place < at {
            let next = if self.tokens.get(place).is_word() { self.phrase(place, place + 1) } else { place + 1 };
            place = next.max(place + 1);
        }
        self.met = place.max(self.met);
    }

    /// A word: opens a context, begins a name or an address, stands in a MAC or IPv6 address. The next token.
    fn word(&mut self, at: usize, token: &Token) -> usize {
        let flags = self.scanner.lexicon.folded(token);
        let mut next = at + 1;
        if flags & word::PHRASE != 0 {
            next = self.phrase(at, next);
        }
        if next == at + 1
            && self.switches.is_on(Class::PersonName)
            && let Some(after) = self.name(at, flags)
        {
            return after;
        }
        if token.len <= 4 {
            self.hexadecimal(at, token);
            if token.len == 2 && token.is_upper() {
                self.land_certificate(at);
                self.spaced_card(at);
            }
        }
        if next == at + 1 && self.switches.is_on(Class::UserName) {
            self.user_after_context(at);
            self.user_by_neighbours(at);
        }
        next
    }

    /// A phrase that the rules know, if one begins here; the token after it.
    fn phrase(&mut self, at: usize, next: usize) -> usize {
        let Some((phrase, count)) = self.scanner.lexicon.phrase(self.tokens, at) else { return next };
        if count == 1 && phrase.is(kind::MARKED) && self.marked && !self.is_written_like(at) {
            return next;
        }
        if phrase.is(kind::HAMLET | kind::HOUSE | kind::STREET)
            && self.switches.is_on(Class::Address)
            && let Some(after) = self.address(at)
        {
            return after;
        }
        if phrase.is(kind::NOT_NAME) {
            self.not_name = (at, count);
        }
        // `tổ 5` is a place, `To: Lê Văn An` names who gets a letter.
        let keyed = self.tokens.gap(at + count).0 & (gap::COLON | gap::EQUALS) != 0;
        let hamlet = phrase.is(kind::HAMLET) && !keyed;
        if hamlet || phrase.is(kind::PLACE | kind::STREET | kind::UNIT) {
            self.place_next = at + count;
            self.place_crossed = self.crossed(at + count).unwrap_or(self.place_crossed);
        }
        if phrase.context == 0 && !phrase.is(kind::COUNTER) {
            return next;
        }
        self.nearby.open(phrase, at, at + count - 1);
        if phrase.lead != 0 {
            self.led(phrase, at + count);
        }
        // A name may begin with a word that is a context too (`Chu`, `Anh`), unless the phrase is longer.
        if count > 1 { at + count } else { next }
    }

    /// Behind the words in capitals from `at` on and a dash: where the second name of a place begins.
    fn crossed(&self, at: usize) -> Option<usize> {
        let end = (at + 1..=at + PLACE_WORDS_MAX).find(|&place| {
            let token = self.tokens.get(place);
            !(token.single(gap::SPACE) && token.is_word() && token.is_capital())
        })?;
        let (bits, len) = self.tokens.gap(end);
        let dashed = len == 3 && matches!(bits & !gap::SPACE, gap::DASH | gap::OTHER);
        (dashed && self.tokens.get(at).is_capital()).then_some(end)
    }

    /// Whether a bare word in a text with diacritics is meant as the marked word of a rule: as a key (`sdt=`), yes.
    fn is_written_like(&self, at: usize) -> bool {
        let token = self.tokens.get(at);
        let (after, _) = self.tokens.gap(at + 1);
        let key = after & (gap::EQUALS | gap::COLON | gap::UNDER) != 0;
        token.is_marked() || key || token.is_upper() && token.len >= ACRONYM_MIN
    }

    /// Adds a finding over whole tokens when its class is on and its score reaches the threshold.
    pub(super) fn found(&mut self, class: Class, from: usize, to: usize, score: i32) -> bool {
        let (first, last) = (self.tokens.get(from), self.tokens.get(to));
        self.found_bytes(class, first.start as usize, last.end as usize, score)
    }

    /// The same for bytes of the original text.
    pub(super) fn found_bytes(&mut self, class: Class, start: usize, end: usize, score: i32) -> bool {
        if !self.switches.is_on(class) || score < i32::from(self.switches.threshold(class)) || start >= end {
            return false;
        }
        let value = self.bytes.get(start..end).unwrap_or_default();
        if self.scanner.is_allowed(class, value) {
            return false;
        }
        let score = u8::try_from(score.clamp(1, 100)).unwrap_or(100);
        self.out.push(Span { start, end, class, score });
        true
    }

    /// The byte before a token, if it is one of the text.
    pub(super) fn byte_before(&self, token: &Token) -> Option<u8> {
        (token.start as usize).checked_sub(1).and_then(|at| self.bytes.get(at)).copied()
    }

    /// Whether a token is glued to a word on its left: `INV-0912`, `abc_0912`, `v1.0912`.
    pub(super) fn glued_before(&self, at: usize) -> bool {
        let token = self.tokens.get(at);
        let Some(before) = at.checked_sub(1) else { return false };
        let before = self.tokens.get(before);
        token.gap_len == 0 && token.gap & gap::EDGE == 0
            || token.single(gap::DASH | gap::UNDER | gap::DOT | gap::PLUS) && !before.is_number()
            || token.single(gap::DASH | gap::UNDER | gap::DOT) && before.is_number()
    }

    /// Whether something is glued to a token on its right.
    pub(super) fn glued_after(&self, at: usize) -> bool {
        let (bits, len) = self.tokens.gap(at + 1);
        len == 0 || len == 1 && bits & !(gap::DASH | gap::UNDER | gap::DOT | gap::AT) == 0
    }
}

//! Addresses: a house, a street, a ward and what lies above it.

use super::context::Said;
use super::lexicon::{Phrase, kind, word};
use super::pass::Pass;
use super::token::{Token, gap, shape};
use crate::privacy::Class;

/// Most parts of an address.
const PARTS_MAX: usize = 9;
/// Most words of a street's or a ward's name.
const NAME_WORDS_MAX: usize = 5;

/// What has been read of an address.
#[derive(Debug, Clone, Copy, Default)]
struct Read {
    /// The token after it.
    next: usize,
    house: bool,
    hamlet: bool,
    /// A street with its word (`đường`).
    street: bool,
    /// Words that may be a street.
    words: bool,
    units: i32,
}

/// One part of an address.
enum Part {
    Street(usize),
    Hamlet(usize, bool),
    Unit(usize),
    Words(usize),
}

impl Pass<'_> {
    /// An address that begins at a token; the token after it.
    pub(super) fn address(&mut self, at: usize) -> Option<usize> {
        if !self.switches.is_on(Class::Address) {
            return None;
        }
        let read = self.address_parts(at)?;
        if !(read.house || read.hamlet) {
            return None;
        }
        let said = self.said(at, Class::Address);
        let mut score = if read.house { 25 } else { 18 };
        score += if read.street { 15 } else { 0 } + if read.words { 8 } else { 0 } + (20 * read.units).min(45);
        score += match said {
            Said::Direct => 35,
            Said::Window => 20,
            Said::Counter => -10,
            _ => 0,
        };
        if read.units == 0 && !(read.street || read.words) {
            return None;
        }
        self.found(Class::Address, at, read.next - 1, score).then_some(read.next)
    }

    fn address_parts(&self, at: usize) -> Option<Read> {
        let mut read = Read { next: at, ..Read::default() };
        let mut place = self.house(at, &mut read)?;
        // Words without a marker count only when a ward or a city follows.
        let mut sure = Read { next: if read.house { place } else { at }, ..read };
        for number in 0..PARTS_MAX {
            if number > 0 && !self.separated(place, &sure) || number == 0 && read.house && !self.spaced(place) {
                break;
            }
            let Some(part) = self.part(place, number == 0 && read.house) else { break };
            match part {
                Part::Street(next) => (read.street, place) = (true, next),
                Part::Hamlet(next, numbered) => {
                    read.hamlet |= numbered;
                    place = next;
                }
                Part::Unit(next) => {
                    read.units += 1;
                    place = next;
                }
                Part::Words(next) => {
                    let first = number == 0 && read.house;
                    read.words |= first;
                    place = next;
                    if !first {
                        continue;
                    }
                }
            }
            read.next = place;
            sure = read;
        }
        (sure.next > at).then_some(sure)
    }

    /// `số 12/4B`; the token after it, `at` itself when the address begins with a hamlet or a street.
    fn house(&self, at: usize, read: &mut Read) -> Option<usize> {
        let mut place = at;
        let first = self.tokens.get(at);
        if first.is_word() {
            let (phrase, count) = self.scanner.lexicon.phrase(self.tokens, at)?;
            if !phrase.is(kind::HOUSE) {
                return phrase.is(kind::HAMLET | kind::STREET).then_some(at);
            }
            place = at + count;
            let (bits, len) = self.tokens.gap(place);
            if len > 2 || bits & !(gap::SPACE | gap::DOT | gap::COLON) != 0 {
                return None;
            }
        }
        let number = place;
        if !is_house(self.tokens.get(number)) {
            return None;
        }
        for _ in 0..4 {
            place += 1;
            let token = self.tokens.get(place);
            if !(is_house(token) && (token.single(gap::SLASH) || token.single(gap::DASH))) {
                break;
            }
        }
        // A quick look at what follows: dates, sizes and counts end here.
        if !self.tokens.get(place).is_word() {
            return None;
        }
        // `12 Bis`, and `33 hẻm 204`: the house in an alley that has a number.
        if self.tokens.text(self.tokens.get(place)) == b"bis" && self.spaced(place) {
            place += 1;
        }
        place = self.alley(place).unwrap_or(place);
        let next = self.tokens.get(place);
        let may = next.is_capital() || self.scanner.lexicon.folded(next) & word::PHRASE != 0;
        if !next.is_word() || !may || self.is_date(number) {
            return None;
        }
        // `Phường 9`: the number of a ward is no house.
        let bare = number == at;
        let in_path = bare && self.tokens.get(number).single(gap::SLASH);
        if in_path || bare && (self.glued_before(at) || self.place_next == at) {
            return None;
        }
        read.house = true;
        Some(place)
    }

    /// `hẻm 204`, `ngõ 12/4` behind the number of a house; the token after it.
    fn alley(&self, at: usize) -> Option<usize> {
        let first = self.tokens.get(at);
        if self.scanner.lexicon.folded(first) & word::PHRASE == 0 || !self.spaced(at) {
            return None;
        }
        let (phrase, count) = self.scanner.lexicon.phrase(self.tokens, at)?;
        if !phrase.is(kind::HOUSE) || first.len < 3 {
            return None;
        }
        self.numbered(at + count).filter(|_| self.spaced(at + count))
    }

    /// `12/05/2004`, `2-3-2026`.
    fn is_date(&self, at: usize) -> bool {
        let [day, month, year] = [at, at + 1, at + 2].map(|place| self.tokens.get(place));
        let joined = month.single(gap::SLASH | gap::DASH) && year.gap == month.gap && year.gap_len == 1;
        let short = day.len <= 2 && month.len <= 2 && year.len == 4;
        joined && short && matches!(self.tokens.text(year), [b'1', b'9', ..] | [b'2', b'0', ..])
    }

    fn spaced(&self, place: usize) -> bool {
        let (bits, len) = self.tokens.gap(place);
        len <= 2 && bits & !(gap::SPACE | gap::COMMA) == 0
    }

    /// Whether the next part is set off: by a comma or a dash, or by a space when its own word says what it is.
    fn separated(&self, place: usize, sure: &Read) -> bool {
        let (bits, len) = self.tokens.gap(place);
        if bits & gap::EDGE != 0 || len > 3 {
            return false;
        }
        let comma = bits & gap::COMMA != 0 && bits & !(gap::COMMA | gap::SPACE) == 0;
        let dash = bits == gap::DASH | gap::SPACE && len == 3;
        let marked = || {
            let phrase = self.scanner.lexicon.phrase(self.tokens, place).map(|(phrase, _)| phrase);
            phrase.is_some_and(|phrase| phrase.is(kind::UNIT | kind::CITY)) && sure.next == place
        };
        comma || dash || bits == gap::SPACE && len == 1 && marked()
    }

    /// One part at `place`; `free` when words without a marker may be a street.
    fn part(&self, place: usize, free: bool) -> Option<Part> {
        let token = self.tokens.get(place);
        if is_short_unit(token, self.tokens.text(token)) {
            return Some(Part::Unit(place + 1));
        }
        if let Some((phrase, count)) = self.scanner.lexicon.phrase(self.tokens, place)
            && let Some(part) = self.marked_part(place, phrase, count)
        {
            return Some(part);
        }
        if free && token.is_number() {
            return None;
        }
        let next = self.name_words(place, if free { NAME_WORDS_MAX } else { 4 });
        let next = if free { self.with_number(place, next) } else { next };
        (next > place).then_some(Part::Words(next))
    }

    fn marked_part(&self, place: usize, phrase: Phrase, count: usize) -> Option<Part> {
        let after = place + count;
        if phrase.is(kind::CITY) {
            return Some(Part::Unit(after));
        }
        if !phrase.is(kind::STREET | kind::HAMLET | kind::UNIT) {
            return None;
        }
        let (bits, len) = self.tokens.gap(after);
        let dotted = bits & gap::DOT != 0;
        if len > 2 || bits & !(gap::SPACE | gap::DOT) != 0 || self.tokens.get(place).len == 1 && !dotted {
            return None;
        }
        let number = self.numbered(after);
        if phrase.is(kind::UNIT) {
            let city = self.scanner.lexicon.phrase(self.tokens, after).filter(|(phrase, _)| phrase.is(kind::CITY));
            // `xã Tân Phú Trung` is more than the city of `Tân Phú`; in capitals nobody knows where its name ends.
            let city = city.map_or(after, |(_, count)| after + count);
            let upper = city > after && self.tokens.get(after).is_upper();
            let named = || if upper { city } else { self.with_number(after, self.name_words(after, 4)).max(city) };
            let next = number.unwrap_or_else(named);
            return (next > after).then_some(Part::Unit(next));
        }
        // `đường Tỉnh lộ 8`.
        let inner = self.scanner.lexicon.phrase(self.tokens, after).filter(|(inner, _)| inner.is(kind::STREET));
        if let (true, Some((inner, count))) = (phrase.is(kind::STREET), inner) {
            return self.marked_part(after, inner, count);
        }
        let next = match number {
            Some(next) if phrase.is(kind::STREET) && self.tokens.get(next).single(gap::SPACE) => {
                self.name_words(next, NAME_WORDS_MAX)
            }
            Some(next) => next,
            None if phrase.is(kind::HAMLET) => self.with_number(after, self.name_words(after, NAME_WORDS_MAX)),
            None => self.name_words(after, NAME_WORDS_MAX),
        };
        if next == after {
            return None;
        }
        Some(if phrase.is(kind::HAMLET) { Part::Hamlet(next, true) } else { Part::Street(next) })
    }

    /// The end of a name with its number, where a comma or the end follows: `ấp Bến Đò 1`, `Hoàng Diệu 2`.
    fn with_number(&self, from: usize, end: usize) -> usize {
        let number = self.tokens.get(end);
        let (after, _) = self.tokens.gap(end + 1);
        let ends = after & (gap::COMMA | gap::EDGE | gap::QUOTE | gap::BREAK) != 0;
        let numbered = end > from && number.is_number() && number.len <= 2 && number.single(gap::SPACE) && ends;
        end + usize::from(numbered)
    }

    /// `3`, `12A`, `số 5`, `45/12`; the token after it.
    fn numbered(&self, at: usize) -> Option<usize> {
        let mut place = at;
        if let Some((phrase, count)) = self.scanner.lexicon.phrase(self.tokens, at)
            && phrase.is(kind::HOUSE)
        {
            place += count;
        }
        if !is_house(self.tokens.get(place)) || place > at && !self.spaced(place) {
            return None;
        }
        place += 1;
        for _ in 0..3 {
            let next = self.tokens.get(place);
            if !(is_house(next) && next.single(gap::SLASH)) {
                break;
            }
            place += 1;
        }
        Some(place)
    }

    /// Words of a name in capitals, from `at` on; the token after them.
    fn name_words(&self, at: usize, max: usize) -> usize {
        let mut place = at;
        let upper = self.tokens.get(at).is_upper();
        let exact = (at..at + 2).any(|place| self.tokens.get(place).is_marked());
        while place <= at + max {
            let token = self.tokens.get(place);
            let joined = place == at || token.single(gap::SPACE);
            if !(joined && token.is_word() && token.is_capital()) || token.len > 8 {
                // In capitals a comma ends a name, not a word that may be in one.
                let (bits, _) = self.tokens.gap(place);
                let whole = !upper || bits & (gap::COMMA | gap::QUOTE | gap::BREAK | gap::EDGE | gap::DOT) != 0;
                return if whole { place } else { self.stopped(at, place, exact) };
            }
            if place > at && self.begins_part(place, token) {
                return place;
            }
            place += 1;
        }
        let end = at + max;
        if upper { self.stopped(at, end, exact) } else { end }
    }

    /// The first of the words from `at` to before `end` that is in no name, or `end`.
    fn stopped(&self, at: usize, end: usize, exact: bool) -> usize {
        let stops = |place: &usize| {
            let (token, lexicon) = (self.tokens.get(*place), &self.scanner.lexicon);
            let flags = if exact { lexicon.exact(token) } else { lexicon.folded(token) };
            flags & word::STOP != 0 && flags & (word::GIVEN | word::MIDDLE) == 0
        };
        (at + 1..end).find(stops).unwrap_or(end)
    }

    /// Whether the next part of the address begins here, without a comma.
    fn begins_part(&self, place: usize, token: &Token) -> bool {
        self.scanner.lexicon.phrase(self.tokens, place).is_some_and(|(phrase, count)| {
            let exact = count > 1 || token.len > 1 && self.names(token) == 0;
            phrase.is(kind::UNIT | kind::CITY | kind::HAMLET) && exact
        })
    }

    /// Whether a word is one of names too.
    fn names(&self, token: &Token) -> u32 {
        let lexicon = &self.scanner.lexicon;
        let flags = if token.is_marked() { lexicon.exact(token) } else { lexicon.folded(token) };
        flags & (word::GIVEN | word::MIDDLE)
    }
}

/// A house number: digits, perhaps with letters (`12`, `12A`, `B12`, `12Bis`).
fn is_house(token: &Token) -> bool {
    token.shape & shape::DIGIT != 0 && token.len <= if token.is_number() { 5 } else { 6 }
}

/// `Q1`, `P12`: a district or ward by its number.
fn is_short_unit(token: &Token, text: &[u8]) -> bool {
    let [letter, digits @ ..] = text else { return false };
    token.is_mixed()
        && token.is_capital()
        && matches!(letter, b'p' | b'q')
        && digits.len() <= 2
        && digits.iter().all(u8::is_ascii_digit)
}

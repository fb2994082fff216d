//! Letters with digits: plates, passports, health insurance cards.

use super::context::Said;
use super::pass::Pass;
use super::token::{Token, gap, shape};
use crate::privacy::{Class, validate};

impl Pass<'_> {
    /// A token of letters and digits. The next token.
    pub(super) fn mixed(&mut self, at: usize, token: &Token) -> usize {
        if token.len <= 4
            && let Some(after) = self.hexadecimal(at, token)
        {
            return after;
        }
        if let Some(after) = self.plate(at, token) {
            return after;
        }
        if token.len <= 6
            && self.switches.is_on(Class::Address)
            && let Some(after) = self.address(at)
        {
            return after;
        }
        let text = self.tokens.text(token);
        if token.len == 15 && validate::health_insurance(text) {
            let glued = self.glued_before(at) || self.glued_after(at);
            let score = if glued { 45 } else { 70 } + self.said(at, Class::HealthInsurance).bonus();
            self.found(Class::HealthInsurance, at, at, score);
        } else if is_passport(token, text) {
            let said = self.said(at, Class::Passport);
            if matches!(said, Said::Direct | Said::Window) {
                self.found(Class::Passport, at, at, 22 + said.bonus());
            }
        } else if is_certificate(token, text) && self.switches.is_on(Class::LandRecord) {
            if matches!(self.said(at, Class::LandRecord), Said::Direct | Said::Window) {
                self.found(Class::LandRecord, at, at, 70);
            }
        } else if self.is_grouped_card(at, token, text) {
            self.found(Class::HealthInsurance, at, at + 4, 75);
            return at + 5;
        }
        if self.switches.is_on(Class::UserName) {
            self.user_after_context(at);
            self.user_by_neighbours(at);
        }
        at + 1
    }

    /// `GD 4 79 79 12345678` is written apart on cards: `GD4 79 79 123 45678`.
    fn is_grouped_card(&self, at: usize, token: &Token, text: &[u8]) -> bool {
        if token.len != 3 {
            return false;
        }
        let mut card = [0; 15];
        let mut len = 0;
        for place in at..at + 5 {
            let part = self.tokens.get(place);
            if place > at && (!part.is_number() || !(part.single(gap::SPACE) || part.single(gap::DASH))) {
                return false;
            }
            let part = if place == at { text } else { self.tokens.text(part) };
            let Some(room) = card.get_mut(len..len + part.len()) else { return false };
            room.copy_from_slice(part);
            len += part.len();
        }
        len == 15 && validate::health_insurance(&card)
    }

    /// A plate that begins at a token: `51F-123.45`, `59-X1 123.45`, `59X1-12345`, `51F12345`; the token after it.
    pub(super) fn plate(&mut self, at: usize, token: &Token) -> Option<usize> {
        if !self.switches.is_on(Class::Plate) || token.len < 2 || token.len > 9 {
            return None;
        }
        let text = self.tokens.text(token);
        let province = text.get(..2).and_then(validate::number)?;
        if !(11..=99).contains(&province) || token.shape & shape::LOWER != 0 {
            return None;
        }
        let (series, mut place) = match text.get(2..)? {
            [] => {
                let next = self.tokens.get(at + 1);
                if !next.single(gap::DASH) && !next.single(gap::SPACE) || next.shape & shape::LOWER != 0 {
                    return None;
                }
                (self.tokens.text(self.tokens.list.get(at + 1)?), at + 2)
            }
            series => (series, at + 1),
        };
        let split = series.len().min(2);
        let (last, dotted) = match series {
            // `51F12345`: everything in one token.
            [letter, rest @ ..] if rest.len() >= 4 && is_series(*letter) && rest.iter().all(u8::is_ascii_digit) => {
                if rest.len() > 6 {
                    return None;
                }
                (place - 1, 0)
            }
            _ if split == series.len() && is_plate_series(series) => {
                let (last, dotted) = self.plate_number(place)?;
                place = last;
                (place, dotted)
            }
            _ => return None,
        };
        let said = self.said(at, Class::Plate);
        let glued = self.glued_before(at) || self.glued_after(last);
        let base = if dotted == 2 { 55 } else { 22 } + dotted;
        let score = base + said.bonus() + if glued && said != Said::Direct { -35 } else { 0 };
        self.found(Class::Plate, at, last, score).then_some(last + 1)
    }

    /// The digits of a plate: `12345`, `1234` or `123.45`; the last token, and 2 for the form with a dot.
    fn plate_number(&self, at: usize) -> Option<(usize, i32)> {
        let first = self.tokens.get(at);
        let near =
            first.gap_len == 1 && (first.single(gap::DASH) || first.single(gap::SPACE) || first.single(gap::DOT));
        if !first.is_number() || !near {
            return None;
        }
        match first.len {
            4 | 5 => Some((at, if first.gap == gap::DASH { 1 } else { 0 })),
            3 => {
                let second = self.tokens.get(at + 1);
                let fits = second.is_number() && second.len == 2 && second.single(gap::DOT);
                fits.then_some((at + 1, 2))
            }
            _ => None,
        }
    }
}

/// Letters that series use.
fn is_series(letter: u8) -> bool {
    letter.is_ascii_lowercase() && !matches!(letter, b'i' | b'j' | b'o' | b'q' | b'w')
}

/// `F`, `LD`, `X1`.
fn is_plate_series(series: &[u8]) -> bool {
    match series {
        [letter] => is_series(*letter),
        [letter, second] => is_series(*letter) && (is_series(*second) || second.is_ascii_digit()),
        _ => false,
    }
}

/// `BK351932`: a land certificate's two capitals and six to eight digits.
fn is_certificate(token: &Token, text: &[u8]) -> bool {
    let (series, number) = text.split_at_checked(2).unwrap_or_default();
    token.shape & shape::LOWER == 0
        && series.iter().all(u8::is_ascii_lowercase)
        && (6..=8).contains(&number.len())
        && number.iter().all(u8::is_ascii_digit)
}

/// One capital and seven or eight digits.
fn is_passport(token: &Token, text: &[u8]) -> bool {
    let digits = text.get(1..).unwrap_or_default();
    token.is_capital()
        && matches!(digits.len(), 7 | 8)
        && text.first().is_some_and(u8::is_ascii_lowercase)
        && digits.iter().all(u8::is_ascii_digit)
}

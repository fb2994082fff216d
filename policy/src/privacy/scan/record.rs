//! Numbers of health records, of land and of health insurance cards that are written apart.

use super::context::Said;
use super::neighbours::is_file_kind;
use super::pass::Pass;
use super::token::gap;
use crate::privacy::{Class, validate};

impl Pass<'_> {
    /// A land certificate by its form, the two capitals at `at` and six to eight digits, where its words stand before it.
    pub(super) fn land_certificate(&mut self, at: usize) {
        let number = self.tokens.get(at + 1);
        if number.is_number()
            && (6..=8).contains(&number.len)
            && number.single(gap::SPACE)
            && self.switches.is_on(Class::LandRecord)
            && matches!(self.said(at, Class::LandRecord), Said::Direct | Said::Window)
        {
            self.found(Class::LandRecord, at, at + 1, 70);
        }
    }

    /// A health insurance card whose letters stand apart: `DN 4 79 8016075188`.
    pub(super) fn spaced_card(&mut self, at: usize) {
        let lengths = [2, 1, 2, 10];
        let parts = (at..).zip(lengths).all(|(place, length)| {
            let part = self.tokens.get(place);
            part.len == length && (place == at || part.is_number() && part.single(gap::SPACE))
        });
        if parts && self.switches.is_on(Class::HealthInsurance) {
            let digits: Vec<u8> =
                (at..at + lengths.len()).flat_map(|place| self.tokens.text(self.tokens.get(place))).copied().collect();
            if validate::health_insurance(&digits) {
                self.found(Class::HealthInsurance, at, at + lengths.len() - 1, 75);
            }
        }
    }

    /// The number of a record: with a digit in it, of at least four signs for health records.
    pub(super) fn record(&mut self, at: usize, class: Class) {
        let mut first = at;
        let mut last = self.joined(at, gap::DOT | gap::UNDER | gap::DASH | gap::SLASH);
        // `to ban do 101.pdf`
        if last > at && is_file_kind(self.tokens.text(self.tokens.get(last))) {
            last -= 1;
        }
        let token = self.tokens.get(first);
        // `BX 123456`: letters of a series before the number.
        if first == last && token.is_word() && token.len <= 3 && token.is_upper() {
            let next = self.tokens.get(at + 1);
            if next.is_number() && next.single(gap::SPACE) && next.len >= 4 {
                last = at + 1;
            }
        } else if token.is_word() && token.is_marked() {
            return;
        }
        if class == Class::HealthRecord && self.tokens.get(first).is_word() && first == last {
            first += 1;
        }
        let digits: usize = (first..=last).map(|place| self.digits(place)).sum();
        let least = if class == Class::HealthRecord { 4 } else { 1 };
        let length = self.tokens.get(last).end.saturating_sub(self.tokens.get(first).start);
        if digits >= 1 && length >= least {
            self.found(class, first, last, 75);
        }
    }

    fn digits(&self, at: usize) -> usize {
        let token = self.tokens.get(at);
        self.tokens.text(token).iter().filter(|letter| letter.is_ascii_digit()).count()
    }
}

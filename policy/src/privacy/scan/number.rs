//! Digits: every kind of number that they may be.

use super::context::Said;
use super::pass::Pass;
use super::token::{Token, gap};
use crate::privacy::validate::{self, CitizenEvidence, PhoneKind};
use crate::privacy::{Class, Switches};

/// Most digits of a value: a card's 19.
const DIGITS_MAX: usize = 19;
/// Most groups that digits are written in.
const GROUPS_MAX: usize = 7;
/// What is taken off the score of digits that are glued to a word.
const GLUED: i32 = -35;

/// What digits may be.
const NUMBERS: [Class; 8] = [
    Class::Phone,
    Class::CitizenId,
    Class::OldCitizenId,
    Class::TaxCode,
    Class::Card,
    Class::SocialInsurance,
    Class::BankAccount,
    Class::DeviceId,
];

/// Digits in groups: `0912 345 678`.
#[derive(Debug, Clone, Copy)]
struct Group {
    digits: [u8; DIGITS_MAX],
    /// How many digits.
    len: usize,
    /// How many digits each group has.
    parts: [u8; GROUPS_MAX],
    /// How many groups.
    count: usize,
    /// What separates them.
    separator: u16,
}

impl Group {
    fn digits(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }

    fn parts(&self) -> &[u8] {
        self.parts.get(..self.count).unwrap_or_default()
    }

    fn first(&self) -> u8 {
        self.parts.first().copied().unwrap_or(0)
    }

    fn add(&mut self, digits: &[u8]) -> bool {
        let end = self.len + digits.len();
        let (Some(room), Some(part)) = (self.digits.get_mut(self.len..end), self.parts.get_mut(self.count)) else {
            return false;
        };
        room.copy_from_slice(digits);
        *part = digits.len() as u8;
        self.len = end;
        self.count += 1;
        true
    }
}

impl Pass<'_> {
    /// Digits: tries every grouping. The next token.
    pub(super) fn number(&mut self, at: usize, token: &Token) -> usize {
        if token.len <= 4
            && let Some(after) = self.network(at, token)
        {
            return after;
        }
        if token.len <= 2
            && let Some(after) = self.plate(at, token)
        {
            return after;
        }
        if token.len <= 5
            && self.switches.is_on(Class::Address)
            && let Some(after) = self.address(at)
        {
            return after;
        }
        let mut group = Group { digits: [0; DIGITS_MAX], len: 0, parts: [0; GROUPS_MAX], count: 0, separator: 0 };
        if usize::from(token.len) > DIGITS_MAX || !group.add(self.tokens.text(token)) {
            return at + 1;
        }
        let mut after = at + 1;
        if group.len >= 8 {
            self.try_group(at, at, &group);
        }
        for place in at + 1..at + GROUPS_MAX {
            let next = self.tokens.get(place);
            // The last group of an account may have one digit.
            let least = if group.len >= 8 && group.count >= 2 { 1 } else { 2 };
            if !next.is_number() || next.len < least || !self.continues(&group, place) {
                break;
            }
            // Behind a bracket any separator may follow: `(+84) 292-3820-777`.
            let bracket = next.gap & gap::PAREN != 0;
            group.separator = if bracket { 0 } else { next.gap & (gap::SPACE | gap::DOT | gap::DASH) };
            if !group.add(self.tokens.text(next)) {
                break;
            }
            if group.len >= 8 && self.try_group(at, place, &group) {
                after = place + 1;
            }
        }
        after
    }

    /// Whether the number at `place` may belong to the digits before it: one separator, the same everywhere;
    /// `(028) 3822 1234` may close its bracket.
    fn continues(&self, group: &Group, place: usize) -> bool {
        let next = self.tokens.get(place);
        let bracket = group.count == 1 && next.gap == gap::PAREN | gap::SPACE && next.gap_len == 2;
        let one = next.single(gap::SPACE) || next.single(gap::DOT) || next.single(gap::DASH);
        bracket || one && (group.separator == 0 || group.separator == next.gap)
    }

    /// Everything that these digits may be; whether anything was found.
    fn try_group(&mut self, from: usize, to: usize, group: &Group) -> bool {
        let glued = self.glued_before(from) || self.glued_after(to);
        let whole = group.count == 1;
        let (mut found, mut moment) = (false, None);
        let switches: &Switches = self.switches;
        for class in NUMBERS {
            if !switches.is_on(class) {
                continue;
            }
            let base = match class {
                Class::Phone => self.phone_base(from, group),
                Class::CitizenId => self.citizen_base(group),
                Class::OldCitizenId => old_citizen_base(group),
                Class::TaxCode => tax_base(group),
                Class::Card => card_base(group),
                Class::SocialInsurance if whole && group.len == 10 => 20,
                Class::BankAccount => bank_base(group),
                Class::DeviceId if whole && group.len == 15 && validate::luhn(group.digits()) => 20,
                _ => 0,
            };
            if base <= 0 {
                continue;
            }
            let said = self.said(from, class);
            let mut score = base + said.bonus();
            if glued && said != Said::Direct {
                score += GLUED;
            }
            if said != Said::Direct && *moment.get_or_insert_with(|| validate::moment(group.digits())) {
                score -= 30;
            }
            let start = self.phone_start(class, from);
            let end = self.tokens.get(to).end as usize;
            found |= self.found_bytes(class, start, end, score);
        }
        found
    }

    fn phone_base(&self, from: usize, group: &Group) -> i32 {
        let Some(kind) = validate::phone(group.digits()) else { return 0 };
        let abroad = group.digits().starts_with(b"84");
        let grouped = match group.parts() {
            [_] => true,
            parts => parts.iter().skip(1).all(|part| (2..=8).contains(part)) && group.first() <= 4,
        };
        let plus = self.byte_before(self.tokens.get(from)) == Some(b'+');
        match (kind, abroad) {
            _ if !grouped => 0,
            (_, true) if plus => 65,
            (PhoneKind::Mobile, true) if group.count == 1 => 52,
            (_, true) => 35,
            (PhoneKind::Mobile, false) => 60,
            (PhoneKind::Fixed, false) if group.count > 1 => 58,
            (PhoneKind::Fixed, false) => 50,
        }
    }

    /// A phone's `+` and bracket belong to it.
    fn phone_start(&self, class: Class, from: usize) -> usize {
        let start = self.tokens.get(from).start as usize;
        let before = |back: usize| start.checked_sub(back).and_then(|at| self.bytes.get(at)).copied();
        match (class, before(1), before(2)) {
            (Class::Phone, Some(b'+'), Some(b'(')) | (Class::Phone, Some(b'('), Some(b'+')) => start - 2,
            (Class::Phone, Some(b'+' | b'('), _) => start - 1,
            // A plus in a URL.
            (Class::Phone, Some(b'B' | b'b'), Some(b'2')) if before(3) == Some(b'%') => start - 3,
            _ => start,
        }
    }

    fn citizen_base(&self, group: &Group) -> i32 {
        if !matches!(group.parts(), [12] | [3, 3, 3, 3] | [4, 4, 4] | [3, 3, 6] | [6, 6]) {
            return 0;
        }
        match validate::citizen_id(group.digits(), self.scanner.year) {
            CitizenEvidence::Full => 60,
            CitizenEvidence::Province => 25,
            CitizenEvidence::Length => 5,
            CitizenEvidence::None => 0,
        }
    }
}

fn old_citizen_base(group: &Group) -> i32 {
    if matches!(group.parts(), [9] | [3, 3, 3]) { 22 } else { 0 }
}

fn tax_base(group: &Group) -> i32 {
    if !validate::tax_code(group.digits()) {
        return 0;
    }
    match group.parts() {
        [10] | [13] => 30,
        [10, 3] if group.separator == gap::DASH => 55,
        _ => 0,
    }
}

fn card_base(group: &Group) -> i32 {
    let (issuer, luhn) = (validate::card_issuer(group.digits()), validate::luhn(group.digits()));
    match (group.parts(), issuer, luhn) {
        ([4, 4, 4, 4] | [4, 6, 5] | [4, 4, 4, 4, 3], true, true) => 75,
        ([13 | 15 | 16 | 19], true, true) => 58,
        ([16 | 19] | [4, 4, 4, 4], true, false) => 8,
        ([13..=19], false, true) => 8,
        _ => 0,
    }
}

fn bank_base(group: &Group) -> i32 {
    match group.parts() {
        [8..=16] => 15,
        [2..=6, .., 1..=9] if (8..=16).contains(&group.len) => 10,
        _ => 0,
    }
}

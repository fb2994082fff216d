//! Names of people: a family, perhaps middle words, a given name.

use super::context::Said;
use super::lexicon::{kind, word};
use super::pass::Pass;
use super::token::{Token, gap, shape};
use crate::privacy::Class;

/// Most words of a name.
const WORDS_MAX: usize = 6;
/// Letters of the longest syllable (`nghiêng`).
const SYLLABLE_MAX: u16 = 7;

/// How the letters of a name are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// `Nguyễn Văn An`.
    Title,
    /// `NGUYỄN VĂN AN`.
    Upper,
    /// `nguyễn văn an`.
    Lower,
}

/// Words in a row that may be a name.
struct Run {
    at: usize,
    len: usize,
    writing: Writing,
    /// Flags of each word.
    flags: [u32; WORDS_MAX],
    marked: bool,
    /// The row ends at a sign, not at a word.
    ends: bool,
}

impl Pass<'_> {
    /// A name that begins at a token with these flags; the token after it.
    pub(super) fn name(&mut self, at: usize, folded: u32) -> Option<usize> {
        let token = self.tokens.get(at);
        let capital = token.is_capital() && folded & word::SYLLABLE != 0;
        let family = folded & word::FAMILY != 0
            || capital && token.is_marked() && self.scanner.lexicon.exact(token) & word::FAMILY != 0;
        let joiner = self.joiner(at)?;
        // `BIEN_DONG_DAT_DAI` is one word of a program.
        let inner = joiner == gap::UNDER && token.single(gap::UNDER);
        if !family && !capital || token.len > SYLLABLE_MAX || inner {
            return None;
        }
        // Only after a word like `họ tên` may a name begin with an unknown family or small letters.
        let proof = || self.scanner.lexicon.folded(self.tokens.get(at + 1)) & word::PROOF != 0;
        let looks = token.is_capital() && (family || proof());
        if !looks && !self.nearby.speak_of(Class::PersonName.bit()) || !family && self.nearby.ends_at(at) {
            return None;
        }
        let said = self.said(at, Class::PersonName);
        if said != Said::Direct && !looks {
            return None;
        }
        let run = self.name_run(at, token)?;
        if run.writing == Writing::Lower && !(self.is_keyed(at) && run.ends) {
            return None;
        }
        let flag = |place: usize| run.flags.get(place).copied().unwrap_or(0);
        let known = flag(0) & word::FAMILY != 0 || run.len > 2 && flag(1) & word::PROOF != 0;
        if !known && said != Said::Direct {
            return None;
        }
        let (len, score) =
            (2..=run.len).map(|len| (len, self.name_score(&run, len))).max_by_key(|best| (best.1, best.0))?;
        let score = score + self.name_surroundings(&run, len, said);
        let found = self.found(Class::PersonName, at, at + len - 1, score);
        if found {
            self.account_behind_name(at + len);
        }
        found.then_some(at + len)
    }

    /// What joins a word to the next one of its name, if anything does.
    fn joiner(&self, at: usize) -> Option<u16> {
        let (joiner, len) = self.tokens.gap(at + 1);
        (len == 1 && matches!(joiner, gap::SPACE | gap::PLUS | gap::UNDER)).then_some(joiner)
    }

    /// The words from `at` on that may belong to one name.
    fn name_run(&self, at: usize, first: &Token) -> Option<Run> {
        let joiner = self.joiner(at)?;
        let second = self.tokens.get(at + 1);
        let writing = match (first.is_capital(), first.is_upper() && second.is_upper()) {
            (true, true) => Writing::Upper,
            (true, false) => Writing::Title,
            (false, _) => Writing::Lower,
        };
        let mut run = Run { at, len: 0, writing, flags: [0; WORDS_MAX], marked: false, ends: false };
        for place in at..at + WORDS_MAX {
            let token = self.tokens.get(place);
            if place > at && !(token.gap == joiner && token.gap_len == 1) {
                run.ends = true;
                break;
            }
            let fits = match writing {
                Writing::Upper => token.is_upper(),
                Writing::Title => token.is_capital() && (token.len == 1 || !token.is_upper()),
                Writing::Lower => !token.is_capital(),
            };
            if !fits || !self.may_be_in_name(token) || place > at && self.ends_name(place) {
                // `NGUYỄN ĐỨC TRƯỜNG result=`: other letters end what stands in capitals as well as a sign.
                let key = self.tokens.gap(place + 1).0 & gap::EQUALS != 0;
                run.ends = writing == Writing::Upper && (token.shape & shape::LOWER != 0 || key);
                break;
            }
            run.marked |= token.is_marked();
            run.len += 1;
        }
        self.name_flags(&mut run);
        (run.len >= 2).then_some(run)
    }

    pub(super) fn may_be_in_name(&self, token: &Token) -> bool {
        token.is_word() && token.len <= SYLLABLE_MAX && self.scanner.lexicon.folded(token) & word::SYLLABLE != 0
    }

    /// Whether several words begin here that end a name: `thành phố`, `công ty`.
    fn ends_name(&self, place: usize) -> bool {
        let token = self.tokens.get(place);
        if self.scanner.lexicon.folded(token) & word::PHRASE == 0 {
            return false;
        }
        let phrase = self.scanner.lexicon.phrase(self.tokens, place);
        phrase.is_some_and(|(phrase, count)| count > 1 && (phrase.is(kind::ENDS_NAME) || phrase.context != 0))
    }

    /// Fills in what each word is, and ends the run at a word that is in no name.
    fn name_flags(&self, run: &mut Run) {
        let (at, marked) = (run.at, run.marked);
        for place in 0..run.len {
            let token = self.tokens.get(at + place);
            let lexicon = &self.scanner.lexicon;
            let flags = if marked { lexicon.exact(token) } else { lexicon.folded(token) };
            // Where names alone have capitals, capitals decide.
            let sure = run.writing != Writing::Title || self.is_unit(at + place);
            if place > 0 && sure && flags & word::STOP != 0 && flags & (word::GIVEN | word::MIDDLE) == 0 {
                (run.len, run.ends) = (place, false);
                return;
            }
            if let Some(slot) = run.flags.get_mut(place) {
                *slot = flags;
            }
        }
    }

    /// Whether a word of addresses stands here: `Phuong`, `Quan`.
    fn is_unit(&self, at: usize) -> bool {
        let phrase = self.scanner.lexicon.phrase(self.tokens, at);
        phrase.is_some_and(|(phrase, _)| phrase.is(kind::UNIT | kind::HAMLET | kind::STREET))
    }

    /// How much the first `len` words look like a whole name.
    fn name_score(&self, run: &Run, len: usize) -> i32 {
        let flags = |place: usize| run.flags.get(place).copied().unwrap_or(0);
        let family = match flags(0) {
            first if first & word::FAMILY_COMMON != 0 => 30,
            first if first & word::FAMILY != 0 => 20,
            _ if flags(1) & word::PROOF != 0 => 18,
            _ => 6,
        };
        let length = match len {
            2 => 2,
            3 => 14,
            4 => 14,
            5 => 7,
            _ => -20,
        };
        let middle: i32 = (1..len - 1).map(|place| middle_worth(flags(place), run.writing)).sum();
        let last = flags(len - 1);
        let mut given = match last {
            last if last & word::GIVEN != 0 => 14,
            last if last & word::MIDDLE != 0 => 7,
            _ if run.marked => 4,
            _ => 1,
        };
        let whole = run.ends && len == run.len && last & word::GIVEN != 0;
        if last & word::STOP != 0 && run.writing != Writing::Title && !whole {
            given -= 20;
        }
        // `Hung Tran`, as forms in English have it.
        if family < 18 && last & word::FAMILY_COMMON != 0 {
            given = given.max(20);
        }
        let end = match (len == run.len, run.ends, run.writing) {
            (true, true, Writing::Title) => 6,
            (true, false, Writing::Title) => 5,
            (true, true, _) => 12,
            (true, false, _) => 3,
            (false, _, Writing::Title) => -15,
            // A name stops short of a given name only for a reason.
            (false, true, _) if flags(run.len - 1) & word::GIVEN != 0 => -12,
            (false, ..) => 0,
        };
        family + length + middle.min(14) + given + end
    }

    /// What stands around a name.
    fn name_surroundings(&self, run: &Run, len: usize, said: Said) -> i32 {
        let at = run.at;
        let mut worth = match said {
            Said::Direct => 30,
            Said::Window => 12,
            Said::Counter => -20,
            Said::Other | Said::Nothing => 0,
        };
        let token = self.tokens.get(at);
        if (self.place_next == at || self.place_crossed == at) && said != Said::Direct {
            worth -= 60;
        }
        if self.not_name == (at, len) && said != Said::Direct {
            worth -= 50;
        }
        let spaced = token.single(gap::SPACE);
        if let Some(before) = at.checked_sub(1).map(|before| self.tokens.get(before)).filter(|_| spaced) {
            // A house before a street; `row=12` is none.
            let keyed = before.gap & gap::EQUALS != 0;
            if before.shape & shape::DIGIT != 0 && before.len <= 5 && !keyed {
                worth -= 30;
            } else if before.is_capital() && run.writing == Writing::Title && said != Said::Direct {
                worth -= 12;
            }
        }
        let quoted = token.gap & (gap::QUOTE | gap::EQUALS | gap::COLON) != 0;
        let (after, _) = self.tokens.gap(at + len);
        if quoted && after & (gap::QUOTE | gap::BREAK | gap::EDGE) != 0 {
            worth += 8;
        }
        worth
    }
}

fn middle_worth(flags: u32, writing: Writing) -> i32 {
    let worth = match flags {
        flags if flags & word::SURE != 0 => 10,
        flags if flags & word::MIDDLE != 0 => 7,
        flags if flags & word::GIVEN != 0 => 4,
        _ => 0,
    };
    if flags & word::STOP != 0 && writing != Writing::Title { worth - 14 } else { worth }
}

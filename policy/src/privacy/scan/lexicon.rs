//! The words that the scanner knows, by hash: with diacritics and without.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use super::fold::Folds;
use super::split::{Tokens, hashes};
use super::token::{Token, join};
use crate::privacy::PrivacyRules;

/// What a single word is.
pub(super) mod word {
    pub(in super::super) const FAMILY_COMMON: u32 = 1;
    pub(in super::super) const FAMILY: u32 = 1 << 1;
    pub(in super::super) const SURE: u32 = 1 << 2;
    pub(in super::super) const MIDDLE: u32 = 1 << 3;
    pub(in super::super) const GIVEN: u32 = 1 << 4;
    pub(in super::super) const STOP: u32 = 1 << 5;
    /// Could be a Vietnamese syllable.
    pub(in super::super) const SYLLABLE: u32 = 1 << 6;
    /// A phrase begins with it.
    pub(in super::super) const PHRASE: u32 = 1 << 7;
    /// A middle word that stands in names alone (`Thị`).
    pub(in super::super) const PROOF: u32 = 1 << 8;
    /// From this bit on: how many words the longest phrase has that begins with it.
    pub(in super::super) const COUNT_SHIFT: u32 = 28;
}

/// What a phrase is.
pub(super) mod kind {
    pub(in super::super) const COUNTER: u16 = 1;
    pub(in super::super) const FILLER: u16 = 1 << 1;
    pub(in super::super) const NOT_NAME: u16 = 1 << 2;
    pub(in super::super) const PLACE: u16 = 1 << 3;
    pub(in super::super) const HOUSE: u16 = 1 << 4;
    pub(in super::super) const STREET: u16 = 1 << 5;
    pub(in super::super) const HAMLET: u16 = 1 << 6;
    pub(in super::super) const UNIT: u16 = 1 << 7;
    pub(in super::super) const CITY: u16 = 1 << 8;
    /// Written with diacritics in the rules.
    pub(in super::super) const MARKED: u16 = 1 << 9;
    /// Several words after which a name is over.
    pub(in super::super) const STOP: u16 = 1 << 10;
    /// After these words, or at them, a name ends.
    pub(in super::super) const ENDS_NAME: u16 = STOP | PLACE | UNIT | CITY | HAMLET | COUNTER;
}

/// Most words of one phrase.
pub(crate) const PHRASE_WORDS_MAX: usize = 8;

/// One to eight words that mean something together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Phrase {
    /// Classes whose context this is.
    pub(super) context: u32,
    /// Classes whose value follows at once.
    pub(super) lead: u32,
    /// Bits of [`kind`].
    pub(super) kinds: u16,
}

impl Phrase {
    fn merge(&mut self, other: Self) {
        self.context |= other.context;
        self.lead |= other.lead;
        self.kinds |= other.kinds;
    }

    pub(super) fn is(&self, kinds: u16) -> bool {
        self.kinds & kinds != 0
    }
}

type Map<V> = HashMap<u64, V, FxBuildHasher>;

/// Everything that the scanner knows of words.
#[derive(Debug, Clone, Default)]
pub(super) struct Lexicon {
    folded: Map<u32>,
    exact: Map<u32>,
    phrases: Map<Phrase>,
    exact_phrases: Map<Phrase>,
}

impl Lexicon {
    pub(super) fn new(rules: &PrivacyRules, folds: &Folds) -> Self {
        let mut lexicon = Self::default();
        let mut tokens = Tokens::default();
        syllables(|syllable| {
            if let Some(token) = hashes(&mut tokens, folds, syllable) {
                *lexicon.folded.entry(token.hash).or_default() |= word::SYLLABLE;
            }
        });
        let words = &rules.words;
        let mut builder = Builder { lexicon, tokens, folds };
        for (list, flag) in [
            (&words.family_common, word::FAMILY_COMMON | word::FAMILY),
            (&words.family, word::FAMILY),
            (&words.middle_proof, word::PROOF | word::SURE | word::MIDDLE),
            (&words.middle_sure, word::SURE | word::MIDDLE),
            (&words.middle, word::MIDDLE),
            (&words.given, word::GIVEN),
            (&words.stop, word::STOP),
        ] {
            list.iter().for_each(|text| builder.word(text, flag));
        }
        for (list, kinds) in [
            (&words.stop, kind::STOP),
            (&words.not_names, kind::NOT_NAME),
            (&words.place_before, kind::PLACE),
            (&words.house, kind::HOUSE),
            (&words.street, kind::STREET),
            (&words.hamlet, kind::HAMLET),
            (&words.unit, kind::UNIT),
            (&words.city, kind::CITY),
            (&rules.counter_context, kind::COUNTER),
            (&rules.fillers, kind::FILLER),
        ] {
            list.iter().for_each(|text| builder.phrase(text, Phrase { kinds, ..Phrase::default() }));
        }
        for rule in rules.classes() {
            let bit = rule.class.bit();
            for text in &rule.context {
                builder.phrase(text, Phrase { context: bit, ..Phrase::default() });
            }
            for text in &rule.lead {
                builder.phrase(text, Phrase { context: bit, lead: bit, kinds: 0 });
            }
        }
        builder.lexicon
    }

    /// Flags of a word without regard to its diacritics.
    #[inline]
    pub(super) fn folded(&self, token: &Token) -> u32 {
        token.flags
    }

    /// Looks every word up, once.
    pub(super) fn know(&self, tokens: &mut Tokens) {
        tokens.known = true;
        for token in tokens.list.iter_mut().filter(|token| token.is_word()) {
            token.flags = self.folded.get(&token.hash).copied().unwrap_or(0);
        }
    }

    /// Flags of a word, also of a text whose words were not looked up.
    #[inline]
    fn flags(&self, tokens: &Tokens, token: &Token) -> u32 {
        match tokens.known {
            true => token.flags,
            false if token.is_word() => self.folded.get(&token.hash).copied().unwrap_or(0),
            false => 0,
        }
    }

    /// Flags of a word with exactly these diacritics.
    pub(super) fn exact(&self, token: &Token) -> u32 {
        self.exact.get(&token.exact).copied().unwrap_or(0)
    }

    /// The longest phrase that begins at a token, and how many tokens it has. A word with diacritics must have those of
    /// the phrase; one without stands for any.
    pub(super) fn phrase(&self, tokens: &Tokens, at: usize) -> Option<(Phrase, usize)> {
        let first = tokens.get(at);
        let flags = self.flags(tokens, first);
        if flags & word::PHRASE == 0 {
            return None;
        }
        let (mut folded, mut exact, mut marked) = (first.hash, first.exact, first.is_marked());
        let mut len = first.len;
        let mut found = self.look_up(folded, exact, marked).map(|phrase| (phrase, 1));
        for more in 1..(flags >> word::COUNT_SHIFT) as usize {
            let next = tokens.get(at + more);
            if !next.is_word() || next.gap_len > 1 {
                break;
            }
            folded = join(folded, next.hash, len);
            len = len.saturating_add(next.len);
            exact = combine(exact, next.exact);
            marked |= next.is_marked();
            if let Some(phrase) = self.look_up(folded, exact, marked) {
                found = Some((phrase, more + 1));
            }
        }
        found
    }

    fn look_up(&self, folded: u64, exact: u64, marked: bool) -> Option<Phrase> {
        if marked { self.exact_phrases.get(&exact).copied() } else { self.phrases.get(&folded).copied() }
    }
}

fn combine(first: u64, second: u64) -> u64 {
    first.rotate_left(7).wrapping_mul(super::token::BASE).wrapping_add(second)
}

struct Builder<'a> {
    lexicon: Lexicon,
    tokens: Tokens,
    folds: &'a Folds,
}

impl Builder<'_> {
    /// A word of a name; words of several syllables are none and stand as phrases only.
    fn word(&mut self, text: &str, flag: u32) {
        let Some(token) = hashes(&mut self.tokens, self.folds, text) else { return };
        *self.lexicon.folded.entry(token.hash).or_default() |= flag;
        *self.lexicon.exact.entry(token.exact).or_default() |= flag;
    }

    fn phrase(&mut self, text: &str, mut phrase: Phrase) {
        self.tokens.split(self.folds, text, 0);
        let list = self.tokens.list.as_slice();
        let (Some(first), Some(rest)) = (list.first(), list.get(1..)) else { return };
        if list.len() > PHRASE_WORDS_MAX {
            return;
        }
        if list.iter().any(Token::is_marked) {
            phrase.kinds |= kind::MARKED;
        }
        let (mut folded, mut exact, mut len) = (first.hash, first.exact, first.len);
        for token in rest {
            folded = join(folded, token.hash, len);
            len = len.saturating_add(token.len);
            exact = combine(exact, token.exact);
        }
        let lexicon = &mut self.lexicon;
        let count = list.len() as u32;
        for (start, count) in [(first.hash, count), (folded, 1)] {
            let flags = lexicon.folded.entry(start).or_default();
            let most = (*flags >> word::COUNT_SHIFT).max(count);
            *flags = *flags & !(u32::MAX << word::COUNT_SHIFT) | word::PHRASE | most << word::COUNT_SHIFT;
        }
        lexicon.phrases.entry(folded).or_default().merge(phrase);
        lexicon.exact_phrases.entry(exact).or_default().merge(phrase);
    }
}

/// Every syllable that Vietnamese spelling allows, without diacritics.
fn syllables(mut each: impl FnMut(&str)) {
    const ONSETS: &str = " b c ch d g gh gi h k kh l m n ng ngh nh p ph qu r s t th tr v x";
    const RIMES: &str = "a ac ach ai am an ang anh ao ap at au ay e ec ech em en eng enh eo ep et eu i ia ich iec iem \
        ien ieng iep iet ieu im in inh ip it iu o oa oac oach oai oam oan oang oanh oao oap oat oay oc oe oem oen oeo \
        oet oi om on ong ooc oong op ot u ua uan uang uat uay uc ue uech uen uenh uet ui um un ung uo uoc uoi uom uon \
        uong uop uot uou up ut uu uy uya uych uyen uyet uynh uyp uyt uyu y ych yem yen yeng yet yeu ynh yp yt";
    for onset in ONSETS.split(' ') {
        for rime in RIMES.split_whitespace() {
            each(&format!("{onset}{rime}"));
        }
    }
}

//! The words that the scanner knows, by hash: with diacritics and without.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use super::fold::Folds;
use super::hash;
use super::split::{Tokens, hashes};
use super::token::Token;
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
    /// A phrase by itself, or several words of one written together.
    pub(in super::super) const ALONE: u32 = 1 << 9;
    /// From this bit on, so many: with which letters phrases go on behind it, roughly. Most words that may begin a phrase
    /// begin none, and what follows them is not looked up.
    pub(in super::super) const NEXT_SHIFT: u32 = 10;
    pub(in super::super) const NEXT_BITS: u32 = 18;
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

/// The bit of a letter with which a phrase goes on.
#[inline]
fn next_letter(letter: u8) -> u32 {
    1 << (word::NEXT_SHIFT + u32::from(letter & 31) % word::NEXT_BITS)
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
        let mut builder = Builder { lexicon, tokens, folds, phrases: Vec::new() };
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
        words.family_marked.iter().for_each(|text| builder.word_as_written(text, word::FAMILY));
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
        builder.finish()
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
        let alone = if flags & word::ALONE != 0 { self.look_up(folded, exact, marked) } else { None };
        let mut found = alone.map(|phrase| (phrase, 1));
        let goes_on = tokens.text(tokens.get(at + 1)).first().is_some_and(|letter| flags & next_letter(*letter) != 0);
        if !goes_on {
            return found;
        }
        for more in 1..(flags >> word::COUNT_SHIFT) as usize {
            let next = tokens.get(at + more);
            if !next.is_word() || next.gap_len > 1 {
                break;
            }
            folded = hash::join(folded, next.hash, len);
            len = len.saturating_add(next.len);
            exact = hash::in_a_row(exact, next.exact);
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

struct Builder<'a> {
    lexicon: Lexicon,
    tokens: Tokens,
    folds: &'a Folds,
    /// The letters of each phrase, its words written together.
    phrases: Vec<Vec<u8>>,
}

impl Builder<'_> {
    /// A word of a name; words of several syllables are none and stand as phrases only.
    fn word(&mut self, text: &str, flag: u32) {
        let Some(token) = hashes(&mut self.tokens, self.folds, text) else { return };
        *self.lexicon.folded.entry(token.hash).or_default() |= flag;
        *self.lexicon.exact.entry(token.exact).or_default() |= flag;
    }

    /// The same for a word that is this one only with its diacritics.
    fn word_as_written(&mut self, text: &str, flag: u32) {
        if let Some(token) = hashes(&mut self.tokens, self.folds, text) {
            *self.lexicon.exact.entry(token.exact).or_default() |= flag;
        }
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
            folded = hash::join(folded, token.hash, len);
            len = len.saturating_add(token.len);
            exact = hash::in_a_row(exact, token.exact);
        }
        let lexicon = &mut self.lexicon;
        let count = list.len() as u32;
        for (start, count) in [(first.hash, count), (folded, 1)] {
            let flags = lexicon.folded.entry(start).or_default();
            let most = (*flags >> word::COUNT_SHIFT).max(count);
            *flags = *flags & !(u32::MAX << word::COUNT_SHIFT) | word::PHRASE | most << word::COUNT_SHIFT;
        }
        *lexicon.folded.entry(folded).or_default() |= word::ALONE;
        let letters = list.iter().flat_map(|token| self.tokens.text(token)).copied().collect();
        self.phrases.push(letters);
        lexicon.phrases.entry(folded).or_default().merge(phrase);
        lexicon.exact_phrases.entry(exact).or_default().merge(phrase);
    }

    /// Notes at every word that begins phrases with which letters they go on, wherever a text puts spaces: `so dienthoai` is
    /// `so dien thoai` too.
    fn finish(mut self) -> Lexicon {
        for letters in &self.phrases {
            let mut start = 0;
            for ((len, letter), next) in (0..).zip(letters).zip(letters.iter().skip(1)) {
                start = hash::join(start, u64::from(*letter), len);
                if let Some(flags) = self.lexicon.folded.get_mut(&start).filter(|flags| **flags & word::PHRASE != 0) {
                    *flags |= next_letter(*next);
                }
            }
        }
        self.lexicon
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

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::privacy::{PrivacyText, parse};

    static FOLDS: LazyLock<Folds> = LazyLock::new(Folds::new);
    static LEXICON: LazyLock<Lexicon> =
        LazyLock::new(|| Lexicon::new(&parse(&PrivacyText::embedded()).unwrap(), &FOLDS));

    /// The longest phrase, every number of words looked up.
    fn slowly(lexicon: &Lexicon, tokens: &Tokens, at: usize) -> Option<(Phrase, usize)> {
        let flags = lexicon.folded(tokens.get(at));
        let most = if flags & word::PHRASE == 0 { 0 } else { (flags >> word::COUNT_SHIFT) as usize };
        let words = |count: usize| (at..at + count).map(|place| tokens.get(place));
        let fits = |count: &usize| words(*count).skip(1).all(|word| word.is_word() && word.gap_len <= 1);
        (1..=most).rev().filter(fits).find_map(|count| {
            let letters: Vec<u8> = words(count).flat_map(|word| tokens.text(word)).copied().collect();
            let folded = (0..).zip(letters).fold(0, |hash, (len, letter)| hash::join(hash, u64::from(letter), len));
            let exact = words(count).map(|word| word.exact).reduce(hash::in_a_row)?;
            let phrase = lexicon.look_up(folded, exact, words(count).any(Token::is_marked))?;
            Some((phrase, count))
        })
    }

    /// Phrases of the rules, with their letters and spaces here and there changed, one behind the other.
    fn texts() -> impl Strategy<Value = String> {
        let rules = parse(&PrivacyText::embedded()).unwrap();
        let mut phrases = rules.words.street.clone();
        for list in [&rules.words.stop, &rules.words.unit, &rules.words.city, &rules.words.not_names, &rules.fillers] {
            phrases.extend(list.iter().cloned());
        }
        phrases.extend(rules.classes().iter().flat_map(|rule| rule.context.iter().chain(&rule.lead).cloned()));
        let phrase = (prop::sample::select(phrases), 0_u8..6, any::<prop::sample::Index>(), "[ _.]?").prop_map(
            |(phrase, change, at, end)| {
                let mut letters: Vec<char> = phrase.chars().collect();
                let at = at.index(letters.len());
                match change {
                    0 => letters.retain(|letter| *letter != ' '),
                    1 => {
                        letters.remove(at);
                    }
                    2 => letters.insert(at, ' '),
                    3 => letters.truncate(at),
                    _ => {}
                }
                letters.into_iter().collect::<String>() + end.as_str()
            },
        );
        prop::collection::vec(phrase, 1..6).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn phrases_are_those_of_a_slow_search(text in texts()) {
            let mut tokens = Tokens::default();
            tokens.split(&FOLDS, &text, 0);
            LEXICON.know(&mut tokens);
            for at in 0..tokens.list.len() {
                prop_assert_eq!(LEXICON.phrase(&tokens, at), slowly(&LEXICON, &tokens, at), "at {}", at);
            }
        }
    }
}

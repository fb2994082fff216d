//! Which words a message must have for its text to hold a part: what may be concluded from how the index cuts words.
//!
//! A run of letters and digits with something else, in ASCII, on both sides is a word of every text that holds it. One
//! that is open on a side is a part of a word there; the last letter of one that is open on its right does not count,
//! since a mark may follow and be composed with it. Letters whose composed small form is not the same for everything that
//! becomes them are left alone, and so is what the index may have cut.

use crate::index::words::WORD_BYTES_MAX;
use crate::sigma::need::Part;

/// Longest run that the index never cuts: a small letter may stand for a great one of three bytes.
const RUN_CHARS_MAX: usize = WORD_BYTES_MAX / 3;
/// A word of fewer bytes was not cut.
const CUT_BYTES_MIN: usize = (WORD_BYTES_MAX - 4) / 3 - 3;

/// A word that a message must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// This one.
    Whole(String),
    /// One that begins with the text where `at_start`, ends with it where `at_end`, else holds it.
    Open {
        /// In small letters.
        text: String,
        /// Whether it begins a word.
        at_start: bool,
        /// Whether it ends a word.
        at_end: bool,
    },
}

impl Word {
    /// Whether a word of the index may be, or be cut from, a word that fits.
    pub(super) fn fits(&self, word: &str) -> bool {
        match self {
            Self::Whole(text) => word == text,
            Self::Open { text, at_start, at_end } => {
                let holds = match (at_start, at_end) {
                    (true, _) => word.starts_with(text.as_str()),
                    (_, true) => word.ends_with(text.as_str()),
                    _ => word.contains(text.as_str()),
                };
                holds || word.len() >= CUT_BYTES_MIN
            }
        }
    }
}

/// The words that a message with all of these parts has; whole ones alone where there are any.
pub(super) fn of_parts(parts: &[Part]) -> Vec<Word> {
    let mut found: Vec<Word> = parts.iter().flat_map(of_part).collect();
    if found.iter().any(|word| matches!(word, Word::Whole(_))) {
        found.retain(|word| matches!(word, Word::Whole(_)));
    } else if let Some(longest) = (0..found.len()).max_by_key(|at| found.get(*at).map_or(0, open_len)) {
        found = found.drain(longest..=longest).collect(); // one walk through the words is enough
    }
    found
}

fn open_len(word: &Word) -> usize {
    match word {
        Word::Whole(text) | Word::Open { text, .. } => text.len(),
    }
}

fn of_part(part: &Part) -> Vec<Word> {
    let chars: Vec<char> = part.text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let run: String = chars.iter().skip(at).take_while(|c| is_word(**c)).collect();
        let len = run.chars().count();
        if len == 0 {
            at += 1;
            continue;
        }
        let before = at.checked_sub(1).and_then(|before| chars.get(before));
        let after = chars.get(at + len);
        found.extend(of_run(run, side(before, part.at_start), side(after, part.at_end)));
        at += len;
    }
    found
}

/// What stands beside a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Closed,
    Open,
    Unclear,
}

fn side(neighbour: Option<&char>, is_end: bool) -> Side {
    match neighbour {
        Some(c) if c.is_ascii() => Side::Closed,
        Some(_) => Side::Unclear,
        None if is_end => Side::Closed,
        None => Side::Open,
    }
}

fn of_run(run: String, left: Side, right: Side) -> Option<Word> {
    if left == Side::Unclear || right == Side::Unclear || !run.chars().all(is_plain) {
        return None;
    }
    if run.chars().count() > RUN_CHARS_MAX {
        return None;
    }
    let (at_start, at_end) = (left == Side::Closed, right == Side::Closed);
    if at_start && at_end {
        return Some(Word::Whole(run));
    }
    let mut text = run;
    if !at_end {
        text.pop();
    }
    (!text.is_empty()).then_some(Word::Open { text, at_start, at_end })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether everything that becomes this letter in small letters is the same word in the index; the test below asks all.
fn is_plain(c: char) -> bool {
    c == '_'
        || c.is_ascii_alphanumeric()
        || matches!(c, '\u{e0}'..='\u{f6}' | '\u{f8}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tantivy::tokenizer::TokenStream;
    use unicode_normalization::char::is_combining_mark;

    use super::*;
    use crate::index::words::{lower as indexed, words};
    use crate::sigma::pattern::lower;

    fn check(text: &str, at_start: bool, at_end: bool, expected: &[&str]) {
        let found = of_part(&Part { text: text.to_owned(), at_start, at_end });
        let told: Vec<String> = found
            .iter()
            .map(|word| match word {
                Word::Whole(text) => text.clone(),
                Word::Open { text, at_start, at_end } => {
                    format!("{}{text}{}", if *at_start { "" } else { "*" }, if *at_end { "" } else { "*" })
                }
            })
            .collect();
        assert_eq!(told, expected, "{text}");
    }

    #[test]
    fn words_are_concluded() {
        check("failed password for", false, false, &["*failed", "password", "fo*"]);
        check("failed password for ", true, false, &["failed", "password", "for"]);
        check("nhập thất bại", true, true, &["nhập", "thất", "bại"]);
        check("a", false, false, &[]);
        check(" a ", false, false, &["a"]);
        check("x\u{301}y", true, true, &[]);
        check("用户 x", true, true, &["x"]);
        check(&"x".repeat(86), true, true, &[]);
    }

    #[test]
    fn every_plain_letter_has_one_form() {
        for c in '\0'..=char::MAX {
            let small = lower(&c.to_string());
            for letter in small.chars().filter(|letter| is_plain(*letter)) {
                assert!(is_word(letter) && !is_combining_mark(letter));
                if small.chars().count() > 1 {
                    // The letter is followed by a mark then, which no plain run and no ASCII neighbour is.
                    assert!(small.chars().skip(1).all(is_combining_mark), "{c:?}");
                    continue;
                }
                assert_eq!(indexed(&c.to_string()), indexed(&letter.to_string()), "{c:?}");
                assert_eq!(indexed(&letter.to_string()), letter.to_string(), "{c:?}");
                assert!(is_word(c) && c.len_utf8() <= 3, "{c:?}");
            }
            if small.chars().any(|letter| letter.is_ascii() && !is_word(letter)) {
                assert!(c.is_ascii(), "{c:?}");
            }
        }
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            6 => "[aK _-]{1,4}",
            2 => prop::sample::select(vec!["\u{212a}", "İ", "\u{301}", "ậ", "Ậ", "a\u{323}\u{302}", "Å", "\u{212b}", "đ", "用", "ſ", "ﬁ", "é", "E\u{301}"]).prop_map(str::to_owned),
            1 => (60_usize..300).prop_map(|len| "b".repeat(len)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

        #[test]
        fn a_text_that_holds_a_part_has_its_words(
            before in prop::collection::vec(piece(), 0..4),
            middle in prop::collection::vec(piece(), 1..4),
            after in prop::collection::vec(piece(), 0..4),
        ) {
            let text = format!("{}{}{}", before.concat(), middle.concat(), after.concat());
            let part = Part {
                text: lower(&middle.concat()), at_start: before.is_empty(), at_end: after.is_empty(),
            };
            let mut found = Vec::new();
            words(&text).process(&mut |token| found.push(token.text.clone()));
            for wanted in of_part(&part) {
                prop_assert!(found.iter().any(|word| wanted.fits(word)), "{wanted:?} in {text:?}: {found:?}");
            }
        }
    }
}

//! The words of a message: what bare words and phrases are compared with.
//!
//! A word is a run of letters, digits and `_`, in small letters, in Unicode's composed form (NFC), so that text that
//! arrives decomposed is found too; a run of more than 255 bytes is cut there. A word with diacritics is indexed
//! twice at the same place, as it is and without them: `đăng nhập` in a query finds only `đăng nhập`, `dang nhap`
//! finds both ways of writing. `đ` counts as `d` with a diacritic.

use std::borrow::Cow;

use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The tokenizer's name in a slice's schema. Another way to cut words needs another name.
pub(crate) const WORDS: &str = "metrosoc_words_1";

/// Longest word in bytes.
pub(crate) const WORD_BYTES_MAX: usize = 255;

/// Makes the tokenizer known to a slice.
pub(crate) fn register(manager: &TokenizerManager) {
    manager.register(WORDS, TextAnalyzer::from(Words));
}

/// Cuts text into words.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Words;

/// The words of one text.
pub(crate) struct WordStream<'t> {
    text: &'t str,
    at: usize,
    token: Token,
    folded: Option<String>,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        words(text)
    }
}

/// The words of `text`, each with its place; a word with diacritics is followed by its plain form at the same place.
pub(crate) fn words(text: &str) -> WordStream<'_> {
    let token = Token { text: String::with_capacity(64), ..Token::default() };
    WordStream { text, at: 0, token, folded: None }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        if let Some(folded) = self.folded.take() {
            self.token.text = folded;
            return true;
        }
        let Some((start, end, ascii)) = self.next_run() else { return false };
        self.at = end;
        let run = self.text.get(start..end).unwrap_or_default();
        self.token.offset_from = start;
        self.token.offset_to = end;
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        if ascii {
            self.token.text.push_str(run);
            self.token.text.make_ascii_lowercase();
        } else {
            self.token.text.push_str(&lower(run));
            let folded = fold(&self.token.text);
            self.folded = (folded != self.token.text).then_some(folded);
        }
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

impl WordStream<'_> {
    /// Start, end and whether it is all ASCII, of the next run.
    fn next_run(&self) -> Option<(usize, usize, bool)> {
        let bytes = self.text.as_bytes();
        let mut start = self.at;
        loop {
            let byte = *bytes.get(start)?;
            if byte.is_ascii() {
                if is_word_byte(byte) {
                    break;
                }
                start += 1;
            } else {
                let found = self.text.get(start..)?.chars().next()?;
                if is_word(found) {
                    break;
                }
                start += found.len_utf8();
            }
        }
        let mut end = start;
        let mut ascii = true;
        while let Some(&byte) = bytes.get(end) {
            let step = if byte.is_ascii() {
                usize::from(is_word_byte(byte))
            } else {
                let found = self.text.get(end..)?.chars().next()?;
                let word = is_word(found) || is_combining_mark(found);
                ascii &= !word;
                if word { found.len_utf8() } else { 0 }
            };
            if step == 0 || end + step - start > WORD_BYTES_MAX {
                break;
            }
            end += step;
        }
        Some((start, end, ascii))
    }
}

const fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_word(found: char) -> bool {
    found.is_alphanumeric() || found == '_'
}

/// Composed, in small letters.
pub(crate) fn lower(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(word.to_ascii_lowercase());
        }
        return Cow::Borrowed(word);
    }
    Cow::Owned(word.nfc().flat_map(char::to_lowercase).nfc().collect())
}

/// Without diacritics.
fn fold(word: &str) -> String {
    word.nfd().filter(|&found| !is_combining_mark(found)).map(|found| if found == 'đ' { 'd' } else { found }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut found = Vec::new();
        words(text).process(&mut |token| found.push(format!("{}@{}", token.text, token.position)));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn text_is_cut_into_words() {
        check("Failed password for root", &["failed@0", "password@1", "for@2", "root@3"]);
        check("svc_backup@10.0.0.1:22", &["svc_backup@0", "10@1", "0@2", "0@3", "1@4", "22@5"]);
        check("Đăng nhập", &["đăng@0", "dang@0", "nhập@1", "nhap@1"]);
        check("D\u{323}ie\u{323}\u{302}n", &["ḍiện@0", "dien@0"]);
        check("Straße ½", &["straße@0", "½@1"]);
        check("", &[]);
        check(" \u{301} -- ", &[]);
        check("用户 登录", &["用户@0", "登录@1"]);
    }

    #[test]
    fn composed_and_decomposed_text_are_the_same_words() {
        let composed: Vec<String> = collect("Nguyễn Văn Ánh");
        assert_eq!(composed, collect(&"Nguyễn Văn Ánh".nfd().collect::<String>()));
    }

    #[test]
    fn a_long_run_is_cut() {
        let found = collect(&"x".repeat(600));
        assert_eq!(found.iter().map(String::len).collect::<Vec<_>>(), [255, 255, 90]);
    }

    fn collect(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        words(text).process(&mut |token| found.push(token.text.clone()));
        found
    }

    proptest! {
        #[test]
        fn any_text_ends_and_offsets_lie_in_it(text in "\\PC{0,80}") {
            let mut last = 0;
            words(&text).process(&mut |token| {
                assert!(text.get(token.offset_from..token.offset_to).is_some());
                assert!(token.offset_from >= last || token.offset_to >= last);
                last = token.offset_from;
            });
        }
    }
}

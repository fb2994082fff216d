//! Words, phrases and signs: what the parser reads a character at a time.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Parser;
use crate::query::{Pattern, Piece, QueryError};

impl Parser {
    /// A word up to a space, a parenthesis, a quote or one of `stops`.
    pub(super) fn word(&mut self, stops: &[char]) -> Result<Pattern, QueryError> {
        let mut pattern = Pattern::default();
        while let Some(found) = self.peek() {
            let stop = found.is_whitespace() || matches!(found, '(' | ')' | '"') || stops.contains(&found);
            if stop || (found == '^' && !pattern.is_empty()) {
                break;
            }
            if found == '~' && self.rest_of_word_is_number() && !pattern.is_empty() {
                return Err(self.error("a word without `~` (fuzzy search is not there; `*` and `?` are)"));
            }
            self.at += 1;
            match found {
                '\\' => {
                    let found = self.escaped()?;
                    pattern.push_char(found);
                }
                '*' => pattern.push(Piece::Any),
                '?' => pattern.push(Piece::One),
                other => pattern.push_char(other),
            }
        }
        if pattern.is_empty() { Err(self.error("a value")) } else { Ok(pattern) }
    }

    pub(super) fn quoted(&mut self) -> Result<String, QueryError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(found) = self.peek() else { return Err(self.error("`\"`")) };
            self.at += 1;
            match found {
                '"' => return Ok(text),
                '\\' => text.push(self.escaped()?),
                other => text.push(other),
            }
        }
    }

    pub(super) fn escaped(&mut self) -> Result<char, QueryError> {
        let found = self.peek().ok_or_else(|| self.error("a character behind `\\`"))?;
        self.at += 1;
        Ok(found)
    }

    /// `~3` behind a phrase.
    pub(super) fn slop(&mut self) -> Result<u32, QueryError> {
        const SLOP_MAX: u32 = 100;
        if self.peek() != Some('~') {
            return Ok(0);
        }
        self.at += 1;
        let digits = self.digits();
        match digits.parse() {
            Ok(slop) if slop <= SLOP_MAX => Ok(slop),
            _ => Err(self.error("a number up to 100 behind `~`")),
        }
    }

    /// `^2` behind a clause: read, without effect, since hits are in the order of time.
    pub(super) fn boost(&mut self) -> Result<(), QueryError> {
        if self.peek() != Some('^') {
            return Ok(());
        }
        self.at += 1;
        let digits = self.digits();
        if digits.parse::<f32>().is_ok() { Ok(()) } else { Err(self.error("a number behind `^`")) }
    }

    pub(super) fn digits(&mut self) -> String {
        let digits: String = self.ahead().iter().take_while(|found| found.is_ascii_digit() || **found == '.').collect();
        self.at += digits.len();
        digits
    }

    pub(super) fn rest_of_word_is_number(&self) -> bool {
        let rest =
            self.ahead().iter().skip(1).take_while(|found| !found.is_whitespace() && !matches!(found, '(' | ')'));
        rest.clone().all(|found| found.is_ascii_digit() || *found == '.')
    }

    /// Whether the characters up to the next space or parenthesis are an address or network.
    pub(super) fn address_ahead(&self) -> bool {
        const ADDRESS_CHARS_MAX: usize = 50;
        let text: String = self
            .ahead()
            .iter()
            .take(ADDRESS_CHARS_MAX)
            .take_while(|found| !found.is_whitespace() && !matches!(found, '(' | ')'))
            .collect();
        text.parse::<IpAddr>().is_ok() || text.parse::<IpNet>().is_ok()
    }

    pub(super) fn take_operator(&mut self, operators: &[&str]) -> bool {
        let before = self.at;
        self.skip_space();
        for operator in operators {
            let symbol = !operator.starts_with(char::is_alphabetic);
            if self.keyword_ahead(operator) || (symbol && self.text_ahead(operator)) {
                self.at += operator.len();
                return true;
            }
        }
        self.at = before;
        false
    }

    /// Whether `keyword` stands here as a word of its own.
    pub(super) fn keyword_ahead(&self, keyword: &str) -> bool {
        let behind = self.chars.get(self.at + keyword.len());
        self.text_ahead(keyword)
            && behind.is_none_or(|found| found.is_whitespace() || matches!(found, '(' | ')' | '"' | ']' | '}'))
    }

    pub(super) fn text_ahead(&self, text: &str) -> bool {
        let mut ahead = self.ahead().iter();
        text.chars().all(|wanted| ahead.next() == Some(&wanted))
    }

    pub(super) fn ahead(&self) -> &[char] {
        self.chars.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    pub(super) fn error(&self, expected: &'static str) -> QueryError {
        const FOUND_CHARS_MAX: usize = 24;
        let found = match self.peek() {
            None => "the end".to_owned(),
            Some(first) if first.is_whitespace() => "a space".to_owned(),
            Some(_) => {
                let word = self.ahead().iter().take(FOUND_CHARS_MAX).take_while(|found| !found.is_whitespace());
                format!("`{}`", word.collect::<String>())
            }
        };
        QueryError { position: self.at + 1, expected, found }
    }
}

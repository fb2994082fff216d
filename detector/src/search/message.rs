//! What a condition asks of a message: words, phrases, words with wildcards.

use tantivy::tokenizer::TokenStream;

use super::SearchError;
use crate::index::words::{lower, words};
use crate::query::{Condition, Pattern, Piece, Test};

/// What is asked of a message's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MessageTest {
    /// Any message.
    Any,
    /// Nothing can match: there is no word in it.
    Nothing,
    /// These words behind one another, at most `slop` moves apart.
    Words {
        /// At least one.
        words: Vec<String>,
        /// How far apart.
        slop: u32,
    },
    /// Words that fit these patterns, behind one another.
    Patterns(Vec<Pattern>),
}

/// Reads what a condition asks.
pub(crate) fn test_of(condition: &Condition) -> Result<MessageTest, SearchError> {
    Ok(match &condition.test {
        Test::Exists => MessageTest::Any,
        Test::Phrase { text, slop } => of_words(text, *slop),
        Test::Word(pattern) => match pattern.as_literal() {
            Some(text) => of_words(text, 0),
            None => of_pattern(pattern),
        },
        Test::Range { .. } => {
            let reason = "a message has no order: ranges need a field such as `@timestamp`".to_owned();
            return Err(SearchError::Value { position: condition.position, reason });
        }
    })
}

fn of_words(text: &str, slop: u32) -> MessageTest {
    let mut found: Vec<String> = Vec::new();
    let mut last = usize::MAX;
    words(text).process(&mut |token| {
        if token.position != last {
            found.push(token.text.clone()); // its plain form, at the same place, is for plain queries
            last = token.position;
        }
    });
    if found.is_empty() { MessageTest::Nothing } else { MessageTest::Words { words: found, slop } }
}

/// Cuts a pattern where a message would be cut; wildcards alone at its ends say nothing.
fn of_pattern(pattern: &Pattern) -> MessageTest {
    let mut parts = vec![Pattern::default()];
    let mut push = |piece: Piece, cut: bool| {
        if cut {
            parts.push(Pattern::default());
        } else if let Some(last) = parts.last_mut() {
            match piece {
                Piece::Text(text) => text.chars().for_each(|found| last.push_char(found)),
                other => last.push(other),
            }
        }
    };
    for piece in pattern.pieces() {
        match piece {
            Piece::Text(text) => lower(text).chars().for_each(|found| {
                push(Piece::Text(found.to_string()), !(found.is_alphanumeric() || found == '_'));
            }),
            other => push(other.clone(), false),
        }
    }
    parts.retain(|part| !part.is_empty());
    while parts.last().is_some_and(Pattern::is_any) {
        parts.pop();
    }
    let leading = parts.iter().take_while(|part| part.is_any()).count();
    parts.drain(..leading);
    if parts.is_empty() { MessageTest::Any } else { MessageTest::Patterns(parts) }
}

/// A pattern in the form of Tantivy's regular expressions.
pub(crate) fn regex(pattern: &Pattern) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => regex::escape(text),
        Piece::Any => ".*".to_owned(),
        Piece::One => ".".to_owned(),
    };
    pattern.pieces().iter().map(piece).collect()
}

impl MessageTest {
    /// The parts of `text`, in bytes, that made it match; in order, without overlap.
    pub(crate) fn spans(&self, text: &str) -> Vec<(usize, usize)> {
        let found = tokens(text);
        let fits: Vec<Fit<'_>> = match self {
            Self::Any | Self::Nothing => return Vec::new(),
            Self::Words { words, .. } => words.iter().map(|word| fit(move |form| form == word)).collect(),
            Self::Patterns(patterns) => patterns.iter().map(|part| fit(move |form| part.matches(form))).collect(),
        };
        let near = matches!(self, Self::Words { slop, .. } if *slop > 0);
        let mut spans = Vec::new();
        for (at, token) in found.iter().enumerate() {
            if near {
                if fits.iter().any(|fit| token.forms.iter().any(|form| fit(form))) {
                    spans.push((token.from, token.to));
                }
                continue;
            }
            let run = found.get(at..at + fits.len()).unwrap_or_default();
            let whole = run.len() == fits.len();
            if whole && run.iter().zip(&fits).all(|(token, fit)| token.forms.iter().any(|form| fit(form))) {
                spans.push((token.from, run.last().map_or(token.to, |last| last.to)));
            }
        }
        spans
    }
}

/// Whether one form of a word is what is asked for.
type Fit<'f> = Box<dyn Fn(&str) -> bool + 'f>;

fn fit<'f>(fit: impl Fn(&str) -> bool + 'f) -> Fit<'f> {
    Box::new(fit)
}

struct Word {
    from: usize,
    to: usize,
    forms: Vec<String>,
}

fn tokens(text: &str) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    words(text).process(&mut |token| match found.last_mut() {
        Some(last) if last.from == token.offset_from => last.forms.push(token.text.clone()),
        _ => found.push(Word { from: token.offset_from, to: token.offset_to, forms: vec![token.text.clone()] }),
    });
    found
}

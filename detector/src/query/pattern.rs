//! A word with `*` and `?`, each of which can be escaped.

use std::fmt;

/// A word, perhaps with wildcards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pattern(Vec<Piece>);

/// A piece of a pattern; no two texts stand beside one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// This text.
    Text(String),
    /// `*`: any text, also none.
    Any,
    /// `?`: one character.
    One,
}

impl Pattern {
    /// A pattern that is this text, whatever characters it has.
    pub fn literal(text: &str) -> Self {
        Self(if text.is_empty() { Vec::new() } else { vec![Piece::Text(text.to_owned())] })
    }

    /// The text, when there is no wildcard in it.
    pub fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Its pieces.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Whether it is `*` alone (once or several times).
    pub fn is_any(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|piece| *piece == Piece::Any)
    }

    /// The text that every match begins with.
    pub fn prefix(&self) -> &str {
        match self.0.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether `text` as a whole matches.
    pub fn matches(&self, text: &str) -> bool {
        match self.as_literal() {
            Some(literal) => literal == text,
            None => matches(&self.0, text),
        }
    }

    /// The same pattern over changed text.
    #[must_use]
    pub fn map(&self, change: impl Fn(&str) -> String) -> Self {
        let change = |piece: &Piece| match piece {
            Piece::Text(text) => Piece::Text(change(text)),
            other => other.clone(),
        };
        Self(self.0.iter().map(change).collect())
    }

    /// Adds one character of text.
    pub(crate) fn push_char(&mut self, found: char) {
        match self.0.last_mut() {
            Some(Piece::Text(text)) => text.push(found),
            _ => self.0.push(Piece::Text(found.to_string())),
        }
    }

    /// Adds a wildcard; one `*` after another says nothing new.
    pub(crate) fn push(&mut self, piece: Piece) {
        if piece != Piece::Any || self.0.last() != Some(&Piece::Any) {
            self.0.push(piece);
        }
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Greedy matching with one step back to the last `*`: never more than pieces times characters.
fn matches(pieces: &[Piece], text: &str) -> bool {
    let (mut pieces_left, mut text_left) = (pieces, text);
    let mut back: Option<(&[Piece], &str)> = None;
    loop {
        match step(pieces_left, text_left) {
            Step::Done => return true,
            Step::Star(rest) => {
                back = Some((rest, text_left));
                pieces_left = rest;
            }
            Step::On(rest, text) => (pieces_left, text_left) = (rest, text),
            Step::Fail => {
                let Some((rest, from)) = back else { return false };
                let mut chars = from.chars();
                if chars.next().is_none() {
                    return false;
                }
                back = Some((rest, chars.as_str()));
                (pieces_left, text_left) = (rest, chars.as_str());
            }
        }
    }
}

enum Step<'p, 't> {
    Done,
    Star(&'p [Piece]),
    On(&'p [Piece], &'t str),
    Fail,
}

fn step<'p, 't>(pieces: &'p [Piece], text: &'t str) -> Step<'p, 't> {
    match pieces.split_first() {
        None if text.is_empty() => Step::Done,
        None => Step::Fail,
        Some((Piece::Any, rest)) => Step::Star(rest),
        Some((Piece::One, rest)) => {
            let mut chars = text.chars();
            chars.next().map_or(Step::Fail, |_| Step::On(rest, chars.as_str()))
        }
        Some((Piece::Text(literal), rest)) => {
            text.strip_prefix(literal.as_str()).map_or(Step::Fail, |left| Step::On(rest, left))
        }
    }
}

/// A form that reads back as the same pattern in a query.
impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(literal @ ("AND" | "OR" | "NOT" | "TO")) = self.as_literal() {
            return write!(formatter, "\\{literal}");
        }
        for piece in &self.0 {
            match piece {
                Piece::Any => formatter.write_str("*")?,
                Piece::One => formatter.write_str("?")?,
                Piece::Text(text) => text.chars().try_for_each(|found| escaped(found, formatter))?,
            }
        }
        Ok(())
    }
}

fn escaped(found: char, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    if found.is_alphanumeric() || matches!(found, '.' | '_' | '@' | '%' | '$' | '#' | ',' | ';') {
        write!(formatter, "{found}")
    } else {
        write!(formatter, "\\{found}")
    }
}

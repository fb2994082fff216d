//! Sigma's strings: plain text with `*` and `?`, compared whole, at a start, at an end or anywhere.

use memchr::memmem::Finder;

/// Most pieces of one pattern, wildcards counted.
const PIECES_MAX: usize = 1_024;

/// What `|windash` puts for a dash: hyphen, slash, en dash, em dash, horizontal bar.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// This text.
    Text(String),
    /// Any one character: `?`.
    One,
    /// Any text, the empty one too: `*`.
    Many,
    /// Any of the five dashes.
    Dash,
}

/// A pattern before it is compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

impl Pattern {
    /// Reads Sigma's escapes: `\*`, `\?` and `\\` before one of the three are plain, any other backslash is itself.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pattern = Self::default();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('\\', Some(&escaped @ ('*' | '?' | '\\'))) => {
                    pattern.push_char(escaped);
                    chars.next();
                }
                ('*', _) => pattern.push(Piece::Many),
                ('?', _) => pattern.push(Piece::One),
                (c, _) => pattern.push_char(c),
            }
        }
        if pattern.0.len() > PIECES_MAX {
            return Err(format!("value has more than {PIECES_MAX} wildcards"));
        }
        Ok(pattern)
    }

    /// Plain text, in which nothing is a wildcard.
    pub(crate) fn plain(text: &str) -> Self {
        Self(if text.is_empty() { Vec::new() } else { vec![Piece::Text(text.to_owned())] })
    }

    /// The text, when there is no wildcard in it.
    pub(crate) fn as_plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// With any text allowed before it.
    pub(crate) fn open_start(mut self) -> Self {
        if self.0.first() != Some(&Piece::Many) {
            self.0.insert(0, Piece::Many);
        }
        self
    }

    /// With any text allowed behind it.
    pub(crate) fn open_end(mut self) -> Self {
        self.push(Piece::Many);
        self
    }

    /// With every dash or slash that opens a word standing for any of the five dashes: all permutations at once.
    pub(crate) fn with_dashes(self) -> Self {
        let mut result = Self::default();
        let mut before_is_word = false;
        for piece in self.0 {
            let Piece::Text(text) = piece else {
                before_is_word = false;
                result.push(piece);
                continue;
            };
            let chars: Vec<char> = text.chars().collect();
            for (index, &c) in chars.iter().enumerate() {
                let next = chars.get(index + 1).copied();
                let opens_word = !before_is_word && next.is_some_and(is_word);
                if DASHES.contains(&c) && opens_word {
                    result.push(Piece::Dash);
                } else {
                    result.push_char(c);
                }
                before_is_word = is_word(c);
            }
        }
        result
    }

    fn push_char(&mut self, c: char) {
        match self.0.last_mut() {
            Some(Piece::Text(text)) => text.push(c),
            _ => self.0.push(Piece::Text(c.to_string())),
        }
    }

    fn push(&mut self, piece: Piece) {
        // Two stars are one.
        if piece != Piece::Many || self.0.last() != Some(&Piece::Many) {
            self.0.push(piece);
        }
    }

    /// Ready to match; unless `cased`, patterns and what they are matched with must both be in lower case.
    pub(crate) fn compile(&self, cased: bool) -> TextMatcher {
        let mut pieces = self.0.clone();
        if !cased {
            for piece in &mut pieces {
                if let Piece::Text(text) = piece {
                    *text = lower(text);
                }
            }
        }
        match pieces.as_slice() {
            [] => TextMatcher::Equal(String::new()),
            [Piece::Many] => TextMatcher::Anything,
            [Piece::Text(text)] => TextMatcher::Equal(text.clone()),
            [Piece::Text(text), Piece::Many] => TextMatcher::Start(text.clone()),
            [Piece::Many, Piece::Text(text)] => TextMatcher::End(text.clone()),
            [Piece::Many, Piece::Text(text), Piece::Many] => TextMatcher::Part(Box::new(finder(text))),
            _ => TextMatcher::Glob(Box::new(Glob::new(pieces))),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn finder(text: &str) -> Finder<'static> {
    Finder::new(text.as_bytes()).into_owned()
}

/// Lower case without regard to context, so that equal texts in different case become equal.
pub(crate) fn lower(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { lower_chars(text).collect() }
}

/// The same into `into`, which is emptied before.
pub(crate) fn lower_into(text: &str, into: &mut String) {
    into.clear();
    if text.is_ascii() {
        into.push_str(text);
        into.make_ascii_lowercase();
    } else {
        into.extend(lower_chars(text));
    }
}

/// The characters of [`lower`].
pub(crate) fn lower_chars(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) enum TextMatcher {
    /// Every text.
    Anything,
    /// This text.
    Equal(String),
    /// Texts that begin with this.
    Start(String),
    /// Texts that end with this.
    End(String),
    /// Texts in which this stands.
    Part(Box<Finder<'static>>),
    /// Anything else.
    Glob(Box<Glob>),
}

impl TextMatcher {
    /// Whether it matches the whole of `text`.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Equal(wanted) => text == wanted,
            Self::Start(wanted) => text.starts_with(wanted.as_str()),
            Self::End(wanted) => text.ends_with(wanted.as_str()),
            Self::Part(finder) => finder.find(text.as_bytes()).is_some(),
            Self::Glob(glob) => glob.matches(text),
        }
    }
}

/// A pattern of any pieces. What lies between two stars is searched leftmost, so time is bounded by text × pattern.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    /// The longest plain text, which must stand somewhere: a cheap first question.
    necessary: Option<Finder<'static>>,
    pieces: Vec<Piece>,
}

impl Glob {
    fn new(pieces: Vec<Piece>) -> Self {
        let texts = pieces.iter().filter_map(|piece| if let Piece::Text(text) = piece { Some(text) } else { None });
        let necessary = texts.max_by_key(|text| text.len()).map(|text| finder(text));
        Self { necessary, pieces }
    }

    /// Its pieces, in lower case unless it is cased.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn matches(&self, text: &str) -> bool {
        if self.necessary.as_ref().is_some_and(|finder| finder.find(text.as_bytes()).is_none()) {
            return false;
        }
        let mut rest = text;
        let mut at = 0;
        let mut retry: Option<(usize, &str)> = None;
        loop {
            match self.pieces.get(at) {
                None if rest.is_empty() => return true,
                Some(Piece::Many) => {
                    at += 1;
                    if at == self.pieces.len() {
                        return true;
                    }
                    retry = Some((at, rest));
                    continue;
                }
                Some(piece) => {
                    if let Some(after) = strip(piece, rest) {
                        rest = after;
                        at += 1;
                        continue;
                    }
                }
                None => {}
            }
            // Not here: one character further from the last star, if there was one.
            let Some((after_star, tried)) = retry else { return false };
            let mut chars = tried.chars();
            if chars.next().is_none() {
                return false;
            }
            rest = chars.as_str();
            at = after_star;
            retry = Some((after_star, rest));
        }
    }
}

fn strip<'t>(piece: &Piece, text: &'t str) -> Option<&'t str> {
    match piece {
        Piece::Text(wanted) => text.strip_prefix(wanted.as_str()),
        Piece::Dash => text.strip_prefix(DASHES),
        Piece::One => {
            let mut chars = text.chars();
            chars.next().map(|_| chars.as_str())
        }
        Piece::Many => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        let matcher = Pattern::parse(pattern).unwrap().compile(false);
        assert_eq!(matcher.matches(&lower(text)), expected, "{pattern} on {text}: {matcher:?}");
    }

    #[test]
    fn wildcards_and_escapes() {
        check("whoami", "WHOAMI", true);
        check("who*", "whoami", true);
        check("*ami", "whoami", true);
        check("*oa*", "whoami", true);
        check("w?oami", "wHoami", true);
        check("w?oami", "wấoami", true);
        check("w?ami", "whoami", false);
        check(r"a\*b", "a*b", true);
        check(r"a\*b", "axb", false);
        check(r"a\\*", r"a\anything", true);
        check(r"a\\\*", r"a\*", true);
        check(r"C:\Windows\*", r"C:\Windows*", true);
        check(r"C:\\Windows\\x", r"c:\windows\x", true);
        check(r"*\cmd.exe", r"C:\Windows\System32\cmd.exe", true);
        check("a*b*c", "aXbYbZc", true);
        check("a*b*c", "aXbYbZ", false);
        check("*", "", true);
        check("", "", true);
        check("", "x", false);
        check("HỒ CHÍ MINH*", "hồ chí minh city", true);
        check("?*", "", false);
    }

    #[test]
    fn every_dash_stands_for_every_other() {
        let matcher = Pattern::parse("cmd /c -foo-bar").unwrap().with_dashes().open_start().open_end().compile(false);
        for first in DASHES {
            for second in DASHES {
                assert!(matcher.matches(&format!("x cmd {first}c {second}foo-bar y")), "{first} {second}");
            }
        }
        assert!(!matcher.matches("cmd /c -foo/bar"));
    }

    /// The obvious way, which may take for ever.
    fn slow(pieces: &[Piece], text: &str) -> bool {
        match pieces {
            [] => text.is_empty(),
            [Piece::Many, rest @ ..] => {
                text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| slow(rest, &text[at..]))
            }
            [piece, rest @ ..] => strip(piece, text).is_some_and(|after| slow(rest, after)),
        }
    }

    proptest! {
        #[test]
        fn globs_agree_with_the_obvious(pattern in "[ab?*/-]{0,8}", text in "[ab/-]{0,10}") {
            let parsed = Pattern::parse(&pattern).unwrap().with_dashes();
            prop_assert_eq!(parsed.compile(false).matches(&text), slow(&parsed.0, &text), "{:?}", parsed);
        }

        #[test]
        fn any_pattern_compiles(pattern in "\\PC{0,60}", text in "\\PC{0,60}") {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                pattern.with_dashes().compile(true).matches(&text);
            }
        }
    }
}

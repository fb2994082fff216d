//! Words in which `*` stands for anything.

use std::collections::HashSet;

/// A word in lower case in which `*` stands for any characters, also none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<String>,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self { parts: text.to_lowercase().split('*').map(str::to_owned).collect() }
    }

    /// Whether it consists of stars alone.
    pub(super) fn matches_all(&self) -> bool {
        self.parts.len() > 1 && self.parts.iter().all(String::is_empty)
    }

    /// Compares ASCII letters without regard to case.
    pub(super) fn matches(&self, word: &str) -> bool {
        let word = word.as_bytes();
        let (Some(first), Some(last)) = (self.parts.first(), self.parts.last()) else { return false };
        if self.parts.len() == 1 {
            return word.eq_ignore_ascii_case(first.as_bytes());
        }
        let Some(mut rest) = strip_start(word, first.as_bytes()) else { return false };
        let inner = self.parts.get(1..self.parts.len() - 1).unwrap_or_default();
        for part in inner {
            let Some(at) = find(rest, part.as_bytes()) else { return false };
            rest = rest.get(at + part.len()..).unwrap_or_default();
        }
        let Some(end) = rest.len().checked_sub(last.len()) else { return false };
        rest.get(end..).is_some_and(|end| end.eq_ignore_ascii_case(last.as_bytes()))
    }
}

/// Many patterns: those without a star are looked up, the others are tried.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    whole: HashSet<Vec<u8>>,
    starred: Vec<Pattern>,
}

/// Longest word without a star.
const WHOLE_BYTES_MAX: usize = 128;

impl Patterns {
    pub(super) fn add(&mut self, pattern: Pattern) {
        match pattern.parts.as_slice() {
            [whole] => {
                self.whole.insert(whole.to_ascii_lowercase().into_bytes());
            }
            _ => self.starred.push(pattern),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.whole.len() + self.starred.len()
    }

    /// Whether one of them fits; ASCII letters without regard to case.
    pub(super) fn matches(&self, word: &str) -> bool {
        let mut small = [0; WHOLE_BYTES_MAX];
        let known = small.get_mut(..word.len()).is_some_and(|small| {
            small.copy_from_slice(word.as_bytes());
            small.make_ascii_lowercase();
            self.whole.contains(&*small)
        });
        known || self.starred.iter().any(|pattern| pattern.matches(word))
    }
}

fn strip_start<'a>(word: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = word.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

fn find(word: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    word.windows(part.len()).position(|window| window.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, word, expected) in [
            ("root", "ROOT", true),
            ("root", "roots", false),
            ("*$", "HCM-PC01$", true),
            ("*$", "lan", false),
            ("svc-*", "svc-backup", true),
            ("svc-*", "svc", false),
            ("*@*.local", "a@b.local", true),
            ("*@*.local", "a@local", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*", "", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(word), expected, "{pattern} {word}");
            let mut patterns = Patterns::default();
            patterns.add(Pattern::new(pattern));
            assert_eq!(patterns.matches(word), expected, "{pattern} {word}");
        }
    }
}

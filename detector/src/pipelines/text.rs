//! A value's text in its parts: plain text, wildcards and placeholders.

/// Most characters of a placeholder's name.
const NAME_CHARS_MAX: usize = 128;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// This text.
    Plain(String),
    /// Any one character: `?`.
    One,
    /// Any text: `*`.
    Many,
    /// `%name%` under `|expand`.
    Placeholder(String),
}

/// A value's text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text(Vec<Part>);

impl Text {
    /// Reads Sigma's escapes: `\*`, `\?` and `\\` are plain, any other backslash is itself.
    pub(super) fn parse(text: &str) -> Self {
        Self::scan(text, &['*', '?', '\\'])
    }

    /// Reads what a replacement made: a backslash is itself unless a wildcard follows.
    pub(super) fn parse_replaced(text: &str) -> Self {
        Self::scan(text, &['*', '?'])
    }

    /// Text in which nothing is a wildcard.
    pub(super) fn plain(text: &str) -> Self {
        let mut made = Self::default();
        made.push_plain(text);
        made
    }

    fn scan(text: &str, escapable: &[char]) -> Self {
        let mut made = Self::default();
        let mut plain = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if chars.peek().is_some_and(|next| escapable.contains(next)) => plain.extend(chars.next()),
                '*' | '?' => {
                    made.push_plain(&std::mem::take(&mut plain));
                    made.push(if c == '*' { Part::Many } else { Part::One });
                }
                c => plain.push(c),
            }
        }
        made.push_plain(&plain);
        made
    }

    /// With every `%name%` in its plain text taken for a placeholder.
    pub(super) fn with_placeholders(self) -> Self {
        let mut made = Self::default();
        for part in self.0 {
            match part {
                Part::Plain(text) => made.push_marked(&text),
                other => made.push(other),
            }
        }
        made
    }

    fn push_marked(&mut self, text: &str) {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            self.push_plain(before);
            match after.split_once('%') {
                Some((name, behind)) if is_name(name) => {
                    self.push(Part::Placeholder(name.to_owned()));
                    rest = behind;
                }
                _ => {
                    self.push_plain("%");
                    rest = after;
                }
            }
        }
        self.push_plain(rest);
    }

    /// Its parts.
    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The names of its placeholders.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Placeholder(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// With any text allowed before it.
    pub(super) fn open_start(mut self) -> Self {
        if self.0.first() != Some(&Part::Many) {
            self.0.insert(0, Part::Many);
        }
        self
    }

    /// With any text allowed behind it.
    pub(super) fn open_end(mut self) -> Self {
        if self.0.last() != Some(&Part::Many) {
            self.0.push(Part::Many);
        }
        self
    }

    /// Adds a part; plain text joins the plain text before it.
    pub(super) fn push(&mut self, part: Part) {
        match part {
            Part::Plain(text) => self.push_plain(&text),
            other => self.0.push(other),
        }
    }

    fn push_plain(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Part::Plain(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.0.push(Part::Plain(text.to_owned())),
        }
    }

    /// Adds all parts of another text.
    pub(super) fn append(&mut self, other: &Self) {
        for part in &other.0 {
            self.push(part.clone());
        }
    }

    /// With its plain texts changed.
    pub(super) fn map_plain(&self, mut change: impl FnMut(&str) -> Self) -> Self {
        let mut made = Self::default();
        for part in &self.0 {
            match part {
                Part::Plain(text) => made.append(&change(text)),
                other => made.push(other.clone()),
            }
        }
        made
    }

    /// As a rule's author writes it, so that [`Text::parse`] reads the same parts.
    pub(super) fn written(&self) -> String {
        let mut out = String::new();
        for (index, part) in self.0.iter().enumerate() {
            let Part::Plain(text) = part else {
                out.push_str(&mark(part));
                continue;
            };
            let wildcard_follows = matches!(self.0.get(index + 1), Some(Part::One | Part::Many));
            let mut chars = text.chars().peekable();
            while let Some(c) = chars.next() {
                let next = chars.peek();
                let ambiguous = matches!(next, Some('\\' | '*' | '?')) || (next.is_none() && wildcard_follows);
                if matches!(c, '*' | '?') || (c == '\\' && ambiguous) {
                    out.push('\\');
                }
                out.push(c);
            }
        }
        out
    }

    /// Without escapes: what conditions and mappings of a pipeline compare with.
    pub(super) fn unescaped(&self) -> String {
        self.0.iter().map(mark).collect()
    }

    /// How many bytes it holds, about.
    pub(super) fn cost(&self) -> usize {
        let one = |part: &Part| match part {
            Part::Plain(text) | Part::Placeholder(text) => text.len() + 24,
            Part::One | Part::Many => 24,
        };
        self.0.iter().map(one).sum::<usize>() + 24
    }
}

fn mark(part: &Part) -> String {
    match part {
        Part::Plain(text) => text.clone(),
        Part::One => "?".to_owned(),
        Part::Many => "*".to_owned(),
        Part::Placeholder(name) => format!("%{name}%"),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('\\') && name.chars().count() <= NAME_CHARS_MAX
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, unescaped: &str, written: &str) {
        let read = Text::parse(text);
        assert_eq!((read.unescaped().as_str(), read.written().as_str()), (unescaped, written));
        assert_eq!(Text::parse(&read.written()), read, "{text}");
    }

    #[test]
    fn parts_are_read_and_written() {
        check(r"C:\Windows\*", r"C:\Windows*", r"C:\Windows\*");
        check(r"C:\Windows\\*", r"C:\Windows\*", r"C:\Windows\\*");
        check(r"a\?b?", "a?b?", r"a\?b?");
        check(r"\\\\srv", r"\\srv", r"\\\srv");
        check("50%", "50%", "50%");
    }

    #[test]
    fn placeholders_are_found() {
        let names = |text: &str| -> Vec<String> {
            Text::parse(text).with_placeholders().placeholders().map(str::to_owned).collect()
        };
        assert_eq!(names("%admins%"), ["admins"]);
        assert_eq!(names(r"*\%user%.%domain%"), ["user", "domain"]);
        assert_eq!(names("50% of 100%%"), [" of 100"]);
        assert!(names("100%").is_empty());
        assert!(names(r"%a\b%").is_empty());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(text in "[a*?\\\\%]{0,12}") {
            let read = Text::parse(&text);
            prop_assert_eq!(Text::parse(&read.written()), read);
        }
    }
}

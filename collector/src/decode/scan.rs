//! A cursor over one line: the steps that the text decoders are made of. Never panics, whatever the text.

/// What is left of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    /// At the start of `text`.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// What is left.
    pub(crate) fn rest(self) -> &'a str {
        self.rest
    }

    /// Steps over `prefix`; `None`, and no step, when something else stands there.
    pub(crate) fn eat(&mut self, prefix: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(prefix)?;
        Some(())
    }

    /// The text before the next `end`, and steps over both; `None`, and no step, when there is no `end`.
    pub(crate) fn until(&mut self, end: &str) -> Option<&'a str> {
        let (found, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(found)
    }

    /// The text before the next byte `end`, and steps over both.
    pub(crate) fn until_byte(&mut self, end: u8) -> Option<&'a str> {
        let at = memchr::memchr(end, self.rest.as_bytes())?;
        let found = self.rest.get(..at)?;
        self.rest = self.rest.get(at + 1..)?;
        Some(found)
    }

    /// The next word: up to a space or the end, and steps over it and one space. The empty text when a space stands here.
    pub(crate) fn word(&mut self) -> &'a str {
        match self.until_byte(b' ') {
            Some(word) => word,
            None => std::mem::take(&mut self.rest),
        }
    }

    /// Steps over spaces.
    pub(crate) fn spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    /// The longest beginning made of bytes that `belongs` allows (ASCII), and steps over it.
    pub(crate) fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let at = self.rest.bytes().position(|byte| !byte.is_ascii() || !belongs(byte)).unwrap_or(self.rest.len());
        let (found, rest) = self.rest.split_at_checked(at).unwrap_or((self.rest, ""));
        self.rest = rest;
        found
    }

    /// Text in double quotes with `\` before a quote or backslash inside: what stands between them, still escaped.
    pub(crate) fn quoted(&mut self) -> Option<&'a str> {
        let inner = self.rest.strip_prefix('"')?;
        let bytes = inner.as_bytes();
        let mut from = 0;
        loop {
            let at = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
            if bytes.get(at) == Some(&b'"') {
                self.rest = inner.get(at + 1..)?;
                return inner.get(..at);
            }
            from = at + 2;
        }
    }
}

/// `text` without the `\` before the characters that `escaped` names; borrowed when there is none.
pub(crate) fn unescape(text: &str, escaped: impl Fn(char) -> Option<char>) -> std::borrow::Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(found) = chars.next() {
        if found != '\\' {
            plain.push(found);
            continue;
        }
        let ahead = chars.clone().next();
        match ahead.and_then(&escaped) {
            Some(meant) => {
                plain.push(meant);
                chars.next();
            }
            None => plain.push('\\'),
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_walked() {
        let mut scan = Scan::new("one  two[3] \"a \\\"b\\\" c\" é");
        assert_eq!(scan.word(), "one");
        scan.spaces();
        assert_eq!(scan.until("["), Some("two"));
        assert_eq!(scan.run(|byte| byte.is_ascii_digit()), "3");
        assert_eq!(scan.eat("] "), Some(()));
        assert_eq!(scan.quoted(), Some("a \\\"b\\\" c"));
        assert_eq!(scan.until("x"), None);
        assert_eq!(scan.rest(), " é");
        assert_eq!(scan.run(|_| true), " ");
        assert_eq!(Scan::new("\"open").quoted(), None);
        assert_eq!(Scan::new("\"open\\").quoted(), None);
    }

    #[test]
    fn escapes_are_taken_out() {
        let quote = |found| (found == '"').then_some('"');
        assert_eq!(unescape("a\\\"b\\c\\", quote), "a\"b\\c\\");
        assert_eq!(unescape("plain", quote), "plain");
    }
}

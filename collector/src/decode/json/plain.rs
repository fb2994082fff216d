//! Plain documents: read straight off the text, which takes a third of the time that the full reader needs.
//!
//! It gives up at whatever is not plain: nesting to the deepest level, lone or paired surrogates, what does not fit, every
//! fault. The full reader then reads the document from its start, so this one decides about nothing but time.

use event::Value;
use serde::de::DeserializeSeed as _;

use super::{DEPTH_MAX, Walk};

/// Reads the whole of `text`; `None` when the full reader has to, which takes back what was added.
pub(super) fn read(text: &str, walk: &mut Walk<'_>) -> Option<()> {
    let mut reader = Reader { text, at: 0, unescaped: Vec::new() };
    reader.spaces();
    reader.take(b'{')?;
    reader.members(walk, 0)?;
    reader.spaces();
    (reader.at == text.len()).then_some(())
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// The last text that had escapes in it.
    unescaped: Vec<u8>,
}

impl Reader<'_> {
    /// What stands behind `{`, up to its `}`.
    fn members(&mut self, walk: &mut Walk<'_>, depth: usize) -> Option<()> {
        if depth + 1 >= DEPTH_MAX {
            return None;
        }
        self.spaces();
        if self.take(b'}').is_some() {
            return Some(());
        }
        let len = walk.name.len();
        loop {
            let key = self.string()?;
            if len > 0 {
                walk.name.push('.');
            }
            walk.name.push_str(key);
            self.spaces();
            self.take(b':')?;
            self.spaces();
            self.value(walk, depth + 1)?;
            walk.name.truncate(len);
            if self.ends(b'}')? {
                return Some(());
            }
        }
    }

    /// What stands behind `[`, up to its `]`.
    fn items(&mut self, walk: &mut Walk<'_>, depth: usize) -> Option<()> {
        if depth + 1 >= DEPTH_MAX {
            return None;
        }
        self.spaces();
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(walk, depth + 1)?;
            if self.ends(b']')? {
                return Some(());
            }
        }
    }

    /// Whether `close` stands behind a value; otherwise a comma has to, and the next value begins behind it.
    fn ends(&mut self, close: u8) -> Option<bool> {
        self.spaces();
        if self.take(b',').is_some() {
            self.spaces();
            return Some(false);
        }
        self.take(close).map(|()| true)
    }

    fn value(&mut self, walk: &mut Walk<'_>, depth: usize) -> Option<()> {
        match self.byte()? {
            b'"' => walk.push(Value::Str(self.string()?)),
            b'{' => {
                self.at += 1;
                return self.members(walk, depth);
            }
            b'[' => {
                self.at += 1;
                return self.items(walk, depth);
            }
            b't' => {
                self.word("true")?;
                walk.push(Value::Bool(true));
            }
            b'f' => {
                self.word("false")?;
                walk.push(Value::Bool(false));
            }
            b'n' => {
                self.word("null")?;
                walk.push(Value::Null);
            }
            _ => self.number(walk)?,
        }
        (walk.room.left_out == 0).then_some(())
    }

    /// Whole numbers of 64 bits are read here, all others by `serde_json`.
    fn number(&mut self, walk: &mut Walk<'_>) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
        let text = rest.get(..rest.as_bytes().iter().take_while(|byte| is_part(byte)).count())?;
        self.at += text.len();
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_whole = text == "0" || digits.starts_with(|first: char| matches!(first, '1'..='9'));
        if let Some(number) = text.parse().ok().filter(|_| is_whole) {
            walk.push(Value::Int(number));
            return Some(());
        }
        let mut parser = serde_json::Deserializer::from_str(text);
        walk.inner().deserialize(&mut parser).ok()?;
        parser.end().ok()
    }

    /// A text in quotes.
    fn string(&mut self) -> Option<&str> {
        self.take(b'"')?;
        let rest = self.text.get(self.at..)?;
        let len = plain_len(rest.as_bytes());
        match rest.as_bytes().get(len)? {
            b'"' => {
                self.at += len + 1;
                rest.get(..len)
            }
            b'\\' => self.escaped(),
            _ => None,
        }
    }

    /// The text from here to its quote, of which an escape is a part.
    fn escaped(&mut self) -> Option<&str> {
        self.unescaped.clear();
        self.unescaped.reserve(128);
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let len = plain_len(rest);
            match rest.first_chunk::<8>() {
                // Runs between escapes are short: a word is taken whole, and what is not plain of it given back.
                Some(word) if len < 8 => {
                    self.unescaped.extend_from_slice(word);
                    self.unescaped.truncate(self.unescaped.len() - (8 - len));
                }
                _ => self.unescaped.extend_from_slice(rest.get(..len)?),
            }
            self.at += len + 1;
            match rest.get(len)? {
                b'"' => return std::str::from_utf8(&self.unescaped).ok(),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// Adds what is meant by what stands behind a backslash.
    fn escape(&mut self) -> Option<()> {
        let byte = self.byte()?;
        self.at += 1;
        self.unescaped.push(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 0x8,
            b'f' => 0xc,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.code_point(),
            _ => return None,
        });
        Some(())
    }

    /// Adds the character of the four digits here; a surrogate is none.
    fn code_point(&mut self) -> Option<()> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        let digit = |code: u32, letter: char| Some((code << 4) | letter.to_digit(16)?);
        let meant = char::from_u32(digits.chars().try_fold(0, digit)?)?;
        self.unescaped.extend_from_slice(meant.encode_utf8(&mut [0; 4]).as_bytes());
        Some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let is_here = self.text.get(self.at..)?.starts_with(word);
        self.at += word.len();
        is_here.then_some(())
    }

    fn spaces(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        let is_here = self.byte() == Some(byte);
        self.at += usize::from(is_here);
        is_here.then_some(())
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// How many bytes stand before the next quote, backslash or control character.
fn plain_len(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return at * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let is_plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | 0..b' ');
    words.len() * 8 + rest.iter().take_while(is_plain).count()
}

/// The high bits of the bytes that end a plain run; of the lowest one it is sure, higher ones may be marked wrongly.
fn marks(word: u64) -> u64 {
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (equal(b'"') | equal(b'\\') | below(word, b' ')) & HIGHS
}

#[cfg(test)]
mod tests {
    use event::Event;
    use proptest::prelude::*;

    use super::super::{Room, walk_fully};
    use super::*;

    fn plain(text: &str) -> Option<String> {
        let mut event = Event::new();
        let (mut name, mut room) = (String::new(), Room::new());
        read(text, &mut Walk { event: &mut event, name: &mut name, room: &mut room, depth: 0 })?;
        Some(format!("{event:?}"))
    }

    fn full(text: &str) -> Option<String> {
        let mut event = Event::new();
        walk_fully(text, &mut event).ok().map(|()| format!("{event:?}"))
    }

    #[test]
    fn what_is_plain_is_read_and_the_rest_is_not() {
        for text in [
            r#" { "a" : [ 1 , -2, [ ], {} , "x\\\"\/\b\f\n\r\té" ] , "" : { "b":true,"c":false,"d":null } } "#,
            r#"{"a":0,"b":-9223372036854775808,"c":18446744073709551615,"d":-0,"e":1.5e3,"f":1E-2,"a":2}"#,
            r#"{"@timestamp":"x","metrosoc":{"site":{"id":1}}}"#,
            "{}",
        ] {
            assert_eq!(plain(text), full(text), "{text}");
            assert!(plain(text).is_some(), "{text}");
        }
        for text in [
            "",
            "{",
            "[1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{\"a\":[1,]}",
            "{\"a\":1}x",
            "{\"a\":01}",
            "{\"a\":-}",
            "{\"a\":+1}",
            "{\"a\":1.}",
            "{\"a\":1.2.3}",
            "{\"a\":1e999}",
            "{\"a\":tru}",
            "{\"a\":\"x\ty\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u+123\"}",
            "{\"a\":\"\\ud83d\\ude00\"}",
            "{\"a\":\"\\u00é\"}",
            "{\"a\":\"x",
            "{\"a\":\"x\\",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
        let deep = |depth| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert_eq!(plain(&deep(31)), full(&deep(31)));
        assert_eq!(plain(&deep(32)), None);
    }

    #[test]
    fn marks_are_found_at_every_place() {
        for len in 0..40 {
            for (at, byte) in (0..len).flat_map(|at| b"\"\\\0\x1f".iter().map(move |byte| (at, byte))) {
                let mut bytes = vec![b' '; len];
                bytes[at] = *byte;
                assert_eq!(plain_len(&bytes), at, "{bytes:?}");
            }
            assert_eq!(plain_len(&vec![0xff; len]), len);
        }
    }

    /// Documents with all that JSON allows, and some faults.
    fn document() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            "\"([ -!#-\\[\\]-~é€\u{7f}]|\\\\[\"\\\\/bfnrtu]|\\\\u00[0-9a-fA-F]{2}|\\\\u[0-9a-f]{4}){0,12}\"",
            "-?[0-9]{1,21}",
            "-?[0-9]{1,3}(\\.[0-9]{0,3})?([eE][+-]?[0-9]{1,3})?",
            "(true|false|null|nul)",
            "\"[\\x00-\\x7f]{0,9}\"",
        ];
        let value = scalar.prop_recursive(4, 24, 4, |inner| {
            let key = "\"(a|b|é|metrosoc|@timestamp|\\\\n|\\\\u0041|){1,2}\"";
            let member =
                (key, " ?", inner.clone()).prop_map(|(key, space, value)| format!("{key}{space}:{space}{value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(" ,\t"))),
            ]
        });
        ("[ \n]?", prop::collection::vec(value, 0..5), "[ x]?").prop_map(|(start, values, end)| {
            let members = values.iter().enumerate().map(|(at, value)| format!("\"k{}\":{value}", at % 3));
            format!("{start}{{{}}}{end}", members.collect::<Vec<_>>().join(","))
        })
    }

    proptest! {
        #[test]
        fn both_readers_agree(text in document()) {
            if let Some(read) = plain(&text) {
                prop_assert_eq!(Some(read), full(&text), "{}", text);
            }
        }

        #[test]
        fn no_text_panics(text in "[{}\\[\\]:,\"\\\\au0-9.eE +-]{0,40}") {
            if let Some(read) = plain(&text) {
                prop_assert_eq!(Some(read), full(&text), "{}", text);
            }
        }
    }
}

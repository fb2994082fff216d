//! From the stored form back to an event: flat JSON as [`super::write`] makes it.
//!
//! Read by hand, straight into the event's arena: a backtest reads millions, and numbers must come back bit by bit, which
//! `serde_json` promises only with a feature that costs everybody.

use thiserror::Error;

use crate::{Event, EventFull, Value};

/// Bytes that are not what [`super::write`] makes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// They are no flat JSON object.
    #[error("stored event is damaged at byte {at}")]
    Damaged {
        /// Where, counted from 0.
        at: usize,
    },
    /// They hold more than an event can.
    #[error(transparent)]
    Full(#[from] EventFull),
}

/// Adds the fields of a stored event to `event`, in the order stored; the members of a list follow one another.
///
/// # Errors
/// [`ReadError`]; what was read before stays in the event.
pub fn read(source: &[u8], event: &mut Event) -> Result<(), ReadError> {
    let mut reader = Reader { source, at: 0, name: String::with_capacity(64), text: String::with_capacity(256) };
    reader.expect(b'{')?;
    if reader.take(b'}') {
        return reader.end();
    }
    loop {
        let mut name = std::mem::take(&mut reader.name);
        reader.string(&mut name)?;
        reader.expect(b':')?;
        if reader.take(b'[') {
            reader.list(&name, event)?;
        } else {
            reader.value(&name, event)?;
        }
        reader.name = name;
        if reader.take(b'}') {
            return reader.end();
        }
        reader.expect(b',')?;
    }
}

struct Reader<'s> {
    source: &'s [u8],
    at: usize,
    name: String,
    text: String,
}

impl Reader<'_> {
    fn list(&mut self, name: &str, event: &mut Event) -> Result<(), ReadError> {
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(name, event)?;
            if self.take(b']') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn value(&mut self, name: &str, event: &mut Event) -> Result<(), ReadError> {
        match self.source.get(self.at) {
            Some(b'"') => {
                let mut text = std::mem::take(&mut self.text);
                let read = self.string(&mut text);
                let pushed = read.and_then(|()| event.push(name, text.as_str()).map_err(ReadError::from));
                self.text = text;
                pushed
            }
            Some(b'n') => self.word("null").and_then(|()| Ok(event.push(name, Value::Null)?)),
            Some(b't') => self.word("true").and_then(|()| Ok(event.push(name, true)?)),
            Some(b'f') => self.word("false").and_then(|()| Ok(event.push(name, false)?)),
            _ => self.number(name, event),
        }
    }

    fn number(&mut self, name: &str, event: &mut Event) -> Result<(), ReadError> {
        let start = self.at;
        let rest = self.source.get(start..).unwrap_or_default();
        let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
        let len = rest.iter().take_while(|byte| is_part(byte)).count();
        let text = rest.get(..len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        let value = match text.parse::<i64>() {
            Ok(whole) => Value::Int(whole),
            Err(_) => Value::Float(text.parse().map_err(|_| ReadError::Damaged { at: start })?),
        };
        self.at += len;
        Ok(event.push(name, value)?)
    }

    /// Reads a quoted text into `into`, which is emptied before.
    fn string(&mut self, into: &mut String) -> Result<(), ReadError> {
        into.clear();
        self.expect(b'"')?;
        loop {
            let start = self.at;
            let rest = self.source.get(start..).unwrap_or_default();
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            let plain = plain.ok_or(ReadError::Damaged { at: start })?;
            let text = rest.get(..plain).and_then(|bytes| std::str::from_utf8(bytes).ok());
            into.push_str(text.ok_or(ReadError::Damaged { at: start })?);
            self.at = start + plain + 1;
            if rest.get(plain) == Some(&b'"') {
                return Ok(());
            }
            let escaped = self.escape()?;
            into.push(escaped);
        }
    }

    /// The character behind a backslash.
    fn escape(&mut self) -> Result<char, ReadError> {
        let damaged = ReadError::Damaged { at: self.at };
        let Some(&byte) = self.source.get(self.at) else { return Err(damaged) };
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let digits = self.source.get(self.at..self.at + 4).and_then(|bytes| std::str::from_utf8(bytes).ok());
                let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                self.at += 4;
                code.and_then(char::from_u32).ok_or(damaged)?
            }
            _ => return Err(damaged),
        })
    }

    fn word(&mut self, word: &str) -> Result<(), ReadError> {
        let rest = self.source.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(ReadError::Damaged { at: self.at });
        }
        self.at += word.len();
        Ok(())
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.source.get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), ReadError> {
        if self.take(byte) { Ok(()) } else { Err(ReadError::Damaged { at: self.at }) }
    }

    fn end(&self) -> Result<(), ReadError> {
        if self.at == self.source.len() { Ok(()) } else { Err(ReadError::Damaged { at: self.at }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::write;
    use super::*;

    fn again(event: &Event) -> Event {
        let mut bytes = Vec::new();
        write(event, &mut bytes);
        let mut back = Event::new();
        read(&bytes, &mut back).unwrap();
        back
    }

    #[test]
    fn what_was_written_is_read() {
        let mut event = Event::new();
        event.push("a.b", "line\none \"quoted\" \\ \u{1} đăng nhập").unwrap();
        event.push("n", Value::Null).unwrap();
        event.push("i", i64::MIN).unwrap();
        event.push("f", Value::Float(0.1 + 0.2)).unwrap();
        event.push("whole", Value::Float(22.0)).unwrap();
        event.push("b", false).unwrap();
        event.push("", "").unwrap();
        event.push("l", "x").unwrap();
        event.push("l", 7).unwrap();
        event.push("l", Value::Null).unwrap();
        assert_eq!(format!("{:?}", again(&event)), format!("{event:?}"));
        assert_eq!(again(&Event::new()).len(), 0);
    }

    #[test]
    fn damage_is_told() {
        for bytes in ["", "{", "{\"a\"}", "{\"a\":}", "{\"a\":\"x}", "{\"a\":1,}", "{\"a\":1}x", "{\"a\":\"\\ud800\"}"]
        {
            assert!(matches!(read(bytes.as_bytes(), &mut Event::new()), Err(ReadError::Damaged { .. })), "{bytes}");
        }
    }

    fn value() -> impl Strategy<Value = Json> {
        prop_oneof![
            "\\PC{0,9}".prop_map(Json::Text),
            "[\\x00-\\x1f\"\\\\/é]{0,5}".prop_map(Json::Text),
            any::<i64>().prop_map(Json::Int),
            (-1e300..1e300_f64).prop_map(Json::Float),
            any::<f32>()
                .prop_filter("finite", |number| number.is_finite())
                .prop_map(|number| Json::Float(number.into())),
            any::<bool>().prop_map(Json::Bool),
            Just(Json::Null),
        ]
    }

    #[derive(Debug, Clone)]
    enum Json {
        Text(String),
        Int(i64),
        Float(f64),
        Bool(bool),
        Null,
    }

    proptest! {
        #[test]
        fn every_event_comes_back(fields in prop::collection::vec(("[a-c.\"]{1,3}", value()), 0..12)) {
            let mut event = Event::new();
            for (name, value) in &fields {
                match value {
                    Json::Text(text) => event.push(name, text.as_str()),
                    Json::Int(number) => event.push(name, *number),
                    Json::Float(number) => event.push(name, Value::Float(*number)),
                    Json::Bool(truth) => event.push(name, *truth),
                    Json::Null => event.push(name, Value::Null),
                }.unwrap();
            }
            let back = again(&event);
            let names: std::collections::BTreeSet<&str> = event.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(back.len(), event.len());
            for name in names {
                prop_assert_eq!(back.get_all(name).collect::<Vec<_>>(), event.get_all(name).collect::<Vec<_>>());
            }
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&bytes, &mut Event::new());
        }
    }
}

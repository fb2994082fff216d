//! The configuration's text as keys with values and lines; what is no TOML is named, and the rest is read all the same.

use toml::Value;
use toml::de::{DeTable, DeValue};

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Dotted: `syslog.tls`.
    pub(super) key: String,
    /// What it is set to.
    pub(super) value: Value,
    /// Line of the key, from 1.
    pub(super) line: usize,
}

/// What a text holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Read {
    /// In the order of the text.
    pub(super) entries: Vec<Entry>,
    /// What is no TOML: the line, from 1, and the reason.
    pub(super) broken: Vec<(usize, String)>,
}

/// Reads `text`. A line that is named as broken gives no entry: what was made of it would only be a second fault.
pub(super) fn read(text: &str) -> Read {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut read = Read::default();
    for error in errors {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        if read.broken.iter().all(|(known, _)| *known != line) {
            read.broken.push((line, error.message().trim().to_owned()));
        }
    }
    read.collect(table.get_ref(), "", text);
    read
}

impl Read {
    fn collect(&mut self, table: &DeTable<'_>, prefix: &str, text: &str) {
        for (name, value) in table {
            let key =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            if let DeValue::Table(inner) = value.get_ref() {
                self.collect(inner, &key, text);
                continue;
            }
            let line = line_of(text, name.span().start);
            if self.broken.iter().any(|(known, _)| *known == line) {
                continue;
            }
            match plain(value.get_ref()) {
                Ok(value) => self.entries.push(Entry { key, value, line }),
                Err(reason) => self.broken.push((line, reason)),
            }
        }
    }
}

/// The value with its numbers read.
fn plain(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
            .map(Value::Integer)
            .map_err(|_| format!("`{digits}` is larger than any number here"))?,
        DeValue::Float(digits) => {
            digits.as_str().parse().map(Value::Float).map_err(|_| format!("`{digits}` is no number"))?
        }
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| plain(item.get_ref())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(inner) => {
            Value::Table(inner.iter().map(|(name, value)| pair(name, value)).collect::<Result<_, _>>()?)
        }
    })
}

fn pair(
    name: &toml::Spanned<std::borrow::Cow<'_, str>>,
    value: &toml::Spanned<DeValue<'_>>,
) -> Result<(String, Value), String> {
    Ok((name.get_ref().to_string(), plain(value.get_ref())?))
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let read = read(text);
        let entries = read.entries.iter().map(|entry| format!("{}: {} = {}", entry.line, entry.key, entry.value));
        let broken = read.broken.iter().map(|(line, _)| format!("{line}: broken"));
        assert_eq!(entries.chain(broken).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn keys_have_their_lines() {
        check("a = 1\n[b]\nc = 0x10\nd.e = [1_000, 2.5]\n", &["1: a = 1", "3: b.c = 16", "4: b.d.e = [1000, 2.5]"]);
        check("[x]\ny = { z = true }\n", &["2: x.y.z = true"]);
        check("\n[[h]]\nr = \"a\"\n[[h]]\nr = \"b\"\n", &["2: h = [{ r = \"a\" }, { r = \"b\" }]"]);
    }

    #[test]
    fn what_is_broken_hides_nothing() {
        check("a =\nb = 2\n", &["2: b = 2", "1: broken"]);
        check("a = 1\na = 2\nb = 2\n", &["1: a = 1", "3: b = 2", "2: broken"]);
        check("a = 99999999999999999999\nb = 2\n", &["2: b = 2", "1: broken"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z0-9=\\[\\]{}.\",# \n-]{0,80}") {
            let lines = text.lines().count().max(1) + 1;
            let read = read(&text);
            prop_assert!(read.entries.iter().all(|entry| (1..=lines).contains(&entry.line)));
            prop_assert!(read.broken.iter().all(|(line, _)| (1..=lines).contains(line)));
        }
    }
}

//! Lines of columns between commas, some in quotes (RFC 4180, and MySQL's with a backslash).

use std::borrow::Cow;

/// Most columns that are read; a line of more is none of ours.
const COLUMNS_MAX: usize = 64;

/// How a quote stands inside quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// `"` around, `""` inside (RFC 4180 §2).
    Double,
    /// `'` around, `\'` inside.
    Single,
}

/// The columns of `text`; `None` when a quote is not closed or something stands behind a closed one.
pub(crate) fn read(text: &str, quotes: Quotes) -> Option<Vec<Cow<'_, str>>> {
    let mut columns = Vec::with_capacity(32);
    let mut rest = text;
    while columns.len() < COLUMNS_MAX {
        let (column, behind) = match rest.strip_prefix(quotes.mark()) {
            Some(inner) => quoted(inner, quotes)?,
            None => {
                let end = memchr::memchr(b',', rest.as_bytes()).unwrap_or(rest.len());
                let (column, behind) = rest.split_at_checked(end)?;
                (Cow::Borrowed(column), behind)
            }
        };
        columns.push(column);
        if behind.is_empty() {
            return Some(columns);
        }
        rest = behind.strip_prefix(',')?;
    }
    None
}

impl Quotes {
    fn mark(self) -> char {
        if self == Self::Double { '"' } else { '\'' }
    }
}

/// What stands before the closing quote, and the text behind it.
fn quoted(text: &str, quotes: Quotes) -> Option<(Cow<'_, str>, &str)> {
    let mut plain = String::new();
    let mut rest = text;
    loop {
        let at = match quotes {
            Quotes::Double => memchr::memchr(b'"', rest.as_bytes())?,
            Quotes::Single => memchr::memchr2(b'\'', b'\\', rest.as_bytes())?,
        };
        let (before, found) = rest.split_at_checked(at)?;
        let mut chars = found.chars();
        let mark = chars.next()?;
        let behind = chars.as_str();
        let escaped = match quotes {
            Quotes::Double => behind.starts_with('"').then_some('"'),
            Quotes::Single if mark == '\\' => Some(behind.chars().next()?),
            Quotes::Single => None,
        };
        let Some(meant) = escaped else {
            let value = if plain.is_empty() { Cow::Borrowed(before) } else { Cow::Owned(plain + before) };
            return Some((value, behind));
        };
        plain.push_str(before);
        // Line ends and the like are written as letters.
        plain.push(match meant {
            'n' if mark == '\\' => '\n',
            'r' if mark == '\\' => '\r',
            't' if mark == '\\' => '\t',
            other => other,
        });
        rest = behind.get(meant.len_utf8()..)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(quotes: Quotes, text: &str, expected: Option<&[&str]>) {
        let found = read(text, quotes);
        let found: Option<Vec<&str>> = found.as_ref().map(|found| found.iter().map(AsRef::as_ref).collect());
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn columns_are_read() {
        check(Quotes::Double, "a,\"b \"\"c\"\", d\",,e", Some(&["a", "b \"c\", d", "", "e"]));
        check(Quotes::Double, "", Some(&[""]));
        check(Quotes::Double, "a,", Some(&["a", ""]));
        check(Quotes::Double, "\"\"", Some(&[""]));
        check(Quotes::Double, "\"a", None);
        check(Quotes::Double, "\"a\"b", None);
        check(Quotes::Single, "a,'b\\'c\\\\\\n,',0", Some(&["a", "b'c\\\n,", "0"]));
        check(Quotes::Single, "'a\\", None);
        check(Quotes::Double, &",".repeat(COLUMNS_MAX), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a,\"'\\\\né]{0,40}") {
            for quotes in [Quotes::Double, Quotes::Single] {
                prop_assert!(read(&text, quotes).is_none_or(|found| found.len() <= COLUMNS_MAX));
            }
        }

        #[test]
        fn what_is_written_is_read(values in prop::collection::vec("[ -~é]{0,12}", 1..9)) {
            let line = values.iter().map(|value| format!("\"{}\"", value.replace('"', "\"\""))).collect::<Vec<_>>().join(",");
            let found = read(&line, Quotes::Double).unwrap();
            prop_assert_eq!(found, values);
        }
    }
}

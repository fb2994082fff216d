//! QRadar's Log Event Extended Format: `LEEF:1.0|vendor|product|version|event|key=value…`, attributes apart by tabs; in
//! `LEEF:2.0` a sixth field may name another delimiter, as itself or in hexadecimal.

use event::{Event, EventFull};

use super::scan::unescape;
use super::{Dates, Fit, Line, TextFormat};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "leef", strict: true, decode, normalise: crate::normalise::leef::to_ecs };

/// Most attributes that become fields; the text keeps the others.
const ATTRIBUTES_MAX: usize = 1_000;
/// Longest key of an attribute, in bytes.
const KEY_BYTES_MAX: usize = 256;

const HEADER: [&str; 4] = ["leef.device.vendor", "leef.device.product", "leef.device.version", "leef.device.event_id"];
/// A tab as relays that escape control characters write it (rsyslog).
const TAB_ESCAPED: &str = "#011";

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let Some((version, mut rest)) = line.text.strip_prefix("LEEF:").and_then(|rest| rest.split_once('|')) else {
        return Ok(Fit::No);
    };
    if !matches!(version, "1.0" | "2.0" | "1" | "2") {
        return Ok(Fit::No);
    }
    event.push("leef.version", version)?;
    for (at, name) in HEADER.iter().enumerate() {
        // The last bar may be left out where no attribute follows.
        let (value, after) = match split_field(rest) {
            Some(parts) => parts,
            None if at + 1 == HEADER.len() => (rest, ""),
            None => return Ok(Fit::No),
        };
        event.push(name, &*unescape(value, |found| matches!(found, '|' | '\\').then_some(found)))?;
        rest = after;
    }
    let mut mark = '\t';
    if version.starts_with('2')
        && let Some((field, after)) = rest.split_once('|')
        && let Some(named) = delimiter(field)
    {
        (mark, rest) = (named, after);
    }
    attributes(rest, mark, event)?;
    Ok(Fit::At(time(dates, event)))
}

/// The text before the next `|` that no backslash stands before, and the text behind it.
fn split_field(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'|', b'\\', text.as_bytes().get(from..)?)?;
        if text.as_bytes().get(at) == Some(&b'|') {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        }
        from = at + 2;
    }
}

/// What the sixth field of 2.0 names: nothing (a tab), one character, or its number as `x09` or `0x09`.
fn delimiter(field: &str) -> Option<char> {
    let mut chars = field.chars();
    match (chars.next(), chars.next()) {
        (None, _) => return Some('\t'),
        // The letter alone would cut every value; `x` and `=` are therefore no delimiters.
        (Some(one), None) if !one.is_alphanumeric() && one != '=' => return Some(one),
        _ => {}
    }
    let digits = field.strip_prefix("0x").or_else(|| field.strip_prefix(['x', 'X']))?;
    let number = Some(digits).filter(|digits| (1..=4).contains(&digits.len()))?;
    char::from_u32(u32::from_str_radix(number, 16).ok()?)
}

fn attributes(text: &str, mark: char, event: &mut Event) -> Result<(), EventFull> {
    let mut name = String::with_capacity(48);
    let mut one = |pair: &str, event: &mut Event| {
        let Some((key, value)) = pair.split_once('=') else { return Ok(()) };
        let key = key.trim_ascii();
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Ok(());
        }
        name.clear();
        name.push_str("leef.attributes.");
        name.push_str(key);
        event.push(&name, value.trim_ascii())
    };
    if mark == '\t' && !text.contains('\t') && text.contains(TAB_ESCAPED) {
        return text.split(TAB_ESCAPED).take(ATTRIBUTES_MAX).try_for_each(|pair| one(pair, event));
    }
    text.split(mark).take(ATTRIBUTES_MAX).try_for_each(|pair| one(pair, event))
}

/// `devTime`, in milliseconds since the epoch or as text (`Nov 03 2026 07:00:00` is the default form).
fn time(dates: &Dates<'_>, event: &Event) -> Option<event::Timestamp> {
    let text = event.get_str("leef.attributes.devTime")?;
    match text.parse::<i64>() {
        Ok(number) => dates.epoch(number),
        Err(_) => dates.iso(text).or_else(|| dates.bsd_text(text)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(testing::listed(&FORMAT, "", text), expected, "{text}");
    }

    #[test]
    fn headers_and_attributes_are_read() {
        let head = |version: &str| {
            format!(
                "leef.version={version} leef.device.vendor=V leef.device.product=P leef.device.version=1 \
                 leef.device.event_id=id"
            )
        };
        let (one, two) = (head("1.0"), head("2.0"));
        let pairs = "leef.attributes.src=2001:db8::1 leef.attributes.msg=a b=c";
        check("LEEF:1.0|V|P|1|id|src=2001:db8::1\tmsg=a b=c\t", &format!("{one} {pairs}"));
        check("LEEF:1.0|V|P|1|id|src=2001:db8::1#011msg=a b=c", &format!("{one} {pairs}"));
        for mark in ["^", "x5E", "0x5e", "X5e"] {
            check(&format!("LEEF:2.0|V|P|1|id|{mark}|src=2001:db8::1^msg=a b=c"), &format!("{two} {pairs}"));
        }
        check("LEEF:2.0|V|P|1|id|x09|src=2001:db8::1\tmsg=a b=c", &format!("{two} {pairs}"));
        check("LEEF:2.0|V|P|1|id||src=2001:db8::1\tmsg=a b=c", &format!("{two} {pairs}"));
        check("LEEF:2.0|V|P|1|id|src=2001:db8::1\tmsg=a b=c", &format!("{two} {pairs}"));
        check("LEEF:2.0|V|P|1|id|¦|src=2001:db8::1¦msg=a b=c", &format!("{two} {pairs}"));
        check("LEEF:1.0|V|P|1|id", &one);
        check("LEEF:3.0|V|P|1|id|", "no");
        check("LEEF:1.0|V|P", "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(LEEF:[12].0\\|)?[a-cx0^|=\\\\\t é]{0,80}") {
            testing::fields(&FORMAT, &text);
        }

        #[test]
        fn what_is_written_is_read(mark in "[!-/:;^~]", values in prop::collection::vec("[a-z0-9 ]{0,12}", 1..9)) {
            prop_assume!(!"=|\\".contains(&mark));
            let pairs: Vec<_> = values.iter().enumerate().map(|(at, value)| format!("k{at}={value}")).collect();
            let hex = format!("x{:02x}", u32::from(mark.chars().next().unwrap()));
            for named in [&mark, &hex] {
                let event = testing::fields(&FORMAT, &format!("LEEF:2.0|v|p|1|id|{named}|{}", pairs.join(&mark)));
                for (at, value) in values.iter().enumerate() {
                    prop_assert_eq!(event.get_str(&format!("leef.attributes.k{at}")), Some(value.trim_ascii()));
                }
            }
        }
    }
}

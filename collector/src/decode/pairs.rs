//! Lines of `key=value` pairs, as firewalls and many programs (logfmt) write them.

use event::{Event, EventFull};

use super::scan::{Scan, unescape};
use super::{Dates, Fit, Line, TextFormat};

/// The registry's line; any format with a form of its own comes first.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "kv", strict: false, decode, normalise: crate::normalise::pairs::to_ecs };

/// Fewest pairs that make a line of pairs.
const PAIRS_MIN: usize = 3;
/// Most pairs that become fields; the text keeps the others.
const PAIRS_MAX: usize = 1_000;
/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 128;

/// Adds each pair as `kv.KEY`.
pub(super) fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let mut scan = Scan::new(line.text.trim_ascii());
    let (mut pairs, mut others) = (0, 0);
    let mut name = String::with_capacity(48);
    while !scan.rest().is_empty() && pairs < PAIRS_MAX {
        let Some((key, value)) = pair(&mut scan) else {
            // Words between pairs belong to no key; a line that is mostly words is prose.
            skip_word(&mut scan);
            others += 1;
            if others > pairs + 2 {
                return Ok(Fit::No);
            }
            continue;
        };
        pairs += 1;
        name.clear();
        name.push_str("kv.");
        name.push_str(key);
        event.push(&name, &*unescape(value, |found| matches!(found, '"' | '\\').then_some(found)))?;
    }
    if pairs < PAIRS_MIN || others > pairs {
        return Ok(Fit::No);
    }
    Ok(Fit::At(time(dates, event)))
}

/// `key=value`, `key="quoted value"`; ends before the next separator, which is stepped over.
fn pair<'a>(scan: &mut Scan<'a>) -> Option<(&'a str, &'a str)> {
    let mut ahead = *scan;
    let key = ahead.run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'@'));
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return None;
    }
    ahead.eat("=")?;
    let value = match ahead.quoted() {
        Some(value) => value,
        None => {
            let rest = ahead.rest();
            let end = rest.find([' ', ';', '\t']).unwrap_or(rest.len());
            let value = rest.get(..end)?;
            ahead = Scan::new(rest.get(end..)?);
            value.strip_suffix(',').unwrap_or(value)
        }
    };
    skip_separators(&mut ahead);
    *scan = ahead;
    Some((key, value))
}

fn skip_word(scan: &mut Scan<'_>) {
    let rest = scan.rest();
    let end = rest.find([' ', '\t', ';']).unwrap_or(rest.len());
    *scan = Scan::new(rest.get(end..).unwrap_or_default());
    skip_separators(scan);
}

fn skip_separators(scan: &mut Scan<'_>) {
    scan.run(|byte| matches!(byte, b' ' | b';' | b',' | b'\t'));
}

/// `date` and `time` as FortiGate writes them (`eventtime` is exact), else one field with a whole time.
fn time(dates: &Dates<'_>, event: &Event) -> Option<event::Timestamp> {
    let text = |name| event.get_str(name);
    if let Some(number) = text("kv.eventtime").and_then(|text| text.parse().ok()) {
        return dates.epoch(number);
    }
    if let (Some(date), Some(time)) = (text("kv.date"), text("kv.time")) {
        let zone = text("kv.tz").unwrap_or_default();
        return dates.iso(&format!("{date}T{time}{zone}"));
    }
    let whole = ["kv.time", "kv.ts", "kv.timestamp", "kv.datetime"].into_iter().find_map(text)?;
    dates.iso(whole).or_else(|| dates.epoch_text(whole))
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
    fn pairs_are_read() {
        check(
            "date=2026-11-03 time=07:00:00 devname=\"FG \\\"1\\\"\" srcip=2001:db8::1 action=deny",
            "kv.date=2026-11-03 kv.time=07:00:00 kv.devname=FG \"1\" kv.srcip=2001:db8::1 kv.action=deny",
        );
        check("level=info msg=\"a b\" a=1, b=2; c=", "kv.level=info kv.msg=a b kv.a=1 kv.b=2 kv.c=");
        check("drop: src=1.2.3.4 dst=1.2.3.5 proto=tcp", "kv.src=1.2.3.4 kv.dst=1.2.3.5 kv.proto=tcp");
        check("some words with x=1 in them", "no");
        check("a=1 b=2", "no");
        check("", "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-c=\" ;,\\\\é]{0,80}") {
            testing::listed(&FORMAT, "", &text);
        }

        #[test]
        fn what_is_written_is_read(values in prop::collection::vec("[ -~]{0,12}", 3..9)) {
            let quoted = |value: &String| value.replace('\\', "\\\\").replace('"', "\\\"");
            let pairs = values.iter().enumerate().map(|(at, value)| format!("k{at}=\"{}\"", quoted(value)));
            let event = testing::fields(&FORMAT, &pairs.collect::<Vec<_>>().join(" "));
            for (at, value) in values.iter().enumerate() {
                prop_assert_eq!(event.get_str(&format!("kv.k{at}")), Some(&**value));
            }
        }
    }
}

//! ArcSight's Common Event Format: `CEF:0|vendor|product|version|class|name|severity|key=value…`.

use event::{Event, EventFull};

use super::scan::unescape;
use super::{Dates, Fit, Line, TextFormat};

/// Most extension keys that become fields; the text keeps the others.
const EXTENSIONS_MAX: usize = 1_000;

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "cef", strict: true, decode, normalise: crate::normalise::cef::to_ecs };

const HEADER: [&str; 6] = [
    "cef.device.vendor",
    "cef.device.product",
    "cef.device.version",
    "cef.device.event_class_id",
    "cef.name",
    "cef.severity",
];

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let Some(rest) = line.text.strip_prefix("CEF:") else { return Ok(Fit::No) };
    let Some((version, mut rest)) = split_field(rest) else { return Ok(Fit::No) };
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Ok(Fit::No);
    }
    event.push("cef.version", version)?;
    for name in HEADER {
        let Some((value, after)) = split_field(rest) else { return Ok(Fit::No) };
        event.push(name, &*unescape(value, |found| matches!(found, '|' | '\\').then_some(found)))?;
        rest = after;
    }
    extensions(rest.trim_ascii(), event)?;
    Ok(Fit::At(time(dates, event)))
}

/// The text before the next `|` that no backslash stands before, and the text behind it.
fn split_field(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'|', b'\\', bytes.get(from..)?)?;
        if bytes.get(at) == Some(&b'|') {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        }
        from = at + 2;
    }
}

/// Adds `key=value` pairs; a value reaches to the space before the next key, and may hold spaces itself.
fn extensions(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let Some((mut key, mut rest)) = text.split_once('=') else { return Ok(()) };
    let mut name = String::with_capacity(48);
    for _ in 0..EXTENSIONS_MAX {
        let (value, next) = split_value(rest);
        name.clear();
        name.push_str("cef.extensions.");
        name.push_str(key.trim_ascii());
        event.push(&name, &*unescape(value.trim_ascii_end(), meant))?;
        let Some((after_key, after)) = next else { break };
        (key, rest) = (after_key, after);
    }
    Ok(())
}

fn meant(found: char) -> Option<char> {
    match found {
        '=' | '\\' | '|' => Some(found),
        'n' => Some('\n'),
        'r' => Some('\r'),
        _ => None,
    }
}

/// The value at the start of `text`, and the next key with what follows its `=`.
fn split_value(text: &str) -> (&str, Option<(&str, &str)>) {
    let bytes = text.as_bytes();
    // A key holds no `=`, so it begins behind the last one: every byte is looked at once.
    let (mut from, mut key_min) = (0, 0);
    while let Some(found) = bytes.get(from..).and_then(|ahead| memchr::memchr2(b'=', b'\\', ahead)) {
        let at = from + found;
        if bytes.get(at) == Some(&b'\\') {
            from = at + 2;
            continue;
        }
        let before = bytes.get(key_min..at).unwrap_or_default();
        (from, key_min) = (at + 1, at + 1);
        let Some(space) = memchr::memrchr(b' ', before) else { continue };
        let value_end = at - before.len() + space;
        let (Some(value), Some(key)) = (text.get(..value_end), text.get(value_end + 1..at)) else { continue };
        if !key.is_empty() && key.bytes().all(key_byte) {
            return (value, text.get(at + 1..).map(|after| (key, after)));
        }
    }
    (text, None)
}

fn key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'[' | b']' | b':')
}

/// `rt`, else `end`, else `start`: the time that the device gives.
fn time(dates: &Dates<'_>, event: &Event) -> Option<event::Timestamp> {
    let names = ["cef.extensions.rt", "cef.extensions.end", "cef.extensions.start"];
    let text = names.into_iter().find_map(|name| event.get_str(name))?;
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
    fn check(text: &str, name: &str, expected: Option<&str>) {
        let event = testing::fields(&FORMAT, text);
        assert_eq!(event.get_str(name), expected, "{event:?}");
    }

    #[test]
    fn headers_and_extensions_are_read() {
        let text = r"CEF:0|Big\|Fire|Wall\\x|1.0|100|worm \= stopped|10|src=2001:db8::1 dst=2.1.2.2 msg=a b\=c \\ d\ne request=http://x/?a\=1 cs1Label=Rule Name cs1=x=y";
        check(text, "cef.device.vendor", Some("Big|Fire"));
        check(text, "cef.device.product", Some(r"Wall\x"));
        check(text, "cef.severity", Some("10"));
        check(text, "cef.extensions.src", Some("2001:db8::1"));
        check(text, "cef.extensions.msg", Some("a b=c \\ d\ne"));
        check(text, "cef.extensions.request", Some("http://x/?a=1"));
        check(text, "cef.extensions.cs1Label", Some("Rule Name"));
        check(text, "cef.extensions.cs1", Some("x=y"));
        check("CEF:0|a|b|c|d|e|f|", "cef.severity", Some("f"));
        check("CEF:0|a|b|c|d|e", "cef.name", None);
        check("CEF:x|a|b|c|d|e|f|", "cef.name", None);
    }

    #[test]
    fn the_zone_that_the_device_names_counts() {
        // What stands in `rt`, and what that is in UTC; the source's zone is +07:00 where the device names none.
        for (given, expected) in [
            ("Nov 22 2026 03:00:02 GMT", "2026-11-22T03:00:02Z"),
            ("Nov 22 2026 03:00:02.500 GMT+07:00", "2026-11-21T20:00:02.500Z"),
            ("Nov 22 2026 03:00:02", "2026-11-21T20:00:02Z"),
            ("1795316402000", "2026-11-22T03:00:02Z"),
        ] {
            let event = testing::fields(&FORMAT, &format!("CEF:0|a|b|c|d|e|f|rt={given} src=192.0.2.1"));
            let zone = jiff::tz::TimeZone::get("Asia/Ho_Chi_Minh").unwrap();
            let received = event::Timestamp::parse_rfc3339("2026-11-23T00:00:00Z").unwrap();
            let found = time(&Dates { zone: &zone, year: None, received }, &event);
            assert_eq!(found.map(|time| time.to_string()).as_deref(), Some(expected), "{given}");
        }
    }

    #[test]
    fn protocols_have_names() {
        let transport = |given: &str| {
            let mut event = testing::fields(&FORMAT, &format!("CEF:0|a|b|c|d|e|f|proto={given}"));
            crate::normalise::cef::to_ecs(&mut event).unwrap();
            ["network.transport", "network.iana_number"].map(|name| event.get_str(name).map(str::to_owned))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(transport("6"), [some("tcp"), some("6")]);
        assert_eq!(transport("UDP"), [some("udp"), None]);
        assert_eq!(transport("250"), [None, some("250")]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(CEF:0\\|)?[a-z|=\\\\ é]{0,80}") {
            testing::fields(&FORMAT, &text);
        }

        #[test]
        fn what_is_written_is_read(name in "[ -~]{0,20}", value in "[!-~]([ -~]{0,20}[!-~])?") {
            let name_text = name.replace('\\', "\\\\").replace('|', "\\|");
            let value_text = value.replace('\\', "\\\\").replace('=', "\\=");
            let event = testing::fields(&FORMAT, &format!("CEF:0|v|p|1|id|{name_text}|3|msg={value_text} src=::1"));
            prop_assert_eq!(event.get_str("cef.name"), Some(&*name));
            prop_assert_eq!(event.get_str("cef.extensions.msg"), Some(&*value));
            prop_assert_eq!(event.get_str("cef.extensions.src"), Some("::1"));
        }
    }
}

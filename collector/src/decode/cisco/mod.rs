//! Cisco's messages: `%FACILITY-SEVERITY-MNEMONIC: text`, with a number, host, or time of the device before the mark.
//!
//! The mark is told here; [`asa`] and [`ios`] hold the wordings of their messages.

pub(crate) mod asa;
mod asa_messages;
mod endpoint;
pub(crate) mod ios;
mod ios_messages;

use event::{Event, EventFull, Timestamp};
use jiff::tz::TimeZone;

use super::scan::Scan;
use super::template::{self, Found};
use super::{Dates, Line, has_own_format};

/// Longest text before a mark, in bytes.
const BEFORE_BYTES_MAX: usize = 128;
/// Longest mark, in bytes.
const MARK_BYTES_MAX: usize = 64;

/// A message behind its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Marked<'a> {
    facility: &'a str,
    severity: u8,
    mnemonic: &'a str,
    /// What stands before the mark: sequence number, host, time.
    before: &'a str,
    /// The message.
    text: &'a str,
}

/// A message by its wording: mnemonic, template, and what happened: action and outcome, empty where it does not say.
type Wording = (&'static str, &'static str, &'static str, &'static str);

/// The mark of a line, where it has one.
fn marked<'a>(line: Line<'a>) -> Option<Marked<'a>> {
    let app = line.app.unwrap_or_default();
    if app.starts_with('%') {
        let (facility, severity, mnemonic) = mark(app)?;
        return Some(Marked { facility, severity, mnemonic, before: "", text: line.text });
    }
    let window = line.text.as_bytes().get(..line.text.len().min(BEFORE_BYTES_MAX))?;
    let (before, rest) = line.text.split_at_checked(memchr::memchr(b'%', window)?)?;
    // A program's message that quotes a mark is none: only a number or a host's own name stands before one.
    let numbered = app.bytes().all(|byte| byte.is_ascii_digit());
    if !numbered && (!before.trim_matches([':', ' ']).is_empty() || has_own_format(app)) {
        return None;
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" :.*_-/+".contains(&byte);
    if !before.is_empty() && !before.ends_with(' ') || !before.bytes().all(plain) {
        return None;
    }
    let (name, text) = rest.split_once(':')?;
    let (facility, severity, mnemonic) = mark(name)?;
    Some(Marked { facility, severity, mnemonic, before, text: text.trim_start_matches(' ') })
}

/// `%FACILITY[-PART]-SEVERITY-MNEMONIC`.
fn mark(text: &str) -> Option<(&str, u8, &str)> {
    let mut parts = text.strip_prefix('%').filter(|name| name.len() <= MARK_BYTES_MAX)?.rsplitn(3, '-');
    let (mnemonic, severity, facility) = (parts.next()?, parts.next()?, parts.next()?);
    let word = |word: &str, also: &[u8]| {
        let belongs = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || also.contains(&byte);
        !word.is_empty() && word.bytes().all(belongs)
    };
    let begins = facility.as_bytes().first().is_some_and(|byte| byte.is_ascii_uppercase() || *byte == b'$');
    let severity = severity.parse::<u8>().ok().filter(|level| severity.len() == 1 && *level <= 7)?;
    let good = begins && word(mnemonic, b"_") && word(&facility.to_ascii_uppercase(), b"_-$");
    good.then_some((facility, severity, mnemonic))
}

/// Adds what stands before the mark, and the mark's severity; returns the device's own time.
fn envelope(
    line: Line<'_>,
    marked: &Marked<'_>,
    dates: &Dates<'_>,
    event: &mut Event,
) -> Result<Option<Timestamp>, EventFull> {
    let mut time = None;
    let own = line.app.filter(|app| !app.starts_with('%') && *app != "SFIMS" && is_host(app));
    let mut host = own.filter(|_| !event.has("log.syslog.hostname"));
    for part in marked.before.split_inclusive(": ").map(|part| part.trim_matches([':', ' '])) {
        let mut scan = Scan::new(part);
        if let Some(claim) = dates.bsd(&mut scan) {
            let behind = scan.rest().trim_matches([':', ' ']);
            time = claim.time;
            if matches!(behind, "UTC" | "GMT") {
                let utc = Dates { zone: &TimeZone::UTC, ..dates.clone() };
                time = utc.bsd_text(part);
            } else if is_host(behind) && !is_zone(behind) {
                host = Some(behind);
            }
        } else if is_host(part) {
            host = Some(part);
        }
    }
    if let Some(host) = host {
        event.set_default("host.name", host)?;
    }
    event.push("event.severity", i64::from(marked.severity))?;
    event.set_default("log.syslog.severity.code", i64::from(marked.severity))?;
    event.push("message", marked.text)?;
    event.push("observer.vendor", "Cisco")?;
    Ok(time)
}

/// Whether it may be a host's name: not a sequence number and not a time since boot (`1w2d`, `00:01:07`).
fn is_host(word: &str) -> bool {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let since_boot = |byte: u8| byte.is_ascii_digit() || b"ywdhms:".contains(&byte);
    let counts = word.as_bytes().first().is_some_and(u8::is_ascii_digit) && word.bytes().all(since_boot);
    !word.is_empty() && word.bytes().all(belongs) && !counts
}

fn is_zone(word: &str) -> bool {
    word.len() <= 5 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Adds what the first wording of `mnemonic` that fits `text` says; false when none does.
fn worded(table: &[Wording], mnemonic: &str, text: &str, event: &mut Event) -> Result<bool, EventFull> {
    let mut found = Found::new();
    for (_, template, action, outcome) in table.iter().filter(|(own, ..)| *own == mnemonic) {
        if !template::read(template, text, &mut found) {
            continue;
        }
        for (name, value) in [("event.action", action), ("event.outcome", outcome)] {
            if !value.is_empty() {
                event.push(name, *value)?;
            }
        }
        fill(&found, event)?;
        return Ok(true);
    }
    Ok(false)
}

/// Adds each value under the name that the template gives it.
fn fill(found: &Found<'_, '_>, event: &mut Event) -> Result<(), EventFull> {
    let outbound = found.iter().any(|(name, value)| *name == "network.direction" && *value == "outbound");
    for (name, value) in found {
        let value = value.trim_ascii();
        match *name {
            "" => Ok(()),
            "source" | "destination" => endpoint::push(name, value, event),
            // The far side comes first; who began is told by the direction.
            "first" => endpoint::push(if outbound { "destination" } else { "source" }, value, event),
            "second" => endpoint::push(if outbound { "source" } else { "destination" }, value, event),
            "network.transport" => event.push(name, value.to_ascii_lowercase().as_str()),
            _ if value.is_empty() => Ok(()),
            name if name.ends_with(".ip") => endpoint::push_address(name, value, event),
            name if [".port", ".bytes", ".packets", ".count"].iter().any(|end| name.ends_with(end)) => {
                value.replace(',', "").parse::<i64>().map_or(Ok(()), |number| event.push(name, number))
            }
            name => event.push(name, value),
        }?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(app: &str, text: &str, expected: Option<(&str, u8, &str, &str)>) {
        let app = Some(app).filter(|app| !app.is_empty());
        let found = marked(Line { text, app });
        let found = found.map(|found| (found.facility, found.severity, found.mnemonic, found.text));
        assert_eq!(found, expected, "{app:?} {text}");
    }

    #[test]
    fn marks_are_found_where_devices_put_them() {
        let asa = Some(("ASA", 6, "302013", "Built x"));
        check("%ASA-6-302013", "Built x", asa);
        check("", "%ASA-6-302013: Built x", asa);
        check("", ": %ASA-6-302013: Built x", asa);
        check("asa-dc1", "%ASA-6-302013: Built x", asa);
        check("", ":Nov 03 07:00:00 ICT: %ASA-6-302013: Built x", asa);
        check("", "%ASA-session-6-302013: Built x", Some(("ASA-session", 6, "302013", "Built x")));
        check("77", "rt-q1: *Nov  3 07:00:00.123: %SYS-5-CONFIG_I: x", Some(("SYS", 5, "CONFIG_I", "x")));
        check("nginx", "said: %ASA-6-302013: Built x", None);
        check("sshd", "%ASA-6-302013: Built x", None);
        check("", "a \"quoted\" %ASA-6-302013: Built x", None);
        check("", "100%ASA-6-302013: x", None);
        check("", "%ASA-9-302013: x", None);
        check("", "%ASA-6-302013 x", None);
        check("", "%d-1-2: x", None);
    }

    #[test]
    fn host_and_time_before_the_mark_are_read() {
        let host = |before, expected: (Option<&str>, Option<&str>)| {
            let line = Line { text: "", app: Some("77") };
            let marked = Marked { facility: "SYS", severity: 5, mnemonic: "X", before, text: "" };
            let received = Timestamp::parse_rfc3339("2026-11-03T00:00:10Z").unwrap();
            let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap();
            let mut event = Event::new();
            let time = envelope(line, &marked, &Dates { zone: &zone, year: None, received }, &mut event).unwrap();
            let time = time.map(|time| time.to_string());
            assert_eq!((event.get_str("host.name"), time.as_deref()), expected, "{before}");
        };
        host("rt-q1: *Nov  3 07:00:00.123: ", (Some("rt-q1"), Some("2026-11-03T00:00:00.123Z")));
        host("rt-q1: Nov  3 00:00:00 UTC: ", (Some("rt-q1"), Some("2026-11-03T00:00:00Z")));
        host(":Nov 03 2026 07:00:00 ICT: ", (None, Some("2026-11-03T00:00:00Z")));
        host(":Nov 03 2026 07:00:00 asa-dc1 : ", (Some("asa-dc1"), Some("2026-11-03T00:00:00Z")));
        host("000123: 1w2d: ", (None, None));
    }
}

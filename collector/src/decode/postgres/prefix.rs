//! The text before `LOG:  …`: time, process, user and database, client, in the orders that `log_line_prefix` is set to.

use event::{Event, EventFull, Timestamp};

use super::super::dates::looks_iso;
use super::super::{Dates, Fit, Line, has_own_format};
use super::{LEVELS, message};
use crate::normalise::is_ip;

/// Longest prefix, in bytes.
const PREFIX_BYTES_MAX: usize = 512;
/// Most words of a prefix that are looked at.
const WORDS_MAX: usize = 40;

/// A line with a prefix: `2026-11-03 07:00:00.123 +07 [1234] app@dancu LOG:  message`, by syslog `[5-1] … LOG:  message`.
pub(super) fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let own = line.app.is_some_and(|app| app == "postgres" || app == "postgresql");
    let dated = looks_iso(line.text) && line.text.as_bytes().get(10) == Some(&b' ');
    if !own && (!dated || line.app.is_some_and(has_own_format)) {
        return Ok(Fit::No);
    }
    let Some((prefix, level, text)) = split(line.text) else {
        return Ok(if own { Fit::Yes } else { Fit::No });
    };
    let (time, rest) = head(prefix, dates);
    // A number behind the time is a thread of MySQL's.
    let threaded = rest.trim_ascii_start().starts_with(|first: char| first.is_ascii_digit());
    if !own && (time.is_none() || threaded) {
        return Ok(Fit::No);
    }
    words(rest, event)?;
    event.push("log.level", level)?;
    event.push("message", text)?;
    match level {
        "STATEMENT" | "QUERY" => event.push("postgresql.log.query", text)?,
        "DETAIL" => event.push("postgresql.log.detail", text)?,
        _ => message::read(text, event)?,
    }
    Ok(time.map_or(Fit::Yes, |time| Fit::At(Some(time))))
}

/// Prefix, severity, message: at the first `SEVERITY:  `.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while from <= PREFIX_BYTES_MAX {
        let at = from + memchr::memmem::find(text.as_bytes().get(from..)?, b":  ")?;
        let before = text.get(..at)?;
        let start = before.rfind([' ', ':', ']']).map_or(0, |start| start + 1);
        let level = before.get(start..)?;
        if at <= PREFIX_BYTES_MAX && LEVELS.contains(&level) {
            return Some((before.get(..start)?, level, text.get(at + 3..)?));
        }
        from = at + 3;
    }
    None
}

/// The time that `prefix` begins with or has behind syslog's `[5-1]`, and the text behind it.
fn head<'a>(prefix: &'a str, dates: &Dates<'_>) -> (Option<Timestamp>, &'a str) {
    let numbered = |text: &'a str| text.strip_prefix('[')?.split_once("] ").filter(|(number, _)| number.contains('-'));
    let text = numbered(prefix).map_or(prefix, |(_, rest)| rest);
    if !looks_iso(text) {
        return (None, text);
    }
    let mut ends = text.match_indices([' ', ':']).map(|(at, _)| at).filter(|at| *at > 18);
    let (clock, zone) = (ends.next().unwrap_or(text.len()), ends.next().unwrap_or(text.len()));
    let both = text.get(..zone).unwrap_or(text);
    match time(both, dates) {
        Some(time) => (Some(time), text.get(zone..).unwrap_or_default()),
        None => (text.get(..clock).and_then(|text| dates.iso(text)), text.get(clock..).unwrap_or_default()),
    }
}

/// `2026-11-03 07:00:00.123 +07`; a zone's letters other than UTC's mean the source's own zone.
pub(super) fn time(text: &str, dates: &Dates<'_>) -> Option<Timestamp> {
    if !looks_iso(text) {
        return None;
    }
    let clock_end = text.get(11..)?.find(' ').map_or(text.len(), |at| at + 11);
    let (clock, zone) = text.split_at_checked(clock_end)?;
    match zone.trim_ascii() {
        "UTC" | "GMT" | "Z" => dates.iso_utc(clock),
        zone if zone.starts_with(['+', '-']) => {
            let zone = if zone.len() == 3 { format!("{zone}:00") } else { zone.to_owned() };
            dates.iso(&format!("{clock}{zone}"))
        }
        zone if zone.bytes().all(|byte| byte.is_ascii_alphabetic()) => dates.iso(clock),
        _ => None,
    }
}

/// `[1234]`, `app@dancu`, `10.1.1.5(5123)`, `user=app,db=dancu,app=psql,client=10.1.1.5`, between spaces or colons.
fn words(text: &str, event: &mut Event) -> Result<(), EventFull> {
    for word in text.split([' ', ',']).flat_map(fields).filter(|word| !word.is_empty()).take(WORDS_MAX) {
        if let Some((key, value)) = word.split_once('=') {
            pair(key, value, event)?;
        } else if let Some(pid) = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')) {
            if let Ok(pid) = pid.parse::<i64>() {
                event.set_default("process.pid", pid)?;
            }
        } else if let Some((user, database)) = word.rsplit_once('@') {
            pair("user", user, event)?;
            pair("db", database, event)?;
        } else if word.ends_with(')') || is_ip(word) {
            peer(word, event)?;
        }
    }
    Ok(())
}

/// The parts of a word that colons divide (`10.1.1.5(5123):app@dancu:[1234]:`); an IPv6 address is none.
fn fields(word: &str) -> impl Iterator<Item = &str> {
    // The colon behind the time; a second one belongs to an address.
    let word = match word.strip_prefix(':') {
        Some(rest) if !rest.starts_with(':') || rest.starts_with("::") => rest,
        _ => word,
    };
    let divided = word.contains("):") || word.contains(":[") || word.ends_with(':');
    let whole = (!divided).then_some(word);
    let address = word.split_once('(').filter(|(address, _)| divided && is_ip(address));
    let address =
        address.and_then(|_| word.split_once(')')).map(|(first, _)| word.get(..=first.len()).unwrap_or(first));
    let rest = address.map_or(word, |address| word.get(address.len()..).unwrap_or_default());
    let parts = if divided { rest } else { "" };
    whole.into_iter().chain(address).chain(parts.split(':'))
}

fn pair(key: &str, value: &str, event: &mut Event) -> Result<(), EventFull> {
    if value.is_empty() || value == "[unknown]" {
        return Ok(());
    }
    match key {
        "user" | "usr" | "u" => event.set_default("user.name", value),
        "db" | "database" | "d" => event.set_default("postgresql.log.database", value),
        "app" | "application" | "a" => event.set_default("postgresql.log.application_name", value),
        "client" | "host" | "remote" | "h" | "r" => peer(value, event),
        _ => Ok(()),
    }
}

/// `10.1.1.5(5123)`, `10.1.1.5:5123`, `10.1.1.5`, a host's name; `[local]` is the server itself and adds nothing.
pub(super) fn peer(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let (host, port) = match text.split_once('(') {
        Some((host, port)) => (host, port.trim_end_matches(')')),
        None if is_ip(text) => (text, ""),
        None => text.rsplit_once(':').unwrap_or((text, "")),
    };
    if host.is_empty() || host.starts_with('[') {
        return Ok(());
    }
    event.set_default(if is_ip(host) { "source.ip" } else { "source.domain" }, host)?;
    port.parse::<u16>().map_or(Ok(()), |port| event.set_default("source.port", i64::from(port)))
}

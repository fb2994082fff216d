//! BIND: its query log, from a file or through syslog, and the lines of its own log files.

use event::{Event, EventFull};

use super::scan::Scan;
use super::{Dates, Fit, Line, TextFormat};

/// The registry's line; lines of a log file that are no queries become `bind.log`.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "bind.query", strict: true, decode, normalise: crate::normalise::dns::to_ecs };

/// Whether the name server logs under this name.
pub(super) fn owns(app: &str) -> bool {
    matches!(app, "named" | "named-pkcs11" | "bind" | "bind9")
}

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    if let Some(prefix) = prefix(line.text, dates) {
        event.push("bind.log.category", prefix.category)?;
        event.push("log.level", prefix.level)?;
        client(prefix.text, event)?;
        return Ok(Fit::At(prefix.time));
    }
    // Through syslog the category and level may stand before the text (`print-category yes`).
    let text = line.text.strip_prefix("queries: ").unwrap_or(line.text);
    let text = text.strip_prefix("info: ").unwrap_or(text);
    let is_named = line.app.is_none_or(|app| app.starts_with("named") || app.contains("bind"));
    if !is_named || !text.starts_with("client ") {
        return Ok(Fit::No);
    }
    client(text, event)?;
    Ok(if event.has("dns.question.name") { Fit::Yes } else { Fit::No })
}

/// What BIND puts before its text in a file.
struct Prefix<'a> {
    time: Option<event::Timestamp>,
    category: &'a str,
    level: &'a str,
    text: &'a str,
}

const LEVELS: [&str; 5] = ["critical", "error", "warning", "notice", "info"];

/// `03-Nov-2026 07:00:00.123 queries: info: TEXT`.
fn prefix<'a>(text: &'a str, dates: &Dates<'_>) -> Option<Prefix<'a>> {
    let mut scan = Scan::new(text);
    let (date, clock) = (scan.word(), scan.word());
    let (day, rest) = date.split_once('-')?;
    let (month, year) = rest.split_once('-')?;
    let digits = |text: &str, len: usize| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_clock = clock.len() >= 8 && clock.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
    if !digits(day, 2) || month.len() != 3 || !digits(year, 4) || !is_clock {
        return None;
    }
    let category = scan.until(": ")?;
    let level = scan.until(": ")?;
    let is_category = !category.is_empty() && category.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if !is_category || !(LEVELS.contains(&level) || level.starts_with("debug ")) {
        return None;
    }
    let time = dates.bsd_text(&format!("{month} {day} {year} {clock}"));
    Some(Prefix { time, category, level, text: scan.rest() })
}

/// `client [@0x7f1a ]ADDRESS#PORT[ (NAME)]: [view NAME: ]…`.
fn client(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let mut scan = Scan::new(text);
    if scan.eat("client ").is_none() {
        return Ok(());
    }
    if scan.rest().starts_with("@0x") {
        scan.word();
    }
    let Some((address, rest)) = scan.rest().split_once('#') else { return Ok(()) };
    if !crate::normalise::is_ip(address) {
        return Ok(());
    }
    let mut scan = Scan::new(rest);
    let port = scan.run(|byte| byte.is_ascii_digit());
    let Some(head) = scan.until(": ") else { return Ok(()) };
    let told = head.trim_ascii().strip_prefix('(').and_then(|name| name.strip_suffix(')'));
    event.push("source.ip", address)?;
    if let Ok(port) = port.parse::<u16>() {
        event.push("source.port", i64::from(port))?;
    }
    if scan.eat("view ").is_some()
        && let Some(view) = scan.until(": ")
    {
        event.push("bind.query.view", view)?;
    }
    if scan.eat("query: ").is_some() {
        return query(scan, event);
    }
    refused(scan.rest(), told, event)
}

/// `NAME CLASS TYPE FLAGS (ADDRESS)`.
fn query(mut scan: Scan<'_>, event: &mut Event) -> Result<(), EventFull> {
    let (name, class, kind, flags) = (scan.word(), scan.word(), scan.word(), scan.word());
    if name.is_empty() || kind.is_empty() {
        return Ok(());
    }
    event.push("dns.question.name", name)?;
    event.push("dns.question.class", class)?;
    event.push("dns.question.type", kind)?;
    event.push("event.action", "dns_query")?;
    if flags.starts_with(['+', '-']) {
        event.push("bind.query.flags", flags)?;
        event.push("network.transport", if flags.contains('T') { "tcp" } else { "udp" })?;
    }
    let server = scan.rest().trim_ascii().strip_prefix('(').and_then(|rest| rest.split_once(')'));
    match server.filter(|(address, _)| crate::normalise::is_ip(address)) {
        Some((address, _)) => event.push("destination.ip", address),
        None => Ok(()),
    }
}

/// `query (cache) 'NAME/TYPE/CLASS' denied`, `query failed (REFUSED) for NAME/CLASS/TYPE at query.c:…`.
fn refused(text: &str, told: Option<&str>, event: &mut Event) -> Result<(), EventFull> {
    let denied = text.strip_prefix("query ").filter(|rest| rest.starts_with(['(', '\'']));
    let denied = denied.and_then(|rest| rest.split_once('\'')?.1.split_once("' denied"));
    if let Some((asked, _)) = denied {
        let mut parts = asked.rsplitn(3, '/');
        let (class, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        return unanswered(parts.next().or(told).unwrap_or_default(), class, kind, "REFUSED", event);
    }
    let failed = text.strip_prefix("query failed (").and_then(|rest| rest.split_once(") for "));
    if let Some((code, rest)) = failed {
        let mut parts = rest.split(' ').next().unwrap_or_default().rsplitn(3, '/');
        let (kind, class) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        return unanswered(parts.next().or(told).unwrap_or_default(), class, kind, code, event);
    }
    Ok(())
}

fn unanswered(name: &str, class: &str, kind: &str, code: &str, event: &mut Event) -> Result<(), EventFull> {
    if name.is_empty() {
        return Ok(());
    }
    event.push("dns.question.name", name)?;
    event.push("dns.question.class", class)?;
    event.push("dns.question.type", kind)?;
    event.push("dns.response_code", code)?;
    event.push("event.action", "dns_query")?;
    event.push("event.outcome", "failure")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[track_caller]
    fn check(app: &str, text: &str, expected: &str) {
        assert_eq!(testing::listed(&FORMAT, app, text), expected, "{text}");
    }

    #[test]
    fn queries_are_read() {
        let query = "source.ip=2001:db8::7 source.port=4022 dns.question.name=Example.VN dns.question.class=IN \
                     dns.question.type=AAAA event.action=dns_query bind.query.flags=+E(0)K network.transport=udp \
                     destination.ip=fd00::53";
        let text = "client @0x7f1a 2001:db8::7#4022 (example.vn): query: Example.VN IN AAAA +E(0)K (fd00::53)";
        check("named", text, query);
        check("", text, query);
        check("named", &format!("queries: info: {text}"), query);
        check(
            "",
            &format!("03-Nov-2026 07:00:00.123 queries: info: {text}"),
            &format!("bind.log.category=queries log.level=info {query}"),
        );
        check(
            "named",
            "client 10.0.0.5#53: view inner: query: a.vn IN TXT +T (10.0.0.53)",
            "source.ip=10.0.0.5 source.port=53 bind.query.view=inner dns.question.name=a.vn dns.question.class=IN \
             dns.question.type=TXT event.action=dns_query bind.query.flags=+T network.transport=tcp \
             destination.ip=10.0.0.53",
        );
    }

    #[test]
    fn other_lines_are_read() {
        check(
            "named",
            "client @0x1 203.0.113.9#7 (x.vn): query (cache) 'x.vn/ANY/IN' denied",
            "source.ip=203.0.113.9 source.port=7 dns.question.name=x.vn dns.question.class=IN dns.question.type=ANY \
             dns.response_code=REFUSED event.action=dns_query event.outcome=failure",
        );
        check(
            "",
            "03-Nov-2026 07:00:00.123 xfer-out: info: client @0x1 203.0.113.9#7 (x.vn): transfer of 'x.vn/IN': AXFR started",
            "bind.log.category=xfer-out log.level=info source.ip=203.0.113.9 source.port=7",
        );
        check("named", "client @0x1 203.0.113.9#7 (x.vn): transfer of 'x.vn/IN': AXFR started", "no");
        check("named", "all zones loaded", "no");
        check("sshd", "client 10.0.0.5#53: query: a.vn IN TXT +T (10.0.0.53)", "no");
        check("", "03-Nov-2026 07:00:00 something else", "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(client @0x1 ::1#5 )?(\\(a\\): query: )?[a-z/'\\(\\):# é0-9]{0,80}") {
            testing::listed(&FORMAT, "named", &text);
            testing::listed(&FORMAT, "", &format!("03-Nov-2026 07:00:00.123 queries: info: {text}"));
        }
    }
}

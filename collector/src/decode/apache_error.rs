//! Apache's error log: `[TIME] [MODULE:LEVEL] [pid 1:tid 2] [client ADDRESS:PORT] AH00037: TEXT, referer: URL`.

use event::{Event, EventFull};

use super::scan::Scan;
use super::{Dates, Fit, Line, TextFormat};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "apache.error", strict: true, decode, normalise: crate::normalise::errors::to_ecs };

const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];
/// Most bracketed parts before the text.
const PARTS_MAX: usize = 8;

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    read(line, dates, event).map(|fit| fit.unwrap_or(Fit::No))
}

fn read(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Option<Fit>, EventFull> {
    let mut scan = Scan::new(line.text);
    let Some(first) = bracketed(&mut scan) else { return Ok(None) };
    let time = time(first, dates);
    // Through syslog Apache leaves the time out.
    let is_apache = line.app.is_some_and(|app| app.contains("httpd") || app.contains("apache"));
    if time.is_none() && !is_apache {
        return Ok(None);
    }
    let level = if time.is_some() { bracketed(&mut scan) } else { Some(first) };
    let Some((module, level)) = level.map(|part| part.split_once(':').unwrap_or(("", part))) else { return Ok(None) };
    if !LEVELS.contains(&level) && !level.starts_with("trace") {
        return Ok(None);
    }
    if !module.is_empty() {
        event.push("apache.error.module", module)?;
    }
    event.push("log.level", level)?;
    let mut is_client_named = false;
    for _ in 0..PARTS_MAX {
        let mut ahead = scan;
        let Some(part) = bracketed(&mut ahead) else { break };
        match part.split_once(' ') {
            Some(("pid", rest)) => pid(rest, event)?,
            // Only the first is Apache's own; what follows is a module's text.
            Some(("client", peer)) if !is_client_named => {
                client(peer, event)?;
                is_client_named = true;
            }
            Some(("remote", peer)) if !is_client_named => client(peer, event)?,
            _ => break,
        }
        scan = ahead;
    }
    text(scan.rest(), event)?;
    Ok(Some(time.map_or(Fit::Yes, |time| Fit::At(Some(time)))))
}

/// `[…]` and the spaces behind it.
fn bracketed<'a>(scan: &mut Scan<'a>) -> Option<&'a str> {
    let mut ahead = *scan;
    ahead.eat("[")?;
    let part = ahead.until_byte(b']')?;
    ahead.spaces();
    *scan = ahead;
    Some(part)
}

/// `Tue Nov 03 07:00:00.123456 2026`.
fn time(text: &str, dates: &Dates<'_>) -> Option<event::Timestamp> {
    let mut words = text.split_ascii_whitespace();
    let (weekday, month, day, clock, year) =
        (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    if weekday.len() != 3 || year.len() != 4 || words.next().is_some() {
        return None;
    }
    dates.bsd_text(&format!("{month} {day} {year} {clock}"))
}

/// `812:tid 140`, `812`.
fn pid(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let (pid, thread) = text.split_once(":tid ").unwrap_or((text, ""));
    if let Ok(pid) = pid.parse::<i64>() {
        event.push("process.pid", pid)?;
    }
    thread.parse::<i64>().map_or(Ok(()), |thread| event.push("process.thread.id", thread))
}

/// `192.0.2.1:4022`, `2001:db8::1:4022` (IPv6 without brackets), or an address alone (Apache 2.2).
fn client(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let text = text.trim_ascii();
    let parts = text.rsplit_once(':').map(|(ip, port)| (ip.trim_matches(['[', ']']), port));
    match parts.and_then(|(ip, port)| Some((ip, port.parse::<u16>().ok()?))) {
        Some((ip, port)) if crate::normalise::is_ip(ip) => {
            event.push("source.ip", ip)?;
            event.push("source.port", i64::from(port))
        }
        _ if crate::normalise::is_ip(text) => event.push("source.ip", text),
        _ => Ok(()),
    }
}

/// `AH00037: TEXT, referer: URL`; ModSecurity's `[id "…"] [msg "…"]` too.
fn text(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let code = text.split_once(": ").map(|(code, _)| code);
    if let Some(code) =
        code.filter(|code| code.starts_with("AH") && code.bytes().skip(2).all(|byte| byte.is_ascii_digit()))
    {
        event.push("event.code", code)?;
    }
    if text.starts_with("ModSecurity: ") {
        super::modsecurity::tags(text, event)?;
    }
    match text.rsplit_once(", referer: ") {
        Some((_, referrer)) => event.push("http.request.referrer", referrer),
        None => Ok(()),
    }
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
    fn lines_are_read() {
        check(
            "",
            "[Tue Nov 03 07:00:00.123456 2026] [core:error] [pid 812:tid 140] [client 2001:db8::7:4022] AH00126: Invalid \
             URI in request GET /../etc/passwd HTTP/1.1, referer: http://r/",
            "apache.error.module=core log.level=error process.pid=812 process.thread.id=140 source.ip=2001:db8::7 \
             source.port=4022 event.code=AH00126 http.request.referrer=http://r/",
        );
        check(
            "",
            "[Tue Nov 03 07:00:00 2026] [error] [client 192.0.2.7] File does not exist: /x",
            "log.level=error source.ip=192.0.2.7",
        );
        check(
            "apache2",
            "[authz_core:error] [pid 9] [client 192.0.2.7:5] AH01630: client denied by server configuration: /x",
            "apache.error.module=authz_core log.level=error process.pid=9 source.ip=192.0.2.7 source.port=5 \
             event.code=AH01630",
        );
        check(
            "",
            "[Tue Nov 03 07:00:00 2026] [php:notice] [pid 9] [client 192.0.2.7:5] [client 6.6.6.6:1] x",
            "apache.error.module=php log.level=notice process.pid=9 source.ip=192.0.2.7 source.port=5",
        );
        check("", "[core:error] x", "no");
        check("", "[12.5] UFW BLOCK: x", "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(\\[Tue Nov 03 07:00:00 2026\\] )?(\\[core:error\\] )?[a-z\\[\\]:, é0-9]{0,80}") {
            testing::listed(&FORMAT, "", &text);
            testing::listed(&FORMAT, "httpd", &text);
        }
    }
}

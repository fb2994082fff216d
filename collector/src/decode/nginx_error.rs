//! nginx's error log: `2026/11/03 07:00:00 [error] 8#8: *45 TEXT, client: ADDRESS, server: NAME, request: "…", host: "…"`.

use event::{Event, EventFull};

use super::scan::Scan;
use super::{Dates, Fit, Line, TextFormat};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "nginx.error", strict: true, decode, normalise: crate::normalise::errors::to_ecs };

const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let Some((time, level, mut scan)) = head(line.text, dates) else { return Ok(Fit::No) };
    event.push("log.level", level)?;
    let (pid, thread) = (scan.run(|byte| byte.is_ascii_digit()), scan.eat("#"));
    let thread_id = scan.run(|byte| byte.is_ascii_digit());
    if let (Ok(pid), Some(())) = (pid.parse::<i64>(), thread) {
        event.push("process.pid", pid)?;
        if let Ok(thread_id) = thread_id.parse::<i64>() {
            event.push("process.thread.id", thread_id)?;
        }
    }
    scan.eat(": ");
    if scan.eat("*").is_some()
        && let Ok(connection) = scan.word().parse::<i64>()
    {
        event.push("nginx.error.connection_id", connection)?;
    }
    context(scan.rest(), event)?;
    Ok(Fit::At(time))
}

/// `2026/11/03 07:00:00 [error] `, or `[error] ` alone where the time is syslog's and the program nginx.
fn head<'a>(text: &'a str, dates: &Dates<'_>) -> Option<(Option<event::Timestamp>, &'a str, Scan<'a>)> {
    let mut scan = Scan::new(text);
    let date = scan.word();
    let clock = scan.word();
    let is_date = matches!(date.as_bytes(), [_, _, _, _, b'/', _, _, b'/', _, _])
        && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'/');
    let is_clock = matches!(clock.as_bytes(), [_, _, b':', _, _, b':', _, _]);
    if !is_date || !is_clock {
        return None;
    }
    scan.eat("[")?;
    let level = scan.until_byte(b']').filter(|level| LEVELS.contains(level))?;
    scan.eat(" ")?;
    let time = dates.iso(&format!("{} {clock}", date.replace('/', "-")));
    Some((time, level, scan))
}

/// What nginx puts behind its text. A file's name or a request may hold the same words: when they stand there twice,
/// nothing is believed.
fn context(text: &str, event: &mut Event) -> Result<(), EventFull> {
    if text.contains("ModSecurity: ") {
        super::modsecurity::tags(text, event)?;
    }
    let mut clients = text.match_indices(", client: ");
    let Some((at, mark)) = clients.next() else { return Ok(()) };
    if clients.next().is_some() {
        return Ok(());
    }
    let rest = text.get(at + mark.len()..).unwrap_or_default();
    let (client, rest) = rest.split_once(", ").unwrap_or((rest, ""));
    if crate::normalise::is_ip(client) {
        event.push("source.ip", client)?;
    }
    if let Some((server, _)) = rest.strip_prefix("server: ").map(|rest| rest.split_once(", ").unwrap_or((rest, "")))
        && !matches!(server, "" | "_")
    {
        event.push("nginx.error.server", server)?;
    }
    if let Some((_, request)) = rest.split_once("request: \"") {
        let line = request.split_once("\", ").map_or(request.trim_end_matches('"'), |(line, _)| line);
        let parts = line.split_once(' ').and_then(|(method, rest)| Some((method, rest.rsplit_once(" HTTP/")?)));
        match parts.filter(|(method, _)| method.bytes().all(|byte| byte.is_ascii_uppercase())) {
            Some((method, (url, version))) => {
                event.push("http.request.method", method)?;
                event.push("http.version", version)?;
                event.push("url.original", url)?;
            }
            None => event.push("http.request.line", line)?,
        }
    }
    for (begin, name) in [
        ("upstream: \"", "nginx.error.upstream"),
        ("host: \"", "url.domain"),
        ("referrer: \"", "http.request.referrer"),
    ] {
        let mark = format!("\", {begin}");
        let found = rest.rsplit_once(&*mark).or_else(|| rest.rsplit_once(&*format!(", {begin}")));
        if let Some((value, _)) = found.and_then(|(_, rest)| rest.split_once('"')) {
            event.set_default(name, value)?;
        }
    }
    Ok(())
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
    fn lines_are_read() {
        check(
            "2026/11/03 07:00:00 [error] 8#9: *45 open() \"/srv/x\" failed (2: No such file or directory), client: \
             2001:db8::7, server: hcm.example, request: \"GET /x?a=1 HTTP/1.1\", host: \"hcm.example\", referrer: \"http://r/\"",
            "log.level=error process.pid=8 process.thread.id=9 nginx.error.connection_id=45 source.ip=2001:db8::7 \
             nginx.error.server=hcm.example http.request.method=GET http.version=1.1 url.original=/x?a=1 \
             url.domain=hcm.example http.request.referrer=http://r/",
        );
        check(
            "2026/11/03 07:00:00 [alert] 8#8: worker process 9 exited on signal 11 (core dumped)",
            "log.level=alert process.pid=8 process.thread.id=8",
        );
        // A request that pretends to be another client.
        check(
            "2026/11/03 07:00:00 [error] 8#8: *4 open() \"/a, client: 6.6.6.6, server: x\" failed, client: 192.0.2.7, server: y",
            "log.level=error process.pid=8 process.thread.id=8 nginx.error.connection_id=4",
        );
        check("2026/11/03 07:00:00 started", "no");
        check("2026-11-03 07:00:00 [error] 8#8: x", "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(2026/11/03 07:00:00 \\[error\\] 8#8: \\*4 )?[a-z\", :é]{0,40}(, client: ::1, )?[a-z\", :]{0,40}") {
            testing::listed(&FORMAT, "", &text);
        }
    }
}

//! The error log: MySQL 8's `2026-11-03T00:00:00.123456Z 12 [Warning] [MY-010055] [Server] text` and MariaDB's
//! `2026-11-03  7:00:00 12 [Warning] text`.

use event::{Event, EventFull, Timestamp};

use super::super::dates::looks_iso;
use super::super::scan::Scan;
use super::super::template::{self, Found};
use super::super::{Dates, Fit, Line, TextFormat};
use super::client;

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "mysql.error", strict: true, decode, normalise: crate::normalise::mysql::to_ecs };

const LEVELS: [&str; 5] = ["System", "Error", "ERROR", "Warning", "Note"];
/// Programs whose lines are this format's, with or without a time.
const PROGRAMS: [&str; 3] = ["mysqld", "mariadbd", "mysqld_safe"];
/// Wording, action, outcome.
const MESSAGES: &[(&str, &str, &str)] = &[
    ("Access denied for user '{user.name}'@'{client}' (using password: {mysql.error.password})", "login", "failure"),
    ("Access denied for user '{user.name}'@'{client}' to database '{mysql.error.database}'", "login", "failure"),
    (
        "Aborted connection {mysql.error.connection_id} to db: '{mysql.error.database}' user: '{user.name}' host: '{client}' ({event.reason})",
        "disconnect",
        "",
    ),
    ("Host '{client}' is blocked because of many connection errors", "blocked", "failure"),
    ("IP address '{client}' could not be resolved: {event.reason}", "", ""),
];

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let own = line.app.is_some_and(|app| PROGRAMS.contains(&app));
    if !own && line.app.is_some() {
        return Ok(Fit::No);
    }
    let mut scan = Scan::new(line.text);
    let time = time(&mut scan, dates);
    let thread = scan.run(|byte| byte.is_ascii_digit());
    scan.spaces();
    let level = scan.eat("[").and_then(|()| scan.until_byte(b']')).filter(|level| LEVELS.contains(level));
    let Some(level) = level.filter(|_| own || time.is_some()) else {
        return Ok(if own { Fit::Yes } else { Fit::No });
    };
    event.push("log.level", level.to_ascii_lowercase().as_str())?;
    if let Ok(thread) = thread.parse::<i64>() {
        event.push("mysql.thread_id", thread)?;
    }
    scan.spaces();
    for name in ["event.code", "mysql.error.subsystem"] {
        let mut ahead = scan;
        if let Some(value) = ahead.eat("[").and_then(|()| ahead.until_byte(b']')) {
            event.push(name, value)?;
            ahead.spaces();
            scan = ahead;
        }
    }
    said(scan.rest(), event)?;
    Ok(time.map_or(Fit::Yes, |time| Fit::At(Some(time))))
}

fn said(text: &str, event: &mut Event) -> Result<(), EventFull> {
    event.push("message", text)?;
    let mut found = Found::new();
    let Some((_, action, outcome)) = MESSAGES.iter().find(|(wording, ..)| template::read(wording, text, &mut found))
    else {
        return Ok(());
    };
    for (name, value) in [("event.action", *action), ("event.outcome", *outcome)].iter().chain(&found) {
        match *name {
            "client" => client(value, event)?,
            _ if value.is_empty() => {}
            name => event.push(name, *value)?,
        }
    }
    Ok(())
}

/// RFC 3339, or date and time as two words.
fn time(scan: &mut Scan<'_>, dates: &Dates<'_>) -> Option<Timestamp> {
    if !looks_iso(scan.rest()) {
        return None;
    }
    let mut ahead = *scan;
    let first = ahead.word();
    let time = match looks_iso(first) {
        true => dates.iso(first)?,
        false => {
            ahead.spaces();
            let clock = ahead.word();
            let zero = if clock.len() == 7 { "0" } else { "" };
            dates.iso(&format!("{first}T{zero}{clock}"))?
        }
    };
    ahead.spaces();
    *scan = ahead;
    Some(time)
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
        let denied = "Access denied for user 'root'@'203.0.113.9' (using password: YES)";
        let fields = format!(
            "message={denied} event.action=login event.outcome=failure user.name=root source.ip=203.0.113.9 \
             mysql.error.password=YES"
        );
        check(
            "",
            &format!("2026-11-03T00:00:00.123456Z 12 [Note] [MY-010926] [Server] {denied}"),
            &format!("log.level=note mysql.thread_id=12 event.code=MY-010926 mysql.error.subsystem=Server {fields}"),
        );
        check(
            "",
            &format!("2026-11-03  7:00:00 12 [Warning] {denied}"),
            &format!("log.level=warning mysql.thread_id=12 {fields}"),
        );
        check("mariadbd", &format!("12 [Warning] {denied}"), &format!("log.level=warning mysql.thread_id=12 {fields}"));
        check("mysqld", "anything", "");
        check("", "2026-11-03T00:00:00Z 12 [Thing] x", "no");
        check("nginx", "2026-11-03T00:00:00Z 12 [Note] x", "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(2026-11-03  7:00:00 12 \\[Note\\] )?[ -~é]{0,60}") {
            testing::listed(&FORMAT, "", &text);
        }
    }
}

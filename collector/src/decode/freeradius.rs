//! FreeRADIUS: `Tue Nov  3 07:00:00 2026 : Auth: (5) Login OK: [lan/…] (from client ap-7 port 3 cli 00-11-22-33-44-55)`, by
//! syslog without the time.

use event::{Event, EventFull};

use super::scan::Scan;
use super::template::{self, Found};
use super::{Dates, Fit, Line, TextFormat};
use crate::normalise::is_ip;

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "freeradius.log", strict: true, decode, normalise: crate::normalise::freeradius::to_ecs };

const LEVELS: [&str; 7] = ["Auth", "Error", "Info", "Warning", "WARNING", "Proxy", "Debug"];
/// Wording, action, outcome; the fuller wording first. What a client sends as its name stands between `[` and `]`.
const MESSAGES: &[(&str, &str, &str)] = &[
    ("Login OK: [{who}] (from client {radius.client} port {radius.port} cli {radius.station}", "login", "success"),
    ("Login OK: [{who}] (from client {radius.client} port {radius.port}", "login", "success"),
    (
        "Login incorrect ({event.reason}): [{who}] (from client {radius.client} port {radius.port} cli {radius.station}",
        "login",
        "failure",
    ),
    ("Login incorrect ({event.reason}): [{who}] (from client {radius.client} port {radius.port}", "login", "failure"),
    ("Login incorrect: [{who}] (from client {radius.client} port {radius.port}", "login", "failure"),
    ("Invalid user ({event.reason}): [{who}] (from client {radius.client} port {radius.port}", "login", "failure"),
    ("Invalid user: [{who}] (from client {radius.client} port {radius.port}", "login", "failure"),
    ("Ignoring request to {} from unknown client {source.ip} port {source.port}", "unknown_client", "failure"),
    ("Received packet from {source.ip} with invalid Message-Authenticator", "wrong_secret", "failure"),
    ("Shared secret is incorrect", "wrong_secret", "failure"),
];

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let own = line.app.is_some_and(|app| matches!(app, "radiusd" | "freeradius"));
    let (time, text) = if own { (None, line.text) } else { head(line, dates) };
    if !own && time.is_none() {
        return Ok(Fit::No);
    }
    let mut scan = Scan::new(text);
    if let Some((level, rest)) = text.split_once(": ").filter(|(level, _)| LEVELS.contains(level)) {
        event.push("log.level", level.to_ascii_lowercase().as_str())?;
        scan = Scan::new(rest);
    } else if !own {
        return Ok(Fit::No);
    }
    // The number of the request.
    let mut ahead = scan;
    if ahead.eat("(").is_some() && !ahead.run(|byte| byte.is_ascii_digit()).is_empty() && ahead.eat(")").is_some() {
        ahead.spaces();
        scan = ahead;
    }
    if !own {
        event.push("process.name", "radiusd")?;
    }
    event.push("message", text)?;
    said(scan.rest(), event)?;
    Ok(time.map_or(Fit::Yes, |time| Fit::At(Some(time))))
}

/// The time of a file's line, `Tue Nov  3 07:00:00 2026 : `, and what stands behind it.
fn head<'a>(line: Line<'a>, dates: &Dates<'_>) -> (Option<event::Timestamp>, &'a str) {
    let day = |word: &str| ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].contains(&word);
    let parts = line.text.split_once(' ').filter(|(word, _)| line.app.is_none() && day(word));
    let Some((head, text)) = parts.and_then(|(_, rest)| rest.split_once(" : ")) else { return (None, line.text) };
    // The year stands behind the time of day.
    let Some((start, year)) = head.rsplit_once(' ') else { return (None, text) };
    let Some((day, clock)) = start.rsplit_once(' ') else { return (None, text) };
    (dates.bsd_text(&format!("{day} {year} {clock}")), text)
}

fn said(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let mut found = Found::new();
    let Some((_, action, outcome)) = MESSAGES.iter().find(|(wording, ..)| template::read(wording, text, &mut found))
    else {
        return Ok(());
    };
    event.push("event.action", *action)?;
    event.push("event.outcome", *outcome)?;
    for (name, value) in found {
        match name {
            "" => {}
            // Behind the name stands the password where that is logged: not kept as a field.
            "who" => {
                let user = value.split('/').next().unwrap_or(value);
                if !user.is_empty() {
                    event.push("user.name", user)?;
                }
            }
            "source.ip" if !is_ip(value) => event.push("source.domain", value)?,
            "source.port" => {
                let digits = Scan::new(value).run(|byte| byte.is_ascii_digit());
                digits.parse::<u16>().map_or(Ok(()), |port| event.push(name, i64::from(port)))?;
            }
            name => event.push(name, value.trim_end_matches(')'))?,
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
    fn check(app: &str, text: &str, expected: &str) {
        assert_eq!(testing::listed(&FORMAT, app, text), expected, "{text}");
    }

    #[test]
    fn lines_are_read() {
        let text = "Auth: (5) Login OK: [lan/<via Auth-Type = eap>] (from client ap-7 port 3 cli 00-11-22-33-44-55)";
        let fields = "event.action=login event.outcome=success user.name=lan radius.client=ap-7 radius.port=3 \
                      radius.station=00-11-22-33-44-55";
        check("radiusd", text, &format!("log.level=auth message={text} {fields}"));
        check(
            "",
            &format!("Tue Nov  3 07:00:00 2026 : {text}"),
            &format!("log.level=auth process.name=radiusd message={text} {fields}"),
        );
        let unknown = "Ignoring request to auth address * port 1812 bound to server default from unknown client 10.77.3.9 port 40001 proto udp";
        check(
            "freeradius",
            unknown,
            &format!(
                "message={unknown} event.action=unknown_client event.outcome=failure source.ip=10.77.3.9 source.port=40001"
            ),
        );
        check("", "Tue Nov  3 07:00:00 2026 : anything", "no");
        check("tail", text, "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(Tue Nov  3 07:00:00 2026 : Auth: )?(Login OK: \\[)?[ -~é]{0,60}") {
            testing::listed(&FORMAT, "", &text);
            testing::listed(&FORMAT, "radiusd", &text);
        }
    }
}

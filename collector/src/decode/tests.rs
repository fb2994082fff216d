//! The registries: their size, and that no two strict formats claim one text.

use event::Timestamp;
use jiff::tz::TimeZone;

use super::*;

const CORPUS: [&[u8]; 16] = [
    include_bytes!("../../corpus/syslog.log"),
    include_bytes!("../../corpus/auth.log"),
    include_bytes!("../../corpus/access.log"),
    include_bytes!("../../corpus/firewall.log"),
    include_bytes!("../../corpus/cisco.log"),
    include_bytes!("../../corpus/filter.log"),
    include_bytes!("../../corpus/database.log"),
    include_bytes!("../../corpus/cloud.log"),
    include_bytes!("../../corpus/json.log"),
    include_bytes!("../../corpus/windows.log"),
    include_bytes!("../../corpus/unknown.log"),
    include_bytes!("../../corpus/mail.log"),
    include_bytes!("../../corpus/dns.log"),
    include_bytes!("../../corpus/audit.log"),
    include_bytes!("../../corpus/zeek.log"),
    include_bytes!("../../corpus/errors.log"),
];

/// The names of the strict formats that fit the body of a line.
fn claims(text: &str) -> Vec<&'static str> {
    let received = Timestamp::parse_rfc3339("2026-11-03T00:00:10Z").unwrap();
    let dates = Dates { zone: &TimeZone::UTC, year: None, received };
    let header = syslog::header(text, &dates);
    let line = header.map_or(Line { text, app: None }, |header| Line {
        text: header.message.trim_start_matches(' '),
        app: header.app,
    });
    let fits = |format: &&TextFormat| {
        let is_others = line.app.and_then(programs::owner).is_some_and(|owner| owner != format.name);
        format.strict && !is_others && (format.decode)(line, &dates, &mut Event::new()).is_ok_and(|fit| fit != Fit::No)
    };
    if line.text.starts_with('{') { Vec::new() } else { TEXT.iter().filter(fits).map(|format| format.name).collect() }
}

#[test]
fn the_number_of_formats_is_right() {
    assert_eq!(FORMATS, TEXT.len() + JSON.len());
}

#[test]
fn strict_formats_exclude_one_another() {
    for text in CORPUS.map(String::from_utf8_lossy) {
        for line in text.lines() {
            assert!(claims(line).len() <= 1, "{:?} claim {line}", claims(line));
        }
    }
}

/// Texts that one format's message may quote and another begins with.
const QUOTES: [&str; 6] = [
    "%ASA-5-111008: User 'x' executed the 'no logging' command.",
    "IN= OUT= SRC=1.2.3.4 DST=1.2.3.5",
    "- - [03/Nov/2026:07:00:00 +0700] \"GET / HTTP/1.1\" 200 1",
    "[03/Nov/2026:07:00:00 +0700] \"GET / HTTP/1.1\" 200 1",
    "LOG:  AUDIT: x",
    "[Note] x",
];

#[test]
fn what_a_message_quotes_does_not_change_its_format() {
    let texts = CORPUS.map(String::from_utf8_lossy);
    for line in texts.iter().flat_map(|text| text.lines()) {
        let own = claims(line);
        // A line of an access log has no free end: with more behind it, it is another line.
        if own.iter().any(|name| name.ends_with(".access")) {
            continue;
        }
        for quote in QUOTES {
            let text = format!("{line} {quote}");
            let found = claims(&text);
            assert!(
                found.len() <= 1 && (own.is_empty() || found.is_empty() || found == own),
                "{own:?}, {found:?}: {text}"
            );
        }
    }
}

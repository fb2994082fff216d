//! Headers as programs and devices send them.

use event::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

fn with_dates<T>(run: impl FnOnce(&Dates<'_>) -> T) -> T {
    let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap();
    let received = Timestamp::parse_rfc3339("2026-11-03T00:00:10Z").unwrap();
    run(&Dates { zone: &zone, year: None, received })
}

fn shown(text: &str) -> String {
    with_dates(|dates| {
        let Some(found) = header(text, dates) else { return "none".to_owned() };
        let priority = found.priority.map_or_else(|| "-".to_owned(), |(one, two)| format!("{one}.{two}"));
        let time = found.time.and_then(|claim| claim.time).map_or_else(|| "-".to_owned(), |time| time.to_string());
        let word = |word: Option<&str>| word.unwrap_or("-").to_owned();
        let words = [word(found.host), word(found.app), word(found.pid), word(found.message_id)].join(" ");
        format!("{priority} {time} {words} {}|{}", found.data, found.message)
    })
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(shown(text), expected, "{text}");
}

#[test]
fn rfc5424_headers_are_read() {
    check(
        "<86>1 2026-11-03T00:00:00.043Z srv sshd 37 - - Failed",
        "10.6 2026-11-03T00:00:00.043Z srv sshd 37 - |Failed",
    );
    check(
        "<165>1 2026-11-03T07:00:00.000003+07:00 2001:db8::1 app - ID47 [x@1 a=\"b ] \\\" \\]\"][y] \u{feff}text",
        "20.5 2026-11-03T00:00:00.000003Z 2001:db8::1 app - ID47 [x@1 a=\"b ] \\\" \\]\"][y]|text",
    );
    check("<34>1 - - - - - -", "4.2 - - - - - |");
    check("<34>1 9999-12-31T23:59:59Z h a - - - x", "4.2 - h a - - |x");
    // Structured data that is broken or missing: the header counts, the rest is the message.
    check(
        "<34>1 2026-11-03T00:00:00Z h a - - [x v=\"no end text",
        "4.2 2026-11-03T00:00:00Z h a - - |[x v=\"no end text",
    );
    check("<34>1 2026-11-03T00:00:00Z h a 7 - just text", "4.2 2026-11-03T00:00:00Z h a 7 - |just text");
}

#[test]
fn rfc3164_headers_are_read() {
    check("<34>Nov  3 07:00:00 srv su[7]: 'su root'", "4.2 2026-11-03T00:00:00Z srv su 7 - |'su root'");
    check("<34>Nov  3 07:00:00 su: x", "4.2 2026-11-03T00:00:00Z - su - - |x");
    check("<13>Nov  3 07:00:00 h plain words", "1.5 2026-11-03T00:00:00Z h - - - |plain words");
    check("<13>2026-11-03T07:00:00.5+07:00 h cron[1]: x", "1.5 2026-11-03T00:00:00.500Z h cron 1 - |x");
    check("<134>Nov 3 07:00:00 fw CEF:0|V|P|", "16.6 2026-11-03T00:00:00Z fw - - - |CEF:0|V|P|");
    check("<134>CEF:0|V|P|", "16.6 - - - - - |CEF:0|V|P|");
    check("<14>{\"a\":1}", "1.6 - - - - - |{\"a\":1}");
    check("<189>date=2026-11-03 time=07:00:00", "23.5 - - - - - |date=2026-11-03 time=07:00:00");
    check("<13>anything", "1.5 - - - - - |anything");
    check("<34>Nov  3 07:00:00 fe80::1%eth0 dhcpd: x", "4.2 2026-11-03T00:00:00Z fe80::1%eth0 dhcpd - - |x");
    check("<34>Nov  3 07:00:00 h postfix/smtpd[9]: x", "4.2 2026-11-03T00:00:00Z h postfix/smtpd 9 - |x");
}

#[test]
fn lines_of_files_are_read() {
    check("Nov  3 07:00:00 srv sshd[7]: x", "- 2026-11-03T00:00:00Z srv sshd 7 - |x");
    check("2026-11-03T07:00:00.1+07:00 srv sudo: x", "- 2026-11-03T00:00:00.100Z srv sudo - - |x");
    check("Nov  3 07:00:00 srv nothing like a tag", "none");
    check("2026-11-03 07:00:00 ERROR something broke", "none");
    check("2026-11-03T07:00:00Z INFO server: started", "none");
    check("2026-11-03 07:00:00 srv app: started", "none");
    check("garbage", "none");
    check("", "none");
    check("<192>x", "none");
    check("<-1>x", "none");
    check("<0000000001>x", "none");
}

#[test]
fn structured_data_becomes_fields() {
    let mut event = Event::new();
    params(r#"[origin@9 ip="2001:db8::1" name="a\"b\\c\]d\e"][empty][z a="1"]"#, &mut event).unwrap();
    let read: Vec<_> = event.iter().map(|(name, value)| format!("{name}={}", value.text())).collect();
    let prefix = "log.syslog.structured_data";
    assert_eq!(
        read,
        [
            format!("{prefix}.origin@9.ip=2001:db8::1"),
            format!("{prefix}.origin@9.name=a\"b\\c]d\\e"),
            format!("{prefix}.z.a=1"),
        ]
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "(<[0-9]{0,4}>)?(1 )?[-\\[\\]\"=:{}a-zA-Z0-9\\\\ é]{0,80}") {
        with_dates(|dates| {
            let mut event = Event::new();
            if let Some(found) = header(&text, dates) {
                prop_assert!(text.ends_with(found.message));
                fields(&found, &mut event).unwrap();
                identify(&found, &mut event).unwrap();
            }
            Ok(())
        })?;
    }

    #[test]
    fn what_is_written_is_read(facility in 0u8..24, severity in 0u8..8, host in "[a-z0-9.]{1,20}", app in "[a-z]{2,9}",
                               value in "[ -~]{0,20}", message in "[ -~]{0,40}") {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
        let pri = facility * 8 + severity;
        let text = format!("<{pri}>1 2026-11-03T00:00:00Z {host} {app} 7 - [id v=\"{escaped}\"] {message}");
        with_dates(|dates| {
            let found = header(&text, dates).unwrap();
            let mut event = Event::new();
            fields(&found, &mut event).unwrap();
            prop_assert_eq!(found.priority, Some((facility, severity)));
            prop_assert_eq!((found.host, found.app, found.message), (Some(&*host), Some(&*app), &*message));
            prop_assert_eq!(event.get_str("log.syslog.structured_data.id.v"), Some(&*value));
            Ok(())
        })?;
    }
}

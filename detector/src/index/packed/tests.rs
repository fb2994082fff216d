//! Events of every kind come back from their stored form as they were.

use event::{Event, Value};
use proptest::prelude::*;

use super::*;

fn check(event: &Event, bytes_max: usize) {
    let mut stored = Vec::new();
    write(event, &mut stored);
    assert_eq!(read(&stored).unwrap(), event::json::to_map(event), "{event:?}");
    let mut back = Event::new();
    read_into(&stored, &mut back).unwrap();
    assert_eq!(event::json::to_map(&back), event::json::to_map(event), "{event:?}");
    assert!(stored.len() <= bytes_max, "{} bytes for {event:?}", stored.len());
}

fn event(original: &str, fields: &[(&str, Value<'_>)]) -> Event {
    let mut event = Event::new();
    if !original.is_empty() {
        event.push("event.original", original).unwrap();
    }
    for (name, value) in fields {
        event.push(name, *value).unwrap();
    }
    event
}

#[test]
fn fields_are_read_off_the_original() {
    let line = "<86>1 2026-11-03T00:00:00.043Z srv-381-02 sshd 37622 - - Failed password for root from 199.184.18.46 port 45340 ssh2";
    let message = line.get(57..).unwrap();
    let fields = [
        ("log.syslog.hostname", Value::Str("srv-381-02")),
        ("log.syslog.procid", Value::Str("37622")),
        ("user.name", Value::Str("root")),
        ("source.ip", Value::Str("199.184.18.46")),
        ("source.port", Value::Int(45_340)),
        ("message", Value::Str(message)),
        ("host.name", Value::Str("srv-381-02")),
        ("process.pid", Value::Int(37_622)),
        ("@timestamp", Value::Str("2026-11-03T00:00:00.043Z")),
    ];
    check(&event(line, &fields), line.len() + 50);
}

#[test]
fn json_strings_are_read_off_unescaped() {
    let line = r#"{"a":"C:\\Windows\\x.exe \"q\" \u00e9","b":-12,"c":"é\n","d":1.5,"e":""}"#;
    let fields = [
        ("a", Value::Str("C:\\Windows\\x.exe \"q\" é")),
        ("a2", Value::Str("C:\\Windows\\x.exe \"q\" \\u00e9")),
        ("b", Value::Int(-12)),
        ("c", Value::Str("é\n")),
        ("d", Value::Float(1.5)),
        ("e", Value::Str("")),
    ];
    check(&event(line, &fields), 200);
    check(
        &event(r#"{"p":"C:\\Windows\\System32\\cmd.exe"}"#, &[("p", Value::Str("C:\\Windows\\System32\\cmd.exe"))]),
        60,
    );
}

#[test]
fn odd_events_come_back() {
    check(&Event::new(), 2);
    let odd = [
        ("a", Value::Null),
        ("a", Value::Bool(true)),
        ("a", Value::Bool(false)),
        ("", Value::Int(i64::MIN)),
        ("é", Value::Int(i64::MAX)),
        ("ê", Value::Float(f64::NAN)),
        ("message", Value::Int(4)),
        ("message", Value::Str("4")),
        ("message", Value::Str("4 4")),
        ("event.original", Value::Null),
        ("event.original", Value::Str("đ 4")),
        ("event.original", Value::Str("đ 4")),
    ];
    check(&event("", &odd), 200);
    check(&event("", &odd[..9]), 200);
}

#[test]
fn damage_is_noticed() {
    let mut stored = Vec::new();
    write(&event("a=1 b=2", &[("a", Value::Int(1)), ("b", Value::Str("2"))]), &mut stored);
    for length in 0..stored.len() - 7 {
        assert_eq!(read(&stored[..length]), None, "{length}");
    }
    assert_eq!(read(b"{}"), None);
    assert_eq!(read(&[FORM, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), None);
}

fn value() -> impl Strategy<Value = (String, u8, i64)> {
    ("[a-c=, \"\\\\é0-9]{0,5}", 0_u8..6, -30_i64..30)
}

proptest! {
    #[test]
    fn any_event_comes_back(original in "[a-c=, \"\\\\é0-9]{0,40}", base in 0_u8..3, fields in prop::collection::vec(("(winlog\\.)?[a-c]{1,2}", value()), 0..30)) {
        let mut event = Event::new();
        for (at, (name, (text, kind, number))) in fields.iter().enumerate() {
            if at == fields.len() / 2 && base > 0 {
                event.push(if base == 1 { "event.original" } else { "message" }, original.as_str()).unwrap();
            }
            let value = match kind {
                0 => Value::Null,
                1 => Value::Bool(*number > 0),
                2 => Value::Int(*number),
                3 => Value::Float(*number as f64 / 8.0),
                _ => Value::Str(text),
            };
            event.push(name, value).unwrap();
        }
        let mut stored = Vec::new();
        write(&event, &mut stored);
        prop_assert_eq!(read(&stored), Some(event::json::to_map(&event)));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = read(&bytes);
        let form = [&[FORM], bytes.as_slice()].concat();
        let _ = read(&form);
    }
}

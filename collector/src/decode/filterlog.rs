//! pfSense's and OPNsense's packet filter, `filterlog`: columns whose order depends on IP version and protocol
//! (Netgate documentation, "Raw Filter Log Format"; OPNsense's `rules` and `filterlog` descriptions).

use event::{Event, EventFull};

use super::{Dates, Fit, Line, TextFormat};
use crate::normalise::is_ip;

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "pfsense.log", strict: true, decode, normalise: crate::normalise::filterlog::to_ecs };

/// Most columns that are looked at.
const COLUMNS_MAX: usize = 64;

/// Columns of every line.
const HEAD: [&str; 9] =
    ["rule", "subrule", "anchor", "tracker", "interface", "reason", "action", "direction", "ip_version"];
const V4: [&str; 10] = ["tos", "ecn", "ttl", "id", "offset", "flags", "protocol_id", "protocol", "length", "source"];
const V6: [&str; 7] = ["class", "flow_label", "hop_limit", "protocol", "protocol_id", "length", "source"];
const TCP: [&str; 9] = [
    "source_port",
    "destination_port",
    "data_length",
    "tcp_flags",
    "sequence",
    "acknowledged",
    "window",
    "urgent",
    "options",
];
const UDP: [&str; 3] = ["source_port", "destination_port", "data_length"];
const ICMP: [&str; 3] = ["icmp_type", "icmp_id", "icmp_sequence"];

fn decode(line: Line<'_>, _dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    // Without the program's name nothing tells the columns from others'.
    if line.app.is_none_or(|app| app != "filterlog") {
        return Ok(Fit::No);
    }
    let mut columns = line.text.trim_ascii().split(',').take(COLUMNS_MAX);
    let at = |number: usize| line.text.trim_ascii().split(',').nth(number).unwrap_or_default();
    let v4 = at(8) == "4";
    if !(v4 || at(8) == "6") || !is_ip(at(if v4 { 18 } else { 15 })) {
        // Not a packet of IP, or cut off: kept under the program's dataset.
        return Ok(Fit::Yes);
    }
    take(&mut columns, &HEAD, event)?;
    take(&mut columns, if v4 { &V4 } else { &V6 }, event)?;
    take(&mut columns, &["destination"], event)?;
    let tail: &[&str] = match event.get_str("pfsense.log.protocol").unwrap_or_default() {
        name if name.eq_ignore_ascii_case("tcp") => &TCP,
        name if name.eq_ignore_ascii_case("udp") => &UDP,
        name if name.to_ascii_lowercase().contains("icmp") => &ICMP,
        _ => &[],
    };
    take(&mut columns, tail, event)?;
    Ok(Fit::Yes)
}

fn take<'a>(columns: &mut impl Iterator<Item = &'a str>, names: &[&str], event: &mut Event) -> Result<(), EventFull> {
    let mut field = String::with_capacity(32);
    for (name, value) in names.iter().zip(columns) {
        if value.is_empty() {
            continue;
        }
        field.clear();
        field.push_str("pfsense.log.");
        field.push_str(name);
        event.push(&field, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let line = Line { text, app: Some("filterlog") };
        let zone = jiff::tz::TimeZone::UTC;
        let dates = Dates { zone: &zone, year: None, received: event::Timestamp::from_secs(1_800_000_000) };
        let mut event = Event::new();
        assert_eq!((FORMAT.decode)(line, &dates, &mut event), Ok(Fit::Yes));
        for (name, value) in expected {
            assert_eq!(event.get_str(&format!("pfsense.log.{name}")), Some(*value), "{name} of {text}: {event:?}");
        }
    }

    #[test]
    fn every_kind_of_packet_is_read() {
        check(
            "5,,,1000000103,igb0,match,block,in,4,0x0,,64,0,0,DF,6,tcp,60,203.0.113.9,10.0.3.9,5123,3389,0,S,1,,64240,,mss",
            &[
                ("interface", "igb0"),
                ("action", "block"),
                ("protocol", "tcp"),
                ("source", "203.0.113.9"),
                ("destination_port", "3389"),
                ("tcp_flags", "S"),
                ("options", "mss"),
            ],
        );
        check(
            "7,,,abc,em1,match,pass,out,6,0x00,0x0,64,UDP,17,80,2001:db8::1,2001:db8::2,5353,53,40",
            &[("direction", "out"), ("protocol", "UDP"), ("destination", "2001:db8::2"), ("destination_port", "53")],
        );
        check(
            "5,,,1,igb0,match,block,in,4,0x0,,64,1,0,none,1,icmp,84,203.0.113.9,10.0.3.9,request,7,1",
            &[("icmp_type", "request"), ("icmp_id", "7")],
        );
        check("5,,,1,igb0,match,block,in,4,0x0", &[]);
        check("x", &[]);
        assert_eq!(testing::listed(&FORMAT, "dhcpd", "5,,,1,igb0"), "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(5,,,1,igb0,match,block,in,[46],0x0,,64,1,0,none,1,)?[a-z0-9.:,é]{0,80}") {
            testing::listed(&FORMAT, "filterlog", &text);
        }
    }
}

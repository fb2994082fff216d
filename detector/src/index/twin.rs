//! Values that an event tells twice: a field without a column whose text is, letter by letter, what a column of the same
//! event holds, or another field without one.
//!
//! `cef.extensions.spt` and `source.port` say the same, anew in nearly every event, and nothing costs a dictionary more.
//! Such a field is not put into the rest: `_unindexed` names it together with the other, and its value is read there.
//! Only where there is no doubt: the field has one value, and so has the other.

use std::net::{IpAddr, Ipv6Addr};

use event::Timestamp;

use super::{from_v6, to_v6};

/// The event's own time, as a column whose value others tell again.
pub(crate) const TIME_COLUMN: &str = "@timestamp";
/// Shortest text that is looked for elsewhere: shorter ones are few, and cost nothing where they are.
pub(crate) const BYTES_MIN: usize = 4;
/// Fields without a column of one event among which twins are looked for.
pub(crate) const FIELDS_MAX: usize = 96;

/// A value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told<'e> {
    /// A whole number.
    Int(i64),
    /// An address, v4 in v4-mapped form.
    Ip(Ipv6Addr),
    /// A text as a whole.
    Text(&'e str),
}

/// The columns of one event that others may repeat.
#[derive(Debug, Default)]
pub(crate) struct Columns<'e>(Vec<(&'e str, Told<'e>)>);

impl<'e> Columns<'e> {
    /// The column called `name` has a value.
    pub(crate) fn note(&mut self, name: &'e str, told: Told<'e>) {
        self.0.push((name, told));
    }

    /// The column that says `text`, and nothing else, in an event of this time.
    pub(crate) fn telling(&self, text: &str, time: i64) -> Option<&'e str> {
        let first = text.as_bytes().first().filter(|_| text.len() >= BYTES_MIN)?;
        if first.is_ascii_digit() && text.ends_with('Z') && Timestamp::from_nanos(time).to_string() == text {
            return Some(TIME_COLUMN);
        }
        let number = || self.alone(Told::Int(canonical_number(text)?));
        let address = || self.alone(Told::Ip(canonical_address(text)?));
        number().or_else(address).or_else(|| self.alone(Told::Text(text)))
    }

    /// The first column of this value, if it has no other.
    fn alone(&self, wanted: Told<'_>) -> Option<&'e str> {
        let names = self.0.iter().filter(|(_, told)| *told == wanted).map(|(name, _)| *name);
        names.into_iter().find(|name| self.0.iter().filter(|(other, _)| other == name).count() == 1)
    }
}

/// A number that is written as we write it.
fn canonical_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// An address that is written as we write it.
fn canonical_address(text: &str) -> Option<Ipv6Addr> {
    let first = text.as_bytes().first()?;
    if !(first.is_ascii_hexdigit() || *first == b':') || !text.bytes().any(|byte| matches!(byte, b'.' | b':')) {
        return None;
    }
    let address = to_v6(text.parse::<IpAddr>().ok()?);
    (from_v6(address) == text).then_some(address)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns() -> Columns<'static> {
        let ip = |text: &str| Told::Ip(to_v6(text.parse().unwrap()));
        Columns(vec![
            ("source.port", Told::Int(45_340)),
            ("source.bytes", Told::Int(-1_234)),
            ("destination.port", Told::Int(22)),
            ("source.ip", ip("10.0.0.1")),
            ("destination.ip", ip("2001:db8::7")),
            ("host.ip", ip("192.0.2.1")),
            ("host.ip", ip("192.0.2.2")),
            ("host.name", Told::Text("srv-042-04")),
            ("event.code", Told::Text("4625")),
            ("user.name", Told::Text("root")),
            ("user.name", Told::Text("admin")),
        ])
    }

    #[test]
    fn what_a_column_says_letter_by_letter_is_found_there() {
        let time = Timestamp::parse_rfc3339("2026-11-03T00:00:01.32Z").unwrap().nanos();
        let check = |text: &str, expected: Option<&str>| assert_eq!(columns().telling(text, time), expected, "{text}");
        check("45340", Some("source.port"));
        check("-1234", Some("source.bytes"));
        check("10.0.0.1", Some("source.ip"));
        check("2001:db8::7", Some("destination.ip"));
        check("2026-11-03T00:00:01.320Z", Some(TIME_COLUMN));
        check("srv-042-04", Some("host.name"));
        check("4625", Some("event.code"));
        for other in [
            "",
            "22",
            "045340",
            "+45340",
            "45340.0",
            " 45340",
            "45341",
            "99999999999999999999",
            "-",
            "10.0.0.2",
            "::ffff:10.0.0.1",
            "2001:0db8::7",
            "2001:DB8::7",
            "192.0.2.1",
            "2026-11-03T00:00:01.32Z",
            "2026-11-03T00:00:01.321Z",
            "Z",
            "é",
            "Srv-042-04",
            "root",
            "srv",
        ] {
            check(other, None);
        }
    }

    proptest! {
        #[test]
        fn a_twin_is_what_is_written_of_its_column(text in "(-?[0-9]{0,8}|[0-9a-f:.]{0,20}|\\PC{0,12})", number: i64) {
            let known = [Told::Int(number), Told::Ip(Ipv6Addr::LOCALHOST)];
            let columns = Columns(vec![("a", known[0]), ("b", known[1])]);
            let written = [number.to_string(), from_v6(Ipv6Addr::LOCALHOST)];
            for text in [&text, &written[0], &written[1]] {
                match columns.telling(text, 0) {
                    Some("a") => prop_assert_eq!(text, &written[0]),
                    Some("b") => prop_assert_eq!(text, &written[1]),
                    Some(_) => prop_assert_eq!(text, &Timestamp::from_nanos(0).to_string()),
                    None => {}
                }
            }
        }
    }
}

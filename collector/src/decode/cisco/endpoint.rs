//! One side of a connection as Cisco writes it: `outside:203.0.113.9/443(LOCAL\lan) (198.51.100.2/443)`,
//! `inside/10.1.1.5(5123)`, `203.0.113.9/443`, `10.1.1.5(5123)`.

use event::{Event, EventFull};

use crate::normalise::is_ip;

/// One side.
#[derive(Debug, Default, PartialEq, Eq)]
struct Endpoint<'a> {
    interface: &'a str,
    address: &'a str,
    port: &'a str,
    user: &'a str,
    /// The address and port that it is translated to.
    mapped: Option<(&'a str, &'a str)>,
}

/// Adds the side `side`, `source` or `destination`.
pub(super) fn push(side: &str, text: &str, event: &mut Event) -> Result<(), EventFull> {
    let found = read(text);
    if found.address.is_empty() {
        return Ok(());
    }
    push_address(&format!("{side}.ip"), found.address, event)?;
    push_port(&format!("{side}.port"), found.port, event)?;
    if !found.interface.is_empty() {
        let way = if side == "source" { "ingress" } else { "egress" };
        event.push(&format!("observer.{way}.interface.name"), found.interface)?;
    }
    if !found.user.is_empty() {
        event.push(&format!("{side}.user.name"), found.user)?;
    }
    match found.mapped.filter(|mapped| *mapped != (found.address, found.port)) {
        Some((address, port)) => {
            event.push(&format!("{side}.nat.ip"), address)?;
            push_port(&format!("{side}.nat.port"), port, event)
        }
        None => Ok(()),
    }
}

/// Adds an address under `name`, which ends in `.ip`; a name that stands for one under `.domain` instead.
pub(super) fn push_address(name: &str, text: &str, event: &mut Event) -> Result<(), EventFull> {
    if is_ip(text) {
        return event.push(name, text);
    }
    let side = name.strip_suffix(".ip").unwrap_or(name);
    event.push(&format!("{side}.domain"), text)
}

fn push_port(name: &str, digits: &str, event: &mut Event) -> Result<(), EventFull> {
    digits.parse::<u16>().map_or(Ok(()), |port| event.push(name, i64::from(port)))
}

fn read(text: &str) -> Endpoint<'_> {
    let (head, tail) = text.trim_ascii().split_once(' ').unwrap_or((text.trim_ascii(), ""));
    let (bare, behind) = head.split_once('(').unwrap_or((head, ""));
    let inside = |text: &'_ str| text.find(')').unwrap_or(text.len());
    let first = behind.get(..inside(behind)).unwrap_or_default();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut found = Endpoint::default();
    if digits(first) {
        // `INTERFACE/ADDRESS(PORT)`.
        (found.interface, found.address) = bare.rsplit_once('/').unwrap_or(("", bare));
        found.port = first;
    } else {
        (found.address, found.port) = bare.rsplit_once('/').filter(|(_, port)| digits(port)).unwrap_or((bare, ""));
        if !is_ip(found.address)
            && let Some((interface, address)) = found.address.split_once(':')
        {
            (found.interface, found.address) = (interface, address);
        }
    }
    let groups = || behind.split('(').chain(tail.split('(')).map(|group| group.trim_end().trim_end_matches(')'));
    found.user = groups().find(|group| group.contains('\\')).unwrap_or_default();
    found.mapped = groups().find_map(|group| group.rsplit_once('/').filter(|(address, _)| is_ip(address)));
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: (&str, &str, &str, &str), mapped: Option<(&str, &str)>) {
        let found = read(text);
        assert_eq!((found.interface, found.address, found.port, found.user), expected, "{text}");
        assert_eq!(found.mapped, mapped, "{text}");
    }

    #[test]
    fn every_form_is_read() {
        check("outside:203.0.113.9/443", ("outside", "203.0.113.9", "443", ""), None);
        check("outside:2001:db8::9/443", ("outside", "2001:db8::9", "443", ""), None);
        check("2001:db8::9/443", ("", "2001:db8::9", "443", ""), None);
        check("outside:203.0.113.9", ("outside", "203.0.113.9", "", ""), None);
        check("inside:web-01/80 (10.0.3.9/80)", ("inside", "web-01", "80", ""), Some(("10.0.3.9", "80")));
        check(
            "inside:10.1.1.5/5123(LOCAL\\lan) (203.0.113.9/5123)",
            ("inside", "10.1.1.5", "5123", "LOCAL\\lan"),
            Some(("203.0.113.9", "5123")),
        );
        check(
            "inside:10.1.1.5/5 (10.1.1.5/5)(LOCAL\\lan)",
            ("inside", "10.1.1.5", "5", "LOCAL\\lan"),
            Some(("10.1.1.5", "5")),
        );
        check("inside/10.1.1.5(5123)(LOCAL\\lan)", ("inside", "10.1.1.5", "5123", "LOCAL\\lan"), None);
        check("10.1.1.5(22)", ("", "10.1.1.5", "22", ""), None);
        check("10.1.1.5(22) (Gi0/1 0011.2233.4455)", ("", "10.1.1.5", "22", ""), None);
        check("", ("", "", "", ""), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a1:./() \\\\é]{0,40}") {
            let mut event = Event::new();
            push("source", &text, &mut event).unwrap();
            prop_assert!(event.len() < 8);
        }
    }
}

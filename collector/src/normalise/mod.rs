//! From the names of a format to the names of ECS. Each file maps one format; values are copied, not moved, so that what
//! the sender wrote can be found under the sender's names too.

pub(crate) mod access;
pub(crate) mod auditd;
pub(crate) mod auth;
pub(crate) mod cef;
pub(crate) mod cisco;
pub(crate) mod clamav;
pub(crate) mod cloudtrail;
pub(crate) mod dns;
pub(crate) mod duo;
pub(crate) mod errors;
pub(crate) mod filterlog;
pub(crate) mod fortigate;
pub(crate) mod freeradius;
pub(crate) mod gcp;
pub(crate) mod google_workspace;
pub(crate) mod journald;
pub(crate) mod json;
pub(crate) mod kubernetes;
pub(crate) mod leef;
pub(crate) mod lgsp;
pub(crate) mod mail;
pub(crate) mod microsoft365;
pub(crate) mod mysql;
pub(crate) mod netfilter;
pub(crate) mod okta;
pub(crate) mod opencanary;
pub(crate) mod pairs;
pub(crate) mod postgres;
pub(crate) mod squid;
pub(crate) mod suricata;
pub(crate) mod systemd;
pub(crate) mod windows;
pub(crate) mod zeek;

use std::net::IpAddr;

use event::{Event, EventFull, OWN_MODULE, Value};

use crate::edge::DATASET;

/// A syslog message of which only the header is understood.
pub(crate) fn plain(event: &mut Event) -> Result<(), EventFull> {
    dataset("system.syslog", event)
}

/// Sets `event.dataset` and, from the part before its dot, `event.module`, unless a narrower one is set.
pub(crate) fn dataset(name: &str, event: &mut Event) -> Result<(), EventFull> {
    if event.has("event.dataset") {
        return Ok(());
    }
    event.push("event.dataset", name)?;
    event.set_default("event.module", name.split('.').next().unwrap_or(name))
}

/// Takes from a sender's event what only the product says of its own: the names of its record. An edge may say that it
/// speaks of itself, and nothing else of these.
pub(crate) fn disown(event: &mut Event, is_edges_own: bool) -> Result<(), EventFull> {
    let ours = |text: &str| {
        !(is_edges_own && text == DATASET)
            && text.strip_prefix(OWN_MODULE).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    for (name, theirs) in [("event.dataset", "sender.event.dataset"), ("event.module", "sender.event.module")] {
        if event.get_all(name).any(|value| value.as_str().is_some_and(ours)) {
            event.rename(name, theirs)?;
        }
    }
    Ok(())
}

/// What happened, in ECS words: `event.category` and the members of `event.type`.
pub(crate) fn classify(category: &str, types: &[&str], event: &mut Event) -> Result<(), EventFull> {
    if event.has("event.category") {
        return Ok(());
    }
    event.push("event.category", category)?;
    types.iter().try_for_each(|one| event.push("event.type", *one))
}

/// Copies each `from` to `to` where the event has the one and not the other.
pub(crate) fn copies(pairs: &[(&str, &str)], event: &mut Event) -> Result<(), EventFull> {
    pairs.iter().try_for_each(|(from, to)| event.copy(from, to))
}

/// The address that `text` is: a v4-mapped one as v4, a link-local one without its zone (`fe80::1%eth0`); `None` for
/// all else.
pub(crate) fn plain_address(text: &str) -> Option<&str> {
    let mapped = text.strip_prefix("::ffff:").or_else(|| text.strip_prefix("::FFFF:")).filter(|rest| is_ip(rest));
    if mapped.is_some() {
        return mapped;
    }
    let bare = match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() && address.contains(':') => address,
        _ => text,
    };
    is_ip(bare).then_some(bare)
}

/// Copies an address: `to_ip` when it is one, as [`plain_address`] gives it; `to_name` otherwise.
pub(crate) fn address(from: &str, to_ip: &str, to_name: &str, event: &mut Event) -> Result<(), EventFull> {
    let Some(text) = event.get_str(from) else { return Ok(()) };
    match plain_address(text) {
        Some(plain) if plain.len() == text.len() => event.copy(from, to_ip),
        Some(plain) => {
            let plain = plain.to_owned();
            event.set_default(to_ip, plain.as_str())
        }
        None if matches!(text, "" | "-" | "LOCAL" | "N/A") => Ok(()),
        None => event.copy(from, to_name),
    }
}

/// Copies a whole number that is written as text, hexadecimal with `0x` or plain, as a number.
pub(crate) fn number(from: &str, to: &str, event: &mut Event) -> Result<(), EventFull> {
    let number = match event.get(from) {
        Some(Value::Int(number)) => Some(number),
        Some(Value::Str(text)) => match text.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).ok(),
            None => text.trim_ascii().parse().ok(),
        },
        _ => None,
    };
    number.map_or(Ok(()), |number| event.set_default(to, number))
}

/// Splits `url.original` into `url.path`, `url.query` and, where it has them, `url.scheme` and `url.domain`.
pub(crate) fn url(event: &mut Event) -> Result<(), EventFull> {
    let Some(original) = event.get_str("url.original") else { return Ok(()) };
    let whole = original.to_owned();
    let mut rest = whole.as_str();
    if let Some((scheme, after)) =
        rest.split_once("://").filter(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphabetic()))
    {
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (domain, path) = after.split_at_checked(end).unwrap_or((after, ""));
        event.set_default("url.scheme", scheme)?;
        event.set_default("url.domain", domain)?;
        rest = path;
    }
    let rest = rest.split('#').next().unwrap_or(rest);
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    if !path.is_empty() {
        event.set_default("url.path", path)?;
    }
    query.map_or(Ok(()), |query| event.set_default("url.query", query))
}

/// Whether `text` is an IPv4 or IPv6 address.
pub(crate) fn is_ip(text: &str) -> bool {
    // Cheap before exact: most texts asked about are addresses.
    let shaped = |byte: u8| byte.is_ascii_hexdigit() || byte == b'.' || byte == b':';
    text.len() <= 45 && text.bytes().all(shaped) && text.parse::<IpAddr>().is_ok()
}

/// The name of an IP protocol by the number that IANA gives it.
pub(crate) fn transport(number: &str) -> Option<&'static str> {
    Some(match number {
        "1" => "icmp",
        "2" => "igmp",
        "6" => "tcp",
        "17" => "udp",
        "47" => "gre",
        "50" => "esp",
        "58" => "ipv6-icmp",
        "89" => "ospf",
        "132" => "sctp",
        _ => return None,
    })
}

/// The outcome that a device's word for what it did means.
pub(crate) fn outcome(word: &str) -> Option<&'static str> {
    const SUCCESS: [&str; 14] = [
        "allow",
        "allowed",
        "accept",
        "accepted",
        "permit",
        "permitted",
        "pass",
        "passed",
        "success",
        "succeeded",
        "ok",
        "close",
        "start",
        "established",
    ];
    const FAILURE: [&str; 14] = [
        "deny", "denied", "drop", "dropped", "block", "blocked", "reject", "rejected", "reset", "fail", "failed",
        "failure", "error", "timeout",
    ];
    let named = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    if named(&SUCCESS) {
        return Some("success");
    }
    named(&FAILURE).then_some("failure")
}

#[cfg(test)]
mod tests;

//! Postfix: who handed a letter in, who signed in, what was refused, what was delivered.

use event::{Event, EventFull};

use super::scan::Scan;
use super::{Dates, Fit, Line, TextFormat};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "postfix.log", strict: true, decode, normalise: crate::normalise::mail::to_ecs };

/// Longest queue id, in bytes; long ones have 12 to 16.
const QUEUE_BYTES_MAX: usize = 20;
/// Most `key=value` parts that are looked at.
const PARTS_MAX: usize = 64;

/// Whether every line of `app` belongs to this format: `postfix/smtpd`, and instances such as `postfix-out/smtp`.
pub(super) fn owns(app: &str) -> bool {
    app.strip_prefix("postfix").is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '-']))
}

fn decode(line: Line<'_>, _dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let Some(app) = line.app.filter(|app| owns(app)) else { return Ok(Fit::No) };
    if let Some((_, daemon)) = app.split_once('/') {
        event.push("postfix.log.daemon", daemon)?;
    }
    let mut text = line.text;
    if let Some((id, rest)) = queue_id(text) {
        event.push("postfix.log.queue_id", id)?;
        text = rest;
    }
    let warned = text.strip_prefix("warning: ");
    if let Some(rest) = warned.and_then(|rest| rest.strip_prefix("header ")) {
        header(rest, event)?;
    } else if let Some(rest) = warned.or_else(|| text.strip_prefix("NOQUEUE: warning: ")) {
        warning(rest, event)?;
    } else if let Some(rest) = refused(text) {
        refusal(rest, event)?;
    } else if let Some((action, peer)) = connection(text) {
        event.push("event.action", action)?;
        client(peer.split(' ').next().unwrap_or_default(), event)?;
    } else {
        parts(text, event)?;
    }
    Ok(Fit::Yes)
}

/// `4XyZ0b1Wc8z9: …`; `NOQUEUE` is none.
fn queue_id(text: &str) -> Option<(&str, &str)> {
    let (id, rest) = text.split_once(": ")?;
    let is_id = (3..=QUEUE_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let has_digit = id.bytes().any(|byte| byte.is_ascii_digit());
    (is_id && has_digit).then_some((id, rest))
}

/// `connect from HOST[ADDRESS]`, `disconnect from …`, `lost connection after AUTH from …`.
fn connection(text: &str) -> Option<(&'static str, &str)> {
    if let Some(peer) = text.strip_prefix("connect from ") {
        return Some(("connect", peer));
    }
    if let Some(peer) = text.strip_prefix("disconnect from ") {
        return Some(("disconnect", peer));
    }
    let lost = text.strip_prefix("lost connection ").or_else(|| text.strip_prefix("timeout "))?;
    lost.split_once(" from ").map(|(_, peer)| ("connection_lost", peer))
}

/// What stands behind `reject: `, with or without a queue id before it.
fn refused(text: &str) -> Option<&str> {
    let text = text.strip_prefix("NOQUEUE: ").unwrap_or(text);
    ["reject: ", "milter-reject: ", "reject_warning: "].into_iter().find_map(|begin| text.strip_prefix(begin))
}

/// `RCPT from unknown[ADDRESS]: 550 5.7.1 …; from=<…> to=<…> proto=ESMTP helo=<…>`.
fn refusal(text: &str, event: &mut Event) -> Result<(), EventFull> {
    event.push("event.action", "reject")?;
    event.push("event.outcome", "failure")?;
    // The header or body that a check refused stands before the client; the envelope then follows it.
    let client_text = match text.strip_prefix("header ").or_else(|| text.strip_prefix("body ")) {
        Some(_) => return header(text.split_once(' ').map_or(text, |(_, rest)| rest), event),
        None => text.split_once(" from ").map(|(_, rest)| rest),
    };
    if let Some(rest) = client_text {
        let (peer, reason) = rest.split_once(": ").unwrap_or((rest, ""));
        client(peer, event)?;
        let reason = reason.split_once("; from=<").map_or(reason, |(reason, _)| reason);
        if !reason.is_empty() {
            event.push("event.reason", reason)?;
        }
    }
    envelope(text, event)
}

/// `Content-Disposition: attachment; filename="a.iso" from unknown[ADDRESS]; from=<…> to=<…> …`: what a check of headers
/// wrote down.
fn header(text: &str, event: &mut Event) -> Result<(), EventFull> {
    event.set_default("event.action", "header_check")?;
    let (before, _) = text.split_once("; from=<").unwrap_or((text, ""));
    let (header, peer) = before.rsplit_once(" from ").unwrap_or((before, ""));
    client(peer, event)?;
    if let Some(subject) = header.strip_prefix("Subject: ") {
        event.push("email.subject", subject)?;
    }
    if header.starts_with("Content-") {
        file_names(header, event)?;
    }
    envelope(text, event)
}

/// The values of `name=` and `filename=` parameters, quoted or not, also encoded ones (`name*=`).
fn file_names(header: &str, event: &mut Event) -> Result<(), EventFull> {
    let mut rest = header;
    for _ in 0..PARTS_MAX {
        let Some((_, after)) = rest.split_once("name") else { break };
        rest = after;
        let Some(value) = after.strip_prefix('=').or_else(|| after.strip_prefix("*=")) else { continue };
        let mut scan = Scan::new(value);
        let name = scan.quoted().unwrap_or_else(|| value.split([';', ' ', '\t']).next().unwrap_or_default());
        if !name.is_empty() {
            event.push("email.attachments.file.name", name)?;
        }
        // A name inside the name is none.
        rest = if scan.rest().len() < value.len() { scan.rest() } else { value.get(name.len()..).unwrap_or_default() };
    }
    Ok(())
}

/// `unknown[ADDRESS]: SASL LOGIN authentication failed: REASON, sasl_username=NAME`.
fn warning(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let Some((peer, rest)) = text.split_once(": ") else { return Ok(()) };
    let Some((method, reason)) = rest.strip_prefix("SASL ").and_then(|rest| rest.split_once(" authentication fail"))
    else {
        return Ok(());
    };
    client(peer, event)?;
    event.push("event.action", "sasl_login")?;
    event.push("event.outcome", "failure")?;
    event.push("postfix.log.sasl_method", method)?;
    let reason = reason.split_once(": ").map_or("", |(_, reason)| reason);
    let (reason, user) = reason.rsplit_once("sasl_username=").unwrap_or((reason, ""));
    if !user.is_empty() {
        event.push("user.name", user)?;
    }
    let reason = reason.trim_end_matches([',', ' ']);
    if reason.is_empty() { Ok(()) } else { event.push("event.reason", reason) }
}

/// `from=<…> to=<…> proto=… helo=<…>` behind a semicolon.
fn envelope(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let Some((_, rest)) = text.split_once("; from=<") else { return Ok(()) };
    let Some((from, rest)) = rest.split_once('>') else { return Ok(()) };
    address("email.from.address", from, event)?;
    if let Some((to, _)) = rest.strip_prefix(" to=<").and_then(|rest| rest.split_once('>')) {
        address("email.to.address", to, event)?;
    }
    match rest.rsplit_once(" helo=<").and_then(|(_, rest)| rest.split_once('>')) {
        Some((helo, _)) => event.push("postfix.log.helo", helo),
        None => Ok(()),
    }
}

/// `from=<…>, size=1, nrcpt=1 (queue active)`, `to=<…>, relay=…, status=sent (250 …)`, `client=HOST[ADDRESS], sasl_…`.
fn parts(text: &str, event: &mut Event) -> Result<(), EventFull> {
    if text == "removed" {
        return event.push("event.action", "removed");
    }
    let mut rest = text;
    for _ in 0..PARTS_MAX {
        let Some((key, value)) = rest.split_once('=') else { break };
        let (value, after) = match value.strip_prefix('<').and_then(|inner| inner.split_once('>')) {
            Some((inner, after)) => (inner, after.strip_prefix(", ").unwrap_or_default()),
            None if key == "status" => (value, ""),
            None => value.split_once(", ").unwrap_or((value, "")),
        };
        part(key, value, event)?;
        rest = after;
    }
    Ok(())
}

fn part(key: &str, value: &str, event: &mut Event) -> Result<(), EventFull> {
    match key {
        "from" => {
            event.set_default("event.action", "queued")?;
            address("email.from.address", value, event)
        }
        "to" => address("email.to.address", value, event),
        "orig_to" => address("postfix.log.orig_to", value, event),
        "client" => {
            event.set_default("event.action", "received")?;
            client(value, event)
        }
        "message-id" => event.push("email.message_id", value),
        "sasl_username" => {
            event.set("event.action", "sasl_login")?;
            event.set("event.outcome", "success")?;
            event.push("user.name", value)
        }
        "sasl_method" => event.push("postfix.log.sasl_method", value),
        "size" => event.push("postfix.log.size", whole(value)),
        "nrcpt" => event.push("postfix.log.nrcpt", whole(value.split(' ').next().unwrap_or(value))),
        "relay" => relay(value, event),
        "delay" => event.push("postfix.log.delay", value),
        "dsn" => event.push("postfix.log.dsn", value),
        "status" => status(value, event),
        _ => Ok(()),
    }
}

/// `sent (250 2.0.0 Ok)`.
fn status(value: &str, event: &mut Event) -> Result<(), EventFull> {
    let (word, reason) = value.split_once(' ').unwrap_or((value, ""));
    event.push("postfix.log.status", word)?;
    event.set("event.action", "delivery")?;
    match word {
        "sent" => event.set("event.outcome", "success")?,
        "bounced" | "expired" | "undeliverable" => event.set("event.outcome", "failure")?,
        _ => {}
    }
    let reason = reason.strip_prefix('(').unwrap_or(reason);
    let reason = reason.strip_suffix(')').unwrap_or(reason);
    if reason.is_empty() { Ok(()) } else { event.push("event.reason", reason) }
}

/// `mx.example[ADDRESS]:25`.
fn relay(value: &str, event: &mut Event) -> Result<(), EventFull> {
    event.push("postfix.log.relay", value)?;
    let Some((host, rest)) = value.split_once('[') else { return Ok(()) };
    let Some((ip, port)) = rest.split_once(']') else { return Ok(()) };
    if !crate::normalise::is_ip(ip) {
        return Ok(());
    }
    event.push("destination.ip", ip)?;
    if !host.is_empty() && host != ip {
        event.push("destination.domain", host)?;
    }
    match port.strip_prefix(':').and_then(|port| port.parse::<u16>().ok()) {
        Some(port) => event.push("destination.port", i64::from(port)),
        None => Ok(()),
    }
}

/// `HOST[ADDRESS]`, `HOST[ADDRESS]:PORT`; `unknown` is no name.
fn client(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let Some((host, rest)) = text.split_once('[') else { return Ok(()) };
    let Some((ip, port)) = rest.split_once(']') else { return Ok(()) };
    let ip = ip.strip_prefix("IPv6:").unwrap_or(ip);
    if !crate::normalise::is_ip(ip) {
        return Ok(());
    }
    event.push("source.ip", ip)?;
    if !matches!(host, "" | "unknown") {
        event.push("source.domain", host)?;
    }
    match port.strip_prefix(':').and_then(|port| port.parse::<u16>().ok()) {
        Some(port) => event.push("source.port", i64::from(port)),
        None => Ok(()),
    }
}

/// An address of mail; the empty one is a bounce's.
fn address(name: &str, value: &str, event: &mut Event) -> Result<(), EventFull> {
    if value.is_empty() { Ok(()) } else { event.push(name, value) }
}

fn whole(text: &str) -> event::Value<'_> {
    text.parse::<i64>().map_or(event::Value::Str(text), event::Value::Int)
}

#[cfg(test)]
mod tests;

//! FortiGate's logs: what [`super::pairs`] knows, and what FortiOS alone has.

use event::{Event, EventFull};

use super::{address, classify, copies, number, outcome, pairs};

const COPIES: [(&str, &str); 13] = [
    ("kv.policyname", "rule.name"),
    ("kv.attack", "rule.name"),
    ("kv.virus", "rule.name"),
    ("kv.catdesc", "rule.category"),
    ("kv.vd", "observer.vsys"),
    ("kv.group", "group.name"),
    ("kv.srcmac", "source.mac"),
    ("kv.dstmac", "destination.mac"),
    ("kv.filename", "file.name"),
    ("kv.analyticscksum", "file.hash.sha256"),
    ("kv.qname", "dns.question.name"),
    ("kv.reason", "event.reason"),
    ("kv.sessionid", "network.session_id"),
];

/// Adds the ECS names of FortiOS' keys.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    event.set_default("observer.vendor", "Fortinet")?;
    event.set_default("observer.product", "FortiGate")?;
    event.set_default("observer.type", "firewall")?;
    transport(event)?;
    copies(&COPIES, event)?;
    number("kv.sentpkt", "source.packets", event)?;
    number("kv.rcvdpkt", "destination.packets", event)?;
    address("kv.transip", "source.nat.ip", "source.nat.domain", event)?;
    address("kv.assignip", "fortinet.assigned.ip", "fortinet.assigned.domain", event)?;
    if event.get_str("kv.type") == Some("event") {
        sign_in(event)?;
    }
    pairs::to_ecs(event)
}

/// `proto=6`: the number that IANA gives a protocol.
fn transport(event: &mut Event) -> Result<(), EventFull> {
    let Some(number) = event.get_str("kv.proto").map(str::to_owned) else { return Ok(()) };
    event.set_default("network.iana_number", number.as_str())?;
    super::transport(&number).map_or(Ok(()), |name| event.set_default("network.transport", name))
}

/// Who signed in, to the device or to its VPN.
fn sign_in(event: &mut Event) -> Result<(), EventFull> {
    let kind = match event.get_str("kv.action") {
        Some("login" | "ssl-login-fail" | "authentication") => Some(("authentication", "start")),
        Some("tunnel-up" | "ssl-new-con") => Some(("session", "start")),
        Some("tunnel-down" | "ssl-exit-error" | "logout") => Some(("session", "end")),
        _ if event.has("kv.cfgpath") => Some(("configuration", "change")),
        _ => None,
    };
    let said = match event.get_str("kv.action") {
        Some("ssl-login-fail") => Some("failure"),
        _ => event.get_str("kv.status").and_then(outcome),
    };
    if let Some(said) = said {
        event.set_default("event.outcome", said)?;
    }
    kind.map_or(Ok(()), |(category, kind)| classify(category, &[kind], event))
}

//! The keys that firewalls and programs use most in lines of pairs.

use event::{Event, EventFull};

use super::{address, classify, copies, number, outcome, url};

const COPIES: [(&str, &str); 18] = [
    ("kv.level", "log.level"),
    ("kv.user", "user.name"),
    ("kv.username", "user.name"),
    ("kv.srcuser", "user.name"),
    ("kv.action", "event.action"),
    ("kv.act", "event.action"),
    ("kv.devname", "observer.name"),
    ("kv.devid", "observer.serial_number"),
    ("kv.srcintf", "observer.ingress.interface.name"),
    ("kv.dstintf", "observer.egress.interface.name"),
    ("kv.service", "network.protocol"),
    ("kv.hostname", "destination.domain"),
    ("kv.url", "url.original"),
    ("kv.method", "http.request.method"),
    ("kv.agent", "user_agent.original"),
    ("kv.logid", "event.code"),
    ("kv.policyid", "rule.id"),
    ("kv.host", "host.name"),
];

const NUMBERS: [(&str, &str); 9] = [
    ("kv.srcport", "source.port"),
    ("kv.src_port", "source.port"),
    ("kv.spt", "source.port"),
    ("kv.dstport", "destination.port"),
    ("kv.dst_port", "destination.port"),
    ("kv.dpt", "destination.port"),
    ("kv.sentbyte", "source.bytes"),
    ("kv.rcvdbyte", "destination.bytes"),
    ("kv.status", "http.response.status_code"),
];

/// Adds the ECS names of common keys.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    if event.get_str("kv.devid").is_some_and(|id| id.starts_with('F')) && event.has("kv.logid") {
        event.set_default("observer.vendor", "Fortinet")?;
    }
    copies(&COPIES, event)?;
    for name in ["kv.srcip", "kv.src", "kv.src_ip", "kv.client_ip", "kv.remip", "kv.ip"] {
        address(name, "source.ip", "source.domain", event)?;
    }
    for name in ["kv.dstip", "kv.dst", "kv.dst_ip"] {
        address(name, "destination.ip", "destination.domain", event)?;
    }
    NUMBERS.iter().try_for_each(|(from, to)| number(from, to, event))?;
    if let Some(outcome) = event.get_str("event.action").and_then(outcome) {
        event.set_default("event.outcome", outcome)?;
    }
    url(event)?;
    if !event.has("source.ip") || !event.has("destination.ip") {
        return Ok(());
    }
    let denied = event.get_str("event.outcome") == Some("failure");
    classify("network", &["connection", if denied { "denied" } else { "allowed" }], event)
}

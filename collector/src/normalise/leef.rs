//! LEEF's predefined attributes.

use event::{Event, EventFull};

use super::{address, classify, copies, number, outcome, url};

const COPIES: [(&str, &str); 18] = [
    ("leef.device.vendor", "observer.vendor"),
    ("leef.device.product", "observer.product"),
    ("leef.device.version", "observer.version"),
    ("leef.device.event_id", "event.code"),
    ("leef.attributes.usrName", "user.name"),
    ("leef.attributes.accountName", "user.name"),
    ("leef.attributes.domain", "user.domain"),
    ("leef.attributes.groupID", "group.id"),
    ("leef.attributes.srcMAC", "source.mac"),
    ("leef.attributes.dstMAC", "destination.mac"),
    ("leef.attributes.srcPostNAT", "source.nat.ip"),
    ("leef.attributes.dstPostNAT", "destination.nat.ip"),
    ("leef.attributes.policy", "rule.name"),
    ("leef.attributes.action", "event.action"),
    ("leef.attributes.act", "event.action"),
    ("leef.attributes.url", "url.original"),
    ("leef.attributes.identHostName", "host.name"),
    ("leef.attributes.fileName", "file.name"),
];

const NUMBERS: [(&str, &str); 9] = [
    ("leef.attributes.srcPort", "source.port"),
    ("leef.attributes.dstPort", "destination.port"),
    ("leef.attributes.srcPostNATPort", "source.nat.port"),
    ("leef.attributes.dstPostNATPort", "destination.nat.port"),
    ("leef.attributes.srcBytes", "source.bytes"),
    ("leef.attributes.dstBytes", "destination.bytes"),
    ("leef.attributes.srcPackets", "source.packets"),
    ("leef.attributes.dstPackets", "destination.packets"),
    ("leef.attributes.sev", "event.severity"),
];

/// Adds observer, addresses, ports, user, action and outcome.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(&COPIES, event)?;
    NUMBERS.iter().try_for_each(|(from, to)| number(from, to, event))?;
    address("leef.attributes.src", "source.ip", "source.domain", event)?;
    address("leef.attributes.dst", "destination.ip", "destination.domain", event)?;
    if let Some(protocol) = event.get_str("leef.attributes.proto").map(str::to_ascii_lowercase) {
        event.set_default("network.transport", protocol.as_str())?;
    }
    url(event)?;
    if let Some(outcome) = event.get_str("event.action").and_then(outcome) {
        event.set_default("event.outcome", outcome)?;
    }
    if !event.has("source.ip") && !event.has("destination.ip") {
        return Ok(());
    }
    let kind = match event.get_str("event.outcome") {
        Some("failure") => "denied",
        Some(_) => "allowed",
        None => "info",
    };
    classify("network", &["connection", kind], event)
}

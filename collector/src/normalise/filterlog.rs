//! Packets of pfSense and OPNsense.

use event::{Event, EventFull};

use super::{classify, copies, number, outcome};

/// Adds addresses, ports, rule, direction, action, outcome and category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    event.set_default("observer.vendor", "Netgate")?;
    event.set_default("observer.product", "pfSense")?;
    event.set_default("observer.type", "firewall")?;
    if !event.has("pfsense.log.source") {
        return Ok(());
    }
    copies(
        &[
            ("pfsense.log.source", "source.ip"),
            ("pfsense.log.destination", "destination.ip"),
            ("pfsense.log.tracker", "rule.id"),
            ("pfsense.log.action", "event.action"),
            ("pfsense.log.reason", "event.reason"),
            ("pfsense.log.protocol_id", "network.iana_number"),
        ],
        event,
    )?;
    for (from, to) in [
        ("pfsense.log.source_port", "source.port"),
        ("pfsense.log.destination_port", "destination.port"),
        ("pfsense.log.length", "network.bytes"),
    ] {
        number(from, to, event)?;
    }
    let outbound = event.get_str("pfsense.log.direction") == Some("out");
    event.set_default("network.direction", if outbound { "outbound" } else { "inbound" })?;
    let way = if outbound { "observer.egress.interface.name" } else { "observer.ingress.interface.name" };
    event.copy("pfsense.log.interface", way)?;
    if let Some(protocol) = event.get_str("pfsense.log.protocol").map(str::to_ascii_lowercase) {
        event.set_default("network.transport", protocol.as_str())?;
    }
    event.set_default(
        "network.type",
        if event.get_str("pfsense.log.ip_version") == Some("6") { "ipv6" } else { "ipv4" },
    )?;
    let said = event.get_str("event.action").and_then(outcome);
    if let Some(said) = said {
        event.set_default("event.outcome", said)?;
    }
    let kind = if said == Some("failure") { "denied" } else { "allowed" };
    classify("network", &["connection", kind], event)
}

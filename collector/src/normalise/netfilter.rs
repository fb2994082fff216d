//! Packets logged by the kernel.

use event::{Event, EventFull};

use super::{classify, copies, number};

/// Adds addresses, ports, interfaces and, when the rule's prefix says so, the outcome.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(
        &[
            ("iptables.src", "source.ip"),
            ("iptables.dst", "destination.ip"),
            ("iptables.in", "observer.ingress.interface.name"),
            ("iptables.out", "observer.egress.interface.name"),
        ],
        event,
    )?;
    number("iptables.spt", "source.port", event)?;
    number("iptables.dpt", "destination.port", event)?;
    number("iptables.len", "network.bytes", event)?;
    if let Some(protocol) = event.get_str("iptables.proto").map(str::to_ascii_lowercase) {
        event.set_default("network.transport", protocol.as_str())?;
    }
    let words = event.get_str("iptables.prefix").unwrap_or_default();
    let outcome = words.split([' ', '-', '_', ':', '[', ']']).find_map(super::outcome);
    let kind = match outcome {
        Some("failure") => "denied",
        Some(_) => "allowed",
        None => "info",
    };
    if let Some(outcome) = outcome {
        event.set_default("event.outcome", outcome)?;
    }
    classify("network", &["connection", kind], event)
}

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
    let prefix = event.get_str("iptables.prefix").unwrap_or_default();
    let mut words = prefix.split([' ', '-', '_', ':', '[', ']', '#', '/', '.']);
    let said = words.find_map(|word| Some((super::outcome(word)?, word.to_ascii_lowercase())));
    let outcome = said.as_ref().map(|(outcome, _)| *outcome);
    if let Some((_, action)) = &said {
        event.set_default("event.action", action.as_str())?;
    }
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

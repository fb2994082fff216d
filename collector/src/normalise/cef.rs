//! CEF's extension dictionary.

use event::{Event, EventFull};

use super::{address, classify, copies, number, outcome, url};

const COPIES: [(&str, &str); 19] = [
    ("cef.device.vendor", "observer.vendor"),
    ("cef.device.product", "observer.product"),
    ("cef.device.version", "observer.version"),
    ("cef.device.event_class_id", "event.code"),
    ("cef.extensions.deviceExternalId", "observer.serial_number"),
    ("cef.extensions.dvchost", "observer.hostname"),
    ("cef.extensions.deviceInboundInterface", "observer.ingress.interface.name"),
    ("cef.extensions.deviceOutboundInterface", "observer.egress.interface.name"),
    ("cef.extensions.suser", "user.name"),
    ("cef.extensions.duser", "user.target.name"),
    ("cef.extensions.shost", "source.domain"),
    ("cef.extensions.dhost", "destination.domain"),
    ("cef.extensions.act", "event.action"),
    ("cef.extensions.app", "network.protocol"),
    ("cef.extensions.request", "url.original"),
    ("cef.extensions.requestMethod", "http.request.method"),
    ("cef.extensions.requestClientApplication", "user_agent.original"),
    ("cef.extensions.fname", "file.name"),
    ("cef.extensions.fileHash", "file.hash"),
];

const NUMBERS: [(&str, &str); 6] = [
    ("cef.extensions.spt", "source.port"),
    ("cef.extensions.dpt", "destination.port"),
    ("cef.extensions.out", "source.bytes"),
    ("cef.extensions.in", "destination.bytes"),
    ("cef.extensions.cnt", "event.count"),
    ("cef.severity", "event.severity"),
];

/// Adds observer, addresses, ports, user, action and outcome.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(&COPIES, event)?;
    NUMBERS.iter().try_for_each(|(from, to)| number(from, to, event))?;
    let sources = ["cef.extensions.src", "cef.extensions.c6a2"];
    sources.iter().try_for_each(|from| address(from, "source.ip", "source.domain", event))?;
    let destinations = ["cef.extensions.dst", "cef.extensions.c6a3"];
    destinations.iter().try_for_each(|from| address(from, "destination.ip", "destination.domain", event))?;
    protocol(event)?;
    url(event)?;
    let word = event.get_str("cef.extensions.outcome").or_else(|| event.get_str("cef.extensions.act"));
    if let Some(outcome) = word.and_then(outcome) {
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

/// `proto` names the protocol, or gives IANA's number of it.
fn protocol(event: &mut Event) -> Result<(), EventFull> {
    let Some(given) = event.get_str("cef.extensions.proto").map(str::to_ascii_lowercase) else { return Ok(()) };
    if given.parse::<u8>().is_ok() {
        event.set_default("network.iana_number", given.as_str())?;
    }
    match (super::transport(&given), given.parse::<u8>()) {
        (Some(name), _) => event.set_default("network.transport", name),
        (None, Ok(_)) => Ok(()),
        (None, Err(_)) => event.set_default("network.transport", given.as_str()),
    }
}

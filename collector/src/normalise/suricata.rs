//! Suricata's EVE records.

use event::{Event, EventFull};

use super::{address, classify, copies, number, outcome, url};

const COPIES: [(&str, &str); 19] = [
    ("suricata.eve.in_iface", "observer.ingress.interface.name"),
    ("suricata.eve.app_proto", "network.protocol"),
    ("suricata.eve.community_id", "network.community_id"),
    ("suricata.eve.alert.signature", "rule.name"),
    ("suricata.eve.alert.category", "rule.category"),
    ("suricata.eve.alert.signature_id", "rule.id"),
    ("suricata.eve.alert.severity", "event.severity"),
    ("suricata.eve.http.hostname", "url.domain"),
    ("suricata.eve.http.url", "url.original"),
    ("suricata.eve.http.http_method", "http.request.method"),
    ("suricata.eve.http.status", "http.response.status_code"),
    ("suricata.eve.http.http_user_agent", "user_agent.original"),
    ("suricata.eve.http.http_refer", "http.request.referrer"),
    ("suricata.eve.dns.rrname", "dns.question.name"),
    ("suricata.eve.dns.rrtype", "dns.question.type"),
    ("suricata.eve.tls.sni", "tls.client.server_name"),
    ("suricata.eve.flow.bytes_toserver", "source.bytes"),
    ("suricata.eve.flow.bytes_toclient", "destination.bytes"),
    ("suricata.eve.fileinfo.filename", "file.name"),
];

/// Adds addresses, ports, rule, protocol records and category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    address("suricata.eve.src_ip", "source.ip", "source.domain", event)?;
    address("suricata.eve.dest_ip", "destination.ip", "destination.domain", event)?;
    number("suricata.eve.src_port", "source.port", event)?;
    number("suricata.eve.dest_port", "destination.port", event)?;
    copies(&COPIES, event)?;
    event.set_default("observer.vendor", "OISF")?;
    event.set_default("observer.product", "Suricata")?;
    event.set_default("observer.type", "ids")?;
    if let Some(protocol) = event.get_str("suricata.eve.proto").map(str::to_ascii_lowercase) {
        event.set_default("network.transport", protocol.as_str())?;
    }
    url(event)?;
    let is_alert = event.get_str("suricata.eve.event_type") == Some("alert");
    event.copy(if is_alert { "suricata.eve.alert.action" } else { "suricata.eve.event_type" }, "event.action")?;
    if let Some(outcome) = event.get_str("suricata.eve.alert.action").and_then(outcome) {
        event.set_default("event.outcome", outcome)?;
    }
    match is_alert {
        true => classify("intrusion_detection", &["info"], event),
        false => classify("network", &["connection"], event),
    }
}

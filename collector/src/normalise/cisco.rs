//! Cisco's firewalls and routers.

use event::{Event, EventFull};

use super::{address, classify, copies, number, outcome};

/// Names of FTD's security events.
const COPIES: [(&str, &str); 12] = [
    ("cisco.ftd.AccessControlRuleName", "rule.name"),
    ("cisco.ftd.AccessControlRuleReason", "event.reason"),
    ("cisco.ftd.ApplicationProtocol", "network.protocol"),
    ("cisco.ftd.IngressInterface", "observer.ingress.interface.name"),
    ("cisco.ftd.EgressInterface", "observer.egress.interface.name"),
    ("cisco.ftd.URL", "url.original"),
    ("cisco.ftd.User", "user.name"),
    ("cisco.ftd.UserAgent", "user_agent.original"),
    ("cisco.ftd.DNSQuery", "dns.question.name"),
    ("cisco.ftd.FileName", "file.name"),
    ("cisco.ftd.FileSHA256", "file.hash.sha256"),
    ("cisco.ftd.Message", "rule.name"),
];

const NUMBERS: [(&str, &str); 4] = [
    ("cisco.ftd.SrcPort", "source.port"),
    ("cisco.ftd.DstPort", "destination.port"),
    ("cisco.ftd.InitiatorBytes", "source.bytes"),
    ("cisco.ftd.ResponderBytes", "destination.bytes"),
];

/// Adds FTD's names in ECS, the translated address, transport, outcome and category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    security_event(event)?;
    translation(event)?;
    if let Some(action) = event.get_str("event.action") {
        let failed = event.get_str("event.reason").is_some_and(|reason| reason.ends_with("Failed"));
        if action == "ssh_login" {
            event.set_default("event.outcome", if failed { "failure" } else { "success" })?;
        }
    }
    let Some(kind) = kind(event) else { return Ok(()) };
    classify(kind.0, kind.1, event)
}

fn security_event(event: &mut Event) -> Result<(), EventFull> {
    address("cisco.ftd.SrcIP", "source.ip", "source.domain", event)?;
    address("cisco.ftd.DstIP", "destination.ip", "destination.domain", event)?;
    NUMBERS.iter().try_for_each(|(from, to)| number(from, to, event))?;
    copies(&COPIES, event)?;
    if let Some(protocol) = event.get_str("cisco.ftd.Protocol").map(str::to_ascii_lowercase) {
        event.set_default("network.transport", protocol.as_str())?;
    }
    let said = event.get_str("cisco.ftd.AccessControlRuleAction").map(str::to_ascii_lowercase);
    let Some(said) = said else { return Ok(()) };
    // `Block with reset`, `Interactive Block`: the word that rules ask for.
    let action = if said.contains("block") { "block" } else { said.as_str() };
    event.set_default("event.action", action)?;
    outcome(action).map_or(Ok(()), |outcome| event.set_default("event.outcome", outcome))
}

/// `outside:203.0.113.5/5000`, what a source is translated to.
fn translation(event: &mut Event) -> Result<(), EventFull> {
    let Some(text) = event.get_str("cisco.asa.translated").map(str::to_owned) else { return Ok(()) };
    let (side, port) = text.rsplit_once('/').unwrap_or((&text, ""));
    let address = if super::is_ip(side) { side } else { side.split_once(':').map_or(side, |(_, address)| address) };
    if super::is_ip(address) {
        event.set_default("source.nat.ip", address)?;
    }
    port.parse::<u16>().map_or(Ok(()), |port| event.set_default("source.nat.port", i64::from(port)))
}

/// Category and types by the action.
fn kind(event: &Event) -> Option<(&'static str, &'static [&'static str])> {
    Some(match event.get_str("event.action")? {
        "deny" | "drop" | "block" => ("network", &["connection", "denied"]),
        "permit" | "allow" => ("network", &["connection", "allowed"]),
        "teardown" => ("network", &["connection", "end"]),
        "login" | "ssh_login" | "snmp_login" | "port_login" | "authorization" | "routing_authentication" => {
            ("authentication", &["start"])
        }
        "session_opened" | "tunnel_connected" => ("session", &["start"]),
        "session_closed" | "tunnel_disconnected" | "logout" => ("session", &["end"]),
        "command" | "configured" | "configuration_saved" => ("configuration", &["change"]),
        "user_added" | "user_deleted" | "privilege_changed" | "account_locked" | "account_unlocked" => {
            ("iam", &["user", "change"])
        }
        "alert" | "threat_scanning" | "monitor" => ("intrusion_detection", &["info"]),
        _ => return None,
    })
}

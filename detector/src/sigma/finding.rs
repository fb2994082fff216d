//! From a match to a finding: who and what was involved.

use std::net::IpAddr;

use event::{Entities, Event, Finding, KnownBy, Value};

use super::set::Match;

const HOST: [&str; 6] = ["host.name", "winlog.computer_name", "Computer", "Hostname", "host.hostname", "observer.name"];
const USER: [&str; 6] = ["user.name", "User", "TargetUserName", "SubjectUserName", "AccountName", "lgsp.consumer"];
const SOURCE_IP: [&str; 8] = [
    "source.ip",
    "client.ip",
    "IpAddress",
    "SourceIp",
    "SourceAddress",
    "src_ip",
    "c-ip",
    "winlog.event_data.IpAddress",
];
const DESTINATION_IP: [&str; 6] =
    ["destination.ip", "server.ip", "DestinationIp", "DestAddress", "dst_ip", "winlog.event_data.DestinationIp"];

/// The finding that a match on `event` is, without its atoms. Entities come from ECS fields, else from Sigma's and
/// Windows' own names.
pub fn finding_of(event: &Event, found: &Match<'_>) -> Finding {
    Finding {
        rule: found.rule.reference.clone(),
        event: event.id,
        time: event.timestamp(),
        entities: entities_of(event),
        known_by: event.origin.as_ref().map_or(KnownBy::Unknown, |origin| origin.known_by),
        matched: found.matched.clone(),
        atoms: Vec::new(),
        related: Vec::new(),
    }
}

/// Who and what an event is about.
pub fn entities_of(event: &Event) -> Entities {
    Entities {
        site: event.origin.as_ref().map(|origin| origin.site.clone()),
        agency: event.origin.as_ref().and_then(|origin| origin.agency.clone()),
        host: first_text(event, &HOST),
        user: first_text(event, &USER),
        source_ip: first_address(event, &SOURCE_IP),
        destination_ip: first_address(event, &DESTINATION_IP),
    }
}

/// Windows writes `-` where it has nothing to say.
fn first_text(event: &Event, names: &[&str]) -> Option<String> {
    let texts = names.iter().filter_map(|name| event.get_str(name)).map(str::trim);
    texts.filter(|text| !text.is_empty() && *text != "-").map(|text| text.chars().take(256).collect()).next()
}

fn first_address(event: &Event, names: &[&str]) -> Option<IpAddr> {
    let texts = names.iter().filter_map(|name| event.get(name).and_then(Value::as_str));
    texts.filter_map(|text| text.trim().parse::<IpAddr>().ok()).map(|address| address.to_canonical()).next()
}

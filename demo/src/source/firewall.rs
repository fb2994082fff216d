//! The sites' firewalls, in ArcSight's Common Event Format.

use std::net::{IpAddr, Ipv4Addr};

use super::{Scene, somebody};
use crate::entry::{Body, Entry};

/// Facility `local0` (16), severity informational.
const TRAFFIC: u8 = 134;

/// One connection and what became of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flow {
    /// Who began it.
    pub source: IpAddr,
    /// Where it went.
    pub destination: IpAddr,
    /// To which port.
    pub port: u16,
    /// Whether it was let through.
    pub allowed: bool,
}

/// Connections of an ordinary day: mostly people who leave for the web, sometimes a stranger who is turned away.
pub(crate) fn ordinary(scene: &mut Scene<'_>) -> Entry {
    let outside = somebody(scene.dice);
    let server = |scene: &mut Scene<'_>| -> IpAddr {
        let machine = u8::try_from(scene.dice.between(10, 12)).unwrap_or(10);
        if outside.is_ipv4() { scene.site.v4(machine).into() } else { scene.site.v6(u16::from(machine)).into() }
    };
    let flow = match scene.dice.below(100) {
        0..80 => {
            let port = scene.dice.weighted(&[(80, 443), (12, 80), (6, 53), (2, 123)]).copied().unwrap_or(443);
            Flow { source: workplace(scene, outside.is_ipv4()), destination: outside, port, allowed: true }
        }
        80..92 => Flow { source: outside, destination: server(scene), port: 443, allowed: true },
        _ => {
            let port = scene.dice.one(&[8080, 8888, 5060, 6881, 11211]);
            Flow { source: outside, destination: server(scene), port, allowed: false }
        }
    };
    connection(scene, &flow)
}

/// A workplace, of the protocol that is asked for: over IPv4 by its address behind the site's translation.
fn workplace(scene: &mut Scene<'_>, v4: bool) -> IpAddr {
    let machine = u8::try_from(scene.dice.between(50, 99)).unwrap_or(50);
    let [_, _, net, _] = scene.site.v4(0).octets();
    if v4 { Ipv4Addr::new(192, 168, net, machine).into() } else { scene.site.v6(u16::from(machine)).into() }
}

/// The line of a connection.
pub(crate) fn connection(scene: &mut Scene<'_>, flow: &Flow) -> Entry {
    let action = if flow.allowed { "allow" } else { "deny" };
    let (received, sent) = if flow.allowed { (scene.dice.below(900_000), scene.dice.below(90_000)) } else { (0, 60) };
    let text = format!(
        "CEF:0|Fortinet|Fortigate|v7.4.3|00013|traffic:forward {action}|3|deviceExternalId=FGT60F{} src={} spt={} \
         dst={} dpt={} proto={} act={action} in={received} out={sent}",
        scene.dice.digits(10),
        flow.source,
        scene.dice.port(),
        flow.destination,
        flow.port,
        if matches!(flow.port, 53 | 123 | 5060) { "UDP" } else { "TCP" },
    );
    Entry { pid: None, ..scene.entry("fw", "fortigate", TRAFFIC, Body::Text(text)) }
}

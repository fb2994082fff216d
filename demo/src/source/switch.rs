//! Switches that watch IPv6 neighbour discovery (RFC 4861): who says that it is a router.

use std::net::Ipv6Addr;

use serde_json::json;

use super::Scene;
use crate::entry::{Body, Entry, stamp_utc};
use crate::site::Site;

/// Facility `local4` (20), severity notice.
const NOTICE: u8 = 165;

/// One router advertisement as a switch saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Advertisement<'a> {
    /// The sender's link address.
    pub mac: &'a str,
    /// The sender's link-local address.
    pub router: Ipv6Addr,
    /// The prefix that it announces, /64.
    pub prefix: Ipv6Addr,
    /// The port of the switch that it came in by.
    pub port: &'a str,
    /// What that port is for: `uplink` or `access`.
    pub port_role: &'a str,
    /// For how long it wants to be the default router, in seconds (RFC 4861, section 4.2).
    pub lifetime_secs: u32,
}

/// The link-local address of a site's own router.
pub(crate) fn own_router(site: &Site) -> Ipv6Addr {
    let [_, _, _, number, ..] = site.v6(0).segments();
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0x0064, 0x43ff, 0xfe01, number)
}

/// The site's own router advertises itself.
pub(crate) fn ordinary(scene: &mut Scene<'_>) -> Entry {
    let (router, prefix) = (own_router(scene.site), scene.site.v6(0));
    let [.., high, low] = router.octets();
    let mac = format!("02:64:43:01:{high:02x}:{low:02x}");
    let own = Advertisement { mac: &mac, router, prefix, port: "gi0/1", port_role: "uplink", lifetime_secs: 1_800 };
    advertisement(scene, &own)
}

/// The document of an advertisement.
pub(crate) fn advertisement(scene: &mut Scene<'_>, seen: &Advertisement<'_>) -> Entry {
    let trusted = seen.port_role == "uplink";
    let document = json!({
        "@timestamp": stamp_utc(scene.at),
        "event": { "dataset": "router.ndp", "action": "router_advertisement" },
        "router": { "ndp": {
            "prefix": format!("{}/64", seen.prefix), "router_lifetime": seen.lifetime_secs, "trusted": trusted,
            "port": seen.port, "port_role": seen.port_role, "known_router": own_router(scene.site).to_string(),
            "preference": if trusted { "medium" } else { "high" },
        } },
        "source": { "ip": seen.router.to_string(), "mac": seen.mac },
        "destination": { "ip": "ff02::1" },
        "network": { "transport": "ipv6-icmp" },
    });
    Entry { pid: None, ..scene.entry("sw", "switch", NOTICE, Body::Document(document)) }
}

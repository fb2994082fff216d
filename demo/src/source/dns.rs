//! The sites' resolvers: one document a question.

use serde_json::json;

use super::Scene;
use crate::entry::{Body, Entry, stamp_utc};

/// Facility `daemon` (3), severity informational.
const RESOLVER: u8 = 30;

const NAMES: [&str; 8] = [
    "motcua.hcm.example",
    "lgsp.hcm.example",
    "mail.hcm.example",
    "vanban.hcm.example",
    "time.example.vn",
    "capnhat.example.com",
    "cdn.example.net",
    "baochi.example.vn",
];

/// Somebody asks for a name.
pub(crate) fn ordinary(scene: &mut Scene<'_>) -> Entry {
    let document = json!({
        "@timestamp": stamp_utc(scene.at),
        "event": { "dataset": "dns.resolver", "action": "dns-query" },
        "dns": {
            "question": { "name": scene.dice.one(&NAMES), "type": scene.dice.one(&["A", "AAAA", "AAAA", "HTTPS"]) },
            "response_code": scene.dice.weighted(&[(97, "NOERROR"), (3, "NXDOMAIN")]).copied().unwrap_or("NOERROR"),
        },
        "source": { "ip": scene.workstation().to_string() },
        "network": { "transport": "udp" },
    });
    Entry { pid: None, ..scene.entry("dns", "resolver", RESOLVER, Body::Document(document)) }
}

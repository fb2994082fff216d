//! Network sensors: Suricata's EVE JSON.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Scene, somebody};
use crate::entry::{Body, Entry, local};

/// Facility `local5` (21), severity notice.
const SENSOR: u8 = 173;

const NAMES: [&str; 6] = [
    "motcua.hcm.example",
    "thuebao.example",
    "cdn.example.net",
    "mail.hcm.example",
    "capnhat.example.com",
    "baochi.example.vn",
];
const SIGNATURES: [(u64, &str); 4] = [
    (9_000_011, "METRONET INFO software update over plain HTTP"),
    (9_000_012, "METRONET INFO file sharing inside a site"),
    (9_000_013, "METRONET POLICY remote assistance session"),
    (9_000_014, "METRONET INFO old TLS version offered"),
];

/// Flows, names, sessions, and now and then a finding that matters little.
pub(crate) fn ordinary(scene: &mut Scene<'_>) -> Entry {
    let outside = somebody(scene.dice);
    let inside = scene.workstation();
    let name = scene.dice.one(&NAMES);
    match scene.dice.below(100) {
        0..45 => {
            let kind = scene.dice.one(&["A", "AAAA"]);
            let query = json!({ "dns": { "type": "query", "rrname": name, "rrtype": kind } });
            record(scene, "dns", inside, outside, 53, query)
        }
        45..75 => {
            let session = json!({ "tls": { "sni": name, "version": "TLS 1.3" } });
            record(scene, "tls", inside, outside, 443, session)
        }
        75..96 => {
            let (down, up) = (scene.dice.below(2_000_000), scene.dice.below(80_000));
            let flow = json!({ "flow": { "bytes_toserver": up, "bytes_toclient": down, "state": "closed" } });
            record(scene, "flow", inside, outside, 443, flow)
        }
        _ => {
            let (id, signature) = scene.dice.one(&SIGNATURES);
            let alert = json!({ "alert": {
                "action": "allowed", "gid": 1, "signature_id": id, "rev": 1, "signature": signature,
                "category": "Misc activity", "severity": 3,
            } });
            record(scene, "alert", inside, outside, 80, alert)
        }
    }
}

/// One EVE record; `about` is what its kind adds.
pub(crate) fn record(
    scene: &mut Scene<'_>,
    kind: &str,
    source: IpAddr,
    destination: IpAddr,
    port: u16,
    about: Value,
) -> Entry {
    let mut document = json!({
        "timestamp": local(scene.at).strftime("%Y-%m-%dT%H:%M:%S%.6f%z").to_string(),
        "flow_id": scene.dice.below(1 << 50),
        "in_iface": "metro1",
        "event_type": kind,
        "src_ip": source.to_string(),
        "src_port": scene.dice.port(),
        "dest_ip": destination.to_string(),
        "dest_port": port,
        "proto": if port == 53 { "UDP" } else { "TCP" },
    });
    if let (Value::Object(whole), Value::Object(part)) = (&mut document, about) {
        whole.extend(part);
    }
    Entry { pid: None, ..scene.entry("ids", "suricata", SENSOR, Body::Document(document)) }
}

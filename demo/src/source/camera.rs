//! Cameras and sensors in the streets: what they measure and how they are.

use serde_json::json;

use super::Scene;
use crate::entry::{Body, Entry, stamp_utc};

/// Facility `local3` (19), severity informational.
const DEVICE: u8 = 158;

/// A camera's state, or a reading of water, traffic or air.
pub(crate) fn ordinary(scene: &mut Scene<'_>) -> Entry {
    let number = scene.dice.between(1, 240);
    let document = if scene.dice.chance(0.4) {
        json!({
            "@timestamp": stamp_utc(scene.at),
            "event": { "dataset": "camera.status", "action": "heartbeat" },
            "camera": {
                "id": format!("cam-{number:03}"), "frames_per_second": scene.dice.between(20, 25),
                "temperature_celsius": scene.dice.between(36, 58), "recording": true,
            },
            "source": { "ip": scene.site.v6(u16::try_from(0x100 + number).unwrap_or(0x100)).to_string() },
        })
    } else {
        let (what, unit, most) =
            scene.dice.one(&[("water-level", "cm", 140), ("vehicles", "per_minute", 180), ("pm25", "ug_m3", 90)]);
        json!({
            "@timestamp": stamp_utc(scene.at),
            "event": { "dataset": "iot.reading", "action": "reading" },
            "iot": {
                "device": format!("{what}-{number:03}"), "quantity": what, "unit": unit,
                "value": scene.dice.below(most), "battery_percent": scene.dice.between(30, 100),
            },
        })
    };
    Entry { pid: None, ..scene.entry("iot", "collector", DEVICE, Body::Document(document)) }
}

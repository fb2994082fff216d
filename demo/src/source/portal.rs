//! The one-stop portals' own log: dossiers of people, with the personal data that such logs hold.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Scene, somebody};
use crate::entry::{Body, Entry, stamp_utc};
use crate::people::Person;

/// Facility `local2` (18), severity informational.
const PORTAL: u8 = 150;

const PROCEDURES: [&str; 6] = [
    "dang-ky-khai-sinh",
    "dang-ky-ket-hon",
    "xac-nhan-cu-tru",
    "cap-giay-phep-xay-dung",
    "dang-ky-bien-dong-dat-dai",
    "ho-tro-xa-hoi",
];
const STEPS: [&str; 6] = [
    "dossier_submitted",
    "dossier_received",
    "dossier_supplement_asked",
    "dossier_approved",
    "dossier_paid",
    "dossier_handed_over",
];

/// A dossier goes a step further, or somebody adds a paper to it.
pub(crate) fn ordinary(scene: &mut Scene<'_>) -> Entry {
    let citizen = Person::invent(scene.dice);
    let client = somebody(scene.dice);
    if scene.dice.chance(0.2) {
        let paper = scene.dice.one(&["giay-khai-sinh.pdf", "can-cuoc.jpg", "so-do.pdf", "don-xin.docx"]);
        return step(scene, "dossier_file_uploaded", &citizen, client, Some(paper));
    }
    let action = scene.dice.one(&STEPS);
    step(scene, action, &citizen, client, None)
}

/// The document of a step.
pub(crate) fn step(scene: &mut Scene<'_>, action: &str, citizen: &Person, client: IpAddr, file: Option<&str>) -> Entry {
    let officer = scene.officer();
    let unit = scene.site.agency.as_str();
    let mut document = json!({
        "@timestamp": stamp_utc(scene.at),
        "event": { "dataset": "portal.onestop", "action": action, "outcome": "success" },
        "portal": {
            "dossier": format!("HS-2026-{}", scene.dice.digits(6)),
            "procedure": scene.dice.one(&PROCEDURES),
            "dossier_unit": unit, "officer_unit": unit,
            "citizen": { "name": citizen.name, "id": citizen.citizen_id, "phone": citizen.phone },
        },
        "user": { "name": officer.login, "full_name": officer.name },
        "source": { "ip": client.to_string() },
    });
    if let (Some(name), Value::Object(document)) = (file, &mut document) {
        document.insert("file".to_owned(), json!({ "name": name, "size": scene.dice.between(9_000, 4_000_000) }));
    }
    Entry { pid: None, ..scene.entry("app", "motcua", PORTAL, Body::Document(document)) }
}

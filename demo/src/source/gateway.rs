//! The gateway of the data-sharing platform (LGSP): a document for every call of one agency for another's data.

use std::net::{IpAddr, Ipv6Addr};

use serde_json::{Value, json};

use super::Scene;
use crate::dice::Dice;
use crate::entry::{Body, Entry, local, stamp_utc};

/// Facility `local1` (17), severity informational.
const CALL: u8 = 142;

/// An agency's calls: who, for what, which interface, most records of one call. Each purpose covers its interface.
type Habit = (&'static str, &'static str, &'static str, u64);

const DAY: [Habit; 9] = [
    ("so-y-te", "insurance-check", "/citizens/v1/lookup", 1),
    ("so-y-te", "insurance-check", "/citizens/v1/verify", 1),
    ("so-tu-phap", "civil-registration", "/citizens/v1/lookup", 1),
    ("so-noi-vu", "personnel-file", "/citizens/v1/verify", 1),
    ("so-giao-duc-va-dao-tao", "school-admission", "/citizens/v1/households", 6),
    ("so-xay-dung", "building-permit", "/land/v1/parcels", 6),
    ("so-tai-chinh", "tax-exemption", "/businesses/v1/lookup", 1),
    ("cong-an-thanh-pho", "residence-check", "/citizens/v1/lookup", 1),
    ("van-phong-dang-ky-dat-dai", "land-transfer", "/land/v1/parcels", 6),
];
/// What is called while the counters are closed.
const NIGHT: [Habit; 4] = [
    ("so-y-te", "emergency-care", "/citizens/v1/lookup", 1),
    ("cong-an-thanh-pho", "missing-person", "/citizens/v1/lookup", 1),
    ("kho-du-lieu-dung-chung", "population-sync", "/citizens/v1/changes", 60),
    ("so-tai-chinh", "rate-table", "/catalogues/v1/wards", 168),
];

/// One call through the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Call<'c> {
    /// The agency that calls.
    pub consumer: &'c str,
    /// Its purpose; `None` when it names none.
    pub purpose: Option<&'c str>,
    /// The interface.
    pub api: &'c str,
    /// Records that were given out.
    pub records: u64,
    /// The answer's status.
    pub status: u16,
    /// Who is signed in at the agency.
    pub user: &'c str,
    /// Where the call comes from.
    pub client: IpAddr,
    /// The token's name.
    pub token: &'c str,
}

/// Officers look up a person, a parcel, a firm; at night only what cannot wait.
pub(crate) fn ordinary(scene: &mut Scene<'_>) -> Entry {
    let open = (7..19).contains(&local(scene.at).hour());
    let (consumer, purpose, api, most) = scene.dice.one(if open { DAY.as_slice() } else { NIGHT.as_slice() });
    let status = scene.dice.weighted(&[(95, 200), (3, 404), (1, 429), (1, 504)]).copied().unwrap_or(200);
    let records = if status == 200 { scene.dice.between(1, most) } else { 0 };
    let user = scene.officer().login;
    let client = server_of(consumer);
    let token = format!("t-{consumer}");
    call(scene, &Call { consumer, purpose: Some(purpose), api, records, status, user: &user, client, token: &token })
}

/// The one address of MetroNet that an agency's application calls from.
fn server_of(consumer: &str) -> IpAddr {
    let number = Dice::new(0).of(consumer).between(0x20, 0x2ff);
    Ipv6Addr::new(0xfd4d, 0x534f, 0x43, u16::try_from(number).unwrap_or(0x20), 0, 0, 0, 0x20).into()
}

/// The document of a call.
pub(crate) fn call(scene: &mut Scene<'_>, call: &Call<'_>) -> Entry {
    let mut document = json!({
        "@timestamp": stamp_utc(scene.at),
        "event": { "dataset": "lgsp.gateway", "action": "lgsp_call" },
        "lgsp": {
            "consumer": call.consumer, "api": call.api, "records": call.records, "token_id": call.token,
            "request_id": scene.dice.hex(16),
        },
        "http": {
            "request": { "method": "GET" },
            "response": { "status_code": call.status },
        },
        "url": { "original": call.api },
        "source": { "ip": call.client.to_string() },
        "user": { "name": call.user },
    });
    let lgsp = document.get_mut("lgsp").and_then(Value::as_object_mut);
    if let (Some(purpose), Some(lgsp)) = (call.purpose, lgsp) {
        lgsp.insert("purpose".to_owned(), purpose.into());
    }
    Entry { pid: None, ..scene.entry("gw", "lgsp", CALL, Body::Document(document)) }
}

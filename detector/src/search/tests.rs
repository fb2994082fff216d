//! Tests of search by subject; here the events, the permits and the house they are found in.

mod aggregations;
mod answers;
mod paging;
mod permits;
mod requests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use event::{
    AgencyId, Clock, Event, EventId, Grant, KnownBy, ManualClock, Masks, NoMasks, Object, Operation, Origin, Permit,
    Reach, Role, Scope, SiteId, SourceId, Subject, Timestamp, Transport, UserName, Visibility,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::index::IndexSettings;

const NOW: i64 = 1_800_000_000;

struct House {
    _dir: tempfile::TempDir,
    index: Arc<Index>,
    search: Search,
    events: Vec<Event>,
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(Timestamp::from_secs(NOW)))
}

fn house(events: Vec<Event>) -> House {
    let dir = tempfile::tempdir().unwrap();
    let settings = IndexSettings {
        slice_length: Duration::from_secs(3_600),
        heap_bytes: 15_000_000,
        writers_max: 4,
        ..IndexSettings::default()
    };
    let index = Arc::new(Index::open(dir.path(), settings).unwrap());
    for batch in events.chunks(events.len() / 5 + 1) {
        index.add(batch).unwrap();
        index.flush().unwrap();
    }
    House { _dir: dir, search: Search::new(Arc::clone(&index), clock()), index, events }
}

fn permit_of(operation: Operation, scope: Scope, masks: Arc<dyn Masks>) -> Permit {
    let subject = Subject { name: UserName::new("lan").unwrap(), role: Role::AnalystTier2, agency: None };
    Permit::issue(Grant {
        subject,
        purpose: "triage".to_owned(),
        operation,
        object: Object::Events,
        scope,
        masks,
        not_after: Timestamp::from_secs(NOW + 60),
        because: vec!["p, analyst-tier2, events, read".to_owned()],
    })
}

fn reader() -> Permit {
    permit_of(Operation::Read, Scope::all(), Arc::new(NoMasks))
}

const USERS: [&str; 5] = ["root", "svc_backup", "nguyenvana", "Administrator", "tran thi b"];
const DATASETS: [&str; 4] = ["system.auth", "nginx.access", "windows.security", "cef"];

/// One event, everything of it drawn from its number.
fn event(id: u64) -> Event {
    let mut event = Event::new();
    event.id = EventId(id);
    event.received = Timestamp::from_secs(NOW - 9_000 + id.cast_signed() * 20);
    if !id.is_multiple_of(7) {
        let jitter = (id.cast_signed() * 7_919) % 4_000;
        event.claimed = Some(Timestamp::from_secs(NOW - 9_000 + jitter));
    }
    event.origin = Some(Arc::new(Origin {
        site: SiteId::new(format!("site-{}", id % 6)).unwrap(),
        agency: (!id.is_multiple_of(5)).then(|| AgencyId::new(format!("agency-{}", id % 3)).unwrap()),
        known_by: KnownBy::Certificate,
        source: SourceId::new("s").unwrap(),
        transport: Transport::SyslogTls,
        peer: None,
    }));
    let user = USERS[(id % 5) as usize];
    let address = match id % 3 {
        0 => format!("10.{}.0.{}", id % 4, id % 250),
        1 => format!("2001:db8:{:x}::{:x}", id % 4, id),
        _ => format!("192.168.{}.{}", id % 3, id % 200),
    };
    let address = address.parse::<IpAddr>().unwrap().to_string();
    let timestamp = event.timestamp().to_string();
    event.push("@timestamp", timestamp.as_str()).unwrap();
    event.push("message", format!("Failed password for {user} from {address} Đăng nhập {}", id % 10).as_str()).unwrap();
    event.push("event.original", format!("<13> raw {id}").as_str()).unwrap();
    event.push("event.dataset", DATASETS[(id % 4) as usize]).unwrap();
    event.push("user.name", user).unwrap();
    if id.is_multiple_of(11) {
        event.push("source.ip", "not-an-address").unwrap();
    } else {
        event.push("source.ip", address.as_str()).unwrap();
    }
    event.push("cef.extensions.src", address.as_str()).unwrap();
    event.push("source.port", (id % 50).cast_signed()).unwrap();
    if id.is_multiple_of(2) {
        event.push("lgsp.purpose", format!("purpose {}", id % 4).as_str()).unwrap();
        event.push("custom.count", (id % 30).cast_signed()).unwrap();
    }
    event.push("tags", "a").unwrap();
    if id.is_multiple_of(3) {
        event.push("tags", "b").unwrap();
    }
    event
}

fn everything() -> House {
    house((0..400).map(event).collect())
}

fn request(query: &str) -> SearchRequest {
    SearchRequest { query: query.to_owned(), limit: Some(1_000), ..SearchRequest::default() }
}

fn ids(house: &House, permit: &Permit, query: &str) -> BTreeSet<u64> {
    let answer = house.search.search(permit, &request(query)).unwrap_or_else(|error| panic!("{query}: {error}"));
    let found: BTreeSet<u64> = answer.hits.iter().map(|hit| hit.id.0).collect();
    assert_eq!(found.len() as u64, answer.total, "{query}");
    found
}

fn address(event: &Event, field: &str) -> Option<IpAddr> {
    event.get_str(field)?.parse().ok()
}

fn within(event: &Event, field: &str, network: &str) -> bool {
    let network: ipnet::IpNet = network.parse().unwrap();
    address(event, field).is_some_and(|address| network.contains(&address))
}

fn number(event: &Event, field: &str) -> Option<i64> {
    event.get(field)?.as_f64().map(|number| number as i64)
}

fn buckets(house: &House, permit: &Permit, query: &str, form: Value) -> Result<Vec<(Value, u64)>, SearchError> {
    let request = SearchRequest {
        aggregations: [("x".to_owned(), form)].into_iter().collect(),
        limit: Some(0),
        ..request(query)
    };
    let answer = house.search.search(permit, &request)?;
    Ok(answer.aggregations["x"].buckets.iter().map(|bucket| (bucket.key.clone(), bucket.count)).collect())
}

//! Every path through which a permit must hold and a masked value could leak.

use super::*;

#[test]
fn no_door_opens_without_the_right_permit() {
    let house = everything();
    let denied = |permit: &Permit| {
        assert!(matches!(house.search.search(permit, &request("")), Err(SearchError::Denied { .. })));
        assert!(matches!(house.search.fields(permit), Err(SearchError::Denied { .. })));
        assert!(matches!(house.search.get(permit, EventId(1)), Err(SearchError::Denied { .. })));
    };
    let export = permit_of(Operation::Export, Scope::all(), Arc::new(NoMasks));
    denied(&export);
    assert!(house.search.export(&export, &request("")).is_ok());
    assert!(matches!(house.search.export(&reader(), &request("")).err(), Some(SearchError::Denied { .. })));
    let late = Arc::new(ManualClock::at(Timestamp::from_secs(NOW + 61)));
    let search = Search::new(Arc::clone(&house.index), late);
    assert!(matches!(search.search(&reader(), &request("")), Err(SearchError::Denied { .. })));
}

fn scoped(agencies: &[&str], sites: Option<&[&str]>) -> Permit {
    let agencies = agencies.iter().map(|id| AgencyId::new(id).unwrap()).collect();
    let sites =
        sites.map_or(Reach::All, |sites| Reach::Only(sites.iter().map(|id| SiteId::new(id).unwrap()).collect()));
    permit_of(Operation::Read, Scope { agencies: Reach::Only(agencies), sites }, Arc::new(NoMasks))
}

#[test]
fn a_scope_holds_on_every_path() {
    let house = everything();
    let permit = scoped(&["agency-1"], None);
    let mine = |event: &Event| !event.id.0.is_multiple_of(5) && event.id.0 % 3 == 1;
    let expected: BTreeSet<u64> = house.events.iter().filter(|event| mine(event)).map(|event| event.id.0).collect();
    for query in
        ["", "*", "NOT user.name:nobody", "metrosoc.agency.id:* OR NOT metrosoc.agency.id:*", "failed OR -failed"]
    {
        assert_eq!(ids(&house, &permit, query), expected, "{query}");
    }
    assert!(ids(&house, &permit, "metrosoc.agency.id:agency-2").is_empty());
    let found = buckets(&house, &permit, "", json!({"terms": {"field": "metrosoc.agency.id"}})).unwrap();
    assert_eq!(found, [(json!("agency-1"), expected.len() as u64)]);
    let slow = buckets(&house, &permit, "", json!({"terms": {"field": "cef.extensions.src", "size": 10_000}})).unwrap();
    assert_eq!(slow.iter().map(|(_, count)| count).sum::<u64>(), expected.len() as u64);
    for event in &house.events {
        assert_eq!(house.search.get(&permit, event.id).unwrap().is_some(), mine(event));
    }
    assert!(house.search.get(&reader(), EventId(9_999)).unwrap().is_none());
    assert!(ids(&house, &scoped(&[], None), "").is_empty());
    assert!(house.search.get(&scoped(&[], None), EventId(1)).unwrap().is_none());
    let both = scoped(&["agency-1"], Some(&["site-1"]));
    let expected: BTreeSet<u64> = expected.into_iter().filter(|id| id % 6 == 1).collect();
    assert_eq!(ids(&house, &both, ""), expected);
}

/// Masks as tier 1 has them: a user's name is cut, an address is hidden, no free text.
#[derive(Debug)]
struct Tier1;

impl Masks for Tier1 {
    fn visibility(&self, field: &str) -> Visibility {
        match field {
            "user.name" | "custom.count" => Visibility::Masked,
            "source.ip" | "cef.extensions.src" => Visibility::Hidden,
            _ => Visibility::Clear,
        }
    }

    fn show<'v>(&self, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
        match self.visibility(field) {
            Visibility::Clear => Some(Cow::Borrowed(value)),
            Visibility::Masked => Some(Cow::Borrowed("***")),
            Visibility::Hidden => None,
        }
    }

    fn counts(&self) -> event::Counts {
        event::Counts::exact()
    }

    fn free_text(&self) -> bool {
        false
    }
}

fn tier1(operation: Operation) -> Permit {
    permit_of(operation, Scope::all(), Arc::new(Tier1))
}

#[test]
fn masked_values_leak_on_no_path() {
    let house = everything();
    let permit = tier1(Operation::Read);
    let request = SearchRequest {
        aggregations: [("x".to_owned(), json!({"terms": {"field": "event.dataset"}}))].into_iter().collect(),
        ..request("source.port:>=0 OR lgsp.*:* OR *:root OR user.n*:root OR s*:*")
    };
    let mut told = serde_json::to_string(&house.search.search(&permit, &request).unwrap()).unwrap();
    told += &serde_json::to_string(&house.search.get(&permit, EventId(3)).unwrap()).unwrap();
    let export = tier1(Operation::Export);
    for hit in house.search.export(&export, &request).unwrap() {
        told += &serde_json::to_string(&hit.unwrap()).unwrap();
    }
    for secret in [
        "root",
        "svc_backup",
        "nguyenvana",
        "Administrator",
        "tran thi",
        "2001:db8",
        "192.168.",
        "10.1.0",
        "Failed password",
        "<13>",
        "raw",
    ] {
        assert!(!told.contains(secret), "{secret} leaks");
    }
    for field in ["message", "event.original", "source.ip", "cef.extensions.src"] {
        assert!(!told.contains(field), "{field} leaks");
    }
    assert!(told.contains(r#""user.name":"***""#) && told.contains(r#""custom.count":"***""#));
    let told = serde_json::to_string(&house.search.fields(&permit).unwrap()).unwrap();
    assert!(told.contains("user.name") && !told.contains("source.ip") && !told.contains("message"), "{told}");
}

#[test]
fn masked_fields_cannot_be_asked_about() {
    let house = everything();
    let permit = tier1(Operation::Read);
    let refused = |request: &SearchRequest, field: &str| {
        match house.search.search(&permit, request) {
            Err(SearchError::FieldMasked { field: found }) => assert_eq!(found, field),
            other => panic!("{request:?} gave {other:?}"),
        }
        assert!(house.search.export(&tier1(Operation::Export), request).is_err() || request.query.is_empty());
    };
    for query in [
        "user.name:root",
        "NOT user.name:root",
        "user.name:*",
        "_exists_:user.name",
        "user.name:[a TO z]",
        "user.name:r*",
        "source.port:1 AND (event.dataset:cef OR user.name:root)",
        "user.name:(a OR b)",
        r"user\.name:root",
        "-user.name:x",
    ] {
        refused(&request(query), "user.name");
    }
    for query in ["source.ip:10.0.0.0/8", "source.ip:*", "source.ip:>1.1.1.1"] {
        refused(&request(query), "source.ip");
    }
    for query in ["root", "\"failed password\"", "message:root", "message:*", "fai*", "NOT root", "10.0.0.1"] {
        refused(&request(query), "message");
    }
    refused(&request("event.original:raw"), "event.original");
    for field in ["user.name", "source.ip", "custom.count", "message"] {
        let form = json!({"terms": {"field": field}});
        refused(&SearchRequest { aggregations: [("x".to_owned(), form)].into_iter().collect(), ..request("") }, field);
    }
    // Names with wildcards and bare networks stand for what is clear, and tell nothing of the rest.
    assert!(ids(&house, &permit, "user.*:root").is_empty());
    assert!(ids(&house, &permit, "source.i*:10.0.0.0/8").is_empty());
    assert!(ids(&house, &permit, "mess*:failed").is_empty());
    assert!(ids(&house, &permit, "10.0.0.0/8").is_empty());
    assert_eq!(ids(&house, &permit, "NOT user.*:root").len(), 400);
}

#[test]
fn remembered_counts_are_of_the_same_question_and_scope_alone() {
    let house = everything();
    while house.index.seal_next(Timestamp::from_secs(NOW + 86_400)).unwrap().is_some() {}
    let count = |permit: &Permit, query: &str, default_operator| {
        let request = SearchRequest { limit: Some(0), default_operator, ..request(query) };
        house.search.search(permit, &request).unwrap().total
    };
    let own = |query: &str, permit: &Permit, operator| {
        let fresh = Search::new(Arc::clone(&house.index), clock());
        let request = SearchRequest { limit: Some(0), default_operator: operator, ..request(query) };
        fresh.search(permit, &request).unwrap().total
    };
    let permits =
        [reader(), scoped(&["agency-1"], None), scoped(&["agency-1"], Some(&["site-1"])), scoped(&["agency-2"], None)];
    let queries =
        ["user.name:root event.dataset:cef", "user.name:root", "NOT user.name:root", "@timestamp:[now-2h TO *]"];
    let mut different = BTreeSet::new();
    for _ in 0..2 {
        for query in queries {
            for permit in &permits {
                for operator in [None, Some(DefaultOperator::And)] {
                    let total = count(permit, query, operator);
                    assert_eq!(total, own(query, permit, operator), "{query}");
                    different.insert(total);
                }
            }
        }
    }
    assert!(different.len() > 8, "{different:?}");
    // A bare network stands for the fields that are clear to who asks: what another one's count was tells nothing.
    assert!(count(&reader(), "10.0.0.0/8", None) > 0);
    assert_eq!(count(&tier1(Operation::Read), "10.0.0.0/8", None), 0);
    // What came since is counted with what is remembered.
    let before = count(&reader(), "user.name:root", None);
    let next = house.index.position().unwrap().0;
    house.index.add(&(next..next + 50).map(event).collect::<Vec<_>>()).unwrap();
    house.index.flush().unwrap();
    assert_eq!(count(&reader(), "user.name:root", None), before + 10);
}

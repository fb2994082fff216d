//! What is an evaluation, what is none, and when several end.

use ::event::Role;
use axum::http::HeaderValue;
use serde_json::json;

use super::map::{Who, asked};
use super::*;

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn whole() -> Value {
    json!({
        "subject": {"type": "role", "id": "agency-officer", "properties": {"agency": "so-y-te"}},
        "action": {"name": "read"}, "resource": {"type": "events", "id": "*", "properties": {"fields": ["user.name"]}},
        "context": {"purpose": "triage"},
    })
}

#[test]
fn an_evaluation_is_read_in_the_words_of_the_policy() {
    let read = asked(&object(whole())).unwrap();
    assert_eq!(read.subject, Who::Role(Role::AgencyOfficer, Some("so-y-te".parse().unwrap())));
    assert_eq!((read.operation, read.object), (Ok(Operation::Read), Ok(Object::Events)));
    assert_eq!((read.purpose.as_str(), read.resource.fields), ("triage", vec!["user.name".to_owned()]));
    let mut other = whole();
    other["action"]["name"] = json!("can_read_todos");
    other["resource"]["type"] = json!("todo");
    other["subject"] = json!({"type": "robot", "id": "r2"});
    let read = asked(&object(other)).unwrap();
    assert!(read.operation.is_err() && read.object.is_err() && matches!(read.subject, Who::Unknown(_)));
}

#[test]
fn what_is_no_evaluation_is_told() {
    for (path, value, expected) in [
        ("/subject", json!(null), "`subject` is no object"),
        ("/subject/type", json!(""), "`subject.type` is empty"),
        ("/subject/id", json!(7), "`subject.id` is no text"),
        ("/action/name", json!("a\nb"), "control characters"),
        ("/resource/id", json!("x".repeat(300)), "longer than 256"),
        ("/resource/properties", json!([]), "`resource.properties` is no object"),
        ("/resource/properties/fields", json!([1]), "no field's name"),
        ("/context", json!("triage"), "`context` is no object"),
        ("/context/purpose", json!({}), "`context.purpose`"),
        ("/context", json!({ "legal_basis": 7 }), "`context.legal_basis`"),
    ] {
        let mut request = whole();
        *request.pointer_mut(path).unwrap() = value;
        let Malformed(message) = asked(&object(request)).unwrap_err();
        assert!(message.contains(expected), "{path}: {message}");
    }
    for name in ["subject", "action", "resource"] {
        let mut request = object(whole());
        request.remove(name);
        assert_eq!(asked(&request), Err(Malformed(format!("`{name}` is missing"))));
    }
    let typed = |kind: &'static str| HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
    let json = typed("application/json; charset=utf-8");
    assert!(map::read(&json, b"{}").is_ok() && map::read(&json, b"[]").is_err() && map::read(&json, b"{").is_err());
    for headers in [HeaderMap::new(), typed("text/plain"), typed("application/jsonl")] {
        let Malformed(message) = map::read(&headers, b"{}").unwrap_err();
        assert!(message.contains("`Content-Type`"), "{message}");
    }
}

#[test]
fn an_application_asks_for_properties_of_its_own() {
    let read = asked(&object(json!({
        "subject": {"type": "user", "id": "lan", "properties": {"role": ["clerk", "keeper"], "agency": "Ward 3", "id": "minh"}},
        "action": {"name": "delete", "properties": {"bin": true}},
        "resource": {"type": "file", "id": "7", "ownerID": "minh", "shelf": "a", "pages": 1, "properties": {"fields": "all of them", "pages": 12, "of": {"a": 1}}},
        "context": {"channel": "web"},
    })))
    .unwrap();
    let words = |name: &str| {
        let found = read.words.words.get(name).into_iter().flatten().map(String::as_str);
        found.collect::<Vec<_>>().join(" ")
    };
    for (name, expected) in [
        ("subject.role", "clerk keeper"),
        ("subject.agency", "Ward 3"),
        ("subject.id", "lan"),
        ("action.bin", "true"),
        ("action.name", "delete"),
        ("resource.id", "7"),
        ("resource.type", "file"),
        ("resource.pages", "12"),
        ("resource.shelf", "a"),
        ("resource.properties", ""),
        ("resource.of", ""),
        ("context.channel", "web"),
    ] {
        assert_eq!(words(name), expected, "{name}");
    }
    assert_eq!(read.words.owner.as_deref(), Some("minh"));
}

#[test]
fn several_end_as_they_say() {
    let semantic = |word: &str| Semantic::of(&object(json!({"options": {"evaluations_semantic": word}})));
    assert!(!Semantic::of(&Map::new()).unwrap().ends_with(false));
    let deny = semantic("deny_on_first_deny").unwrap();
    assert!(deny.ends_with(false) && !deny.ends_with(true));
    let permit = semantic("permit_on_first_permit").unwrap();
    assert!(permit.ends_with(true) && !permit.ends_with(false));
    assert!(semantic("sometimes").is_err());
    assert!(Semantic::of(&object(json!({"options": 1}))).is_err());
    let request = object(json!({"subject": {"a": 1}, "context": {"b": 1}, "evaluations": []}));
    let item = json!({"context": {"c": 1}, "action": {}});
    let expected = json!({"subject": {"a": 1}, "context": {"c": 1}, "action": {}});
    assert_eq!(Value::Object(map::with_defaults(&request, &item).unwrap()), expected);
    // What says what it is may be said once for all; properties belong to each.
    let request = object(json!({"resource": {"type": "file", "properties": {"a": 1}}}));
    let whole = map::with_defaults(&request, &json!({"resource": {"id": "7"}})).unwrap();
    assert_eq!(Value::Object(whole), json!({"resource": {"type": "file", "id": "7"}}));
    assert!(matches!(list_of(&request), Ok(None)));
}

#[test]
fn only_our_own_names_come_back_in_the_configuration() {
    let names = ServerNames::local(&["soc.example.vn".to_owned(), "192.0.2.7".to_owned()]).unwrap();
    for (host, expected) in [
        ("localhost", true),
        ("LOCALHOST:8443", true),
        ("soc.example.vn", true),
        ("[::1]:8443", true),
        ("192.0.2.7:1", true),
        ("evil.example", false),
        ("localhost:x", false),
        ("localhost@evil.example", false),
        ("[::1", false),
        ("", false),
    ] {
        assert_eq!(is_ours(&names, host), expected, "{host}");
    }
}

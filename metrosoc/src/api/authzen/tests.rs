//! What is an evaluation, what is none, and when several end.

use ::event::Role;
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
    assert!(map::read(b"[]").is_err() && map::read(b"{").is_err());
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

//! The one way from a value to what may be seen of it: hits, highlights, alerts, exports, plans and masked records.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{Masks, Visibility};

/// Fields that carry a record's text as a whole: seen and searched by those alone whose masks say free text.
const FREE_TEXT: [&str; 4] = ["message", "event.original", "metrosoc.original_base64", "error.message"];
/// How deep records may nest; what lies deeper is left out.
const DEPTH_MAX: usize = 32;

/// Whether a field carries free text.
pub fn is_free_text(field: &str) -> bool {
    FREE_TEXT.contains(&field)
}

/// What may be known of a field. Free text is never clear to those who may not have it.
pub fn visibility(masks: &dyn Masks, field: &str) -> Visibility {
    match masks.visibility(field) {
        Visibility::Clear if is_free_text(field) && !masks.free_text() => Visibility::Hidden,
        found => found,
    }
}

/// What may be seen of one value of a field; `None` when that is nothing.
pub fn shown_text<'v>(masks: &dyn Masks, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
    about(masks, None, field, value)
}

/// The fields of a record, by dotted names, as the masks let them be seen: hidden ones are absent, masked ones text.
pub fn shown(masks: &dyn Masks, record: Map<String, Value>) -> Map<String, Value> {
    let person = person_of(masks, &record);
    let mut seen = Map::with_capacity(record.len());
    for (name, value) in record {
        let value = match visibility(masks, &name) {
            Visibility::Clear => Some(value),
            Visibility::Masked => masked(masks, person.as_deref(), &name, &value),
            Visibility::Hidden => None,
        };
        if let Some(value) = value {
            seen.insert(name, value);
        }
    }
    seen
}

/// The same of a record whose objects may lie in one another: `{"user":{"name":…}}` is the field `user.name`. What lies
/// deeper than 32 objects or lists is left out.
pub fn shown_nested(masks: &dyn Masks, record: Map<String, Value>) -> Map<String, Value> {
    let person = masks.person_fields().iter().find_map(|field| at(&record, field));
    object(masks, person.as_deref(), "", record, 0)
}

fn object(
    masks: &dyn Masks,
    person: Option<&str>,
    prefix: &str,
    record: Map<String, Value>,
    depth: usize,
) -> Map<String, Value> {
    let mut seen = Map::with_capacity(record.len());
    for (name, value) in record {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if let Some(value) = nested(masks, person, &path, value, depth) {
            seen.insert(name, value);
        }
    }
    seen
}

fn nested(masks: &dyn Masks, person: Option<&str>, path: &str, value: Value, depth: usize) -> Option<Value> {
    if depth >= DEPTH_MAX {
        return None;
    }
    match value {
        Value::Object(inner) => {
            let was_empty = inner.is_empty();
            let inner = object(masks, person, path, inner, depth + 1);
            // An object of hidden fields alone is hidden; an empty one tells nothing but its name.
            let there = !inner.is_empty() || (was_empty && visibility(masks, path) != Visibility::Hidden);
            there.then_some(Value::Object(inner))
        }
        Value::Array(list) => {
            let was_empty = list.is_empty();
            let list: Vec<Value> =
                list.into_iter().filter_map(|value| nested(masks, person, path, value, depth + 1)).collect();
            let there = !list.is_empty() || (was_empty && visibility(masks, path) != Visibility::Hidden);
            there.then_some(Value::Array(list))
        }
        leaf => match visibility(masks, path) {
            Visibility::Clear => Some(leaf),
            Visibility::Masked => masked(masks, person, path, &leaf),
            Visibility::Hidden => None,
        },
    }
}

/// The value at a dotted path, with dots in names or with objects in one another.
fn at(record: &Map<String, Value>, path: &str) -> Option<String> {
    if let Some(value) = record.get(path) {
        return text_of(value);
    }
    for (place, _) in path.match_indices('.') {
        let (Some(first), Some(rest)) = (path.get(..place), path.get(place + 1..)) else { continue };
        if let Some(Value::Object(inner)) = record.get(first)
            && let Some(found) = at(inner, rest)
        {
            return Some(found);
        }
    }
    None
}

fn person_of(masks: &dyn Masks, record: &Map<String, Value>) -> Option<String> {
    masks.person_fields().iter().find_map(|field| record.get(field).and_then(text_of))
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(list) => list.first().and_then(text_of),
        _ => None,
    }
}

/// A masked value is always text, or null where nothing is left of it: its kind alone could tell something.
fn masked(masks: &dyn Masks, person: Option<&str>, name: &str, value: &Value) -> Option<Value> {
    let text =
        |text: &str| about(masks, person, name, text).map_or(Value::Null, |seen| Value::String(seen.into_owned()));
    match value {
        Value::Null => Some(Value::Null),
        Value::Array(list) => {
            let list: Vec<Value> = list.iter().filter_map(|value| masked(masks, person, name, value)).collect();
            (!list.is_empty()).then_some(Value::Array(list))
        }
        Value::String(value) => Some(text(value)),
        other => Some(text(&other.to_string())),
    }
}

fn about<'v>(masks: &dyn Masks, person: Option<&str>, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
    match visibility(masks, field) {
        Visibility::Hidden => None,
        Visibility::Clear => Some(Cow::Borrowed(value)),
        Visibility::Masked => masks.show_about(person, field, value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Counts;

    #[derive(Debug)]
    struct Some3 {
        person: Vec<String>,
    }

    impl Masks for Some3 {
        fn visibility(&self, field: &str) -> Visibility {
            match field {
                "user.name" | "born" => Visibility::Masked,
                "secret" | "user.id" => Visibility::Hidden,
                _ => Visibility::Clear,
            }
        }
        fn show<'v>(&self, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
            self.show_about(None, field, value)
        }
        fn show_about<'v>(&self, person: Option<&str>, field: &str, _: &'v str) -> Option<Cow<'v, str>> {
            (field != "born").then(|| format!("of {}", person.unwrap_or("nobody")).into())
        }
        fn person_fields(&self) -> &[String] {
            &self.person
        }
        fn counts(&self) -> Counts {
            Counts::exact()
        }
        fn free_text(&self) -> bool {
            false
        }
    }

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn flat_and_nested_records_show_the_same() {
        let masks = Some3 { person: vec!["user.id".to_owned()] };
        let flat =
            json!({"user.name": ["lan", 7], "user.id": 9, "born": "1990", "message": "x", "a": 1, "secret": {"b": 2}});
        let seen = shown(&masks, map(flat.clone()));
        assert_eq!(Value::Object(seen), json!({"user.name": ["of 9", "of 9"], "born": null, "a": 1}));
        assert_eq!(
            Value::Object(shown_nested(&masks, map(json!({"user.name": "l", "user.id": "9"})))),
            json!({"user.name": "of 9"})
        );
        let nested = json!({"user": {"name": ["lan"], "id": "9"}, "born": 3, "message": "x", "a": [{"b": 1}], "e": {}});
        let seen = shown_nested(&masks, map(nested));
        assert_eq!(Value::Object(seen), json!({"user": {"name": ["of 9"]}, "born": null, "a": [{"b": 1}], "e": {}}));
    }

    #[test]
    fn free_text_is_clear_to_nobody_without_it_and_depth_is_bounded() {
        let masks = Some3 { person: Vec::new() };
        assert_eq!(shown_text(&masks, "message", "x"), None);
        assert_eq!(shown_text(&masks, "a", "x").as_deref(), Some("x"));
        let mut deep = json!(1);
        for _ in 0..200 {
            deep = json!({ "a": deep });
        }
        assert_eq!(Value::Object(shown_nested(&masks, map(deep))), json!({}));
    }
}

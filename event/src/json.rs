//! Events from and to JSON.

mod read;

use std::collections::HashSet;

use serde_json::{Map, Number, Value as Json};

pub use read::{ReadError, read};

use crate::{Event, EventFull, Value};

/// Deepest nesting that [`flatten`] follows; what lies deeper is kept as JSON text.
pub const DEPTH_MAX: usize = 32;

/// Adds every leaf of `json` to `event` under dotted names; arrays become lists, empty objects and arrays nothing.
///
/// `prefix` stands before every name (without a dot at its end); the empty prefix is none.
///
/// # Errors
/// [`EventFull`] when the event reaches its bounds; what was added before stays.
pub fn flatten(prefix: &str, json: &Json, event: &mut Event) -> Result<(), EventFull> {
    let mut name = String::from(prefix);
    walk(&mut name, json, event, 0)
}

fn walk(name: &mut String, json: &Json, event: &mut Event, depth: usize) -> Result<(), EventFull> {
    match json {
        Json::Object(_) | Json::Array(_) if depth >= DEPTH_MAX => event.push(name, json.to_string().as_str()),
        Json::Object(map) => map.iter().try_for_each(|(key, inner)| {
            let len = name.len();
            if len > 0 {
                name.push('.');
            }
            name.push_str(key);
            let walked = walk(name, inner, event, depth + 1);
            name.truncate(len);
            walked
        }),
        Json::Array(items) => items.iter().try_for_each(|inner| walk(name, inner, event, depth + 1)),
        Json::String(text) => event.push(name, text.as_str()),
        Json::Number(number) => push_number(name, number, event),
        Json::Bool(truth) => event.push(name, *truth),
        Json::Null => event.push(name, Value::Null),
    }
}

fn push_number(name: &str, number: &Number, event: &mut Event) -> Result<(), EventFull> {
    match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(whole), _, _) => event.push(name, whole),
        (None, None, Some(float)) => event.push(name, Value::Float(float)),
        _ => event.push(name, number.to_string().as_str()),
    }
}

/// The event as one flat JSON object: dotted names, lists as arrays, in the order the fields were added.
pub fn to_map(event: &Event) -> Map<String, Json> {
    let mut map = Map::new();
    for (name, value) in event.iter() {
        let value = to_json(value);
        match map.get_mut(name) {
            None => drop(map.insert(name.to_owned(), value)),
            Some(Json::Array(list)) => list.push(value),
            Some(first) => *first = Json::Array(vec![first.take(), value]),
        }
    }
    map
}

/// Writes what [`to_map`] returns straight into `out`, without the map: the index's stored form.
pub fn write(event: &Event, out: &mut Vec<u8>) {
    let fields: Vec<_> = event.iter().collect();
    let mut lists = HashSet::new();
    let repeated = repeated_names(&fields);
    out.push(b'{');
    let mut first = true;
    for &(name, value) in &fields {
        let is_list = repeated.contains(name);
        if is_list && !lists.insert(name) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_text(name, out);
        out.push(b':');
        if is_list {
            write_list(fields.iter().filter(|(other, _)| *other == name).map(|(_, value)| *value), out);
        } else {
            write_value(value, out);
        }
    }
    out.push(b'}');
}

fn repeated_names<'e>(fields: &[(&'e str, Value<'e>)]) -> HashSet<&'e str> {
    let mut seen = HashSet::with_capacity(fields.len());
    fields.iter().filter(|(name, _)| !seen.insert(*name)).map(|(name, _)| *name).collect()
}

fn write_list<'e>(values: impl Iterator<Item = Value<'e>>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, value) in values.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_value(value, out);
    }
    out.push(b']');
}

fn write_value(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Str(text) => write_text(text, out),
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(_) | Value::Int(_) => out.extend_from_slice(value.text().as_bytes()),
        Value::Float(number) => match Number::from_f64(number) {
            Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
            None => out.extend_from_slice(b"null"),
        },
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Writing text to a `Vec` cannot fail; a `Vec` is the only sink this is called with.
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.extend_from_slice(b"\"\"");
    }
}

/// One value as JSON.
pub fn to_json(value: Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(truth),
        Value::Int(number) => Json::from(number),
        Value::Float(number) => Number::from_f64(number).map_or(Json::Null, Json::Number),
        Value::Str(text) => Json::from(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(input: &str, expected: &str) {
        let json: Json = serde_json::from_str(input).unwrap();
        let mut event = Event::new();
        flatten("", &json, &mut event).unwrap();
        assert_eq!(Json::Object(to_map(&event)).to_string(), expected);
        let mut written = Vec::new();
        write(&event, &mut written);
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }

    #[test]
    fn nested_json_becomes_dotted() {
        check(r#"{"a":{"b":1,"c":[true,"x"]},"d":null}"#, r#"{"a.b":1,"a.c":[true,"x"],"d":null}"#);
        check(r#"{"a":[{"b":1},{"b":2}],"e":{},"f":[]}"#, r#"{"a.b":[1,2]}"#);
        check(r#"{"big":18446744073709551615,"f":1.5}"#, r#"{"big":"18446744073709551615","f":1.5}"#);
    }

    #[test]
    fn deep_json_is_bounded() {
        let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
        let json: Json = serde_json::from_str(&deep).unwrap();
        let mut event = Event::new();
        flatten("", &json, &mut event).unwrap();
        assert_eq!(event.len(), 1);
    }

    proptest! {
        #[test]
        fn both_writers_agree(fields in prop::collection::vec(("[a-c.]{1,3}", "\\PC{0,9}"), 0..20)) {
            let mut event = Event::new();
            for (name, value) in &fields {
                event.push(name, value.as_str()).unwrap();
            }
            let mut written = Vec::new();
            write(&event, &mut written);
            prop_assert_eq!(String::from_utf8(written).unwrap(), Json::Object(to_map(&event)).to_string());
        }
    }
}

//! From stored bytes to what the permit lets be seen.

use event::{Masks, Permit, Visibility};
use serde_json::{Map, Value};

/// Fields that carry a record's text as a whole: seen and searched by those alone whose permit says free text.
const FREE_TEXT: [&str; 4] = ["message", "event.original", "metrosoc.original_base64", "error.message"];

/// Whether a field carries free text.
pub(crate) fn is_free_text(field: &str) -> bool {
    FREE_TEXT.contains(&field)
}

/// What the permit lets be known of a field; free text is hidden from those who may not have it.
pub(crate) fn visibility(permit: &Permit, field: &str) -> Visibility {
    if is_free_text(field) && !permit.masks().free_text() {
        return Visibility::Hidden;
    }
    permit.masks().visibility(field)
}

/// Whether a field may be searched, sorted and aggregated by.
pub(crate) fn is_clear(permit: &Permit, field: &str) -> bool {
    visibility(permit, field) == Visibility::Clear
}

/// The fields of a stored event as the permit lets them be seen.
pub(crate) fn show(permit: &Permit, stored: Map<String, Value>) -> Map<String, Value> {
    let mut shown = Map::with_capacity(stored.len());
    for (name, value) in stored {
        let value = match visibility(permit, &name) {
            Visibility::Clear => Some(value),
            Visibility::Masked => mask(permit.masks(), &name, &value),
            Visibility::Hidden => None,
        };
        if let Some(value) = value {
            shown.insert(name, value);
        }
    }
    shown
}

/// A masked value is always text (null stays null): its kind alone could tell something.
fn mask(masks: &dyn Masks, name: &str, value: &Value) -> Option<Value> {
    match value {
        Value::Null => Some(Value::Null),
        Value::Array(list) => {
            let list: Vec<Value> = list.iter().filter_map(|value| mask(masks, name, value)).collect();
            (!list.is_empty()).then_some(Value::Array(list))
        }
        Value::String(text) => masks.show(name, text).map(|shown| Value::String(shown.into_owned())),
        other => masks.show(name, &other.to_string()).map(|shown| Value::String(shown.into_owned())),
    }
}

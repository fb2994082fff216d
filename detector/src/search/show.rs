//! From stored bytes to what the permit lets be seen.

use event::{Permit, Visibility};
use serde_json::{Map, Value};

pub(crate) use event::is_free_text;

/// What the permit lets be known of a field; free text is never clear to those who may not have it.
pub(crate) fn visibility(permit: &Permit, field: &str) -> Visibility {
    event::visibility(permit.masks(), field)
}

/// Whether a field may be searched, sorted and aggregated by.
pub(crate) fn is_clear(permit: &Permit, field: &str) -> bool {
    visibility(permit, field) == Visibility::Clear
}

/// The fields of a stored event as the permit lets them be seen.
pub(crate) fn show(permit: &Permit, stored: Map<String, Value>) -> Map<String, Value> {
    event::shown(permit.masks(), stored)
}

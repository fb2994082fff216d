//! What a field's name means in a slice: a column, the message, a time, or a path in the rest.

use tantivy::Term;
use tantivy::schema::{Field, Type};

use super::scan::Terms;
use crate::index::layout::{Column, Layout};

/// What a name means in a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// The words of the message.
    Message,
    /// A time in nanoseconds.
    Time(Field),
    /// The event's position.
    Id(Field),
    /// A column of its own; what does not fit it lies in the rest.
    Column(Column),
    /// A field without a column.
    Rest,
}

/// What a name means in a slice of this layout.
pub(crate) fn target(layout: &Layout, name: &str) -> Target {
    match name {
        "message" | "event.original" => Target::Message,
        "@timestamp" => Target::Time(layout.time),
        "event.ingested" => Target::Time(layout.received),
        "_id" => Target::Id(layout.id),
        _ => layout.column(name).map_or(Target::Rest, Target::Column),
    }
}

/// The dictionary of a name's values outside its column.
pub(crate) fn rest_terms(layout: &Layout, name: &str) -> Terms {
    Terms { field: layout.rest, prefix: rest_prefix(name) }
}

/// What the keys of a name begin with: the name as one step of a path, its end, the mark of text.
pub(super) fn rest_prefix(name: &str) -> Vec<u8> {
    let mut prefix = Layout::rest_name(name).as_bytes().to_vec();
    prefix.extend_from_slice(&[0, Type::Str.to_code()]);
    prefix
}

/// Put together by hand: Tantivy's own reading of a path would cut the name at its dots.
pub(crate) fn rest_term(layout: &Layout, name: &str, value: &str) -> Term {
    let mut term = Term::from_field_json_path(layout.rest, "", false);
    term.truncate_value_bytes(0);
    term.append_bytes(&rest_prefix(name));
    term.append_bytes(value.as_bytes());
    term
}

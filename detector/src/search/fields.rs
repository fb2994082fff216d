//! The names of the fields that events have.

use std::collections::BTreeSet;

use event::{Permit, Visibility};
use tantivy::Searcher;
use tantivy::index::SegmentReader;

use super::FieldInfo;
use super::show::{is_free_text, visibility};
use crate::index::layout::{Column, Kind, Layout, TWIN};
use crate::query::{Node, Pattern};

/// Most names of one slice that are told.
const NAMES_MAX: usize = 10_000;
/// Names that every event has, whatever its source.
const ALWAYS: [&str; 4] = ["@timestamp", "event.ingested", "event.original", "message"];

/// The names of a slice's fields, at most 10,000 of those without a column.
pub(crate) fn names(searcher: &Searcher, layout: &Layout) -> tantivy::Result<BTreeSet<String>> {
    let mut found: BTreeSet<String> = ALWAYS.map(str::to_owned).into();
    for reader in searcher.segment_readers() {
        for (name, column) in &layout.columns {
            if !found.contains(name) && has_column(reader, name, *column)? {
                found.insert(name.clone());
            }
        }
        rest_names(reader, layout, &mut found)?;
        twin_names(reader, layout, &mut found)?;
    }
    Ok(found)
}

/// Adds the names of fields whose values lie under other fields' names.
fn twin_names(reader: &SegmentReader, layout: &Layout, found: &mut BTreeSet<String>) -> tantivy::Result<()> {
    let Some(field) = layout.unindexed else { return Ok(()) };
    let inverted = reader.inverted_index(field)?;
    let mut from = TWIN.to_string().into_bytes();
    while found.len() < NAMES_MAX {
        let mut stream = inverted.terms().range().ge(&from).into_stream()?;
        if !stream.advance() {
            break;
        }
        let Some(key) = stream.key().strip_prefix(TWIN.to_string().as_bytes()) else { break };
        let name = key.split(|byte| *byte == 0).next().unwrap_or_default();
        found.insert(String::from_utf8_lossy(name).into_owned());
        // Behind every column of this name.
        from.truncate(TWIN.len_utf8());
        from.extend_from_slice(name);
        from.push(1);
    }
    Ok(())
}

fn has_column(reader: &SegmentReader, name: &str, column: Column) -> tantivy::Result<bool> {
    match column.kind {
        Kind::Keyword | Kind::Ip => Ok(reader.inverted_index(column.field)?.terms().num_terms() > 0),
        Kind::Int => {
            let values = reader.fast_fields().column_opt::<i64>(name)?;
            Ok(values.is_some_and(|values| values.values.num_vals() > 0))
        }
    }
}

/// Jumps from name to name in the dictionary; a key is the name, a zero byte, the value.
fn rest_names(reader: &SegmentReader, layout: &Layout, found: &mut BTreeSet<String>) -> tantivy::Result<()> {
    let inverted = reader.inverted_index(layout.rest)?;
    let mut from: Vec<u8> = Vec::new();
    while found.len() < NAMES_MAX {
        let mut stream = inverted.terms().range().ge(&from).into_stream()?;
        if !stream.advance() {
            break;
        }
        let name = stream.key().split(|byte| *byte == 0).next().unwrap_or_default();
        found.insert(String::from_utf8_lossy(name).into_owned());
        from = name.to_vec();
        from.push(1);
    }
    Ok(())
}

/// Whether a query has a field name with wildcards.
pub(crate) fn needs_names(node: &Node) -> bool {
    node.conditions()
        .iter()
        .filter_map(|condition| condition.field.as_ref().map(Pattern::as_literal))
        .any(|name| name.is_none())
}

/// What a permit lets be known of these fields.
pub(crate) fn describe(permit: &Permit, names: BTreeSet<String>) -> Vec<FieldInfo> {
    let describe = |name: String| {
        let visibility = visibility(permit, &name);
        let time = ALWAYS.contains(&name.as_str());
        let aggregatable = visibility == Visibility::Clear && !is_free_text(&name) && !time;
        (visibility != Visibility::Hidden).then_some(FieldInfo { name, visibility, aggregatable })
    };
    names.into_iter().filter_map(describe).collect()
}

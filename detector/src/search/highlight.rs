//! Which parts of a hit made it match, as segments of text: whoever shows them needs to trust no markup.

use std::collections::BTreeMap;

use event::{Permit, Timestamp};
use serde_json::{Map, Value};

use super::Segment;
use super::message::{self, MessageTest};
use super::show::is_clear;
use super::value::ValueTest;
use crate::query::{Condition, Node, Pattern};

/// Longest text, in bytes, that is highlighted; the end of a longer one is left out.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// What a query marks, made once a search.
pub(crate) struct Highlighter {
    message: Vec<(Option<String>, MessageTest)>,
    values: Vec<(Pattern, ValueTest)>,
}

impl Highlighter {
    /// What `node` marks; conditions behind a `NOT` and those on existence mark nothing.
    pub(crate) fn new(node: &Node, now: Timestamp) -> Self {
        let mut highlighter = Self { message: Vec::new(), values: Vec::new() };
        for condition in node.positive() {
            highlighter.take(condition, now);
        }
        highlighter
    }

    fn take(&mut self, condition: &Condition, now: Timestamp) {
        let name = condition.field.as_ref().map(Pattern::as_literal);
        match name {
            None | Some(Some("message" | "event.original")) => {
                if let Ok(test) = message::test_of(condition) {
                    self.message.push((name.flatten().map(str::to_owned), test));
                }
            }
            _ => {
                if let (Some(field), Ok(test)) = (&condition.field, ValueTest::of(condition, now))
                    && !matches!(test, ValueTest::Any)
                {
                    self.values.push((field.clone(), test));
                }
            }
        }
    }

    /// The marks of one hit, of fields that are clear to the permit alone.
    pub(crate) fn mark(&self, permit: &Permit, fields: &Map<String, Value>) -> BTreeMap<String, Vec<Vec<Segment>>> {
        let mut marks = BTreeMap::new();
        let default = if fields.contains_key("message") { "message" } else { "event.original" };
        for name in ["message", "event.original"] {
            let named = |field: &Option<String>| field.as_deref().unwrap_or(default) == name;
            let tests: Vec<_> = self.message.iter().filter(|(field, _)| named(field)).map(|(_, test)| test).collect();
            let Some(Value::String(text)) = fields.get(name) else { continue };
            if tests.is_empty() || !is_clear(permit, name) {
                continue;
            }
            let text = cut(text);
            let spans: Vec<_> = tests.iter().flat_map(|test| test.spans(text)).collect();
            if !spans.is_empty() {
                marks.insert(name.to_owned(), vec![segments(text, spans)]);
            }
        }
        for (name, value) in fields {
            let tests: Vec<_> =
                self.values.iter().filter(|(field, _)| field.matches(name)).map(|(_, test)| test).collect();
            if !tests.is_empty() && is_clear(permit, name) {
                let values = mark_values(value, &tests);
                if !values.is_empty() {
                    marks.insert(name.clone(), values);
                }
            }
        }
        marks
    }
}

/// Values that pass a test, each marked as a whole.
fn mark_values(value: &Value, tests: &[&ValueTest]) -> Vec<Vec<Segment>> {
    let values = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let texts = values.iter().map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    texts
        .filter(|text| tests.iter().any(|test| test.passes(text)))
        .map(|text| vec![Segment { text: cut(&text).to_owned(), hit: true }])
        .collect()
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or(text)
}

/// The text cut at the spans' ends; overlapping spans become one.
fn segments(text: &str, mut spans: Vec<(usize, usize)>) -> Vec<Segment> {
    spans.sort_unstable();
    let mut segments: Vec<Segment> = Vec::new();
    let mut at = 0;
    for (from, to) in spans {
        let from = from.max(at);
        if to <= from {
            continue;
        }
        push(&mut segments, text.get(at..from), false);
        push(&mut segments, text.get(from..to), true);
        at = to;
    }
    push(&mut segments, text.get(at..), false);
    segments
}

fn push(segments: &mut Vec<Segment>, text: Option<&str>, hit: bool) {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return };
    match segments.last_mut() {
        Some(last) if last.hit == hit => last.text.push_str(text),
        _ => segments.push(Segment { text: text.to_owned(), hit }),
    }
}

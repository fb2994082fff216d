//! One event as rules see it: values by interned name, their texts made lower-case at most once.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use event::{Event, Value};

use super::pattern::lower;

/// A field name that some rule asks for, interned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NameId(u32);

/// The field names that rules ask for.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<String, NameId>);

impl Names {
    /// The id of `name`, made when it is new.
    pub(crate) fn intern(&mut self, name: &str) -> NameId {
        if let Some(id) = self.0.get(name) {
            return *id;
        }
        let id = NameId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.insert(name.to_owned(), id);
        id
    }

    /// The id of an event's field; spaces in its name do not count (Sigma 2.1, "Field Usage").
    fn find(&self, name: &str) -> Option<NameId> {
        match self.0.get(name) {
            None if name.contains(' ') => self.0.get(&name.replace(' ', "")).copied(),
            found => found.copied(),
        }
    }
}

const NONE: u32 = u32::MAX;

/// One value of the event.
#[derive(Debug)]
pub(crate) struct Entry<'e> {
    value: Value<'e>,
    next: u32,
    is_own_text: bool,
    text: OnceCell<Cow<'e, str>>,
    lower: OnceCell<Cow<'e, str>>,
}

impl Entry<'_> {
    /// The value as it is.
    pub(crate) fn value(&self) -> Value<'_> {
        self.value
    }

    /// The value as text.
    pub(crate) fn text(&self) -> &str {
        self.text.get_or_init(|| self.value.text())
    }

    /// The value as text in lower case.
    pub(crate) fn lower(&self) -> &str {
        self.lower.get_or_init(|| {
            let text = self.value.text();
            let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
            if is_lower { text } else { Cow::Owned(lower(&text)) }
        })
    }
}

/// An event with its fields found by id.
#[derive(Debug)]
pub(crate) struct View<'e> {
    first: Vec<u32>,
    entries: Vec<Entry<'e>>,
}

impl<'e> View<'e> {
    /// Looks every field of the event up once.
    pub(crate) fn new(event: &'e Event, names: &Names) -> Self {
        let mut first = vec![NONE; names.0.len()];
        let mut last = first.clone();
        let mut entries: Vec<Entry<'e>> = Vec::with_capacity(event.len());
        // Its values stand decoded beside it; escapes in the raw form would hide what is searched.
        let structured = event.get_str("event.original").filter(|text| text.trim_start().starts_with(['{', '[', '<']));
        for (name, value) in event.iter() {
            let at = u32::try_from(entries.len()).unwrap_or(NONE);
            if let Some(NameId(id)) = names.find(name)
                && let (Some(first), Some(last)) = (first.get_mut(id as usize), last.get_mut(id as usize))
            {
                if *first == NONE {
                    *first = at;
                } else if let Some(before) = entries.get_mut(*last as usize) {
                    before.next = at;
                }
                *last = at;
            }
            let is_raw =
                structured.is_some() && matches!(name, "message" | "event.original") && value.as_str() == structured;
            let is_own_text = !is_raw && is_own_text(name, value);
            entries.push(Entry { value, next: NONE, is_own_text, text: OnceCell::new(), lower: OnceCell::new() });
        }
        Self { first, entries }
    }

    /// Every value of the first of `candidates` that the event has; nothing when it has none of them.
    pub(crate) fn values(&self, candidates: &[NameId]) -> Values<'_, 'e> {
        let first = candidates.iter().filter_map(|id| self.first.get(id.0 as usize)).find(|first| **first != NONE);
        Values { entries: &self.entries, next: first.copied().unwrap_or(NONE) }
    }

    /// The event's own text, in which keywords are searched.
    pub(crate) fn own_text(&self) -> impl Iterator<Item = &Entry<'e>> {
        self.entries.iter().filter(|entry| entry.is_own_text)
    }
}

/// The values of one field.
#[derive(Debug, Clone)]
pub(crate) struct Values<'v, 'e> {
    entries: &'v [Entry<'e>],
    next: u32,
}

impl<'v, 'e> Iterator for Values<'v, 'e> {
    type Item = &'v Entry<'e>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.get(self.next as usize)?;
        self.next = entry.next;
        Some(entry)
    }
}

/// Whether keywords are searched in a field: in what the sender wrote, never in what we or a shipper added.
fn is_own_text(name: &str, value: Value<'_>) -> bool {
    const ADDED: [&str; 8] = ["metrosoc.", "event.", "log.", "error.", "agent.", "ecs.", "input.", "sender."];
    let is_added = name == "@timestamp" || ADDED.iter().any(|prefix| name.starts_with(prefix));
    value != Value::Null && (name == "event.original" || !is_added)
}

//! One event as rules see it: values by interned name, their texts made lower-case at most once.
//!
//! Everything that a look at one event needs lies in a [`Bump`] that is emptied before the next: no allocation for it.

use std::cell::OnceCell;
use std::fmt::Write as _;

use bumpalo::Bump;
use bumpalo::collections::{String as BumpString, Vec as BumpVec};
use event::{Event, Value};
use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

use super::pattern::lower_chars;

/// A field name that some rule asks for, interned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NameId(u32);

/// The city's zone, for rules that speak of hours and days.
const ZONE: &str = "Asia/Ho_Chi_Minh";

/// The field names that rules ask for, and the zone in which they see an event's time.
#[derive(Debug)]
pub(crate) struct Names {
    ids: FxHashMap<String, NameId>,
    zone: TimeZone,
}

impl Default for Names {
    fn default() -> Self {
        // The zone's rules are compiled in; the fixed offset is the same city without them.
        let zone = TimeZone::get(ZONE).unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(7)));
        Self::in_zone(zone)
    }
}

impl Names {
    /// No names yet.
    pub(crate) fn in_zone(zone: TimeZone) -> Self {
        Self { ids: FxHashMap::default(), zone }
    }

    /// The id of `name`, made when it is new.
    pub(crate) fn intern(&mut self, name: &str) -> NameId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = NameId(u32::try_from(self.ids.len()).unwrap_or(NONE));
        self.ids.insert(name.to_owned(), id);
        id
    }

    /// The name that an id was made of; slow, for explanations alone.
    pub(crate) fn name(&self, id: NameId) -> Option<&str> {
        self.ids.iter().find(|(_, known)| **known == id).map(|(name, _)| name.as_str())
    }

    /// Every name by its id.
    pub(crate) fn by_id(&self) -> FxHashMap<NameId, &str> {
        self.ids.iter().map(|(name, id)| (*id, name.as_str())).collect()
    }

    /// The id of an event's field; spaces in its name do not count (Sigma 2.1, "Field Usage").
    fn find(&self, name: &str, bump: &Bump) -> Option<NameId> {
        match self.ids.get(name) {
            None if name.contains(' ') => {
                let mut bare = BumpString::with_capacity_in(name.len(), bump);
                bare.extend(name.chars().filter(|c| *c != ' '));
                self.ids.get(bare.as_str()).copied()
            }
            found => found.copied(),
        }
    }
}

const NONE: u32 = u32::MAX;

/// One value of the event.
#[derive(Debug)]
pub(crate) struct Entry<'e> {
    bump: &'e Bump,
    name: &'e str,
    value: Value<'e>,
    id: u32,
    next: u32,
    text: OnceCell<&'e str>,
    lower: OnceCell<&'e str>,
}

impl<'e> Entry<'e> {
    /// Whether it is the event's own time, which we write in UTC.
    pub(crate) fn is_timestamp(&self) -> bool {
        self.name == "@timestamp"
    }

    /// The value as it is.
    pub(crate) fn value(&self) -> Value<'e> {
        self.value
    }

    /// The value as text.
    pub(crate) fn text(&self) -> &'e str {
        self.text.get_or_init(|| match self.value {
            Value::Str(text) => text,
            Value::Null => "",
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Int(number) => self.written(format_args!("{number}")),
            Value::Float(number) => self.written(format_args!("{number}")),
        })
    }

    /// The value as text in lower case.
    pub(crate) fn lower(&self) -> &'e str {
        self.lower.get_or_init(|| {
            let text = self.text();
            if text.is_ascii() {
                let copy = self.bump.alloc_str(text);
                copy.make_ascii_lowercase();
                return copy;
            }
            let mut copy = BumpString::with_capacity_in(text.len() + 16, self.bump);
            copy.extend(lower_chars(text));
            copy.into_bump_str()
        })
    }

    fn written(&self, arguments: std::fmt::Arguments<'_>) -> &'e str {
        let mut text = BumpString::with_capacity_in(24, self.bump);
        // Writing to a string in memory cannot fail.
        let _ = text.write_fmt(arguments);
        text.into_bump_str()
    }
}

/// An event with its fields found by id.
#[derive(Debug)]
pub(crate) struct View<'e> {
    first: &'e [u32],
    entries: &'e [Entry<'e>],
    /// The record as it came, when its values stand decoded beside it: escapes in it would hide what is searched.
    raw: Option<&'e str>,
    zone: &'e TimeZone,
}

impl<'e> View<'e> {
    /// Looks every field of the event up once.
    pub(crate) fn new(event: &'e Event, names: &'e Names, bump: &'e Bump) -> Self {
        let first = bump.alloc_slice_fill_copy(names.ids.len(), NONE);
        let mut entries = BumpVec::with_capacity_in(event.len(), bump);
        for (name, value) in event.iter() {
            let id = names.find(name, bump).map_or(NONE, |id| id.0);
            let (text, lower) = (OnceCell::new(), OnceCell::new());
            entries.push(Entry { bump, name, value, id, next: NONE, text, lower });
        }
        let entries = entries.into_bump_slice_mut();
        for (at, entry) in entries.iter_mut().enumerate().rev() {
            if let Some(first) = first.get_mut(entry.id as usize) {
                entry.next = std::mem::replace(first, u32::try_from(at).unwrap_or(NONE));
            }
        }
        let raw = event.get_str("event.original").filter(|text| text.trim_start().starts_with(['{', '[', '<']));
        Self { first, entries, raw, zone: &names.zone }
    }

    /// The zone in which rules see `@timestamp`.
    pub(crate) fn zone(&self) -> &'e TimeZone {
        self.zone
    }

    /// Every value of the first of `candidates` that the event has; nothing when it has none of them.
    pub(crate) fn values(&self, candidates: &[NameId]) -> Values<'e> {
        let first = candidates.iter().filter_map(|id| self.first.get(id.0 as usize)).find(|first| **first != NONE);
        Values { entries: self.entries, next: first.copied().unwrap_or(NONE) }
    }

    /// All of the event's own text in lower case, its values apart from one another by a zero byte.
    pub(crate) fn own_text_lower(&self, bump: &'e Bump) -> &'e [u8] {
        let len = |entry: &Entry<'_>| entry.value.as_str().map_or(24, str::len) + 1;
        let mut all = BumpVec::with_capacity_in(self.entries.iter().map(len).sum(), bump);
        for entry in self.own_text() {
            let text = entry.text();
            if text.is_ascii() {
                let start = all.len();
                all.extend_from_slice_copy(text.as_bytes());
                all.get_mut(start..).into_iter().for_each(<[u8]>::make_ascii_lowercase);
            } else {
                all.extend_from_slice_copy(entry.lower().as_bytes());
            }
            all.push(0);
        }
        all.into_bump_slice()
    }

    /// The event's own text, in which keywords are searched.
    pub(crate) fn own_text(&self) -> impl Iterator<Item = &'e Entry<'e>> {
        let raw = self.raw;
        self.entries.iter().filter(move |entry| {
            let is_raw =
                raw.is_some() && matches!(entry.name, "message" | "event.original") && entry.value.as_str() == raw;
            !is_raw && is_own_text(entry.name, entry.value)
        })
    }
}

/// The values of one field.
#[derive(Debug, Clone)]
pub(crate) struct Values<'e> {
    entries: &'e [Entry<'e>],
    next: u32,
}

impl<'e> Iterator for Values<'e> {
    type Item = &'e Entry<'e>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.get(self.next as usize)?;
        self.next = entry.next;
        Some(entry)
    }
}

/// Whether keywords are searched in a field: in what the sender wrote, never in what we or a shipper added.
fn is_own_text(name: &str, value: Value<'_>) -> bool {
    const ADDED: [&str; 8] = ["metrosoc.", "event.", "log.", "error.", "agent.", "ecs.", "input.", "sender."];
    let is_added = match name.contains('.') {
        true => ADDED.iter().any(|prefix| name.starts_with(prefix)),
        false => name == "@timestamp",
    };
    value != Value::Null && (name == "event.original" || !is_added)
}

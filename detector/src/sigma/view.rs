//! One event as rules see it: values by interned name, their texts made lower-case at most once.
//!
//! Everything that a look at one event needs lies in a [`Bump`] that is emptied before the next: no allocation for it.

use std::cell::{Cell, OnceCell};
use std::fmt::Write as _;

use bumpalo::Bump;
use bumpalo::collections::{String as BumpString, Vec as BumpVec};
use event::{Event, Value};
use jiff::tz::TimeZone;

use super::names::{NONE, NameId, Names};
use super::pattern::lower_chars;

/// One value of the event.
#[derive(Debug)]
pub(crate) struct Entry<'e> {
    bump: &'e Bump,
    name: &'e str,
    value: Value<'e>,
    /// The place of the next value of the same name.
    next: u32,
    text: OnceCell<&'e str>,
    lower: OnceCell<&'e str>,
}

impl<'e> Entry<'e> {
    fn new(name: &'e str, value: Value<'e>, bump: &'e Bump) -> Self {
        Self { bump, name, value, next: NONE, text: OnceCell::new(), lower: OnceCell::new() }
    }

    /// Whether it is the event's own time, which we write in UTC.
    pub(crate) fn is_timestamp(&self) -> bool {
        self.name == "@timestamp"
    }

    /// The field's name in the event.
    pub(crate) fn name(&self) -> &'e str {
        self.name
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
            push_lower(text, &mut copy);
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

/// Where the first value of each name stands, and what items were found to say; kept from one event to the next, so that
/// nothing has to be emptied.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By name: the event that it was last seen in, and the place there.
    firsts: Vec<(u32, u32)>,
    /// By the number of an item: twice the event that it was last asked of, and 1 more when it held.
    answers: Vec<Cell<u32>>,
    event: u32,
}

impl Places {
    /// Forgets the last event.
    fn begin(&mut self, names: &Names) {
        self.event += 1;
        if self.event > u32::MAX / 2 {
            self.firsts.clear();
            self.answers.clear();
            self.event = 1;
        }
        if self.firsts.len() < names.len() {
            self.firsts.resize(names.len(), (0, NONE));
        }
        if self.answers.len() < names.questions() {
            self.answers.resize(names.questions(), Cell::new(0));
        }
    }

    fn first(&self, id: NameId) -> Option<u32> {
        self.firsts.get(id.place()).filter(|(event, _)| *event == self.event).map(|(_, first)| *first)
    }

    /// Sets the first place of a name; gives the one that it had.
    fn set(&mut self, id: NameId, first: u32) -> u32 {
        match self.firsts.get_mut(id.place()) {
            Some(old) => match std::mem::replace(old, (self.event, first)) {
                (event, old) if event == self.event => old,
                _ => NONE,
            },
            None => NONE,
        }
    }
}

/// An event with its fields found by id.
#[derive(Debug)]
pub(crate) struct View<'e> {
    event: &'e Event,
    bump: &'e Bump,
    places: &'e Places,
    /// The fields that some rule asks for.
    entries: &'e [Entry<'e>],
    /// What keywords are searched in, told apart when it is asked for.
    own_text: OnceCell<&'e [Entry<'e>]>,
    zone: &'e TimeZone,
}

impl<'e> View<'e> {
    /// Looks every field of the event up once.
    pub(crate) fn new(event: &'e Event, names: &'e Names, places: &'e mut Places, bump: &'e Bump) -> Self {
        places.begin(names);
        let mut ids = BumpVec::with_capacity_in(event.len(), bump);
        let mut entries = BumpVec::with_capacity_in(event.len(), bump);
        for (hash, name, value) in event.iter_hashed() {
            if let Some(id) = names.find(hash, name, bump) {
                ids.push(id);
                entries.push(Entry::new(name, value, bump));
            }
        }
        let entries = entries.into_bump_slice_mut();
        for (at, (entry, id)) in entries.iter_mut().zip(ids).enumerate().rev() {
            entry.next = places.set(id, u32::try_from(at).unwrap_or(NONE));
        }
        Self { event, bump, places, entries, own_text: OnceCell::new(), zone: &names.zone }
    }

    /// What the item of this number said of the event, when it was asked before.
    pub(super) fn answer(&self, number: u32) -> Option<bool> {
        let answer = self.places.answers.get(number as usize)?.get();
        (answer >> 1 == self.places.event).then_some(answer & 1 == 1)
    }

    /// Keeps what the item of this number says.
    pub(super) fn keep_answer(&self, number: u32, holds: bool) {
        if let Some(answer) = self.places.answers.get(number as usize) {
            answer.set(self.places.event << 1 | u32::from(holds));
        }
    }

    /// The zone in which rules see `@timestamp`.
    pub(crate) fn zone(&self) -> &'e TimeZone {
        self.zone
    }

    /// Every value of the first of `candidates` that the event has; nothing when it has none of them.
    pub(crate) fn values(&self, candidates: &[NameId]) -> Values<'e> {
        let first = candidates.iter().find_map(|id| self.places.first(*id));
        Values { entries: self.entries, next: first.unwrap_or(NONE) }
    }

    /// All of the event's own text in lower case, its values apart from one another by a zero byte.
    pub(crate) fn own_text_lower(&self) -> &'e [u8] {
        let mut all = BumpString::with_capacity_in(self.event.text_len(), self.bump);
        // Where the texts lie that were taken. A text that lies before others that came earlier is a copy under another
        // name, of which one is enough.
        let mut taken = BumpVec::with_capacity_in(self.event.len(), self.bump);
        for (name, value) in self.own_values() {
            match value {
                // The next text could begin at the same place.
                Value::Str("") => continue,
                Value::Str(text) => {
                    let place = text.as_ptr().addr();
                    if taken.last().is_some_and(|last| place <= *last) && taken.binary_search(&place).is_ok() {
                        continue;
                    }
                    taken.extend(taken.last().is_none_or(|last| place > *last).then_some(place));
                    push_lower(text, &mut all);
                }
                other => push_lower(Entry::new(name, other, self.bump).text(), &mut all),
            }
            all.push('\0');
        }
        all.into_bump_str().as_bytes()
    }

    /// The fields that keywords are searched in.
    fn own_values(&self) -> impl Iterator<Item = (&'e str, Value<'e>)> {
        // The record as it came does not count when its values stand decoded beside it: escapes in it would hide what is
        // searched.
        let raw = self.event.get_str("event.original");
        let raw = raw.filter(|text| text.trim_start().starts_with(['{', '[', '<']));
        self.event.iter().filter(move |(name, value)| {
            let is_raw = matches!(*name, "message" | "event.original") && raw.is_some() && value.as_str() == raw;
            !is_raw && is_own_text(name, *value)
        })
    }

    /// The event's own text, in which keywords are searched.
    pub(crate) fn own_text(&self) -> &'e [Entry<'e>] {
        self.own_text.get_or_init(|| {
            let mut texts = BumpVec::with_capacity_in(self.event.len(), self.bump);
            texts.extend(self.own_values().map(|(name, value)| Entry::new(name, value, self.bump)));
            texts.into_bump_slice()
        })
    }
}

fn push_lower(text: &str, to: &mut BumpString<'_>) {
    if !text.is_ascii() {
        to.extend(lower_chars(text));
        return;
    }
    let start = to.len();
    to.push_str(text);
    if let Some(added) = to.get_mut(start..) {
        added.make_ascii_lowercase();
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
    // Most fields of most events begin with none of these letters.
    let is_added = match name.as_bytes().first() {
        Some(b'm' | b'e' | b'l' | b'a' | b'i' | b's') => ADDED.iter().any(|prefix| name.starts_with(prefix)),
        Some(b'@') => name == "@timestamp",
        _ => false,
    };
    value != Value::Null && (name == "event.original" || !is_added)
}

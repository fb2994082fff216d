//! The event: one log record after decoding, as a flat list of ECS fields over one text arena.
//!
//! Names and values lie in a single `String`; a field is 16 bytes that point into it, and the hash of its name (`names`). Filling an event of 30 fields
//! costs two allocations, or none when it is cleared and used again; a matcher reads it without building a tree.
//! A list is the same name pushed several times. `cargo bench -p event` compares it with maps of `serde_json` values:
//! filling an event and reading 20 names took 0.9 µs of CPU time, 3.2 µs with a flat map, 9.1 µs with a tree.

use std::fmt;
use std::sync::Arc;

use crate::names::{Sieve, name_hash, place};
use crate::{EventFull, EventId, Origin, Timestamp, Value};

/// Most fields in one event.
pub const FIELDS_MAX: usize = 10_000;
/// Most bytes of names and values in one event.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One log record in ECS fields, dotted names, with where it came from and when.
#[derive(Clone, Default)]
pub struct Event {
    /// Its place in the spool; the id it keeps for ever.
    pub id: EventId,
    /// When we received it.
    pub received: Timestamp,
    /// When the sender says it happened; `None` when it does not say or the text is absurd.
    pub claimed: Option<Timestamp>,
    /// Where it came from; `None` only for events that were never received (offline detection).
    pub origin: Option<Arc<Origin>>,
    text: String,
    fields: Vec<Entry>,
    /// The hash of each field's name, in the order of the fields.
    hashes: Vec<u32>,
    /// What the hashes were sieved into, those too that were taken out again.
    sieve: Sieve,
}

#[derive(Clone, Copy)]
struct Entry {
    name_start: u32,
    name_len: u16,
    kind: Kind,
    /// The number's bits, or start and length of the text in the arena.
    bits: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Bool,
    Int,
    Float,
    Str,
}

/// A place in an event's list of fields, to come back to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    fields: usize,
    text: usize,
}

impl Event {
    /// An event without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// The time it is sorted and matched by: claimed where there is one, else received.
    pub fn timestamp(&self) -> Timestamp {
        self.claimed.unwrap_or(self.received)
    }

    /// Empties the fields and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
        self.hashes.clear();
        self.sieve = Sieve::default();
        self.claimed = None;
        self.origin = None;
    }

    /// Number of fields, each member of a list counted.
    #[inline]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Bytes of its names and values, of those too that were taken out again: no text of it is longer.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Whether it has no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Adds a field behind the others; the same name again makes a list.
    ///
    /// # Errors
    /// [`EventFull`] at [`FIELDS_MAX`] fields, [`TEXT_BYTES_MAX`] bytes or a name over 64 KiB; nothing is added then.
    #[inline]
    pub fn push<'v>(&mut self, name: &str, value: impl Into<Value<'v>>) -> Result<(), EventFull> {
        let value = value.into();
        let name_len = u16::try_from(name.len()).map_err(|_| EventFull)?;
        let value_len = value.as_str().map_or(0, str::len);
        if self.fields.len() >= FIELDS_MAX || self.text.len() + name.len() + value_len > TEXT_BYTES_MAX {
            return Err(EventFull);
        }
        let name_start = append(&mut self.text, name);
        let (kind, bits) = match value {
            Value::Null => (Kind::Null, 0),
            Value::Bool(truth) => (Kind::Bool, u64::from(truth)),
            Value::Int(number) => (Kind::Int, number.cast_unsigned()),
            Value::Float(number) => (Kind::Float, number.to_bits()),
            Value::Str(text) => (Kind::Str, span(append(&mut self.text, text), text.len())),
        };
        self.fields.push(Entry { name_start, name_len, kind, bits });
        let hash = name_hash(name);
        self.hashes.push(hash);
        self.sieve.add(hash);
        Ok(())
    }

    /// Replaces every value of `name` by one; adds it where there was none.
    ///
    /// # Errors
    /// [`EventFull`] as for [`Event::push`].
    pub fn set<'v>(&mut self, name: &str, value: impl Into<Value<'v>>) -> Result<(), EventFull> {
        self.remove(name);
        self.push(name, value)
    }

    /// Adds the field unless one of that name is there.
    ///
    /// # Errors
    /// [`EventFull`] as for [`Event::push`].
    pub fn set_default<'v>(&mut self, name: &str, value: impl Into<Value<'v>>) -> Result<(), EventFull> {
        if self.has(name) { Ok(()) } else { self.push(name, value) }
    }

    /// Copies every value of `from` to `to` where `to` has none; the way decoders' names become ECS names.
    ///
    /// # Errors
    /// [`EventFull`] as for [`Event::push`].
    pub fn copy(&mut self, from: &str, to: &str) -> Result<(), EventFull> {
        let (asked, given) = (name_hash(from), name_hash(to));
        let Some(first) = self.place(from, asked, 0).filter(|_| self.place(to, given, 0).is_none()) else {
            return Ok(());
        };
        let name_len = u16::try_from(to.len()).map_err(|_| EventFull)?;
        self.sieve.add(given);
        let before = self.fields.len();
        let mut name_start = None;
        let mut next = Some(first);
        while let Some(at) = next.filter(|at| *at < before) {
            let Some(&entry) = self.fields.get(at) else { break };
            if self.fields.len() >= FIELDS_MAX || self.text.len() + to.len() > TEXT_BYTES_MAX {
                return Err(EventFull);
            }
            let start = *name_start.get_or_insert_with(|| append(&mut self.text, to));
            self.fields.push(Entry { name_start: start, name_len, ..entry });
            self.hashes.push(given);
            next = self.place(from, asked, at + 1);
        }
        Ok(())
    }

    /// Takes every value of `name` out; the arena keeps its bytes until [`Event::clear`].
    pub fn remove(&mut self, name: &str) {
        let hash = name_hash(name);
        if let Some(first) = self.place(name, hash, 0) {
            self.retain_from(first, |event, entry, other| other != hash || event.name(entry) != name);
        }
    }

    /// Gives every field called `from` the name `to`, behind those that have it already.
    ///
    /// # Errors
    /// [`EventFull`] when the arena cannot take the new name; nothing changes then.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), EventFull> {
        if !self.has(from) {
            return Ok(());
        }
        let name_len = u16::try_from(to.len()).map_err(|_| EventFull)?;
        if self.text.len() + to.len() > TEXT_BYTES_MAX {
            return Err(EventFull);
        }
        let name_start = append(&mut self.text, to);
        let (asked, given) = (name_hash(from), name_hash(to));
        self.sieve.add(given);
        let mut next = self.place(from, asked, 0);
        while let Some(at) = next {
            if let (Some(entry), Some(hash)) = (self.fields.get_mut(at), self.hashes.get_mut(at)) {
                (entry.name_start, entry.name_len, *hash) = (name_start, name_len, given);
            }
            next = self.place(from, asked, at + 1);
        }
        Ok(())
    }

    /// The place behind the last field, for [`Event::rewind`] and [`Event::rename_since`].
    pub fn mark(&self) -> Mark {
        Mark { fields: self.fields.len(), text: self.text.len() }
    }

    /// Takes out every field that was added since `mark`; nothing may have been removed in between.
    pub fn rewind(&mut self, mark: Mark) {
        self.fields.truncate(mark.fields);
        self.hashes.truncate(mark.fields);
        self.text.truncate(mark.text);
    }

    /// Gives new names to the fields that were added since `mark`: `rename` writes the new name behind what stands in
    /// its second argument and says whether it did.
    ///
    /// # Errors
    /// [`EventFull`] when the arena cannot take a name; the fields before that one have theirs already.
    pub fn rename_since(&mut self, mark: Mark, rename: impl Fn(&str, &mut String) -> bool) -> Result<(), EventFull> {
        let mut name = String::new();
        for (entry, hash) in self.fields.iter_mut().zip(&mut self.hashes).skip(mark.fields) {
            name.clear();
            if !rename(name_of(&self.text, entry), &mut name) {
                continue;
            }
            let name_len = u16::try_from(name.len()).map_err(|_| EventFull)?;
            if self.text.len() + name.len() > TEXT_BYTES_MAX {
                return Err(EventFull);
            }
            entry.name_start = append(&mut self.text, &name);
            entry.name_len = name_len;
            *hash = name_hash(&name);
            self.sieve.add(*hash);
        }
        Ok(())
    }

    /// Takes out what was added since `mark` under a name that stood there before it; the first one counts.
    pub fn keep_first_since(&mut self, mark: Mark) {
        let before = mark.fields.min(self.fields.len());
        self.retain_from(before, |event, entry, hash| {
            event.place(event.name(entry), hash, 0).is_none_or(|first| first >= before)
        });
    }

    /// Whether a field of that name is there, null included.
    #[inline]
    pub fn has(&self, name: &str) -> bool {
        self.place(name, name_hash(name), 0).is_some()
    }

    /// The first value of `name`.
    #[inline]
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        let at = self.place(name, name_hash(name), 0)?;
        self.fields.get(at).map(|entry| self.value(entry))
    }

    /// The first value of `name` when it is text.
    #[inline]
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Every value of `name`, in order.
    pub fn get_all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = Value<'e>> + 'e {
        let hash = name_hash(name);
        let next = move |at: &usize| self.place(name, hash, at + 1);
        let places = std::iter::successors(self.place(name, hash, 0), next);
        places.filter_map(|at| self.fields.get(at)).map(|entry| self.value(entry))
    }

    /// Every field in the order it was added; a list's members each on their own.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.fields.iter().map(|entry| (self.name(entry), self.value(entry)))
    }

    /// Every field as [`Event::iter`] gives it, with the [`name_hash`] of its name before it.
    #[inline]
    pub fn iter_hashed(&self) -> impl Iterator<Item = (u32, &str, Value<'_>)> {
        let hashed = self.hashes.iter().zip(&self.fields);
        hashed.map(|(hash, entry)| (*hash, self.name(entry), self.value(entry)))
    }

    /// The first place from `from` on of a field called `name`, whose hash is given.
    #[inline]
    fn place(&self, name: &str, hash: u32, mut from: usize) -> Option<usize> {
        if !self.sieve.may_have(hash) {
            return None;
        }
        loop {
            let at = place(&self.hashes, hash, from)?;
            if self.name(self.fields.get(at)?) == name {
                return Some(at);
            }
            from = at + 1;
        }
    }

    /// Takes out the fields from `from` on that are not to be kept; those before are not asked about.
    fn retain_from(&mut self, from: usize, is_kept: impl Fn(&Self, &Entry, u32) -> bool) {
        let mut kept = from;
        for at in from..self.fields.len() {
            let (Some(&entry), Some(&hash)) = (self.fields.get(at), self.hashes.get(at)) else { break };
            if !is_kept(self, &entry, hash) {
                continue;
            }
            if let (Some(field), Some(place)) = (self.fields.get_mut(kept), self.hashes.get_mut(kept)) {
                (*field, *place) = (entry, hash);
            }
            kept += 1;
        }
        self.fields.truncate(kept);
        self.hashes.truncate(kept);
    }

    #[inline]
    fn name(&self, entry: &Entry) -> &str {
        name_of(&self.text, entry)
    }

    #[inline]
    fn value(&self, entry: &Entry) -> Value<'_> {
        match entry.kind {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(entry.bits != 0),
            Kind::Int => Value::Int(entry.bits.cast_signed()),
            Kind::Float => Value::Float(f64::from_bits(entry.bits)),
            Kind::Str => {
                let start = (entry.bits >> 32) as usize;
                let len = (entry.bits & u64::from(u32::MAX)) as usize;
                Value::Str(self.text.get(start..start + len).unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

#[inline]
fn append(arena: &mut String, text: &str) -> u32 {
    let start = arena.len() as u32; // below TEXT_BYTES_MAX by the check in `push`
    arena.push_str(text);
    start
}

fn span(start: u32, len: usize) -> u64 {
    (u64::from(start) << 32) | len as u64
}

#[inline]
fn name_of<'t>(text: &'t str, entry: &Entry) -> &'t str {
    let start = entry.name_start as usize;
    text.get(start..start + usize::from(entry.name_len)).unwrap_or_default()
}

#[cfg(test)]
mod tests;

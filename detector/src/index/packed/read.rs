//! Reading the stored form.

use std::borrow::Cow;

use event::{Event, Value};
use memchr::memchr;
use serde_json::{Map, Value as Json};

use super::{FORM, Kind};
use crate::index::known;

/// Reads a stored event as [`event::json::to_map`] makes it; `None` when the bytes are damaged.
pub(crate) fn read(stored: &[u8]) -> Option<Map<String, Json>> {
    let mut map = Map::new();
    each(stored, |name, value| {
        let value = event::json::to_json(value);
        match map.get_mut(name) {
            None => drop(map.insert(name.to_owned(), value)),
            Some(Json::Array(list)) => list.push(value),
            Some(first) => *first = Json::Array(vec![first.take(), value]),
        }
        Some(())
    })?;
    Some(map)
}

/// Adds a stored event's fields to `event`, in the order they were written; `None` when the bytes are damaged.
pub(crate) fn read_into(stored: &[u8], event: &mut Event) -> Option<()> {
    each(stored, |name, value| event.push(name, value).ok())
}

/// Shows every field and its value, until `show` has enough.
fn each(stored: &[u8], mut show: impl FnMut(&str, Value<'_>) -> Option<()>) -> Option<()> {
    let (&form, mut rest) = stored.split_first()?;
    if form != FORM {
        return None;
    }
    let count = usize::try_from(read_number(&mut rest)?).ok().filter(|count| *count <= event::FIELDS_MAX)?;
    let mut names = Vec::with_capacity(count);
    let mut last = String::new();
    for _ in 0..count {
        names.push(read_name(&mut rest, &mut last)?);
    }
    // Where the values end is where the base begins: they are gone through twice.
    let mut behind = rest;
    (0..count).try_for_each(|_| skip(&mut behind))?;
    let mut reader = Reader { base: std::str::from_utf8(behind).ok()?, cursor: 0, earlier: Vec::with_capacity(count) };
    for name in names {
        show(&name, reader.value(&mut rest)?)?;
    }
    Some(())
}

fn read_number(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = read_byte(from)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn read_length(from: &mut &[u8]) -> Option<usize> {
    usize::try_from(read_number(from)?).ok()
}

fn read_byte(from: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = from.split_first()?;
    *from = rest;
    Some(byte)
}

fn read_bytes<'s>(from: &mut &'s [u8], length: usize) -> Option<&'s [u8]> {
    let (bytes, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(bytes)
}

fn read_kind(from: &mut &[u8]) -> Option<Kind> {
    Kind::ALL.get(usize::from(read_byte(from)?)).copied()
}

/// Reads a name; one that is written out shares its beginning with the last such name.
fn read_name(from: &mut &[u8], last: &mut String) -> Option<Cow<'static, str>> {
    let number = read_length(from)?;
    if let Some(known) = number.checked_sub(1) {
        return known::name_of(known).map(Cow::Borrowed);
    }
    let shared = read_length(from)?;
    let length = read_length(from)?;
    let rest = std::str::from_utf8(read_bytes(from, length)?).ok()?;
    let name = format!("{}{rest}", last.get(..shared)?);
    last.clone_from(&name);
    Some(Cow::Owned(name))
}

fn skip(from: &mut &[u8]) -> Option<()> {
    match read_kind(from)? {
        Kind::Null | Kind::False | Kind::True | Kind::Base => {}
        Kind::Float => drop(read_bytes(from, 8)?),
        Kind::Int | Kind::Tail | Kind::Same | Kind::SameInt => drop(read_number(from)?),
        Kind::Text => {
            let length = read_length(from)?;
            read_bytes(from, length)?;
        }
        Kind::Next | Kind::NextInt => {
            read_number(from)?;
            read_byte(from)?;
        }
        Kind::NextEscaped | Kind::NextLong | Kind::Span => {
            read_number(from)?;
            read_number(from)?;
        }
    }
    Some(())
}

struct Reader<'s> {
    base: &'s str,
    cursor: usize,
    earlier: Vec<Cow<'s, str>>,
}

impl<'s> Reader<'s> {
    fn value(&mut self, from: &mut &'s [u8]) -> Option<Value<'_>> {
        let mut text = Cow::Borrowed("");
        let plain = match read_kind(from)? {
            Kind::Null => Value::Null,
            Kind::False => Value::Bool(false),
            Kind::True => Value::Bool(true),
            Kind::Float => Value::Float(f64::from_le_bytes(read_bytes(from, 8)?.try_into().ok()?)),
            Kind::Int => Value::Int(unzigzag(read_number(from)?)),
            Kind::Base => Value::Str(self.base),
            Kind::NextInt => {
                let digits = self.next(from)?;
                text = digits.into();
                Value::Int(digits.parse().ok()?)
            }
            Kind::SameInt => Value::Int(self.same(from)?.parse().ok()?),
            kind => {
                let text = self.text(kind, from)?;
                self.earlier.push(text);
                return self.earlier.last().map(|text| Value::Str(text));
            }
        };
        self.earlier.push(text);
        Some(plain)
    }

    fn text(&mut self, kind: Kind, from: &mut &'s [u8]) -> Option<Cow<'s, str>> {
        Some(match kind {
            Kind::Text => {
                let length = read_length(from)?;
                std::str::from_utf8(read_bytes(from, length)?).ok()?.into()
            }
            Kind::Tail => self.base.get(read_length(from)?..)?.into(),
            Kind::Next => self.next(from)?.into(),
            Kind::NextLong => self.next_long(from)?.into(),
            Kind::NextEscaped => {
                let inner = self.next_long(from)?;
                serde_json::from_str::<String>(&format!("\"{inner}\"")).ok()?.into()
            }
            Kind::Span => {
                let start = read_length(from)?;
                self.base.get(start..start.checked_add(read_length(from)?)?)?.into()
            }
            Kind::Same => self.same(from)?,
            _ => return None,
        })
    }

    fn next(&mut self, from: &mut &[u8]) -> Option<&'s str> {
        let start = self.cursor.checked_add(read_length(from)?)?;
        let end = read_byte(from)?;
        let length = memchr(end, self.base.as_bytes().get(start..)?)?;
        self.cursor = start + length;
        self.base.get(start..self.cursor)
    }

    fn next_long(&mut self, from: &mut &[u8]) -> Option<&'s str> {
        let start = self.cursor.checked_add(read_length(from)?)?;
        self.cursor = start.checked_add(read_length(from)?)?;
        self.base.get(start..self.cursor)
    }

    fn same(&self, from: &mut &[u8]) -> Option<Cow<'s, str>> {
        let at = self.earlier.len().checked_sub(read_length(from)?)?;
        self.earlier.get(at).cloned()
    }
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

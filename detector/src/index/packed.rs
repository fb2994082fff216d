//! The stored form of an event: its original text once, and every field that can be read off it as a place in it.
//!
//! | part | what |
//! | --- | --- |
//! | form | one byte, [`FORM`]; the older form is JSON and begins with `{` |
//! | names | how many, then each: its number in [`super::known`] plus one, or 0, how many bytes it shares with the last such name, the rest |
//! | values | each one of the kinds of [`Kind`] |
//! | base | the text of `event.original`, or of `message` where there is none; up to the end |
//!
//! Numbers are of variable length (seven bits a byte, the least first), signed ones in zigzag. A decoder's fields
//! mostly follow one another in the text, which is why a place is told as the gap behind the last one and by the byte
//! that ends it: for events of one format these are the same, and the block's compression finds them so.

use event::{Event, Value};
use memchr::{memchr, memchr_iter, memmem};
use serde_json::{Map, Number, Value as Json};

use super::known;

/// The first byte of the form.
pub(crate) const FORM: u8 = 1;
/// How far behind the last value the next one is looked for, in bytes.
const WINDOW_BYTES: usize = 160;
/// A text shorter than this is written out rather than sought in the whole base.
const SOUGHT_BYTES_MIN: usize = 4;
/// A text at least so long that ends the base is told as its end.
const TAIL_BYTES_MIN: usize = 24;
/// Values so long are not sought: a window of text holds none of them.
const SOUGHT_BYTES_MAX: usize = 64 * 1024;
/// Earlier fields among which the same value is sought.
const EARLIER_MAX: usize = 96;

/// How a value is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Null,
    False,
    True,
    /// Eight bytes, the least first.
    Float,
    /// A signed number.
    Int,
    /// Length and bytes.
    Text,
    /// The base.
    Base,
    /// From a place in the base to its end.
    Tail,
    /// Gap behind the last value; up to the byte given.
    Next,
    /// As [`Kind::Next`], read as a whole number.
    NextInt,
    /// As [`Kind::NextLong`], read as the inside of a JSON string.
    NextEscaped,
    /// Gap behind the last value, length.
    NextLong,
    /// Place and length.
    Span,
    /// The text of the field so many before.
    Same,
    /// As [`Kind::Same`], read as a whole number.
    SameInt,
}

impl Kind {
    const ALL: [Self; 15] = [
        Self::Null,
        Self::False,
        Self::True,
        Self::Float,
        Self::Int,
        Self::Text,
        Self::Base,
        Self::Tail,
        Self::Next,
        Self::NextInt,
        Self::NextEscaped,
        Self::NextLong,
        Self::Span,
        Self::Same,
        Self::SameInt,
    ];
}

/// Writes an event in the stored form behind `out`.
pub(crate) fn write(event: &Event, out: &mut Vec<u8>) {
    let base_at = base_of(event);
    let base = base_at.and_then(|at| event.iter().nth(at)?.1.as_str()).unwrap_or_default();
    out.push(FORM);
    write_number(event.len() as u64, out);
    let mut last = "";
    for (name, _) in event.iter() {
        write_name(name, &mut last, out);
    }
    let mut writer = Writer { base, cursor: 0, earlier: Vec::with_capacity(event.len()), out };
    for (at, (_, value)) in event.iter().enumerate() {
        if base_at == Some(at) {
            writer.tell(Kind::Base);
            writer.earlier.push("");
        } else {
            writer.value(value);
        }
    }
    out.extend_from_slice(base.as_bytes());
}

/// Which field the base is.
fn base_of(event: &Event) -> Option<usize> {
    let of = |wanted: &str| event.iter().position(|(name, value)| name == wanted && value.as_str().is_some());
    of("event.original").or_else(|| of("message"))
}

fn write_name<'e>(name: &'e str, last: &mut &'e str, out: &mut Vec<u8>) {
    if let Some(number) = known::number_of(name) {
        write_number(number as u64 + 1, out);
        return;
    }
    let shared = name.bytes().zip(last.bytes()).take_while(|(one, other)| one == other).count();
    let shared = name.floor_char_boundary(shared);
    let rest = name.get(shared..).unwrap_or_default();
    out.push(0);
    write_number(shared as u64, out);
    write_number(rest.len() as u64, out);
    out.extend_from_slice(rest.as_bytes());
    *last = name;
}

fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

struct Writer<'e, 'o> {
    base: &'e str,
    /// The end of the last value that was found behind the one before.
    cursor: usize,
    /// The texts of the fields so far; empty for those that are none.
    earlier: Vec<&'e str>,
    out: &'o mut Vec<u8>,
}

impl<'e> Writer<'e, '_> {
    fn tell(&mut self, kind: Kind) {
        self.out.push(kind as u8);
    }

    fn value(&mut self, value: Value<'e>) {
        let mut text = "";
        match value {
            Value::Null => self.tell(Kind::Null),
            Value::Bool(false) => self.tell(Kind::False),
            Value::Bool(true) => self.tell(Kind::True),
            Value::Float(number) if !number.is_finite() => self.tell(Kind::Null), // as JSON has it
            Value::Float(number) => {
                self.tell(Kind::Float);
                self.out.extend_from_slice(&number.to_le_bytes());
            }
            Value::Int(number) => text = self.int(number),
            Value::Str(found) => {
                text = found;
                self.text(found);
            }
        }
        self.earlier.push(text);
    }

    /// Tells a number; gives back the text that it was read off.
    fn int(&mut self, number: i64) -> &'e str {
        let mut digits = [0; 20];
        let text = decimal(number, &mut digits);
        let start = self.next(text);
        if let Some((start, (gap, end))) = start.and_then(|start| Some((start, self.ends(start, text)?))) {
            self.tell(Kind::NextInt);
            self.gap(gap, text.len());
            self.out.push(end);
            return self.base.get(start..start + text.len()).unwrap_or_default();
        }
        if let Some(back) = self.same(text) {
            self.tell(Kind::SameInt);
            write_number(back, self.out);
        } else {
            self.tell(Kind::Int);
            write_number(zigzag(number), self.out);
        }
        ""
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() || !(self.place(text) || self.escaped(text)) {
            self.tell(Kind::Text);
            write_number(text.len() as u64, self.out);
            self.out.extend_from_slice(text.as_bytes());
        }
    }

    /// Tells a text by its place, if it has one.
    fn place(&mut self, text: &str) -> bool {
        if text.len() >= TAIL_BYTES_MIN && self.base.ends_with(text) {
            self.tell(Kind::Tail);
            write_number((self.base.len() - text.len()) as u64, self.out);
            return true;
        }
        if text.len() > SOUGHT_BYTES_MAX {
            return false;
        }
        if let Some(start) = self.next(text) {
            if let Some((gap, end)) = self.ends(start, text) {
                self.tell(Kind::Next);
                self.gap(gap, text.len());
                self.out.push(end);
            } else {
                self.tell(Kind::NextLong);
                self.gap(start - self.cursor, text.len());
                write_number(text.len() as u64, self.out);
            }
            return true;
        }
        if let Some(back) = self.same(text) {
            self.tell(Kind::Same);
            write_number(back, self.out);
            return true;
        }
        if text.len() < SOUGHT_BYTES_MIN || is_category(text) {
            return false;
        }
        let Some(start) = memmem::find(self.base.as_bytes(), text.as_bytes()) else { return false };
        self.tell(Kind::Span);
        write_number(start as u64, self.out);
        write_number(text.len() as u64, self.out);
        true
    }

    /// Tells a text that stands in the base as JSON writes it.
    fn escaped(&mut self, text: &str) -> bool {
        if text.len() > SOUGHT_BYTES_MAX || memchr::memchr2(b'\\', b'"', text.as_bytes()).is_none() {
            return false;
        }
        let Ok(written) = serde_json::to_string(text) else { return false };
        let Some(inner) = written.get(1..written.len().saturating_sub(1)) else { return false };
        let Some(start) = self.next(inner) else { return false };
        self.tell(Kind::NextEscaped);
        self.gap(start - self.cursor, inner.len());
        write_number(inner.len() as u64, self.out);
        true
    }

    fn gap(&mut self, gap: usize, length: usize) {
        write_number(gap as u64, self.out);
        self.cursor += gap + length;
    }

    /// Where a text stands free soon behind the last one.
    fn next(&self, text: &str) -> Option<usize> {
        let base = self.base.as_bytes();
        let end = base.len().min(self.cursor.saturating_add(WINDOW_BYTES).saturating_add(text.len()));
        let window = base.get(self.cursor..end)?;
        memchr_iter(*text.as_bytes().first()?, window).map(|at| at + self.cursor).find(|&start| {
            let stands = base.get(start..).is_some_and(|rest| rest.starts_with(text.as_bytes()));
            let before = start.checked_sub(1).and_then(|at| base.get(at));
            let behind = base.get(start + text.len());
            stands && !before.is_some_and(u8::is_ascii_alphanumeric) && !behind.is_some_and(u8::is_ascii_alphanumeric)
        })
    }

    /// The gap and the byte that ends a text at `start`, if that byte is not in the text.
    fn ends(&self, start: usize, text: &str) -> Option<(usize, u8)> {
        let end = *self.base.as_bytes().get(start + text.len())?;
        (end.is_ascii() && memchr(end, text.as_bytes()).is_none()).then_some((start - self.cursor, end))
    }

    /// How many fields before this one has the same text.
    fn same(&self, text: &str) -> Option<u64> {
        let mut earlier = self.earlier.iter().rev().take(EARLIER_MAX);
        earlier.position(|found| *found == text).map(|at| at as u64 + 1)
    }
}

/// Whether a text looks like one of ECS's own words (`authentication`, `intrusion_detection`), not like a part of a line.
fn is_category(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn zigzag(number: i64) -> u64 {
    (number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// A number's digits, as `Display` writes them.
fn decimal(number: i64, digits: &mut [u8; 20]) -> &str {
    let mut left = number.unsigned_abs();
    let mut at = digits.len();
    let mut put = |digit: u8| {
        at = at.saturating_sub(1);
        if let Some(place) = digits.get_mut(at) {
            *place = digit;
        }
    };
    loop {
        put(b'0' + (left % 10) as u8);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if number < 0 {
        put(b'-');
    }
    digits.get(at..).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
}

/// Reads a stored event as [`event::json::to_map`] makes it; `None` when the bytes are damaged.
pub(crate) fn read(stored: &[u8]) -> Option<Map<String, Json>> {
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
    let mut map = Map::with_capacity(count);
    for name in names {
        let value = reader.value(&mut rest)?;
        match map.get_mut(&name) {
            None => drop(map.insert(name, value)),
            Some(Json::Array(list)) => list.push(value),
            Some(first) => *first = Json::Array(vec![first.take(), value]),
        }
    }
    Some(map)
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

fn read_name(from: &mut &[u8], last: &mut String) -> Option<String> {
    let number = read_length(from)?;
    if let Some(known) = number.checked_sub(1) {
        return known::name_of(known).map(str::to_owned);
    }
    let shared = read_length(from)?;
    let length = read_length(from)?;
    let rest = std::str::from_utf8(read_bytes(from, length)?).ok()?;
    let name = format!("{}{rest}", last.get(..shared)?);
    last.clone_from(&name);
    Some(name)
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
    earlier: Vec<std::borrow::Cow<'s, str>>,
}

impl<'s> Reader<'s> {
    fn value(&mut self, from: &mut &'s [u8]) -> Option<Json> {
        let mut text = std::borrow::Cow::Borrowed("");
        let value = match read_kind(from)? {
            Kind::Null => Json::Null,
            Kind::False => Json::Bool(false),
            Kind::True => Json::Bool(true),
            Kind::Float => {
                let bytes = read_bytes(from, 8)?.try_into().ok()?;
                Number::from_f64(f64::from_le_bytes(bytes)).map_or(Json::Null, Json::Number)
            }
            Kind::Int => Json::from(unzigzag(read_number(from)?)),
            Kind::Base => Json::from(self.base),
            Kind::NextInt => {
                let digits = self.next(from)?;
                text = digits.into();
                Json::from(digits.parse::<i64>().ok()?)
            }
            Kind::SameInt => Json::from(self.same(from)?.parse::<i64>().ok()?),
            kind => {
                text = self.text(kind, from)?;
                Json::from(text.as_ref())
            }
        };
        self.earlier.push(text);
        Some(value)
    }

    fn text(&mut self, kind: Kind, from: &mut &'s [u8]) -> Option<std::borrow::Cow<'s, str>> {
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

    fn same(&self, from: &mut &[u8]) -> Option<std::borrow::Cow<'s, str>> {
        let at = self.earlier.len().checked_sub(read_length(from)?)?;
        self.earlier.get(at).cloned()
    }
}

#[cfg(test)]
mod tests;

//! Writing the stored form: where in the base does each value stand?

use event::{Event, Value};
use memchr::{memchr, memchr_iter, memmem};

use super::{FORM, Kind};
use crate::index::known;

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

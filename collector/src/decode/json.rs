//! JSON: a walk over the text straight into an event, without a tree, and the shape of documents of no known kind.

mod plain;

use std::fmt;

use event::{Event, EventFull, FIELDS_MAX, Mark, Value};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Dates, JsonShape, Shaped};

/// Deepest nesting that becomes dotted names; what lies deeper is kept as JSON text in one field.
pub const DEPTH_MAX: usize = 32;
/// Fields that one document may fill; room is left for our own.
const LEAVES_MAX: usize = FIELDS_MAX - 500;
/// Bytes of names and values that one document may fill; long names above many values would multiply.
const BYTES_MAX: usize = 6 * 1024 * 1024;

/// Stands before names that only we may set.
const SET_ASIDE: &str = "sender.";

/// Why a text is no JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// It does not parse.
    #[error("broken JSON")]
    Broken,
    /// It is JSON, but no object.
    #[error("no JSON object")]
    NoObject,
}

/// Adds every leaf of the JSON object `text` under dotted names; arrays become lists.
///
/// Names that only we may set (`event.ingested`, `metrosoc.*` …) get `sender.` before them. What does not fit is
/// counted in `metrosoc.fields_left_out`. Lone surrogates and raw control characters are mended.
///
/// # Errors
/// [`JsonFault`] when it is no object; fields may have been added then, and the caller takes them back.
pub fn walk(text: &str, event: &mut Event) -> Result<(), JsonFault> {
    if !text.trim_ascii_start().starts_with('{') {
        return Err(JsonFault::NoObject);
    }
    let mark = event.mark();
    let (mut name, mut room) = (String::with_capacity(64), Room::new());
    let mut walk = Walk { event: &mut *event, name: &mut name, room: &mut room, depth: 0 };
    if plain::read(text, &mut walk).is_some() {
        return Ok(());
    }
    event.rewind(mark);
    if walk_fully(text, event).is_ok() {
        return Ok(());
    }
    event.rewind(mark);
    let mended = mend(text).ok_or(JsonFault::Broken)?;
    walk_fully(&mended, event).map_err(|_| JsonFault::Broken)
}

/// Reads whatever is JSON.
fn walk_fully(text: &str, event: &mut Event) -> Result<(), serde_json::Error> {
    let (mut name, mut room) = (String::with_capacity(64), Room::new());
    let mut parser = serde_json::Deserializer::from_str(text);
    Walk { event: &mut *event, name: &mut name, room: &mut room, depth: 0 }.deserialize(&mut parser)?;
    parser.end()?;
    if room.left_out > 0 {
        // The room that was left for our own fields holds this one.
        event.push("metrosoc.fields_left_out", room.left_out).map_err(serde_json::Error::custom)?;
    }
    Ok(())
}

struct Room {
    leaves: usize,
    bytes: usize,
    left_out: i64,
}

impl Room {
    fn new() -> Self {
        Self { leaves: LEAVES_MAX, bytes: BYTES_MAX, left_out: 0 }
    }
}

struct Walk<'w> {
    event: &'w mut Event,
    name: &'w mut String,
    room: &'w mut Room,
    depth: usize,
}

impl Walk<'_> {
    fn push(&mut self, value: Value<'_>) {
        let bytes = self.name.len() + value.as_str().map_or(0, str::len);
        if self.room.leaves == 0 || self.room.bytes < bytes || self.name.len() > usize::from(u16::MAX) - 16 {
            self.room.left_out += 1;
            return;
        }
        let pushed = if is_reserved(self.name) {
            self.name.insert_str(0, SET_ASIDE);
            let pushed = self.event.push(self.name, value);
            self.name.drain(..SET_ASIDE.len());
            pushed
        } else {
            self.event.push(self.name, value)
        };
        match pushed {
            Ok(()) => {
                self.room.leaves -= 1;
                self.room.bytes -= bytes;
            }
            Err(EventFull) => self.room.left_out += 1,
        }
    }

    fn inner(&mut self) -> Walk<'_> {
        Walk { event: self.event, name: self.name, room: self.room, depth: self.depth + 1 }
    }

    /// A value below the deepest level: kept as it is written when it is an object or array.
    fn push_raw(&mut self, raw: &RawValue) {
        match raw.get().as_bytes().first() {
            Some(b'{' | b'[') => self.push(Value::Str(raw.get())),
            _ => {
                let walk = self.inner();
                // A scalar out of JSON that has been checked already.
                if walk.deserialize(&mut serde_json::Deserializer::from_str(raw.get())).is_err() {
                    self.room.left_out += 1;
                }
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let len = self.name.len();
        while let Some(()) = map.next_key_seed(Key(self.name))? {
            if self.depth + 1 < DEPTH_MAX {
                map.next_value_seed(self.inner())?;
            } else {
                self.push_raw(map.next_value::<&RawValue>()?);
            }
            self.name.truncate(len);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        if self.room.leaves == 0 {
            while list.next_element::<IgnoredAny>()?.is_some() {
                self.room.left_out += 1;
            }
            return Ok(());
        }
        if self.depth + 1 < DEPTH_MAX {
            while list.next_element_seed(self.inner())?.is_some() {}
        } else {
            while let Some(raw) = list.next_element::<&RawValue>()? {
                self.push_raw(raw);
            }
        }
        Ok(())
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.push(Value::Str(text));
        Ok(())
    }

    fn visit_bool<E>(mut self, truth: bool) -> Result<(), E> {
        self.push(Value::Bool(truth));
        Ok(())
    }

    fn visit_i64<E>(mut self, number: i64) -> Result<(), E> {
        self.push(Value::Int(number));
        Ok(())
    }

    fn visit_u64<E>(mut self, number: u64) -> Result<(), E> {
        match i64::try_from(number) {
            Ok(number) => self.push(Value::Int(number)),
            Err(_) => self.push(Value::Str(&number.to_string())),
        }
        Ok(())
    }

    fn visit_f64<E>(mut self, number: f64) -> Result<(), E> {
        self.push(Value::Float(number));
        Ok(())
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        self.push(Value::Null);
        Ok(())
    }
}

/// Puts a key behind the name so far.
struct Key<'n>(&'n mut String);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        if !self.0.is_empty() {
            self.0.push('.');
        }
        self.0.push_str(key);
        Ok(())
    }
}

/// Names that say what we know of a record, which its text must not say.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "@timestamp"
            | "@version"
            | "event.ingested"
            | "event.original"
            | "event.kind"
            | "log.source.address"
            | "metrosoc"
    ) || name.starts_with("metrosoc.")
}

/// The text with lone surrogates as U+FFFD and control characters as spaces; `None` when there was neither.
fn mend(text: &str) -> Option<String> {
    let mut mended = String::with_capacity(text.len());
    let mut changed = false;
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte == b'\\' || byte < b' ') {
        let (before, after) = rest.split_at_checked(at)?;
        mended.push_str(before);
        if !after.starts_with('\\') {
            changed |= !after.starts_with(['\n', '\r', '\t']) || at > 0;
            mended.push(' ');
            rest = after.get(1..)?;
            continue;
        }
        let taken = match (surrogate(after), after.get(6..).and_then(surrogate)) {
            (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => 12,
            (Some(_), _) => {
                changed = true;
                mended.push('\u{fffd}');
                rest = after.get(6..)?;
                continue;
            }
            // The escape and the ASCII byte behind it, so that `\\` is one.
            (None, _) if after.as_bytes().get(1).is_some_and(u8::is_ascii) => 2,
            (None, _) => 1,
        };
        let (escape, behind) = after.split_at_checked(taken)?;
        mended.push_str(escape);
        rest = behind;
    }
    mended.push_str(rest);
    changed.then_some(mended)
}

/// The number behind `\u` when it is a surrogate.
fn surrogate(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let unit = u32::from_str_radix(digits, 16).ok()?;
    (0xD800..0xE000).contains(&unit).then_some(unit)
}

/// The registry's line for documents of no known kind: names stay as they are, which for ECS documents is right.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "json", strict: false, fits: |_| true, shape, normalise: crate::normalise::json::to_ecs };

/// Names of times, the shipper's own first.
const TIMES: [&str; 7] = ["sender.@timestamp", "timestamp", "time", "ts", "eventTime", "date", "datetime"];
/// Names of a text that may be a log line itself.
const LINES: [&str; 3] = ["message", "log", "MESSAGE"];

fn shape(_mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    let time = TIMES.into_iter().find_map(|name| time_of(event.get(name)?, dates));
    if time.is_some() {
        event.remove("sender.@timestamp");
    }
    let inner = LINES.into_iter().find_map(|name| event.get_str(name)).map(str::to_owned);
    let app =
        ["process.name", "log.syslog.appname", "program", "ident"].into_iter().find_map(|name| event.get_str(name));
    let app = app.map(str::to_owned);
    Ok(Shaped { time, inner: inner.map(|text| (text, app)) })
}

/// Numbers below this are durations and counters, not seconds since the epoch (1990).
const EPOCH_SECS_MIN: i64 = 631_152_000;

/// A time as JSON documents give it: text, or a number since the epoch.
pub(crate) fn time_of(value: Value<'_>, dates: &Dates<'_>) -> Option<event::Timestamp> {
    let number = match value {
        Value::Str(text) => match dates.iso(text) {
            Some(time) => return Some(time),
            None => dates.epoch_text(text),
        },
        Value::Int(number) => dates.epoch(number),
        // A double holds microseconds of this century, no more.
        Value::Float(secs) if (0.0..9e9).contains(&secs) => {
            Some(event::Timestamp::from_nanos((secs * 1e6).round() as i64 * 1_000))
        }
        _ => None,
    };
    number.filter(|time| time.secs() >= EPOCH_SECS_MIN)
}

#[cfg(test)]
mod tests;

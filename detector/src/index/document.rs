//! One event on its way into a slice: what is indexed of it, and the bytes that are stored.

use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr};

use event::{Event, Value};
use tantivy::schema::document::{ReferenceValue, ReferenceValueLeaf};
use tantivy::schema::{Document, Field};

use super::layout::{AGENCY, Column, EMPTY, Kind, LONG, Layout, SITE, SPANS, TWIN};
use super::twin::{self, Columns, Told};

/// Longest value, in bytes, that is indexed as a whole; longer ones are stored and, in a message, found by words.
pub(crate) const KEYWORD_BYTES_MAX: usize = 32 * 1024;

/// Longest name and value together; Tantivy leaves out keys of more than 65,530 bytes.
const KEY_BYTES_MAX: usize = 60_000;

/// What is indexed and stored of one event. Texts lie in one arena; values are in the order of their fields.
#[derive(Debug)]
pub(crate) struct Row {
    arena: String,
    values: Vec<(Field, Slot)>,
    rest: Vec<(Span, Span)>,
    source: Vec<u8>,
    /// The event's time in nanoseconds.
    pub(crate) time: i64,
    /// The event's position.
    pub(crate) id: u64,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    Text(Span),
    Int(i64),
    Unsigned(u64),
    Ip(Ipv6Addr),
    Source,
    Rest,
}

impl Row {
    /// Reads an event; `source` is its stored form.
    pub(crate) fn new(event: &Event, source: Vec<u8>, layout: &Layout) -> Self {
        let mut row = Self {
            arena: String::with_capacity(source.len()),
            values: Vec::with_capacity(event.len() + 6),
            rest: Vec::with_capacity(event.len()),
            source,
            time: event.timestamp().nanos(),
            id: event.id.0,
        };
        row.values.push((layout.source, Slot::Source));
        row.values.push((layout.id, Slot::Unsigned(row.id)));
        row.values.push((layout.time, Slot::Int(row.time)));
        row.values.push((layout.received, Slot::Int(event.received.nanos())));
        row.push_origin(event, layout);
        row.push_fields(event, layout);
        if !row.rest.is_empty() {
            row.values.push((layout.rest, Slot::Rest));
        }
        row.values.sort_by_key(|(field, _)| *field);
        row
    }

    /// The stored bytes.
    pub(crate) fn source(&self) -> &[u8] {
        &self.source
    }

    /// Bytes of memory, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.arena.capacity() + self.source.capacity() + self.values.capacity() * 32 + self.rest.capacity() * 16
    }

    fn push_origin(&mut self, event: &Event, layout: &Layout) {
        let Some(origin) = &event.origin else { return };
        let agency = origin.agency.as_ref().map(|agency| agency.as_str());
        for (name, text) in [(SITE, Some(origin.site.as_str())), (AGENCY, agency)] {
            if let (Some(column), Some(text)) = (layout.column(name), text) {
                let span = self.append(text);
                self.values.push((column.field, Slot::Text(span)));
            }
        }
    }

    fn push_fields(&mut self, event: &Event, layout: &Layout) {
        let (mut message, mut original) = (false, None);
        let mut columns = Columns::default();
        for (name, value) in event.iter() {
            match name {
                "message" => match value {
                    Value::Str(text) => {
                        message = true;
                        self.push_words(text, layout);
                        if text.is_empty() {
                            self.push_unindexed(EMPTY, name, layout);
                        }
                    }
                    Value::Null => self.push_unindexed(EMPTY, name, layout),
                    _ => self.push_unindexed(LONG, name, layout),
                },
                "event.original" => original = value.as_str().or(original),
                "@timestamp" | "event.ingested" | "metrosoc.original_base64" | SPANS | SITE | AGENCY => {}
                _ => self.push_field(name, value, layout, &mut columns),
            }
        }
        self.fold_twins(&columns, layout);
        if let (false, Some(text)) = (message, original) {
            self.push_words(text, layout);
        }
    }

    fn push_words(&mut self, text: &str, layout: &Layout) {
        let span = self.append(text);
        self.values.push((layout.message, Slot::Text(span)));
    }

    fn push_field<'e>(&mut self, name: &'e str, value: Value<'e>, layout: &Layout, columns: &mut Columns<'e>) {
        if matches!(value, Value::Null) {
            return self.push_unindexed(EMPTY, name, layout);
        }
        match layout.column(name).and_then(|column| self.fit(column, value).map(|slot| (column, slot))) {
            Some((column, slot)) => {
                match (slot, value) {
                    (Slot::Int(number), _) => columns.note(name, Told::Int(number)),
                    (Slot::Ip(address), _) => columns.note(name, Told::Ip(address)),
                    (_, Value::Str(text)) => columns.note(name, Told::Text(text)),
                    // Its text is written anew; it is nobody's twin, and hinders those of its name.
                    _ => columns.note(name, Told::Text("")),
                }
                self.values.push((column.field, slot));
            }
            None => self.push_rest(name, value, layout),
        }
    }

    /// Notes that a field has a value that no search finds: a backtest must look at it.
    fn push_unindexed(&mut self, why: char, name: &str, layout: &Layout) {
        let Some(field) = layout.unindexed else { return };
        let start = self.arena.len();
        self.arena.push(why);
        self.arena.push_str(&Layout::rest_name(name));
        let span = Span { start: start as u32, end: self.arena.len() as u32 };
        self.values.push((field, Slot::Text(span)));
    }

    /// Takes out of the rest what a column, or what stays there, says already.
    fn fold_twins(&mut self, columns: &Columns<'_>, layout: &Layout) {
        if layout.unindexed.is_none() || self.rest.len() > twin::FIELDS_MAX {
            return;
        }
        let is_alone = |name: &str| {
            let named = self.rest.iter().filter(|(other, _)| self.text(*other) == name).count();
            named == 1 && layout.column(name).is_none()
        };
        let mut kept: Vec<(Span, Span)> = Vec::new();
        let mut twins: Vec<(Span, String)> = Vec::new();
        for &(name, value) in &self.rest {
            let text = self.text(value);
            let other = || {
                let long = text.len() >= twin::BYTES_MIN;
                let same = |(_, other): &&(Span, Span)| long && self.text(*other) == text;
                kept.iter().find(same).map(|(name, _)| self.text(*name)).filter(|name| is_alone(name))
            };
            match columns.telling(text, self.time).or_else(other).filter(|_| is_alone(self.text(name))) {
                Some(told_by) => twins.push((name, told_by.to_owned())),
                None => kept.push((name, value)),
            }
        }
        self.rest = kept;
        for (name, told_by) in twins {
            self.push_twin(name, &told_by, layout);
        }
    }

    fn push_twin(&mut self, name: Span, told_by: &str, layout: &Layout) {
        let Some(field) = layout.unindexed else { return };
        let start = self.arena.len();
        self.arena.push(TWIN);
        self.arena.extend_from_within(name.start as usize..name.end as usize);
        self.arena.push('\0');
        self.arena.push_str(told_by);
        let span = Span { start: start as u32, end: self.arena.len() as u32 };
        self.values.push((field, Slot::Text(span)));
    }

    /// The value as its column holds it; `None` when it does not fit there.
    fn fit(&mut self, column: Column, value: Value<'_>) -> Option<Slot> {
        match (column.kind, value) {
            (Kind::Keyword, value) => self.append_value(value).map(Slot::Text),
            (Kind::Int, Value::Int(number)) => Some(Slot::Int(number)),
            (Kind::Int, Value::Float(number)) => whole(number).map(Slot::Int),
            (Kind::Int, Value::Str(text)) => text.parse().ok().map(Slot::Int),
            (Kind::Ip, Value::Str(text)) => text.parse().ok().map(|address| Slot::Ip(to_v6(address))),
            (Kind::Int | Kind::Ip, _) => None,
        }
    }

    fn push_rest(&mut self, field: &str, value: Value<'_>, layout: &Layout) {
        let start = self.arena.len();
        let name = self.append(&Layout::rest_name(field));
        match self.append_value(value) {
            Some(value) if (value.end - name.start) as usize <= KEY_BYTES_MAX => self.rest.push((name, value)),
            _ => {
                self.arena.truncate(start);
                let why = if value.as_str().is_some_and(str::is_empty) { EMPTY } else { LONG };
                self.push_unindexed(why, field, layout);
            }
        }
    }

    fn append_value(&mut self, value: Value<'_>) -> Option<Span> {
        let start = self.arena.len();
        match value {
            Value::Str(text) if text.is_empty() || text.len() > KEYWORD_BYTES_MAX => return None,
            Value::Str(text) => self.arena.push_str(text),
            Value::Int(number) => {
                let _ = write!(self.arena, "{number}"); // writing to a `String` cannot fail
            }
            other => self.arena.push_str(&other.text()),
        }
        Some(Span { start: start as u32, end: self.arena.len() as u32 })
    }

    fn append(&mut self, text: &str) -> Span {
        let start = self.arena.len();
        self.arena.push_str(text);
        Span { start: start as u32, end: self.arena.len() as u32 } // an event's text is at most 16 MiB
    }

    fn text(&self, span: Span) -> &str {
        self.arena.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

/// An address as a column holds it: v4 in v4-mapped form.
pub(crate) fn to_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// An address of a column as it is written: v4-mapped ones as v4.
pub(crate) fn from_v6(address: Ipv6Addr) -> String {
    IpAddr::V6(address).to_canonical().to_string()
}

fn whole(number: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0; // 2^53
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

/// A value of a row, as Tantivy reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    Text(&'a str),
    Int(i64),
    Unsigned(u64),
    Ip(Ipv6Addr),
    Bytes(&'a [u8]),
    Rest(&'a Row),
}

impl Document for Row {
    type Value<'a> = Part<'a>;
    type FieldsValuesIter<'a> = RowIter<'a>;

    fn iter_fields_and_values(&self) -> RowIter<'_> {
        RowIter { row: self, values: self.values.iter() }
    }
}

/// The values of a row by field.
pub(crate) struct RowIter<'a> {
    row: &'a Row,
    values: std::slice::Iter<'a, (Field, Slot)>,
}

impl<'a> Iterator for RowIter<'a> {
    type Item = (Field, Part<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (field, slot) = self.values.next()?;
        let part = match *slot {
            Slot::Text(span) => Part::Text(self.row.text(span)),
            Slot::Int(number) => Part::Int(number),
            Slot::Unsigned(number) => Part::Unsigned(number),
            Slot::Ip(address) => Part::Ip(address),
            Slot::Source => Part::Bytes(&self.row.source),
            Slot::Rest => Part::Rest(self.row),
        };
        Some((*field, part))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values.size_hint()
    }
}

impl<'a> tantivy::schema::Value<'a> for Part<'a> {
    type ArrayIter = std::iter::Empty<Self>;
    type ObjectIter = RestIter<'a>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        ReferenceValue::Leaf(match *self {
            Self::Text(text) => ReferenceValueLeaf::Str(text),
            Self::Int(number) => ReferenceValueLeaf::I64(number),
            Self::Unsigned(number) => ReferenceValueLeaf::U64(number),
            Self::Ip(address) => ReferenceValueLeaf::IpAddr(address),
            Self::Bytes(bytes) => ReferenceValueLeaf::Bytes(bytes),
            Self::Rest(row) => return ReferenceValue::Object(RestIter { row, rest: row.rest.iter() }),
        })
    }
}

/// The fields of a row that have no column.
#[derive(Debug, Clone)]
pub(crate) struct RestIter<'a> {
    row: &'a Row,
    rest: std::slice::Iter<'a, (Span, Span)>,
}

impl<'a> Iterator for RestIter<'a> {
    type Item = (&'a str, Part<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.rest.next()?;
        Some((self.row.text(*name), Part::Text(self.row.text(*value))))
    }
}

//! Where the personal values of an event stand: told by its fields, found in its texts, and met again elsewhere in it.

use std::net::IpAddr;

use event::{Event, Value};
use memchr::memmem::Finder;
use rustc_hash::FxHashMap;

use super::batch::{Batch, Form, Piece};
use super::{ORIGINAL_BYTES, Pseudonyms};
use crate::privacy::{Class, Complete, FieldKind, Memory, Span, Switches};
use crate::vault::{Kind, Token};

/// Datasets and fields that are remembered; beyond, remembering begins anew.
const KNOWN_MAX: usize = 4_096;
/// Bytes of a field's name that are put before its text as a context.
const NAME_BYTES_MAX: usize = 64;
/// Shorter values are not looked for elsewhere in the event.
const AGAIN_BYTES_MIN: usize = 3;

/// What is known of the fields of a dataset.
#[derive(Debug)]
struct Dataset {
    switches: Switches,
    kinds: FxHashMap<String, FieldKind>,
}

/// The text that an event came as.
const ORIGINAL: &str = "event.original";
/// What of it says something: often its end, behind what the way it came has put before.
const MESSAGE: &str = "message";

/// A field of an event.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    dataset: &'a str,
    name: &'a str,
    field: u32,
}

/// Finds, with buffers that are used again.
#[derive(Debug, Default)]
pub(super) struct Find {
    memory: Memory,
    spans: Vec<Span>,
    /// `name=value`, so that the name is the value's context.
    text: String,
    datasets: FxHashMap<String, Dataset>,
    known: usize,
}

impl Find {
    /// The pieces of an event, by field and place.
    pub(super) fn event(&mut self, all: &Pseudonyms, event: &Event, batch: &mut Batch) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let dataset = event.get_str("event.dataset").unwrap_or_default();
        let mut texts: Vec<(u32, &str)> = Vec::new();
        let (mut original, mut message) = (None, None);
        for (field, (name, value)) in (0..).zip(event.iter()) {
            let kind = match value {
                Value::Null | Value::Bool(_) => continue,
                _ => self.kind(all, dataset, name),
            };
            let place = Place { dataset, name, field };
            match value {
                _ if kind == FieldKind::Clear => {}
                Value::Str(text) => {
                    if kind == FieldKind::Text {
                        texts.push((field, text));
                        match name {
                            ORIGINAL => original = Some((field, text)),
                            MESSAGE if message.is_none() => {
                                message = Some((place, text));
                                continue;
                            }
                            _ => {}
                        }
                    }
                    self.value(all, place, kind, text, batch, &mut pieces);
                }
                number => self.value(all, place, kind, &number.text(), batch, &mut pieces),
            }
        }
        if let Some((place, text)) = message {
            let read = original.and_then(|whole| end_of(whole, place.field, text, &pieces));
            match read {
                Some(read) => pieces.extend(read),
                None => self.scan(all, place, text, batch, &mut pieces),
            }
        }
        if pieces.is_empty() {
            return pieces;
        }
        again(&texts, batch, &mut pieces);
        if let Some((field, whole)) = original_bytes(event) {
            let value = batch.take(&all.vault, Kind::Text, whole);
            pieces.push(Piece { field, start: 0, end: whole.len() as u32, value, form: Form::Word });
        }
        pieces.sort_unstable_by_key(|piece| (piece.field, piece.start));
        pieces
    }

    /// The pieces of a value of a field that stands somewhere else than in an event.
    pub(super) fn of_field(&mut self, all: &Pseudonyms, name: &str, text: &str, batch: &mut Batch) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let kind = self.kind(all, "", name);
        self.value(all, Place { dataset: "", name, field: 0 }, kind, text, batch, &mut pieces);
        pieces
    }

    /// What a field holds.
    pub(super) fn kind(&mut self, all: &Pseudonyms, dataset: &str, name: &str) -> FieldKind {
        if let Some(kind) = self.datasets.get(dataset).and_then(|dataset| dataset.kinds.get(name)) {
            return *kind;
        }
        if self.known >= KNOWN_MAX {
            self.datasets.clear();
            self.known = 0;
        }
        self.known += 1;
        let rules = all.scanner.rules();
        let kind = rules.field(dataset, name);
        let make = || Dataset { switches: rules.switches(dataset), kinds: FxHashMap::default() };
        let known = self.datasets.entry(dataset.to_owned()).or_insert_with(make);
        known.kinds.insert(name.to_owned(), kind);
        kind
    }

    fn value(
        &mut self,
        all: &Pseudonyms,
        place: Place<'_>,
        kind: FieldKind,
        text: &str,
        batch: &mut Batch,
        pieces: &mut Vec<Piece>,
    ) {
        let field = place.field;
        match kind {
            FieldKind::Clear => {}
            FieldKind::Class(class) => {
                if let Some((start, end)) = all.scanner.whole(class, text).or_else(|| look_alike(class, text)) {
                    let inner = text.get(start..end).unwrap_or_default();
                    let value = batch.take(&all.vault, Kind::Value(class), inner);
                    let form = if class == Class::IpAddress { Form::Address } else { Form::Word };
                    pieces.push(Piece { field, start: start as u32, end: end as u32, value, form });
                } else if class == Class::IpAddress && text.parse::<IpAddr>().is_err() {
                    // `source.address` may be a name or hold a port.
                    self.scan(all, place, text, batch, pieces);
                }
            }
            FieldKind::Text => self.scan(all, place, text, batch, pieces),
        }
    }

    fn scan(
        &mut self,
        all: &Pseudonyms,
        Place { dataset, name, field }: Place<'_>,
        text: &str,
        batch: &mut Batch,
        pieces: &mut Vec<Piece>,
    ) {
        let Some(switches) = self.datasets.get(dataset).map(|dataset| dataset.switches) else { return };
        let name = name.rsplit('.').next().unwrap_or_default();
        self.text.clear();
        if name.len() <= NAME_BYTES_MAX {
            self.text.push_str(name);
        }
        self.text.push('=');
        let offset = self.text.len();
        self.text.push_str(text);
        let complete = all.scanner.scan(&self.text, &switches, &mut self.memory, &mut self.spans);
        if complete == Complete::No {
            let value = batch.take(&all.vault, Kind::Text, text);
            pieces.push(Piece { field, start: 0, end: text.len() as u32, value, form: Form::Word });
            return;
        }
        for span in self.spans.iter().filter(|span| span.end > offset) {
            let (start, end) = (span.start.saturating_sub(offset), span.end - offset);
            let found = text.get(start..end).unwrap_or_default();
            if found.is_empty() {
                continue;
            }
            let value = batch.take(&all.vault, Kind::Value(span.class), found);
            pieces.push(Piece { field, start: start as u32, end: end as u32, value, form: Form::Word });
        }
    }
}

/// The pieces of a text that is the end of another one, which was read; `None` when it is not, or begins within a value there.
fn end_of((field, whole): (u32, &str), own: u32, text: &str, pieces: &[Piece]) -> Option<Vec<Piece>> {
    let offset = whole.strip_suffix(text)?.len() as u32;
    let here = pieces.iter().filter(|piece| piece.field == field && piece.end > offset);
    here.map(|piece| {
        let start = piece.start.checked_sub(offset)?;
        Some(Piece { field: own, start, end: piece.end - offset, ..*piece })
    })
    .collect()
}

/// Values that one field tells stand in others too, where nothing says what they are: `event.original` above all.
fn again(texts: &[(u32, &str)], batch: &Batch, pieces: &mut Vec<Piece>) {
    let mut values: Vec<u32> = pieces.iter().map(|piece| piece.value).collect();
    values.sort_unstable();
    values.dedup();
    let before = pieces.len();
    for number in values {
        let wanted = batch.text(number);
        if wanted.len() < AGAIN_BYTES_MIN {
            continue;
        }
        let finder = Finder::new(wanted.as_bytes());
        for &(field, text) in texts.iter().filter(|(_, text)| text.len() >= wanted.len()) {
            for start in finder.find_iter(text.as_bytes()) {
                let end = start + wanted.len();
                let found = Piece { field, start: start as u32, end: end as u32, value: number, form: Form::Word };
                if stands_alone(text, start, end) && !pieces.iter().any(|piece| overlap(piece, &found)) {
                    pieces.push(found);
                }
            }
        }
    }
    metrics::counter!("metrosoc_pseudonyms_met_again_total").increment((pieces.len() - before) as u64);
}

/// An address that looks like a pseudonym of ours is a value like any other: it gets a token of its own, so that no plan ever
/// takes what a sender wrote for somebody's address.
fn look_alike(class: Class, text: &str) -> Option<(usize, usize)> {
    let address = text.parse().ok().filter(|_| class == Class::IpAddress);
    address.and_then(Token::of_address).map(|_| (0, text.len()))
}

fn overlap(one: &Piece, other: &Piece) -> bool {
    one.field == other.field && one.start < other.end && other.start < one.end
}

/// Whether no letter and no digit touches it.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|before| before.chars().next_back());
    let after = text.get(end..).and_then(|after| after.chars().next());
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

/// A record that is no text is kept in base64 too: nobody knows where in it a value stands.
fn original_bytes(event: &Event) -> Option<(u32, &str)> {
    let mut fields = (0..).zip(event.iter());
    fields.find_map(|(field, (name, value))| if name == ORIGINAL_BYTES { Some((field, value.as_str()?)) } else { None })
}

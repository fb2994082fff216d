//! A finding with tokens: whom it is about, what was compared, what it says of its group.

use std::net::IpAddr;

use event::{Atom, Event, Finding};

use super::Pseudonyms;
use super::batch::{Batch, Piece};
use super::find::Find;
use super::write::replace;
use crate::privacy::FieldKind;

/// What ends a value that was cut.
const CUT: char = '…';

/// What is to be replaced in a finding.
#[derive(Debug, Default)]
pub(super) struct Plan {
    user: Vec<Piece>,
    host: Vec<Piece>,
    source: Option<u32>,
    destination: Option<u32>,
    matched: Vec<Vec<Piece>>,
    atoms: Vec<Change>,
}

/// What becomes of an atom.
#[derive(Debug)]
enum Change {
    /// Nothing: no personal value is in it.
    None,
    /// Its value has these pieces.
    Value(Vec<Piece>),
    /// Its value cannot be told apart, so it goes.
    Hide,
}

/// Finds what is to be replaced; `about` is the event that it was decided at, with its pieces.
pub(super) fn plan(
    all: &Pseudonyms,
    find: &mut Find,
    batch: &mut Batch,
    finding: &Finding,
    about: Option<(&Event, &Vec<Piece>)>,
) -> Plan {
    let entities = &finding.entities;
    let address = |name: &str, address: Option<IpAddr>, find: &mut Find, batch: &mut Batch| {
        let found = find.of_field(all, name, &address?.to_string(), batch);
        found.first().map(|piece| piece.value)
    };
    let matched = finding.matched.iter().map(|text| match text.split_once(": ") {
        Some((name, value)) => shifted(find.of_field(all, name, value, batch), name.len() + 2),
        None => Vec::new(),
    });
    let matched = matched.collect();
    let atoms = finding.atoms.iter().map(|atom| change(all, find, batch, atom, about)).collect();
    Plan {
        user: entities.user.as_deref().map(|user| find.of_field(all, "user.name", user, batch)).unwrap_or_default(),
        host: entities.host.as_deref().map(|host| find.of_field(all, "host.name", host, batch)).unwrap_or_default(),
        source: address("source.ip", entities.source_ip, find, batch),
        destination: address("destination.ip", entities.destination_ip, find, batch),
        matched,
        atoms,
    }
}

fn shifted(mut pieces: Vec<Piece>, by: usize) -> Vec<Piece> {
    for piece in &mut pieces {
        piece.start += by as u32;
        piece.end += by as u32;
    }
    pieces
}

fn change(
    all: &Pseudonyms,
    find: &mut Find,
    batch: &mut Batch,
    atom: &Atom,
    about: Option<(&Event, &Vec<Piece>)>,
) -> Change {
    let Some(value) = atom.value.as_deref() else {
        // A keyword of the rule that matched the text: the rule's own words, unless they are a person's.
        let keyword = atom.pattern.as_deref().unwrap_or_default();
        return if find.of_field(all, "message", keyword, batch).is_empty() { Change::None } else { Change::Hide };
    };
    let name = atom.field.as_deref().unwrap_or_default();
    let dataset = about.and_then(|(event, _)| event.get_str("event.dataset")).unwrap_or_default();
    let whole = value.strip_suffix(CUT);
    if let Some(pieces) = about.and_then(|(event, pieces)| of_event(event, pieces, name, whole.unwrap_or(value))) {
        return if pieces.is_empty() { Change::None } else { Change::Value(pieces) };
    }
    match (find.kind(all, dataset, name), whole) {
        (FieldKind::Clear, _) => Change::None,
        // What it was cut from is not at hand: a part of a person's value would not be found.
        (_, Some(_)) => Change::Hide,
        _ => match find.of_field(all, name, value, batch) {
            pieces if pieces.is_empty() => Change::None,
            pieces => Change::Value(pieces),
        },
    }
}

/// The pieces of the event's own value that begins as the atom's does, as far as they begin in it.
fn of_event(event: &Event, pieces: &[Piece], name: &str, value: &str) -> Option<Vec<Piece>> {
    let mut fields = (0_u32..).zip(event.iter());
    let (field, _) = fields.find(|(_, (own, text))| *own == name && text.text().starts_with(value))?;
    let here = pieces.iter().filter(|piece| piece.field == field && (piece.start as usize) < value.len());
    Some(here.copied().collect())
}

/// Puts the tokens in.
pub(super) fn write(batch: &Batch, plan: &Plan, finding: &mut Finding) {
    let text = |text: &mut String, pieces: &[Piece]| {
        if !pieces.is_empty() {
            *text = replace(batch, text, pieces, &mut Vec::new());
        }
    };
    let address = |address: &mut Option<IpAddr>, value: Option<u32>| {
        if let Some(value) = value {
            *address = batch.writing(value).map(|writing| IpAddr::V6(writing.token.as_address()));
        }
    };
    let entities = &mut finding.entities;
    entities.user.iter_mut().for_each(|user| text(user, &plan.user));
    entities.host.iter_mut().for_each(|host| text(host, &plan.host));
    address(&mut entities.source_ip, plan.source);
    address(&mut entities.destination_ip, plan.destination);
    finding.matched.iter_mut().zip(&plan.matched).for_each(|(told, pieces)| text(told, pieces));
    for (atom, change) in finding.atoms.iter_mut().zip(&plan.atoms) {
        match change {
            Change::None => {}
            Change::Value(pieces) => {
                // What the rule wanted may be the value itself.
                atom.pattern = None;
                atom.value.iter_mut().for_each(|value| text(value, pieces));
            }
            Change::Hide => (atom.pattern, atom.value) = (None, None),
        }
    }
}

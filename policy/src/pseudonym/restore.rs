//! The way back, for who may: an event as it came.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use event::{Event, EventFull, Value};

use super::SPANS_FIELD;
use super::spans::{self, OfField, Placed, Was};
use crate::vault::{Token, Writing};

/// The writings that an event's tokens stand for: what the vault must be asked for to restore it. Texts that look like
/// tokens and stand elsewhere are not among them.
pub fn writings_of(event: &Event) -> Vec<Writing> {
    let parts = parts(event);
    let of_part = |part: &OfField| {
        let text = event.iter().nth(part.field).map(|(_, value)| value.text());
        let placed = part.placed.clone();
        placed.into_iter().filter_map(move |one| writing(text.as_deref()?, one))
    };
    let mut writings: Vec<Writing> = parts.iter().flat_map(of_part).collect();
    writings.sort_unstable();
    writings.dedup();
    writings
}

/// The same of one field, whose name may stand several times in an event.
pub fn writings_in(event: &Event, field: &str) -> Vec<Writing> {
    let parts = parts(event);
    let mut writings: Vec<Writing> = fields(event, &parts, field).flat_map(|(text, part)| of(&text, part)).collect();
    writings.sort_unstable();
    writings.dedup();
    writings
}

/// The texts of one field as they were, and whether every one of its tokens was turned back: one whose value is not in
/// `values` stays.
pub fn field_restored(event: &Event, field: &str, values: &HashMap<Writing, String>) -> (Vec<String>, bool) {
    let parts = parts(event);
    let (mut texts, mut whole) = (Vec::new(), true);
    for (text, part) in fields(event, &parts, field) {
        whole &= of(&text, part).iter().all(|writing| values.contains_key(writing));
        texts.push(part.map_or_else(|| text.clone(), |part| text_of(&text, &part.placed, values)));
    }
    (texts, whole)
}

/// Writes the event into `out` as it was before its values were replaced. A token whose value is not in `values` (it was
/// destroyed, or may not be revealed) stays.
///
/// # Errors
/// [`EventFull`] as for [`Event::push`]: an event that came fits.
pub fn restore(event: &Event, values: &HashMap<Writing, String>, out: &mut Event) -> Result<(), EventFull> {
    out.clear();
    (out.id, out.received, out.claimed) = (event.id, event.received, event.claimed);
    out.origin.clone_from(&event.origin);
    let parts = parts(event);
    for (field, (name, value)) in event.iter().enumerate() {
        if name == SPANS_FIELD {
            continue;
        }
        let Some(part) = parts.iter().find(|part| part.field == field) else {
            out.push(name, value)?;
            continue;
        };
        let text = value.text();
        let restored = text_of(&text, &part.placed, values);
        match (part.was, restored.parse::<i64>(), restored.parse::<f64>()) {
            (Was::Int, Ok(number), _) => out.push(name, number)?,
            (Was::Float, _, Ok(number)) => out.push(name, Value::Float(number))?,
            _ => out.push(name, restored.as_str())?,
        }
    }
    Ok(())
}

/// Where a name stands, each with the tokens in it.
fn fields<'e>(
    event: &'e Event,
    parts: &'e [OfField],
    name: &'e str,
) -> impl Iterator<Item = (String, Option<&'e OfField>)> {
    let named = event.iter().enumerate().filter(move |(_, (found, _))| *found == name);
    named.map(move |(at, (_, value))| (value.text().into_owned(), parts.iter().find(|part| part.field == at)))
}

fn of(text: &str, part: Option<&OfField>) -> Vec<Writing> {
    part.into_iter().flat_map(|part| part.placed.iter()).filter_map(|one| writing(text, *one)).collect()
}

fn parts(event: &Event) -> Vec<OfField> {
    event.get_str(SPANS_FIELD).and_then(spans::read).unwrap_or_default()
}

fn text_of(text: &str, placed: &[Placed], values: &HashMap<Writing, String>) -> String {
    let mut restored = String::with_capacity(text.len());
    let mut at = 0;
    for one in placed {
        let Some(value) = writing(text, *one).and_then(|writing| values.get(&writing)) else { continue };
        restored.push_str(text.get(at..one.start).unwrap_or_default());
        restored.push_str(value);
        at = one.end;
    }
    restored.push_str(text.get(at..).unwrap_or_default());
    restored
}

fn writing(text: &str, placed: Placed) -> Option<Writing> {
    let token = text.get(placed.start..placed.end)?.trim_matches(' ');
    let of_address = || token.parse::<Ipv6Addr>().ok().and_then(Token::of_address);
    let token = Token::parse(token).or_else(of_address)?;
    Some(Writing { token, number: placed.writing })
}

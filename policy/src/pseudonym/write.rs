//! An event with tokens in the places of its personal values.

use event::{Event, EventFull, Value};

use super::SPANS_FIELD;
use super::batch::{Batch, Form, Piece};
use super::spans::{self, Placed, Was};

/// Writes `event` with tokens into `out`.
pub(super) fn event(batch: &Batch, event: &Event, pieces: &[Piece], out: &mut Event) {
    out.clear();
    (out.id, out.received, out.claimed) = (event.id, event.received, event.claimed);
    out.origin.clone_from(&event.origin);
    let (mut rest, mut told, mut placed) = (pieces, String::new(), Vec::new());
    let mut left_out = 0_u64;
    for (field, (name, value)) in (0_u32..).zip(event.iter()) {
        let count = rest.iter().take_while(|piece| piece.field == field).count();
        let (here, behind) = rest.split_at(count);
        rest = behind;
        if name == SPANS_FIELD {
            continue;
        }
        let number = out.len();
        let pushed = if here.is_empty() {
            out.push(name, value)
        } else {
            placed.clear();
            let clear = value.text();
            let text = replace(batch, &clear, here, &mut placed);
            out.push(name, text.as_str()).inspect(|()| spans::write(&mut told, number, &placed, was(value)))
        };
        left_out += u64::from(pushed.is_err());
    }
    let told: Result<(), EventFull> = if told.is_empty() { Ok(()) } else { out.push(SPANS_FIELD, told.as_str()) };
    left_out += u64::from(told.is_err());
    if left_out > 0 {
        // Tokens are longer than most values: at the bound of an event something has to stay away.
        tracing::error!(event = %event.id, left_out, "fields of an event left out: it is too large with its pseudonyms");
        metrics::counter!("metrosoc_pseudonym_fields_left_out_total").increment(left_out);
    }
}

fn was(value: Value<'_>) -> Was {
    match value {
        Value::Int(_) => Was::Int,
        Value::Float(_) => Was::Float,
        _ => Was::Text,
    }
}

/// A text with tokens in the places of `pieces`, which are in order; `placed` gets where the tokens stand.
pub(super) fn replace(batch: &Batch, text: &str, pieces: &[Piece], placed: &mut Vec<Placed>) -> String {
    let mut new = String::with_capacity(text.len() + 24 * pieces.len());
    let mut at = 0;
    for piece in pieces {
        let (start, end) = (piece.start as usize, piece.end as usize);
        if start < at {
            continue; // it overlaps the one before
        }
        new.push_str(text.get(at..start).unwrap_or_default());
        at = end;
        let from = new.len();
        let Some(writing) = batch.writing(piece.value) else { continue };
        if new.chars().next_back().is_some_and(is_word) {
            new.push(' ');
        }
        match piece.form {
            Form::Word => writing.token.push_to(&mut new),
            Form::Address => new.push_str(&writing.token.as_address().to_string()),
        }
        if text.get(end..).and_then(|rest| rest.chars().next()).is_some_and(is_word) {
            new.push(' ');
        }
        placed.push(Placed { start: from, end: new.len(), writing: writing.number });
    }
    new.push_str(text.get(at..).unwrap_or_default());
    new
}

/// What makes one word with a token that it touches.
fn is_word(found: char) -> bool {
    found == '_' || found.is_alphanumeric() || unicode_normalization::char::is_combining_mark(found)
}

//! The body of `/api/v1/mask`, in every form: how it is cut into pieces on its way changes nothing.
#![no_main]
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

/// The reader's forms; those of the binary also read headers of HTTP.
mod form {
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Form {
        Json,
        Lines,
        Csv,
    }
}

#[path = "../../metrosoc/src/api/mask/read.rs"]
mod read;

use form::Form;
use read::{Fault, Reader};

/// The records of a body that comes in pieces of `step` bytes, or the first fault behind them.
fn records(form: Form, body: &[u8], step: usize) -> (Vec<Map<String, Value>>, Option<Fault>) {
    let (mut reader, mut found) = (Reader::new(form), Vec::new());
    for piece in body.chunks(step).map(Some).chain([None]) {
        match piece {
            Some(piece) => reader.push(piece),
            None => reader.end(),
        }
        loop {
            match reader.next() {
                Ok(Some(record)) => found.push(record),
                Ok(None) => break,
                Err(fault) => return (found, Some(fault)),
            }
        }
    }
    if form == Form::Csv && !found.is_empty() {
        assert!(reader.columns().is_some(), "rows stand behind a header");
    }
    (found, None)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (step, body) = input;
    for form in [Form::Json, Form::Lines, Form::Csv] {
        let whole = records(form, body, body.len().max(1));
        let cut = records(form, body, usize::from(step).max(1));
        assert_eq!(whole, cut, "{form:?} in pieces of {step}");
    }
});

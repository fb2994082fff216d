//! Where tokens stand in a stored event: any text there, and any event around it.
#![no_main]
use std::collections::HashMap;

use event::Event;
use libfuzzer_sys::fuzz_target;
use policy::pseudonym::{SPANS_FIELD, restore, writings_of};

fuzz_target!(|parts: (&str, &str, &str)| {
    let (spans, text, value) = parts;
    let mut event = Event::new();
    for (name, value) in [("message", text), ("event.original", text), (SPANS_FIELD, spans)] {
        if event.push(name, value).is_err() {
            return;
        }
    }
    let values: HashMap<_, _> = writings_of(&event).into_iter().map(|writing| (writing, value.to_owned())).collect();
    let mut out = Event::new();
    if restore(&event, &values, &mut out).is_ok() && values.is_empty() {
        assert_eq!(out.get_str("message"), Some(text));
    }
});

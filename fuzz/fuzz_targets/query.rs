//! The query language.
#![no_main]
use detector::query::{Joint, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = parse(text, Joint::Or);
});

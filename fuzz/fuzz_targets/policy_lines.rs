//! A policy from outside and the cases beside it; when it is taken, tables and guard answer without a panic.
#![no_main]
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use policy::care::cases;
use policy::guard::PolicyText;

fuzz_target!(|texts: (&str, &str)| {
    let (lines, tests) = texts;
    let text = PolicyText { policy: lines.to_owned(), ..PolicyText::embedded() };
    let embedded = cases::parse(cases::EMBEDDED).unwrap_or_default();
    let _ = cases::run(&text, &embedded, Arc::new(event::SystemClock));
    let _ = cases::parse(tests);
});

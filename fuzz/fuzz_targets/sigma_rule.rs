//! A Sigma rule, and an event that it is asked about.
#![no_main]
use detector::sigma::{FieldMap, RuleSet, RuleSource};
use event::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|yaml: String| {
    let map = FieldMap::embedded().unwrap();
    let rules = RuleSet::load(&[RuleSource::Text { path: "fuzz.yml".to_owned(), yaml }], &map);
    let mut event = Event::new();
    event.push("event.dataset", "system.auth").unwrap();
    event.push("message", "Failed password for root").unwrap();
    let _ = rules.evaluate(&event);
});

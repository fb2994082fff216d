//! Rule files: what loads agrees with the evaluator that asks every rule, can be explained, and never panics.
#![no_main]
use std::sync::Arc;

use detector::correlate::Settings;
use detector::rulebook::{Dialect, Rulebook, Stream};
use detector::sigma::explain::{Language, explain};
use detector::sigma::lint::{Taxonomy, lint};
use detector::sigma::{FieldMap, RuleSource, Scratch};
use event::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|yaml: String| {
    let sources = [RuleSource::Text { path: "fuzz.yml".to_owned(), yaml }];
    let book = Arc::new(Rulebook::load(&sources, &Dialect::of(FieldMap::default())));
    let mut event = Event::new();
    event.push("event.dataset", "system.auth").unwrap();
    event.push("message", "Failed password for root").unwrap();
    let rules = book.rules();
    let matched = rules.evaluate(&event, &mut Scratch::default()).len();
    assert_eq!(matched, rules.evaluate_slowly(&event).len());
    let explained = rules.rules().iter().map(|rule| explain(rules, rule, &event));
    let explained: Vec<_> = explained.filter(|one| one.matches).map(|one| one.to_text(Language::Vietnamese)).collect();
    assert_eq!(explained.len(), matched);
    let mut stream = Stream::new(Arc::clone(&book), Settings::default());
    let mut findings = Vec::new();
    for number in 0..3 {
        event.id.0 = number;
        stream.take(&event, |_, _| false, &mut findings);
    }
    let (restored, _) = Stream::restore(Arc::clone(&book), Settings::default(), &stream.save()).unwrap();
    assert_eq!(restored.position(), stream.position());
    let _ = lint(&sources, &FieldMap::default(), &Taxonomy::embedded().unwrap());
});

//! What correlations remember on disk: damaged bytes are refused or harmless.
#![no_main]
use std::sync::Arc;

use detector::correlate::Settings;
use detector::rulebook::{Dialect, Rulebook, Stream};
use detector::sigma::{FieldMap, RuleSource};
use libfuzzer_sys::fuzz_target;

const RULES: &str = "\
title: a
name: a
logsource: {service: x}
detection: {s: {A: '*'}, condition: s}
---
title: c
correlation: {type: event_count, rules: [a], group-by: [A], timespan: 5m, condition: {gte: 2}}
";

fuzz_target!(|bytes: &[u8]| {
    let rules = [RuleSource::Text { path: "rules.yml".to_owned(), yaml: RULES.to_owned() }];
    let book = Arc::new(Rulebook::load(&rules, &Dialect::of(FieldMap::default())));
    if let Ok((stream, _)) = Stream::restore(book, Settings::default(), bytes) {
        let _ = stream.save();
    }
});

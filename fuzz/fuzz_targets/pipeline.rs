//! Processing pipelines, applied to a rule that uses what they change.
#![no_main]
use detector::pipelines::Pipelines;
use detector::rulebook::{Dialect, Rulebook};
use detector::sigma::{FieldMap, RuleSource};
use libfuzzer_sys::fuzz_target;

const RULES: &str = "\
title: one
name: one
logsource: {product: windows, category: process_creation}
detection:
  s: {Image|endswith: '\\\\cmd.exe', CommandLine|contains|all: [a, b], User|expand: '%users%', Hashes|contains: MD5=0}
  k: [word]
  condition: s or k
---
title: two
correlation: {type: value_count, rules: [one], group-by: [User], timespan: 5m, condition: {field: Image, gte: 2}}
";

fuzz_target!(|yaml: String| {
    let (pipelines, faults) = Pipelines::load(&[RuleSource::Text { path: "fuzz.yml".to_owned(), yaml }]);
    faults.iter().for_each(|fault| drop(fault.to_string()));
    let dialect = Dialect { pipelines, ..Dialect::of(FieldMap::default()) };
    let rules = [RuleSource::Text { path: "rules.yml".to_owned(), yaml: RULES.to_owned() }];
    let _ = Rulebook::load(&rules, &dialect);
});

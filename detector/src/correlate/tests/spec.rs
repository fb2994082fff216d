//! Documents as they are written.

use proptest::prelude::*;

use super::*;

fn reason(text: &str) -> String {
    CorrelationSpec::read(text).remove(0).unwrap_err()
}

fn refused(measure: &str, rest: &str, expected: &str) {
    assert_eq!(reason(&one(measure, rest)), expected, "{measure} {rest}");
}

#[test]
fn a_document_is_read() {
    let text = "
title: Many failed logins
id: 0e95725d-7320-415d-80f7-004da920fc11
name: many_failed_logins
level: high
status: test
tags: [attack.t1110]
description: d
description_vi: v
correlation:
    type: event_count
    rules: 5638f7c0-ac70-491d-8465-2a65075e0d86
    group-by: ComputerName
    timespan: 1h
    condition:
        gte: 100
generate: true
";
    let spec = CorrelationSpec::read(text).remove(0).unwrap();
    assert_eq!(
        (spec.called(), spec.level, spec.measure),
        ("many_failed_logins", event::Level::High, Measure::EventCount)
    );
    assert_eq!((spec.rules.len(), spec.group_by.as_slice()), (1, &["ComputerName".to_owned()][..]));
    assert_eq!((spec.timespan_nanos, spec.generate, spec.waits()), (3_600_000_000_000, true, false));
    assert_eq!((spec.tags.len(), spec.description_vi.as_deref()), (1, Some("v")));
}

#[test]
fn faults_are_told() {
    assert_eq!(reason("title: t"), "`correlation` is missing");
    assert_eq!(reason("title: t\ncorrelation: x"), "`correlation` is text, not a map");
    let key = "`correlation` has the unknown key `groupby` (did you mean `group-by`?)";
    refused("event_count", "groupby: x", key);
    refused("event_cout", "condition: {gte: 1}", "unknown type `event_cout` (did you mean `event_count`?)");
    refused("event_count", "", "`condition` is missing");
    refused("event_count", "condition: a and b", "`condition` is text, not a map of operators");
    refused("event_count", "timespan: 5\ncondition: {gte: 1}", "timespan `5` has no unit; write `5s` or `5m`");
    refused("event_count", "rules: []\ncondition: {gte: 1}", "`rules` names no rule");
    refused("event_count", "rules: [a, a]\ncondition: {gte: 1}", "`rules` names `a` twice");
    refused("event_count", "rules: [[a]]\ncondition: {gte: 1}", "`rules` has a list where a name should be");
    let field = "`field` means nothing to `event_count`; `value_count` counts values";
    refused("event_count", "condition: {gte: 1, field: x}", field);
    refused("value_count", "condition: {gte: 1}", "`value_count` needs `field` in its condition");
    refused(
        "value_sum",
        "condition: {gte: 1, field: [x, y]}",
        "a value correlation needs one `field` in its condition",
    );
    refused("temporal", "condition: a and b", "condition names `b`, which `rules` does not (did you mean `a`?)");
    refused("temporal", "condition: {gte: 1, field: x}", "`field` means nothing to temporal correlations");
    let percentile = "`value_percentile` needs `percentile` in its condition, a number from 0 to 100";
    refused("value_percentile", "condition: {gte: 1, field: x}", percentile);
    refused("value_percentile", "condition: {gte: 1, field: x, percentile: 101}", percentile);
    let percentile = "`percentile` belongs to `value_percentile`, not to `value_sum`";
    refused("value_sum", "condition: {gte: 1, field: x, percentile: 1}", percentile);
    let never = "condition can never hold: a group begins with its first event, so it counts 1 or more";
    refused("event_count", "condition: {lt: 1}", never);
    refused("event_count", "condition: {gte: 1}\ngenerate: maybe", "`generate` is text, not `true` or `false`");
    refused("event_count", "condition: {gte: 1}\naliases: [x]", "`aliases` is a list, not a map");
    let many =
        format!("rules: [{}]\ncondition: {{gte: 1}}", (0..300).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
    refused("event_count", &many, "`rules` has more than 256 entries");
    let level = one("event_count", "condition: {gte: 1}").replace("title: t", "title: t\nlevel: hgh");
    assert_eq!(reason(&level), "unknown level `hgh` (did you mean `high`?)");
}

proptest! {
    #[test]
    fn any_correlation_is_read_or_refused(part in "(\\PC|[\\n: \\-{}\\[\\],]|type|event_count|temporal|rules|condition|gte|timespan|1m|a){0,60}") {
        CorrelationSpec::read(&format!("title: t\ncorrelation: {{{part}}}"));
        CorrelationSpec::read(&format!("title: t\ncorrelation:\n  {part}"));
    }
}

//! Filters.

use super::*;

fn filter(text: &str) -> Result<Filter, String> {
    let text = format!("title: f\nlogsource: {{product: windows}}\nfilter: {text}\n");
    Filter::parse(&node(&text))
}

#[test]
fn a_filter_narrows_a_rule() {
    let check = |text: &str, before: &str, after: &str| {
        let narrowed = filter(text).unwrap().apply(node(&format!("detection: {before}")));
        assert_eq!(narrowed, node(&format!("detection: {after}")), "{text}");
    };
    check(
        "{rules: any, selection: {u: a}, condition: not selection}",
        "{selection: {x: 1}, condition: selection}",
        "{selection: {x: 1}, condition: (selection) and (not _filter_1_selection), _filter_1_selection: {u: a}}",
    );
    check(
        "{rules: any, a: {u: a}, all: {u: b}, condition: not 1 of them and not (all of a* or all)}",
        "{_filter_1_x: {x: 1}, condition: [1 of them, _filter_1_x]}",
        "{_filter_1_x: {x: 1}, condition: [(1 of them) and (not 1 of _filter_2_* and not (all of _filter_2_a* or _filter_2_all)), (_filter_1_x) and (not 1 of _filter_2_* and not (all of _filter_2_a* or _filter_2_all))], _filter_2_a: {u: a}, _filter_2_all: {u: b}}",
    );
}

#[test]
fn a_filter_is_for_its_rules() {
    let of = |rules: &str, logsource: &str, id: &str| {
        let found = filter(&format!("{{rules: {rules}, s: {{u: a}}, condition: not s}}")).unwrap();
        found.applies_to(&node(&format!("id: {id}\nname: short\nlogsource: {logsource}\ndetection: {{s: {{a: 1}}}}")))
    };
    assert!(of("any", "{product: windows, category: x}", "i"));
    assert!(!of("any", "{category: x}", "i"));
    assert!(of("[i, j]", "{product: Windows}", "i"));
    assert!(of("short", "{product: windows}", "i"));
    assert!(!of("[j]", "{product: windows}", "i"));
    assert!(of("[]", "{product: windows}", "i"));
    let any = filter("{rules: any, s: {u: a}, condition: not s}").unwrap();
    assert!(!any.applies_to(&node("logsource: {product: windows}\ncorrelation: {type: event_count}")));
}

#[test]
fn faults_are_told() {
    let reason = |text: &str| filter(text).unwrap_err();
    assert!(reason("{s: {u: a}, condition: not s}").starts_with("`rules` is missing"));
    assert!(reason("{rules: any, s: {u: a}}").starts_with("`condition` is missing"));
    assert_eq!(reason("{rules: any, condition: not s}"), "`filter` has no selection");
    assert!(reason("{rules: {a: 1}, s: {u: a}, condition: s}").contains("not `any`, an id"));
    assert!(Filter::parse(&node("filter: {rules: any}")).unwrap_err().contains("`logsource` is missing"));
}

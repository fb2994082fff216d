//! Transformations of a rule as a whole.

use super::*;

fn detection(steps: &str, before: &str) -> Node {
    let whole = node(&format!("title: t\nlogsource: {{product: windows, service: security}}\ndetection: {before}\n"));
    pipelines(steps).apply(whole).unwrap().rule.get("detection").cloned().unwrap()
}

#[test]
fn conditions_are_added() {
    let check = |steps: &str, before: &str, after: &str| assert_eq!(detection(steps, before), node(after), "{steps}");
    check(
        "{type: add_condition, conditions: {EventID: 1}}",
        "{sel: {a: 1}, condition: sel}",
        "{sel: {a: 1}, condition: _cond_1 and (sel), _cond_1: {EventID: 1}}",
    );
    check(
        "{type: add_condition, name: c, negated: true, template: true, conditions: {x: ['${product}-$service', $$a, 5]}}",
        "{sel: {a: 1}, condition: [sel, not sel]}",
        "{sel: {a: 1}, condition: [not _c and (sel), not _c and (not sel)], _c: {x: [windows-security, $a, 5]}}",
    );
    check(
        "{type: add_condition, conditions: {a: 1}}\n{type: field_name_prefix, prefix: p.}",
        "{sel: {b: 1}, condition: sel}",
        "{sel: {p.b: 1}, condition: _cond_1 and (sel), _cond_1: {p.a: 1}}",
    );
    rejected("{type: add_condition, template: true, conditions: {a: $service}}", "{a: 1}", "names no service");
    rejected(
        "{type: add_condition, name: _a, conditions: {a: 1}}\n{type: add_condition, name: _a, conditions: {a: 1}}",
        "{a: 1}",
        "already",
    );
    refused("{type: add_condition, conditions: []}", "not a map of fields");
}

#[test]
fn what_is_dropped_leaves_the_condition() {
    let drop = "{type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [EventID]}]}";
    let check = |before: &str, after: &str| assert_eq!(detection(drop, before), node(after), "{before}");
    check("{sel: {EventID: 1, a: 1}, condition: sel}", "{sel: {a: 1}, condition: sel}");
    check("{id: {EventID: 1}, sel: {a: 1}, condition: id and not sel}", "{sel: {a: 1}, condition: not sel}");
    check(
        "{s1: {EventID: 1}, s2: {a: 1}, s3: {b: 1}, condition: 1 of s* and not (s1 or s2)}",
        "{s2: {a: 1}, s3: {b: 1}, condition: ((s2 or s3) and not s2)}",
    );
    check("{sel: [{EventID: 1}, {a: 1}], condition: sel}", "{sel: [{a: 1}], condition: sel}");
    let reason = pipelines(drop).apply(rule("{EventID: 1}")).unwrap_err();
    assert!(reason.contains("nothing is left to match"), "{reason}");
}

#[test]
fn rules_are_changed_and_refused() {
    let applied = pipelines("{type: change_logsource, product: linux, service: auditd}\n{type: set_custom_attribute, attribute: index, value: [a, 1]}\n{id: last, type: set_state, key: k, val: 1}")
        .apply(rule("{a: 1}"))
        .unwrap();
    assert_eq!(applied.rule.get("logsource"), Some(&node("{product: linux, service: auditd}")));
    assert_eq!(applied.rule.get("index"), Some(&node("[a, 1]")));
    assert_eq!(applied.applied_item_ids, ["test#1", "test#2", "last"]);
    rejected(
        "{id: no, type: rule_failure, message: not here}",
        "{a: 1}",
        "pipeline `test`, transformation `no`: not here",
    );
    rejected(
        "{type: detection_item_failure, message: only numbers, detection_item_conditions: [{type: match_string, cond: any, pattern: '.*'}]}",
        "{a: 1, b: x}",
        "`sel`: `b`: only numbers",
    );
    let strict = "{type: field_name_mapping, mapping: {a: b}}\n{type: strict_field_mapping_failure}";
    rejected(strict, "{a: 1, c: 2, d: 3}", "fields without a mapping: `c`, `d`");
    check(strict, "{a: 1}", "{b: 1}");
    let nest = "{id: outer, type: nest, rule_conditions: [{type: logsource, product: windows}], items: [{id: in, type: field_name_prefix, prefix: p.}, {type: case}]}";
    check(nest, "{A: B}", "{p.A: b}");
    let applied = pipelines(nest).apply(rule("{A: B}")).unwrap();
    assert_eq!(applied.applied_item_ids, ["in", "outer#2", "outer"]);
    refused("{type: set_custom_attribute, attribute: detection, value: 1}", "key of Sigma's own");
    refused("{type: nest, items: [{type: case, method: x}]}", "item 1: `method` cannot be `x`");
}

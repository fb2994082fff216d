//! Conditions on rules and items.

use super::*;

const RULE: &str = "
title: Some title
id: 0a0a0a0a-0000-0000-0000-000000000001
status: test
level: high
date: 2024/05/06
tags: [attack.t1059, attack.execution]
custom: 7
logsource: {product: windows, category: process_creation}
detection:
  sel: {Image|endswith: x, EventID: 4}
  condition: sel
";

fn holds(steps_before: &str, conditions: &str) -> bool {
    let steps = format!("{steps_before}{{id: asked, type: set_state, key: z, val: 1, {conditions}}}");
    pipelines(&steps).apply(node(RULE)).unwrap().applied_item_ids.contains(&"asked".to_owned())
}

fn one(condition: &str, expected: bool) {
    assert_eq!(holds("", &format!("rule_conditions: [{{{condition}}}]")), expected, "{condition}");
}

#[test]
fn rules_are_asked() {
    one("type: logsource, product: windows", true);
    one("type: logsource, product: Windows, category: process_creation", true);
    one("type: logsource, product: windows, service: sysmon", false);
    one("type: contains_field, field: Image", true);
    one("type: contains_field, field: image", false);
    one("type: contains_detection_item, field: EventID, value: 4", true);
    one("type: contains_detection_item, field: Image, value: '*x'", true);
    one("type: contains_detection_item, field: Image, value: x", false);
    one("type: is_sigma_rule", true);
    one("type: is_sigma_correlation_rule", false);
    one("type: tag, tag: attack.t1059", true);
    one("type: tag, tag: attack.t10", false);
    for (attribute, op, value, expected) in [
        ("level", "gte", "medium", true),
        ("level", "lt", "high", false),
        ("level", "eq", "hihg", false),
        ("status", "gt", "experimental", true),
        ("date", "gte", "2024-05-06", true),
        ("date", "lt", "2024-05-06", false),
        ("title", "eq", "Some title", true),
        ("title", "ne", "Some title", false),
        ("custom", "gt", "6.5", true),
        ("tags", "in", "attack.execution", true),
        ("tags", "not_in", "attack.execution", false),
        ("nothing", "ne", "x", false),
    ] {
        one(&format!("type: rule_attribute, attribute: {attribute}, op: {op}, value: {value}"), expected);
    }
}

#[test]
fn what_ran_before_is_remembered() {
    let before = "{id: first, type: set_state, key: index, val: 5}\n";
    for (condition, expected) in [
        ("type: processing_item_applied, processing_item_id: first", true),
        ("type: processing_item_applied, processing_item_id: other", false),
        ("type: processing_state, key: index, val: 5", true),
        ("type: processing_state, key: index, val: 4.5, op: gt", true),
        ("type: processing_state, key: index, val: 5, op: ne", false),
        ("type: processing_state, key: other, val: 5, op: ne", false),
    ] {
        assert_eq!(holds(before, &format!("rule_conditions: [{{{condition}}}]")), expected, "{condition}");
    }
}

#[test]
fn conditions_are_joined() {
    let (yes, no) = ("{type: is_sigma_rule}", "{type: is_sigma_correlation_rule}");
    for (conditions, expected) in [
        (format!("rule_conditions: [{yes}, {no}]"), false),
        (format!("rule_conditions: [{yes}, {no}], rule_cond_op: or"), true),
        (format!("rule_conditions: [{no}], rule_cond_not: true"), true),
        (format!("rule_conditions: {{a: {yes}, b: {no}}}"), false),
        (format!("rule_conditions: {{a: {yes}, b: {no}}}, rule_cond_expr: 'a and not b'"), true),
        (format!("rule_conditions: {{a: {yes}, b: {no}}}, rule_cond_expr: '(a or b) and b'"), false),
    ] {
        assert_eq!(holds("", &conditions), expected, "{conditions}");
    }
    refused("{type: case, rule_cond_op: xor}", "`rule_cond_op` cannot be `xor`");
    refused(
        "{type: case, rule_conditions: {a: {type: is_sigma_rule}, b: {type: is_sigma_rule}}, rule_cond_expr: a}",
        "does not mention condition `b`",
    );
    refused("{type: case, rule_conditions: [{type: is_sigma_rule}], rule_cond_expr: a}", "as a map of names");
    refused(
        "{type: case, rule_conditions: [{type: log_source}]}",
        "unknown rule condition `log_source` (did you mean `logsource`?)",
    );
    refused("{type: case, rule_conditions: [{type: logsource}]}", "names none of");
    refused("{type: case, rule_conditions: [{type: logsource, prodct: x}]}", "did you mean `product`?");
}

#[test]
fn items_are_asked() {
    let case = |conditions: &str| format!("{{type: set_value, value: hit, detection_item_conditions: [{conditions}]}}");
    check(&case("{type: match_string, cond: any, pattern: 'a.'}"), "{f: [xab, ab], g: xab}", "{f: [hit], g: xab}");
    check(&case("{type: match_string, cond: all, pattern: 'a.'}"), "{f: [xab, ab], g: abc}", "{f: [xab, ab], g: hit}");
    check(&case("{type: match_string, cond: any, pattern: 'a.', negate: true}"), "{f: ab, g: b}", "{f: ab, g: hit}");
    check(&case("{type: match_value, cond: any, value: 4}"), "{f: 4.0, g: '4'}", "{f: hit, g: '4'}");
    check(&case("{type: match_value, cond: any, value: 'a*'}"), "{f|startswith: a, g: a}", "{f: hit, g: a}");
    check(&case("{type: contains_wildcard, cond: any}"), r"{f|contains: a, g: 'a\*'}", r"{f: hit, g: 'a\*'}");
    check(&case("{type: is_null, cond: all}"), "{f: null, g: 1}", "{f: hit, g: 1}");
    let chain = "{id: first, type: map_string, mapping: {a: b}}\n{type: case, method: upper, detection_item_conditions: [{type: processing_item_applied, processing_item_id: first}]}";
    check(chain, "{f: a, g: b}", "{f: B, g: b}");
    let state = "{type: set_state, key: k, val: v}\n{type: case, method: upper, detection_item_conditions: [{type: processing_state, key: k, val: v}]}\n{type: field_name_prefix, prefix: p, field_name_conditions: [{type: processing_state, key: k, val: w}]}";
    check(state, "{f: a}", "{f: A}");
    refused("{type: case, detection_item_conditions: [{type: is_null}]}", "`cond` is missing");
    refused(
        "{type: case, detection_item_conditions: [{type: match_string, cond: any, pattern: '('}]}",
        "regular expression `(`",
    );
}

#[test]
fn a_correlation_has_the_log_sources_of_its_rules() {
    let pipelines = pipelines(
        "{id: x, type: field_name_prefix, prefix: p., rule_conditions: [{type: logsource, product: windows}]}",
    );
    let whole = node("correlation: {group-by: [u]}");
    assert!(pipelines.apply(whole.clone()).unwrap().applied_item_ids.is_empty());
    let found = pipelines.apply_with(whole, &[&node(RULE)]).unwrap();
    assert_eq!(found.rule, node("correlation: {group-by: [p.u]}"));
}

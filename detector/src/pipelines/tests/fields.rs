//! Names of fields.

use super::*;

#[test]
fn names_are_mapped_in_detections() {
    let map = "{type: field_name_mapping, mapping: {Image: process.executable, User: [u, v], Gone: []}}";
    check(map, r"{Image|endswith: '\a.exe'}", r"{process.executable|endswith: '\a.exe'}");
    check(map, "{Other: 1}", "{Other: 1}");
    check(map, "{User: x}", "[{u: x}, {v: x}]");
    check(map, "{User|contains|all: [x, y]}", "[{u|contains|all: [x, y]}, {v|contains|all: [x, y]}]");
    check(
        map,
        "{Image: i, User: x, Z: z}",
        "[{process.executable: i, u: x, Z: z}, {process.executable: i, v: x, Z: z}]",
    );
    check(map, "[{Image: i}, {User: x}]", "[{process.executable: i}, {u: x}, {v: x}]");
    check(
        map,
        "{A|fieldref: User, Image|fieldref|endswith: Image}",
        "{A|fieldref: [u, v], process.executable|fieldref|endswith: process.executable}",
    );
    check(map, "{Gone: 1, A: 2}", "{A: 2}");
    check(map, "[a, b]", "[a, b]");
    check(
        "{type: field_name_prefix_mapping, mapping: {win.: winlog., x: [y, z]}}",
        "{win.id: 1, xa: 2}",
        "[{winlog.id: 1, ya: 2}, {winlog.id: 1, za: 2}]",
    );
    check("{type: field_name_prefix, prefix: p.}", "{a: 1}", "{p.a: 1}");
    check("{type: field_name_suffix, suffix: .text}", "{a|contains: b}", "{a.text|contains: b}");
    check(
        "{type: field_name_transform, transform_func: snake_case, mapping: {Q: r}}",
        "{ParentImage: 1, Q: 2}",
        "{parent_image: 1, r: 2}",
    );
    check("{type: field_name_transform, transform_func: lower}", "{EventID: 1}", "{eventid: 1}");
}

#[test]
fn conditions_on_names_are_kept() {
    let only = "{type: field_name_prefix, prefix: p., field_name_conditions: [{type: include_fields, fields: [a]}]}";
    check(only, "{a: 1, b: 2}", "{p.a: 1, b: 2}");
    let not = "{type: field_name_prefix, prefix: p., field_name_cond_not: true, field_name_conditions: [{type: include_fields, fields: [a]}]}";
    check(not, "{a: 1, b: 2}", "{a: 1, p.b: 2}");
    let pattern = "{type: field_name_prefix, prefix: p., field_name_conditions: [{type: exclude_fields, mode: re, fields: ['win']}]}";
    check(pattern, "{winlog.id: 1, a.win: 2}", "{winlog.id: 1, p.a.win: 2}");
    check(pattern, "{winlog.id|fieldref: x}", "{winlog.id|fieldref: p.x}");
    let expression = "{type: field_name_prefix, prefix: p., field_name_cond_expr: 'x and not y', field_name_conditions: {x: {type: include_fields, mode: re, fields: ['a.*']}, y: {type: include_fields, fields: [ab]}}}";
    check(expression, "{aa: 1, ab: 2, b: 3}", "{p.aa: 1, ab: 2, b: 3}");
    let chain = "{id: first, type: field_name_mapping, mapping: {a: b}}\n{type: field_name_prefix, prefix: p., field_name_conditions: [{type: processing_item_applied, processing_item_id: first}]}";
    check(chain, "{a: 1, b: 2}", "{p.b: 1, b: 2}");
}

fn field_list(steps: &str, before: &str) -> Vec<String> {
    let Node::Map(mut entries) = rule("{a: 1}") else { panic!("a map") };
    entries.push(("fields".into(), node(before)));
    let applied = pipelines(steps).apply(Node::Map(entries)).unwrap();
    applied.rule.get("fields").map(Node::texts).unwrap_or_default()
}

#[test]
fn the_list_of_fields_follows() {
    let map = "{type: field_name_mapping, mapping: {a: [x, y], b: []}}";
    assert_eq!(field_list(map, "[a, b, c]"), ["x", "y", "c"]);
    assert_eq!(field_list("{type: add_field, field: z}", "[a]"), ["a", "z"]);
    assert_eq!(field_list("{type: add_field, field: [y, z]}", "[a]"), ["a", "y", "z"]);
    assert_eq!(field_list("{type: remove_field, field: [a, q]}", "[a, b]"), ["b"]);
    assert_eq!(field_list("{type: set_field, fields: [m]}", "[a, b]"), ["m"]);
}

fn correlation(text: &str) -> Node {
    node(&format!("title: c\ncorrelation: {text}\n"))
}

#[test]
fn names_in_correlations_are_mapped() {
    let map = pipelines("{type: field_name_mapping, mapping: {User: user.name, Ip: [a, b], Deep: d}}");
    let given = "{type: value_count, rules: [r], group-by: [User, Ip, src], timespan: 1h, aliases: {src: {r: Deep}}, condition: {gte: 2, field: User}}";
    let wanted = "{type: value_count, rules: [r], group-by: [user.name, a, b, src], timespan: 1h, aliases: {src: {r: d}}, condition: {gte: 2, field: user.name}}";
    assert_eq!(map.apply(correlation(given)).unwrap().rule, correlation(wanted));
    let reason = map.apply(correlation("{condition: {gte: 2, field: Ip}}")).unwrap_err();
    assert!(reason.contains("`condition.field` can have one field"), "{reason}");
    let reason = map.apply(correlation("{group-by: [x], aliases: {x: {r: Ip}}}")).unwrap_err();
    assert!(reason.contains("alias `x` can have one field"), "{reason}");
}

#[test]
fn growth_is_bounded() {
    let many: Vec<String> = (0..200).map(|number| format!("n{number}")).collect();
    let map = format!("{{type: field_name_mapping, mapping: {{a: [{0}], b: [{0}]}}}}", many.join(", "));
    rejected(&map, "{a: 1, b: 2}", "more than 4096 alternatives");
    let doubling = vec!["{type: field_name_mapping, mapping: {a: [a, a]}}"; 64].join("\n");
    rejected(&doubling, "{a: 1}", "more than");
    let growing = vec!["{type: replace_string, regex: '(.+)', replacement: '\\1\\1\\1\\1'}"; 64].join("\n");
    rejected(&growing, "{a: xxxxxxxx}", "more than 65536 bytes");
    let longer = vec!["{type: field_name_prefix, prefix: 'abcdefghijklmnopqrstuvwxyz'}"; 64].join("\n");
    rejected(&longer, "{a: 1}", "more than 1024 bytes");
    let wide: Vec<String> = (0..300).map(|number| format!("n{number}")).collect();
    refused(&format!("{{type: field_name_mapping, mapping: {{a: [{}]}}}}", wide.join(", ")), "more than 256 names");
}

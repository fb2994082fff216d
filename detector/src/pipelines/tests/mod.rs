//! Tables: a pipeline and a rule, and the rule that comes out.

mod conditions;
mod fields;
mod filters;
mod loading;
mod values;
mod whole;

use proptest::prelude::*;

use super::*;
use crate::sigma::yaml::documents;

fn node(text: &str) -> Node {
    documents(text).into_iter().next().map_or(Node::Null, |document| document.node.unwrap())
}

/// A pipeline whose transformations are `steps`, one line each in flow style.
fn pipelines(steps: &str) -> Pipelines {
    let items: String = steps.lines().map(|line| format!("  - {}\n", line.trim())).collect();
    loaded(&format!("name: test\ntransformations:\n{items}"))
}

fn loaded(yaml: &str) -> Pipelines {
    let source = RuleSource::Text { path: "test.yml".into(), yaml: yaml.into() };
    let (pipelines, faults) = Pipelines::load(&[source]);
    assert!(faults.iter().all(|fault| !fault.is_refusal), "{faults:?}");
    pipelines
}

/// A rule with this detection in flow style, whose condition is its one search identifier.
fn rule(selection: &str) -> Node {
    node(&format!(
        "title: t\nlogsource: {{product: windows, category: process_creation}}\n\
         detection:\n  sel: {selection}\n  condition: sel\n"
    ))
}

fn selection(rule: &Node) -> Node {
    rule.get("detection").and_then(|detection| detection.get("sel")).cloned().unwrap_or(Node::Null)
}

/// What the one search identifier becomes.
fn check(steps: &str, before: &str, after: &str) {
    let applied = pipelines(steps).apply(rule(before)).unwrap();
    assert_eq!(selection(&applied.rule), selection(&rule(after)), "{steps} on {before}");
}

/// Why a rule is rejected.
fn rejected(steps: &str, before: &str, expected: &str) {
    let reason = pipelines(steps).apply(rule(before)).unwrap_err();
    assert!(reason.contains(expected), "{reason}");
}

/// Why a pipeline is refused.
fn refused(steps: &str, expected: &str) {
    let items: String = steps.lines().map(|line| format!("  - {}\n", line.trim())).collect();
    let yaml = format!("transformations:\n{items}");
    let (pipelines, faults) = Pipelines::load(&[RuleSource::Text { path: "test.yml".into(), yaml }]);
    let reasons: Vec<&str> = faults.iter().map(|fault| fault.reason.as_str()).collect();
    assert!(reasons.iter().any(|reason| reason.contains(expected)), "{reasons:?}");
    assert_eq!(pipelines.names().count(), 0);
}

fn tree() -> impl Strategy<Value = Node> {
    let words = prop_oneof![
        "(detection|correlation|condition|fields|sel|a|b|A\\|contains|A\\|expand|B\\|re|C\\|fieldref|\\|all|logsource|product|filter|rules|type|mapping|transformations|vars|id|items|group-by|aliases)",
        "(field_name_mapping|value_placeholders|replace_string|add_condition|nest|regex|hashes_fields|drop_detection_item|set_value|case|rule_conditions)",
        "[a-c%*?\\\\$|]{0,6}",
    ];
    let leaf = prop_oneof![
        Just(Node::Null),
        any::<bool>().prop_map(Node::Bool),
        any::<i64>().prop_map(Node::Int),
        any::<f64>().prop_map(Node::Float),
        words.prop_map(Node::Text),
        "(sel|not sel|1 of them|sel and a|%a%|any)".prop_map(Node::Text),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let key = "(detection|correlation|condition|fields|sel|a|b|A\\|contains|A\\|expand|B\\|re|C\\|fieldref|\\|all|logsource|product|filter|rules|type|mapping|transformations|vars|id|items|group-by|aliases|regex|replacement|conditions)";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Node::List),
            prop::collection::vec((key, inner), 0..6).prop_map(Node::Map),
        ]
    })
}

const EVERY_KIND: &str = "\
{type: field_name_mapping, mapping: {A: [x, y], a: z, B: []}}
{type: field_name_transform, transform_func: snake_case}
{type: wildcard_placeholders, include: [b]}
{type: replace_string, regex: '(a)|', replacement: '\\1*\\1'}
{type: case, method: upper}
{type: add_condition, conditions: {z|contains: '$product'}, template: false}
{type: hashes_fields, valid_hash_algos: [MD5], field_to_parse: [q]}
{type: extract_fields, regex: '(?P<n>.)'}
{type: regex}
{type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [z, b]}]}";

proptest! {
    #[test]
    fn any_tree_is_taken_or_refused(tree in tree()) {
        let all = pipelines(EVERY_KIND);
        let _ = all.apply(tree.clone());
        let _ = placeholders_of(&tree);
        let _ = step::read_all(std::slice::from_ref(&tree), "t", 0);
        if let Ok(filter) = Filter::parse(&tree) {
            let _ = filter.apply(rule("{a: b}"));
            let _ = filter.applies_to(&tree);
        }
        if let Node::Map(entries) = &tree {
            let detection = Node::Map(vec![("detection".into(), Node::Map(entries.clone()))]);
            let _ = all.apply(detection);
        }
    }

    #[test]
    fn any_text_is_loaded_or_refused(text in "(\\PC|[\\n: \\-{}\\[\\]]|transformations:|type: regex){0,60}") {
        let _ = Pipelines::load(&[RuleSource::Text { path: "x.yml".into(), yaml: text }]);
    }

    #[test]
    fn what_nothing_changes_stays_as_it_is(
        fields in prop::collection::vec(("[a-c](\\|(contains|endswith|re|all))?", "[a-z*\\\\]{0,5}"), 1..5),
    ) {
        let mut entries: Vec<(String, Node)> = Vec::new();
        for (key, value) in fields {
            if !entries.iter().any(|(own, _)| *own == key) {
                entries.push((key, Node::Text(value)));
            }
        }
        let detection = vec![("sel".to_owned(), Node::Map(entries)), ("condition".to_owned(), Node::Text("sel".into()))];
        let whole = Node::Map(vec![("title".into(), Node::Text("t".into())), ("detection".into(), Node::Map(detection))]);
        prop_assert_eq!(Pipelines::default().apply(whole.clone()).unwrap().rule, whole);
    }
}

/// The placeholders that a rule has under `|expand`, each once, sorted.
fn placeholders_of(rule: &Node) -> Vec<String> {
    Rule::read(rule.clone()).map(|rule| names_left(&rule)).unwrap_or_default()
}

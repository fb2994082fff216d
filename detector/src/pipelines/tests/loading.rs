//! Files, their order and their faults.

use super::*;

fn text(path: &str, yaml: &str) -> RuleSource {
    RuleSource::Text { path: path.into(), yaml: yaml.into() }
}

#[test]
fn pipelines_run_in_order_and_share_vars() {
    let (pipelines, faults) = Pipelines::load(&[
        text(
            "c.yml",
            "name: last\npriority: 20\nvars: {a: late, c: 3}\ntransformations: [{type: field_name_suffix, suffix: '.3'}]",
        ),
        text("b.yml", "priority: 10\nname: b\ntransformations: [{type: field_name_suffix, suffix: '.2'}]"),
        text(
            "a.yml",
            "priority: 10\nname: a\nvars: {a: [early], b: 1}\ntransformations: [{type: field_name_suffix, suffix: '.1'}]",
        ),
    ]);
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(pipelines.names().collect::<Vec<_>>(), ["a", "b", "last"]);
    let applied = pipelines.apply(rule("{f|expand: ['%a%', '%b%', '%c%']}")).unwrap();
    assert_eq!(selection(&applied.rule), node("{f.1.2.3: [late, '1', '3']}"));
}

#[test]
fn a_faulty_file_is_refused_alone() {
    let bad = "name: bad\n# a comment\ntransformations:\n  - type: case\n    method: lower\n\n  - id: x\n    type: field_name_maping\n    mapping:\n      - a\n  - type: case\n    metod: lower\n";
    let (pipelines, faults) = Pipelines::load(&[text("bad.yml", bad), text("good.yml", "name: good")]);
    assert_eq!(pipelines.names().collect::<Vec<_>>(), ["good"]);
    let told: Vec<_> = faults.iter().map(|fault| (fault.line, fault.reason.as_str(), fault.is_refusal)).collect();
    assert_eq!(
        told,
        [
            (
                Some(7),
                "transformation 2: unknown transformation type `field_name_maping` (did you mean `field_name_mapping`?)",
                true
            ),
            (Some(11), "transformation 3: unknown parameter `metod` (did you mean `method`?)", true),
        ]
    );
    assert!(faults.iter().any(|fault| fault.to_string().starts_with("bad.yml:7: transformation 2: ")));
    for (yaml, expected) in [
        ("nme: x", "unknown key `nme` (did you mean `name`?)"),
        ("- a", "is a list, not a map of a pipeline's keys"),
        ("priority: high", "`priority` is text, not a whole number"),
        ("vars: {a: {b: c}}", "`a` must be text"),
        ("transformations: {a: b}", "`transformations` is a map, not a list"),
        ("a: [", "line "),
    ] {
        let (_, faults) = Pipelines::load(&[text("x.yml", yaml)]);
        assert!(faults.iter().any(|fault| fault.reason.contains(expected) && fault.is_refusal), "{yaml}: {faults:?}");
    }
}

#[test]
fn what_is_ignored_is_told() {
    let yaml = "allowed_backends: [splunk]\npostprocessing: [{type: embed, prefix: x}]\nfinalizers: [{type: concat}]\ntransformations: [{type: case}]";
    let (pipelines, faults) = Pipelines::load(&[text("x.yml", yaml)]);
    assert_eq!(pipelines.names().collect::<Vec<_>>(), ["x.yml"]);
    let words: Vec<_> = faults.iter().filter_map(|fault| fault.reason.split('`').nth(1)).collect();
    assert_eq!(words, ["postprocessing", "finalizers", "allowed_backends"]);
    assert!(faults.iter().all(|fault| !fault.is_refusal));
}

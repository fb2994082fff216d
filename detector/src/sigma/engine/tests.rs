//! The engine against the slow and obvious evaluator, over generated rules and events.
//!
//! `PROPTEST_CASES=100000 cargo nextest run -E 'test(engine_agrees)'` asks more; `make fuzz` does.

use event::{Event, Value, json};
use proptest::prelude::*;

use super::super::reference;
use super::super::yaml;
use super::super::{FieldMap, RuleSet, RuleSource, Scratch};

/// Rules of one case: enough that they share probes.
const RULES: std::ops::Range<usize> = 1..5;

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[abB]{1,3}",
        1 => "/[abB]{0,2}",
        1 => Just(String::new()),
        1 => Just("-a".to_owned()),
        1 => Just("/b".to_owned()),
        1 => Just("Ấb".to_owned()),
        1 => Just("12".to_owned()),
        1 => Just("10.1.2.3".to_owned()),
        1 => Just("2001:db8::1".to_owned()),
        1 => Just("2026-11-03T22:15:00Z".to_owned()),
        1 => Just("YWI=".to_owned()),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![3 => word(), 1 => "[abB]{0,2}[*?][abB]{0,2}[*?]?[ab]{0,1}", 1 => r"a\\[*?]b{0,1}", 1 => Just("*".to_owned())]
}

fn list(one: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    prop::collection::vec(one, 1..4).prop_map(|items| format!("[{}]", items.join(", ")))
}

fn quoted(one: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    one.prop_map(|text| format!("'{text}'"))
}

/// `NAME|modifiers: values` in YAML's flow form.
fn item() -> impl Strategy<Value = String> {
    let place = prop_oneof![Just(""), Just("|contains"), Just("|startswith"), Just("|endswith")];
    let end =
        prop_oneof![4 => Just(""), 1 => Just("|all"), 1 => Just("|cased"), 1 => Just("|neq"), 1 => Just("|windash")];
    let value = prop_oneof![6 => quoted(pattern()).boxed(), 1 => Just("12".to_owned()).boxed(), 1 => Just("true".to_owned()).boxed()];
    let modified = prop_oneof![
        10 => (place, end, list(value)).prop_map(|(place, end, values)| format!("{place}{end}: {values}")),
        1 => Just(": null".to_owned()),
        1 => Just(": [null, 'a']".to_owned()),
        1 => Just("|neq: null".to_owned()),
        1 => Just("|exists: true".to_owned()),
        1 => Just("|exists: false".to_owned()),
        1 => Just("|base64|contains: ab".to_owned()),
        1 => Just("|cidr: 10.0.0.0/8".to_owned()),
        1 => Just("|cidr: ['2001:db8::/32', 192.168.0.0/16]".to_owned()),
        1 => Just("|gt: 11".to_owned()),
        1 => Just("|lte: 12".to_owned()),
        1 => Just("|hour|gte: 20".to_owned()),
        1 => Just("|fieldref: B".to_owned()),
        1 => Just("|fieldref|startswith: B".to_owned()),
        2 => prop_oneof![Just("a+b"), Just("(ab|ba)/"), Just("^[ab]{2}$"), Just("aab|abab"), Just("(?:aab)+b")]
            .prop_flat_map(|text| prop_oneof![Just(format!("|re: '{text}'")), Just(format!("|re|i: '{text}'"))]),
    ];
    ("[A-E]", modified).prop_map(|(name, rest)| format!("'{name}{}", rest.replacen(": ", "': ", 1)))
}

fn selection() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::collection::btree_map("[A-E]", item(), 1..3).prop_map(one_map),
        2 => prop::collection::vec(item(), 1..3).prop_map(|items| format!("[{}]", items.iter().map(|one| format!("{{{one}}}")).collect::<Vec<_>>().join(", "))),
        1 => list(quoted(pattern().prop_filter("keywords", |text| !text.is_empty()))),
    ]
}

/// Keys of a map must differ.
fn one_map(items: std::collections::BTreeMap<String, String>) -> String {
    let mut seen = std::collections::BTreeSet::new();
    let items: Vec<String> =
        items.into_values().filter(|one| seen.insert(one.split("': ").next().unwrap_or_default().to_owned())).collect();
    format!("{{{}}}", items.join(", "))
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => Just("s1".to_owned()),
        4 => Just("s2".to_owned()),
        2 => Just("f1".to_owned()),
        1 => Just("1 of s*".to_owned()),
        1 => Just("all of s*".to_owned()),
        1 => Just("1 of them".to_owned()),
        1 => Just("all of them".to_owned()),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} and {other}")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} or {other})")),
            inner.clone().prop_map(|one| format!("not ({one})")),
            (inner.clone(), inner).prop_map(|(one, other)| format!("{one} and not ({other})")),
        ]
    })
}

fn rule() -> impl Strategy<Value = String> {
    (selection(), selection(), selection(), condition()).prop_map(|(one, two, filter, condition)| {
        format!(
            "title: t\nlogsource: {{service: x}}\ndetection:\n  s1: {one}\n  s2: {two}\n  f1: {filter}\n  condition: {condition}\n"
        )
    })
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        6 => word().prop_map(Into::into),
        1 => "[abB/-]{4,6}".prop_map(Into::into),
        1 => Just(serde_json::Value::Null),
        1 => Just(12.into()),
        1 => Just(true.into()),
        2 => prop::collection::vec(word(), 1..3).prop_map(Into::into),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop::collection::btree_map("[A-E]", value(), 0..5).prop_map(|fields| {
        let mut event = Event::new();
        event.push("event.dataset", "p.x").unwrap();
        for (name, value) in fields {
            json::flatten(&name, &value, &mut event).unwrap();
        }
        event
    })
}

fn load(rules: &[String]) -> RuleSet {
    let yaml = rules.join("---\n");
    RuleSet::load(&[RuleSource::Text { path: "generated".to_owned(), yaml }], &FieldMap::default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn engine_agrees_with_the_obvious(
        rules in prop::collection::vec(rule(), RULES),
        events in prop::collection::vec(event(), 1..6),
    ) {
        let set = load(&rules);
        let refused: Vec<String> = set.rejected().iter().map(ToString::to_string).collect();
        prop_assert_eq!(refused, Vec::<String>::new(), "{}", rules.join("---\n"));
        let nodes: Vec<yaml::Node> = yaml::documents(&rules.join("---\n")).into_iter().map(|one| one.node.unwrap()).collect();
        let mut scratch = Scratch::default();
        for event in &events {
            let found: Vec<u32> = set.evaluate(event, &mut scratch).iter().map(|one| one.number).collect();
            let slow: Vec<u32> = set.evaluate_slowly(event).iter().map(|one| one.number).collect();
            let holding = (0..).zip(&nodes).filter(|(_, node)| reference::holds(node, event));
            let expected: Vec<u32> = holding.map(|(number, _)| number).collect();
            prop_assert_eq!(&found, &slow, "engine and rule by rule: {:?} {}", event, rules.join("---\n"));
            prop_assert_eq!(&found, &expected, "engine and reference: {:?} {}", event, rules.join("---\n"));
        }
    }
}

/// 2,000 unless the environment asks for another number.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

#[test]
fn what_events_teach_changes_no_answer() {
    let rules: Vec<String> = (0..40)
        .map(|number| {
            let list = if number % 2 == 0 { "common, rare" } else { "common" };
            format!(
                "title: t{number}\nlogsource: {{service: x}}\ndetection:\n  s: {{A|contains: [{list}], B|endswith: v{}, C: [a, {number}]}}\n  condition: s\n",
                number % 7
            )
        })
        .collect();
    let set = load(&rules);
    let mut scratch = Scratch::default();
    let mut found = 0;
    for number in 0..8_000_u32 {
        let mut event = Event::new();
        event.push("event.dataset", "p.x").unwrap();
        event.push("A", if number % 10 == 0 { "x rare" } else { "a common text" }).unwrap();
        event.push("B", format!("-v{}", number % 9).as_str()).unwrap();
        event.push("C", i64::from(number % 50)).unwrap();
        let fast: Vec<u32> = set.evaluate(&event, &mut scratch).iter().map(|one| one.number).collect();
        let slow: Vec<u32> = set.evaluate_slowly(&event).iter().map(|one| one.number).collect();
        assert_eq!(fast, slow, "{event:?}");
        found += fast.len();
    }
    assert!(found > 100, "{found}");
}

#[test]
fn rules_that_ask_the_same_answer_together() {
    let rule = "title: t\nlogsource: {service: x}\ndetection: {s: {A: [b, c]}, condition: s}\n";
    let other = rule.replace("b, c", "b, d");
    let set = load(&[rule.to_owned(), other, rule.to_owned(), rule.to_owned()]);
    let mut scratch = Scratch::default();
    for (value, expected) in [("b", vec![0, 1, 2, 3]), ("c", vec![0, 2, 3]), ("d", vec![1]), ("e", vec![])] {
        let mut event = Event::new();
        event.push("event.dataset", "p.x").unwrap();
        event.push("A", value).unwrap();
        let found: Vec<u32> = set.evaluate(&event, &mut scratch).iter().map(|one| one.number).collect();
        assert_eq!(found, expected, "{value}");
    }
}

#[test]
fn a_set_that_met_events_warms_the_next() {
    let rules: Vec<String> = (0..3)
        .map(|number| {
            format!("title: t{number}\nlogsource: {{service: x}}\ndetection: {{s: {{A: v{number}}}, condition: s}}\n")
        })
        .collect();
    let old = load(&rules);
    let mut event = Event::new();
    event.push("event.dataset", "p.x").unwrap();
    event.push("A", Value::Str("v2")).unwrap();
    let mut scratch = Scratch::default();
    assert_eq!(old.evaluate(&event, &mut scratch).len(), 1);
    let new = load(&rules[1..]);
    new.warm(&old);
    assert_eq!(new.engine.met(), 1);
    // The same scratch serves another set.
    assert_eq!(new.evaluate(&event, &mut scratch)[0].rule.reference.title, "t2");
    assert_eq!(old.evaluate(&event, &mut scratch)[0].number, 2);
}

#[test]
fn classes_of_windows_events_are_there_before_the_first() {
    let rule = |source: &str| {
        format!("title: t\nlogsource: {{product: windows, {source}}}\ndetection: {{s: {{A: b}}, condition: s}}\n")
    };
    let set = load(&["category: registry_set", "category: process_creation", "service: system"].map(rule));
    set.warm_windows();
    let met = set.engine.met();
    let mut scratch = Scratch::default();
    let events: [&[(&str, &str)]; 4] = [
        &[("Channel", "Microsoft-Windows-Sysmon/Operational"), ("EventID", "13"), ("A", "b")],
        &[("Channel", "Microsoft-Windows-Sysmon/Operational"), ("EventID", "1"), ("A", "b")],
        &[("Channel", "Security"), ("EventID", "4688"), ("A", "b")],
        &[("Channel", "System"), ("EventID", "7045"), ("A", "b")],
    ];
    for fields in events {
        let mut event = Event::new();
        fields.iter().for_each(|(name, value)| event.push(name, *value).unwrap());
        assert_eq!(set.evaluate(&event, &mut scratch).len(), 1, "{fields:?}");
    }
    assert_eq!(set.engine.met(), met, "nothing was compiled for them");
}

#[test]
fn lessons_end_when_they_are_not_worth_their_time() {
    let rule = "title: t\nlogsource: {service: x}\ndetection: {s: {A: b, C|contains: often}, condition: s}\n";
    let set = load(&[rule.to_owned()]);
    let mut scratch = Scratch::default();
    let mut event = Event::new();
    event.push("event.dataset", "p.x").unwrap();
    event.push("A", "b").unwrap();
    event.push("C", "it is often so").unwrap();
    // Every event wakes the rule whatever is watched: two lessons show it.
    for _ in 0..5_000 {
        assert_eq!(set.evaluate(&event, &mut scratch).len(), 1);
    }
    assert_eq!(set.engine.met(), 1);
}

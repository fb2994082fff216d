//! Explanations as people and programs read them.

use event::{Atom, Event, json};

use super::super::{FieldMap, RuleSet, RuleSource, Scratch};
use super::*;

const RULE: &str = r#"
title: Who asks for rights
id: 4a5c1c1e-0000-4000-8000-000000000001
level: medium
logsource: {product: windows, category: process_creation}
detection:
  selection_program:
    - Image|endswith: '\whoami.exe'
    - CommandLine|contains: [whoami, 'net user']
  selection_option:
    CommandLine|contains|all: [' /all', ' -x']
    User|re: '^admin'
  filter_parent:
    ParentImage: null
  filter_unused:
    IntegrityLevel|neq: System
  condition: all of selection_* and not filter_parent
"#;

fn event(json: &str) -> Event {
    let mut event = Event::new();
    json::flatten("", &serde_json::from_str(json).unwrap(), &mut event).unwrap();
    event
}

fn explained(rule: &str, json: &str) -> Explanation {
    let source = RuleSource::Text { path: "a.yml".to_owned(), yaml: rule.to_owned() };
    let set = RuleSet::load(&[source], &FieldMap::embedded().unwrap());
    assert!(set.rejected().is_empty(), "{:?}", set.rejected());
    let event = event(json);
    let explanation = explain(&set, &set.rules()[0], &event);
    assert_eq!(
        explanation.matches,
        !set.evaluate(&event, &mut Scratch::default()).is_empty(),
        "explanation and evaluation disagree"
    );
    explanation
}

const STARTED: &str = r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,
    "Image":"C:\\Windows\\System32\\whoami.exe","process.command_line":"WHOAMI /ALL","user":"Admin",
    "IntegrityLevel":"System"}"#;

#[test]
fn a_tree_tells_what_is_missing() {
    let expected = r#"✗ does not match: Who asks for rights (medium)
  4a5c1c1e-0000-4000-8000-000000000001  a.yml:1
  ✓ log source windows/process_creation/- fits
  ✗ because `selection_option` does not hold, `filter_parent` holds
condition:
  ✗ all of
    ✗ all of
      ✓ selection_program
      ✗ selection_option
    ✗ not
      ✓ filter_parent
selection_program:
  ✓ any of
    ✓ Image|endswith
        in the event: Image = "C:\Windows\System32\whoami.exe"
        ✓ "\whoami.exe"
    ✓ CommandLine|contains
        in the event: process.command_line = "WHOAMI /ALL"
        ✓ "whoami"
        ✗ "net user"
selection_option:
  ✗ all of
    ✗ CommandLine|contains|all: 1 of the values are not there: ` -x`
        in the event: process.command_line = "WHOAMI /ALL"
        ✓ " /all"
        ✗ " -x"
    ✗ User|re: field is not in the event (looked for User, winlog.event_data.User, SubjectUserName, winlog.event_data.SubjectUserName, user.name, winlog.user_data.User); the event has `user`, and case matters in names
        ✗ "^admin"
filter_parent:
  ✓ ParentImage
      ✓ null
filter_unused: (the condition does not ask it)
  ✗ IntegrityLevel|neq: the value is one of those that are excluded
      in the event: IntegrityLevel = "System"
      ✓ "System"
"#;
    let found = explained(RULE, STARTED).to_text(Language::English);
    assert_eq!(found, expected, "{found}");
}

#[test]
fn vietnamese_and_a_foreign_log_source() {
    let found = explained(RULE, r#"{"event.dataset":"nginx.access","Image":"x"}"#).to_text(Language::Vietnamese);
    let head: Vec<&str> = found.lines().take(6).collect();
    assert_eq!(
        head,
        [
            "✗ không khớp: Who asks for rights (medium)",
            "  4a5c1c1e-0000-4000-8000-000000000001  a.yml:1",
            "  ✗ nguồn log windows/process_creation/- không phù hợp: sự kiện thuộc nginx/webserver/nginx",
            "      product cần là `windows`, sự kiện có `nginx`",
            "      category cần là `process_creation`, sự kiện có `webserver`",
            "  ✗ vì `selection_program` sai, `selection_option` sai, `filter_parent` đúng",
        ],
        "{found}"
    );
}

fn one_item(detection: &str, json: &str) -> (bool, Option<Reason>) {
    let rule = format!("title: t\nlogsource: {{service: x}}\ndetection:\n  s: {detection}\n  condition: s\n");
    let explanation = explained(&rule, &json.replacen('{', "{\"event.dataset\":\"p.x\",", 1));
    match &explanation.selections[0].detection {
        DetectionNode::Item(item) => (item.holds, item.reason.clone()),
        other => panic!("{other:?} is no item"),
    }
}

#[test]
fn each_reason_has_its_cause() {
    let check = |detection: &str, json: &str, expected: Option<Reason>| {
        let holds = expected.is_none();
        assert_eq!(one_item(detection, json), (holds, expected), "{detection} on {json}");
    };
    let differs = |comparison, wanted| Some(Reason::NoValueFits { comparison, wanted });
    check("{A: x}", r#"{"A":"X"}"#, None);
    check("{A: [x, y]}", r#"{"A":"z"}"#, differs(Comparison::Equal, 2));
    check("{A|startswith: x}", r#"{"A":"z"}"#, differs(Comparison::StartsWith, 1));
    check("{A|cidr: 10.0.0.0/8}", r#"{"A":"192.0.2.1"}"#, differs(Comparison::Network, 1));
    check("{A|re: X}", r#"{"A":"x"}"#, differs(Comparison::Regex, 1));
    check("{A|lt: 5}", r#"{"A":7}"#, differs(Comparison::Number, 1));
    check("{A|fieldref|startswith: B}", r#"{"A":"x","B":"y"}"#, differs(Comparison::Field, 1));
    check("{A: null}", r#"{"A":"x"}"#, Some(Reason::HasValue));
    check("{A|exists: false}", r#"{"A":"x"}"#, Some(Reason::HasValue));
    check("{A|neq: x}", r#"{"A":"x"}"#, Some(Reason::Excluded));
    check("[zzz]", r#"{"message":"abc"}"#, Some(Reason::NoTextHolds { texts: 1 }));
    let lacks = Some(Reason::Lacks { values: vec!["y".to_owned()], count: 1 });
    check("{A|contains|all: [x, y]}", r#"{"A":"xx"}"#, lacks.clone());
    check("{'|all': [x, y]}", r#"{"message":"x"}"#, lacks);
    let missing = Reason::FieldMissing { looked_for: vec!["A".into(), "winlog.event_data.A".into()], similar: None };
    check("{A|contains: x}", r#"{"B":"x"}"#, Some(missing));
}

#[test]
fn programs_read_the_same_as_json() {
    let rule = "title: t\nid: r\nlogsource: {service: x}\ndetection: {s: {A|contains: [a, b]}, condition: s}\n";
    let found = serde_json::to_string(&explained(rule, r#"{"event.dataset":"p.x","A":["xa",7]}"#)).unwrap();
    let expected = r#"{"rule":"r","title":"t","level":"medium","path":"a.yml","line":1,"matches":true,"logsource":{"fits":true,"rule":"-/-/x","event":["p/-/x"],"missing":[]},"because":[{"selection":"s","holds":true}],"condition":{"kind":"selection","holds":true,"selection":"s"},"selections":[{"name":"s","holds":true,"asked":true,"detection":{"kind":"item","field":"A","modifiers":["contains"],"holds":true,"all":false,"event_field":"A","found":["xa","7"],"found_total":2,"values":[{"value":"a","holds":true},{"value":"b","holds":false}]}}]}"#;
    assert_eq!(found, expected, "{found}");
}

#[test]
fn masks_hide_values_and_terminals_are_safe() {
    #[derive(Debug)]
    struct Hiding;
    impl Masks for Hiding {
        fn visibility(&self, field: &str) -> Visibility {
            if field == "A" { Visibility::Hidden } else { Visibility::Clear }
        }
        fn show<'v>(&self, field: &str, value: &'v str) -> Option<std::borrow::Cow<'v, str>> {
            (field != "A").then_some(value.into())
        }
        fn counts(&self) -> event::Counts {
            event::Counts::exact()
        }

        fn free_text(&self) -> bool {
            false
        }
    }
    let rule = "title: t\nlogsource: {service: x}\ndetection: {s: {A: a, B: b}, condition: s}\n";
    let mut explanation = explained(rule, r#"{"event.dataset":"p.x","A":"secret","B":"\u001b[2J\u202eb"}"#);
    explanation.mask(&Hiding);
    let text = explanation.to_text(Language::English);
    assert!(!text.contains("secret") && !text.contains("\"a\"") && text.contains("✗ A\n"), "{text}");
    assert!(text.contains(r#"B = "\u{1b}[2J\u{202e}b""#), "{text}");
}

#[test]
fn atoms_tell_what_was_compared_and_are_bounded() {
    let source = RuleSource::Text { path: "a.yml".to_owned(), yaml: RULE.to_owned() };
    let set = RuleSet::load(&[source], &FieldMap::embedded().unwrap());
    let found = holding_atoms(&set, &set.rules()[0], &event(STARTED));
    let atom = |selection: &str, field: &str, operator: &str, pattern: &str, value: Option<&str>| Atom {
        selection: selection.to_owned(),
        field: Some(field.to_owned()),
        operator: operator.to_owned(),
        pattern: Some(pattern.to_owned()),
        value: value.map(str::to_owned),
    };
    assert_eq!(
        found,
        [
            atom("selection_program", "Image", "endswith", r"\whoami.exe", Some(r"C:\Windows\System32\whoami.exe")),
            atom("selection_program", "process.command_line", "contains", "whoami", Some("WHOAMI /ALL")),
            atom("filter_parent", "ParentImage", "", "null", None),
        ]
    );
    let values: Vec<String> =
        (0..40).map(|at| format!("      - {{F{at}|startswith: '{}'}}\n", "v".repeat(150))).collect();
    let rule = format!(
        "title: t\nlogsource: {{service: x}}\ndetection:\n  s:\n{}  k: [v, 'w w']\n  condition: s or k\n",
        values.concat()
    );
    let set = RuleSet::load(&[RuleSource::Text { path: "a.yml".into(), yaml: rule }], &FieldMap::default());
    assert!(set.rejected().is_empty(), "{:?}", set.rejected());
    let fields: Vec<String> = (0..40).map(|at| format!("\"F{at}\":\"{}\"", "v".repeat(150))).collect();
    let found = holding_atoms(&set, &set.rules()[0], &event(&format!("{{{}}}", fields.join(","))));
    assert_eq!(found.len(), ATOMS_MAX);
    let text_len = |text: &Option<String>| text.as_ref().map_or(0, |text| text.chars().count());
    assert!(found.iter().all(|atom| text_len(&atom.value).max(text_len(&atom.pattern)) <= ATOM_CHARS_MAX), "{found:?}");
}

#[test]
fn both_languages_fill_every_place() {
    for language in [Language::English, Language::Vietnamese] {
        let words = language.words();
        for (template, places) in [
            (words.source_fits, 1),
            (words.source_differs, 2),
            (words.source_unknown, 1),
            (words.part_missing, 3),
            (words.part_absent, 2),
            (words.decides_true, 1),
            (words.decides_false, 1),
            (words.more, 1),
        ] {
            assert_eq!(template.matches('{').count(), places, "{template}");
        }
    }
    assert_eq!(words::fill("a {0} b {1} {9}", &["{1}", "y"]), "a {1} b y ");
    assert_eq!(
        (Language::parse("vi-VN"), Language::parse("EN"), Language::parse("fr")),
        (Some(Language::Vietnamese), Some(Language::English), None)
    );
}

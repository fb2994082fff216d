//! Rules against events: the semantics where engines go wrong, one table row each.

use event::{Event, json};
use proptest::prelude::*;

use super::*;

fn event(json: &str) -> Event {
    let mut event = Event::new();
    json::flatten("", &serde_json::from_str(json).unwrap(), &mut event).unwrap();
    event
}

fn set(yaml: &str) -> RuleSet {
    let map = FieldMap::embedded().unwrap();
    RuleSet::load(&[RuleSource::Text { path: "test.yml".to_owned(), yaml: yaml.to_owned() }], &map)
}

fn rule(detection: &str) -> String {
    let detection = detection.replace('\n', "\n  ");
    format!("title: t\nid: t\nlogsource: {{product: windows}}\nlevel: high\ndetection:\n  {detection}\n")
}

#[track_caller]
fn check(detection: &str, fields: &str, expected: bool) {
    let set = set(&rule(detection));
    assert!(set.rejected().is_empty(), "{:?}", set.rejected());
    let event = event(&format!("{{\"Channel\":\"Security\",{}", fields.trim_start_matches('{')));
    assert_eq!(!set.evaluate(&event, &mut Scratch::default()).is_empty(), expected, "{detection} on {fields}");
}

#[track_caller]
fn refused(yaml: &str, expected: &str) {
    let set = set(yaml);
    let found: Vec<String> = set.rejected().iter().map(ToString::to_string).collect();
    assert!(found.len() == 1 && found[0].contains(expected), "{found:?}");
}

#[test]
fn null_empty_and_missing_differ() {
    let null = "s: {A: null}\ncondition: s";
    check(null, r#"{"B":1}"#, true);
    check(null, r#"{"A":null}"#, true);
    check(null, r#"{"A":"x"}"#, false);
    check(null, r#"{"A":""}"#, false);
    let empty = "s: {A: ''}\ncondition: s";
    check(empty, r#"{"A":""}"#, true);
    check(empty, r#"{"B":1}"#, false);
    check(empty, r#"{"A":null}"#, false);
    check("s: {A: [null, x]}\ncondition: s", r#"{"B":1}"#, true);
    check("s: {A: '*'}\ncondition: s", r#"{"B":1}"#, false);
    check("s: {A: '*'}\ncondition: s", r#"{"A":"y"}"#, true);
    check("s: {A|exists: true}\ncondition: s", r#"{"A":null}"#, true);
    check("s: {A|exists: false}\ncondition: s", r#"{"B":1}"#, true);
}

#[test]
fn values_are_compared_as_text() {
    check("s: {A: 42}\ncondition: s", r#"{"A":"42"}"#, true);
    check("s: {A: '42'}\ncondition: s", r#"{"A":42}"#, true);
    check("s: {A: 42}\ncondition: s", r#"{"A":420}"#, false);
    check("s: {A: true}\ncondition: s", r#"{"A":"True"}"#, true);
    check("s: {A|contains: 12}\ncondition: s", r#"{"A":3124}"#, true);
    check("s: {A: abc}\ncondition: s", r#"{"A":"ABC"}"#, true);
    check("s: {A|cased: abc}\ncondition: s", r#"{"A":"ABC"}"#, false);
    check("s: {A: ĐẶNG}\ncondition: s", r#"{"A":"đặng"}"#, true);
}

#[test]
fn a_list_matches_if_a_member_does() {
    check("s: {A: b}\ncondition: s", r#"{"A":["a","b"]}"#, true);
    check("s: {A|contains|all: [aa, bb]}\ncondition: s", r#"{"A":["xaa","xbb"]}"#, true);
    check("s: {A|contains|all: [aa, bb]}\ncondition: s", r#"{"A":["xaa","xb"]}"#, false);
    check("s: {A: null}\ncondition: s", r#"{"A":["a",null]}"#, true);
}

#[test]
fn modifiers_mean_what_the_specification_says() {
    check("s: {A|startswith: ab}\ncondition: s", r#"{"A":"ABc"}"#, true);
    check(
        "s: {A|endswith: '\\\\cmd.exe'}\ncondition: s".replace("\\\\\\\\", "\\\\").as_str(),
        r#"{"A":"C:\\cmd.exe"}"#,
        true,
    );
    check("s: {A|re: 'a.c$'}\ncondition: s", r#"{"A":"xabc"}"#, true);
    check("s: {A|re: 'A.C'}\ncondition: s", r#"{"A":"xabc"}"#, false);
    check("s: {A|re|i: 'A.C'}\ncondition: s", r#"{"A":"xabc"}"#, true);
    check("s: {A|re|m: '^b$'}\ncondition: s", r#"{"A":"a\nb\nc"}"#, true);
    check("s: {A|re|s: 'a.b'}\ncondition: s", r#"{"A":"a\nb"}"#, true);
    check("s: {A|re: '\\$\\{jndi'}\ncondition: s", r#"{"A":"${jndi:"}"#, true);
    check("s: {A|re: 'x{y'}\ncondition: s", r#"{"A":"x{y"}"#, true);
    check("s: {A|cidr: 10.0.0.0/8}\ncondition: s", r#"{"A":"10.2.3.4"}"#, true);
    check("s: {A|cidr: 10.0.0.0/8}\ncondition: s", r#"{"A":"11.2.3.4"}"#, false);
    check("s: {A|cidr: '2001:db8::/32'}\ncondition: s", r#"{"A":"2001:DB8:1::1"}"#, true);
    check("s: {A|cidr: 10.0.0.0/8}\ncondition: s", r#"{"A":"::ffff:10.2.3.4"}"#, true);
    check("s: {A|cidr: 10.0.0.0/8}\ncondition: s", r#"{"A":"x"}"#, false);
    check("s: {A|gte: 5}\ncondition: s", r#"{"A":"5"}"#, true);
    check("s: {A|lt: 5}\ncondition: s", r#"{"A":4.5}"#, true);
    check("s: {A|gt: 5}\ncondition: s", r#"{"A":5}"#, false);
    check("s: {A|neq: x}\ncondition: s", r#"{"A":"y"}"#, true);
    check("s: {A|neq: [x, y]}\ncondition: s", r#"{"A":"y"}"#, false);
    check("s: {A|fieldref: B}\ncondition: s", r#"{"A":"x","B":"X"}"#, true);
    check("s: {A|fieldref|endswith: B}\ncondition: s", r#"{"A":"wx","B":"X"}"#, true);
    check("s: {A|fieldref: B}\ncondition: s", r#"{"A":"x"}"#, false);
    check("s: {A|fieldref|neq: B}\ncondition: s", r#"{"A":"x","B":"y"}"#, true);
    check("s: {A|hour|gte: 22}\ncondition: s", r#"{"A":"2026-11-03T22:00:00Z"}"#, true);
    check("s: {A|month: 11}\ncondition: s", r#"{"A":"2026-11-03 22:00:00"}"#, true);
    check("s: {A|windash|contains: ' -enc'}\ncondition: s", r#"{"A":"x –ENC y"}"#, true);
    check("s: {A|windash|contains: ' -enc'}\ncondition: s", r#"{"A":"x /ENC y"}"#, true);
    check("s: {A|base64offset|contains: whoami}\ncondition: s", r#"{"A":"eHdob2FtaXg="}"#, true);
    check("s: {A|wide|base64offset|contains: ping}\ncondition: s", r#"{"A":"cABpAG4AZwA="}"#, true);
}

#[test]
fn keywords_search_the_events_own_text() {
    let keywords = "k: [evil*thing, other]\ncondition: k";
    check(keywords, r#"{"Message":"an EVIL little thing here"}"#, true);
    check(keywords, r#"{"Message":"nothing"}"#, false);
    check(keywords, r#"{"metrosoc.site.id":"other","event.module":"other"}"#, false);
    check("k:\n  '|all': [a b, c d]\ncondition: k", r#"{"X":"a b","Y":"c d"}"#, true);
    check("k:\n  '|all': [a b, c d]\ncondition: k", r#"{"X":"a b"}"#, false);
    check("k: [7045]\ncondition: k", r#"{"event.original":"id 7045"}"#, true);
    check("k: [brace]\ncondition: k", r#"{"event.original":"{\"brace\":1}"}"#, false);
}

#[test]
fn names_with_spaces_and_ecs_names_are_found() {
    check("s: {ThreatName: x}\ncondition: s", r#"{"Threat Name":"x"}"#, true);
    check("s: {ThreatName: x}\ncondition: s", r#"{"winlog.event_data.Threat Name":"x"}"#, true);
    check("s: {Image: x}\ncondition: s", r#"{"winlog.event_data.Image":"x"}"#, true);
    check("s: {Image: x}\ncondition: s", r#"{"process":{"executable":"x"}}"#, false);
    check("s: {EventID: 5}\ncondition: s", r#"{"winlog":{"event_id":5}}"#, true);
}

#[test]
fn only_rules_of_the_events_own_sources_run() {
    let yaml = "title: t\nid: t\nlogsource: {product: windows, category: registry_event}\ndetection:\n  s: {A: x}\n  condition: s\n";
    let set = set(yaml);
    let matches = |json: &str| !set.evaluate(&event(json), &mut Scratch::default()).is_empty();
    assert!(matches(r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":13,"A":"x"}"#));
    assert!(matches(r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":"12","A":"x"}"#));
    assert!(!matches(r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"A":"x"}"#));
    assert!(!matches(r#"{"Channel":"Security","A":"x"}"#));
    assert!(!matches(r#"{"A":"x","sigma_product":"windows","sigma_category":"registry_event"}"#));
}

#[test]
fn a_bad_rule_is_refused_alone_and_told() {
    let good = rule("s: {A: x}\ncondition: s");
    let two = set(&format!("{good}---\n{}", rule("s: {A|contians: x}\ncondition: s")));
    assert_eq!(two.rules().len(), 1);
    assert_eq!(
        two.rejected()[0].to_string(),
        "test.yml:8: rule `t`: `s`: `A|contians`: unknown modifier `contians` (did you mean `contains`?)"
    );
    refused(&rule("s: {A|re: '(?<=x)y'}\ncondition: s"), "look-around");
    refused(&rule("s: {A|re: '((a{100}){100}){100}'}\ncondition: s"), "make its repetitions smaller");
    refused(&rule("s: {A|cidr: 10.0.0.0/33}\ncondition: s"), "`10.0.0.0/33` is no network");
    refused(&rule("s: {A|expand: '%admins%'}\ncondition: s"), "placeholders");
    refused(&rule("s: {A: []}\ncondition: s"), "empty list of values");
    refused(&rule("s: {A: {B: c}}\ncondition: s"), "a map where a single value should be");
    refused(&rule(&format!("s: {{A: x}}\ncondition: {}s", "s or ".repeat(200_000))), "longer than");
    refused(&rule("s: {A: x}\ncondtion: s"), "did you mean `condition`");
    refused(&rule("s: {A: x, A: y}\ncondition: s"), "stands twice");
    refused("title: t\nlogsource: {definition: x}\ndetection: {s: {A: x}, condition: s}\n", "neither `product`");
    refused("- a\n- b\n", "is a list, not a map");
    refused("title: t\nmatch:\n  - {name: x, event: {a: b}}\n", "name the rule's own file");
    refused(
        "title: t\nlevel: hgih\nlogsource: {product: x}\ndetection: {s: {A: x}, condition: s}\n",
        "did you mean `high`",
    );
    refused("title: t\nlevel: low\nid: [\n", "test.yml:4: did not find expected");
    refused(&format!("{good}---\n{good}"), "the same rule was loaded from `test.yml`");
}

#[test]
fn collections_inherit() {
    let set = set(
        "action: global\ntitle: g\nlogsource: {product: windows}\ndetection: {condition: s}\n---\nid: a\ndetection: {s: {A: x}}\n\
         ---\nid: b\ndetection: {s: {A: y}}\n---\naction: repeat\nid: c\ndetection: {s: {B: z}}\n---\naction: reset\n---\nid: d\n",
    );
    assert_eq!(set.rules().len(), 3, "{:?}", set.rejected());
    assert_eq!(set.rejected().len(), 1);
    let matched = set.evaluate(&event(r#"{"Channel":"x","A":"y","B":"z"}"#), &mut Scratch::default());
    assert_eq!(matched.iter().map(|found| found.rule.id().as_str()).collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(matched[0].matched, ["s"]);
}

#[test]
fn atoms_of_a_match_are_those_of_the_rule_and_the_event() {
    let yaml = rule("s: {A|contains: [x, y], B: 1}\nf: {C: z}\ncondition: s and not f");
    let set = set(&format!("{yaml}---\n{}", yaml.replace("id: t", "id: u").replace("title: t", "title: u")));
    let mut scratch = Scratch::default();
    for (fields, atoms) in [(r#""A":"xy","B":1"#, 3), (r#""A":["a","y"],"B":1,"D":"x""#, 2), (r#""A":"x","B":2"#, 0)] {
        let event = event(&format!("{{\"Channel\":\"c\",{fields}}}"));
        let found = set.evaluate_with_atoms(&event, &mut scratch, |number| number == 1);
        let told: Vec<_> = found.iter().map(|one| one.atoms.len()).collect();
        assert_eq!(told, if atoms == 0 { vec![] } else { vec![0, atoms] }, "{fields}");
        for one in found.iter().filter(|one| one.number == 1) {
            assert_eq!(one.atoms, explain::holding_atoms(&set, one.rule, &event), "{fields}");
        }
    }
}

#[test]
fn a_finding_names_who_was_involved() {
    let set = set(&rule("s: {A: x}\ncondition: s"));
    let event = event(
        r#"{"Channel":"Security","A":"x","Computer":"DC-01","TargetUserName":"-","SubjectUserName":"lan","IpAddress":"::ffff:10.1.1.1"}"#,
    );
    let finding = finding_of(&event, &set.evaluate(&event, &mut Scratch::default())[0]);
    assert_eq!(finding.entities.host.as_deref(), Some("DC-01"));
    assert_eq!(finding.entities.user.as_deref(), Some("lan"));
    assert_eq!(finding.entities.source_ip, Some("10.1.1.1".parse().unwrap()));
    assert_eq!(finding.matched, ["s"]);
}

#[test]
fn large_events_are_bounded() {
    let set = set(&format!(
        "{}---\n{}",
        rule("k: [needle, 'a*b*c*d']\ncondition: k"),
        rule("s: {A|re: '(a|aa)+$'}\ncondition: s")
    ));
    let mut event = Event::new();
    event.push("Channel", "Security").unwrap();
    event.push("A", "a".repeat(1_000_000).as_str()).unwrap();
    while event.push("Filler", "xaxbxc").is_ok() {}
    assert_eq!(set.evaluate(&event, &mut Scratch::default()).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_loaded_or_refused(text in "(\\PC|[\\n :\\-&*!|>'\"{}\\[\\]]){0,120}") {
        set(&text);
    }

    #[test]
    fn any_detection_is_loaded_or_refused(
        field in "[A-C]{1}(\\|(contains|all|re|cidr|windash|base64offset|wide|neq|exists|lt|hour|fieldref|cased|i|x)){0,3}",
        value in "\\PC{0,20}",
        condition in "(s|not s|1 of them|all of s\\*|\\(s|s\\)| and | or ){1,5}",
        given in "\\PC{0,20}",
    ) {
        let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let set = set(&rule(&format!("s: {{{}: {}}}\ncondition: {}", quote(&field), quote(&value), quote(&condition))));
        prop_assert_eq!(set.rules().len() + set.rejected().len(), 1);
        let mut event = Event::new();
        event.push("Channel", "Security").unwrap();
        event.push("A", given.as_str()).unwrap();
        set.evaluate(&event, &mut Scratch::default());
    }
}

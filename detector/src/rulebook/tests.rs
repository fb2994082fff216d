//! Rules, filters, pipelines and correlations together.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use event::{Event, EventId, Finding, KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};

use super::*;
use crate::correlate::Settings;

const GUESSING: &str = "\
title: failed
name: failed
logsource: {service: x}
level: low
detection: {s: {outcome: failure}, condition: s}
---
title: succeeded
name: succeeded
logsource: {service: x}
detection: {s: {outcome: success}, condition: s}
---
title: guessing
id: 7d1f8a5e-0b1e-4c59-9d0a-0d2f6f1d7a11
level: high
correlation: {type: event_count, rules: [failed], group-by: [source.ip], timespan: 1m, condition: {gte: 3}}
";

fn text(yaml: &str) -> RuleSource {
    RuleSource::Text { path: "test.yml".to_owned(), yaml: yaml.to_owned() }
}

fn book(yaml: &str) -> Rulebook {
    Rulebook::load(&[text(yaml)], &Dialect::of(FieldMap::default()))
}

fn told(book: &Rulebook) -> Vec<String> {
    book.rejected().iter().map(ToString::to_string).collect()
}

fn event(number: u64, secs: i64, outcome: &str, known_by: KnownBy) -> Event {
    let mut event = Event::new();
    event.id = EventId(number);
    event.received = Timestamp::from_secs(1_793_664_000 + secs);
    event.claimed = Some(event.received);
    event.origin = Some(Arc::new(Origin {
        site: SiteId::local(),
        agency: None,
        known_by,
        source: SourceId::new("test:x").unwrap(),
        transport: Transport::SyslogTls,
        peer: None,
    }));
    for (name, value) in [("event.dataset", "p.x"), ("outcome", outcome), ("source.ip", "2001:db8::7")] {
        event.push(name, value).unwrap();
    }
    event
}

fn run(stream: &mut Stream, events: impl IntoIterator<Item = Event>) -> Vec<Finding> {
    let mut findings = Vec::new();
    events.into_iter().for_each(|event| stream.take(&event, |_, _| false, &mut findings));
    findings
}

#[test]
fn a_correlation_tells_who_and_which_events() {
    let mut stream = Stream::new(Arc::new(book(GUESSING)), Settings::default());
    let failures = (0..4).map(|number| event(number, number.cast_signed(), "failure", KnownBy::Certificate));
    let found = run(&mut stream, failures);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.rule.title.as_str(), one.event), ("guessing", EventId(2)));
    assert_eq!(one.related, [EventId(0), EventId(1), EventId(2)]);
    assert_eq!(one.entities.source_ip, Some("2001:db8::7".parse().unwrap()));
    assert_eq!(one.matched, ["value 3 of 3 events", "source.ip: 2001:db8::7"]);
    assert!(one.known_by.authenticated());
    // Rules that no correlation uses give findings of their own.
    let found = run(&mut stream, [event(9, 9, "success", KnownBy::Certificate)]);
    assert_eq!(found.iter().map(|one| one.rule.title.as_str()).collect::<Vec<_>>(), ["succeeded"]);
}

#[test]
fn one_unproven_sender_makes_the_whole_unproven() {
    let mut stream = Stream::new(Arc::new(book(GUESSING)), Settings::default());
    let known = [KnownBy::Certificate, KnownBy::Address, KnownBy::Certificate];
    let events = known.into_iter().zip(0..).map(|(known, number)| event(number, 1, "failure", known));
    assert!(!run(&mut stream, events)[0].known_by.authenticated());
}

#[test]
fn what_correlations_remember_survives_a_restart_and_a_reload() {
    let rules = Arc::new(book(GUESSING));
    let two = |from: u64| (from..from + 2).map(|number| event(number, 1, "failure", KnownBy::Certificate));
    let mut stream = Stream::new(Arc::clone(&rules), Settings::default());
    assert!(run(&mut stream, two(0)).is_empty());
    let (mut stream, told) = Stream::restore(rules, Settings::default(), &stream.save()).unwrap();
    assert!(told.is_empty() && stream.position() == EventId(2));
    // Events that were seen before the crash do not count again.
    assert!(run(&mut stream, two(0)).is_empty());
    let same = book(&format!(
        "{GUESSING}---\ntitle: more\nlogsource: {{service: x}}\ndetection: {{s: {{a: b}}, condition: s}}\n"
    ));
    assert!(stream.replace(Arc::new(same), Settings::default()).unwrap().is_empty());
    let found = run(&mut stream, [event(2, 2, "failure", KnownBy::Certificate)]);
    assert_eq!(found[0].related.len(), 3);
    // Who sent the first two is not known any more, so no action may follow by itself.
    assert!(!found[0].known_by.authenticated());
    let other = book(&GUESSING.replace("gte: 3", "gte: 2"));
    assert_eq!(stream.replace(Arc::new(other), Settings::default()).unwrap().len(), 1);
    assert!(Stream::restore(stream.book().clone(), Settings::default(), b"rubbish").is_err());
}

#[test]
fn hidden_findings_count_nowhere() {
    let mut stream = Stream::new(Arc::new(book(GUESSING)), Settings::default());
    let mut findings = Vec::new();
    for number in 0..5 {
        let failure = event(number, 1, "failure", KnownBy::Certificate);
        stream.take(&failure, |rule, _| rule.as_str().contains("test.yml"), &mut findings);
    }
    assert!(findings.is_empty(), "{findings:?}");
    let mut stream = Stream::new(Arc::new(book(GUESSING)), Settings::default());
    for number in 0..5 {
        let failure = event(number, 1, "failure", KnownBy::Certificate);
        stream.take(&failure, |rule, _| rule.as_str().starts_with("7d1f8a5e"), &mut findings);
    }
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn time_alone_ends_a_window() {
    let quiet = GUESSING.replace("condition: {gte: 3}", "condition: {lt: 3}");
    let mut stream = Stream::new(Arc::new(book(&quiet)), Settings::default());
    assert!(run(&mut stream, [event(0, 0, "failure", KnownBy::Certificate)]).is_empty());
    let mut findings = Vec::new();
    stream.advance(stream.clock().unwrap().plus(Duration::from_secs(3_600)), &mut findings);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].related, [EventId(0)]);
}

#[test]
fn filters_narrow_and_pipelines_fill_placeholders() {
    let filtered = "\
title: f
logsource: {service: x}
filter: {rules: any, lab: {source.ip|cidr: '2001:db8::/32'}, condition: not lab}
---
title: t
logsource: {service: x}
detection: {s: {outcome: failure}, condition: s}
";
    let rules = book(filtered);
    assert_eq!((rules.len(), told(&rules)), (1, Vec::new()));
    let mut stream = Stream::new(Arc::new(rules), Settings::default());
    assert!(run(&mut stream, [event(0, 0, "failure", KnownBy::Certificate)]).is_empty());

    let placeholder = "\
title: p
logsource: {service: x}
detection: {s: {outcome|expand: '%bad%'}, condition: s}
";
    let expected = "test.yml:1: rule `p`: placeholder `%bad%` has no values; list them under `vars` in a pipeline";
    assert_eq!(told(&book(placeholder)), [expected]);
    let pipeline =
        "name: lists\npriority: 10\nvars: {bad: [failure, error]}\ntransformations: [{type: value_placeholders}]\n";
    let (pipelines, faults) = Pipelines::load(&[text(pipeline)]);
    assert_eq!(faults, []);
    let dialect = Dialect { pipelines, ..Dialect::of(FieldMap::default()) };
    let mut stream = Stream::new(Arc::new(Rulebook::load(&[text(placeholder)], &dialect)), Settings::default());
    assert_eq!(run(&mut stream, [event(0, 0, "failure", KnownBy::Certificate)]).len(), 1);
}

#[test]
fn a_circle_of_correlations_is_refused_alone() {
    let circle = GUESSING.to_owned()
        + "---\ntitle: a\nname: a\ncorrelation: {type: temporal, rules: [b, failed], group-by: [source.ip], timespan: 1m}\n"
        + "---\ntitle: b\nname: b\ncorrelation: {type: temporal, rules: [a, failed], group-by: [source.ip], timespan: 1m}\n";
    let rules = book(&circle);
    assert_eq!(rules.len(), 3, "{:?}", told(&rules));
    let told = told(&rules);
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("test.yml:16: rule `a`: ") && told[0].contains("circle"), "{told:?}");
}

#[test]
fn the_hour_is_the_citys() {
    let night = "title: t\nlogsource: {service: x}\ndetection: {s: {'@timestamp|hour|gte': 22}, condition: s}\n";
    let rules = book(night);
    let matches = |time: &str| {
        let mut event = event(0, 0, "x", KnownBy::Certificate);
        event.push("@timestamp", time).unwrap();
        !rules.rules().evaluate(&event, &mut crate::sigma::Scratch::default()).is_empty()
    };
    assert!(matches("2026-11-03T15:30:00Z") && !matches("2026-11-03T22:30:00Z"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn our_own_rules_keep_what_their_tests_promise() {
    let report = check(&[root().join("rules/sigma")], &Dialect::embedded().unwrap());
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    let rejected: Vec<String> = report.rejected.iter().map(ToString::to_string).collect();
    assert!(report.is_good(), "{failures:#?} {rejected:#?}");
    assert!(report.untested.is_empty(), "without a test: {:?}", report.untested);
    assert!(report.rules >= 175 && report.cases >= 3 * report.rules, "{} rules, {} cases", report.rules, report.cases);
}

#[test]
fn our_own_rules_tell_what_an_analyst_needs() {
    let book = Rulebook::load(&[RuleSource::Path(root().join("rules/sigma"))], &Dialect::embedded().unwrap());
    let mut ids = std::collections::BTreeSet::new();
    let mut check = |path: &str, reference: &RuleRef, described: bool, doubted: bool| {
        let id = reference.id.as_str();
        assert!(id.len() == 36 && id.as_bytes()[14] == b'4', "{path}: `{id}` is no UUID of version 4");
        assert!(ids.insert(id.to_owned()), "{path}: id `{id}` is taken");
        assert!(reference.tags.iter().any(|tag| tag.starts_with("attack.t")), "{path}: no technique");
        assert!(described, "{path}: no description in both languages");
        assert!(doubted, "{path}: no false positives");
    };
    for (number, rule) in (0..).zip(book.rules().rules()) {
        let described = !rule.description.is_empty() && rule.description_vi.is_some();
        // What is only part of a correlation never stands before an analyst.
        let is_part = book.plan().is_silent(number);
        check(&rule.path, &rule.reference, described || is_part, !rule.falsepositives.is_empty() || is_part);
    }
    for ((one, spec), number) in book.correlations().iter().zip(book.plan().specs()).zip(0..) {
        let described = !spec.description.is_empty() && spec.description_vi.is_some();
        let is_part = book.plan().is_silent_correlation(number);
        check(&one.path, &one.reference, described || is_part, !spec.falsepositives.is_empty() || is_part);
    }
}

#[test]
fn a_failing_test_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.yml", "title: a\nlogsource: {service: x}\ndetection: {s: {A: x}, condition: s}\n");
    write(
        "a.test.yml",
        "match:\n  - name: one\n    event: {event.dataset: p.x, A: y}\nno_match:\n  - event: {event.dataset: p.x, A: x}\n",
    );
    write("b.yaml", "title: b\nlogsource: {service: x}\ndetection: {s: {A: x}, condition: s}\n");
    write("c.yml", "title: c\n");
    let report = check(&[folder.path().to_owned()], &Dialect::of(FieldMap::default()));
    let failures: Vec<String> = report.failures.iter().map(|one| format!("{} {}", one.case, one.reason)).collect();
    assert_eq!(failures, ["one must match and does not", "no_match 0 must not match and does"]);
    assert_eq!((report.rules, report.cases, report.untested.len(), report.rejected.len()), (2, 2, 1, 1));
}

#[test]
fn a_pipeline_has_versions_as_rules_have() {
    let source = |yaml: &str| RuleSource::Text { path: "ours/zeek names.yml".to_owned(), yaml: yaml.to_owned() };
    let [one] = of_pipelines(&[source("name: Zeek\npriority: 10\n")]).try_into().unwrap();
    assert_eq!((one.id.as_str(), one.title.as_str()), ("pipeline:ours_zeek_names.yml", "Zeek"));
    let [other] = of_pipelines(&[source("name: Zeek\npriority: 20\n")]).try_into().unwrap();
    assert_eq!(other.id, one.id);
    assert_ne!(other.digest, one.digest);
}

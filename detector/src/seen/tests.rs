//! What is seen, kept and forgotten, and which rules are silent by it.

use std::time::Duration;

use event::json;

use super::*;
use crate::rulebook::{Dialect, Rulebook};
use crate::sigma::RuleSource;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn event(text: &str) -> Event {
    let mut event = Event::new();
    json::flatten("", &serde_json::from_str(text).unwrap(), &mut event).unwrap();
    event
}

const RULES: &str = "title: a\nid: a\nname: first\nlogsource: {product: nginx}\ndetection: {s: {http.x: y}, condition: s}\n---\n\
title: b\nid: b\nlogsource: {product: squid}\ndetection: {s: {http.x: y}, condition: s}\n---\n\
title: c\nid: c\nlogsource: {category: webserver}\ndetection: {s: {http.x: y}, f: {http.z: 1}, condition: s and not f}\n---\n\
title: d\nid: d\nlogsource: {category: webserver}\ndetection: {s: {http.z: y}, condition: s}\n---\n\
title: all\nid: all\ncorrelation: {type: temporal, rules: [first, d], group-by: [host.name], timespan: 1m}\n---\n\
title: one\nid: one\ncorrelation: {type: event_count, rules: [first, d], group-by: [host.name], timespan: 1m, condition: {gte: 2}}\n---\n\
title: above\nid: above\ncorrelation: {type: event_count, rules: [all], group-by: [host.name], timespan: 1m, condition: {gte: 2}}\n";

fn told(seen: &Seen) -> Vec<String> {
    let source = RuleSource::Text { path: "a.yml".to_owned(), yaml: RULES.to_owned() };
    let book = Rulebook::load(&[source], &Dialect::embedded().unwrap());
    assert!(book.rejected().is_empty(), "{:?}", book.rejected());
    silent(&book, seen)
        .iter()
        .map(|one| {
            let why = match &one.silence {
                Silence::SourceNeverSeen { logsource } => format!("source {logsource}"),
                Silence::FieldsNeverSeen { fields, .. } => format!("fields {}", fields.join(" ")),
                Silence::RulesSilent { rules } => format!("rules {}", rules.join(" ")),
            };
            format!("{}: {why}", one.rule.id)
        })
        .collect()
}

#[test]
fn rules_are_silent_by_what_was_seen() {
    let mut seen = Seen::new(NOW);
    assert_eq!(told(&seen).len(), 7, "nothing seen, nothing fires");
    seen.note(&event(r#"{"event.dataset":"nginx.access","http.x":"1"}"#), NOW);
    assert_eq!(
        told(&seen),
        ["b: source squid/-/-", "d: fields http.z", "all: rules d", "above: rules all"],
        "{:?}",
        seen.sources
    );
    seen.note(&event(r#"{"event.dataset":"nginx.access","http.z":"1"}"#), NOW);
    seen.note(&event(r#"{"event.dataset":"squid.access","http.x":"1"}"#), NOW);
    assert!(told(&seen).is_empty(), "{:?}", told(&seen));
}

#[test]
fn what_was_seen_is_kept_and_forgotten() {
    let mut seen = Seen::new(NOW);
    seen.note(&event(r#"{"event.dataset":"nginx.access","http.x":"1"}"#), NOW);
    let changes = seen.changes();
    seen.note(&event(r#"{"event.dataset":"nginx.access","http.x":"2"}"#), NOW);
    assert_eq!(seen.changes(), changes, "nothing new");
    let saved = seen.save(NOW).unwrap();
    let mut back = Seen::load(&saved).unwrap();
    assert_eq!((told(&back), back.since()), (told(&seen), NOW));
    assert!(!String::from_utf8_lossy(&saved).contains("\"1\""), "no value is kept");
    back.save(NOW.plus(29 * DAY)).unwrap();
    assert_eq!(back.sources_len(), 1);
    back.save(NOW.plus(30 * DAY)).unwrap();
    assert_eq!(back.sources_len(), 0);
    assert!(Seen::load(b"{}").is_err());
    let other = String::from_utf8(saved).unwrap().replace("\"version\":1", "\"version\":9");
    assert!(Seen::load(other.as_bytes()).unwrap_err().to_string().contains("version 9"));
}

#[test]
fn floods_of_names_are_bounded_and_make_no_rule_silent() {
    let mut seen = Seen::new(NOW);
    for number in 0..=SOURCES_MAX {
        seen.note(&event(&format!(r#"{{"event.dataset":"made{number}.up"}}"#)), NOW);
    }
    assert_eq!((seen.sources_len(), seen.is_full), (SOURCES_MAX, true));
    assert!(told(&seen).is_empty());
    seen.forget(day_of(NOW.plus(31 * DAY)));
    assert_eq!((seen.sources_len(), seen.is_full), (0, false));
    for round in 0..9 {
        let fields: Vec<String> = (0..500).map(|field| format!("\"f{round}.{field}\":1")).collect();
        seen.note(&event(&format!(r#"{{"event.dataset":"nginx.access",{}}}"#, fields.join(","))), NOW);
    }
    assert!(seen.sources.values().all(|fields| fields.names.len() <= FIELDS_MAX && fields.is_full));
    assert_eq!(told(&seen), ["b: source squid/-/-"]);
}

#[test]
fn shapes_are_new_once_a_day() {
    let mut shapes = Shapes::default();
    let (one, other) = (event(r#"{"a":1,"b":2}"#), event(r#"{"a":1,"c":2}"#));
    let mut is_new = |sources, event: &Event, now| shapes.is_new(sources, event, now);
    assert!(is_new(1, &one, NOW) && is_new(1, &other, NOW) && is_new(2, &one, NOW));
    assert!(!is_new(1, &one, NOW) && !is_new(0, &one, NOW), "known, and without a log source");
    assert!(is_new(1, &one, NOW.plus(DAY)), "the day after");
}

//! Drafts, compiled sets and the register on every store.

use std::sync::Arc;
use std::time::Duration;

use event::{Event, Grant, ManualClock, NoMasks, Object, Operation, Permit, Role, Scope, Subject, json};
use store::testing::stores;

use super::*;
use crate::DetectorError;
use crate::alert::Alerts;
use crate::sigma::{FieldMap, RuleSet, RuleSource};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn draft(text: &str) -> Draft {
    let mut draft: Draft = serde_json::from_str(&text.replacen(
        '{',
        r#"{"reason":"the backup agent does this nightly","expires":"2030-01-01T00:00:00Z","#,
        1,
    ))
    .unwrap();
    draft.expires = NOW.plus(30 * DAY);
    draft
}

fn lan() -> UserName {
    UserName::new("lan").unwrap()
}

fn event(text: &str) -> Event {
    let mut event = Event::new();
    json::flatten("", &serde_json::from_str(text).unwrap(), &mut event).unwrap();
    event
}

fn rules() -> RuleSet {
    let yaml = "title: one rule\nid: one\nlevel: low\nlogsource: {product: windows, category: process_creation}\n\
                detection: {s: {A: x}, condition: s}\n---\ntitle: other rule\nid: other\nlevel: high\n\
                logsource: {service: x}\ndetection: {s: {A: x}, condition: s}\n";
    RuleSet::load(&[RuleSource::Text { path: "t.yml".into(), yaml: yaml.into() }], &FieldMap::embedded().unwrap())
}

fn compiled(drafts: &[&str]) -> Exceptions {
    let accept = |text: &&str| draft(text).accept(&lan(), NOW).unwrap();
    let exceptions: Vec<Exception> = drafts.iter().map(accept).collect();
    Exceptions::compile(&exceptions, &rules(), &FieldMap::embedded().unwrap(), NOW)
}

#[test]
fn drafts_say_enough_and_not_too_much() {
    let good = r#"{"rules":["one"],"fields":{"user.name":"backup"}}"#;
    let accepted = draft(good).accept(&lan(), NOW).unwrap();
    assert_eq!((accepted.owner, accepted.created_by.clone()), (lan(), accepted.created_by));
    let refused = |change: &dyn Fn(&mut Draft), part: &str| {
        let mut draft = draft(good);
        change(&mut draft);
        let reason = draft.accept(&lan(), NOW).unwrap_err().to_string();
        assert!(reason.starts_with("exception cannot be used: ") && reason.contains(part), "{reason}");
    };
    refused(&|draft| draft.rules.clear(), "neither rules nor a level");
    refused(&|draft| draft.level = Some(Level::Low), "one of the two");
    refused(&|draft| draft.reason = " ok ".to_owned(), "the reason has 2 characters");
    refused(&|draft| draft.expires = NOW, "which is past");
    refused(&|draft| draft.expires = NOW.plus(LIFE_MAX + DAY), "one year ahead is the most");
    refused(&|draft| draft.fields.clear(), "has 0 fields");
    refused(&|draft| drop(draft.fields.insert("a|contains".into(), "".into())), "fits every value");
    assert!(
        serde_json::from_str::<Draft>(r#"{"fields":{},"reason":"x","expires":"2030-01-01T00:00:00Z","x":1}"#).is_err()
    );
}

#[test]
fn what_is_hidden_ends_by_its_date() {
    let set = compiled(&[
        r#"{"rules":["one"],"fields":{"user.name":"backup","host.name|startswith":"srv-"}}"#,
        r#"{"rules":["one"],"fields":{"Image|endswith":"\\veeam.exe"}}"#,
        r#"{"level":"high","fields":{"source.ip|cidr":"10.0.0.0/8"}}"#,
    ]);
    let rule = |id: &str| RuleId::new(id).unwrap();
    let hides = |id: &str, text: &str, now| set.hides(&rule(id), &event(text), now).is_some();
    let backup = r#"{"user.name":"Backup","host.name":"srv-3"}"#;
    assert!(hides("one", backup, NOW));
    assert!(!hides("other", backup, NOW), "another rule");
    assert!(!hides("one", r#"{"user.name":"lan","host.name":"srv-3"}"#, NOW), "another user");
    // The rule's own field name is found where the map has it.
    assert!(hides("one", r#"{"process.executable":"C:\\Veeam.exe"}"#, NOW));
    assert!(hides("other", r#"{"source.ip":"10.1.1.1"}"#, NOW), "by level");
    assert!(!hides("one", r#"{"source.ip":"10.1.1.1"}"#, NOW), "another level");
    assert!(!hides("one", backup, NOW.plus(30 * DAY)), "expired");
    assert_eq!((set.len(), set.is_empty()), (3, false));
}

#[test]
fn what_is_expired_withdrawn_or_broken_hides_nothing() {
    let accept = || draft(r#"{"rules":["one"],"fields":{"a":"x"}}"#).accept(&lan(), NOW).unwrap();
    let withdrawn = Withdrawal { time: NOW, by: lan(), reason: "no longer needed".to_owned() };
    let cases = [
        Exception { expires: NOW, ..accept() },
        Exception { withdrawn: Some(withdrawn), ..accept() },
        Exception { fields: serde_json::from_str(r#"{"a|contians":"x"}"#).unwrap(), ..accept() },
    ];
    let states: Vec<State> = cases.iter().map(|one| one.state(NOW)).collect();
    assert_eq!(states, [State::Expired, State::Withdrawn, State::Active]);
    let set = Exceptions::compile(&cases, &rules(), &FieldMap::default(), NOW);
    assert_eq!(set.hides(&RuleId::new("one").unwrap(), &event(r#"{"a":"x"}"#), NOW), None);
    assert_eq!((set.len(), set.faults().len()), (0, 1));
}

#[tokio::test]
async fn what_is_hidden_is_counted_once_over_restarts_and_replays() {
    for store in stores().await.unwrap() {
        let clock = Arc::new(ManualClock::at(NOW));
        let register = ExceptionRegister::open(store.store().clone(), clock.clone());
        let accept = |text| register.accept(&permit(Operation::Write), draft(text)).unwrap();
        let first = register.add(accept(r#"{"rules":["one"],"fields":{"a":"x"}}"#)).await.unwrap().id;
        let second = register.add(accept(r#"{"rules":["one"],"fields":{"a":"y"}}"#)).await.unwrap().id;
        let hiding = |event, id: &ExceptionId| Hiding { event: EventId(event), exception: id.clone() };
        let batch = [hiding(1, &first), hiding(2, &first), hiding(2, &second)];
        let alerts = || Alerts::open(store.store().clone(), clock.clone());
        alerts().take_with(&[], &batch, EventId(3)).await.unwrap();
        // The same batch again, then one that reaches further, as after a crash.
        alerts().take_with(&[], &batch, EventId(3)).await.unwrap();
        let longer = [batch.as_slice(), &[hiding(3, &second)]].concat();
        alerts().take_with(&[], &longer, EventId(4)).await.unwrap();
        let listed = register.list(&permit(Operation::Read)).await.unwrap();
        let count = |id: &ExceptionId| listed.iter().find(|one| one.id == *id).map(|one| one.hidden);
        assert_eq!((count(&first), count(&second)), (Some(2), Some(2)));
    }
}

fn permit(operation: Operation) -> Permit {
    Permit::issue(Grant {
        subject: Subject { name: lan(), role: Role::AnalystTier2, agency: None },
        purpose: "triage".to_owned(),
        operation,
        object: Object::Rules,
        scope: Scope::all(),
        masks: Arc::new(NoMasks),
        not_after: NOW.plus(60 * DAY),
        because: Vec::new(),
    })
}

#[tokio::test]
async fn the_register_keeps_everything() {
    for store in stores().await.unwrap() {
        let clock = Arc::new(ManualClock::at(NOW));
        let register = ExceptionRegister::open(store.store().clone(), clock.clone());
        let first = draft(r#"{"rules":["other","one","one"],"owner":"hoa","fields":{"a":["x",7,true]}}"#);
        let denied = register.accept(&permit(Operation::Read), first.clone()).unwrap_err();
        assert!(matches!(denied, DetectorError::NotPermitted { .. }), "{denied}");
        let first = register.accept(&permit(Operation::Write), first).unwrap();
        assert!(register.in_force().await.unwrap().is_empty(), "accepted is not added");
        let first = register.add(first).await.unwrap();
        let level = draft(r#"{"level":"low","fields":{"a|contains":"ổ"}}"#);
        assert!(register.accept(&permit(Operation::Write), level.clone()).is_err(), "a level needs more");
        let second = register.add(register.accept(&permit(Operation::Manage), level).unwrap()).await.unwrap();
        assert_eq!(first.owner.as_str(), "hoa");
        let listed = register.list(&permit(Operation::Read)).await.unwrap();
        assert!(listed.contains(&first) && listed.contains(&second) && listed.len() == 2, "{listed:?}");

        let ended = register.withdraw(&permit(Operation::Write), &first.id, "the agent is gone now").await.unwrap();
        assert_eq!(ended.withdrawn.as_ref().map(|end| end.by.clone()), Some(lan()));
        let again = register.withdraw(&permit(Operation::Write), &first.id, "the agent is gone now").await;
        assert!(again.unwrap_err().to_string().contains("was withdrawn by lan"));
        let none = ExceptionId::new("ex-0").unwrap();
        let missing = register.withdraw(&permit(Operation::Write), &none, "the agent is gone now").await;
        assert!(matches!(missing, Err(DetectorError::NoSuchException { .. })));
        assert_eq!(register.in_force().await.unwrap(), [second]);
        assert_eq!(register.list(&permit(Operation::Read)).await.unwrap().len(), 2);

        clock.advance(31 * DAY);
        assert!(register.in_force().await.unwrap().is_empty());
        assert_eq!(register.list(&permit(Operation::Read)).await.unwrap().len(), 2);
    }
}

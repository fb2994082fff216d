//! Versions on every store: what a load changes, what is kept of it, who sees it.

use std::sync::Arc;
use std::time::Duration;

use event::{Grant, ManualClock, NoMasks, Object, Operation, Permit, Role, Scope, Subject, UserName};
use store::testing::stores;

use super::*;
use crate::DetectorError;
use crate::rulebook::{Content, Dialect, Rulebook};
use crate::sigma::RuleSource;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn rule(id: &str, value: &str) -> String {
    format!(
        "# {id}\ntitle: rule {id}\nid: {id}\nmodified: 2026-11-0{}\nlogsource: {{service: x}}\n\
         detection: {{s: {{A: {value}}}, condition: s}}\n",
        value.len()
    )
}

fn contents(rules: &[String]) -> Vec<Content> {
    let source = RuleSource::Text { path: "a.yml".to_owned(), yaml: rules.join("---\n") };
    Rulebook::load_with_contents(&[source], &Dialect::embedded().unwrap()).1
}

fn permit(object: Object) -> Permit {
    Permit::issue(Grant {
        subject: Subject { name: UserName::new("lan").unwrap(), role: Role::AnalystTier2, agency: None },
        purpose: "triage".to_owned(),
        operation: Operation::Read,
        object,
        scope: Scope::all(),
        masks: Arc::new(NoMasks),
        not_after: NOW.plus(Duration::from_secs(60)),
        because: Vec::new(),
    })
}

fn told(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| format!("{} {}", change.action.as_str(), change.rule)).collect()
}

#[test]
fn contents_are_what_files_say() {
    let both = contents(&[rule("b", "x"), rule("a", "xy"), rule("a", "xyz"), "title: broken\nid: c\n".to_owned()]);
    let ids: Vec<&str> = both.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"], "rejected rules have no content, twins have one");
    assert!(both[0].text.contains("{A: xy}") && both[0].text.contains("{A: xyz}"), "{}", both[0].text);
    assert_eq!((both[1].text.as_str(), both[1].modified.as_deref()), (rule("b", "x").as_str(), Some("2026-11-01")));
    assert_eq!(both[1].digest.len(), 64);
    let inherited = |level: &str| {
        let global = format!("action: global\nlevel: {level}\n");
        contents(&[global, rule("a", "x")]).remove(0)
    };
    assert_eq!(inherited("low").text, inherited("high").text);
    assert_ne!(inherited("low").digest, inherited("high").digest, "what a rule inherits is part of what it says");
}

#[tokio::test]
async fn each_load_is_compared_with_the_one_before() {
    for store in stores().await.unwrap() {
        let clock = Arc::new(ManualClock::at(NOW));
        let register = VersionRegister::open(store.store().clone(), clock.clone());
        let load = async |rules: &[String], ledger: u64| {
            let changes = register.compare(&contents(rules)).await.unwrap();
            let told = told(&changes);
            let kept: Vec<(Change, u64)> = changes.into_iter().map(|change| (change, ledger)).collect();
            register.keep(&kept, "lan").await.unwrap();
            told
        };
        assert_eq!(load(&[rule("a", "x"), rule("b", "x")], 1).await, ["added a", "added b"]);
        assert!(load(&[rule("b", "x"), rule("a", "x")], 2).await.is_empty(), "another order is no change");
        assert_eq!(load(&[rule("a", "xy"), rule("c", "x")], 3).await, ["changed a", "removed b", "added c"]);
        assert_eq!(load(&[rule("a", "xy"), rule("b", "x")], 4).await, ["added b", "removed c"]);

        let versions = register.versions(&permit(Object::Rules), &RuleId::new("b").unwrap()).await.unwrap();
        let lines: Vec<_> = versions.iter().map(|one| (one.number, one.action, one.ledger)).collect();
        assert_eq!(lines, [(3, Action::Added, 4), (2, Action::Removed, 3), (1, Action::Added, 1)]);
        assert_eq!(versions[2].text, rule("b", "x"), "the old text is kept");
        assert_eq!((versions[1].digest.as_ref(), &versions[1].before), (None, &versions[2].digest));
        assert_eq!((versions[0].actor.as_str(), versions[0].time), ("lan", NOW));
        let denied = register.versions(&permit(Object::Alerts), &RuleId::new("b").unwrap()).await.unwrap_err();
        assert!(matches!(denied, DetectorError::NotPermitted { .. }), "{denied}");
        assert!(register.versions(&permit(Object::Rules), &RuleId::new("z").unwrap()).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn few_versions_are_kept_and_none_is_long() {
    let stores = stores().await.unwrap();
    let Some(store) = stores.first() else { return };
    let register = VersionRegister::open(store.store().clone(), Arc::new(ManualClock::at(NOW)));
    for round in 0..=VERSIONS_MAX {
        let mut content = contents(&[rule("a", "x")]).remove(0);
        content.digest = round.to_string();
        content.text = "đ".repeat(TEXT_BYTES_MAX);
        let changes = register.compare(&[content]).await.unwrap();
        let kept: Vec<(Change, u64)> = changes.into_iter().map(|change| (change, 7)).collect();
        register.keep(&kept, "lan").await.unwrap();
    }
    let versions = register.versions(&permit(Object::Rules), &RuleId::new("a").unwrap()).await.unwrap();
    assert_eq!((versions.len() as i64, versions.last().map(|one| one.number)), (VERSIONS_MAX, Some(2)));
    assert!(versions.iter().all(|one| one.text.len() <= TEXT_BYTES_MAX && one.text.ends_with('…')));
}

#[test]
fn many_changes_have_one_digest() {
    let digest = |rules: &[String]| digest_of(&change::between(Default::default(), &contents(rules)));
    assert_eq!(digest(&[rule("a", "x"), rule("b", "x")]), digest(&[rule("b", "x"), rule("a", "x")]));
    assert_ne!(digest(&[rule("a", "x")]), digest(&[rule("a", "xy")]));
}

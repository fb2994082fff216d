//! Versions on every database.

use std::sync::Arc;

use event::{ManualClock, UserName};
use store::testing::stores;

use super::*;
use crate::account::Appending;
use crate::guard::PolicySource;

/// Counts what is appended; refuses on demand.
#[derive(Debug, Default)]
struct Notes(std::sync::Mutex<Vec<serde_json::Value>>, std::sync::atomic::AtomicBool);

impl Journal for Notes {
    fn append<'a>(&'a self, _: &'a str, _: &'static str, _: &'a str, detail: serde_json::Value) -> Appending<'a> {
        Box::pin(async move {
            if self.1.load(std::sync::atomic::Ordering::Relaxed) {
                return Err("the record is full".into());
            }
            let mut notes = self.0.lock().unwrap();
            notes.push(detail);
            Ok(notes.len() as u64)
        })
    }
}

fn more(line: &str) -> PolicyText {
    let mut text = PolicyText::embedded();
    text.policy.push_str(line);
    text
}

#[tokio::test]
async fn what_is_imported_is_read_back_and_told() {
    for test in stores().await.unwrap() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let notes = Arc::new(Notes::default());
        let versions =
            PolicyVersions::new(test.store().clone(), Arc::clone(&notes) as Arc<dyn Journal>, Arc::clone(&clock));
        assert_eq!(versions.newest().await.unwrap(), None);
        let guard = Guard::open(PolicySource::Embedded, Arc::clone(&clock)).unwrap();
        let admin = Subject { name: UserName::new("quan-tri").unwrap(), role: Role::Admin, agency: None };
        let permit = guard.permit(&admin, Operation::Manage, Object::Policy, "").unwrap();
        let (before, after) = (PolicyText::embedded(), more("p, machine, all, sites, read, any, allow\n"));

        let (info, change) =
            versions.import(&permit, after.clone(), "machines read sites", &before, None).await.unwrap();
        assert_eq!((info.number, change.added_count, change.removed_count), (1, 1, 0));
        assert_eq!(versions.newest().await.unwrap(), Some((1, after.version())));
        assert_eq!(versions.get(1).await.unwrap().unwrap().text, after);
        assert_eq!(notes.0.lock().unwrap()[0]["lines_added"][0], "p, machine, all, sites, read, any, allow");

        // A case that fails refuses it by name; cases that came with a policy stay for the next.
        let opened = more("p, auditor, all, rules, read, any, allow\n");
        let case =
            "version: 1\ncases:\n  - { name: no rules, role: auditor, operation: read, object: rules, expect: deny }\n";
        let failed = versions.import(&permit, opened.clone(), "no", &after, Some(case)).await.unwrap_err();
        assert!(failed.to_string().contains("fails 1 of 1 cases: `no rules`: allowed, expected a denial"), "{failed}");
        let none = versions.import(&permit, opened.clone(), "no", &after, Some("version: 1\ncases: []")).await;
        assert!(none.unwrap_err().to_string().contains("holds no case"));
        assert_eq!(versions.cases().await.unwrap(), cases::EMBEDDED);
        // Who administers the policy gives himself no data, whatever cases he brings.
        let mut open = PolicyText::embedded();
        open.policy =
            open.policy.replace("p, admin, none, events, any, any, deny", "p, admin, all, events, read, stated, allow");
        let mut loose = PolicyText::embedded();
        loose.model = loose
            .model
            .replace("m = r.obj == p.obj &&", "m = r.obj == p.obj && !(r.sub == \"admin\" && p.eft == \"deny\") &&");
        loose.policy.push_str("p, admin, all, alerts, read, any, allow\n");
        for own in [open, loose] {
            assert_ne!(own, PolicyText::embedded());
            let own = versions.import(&permit, own, "for me", &after, Some(case)).await.unwrap_err();
            assert!(own.to_string().contains("administrators read no data"), "{own}");
        }
        // Nothing of what is refused is stored.
        let wrong = more("p, machine, everywhere, sites, read, any, allow\n");
        let line = wrong.policy.lines().count();
        let refused = versions.import(&permit, wrong, "no", &after, None).await.unwrap_err();
        assert!(refused.to_string().contains(&format!("policy.csv:{line}: unknown scope")), "{refused}");
        let same = versions.import(&permit, after.clone(), "again", &after, None).await.unwrap_err();
        assert!(matches!(same, CareError::Conflict { .. }), "{same}");
        let silent = versions.import(&permit, before.clone(), " ", &after, None).await.unwrap_err();
        assert!(matches!(silent, CareError::Invalid { .. }), "{silent}");
        let read = guard.permit(&admin, Operation::Read, Object::Policy, "").unwrap();
        let reader = versions.import(&read, before.clone(), "may not", &after, None).await.unwrap_err();
        assert!(matches!(reader, CareError::NotPermitted), "{reader}");
        // No record, no change.
        notes.1.store(true, std::sync::atomic::Ordering::Relaxed);
        let unrecorded = versions.import(&permit, before.clone(), "back", &after, None).await.unwrap_err();
        assert!(matches!(unrecorded, CareError::Ledger(_)), "{unrecorded}");
        notes.1.store(false, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(versions.list().await.unwrap().len(), 1);

        versions.import(&permit, before.clone(), "back", &after, None).await.unwrap();
        let listed = versions.list().await.unwrap();
        assert_eq!((listed[0].number, listed[0].removed, listed[1].number), (2, 1, 1));

        let third = more("p, machine, all, rules, read, any, allow\n");
        versions.import(&permit, third.clone(), "with a case", &before, Some(case)).await.unwrap();
        assert_eq!(versions.cases().await.unwrap(), case);
        let failed = versions.import(&permit, opened, "no", &third, None).await.unwrap_err();
        assert!(failed.to_string().contains("`no rules`"), "the case stays: {failed}");

        // A row that somebody changed is not a policy.
        let mut tx = test.store().begin().await.unwrap();
        sqlx::query("UPDATE policy_version SET policy = '' WHERE number = 2").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        assert!(versions.get(2).await.is_err());
        assert!(versions.get(4).await.unwrap().is_none());
    }
}

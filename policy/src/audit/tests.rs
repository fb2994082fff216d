//! The audit record is given with a permit, in pages, and says who read it.

use event::{AgencyId, Grant, ManualClock, NoMasks, Role, Scope, Signer, Subject, UserName};

use super::*;

/// Signs nothing: these tests do not verify the ledger.
#[derive(Debug)]
struct Blank;

impl Signer for Blank {
    fn name(&self) -> &str {
        "test"
    }

    fn public_key(&self) -> &[u8] {
        &[0; 32]
    }

    fn sign(&self, _: &[u8]) -> Vec<u8> {
        vec![0; 64]
    }
}

fn permit(operation: Operation, object: Object, scope: Scope, now: Timestamp) -> Permit {
    let subject = Subject { name: UserName::new("mai").unwrap(), role: Role::Auditor, agency: None };
    Permit::issue(Grant {
        subject,
        purpose: String::new(),
        operation,
        object,
        scope,
        masks: Arc::new(NoMasks),
        not_after: now,
        because: vec!["policy.csv:1: test".to_owned()],
    })
}

struct Record {
    audit: Audit,
    now: Timestamp,
    _directory: tempfile::TempDir,
}

/// Thirty entries, one a second: ten of each action.
async fn record() -> Record {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000)));
    let ledger = Ledger::open(directory.path(), Arc::new(Blank), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    for at in 0..30_usize {
        let action = ["sign_in", "search", "alert_update"][at % 3];
        let actor = ["lan", "minh"][at % 2];
        ledger.append(Entry::new(actor, action, "x", json!({ "at": at }))).await.unwrap();
        clock.advance(std::time::Duration::from_secs(1));
    }
    let now = clock.now();
    Record { audit: Audit::new(ledger, clock), now, _directory: directory }
}

#[tokio::test]
async fn pages_go_back_in_time_and_the_reading_is_recorded() {
    let Record { audit, now, _directory } = record().await;
    let permit = permit(Operation::Read, Object::Audit, Scope::all(), now);
    let mut query = AuditQuery { action: Some("search".into()), limit: 4, ..AuditQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = audit.read(&permit, query.clone()).await.unwrap();
        assert!(page.entries.len() <= 4 && page.ledger >= 30);
        found.extend(page.entries.iter().map(|stored| stored.index));
        match page.next {
            Some(next) => query.before = Some(next),
            None => break,
        }
    }
    let expected: Vec<u64> = (0..30).rev().filter(|at| at % 3 == 1).collect();
    assert_eq!(found, expected);
    let readings = AuditQuery { action: Some("audit_read".into()), ..AuditQuery::default() };
    let page = audit.read(&permit, readings).await.unwrap();
    assert!(page.entries.len() >= 3 && page.entries.iter().all(|stored| stored.entry.actor == "mai"));
    assert_eq!(page.entries[0].entry.detail["query"]["action"], "search");
}

#[tokio::test]
async fn conditions_are_anded() {
    let Record { audit, now, _directory } = record().await;
    let permit = permit(Operation::Export, Object::Audit, Scope::all(), now);
    let query = AuditQuery {
        actor: Some("lan".into()),
        action: Some("sign_in".into()),
        from: Some(Timestamp::from_secs(1_006)),
        to: Some(Timestamp::from_secs(1_018)),
        ..AuditQuery::default()
    };
    let page = audit.read(&permit, query).await.unwrap();
    let found: Vec<u64> = page.entries.iter().map(|stored| stored.index).collect();
    assert_eq!(found, [12, 6]);
}

#[tokio::test]
async fn only_a_permit_over_the_whole_record_opens_it() {
    let Record { audit, now, _directory } = record().await;
    let own = Scope { agencies: Reach::Only([AgencyId::new("so-y-te").unwrap()].into()), sites: Reach::All };
    for wrong in [
        permit(Operation::Read, Object::Events, Scope::all(), now),
        permit(Operation::Manage, Object::Audit, Scope::all(), now),
        permit(Operation::Read, Object::Audit, own, now),
        permit(Operation::Read, Object::Audit, Scope::all(), Timestamp::from_secs(5)),
    ] {
        let answer = audit.read(&wrong, AuditQuery::default()).await;
        assert!(matches!(answer, Err(AuditError::NotPermitted)));
    }
}

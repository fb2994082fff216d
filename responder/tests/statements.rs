//! How many SQL statements it costs to consider the alerts of a batch: few for all of them, none where no playbook answers.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;
use std::sync::Arc;

use event::{AlertId, Clock, Entities, Level, RuleId, RuleRef, SiteId, SystemClock, Timestamp, Trigger};
use keys::{KeySource, Keyring};
use ledger::Ledger;
use responder::action::nftables::Nftables;
use responder::{PlanStatus, Playbooks, Responder, ResponderSettings};
use store::Store;
use store::testing::{statements, stores};

const BOOK: &str =
    "{id: high, title: {vi: a, en: b}, when: {level: high}, do: {block_address: {address: source, duration: 1h}}}";

/// Makes plans and carries none out.
async fn responder(store: &Store, dir: &std::path::Path) -> (Responder, Ledger) {
    let data = dir.join("data");
    std::fs::create_dir(&data).unwrap();
    let keyring = Keyring::open(&KeySource::File(dir.join("master.key")), &data).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let signer = Arc::new(keyring.note_signer("metrosoc").unwrap());
    let ledger = Ledger::open(&data.join("ledger"), signer, Arc::clone(&clock)).unwrap();
    let (playbooks, wrong) = Playbooks::read([("high.yml", BOOK)]);
    assert_eq!(wrong, []);
    let settings = ResponderSettings { playbooks, ..ResponderSettings::default() };
    let firewall = Arc::new(Nftables::new(PathBuf::from("/nonexistent/nft")));
    let responder = Responder::open(settings, store.clone(), ledger.clone(), clock, firewall).await.unwrap();
    (responder, ledger)
}

fn trigger(number: u64, level: Level) -> Trigger {
    let [.., middle, low] = number.to_be_bytes();
    Trigger {
        alert: AlertId::new(format!("al-{number}")).unwrap(),
        rule: RuleRef {
            id: RuleId::new("guess").unwrap(),
            title: "Failed sign-in".to_owned(),
            level,
            tags: Vec::new(),
            risk_score: None,
        },
        entities: Entities {
            site: Some(SiteId::new("q1").unwrap()),
            source_ip: Some([203, 0, middle, low].into()),
            ..Entities::default()
        },
        count: 1,
        authenticated: true,
        time: Timestamp::default(),
    }
}

#[tokio::test]
async fn a_batch_of_alerts_costs_few_statements() {
    for store in stores().await.unwrap() {
        let dir = tempfile::tempdir().unwrap();
        let (responder, ledger) = responder(store.store(), dir.path()).await;
        let check = async |level: Level, statements_max: u64, planned: usize| {
            let triggers: Vec<Trigger> = (0..200).map(|number| trigger(number, level)).collect();
            let (before, recorded) = (statements(), ledger.len());
            let plans = responder.consider_all(&triggers).await.unwrap();
            let cost = statements() - before;
            assert!(cost <= statements_max, "{level:?}: {cost} statements");
            assert!(plans.iter().all(|plan| plan.status == PlanStatus::Planned));
            assert_eq!((plans.len(), ledger.len() - recorded), (planned, planned as u64));
            cost
        };
        // A connection that is made says how it wants to work: those of the stores are made by now.
        responder.consider(&trigger(1_000, Level::High)).await.unwrap();
        assert_eq!(check(Level::Low, 0, 0).await, 0, "no playbook answers");
        // What is there, what is blocked (four questions), plans and their first steps by the hundred, and on PostgreSQL the
        // transaction and its turn.
        assert!(check(Level::High, 12, 200).await >= 9);
        assert_eq!(check(Level::High, 1, 0).await, 1, "all are planned already");
    }
}

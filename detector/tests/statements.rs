//! How many SQL statements the alerts of a batch cost: few for each hundred alerts that are touched, none for each finding.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use detector::alert::Alerts;
use event::{Entities, EventId, Finding, KnownBy, Level, ManualClock, RuleId, RuleRef, SiteId, Timestamp};
use store::testing::{statements, stores};

/// Of each batch besides the alerts: the position read and written, and on PostgreSQL the transaction and its turn.
const BATCH_STATEMENTS: u64 = 5;

/// A failed sign-in at an address of its own, or at one of few.
fn finding(event: u64, address: u64) -> Finding {
    let [.., high, middle, low] = address.to_be_bytes();
    Finding {
        rule: RuleRef {
            id: RuleId::new("guess").unwrap(),
            title: "Failed sign-in".to_owned(),
            level: Level::Medium,
            tags: vec!["attack.t1110".to_owned()],
            risk_score: None,
        },
        event: EventId(event),
        time: Timestamp::from_secs(1_000),
        entities: Entities {
            site: Some(SiteId::new("q1").unwrap()),
            source_ip: Some([10, high, middle, low].into()),
            ..Entities::default()
        },
        known_by: KnownBy::Address,
        matched: Vec::new(),
        atoms: Vec::new(),
        related: Vec::new(),
    }
}

#[tokio::test]
async fn a_batch_of_findings_costs_few_statements() {
    for store in stores().await.unwrap() {
        let alerts = Alerts::open(store.store().clone(), Arc::new(ManualClock::at(Timestamp::from_secs(1_000))));
        let mut next = 1;
        let mut check = async |findings: u64, addresses: u64, statements_max: u64| {
            let batch: Vec<Finding> = (0..findings).map(|number| finding(next + number, number % addresses)).collect();
            next += findings;
            let before = statements();
            let triggers = alerts.take(&batch, EventId(next)).await.unwrap();
            let cost = statements() - before;
            assert_eq!(triggers.len() as u64, addresses.min(findings));
            let most = statements_max + BATCH_STATEMENTS;
            assert!((2..=most).contains(&cost), "{findings} findings at {addresses} addresses cost {cost} statements");
            triggers.iter().map(|trigger| trigger.count).sum::<u64>()
        };
        // Nothing found: nothing asked.
        assert_eq!(check(0, 1, 0).await, 0);
        // A thousand lines of which every fifth has a finding: 200 alerts are made, then grow.
        assert_eq!(check(200, 200, 4).await, 200);
        assert_eq!(check(200, 200, 3).await, 400);
        // A storm: ten thousand findings about few, then about as many as there are findings.
        assert_eq!(check(10_000, 1, 2).await, 10_002);
        assert_eq!(check(10_000, 10_000, 145).await, 20_400);
    }
}

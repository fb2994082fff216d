//! Alerts of a batch, considered together, come out as if one by one.

use super::*;

fn batch(alerts: &[(&str, &str)]) -> Vec<Trigger> {
    alerts.iter().map(|(alert, address)| trigger(alert, address)).collect()
}

fn outcome(plans: &[Plan]) -> Vec<(&str, &str, PlanStatus)> {
    plans.iter().map(|plan| (plan.alert.as_str(), plan.playbook.as_str(), plan.status)).collect()
}

#[tokio::test]
async fn limits_count_what_the_same_batch_has_blocked() {
    use PlanStatus::{Done, Planned, Refused};
    for house in House::all(true).await {
        let limits = Limits { blocked_max: 2, ..Limits::default() };
        let responder = house.again(|settings| settings.limits = limits).await;
        let recorded = house.ledger.len();
        let mut triggers = batch(&[
            ("a1", "203.0.113.1"),
            ("a2", "10.20.3.4"),
            ("a3", "203.0.113.3"),
            ("a4", "203.0.113.4"),
            ("a5", "::ffff:203.0.113.1"),
            ("a1", "203.0.113.1"),
        ]);
        triggers[4].rule.tags.push("attack.t1190".to_owned());
        let plans = responder.consider_all(&triggers).await.unwrap();
        let expected = [
            ("a1", "high", Done),
            ("a2", "high", Refused),
            ("a3", "high", Done),
            ("a4", "high", Planned),
            // An address that is blocked already is no further one.
            ("a5", "high", Done),
            ("a5", "tag", Done),
        ];
        assert_eq!(outcome(&plans), expected);
        assert_eq!(plans[3].note, "2 addresses blocked, 2 allowed");
        for (plan, blocked) in plans.iter().zip([true, false, true, false, true, true]) {
            assert_eq!(house.firewall.holds(&plan.target), blocked, "{plan:?}");
            let first = if plan.status == Refused { "metrosoc refused" } else { "metrosoc planned" };
            assert_eq!(house.steps(plan).await[0], first);
            assert_eq!(house.steps(plan).await.len(), if plan.status == Done { 3 } else { 1 });
        }
        assert_eq!(house.ledger.len() - recorded, 6 + 4, "each plan, and each that was run");
        assert_eq!(responder.consider_all(&triggers).await.unwrap(), []);
    }
}

#[tokio::test]
async fn together_is_as_one_by_one() {
    let alerts: Vec<(String, String)> = (0..40)
        .map(|number| (format!("a{number}"), format!("203.0.113.{}", [number % 7, 50, 60 + number % 3][number % 3])))
        .collect();
    let mut outcomes = Vec::new();
    for together in [1, 3, 40] {
        let house = House::new(true).await;
        house
            .responder
            .operator_signed_in("203.0.113.50".parse().unwrap(), house.clock.now().plus(Duration::from_secs(60)))
            .await
            .unwrap();
        let limits = Limits { blocked_max: 4, per_hour_max: 12, ..Limits::default() };
        let responder = house.again(|settings| settings.limits = limits).await;
        responder
            .operator_signed_in("203.0.113.50".parse().unwrap(), house.clock.now().plus(Duration::from_secs(60)))
            .await
            .unwrap();
        let triggers: Vec<Trigger> = alerts.iter().map(|(alert, address)| trigger(alert, address)).collect();
        let mut plans = Vec::new();
        for part in triggers.chunks(together) {
            plans.extend(responder.consider_all(part).await.unwrap());
        }
        let told: Vec<_> = plans.into_iter().map(|plan| (plan.alert, plan.target, plan.status, plan.checks)).collect();
        outcomes.push((told, house.firewall.blocked().unwrap().len()));
    }
    assert!(outcomes[0].0.iter().any(|(.., status, _)| *status == PlanStatus::Done));
    assert!(outcomes[0].0.iter().any(|(.., status, _)| *status == PlanStatus::Planned));
    assert!(outcomes[0].0.iter().any(|(.., status, _)| *status == PlanStatus::Refused));
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0], outcomes[2]);
}

#[tokio::test]
async fn a_firewall_that_fails_counts_for_nothing() {
    let house = House::new(true).await;
    let limits = Limits { blocked_max: 1, ..Limits::default() };
    let responder = house.again(|settings| settings.limits = limits).await;
    *house.firewall.fault.lock().unwrap() = Some(FirewallError::Full);
    let plans = responder.consider_all(&batch(&[("a1", "203.0.113.1"), ("a2", "203.0.113.2")])).await.unwrap();
    let expected = [("a1", "high", PlanStatus::Failed), ("a2", "high", PlanStatus::Failed)];
    assert_eq!(outcome(&plans), expected);
    *house.firewall.fault.lock().unwrap() = None;
    let plans = responder.consider_all(&batch(&[("a3", "203.0.113.1"), ("a4", "203.0.113.2")])).await.unwrap();
    let expected = [("a3", "high", PlanStatus::Done), ("a4", "high", PlanStatus::Planned)];
    assert_eq!(outcome(&plans), expected);
}

//! Alerts on every store: grouping, positions, scope, masks, paging and changes.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use event::{
    AgencyId, AlertId, AlertStatus, Atom, Entities, Grant, KnownBy, Level, ManualClock, Masks, NoMasks, Object,
    Operation, Permit, Reach, Role, RuleId, RuleRef, Scope, SiteId, Subject, Timestamp, UserName, Visibility,
};
use store::Kind;
use store::sqlx::{AssertSqlSafe, Row as _};
use store::testing::stores;

use super::*;

fn finding(event: u64, rule: &str, site: &str, source: &str, secs: i64) -> Finding {
    Finding {
        related: Vec::new(),
        rule: RuleRef {
            id: RuleId::new(rule).unwrap(),
            title: format!("Rule 100% {rule}"),
            level: if rule == "brute" { Level::High } else { Level::Low },
            tags: vec!["attack.t1110".to_owned()],
            risk_score: (rule == "own").then_some(5),
        },
        event: EventId(event),
        time: Timestamp::from_secs(secs),
        entities: Entities {
            site: Some(SiteId::new(site).unwrap()),
            agency: Some(AgencyId::new(format!("agency-{site}")).unwrap()),
            host: Some("srv-1".to_owned()),
            user: Some("lan".to_owned()),
            source_ip: source.parse().ok(),
            destination_ip: None,
        },
        known_by: KnownBy::Certificate,
        matched: vec!["selection".to_owned()],
        atoms: vec![
            atom("user.name", "lan"),
            atom("host.name", "srv-1"),
            Atom { field: None, ..atom("", "a word of the message") },
        ],
    }
}

fn atom(field: &str, value: &str) -> Atom {
    Atom {
        selection: "selection".to_owned(),
        field: Some(field.to_owned()),
        operator: "contains".to_owned(),
        pattern: Some(value.to_owned()),
        value: Some(value.to_owned()),
    }
}

fn permit(operation: Operation, object: Object, scope: Scope, masks: Arc<dyn Masks>) -> Permit {
    Permit::issue(Grant {
        subject: Subject { name: UserName::new("hoa").unwrap(), role: Role::AnalystTier1, agency: None },
        purpose: "triage".to_owned(),
        operation,
        object,
        scope,
        masks,
        not_after: Timestamp::from_secs(1_000_000),
        because: Vec::new(),
    })
}

fn reader() -> Permit {
    permit(Operation::Read, Object::Alerts, Scope::all(), Arc::new(NoMasks))
}

fn writer() -> Permit {
    permit(Operation::Write, Object::Alerts, Scope::all(), Arc::new(NoMasks))
}

async fn everywhere<F: AsyncFn(Alerts)>(test: F) {
    for store in stores().await.unwrap() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000)));
        test(Alerts::open(store.store().clone(), clock)).await;
    }
}

#[tokio::test]
async fn findings_of_one_attacker_are_one_alert() {
    everywhere(async |alerts: Alerts| {
        assert_eq!(alerts.position().await.unwrap(), None);
        let batch = [
            finding(1, "brute", "a", "10.0.0.1", 100),
            finding(2, "brute", "a", "10.0.0.1", 90),
            finding(3, "brute", "a", "2001:db8::1", 100),
            finding(4, "other", "a", "10.0.0.1", 100),
            finding(5, "brute", "b", "10.0.0.1", 100),
        ];
        let triggers = alerts.take(&batch, EventId(6)).await.unwrap();
        assert_eq!(triggers.iter().map(|trigger| trigger.count).collect::<Vec<_>>(), [2, 1, 1, 1]);
        assert!(triggers[0].authenticated);
        let mut plain = finding(7, "brute", "a", "10.0.0.1", 200);
        plain.known_by = KnownBy::Address;
        let triggers = alerts.take(&[plain], EventId(8)).await.unwrap();
        assert_eq!((triggers[0].count, triggers[0].authenticated), (3, false));
        let page = alerts.list(&reader(), &AlertQuery::default()).await.unwrap();
        assert_eq!((page.total, page.alerts.len(), page.next), (4, 4, None));
        let alert = &page.alerts[0];
        assert_eq!((alert.first_seen, alert.last_seen), (Timestamp::from_secs(90), Timestamp::from_secs(200)));
        assert_eq!(alert.events, [EventId(1), EventId(2), EventId(7)]);
        assert_eq!(alerts.open_count(&reader()).await.unwrap(), 4);
    })
    .await;
}

#[tokio::test]
async fn a_replay_never_counts_twice() {
    everywhere(async |alerts: Alerts| {
        let batch = [finding(1, "brute", "a", "10.0.0.1", 100), finding(2, "brute", "a", "10.0.0.1", 100)];
        alerts.take(&batch[..1], EventId(2)).await.unwrap();
        assert!(alerts.take(&batch[..1], EventId(2)).await.unwrap().is_empty());
        let triggers = alerts.take(&batch, EventId(3)).await.unwrap();
        assert_eq!(triggers[0].count, 2);
        assert_eq!(alerts.position().await.unwrap(), Some(EventId(3)));
    })
    .await;
}

#[tokio::test]
async fn what_time_gave_counts_once() {
    everywhere(async |alerts: Alerts| {
        let overdue = |related: &[u64], decided_at| Finding {
            related: related.iter().copied().map(EventId).collect(),
            ..finding(decided_at, "slow", "a", "192.0.2.1", 100)
        };
        assert_eq!(alerts.take_overdue(&[overdue(&[1, 2], 2), overdue(&[3, 4], 4)]).await.unwrap().len(), 1);
        // Given again after a crash, decided at another moment, beside a new one.
        let again = [overdue(&[1, 2], 9), overdue(&[5], 9)];
        assert_eq!(alerts.take_overdue(&again).await.unwrap().len(), 1);
        assert!(alerts.take_overdue(&again).await.unwrap().is_empty());
        let page = alerts.list(&reader(), &AlertQuery::default()).await.unwrap();
        assert_eq!(page.alerts.iter().map(|alert| alert.count).collect::<Vec<_>>(), [3]);
    })
    .await;
}

#[tokio::test]
async fn what_time_gives_at_an_event_whose_alert_is_closed_is_counted_there() {
    everywhere(async |alerts: Alerts| {
        let overdue = |related: &[u64], secs| Finding {
            related: related.iter().copied().map(EventId).collect(),
            ..finding(9, "slow", "a", "192.0.2.1", secs)
        };
        let made = alerts.take_overdue(&[overdue(&[1, 2], 100)]).await.unwrap();
        let close = AlertChange { status: Some(AlertStatus::ClosedTrue), assignee: None };
        alerts.update(&writer(), &made[0].alert, close).await.unwrap();
        // No event came since: the same place, the same group, days apart; twice in one turn.
        let later = [overdue(&[3], 300_000), overdue(&[4], 600_000), overdue(&[4], 600_000)];
        assert_eq!(alerts.take_overdue(&later).await.unwrap().len(), 1);
        let alert = alerts.get(&reader(), &made[0].alert).await.unwrap();
        assert_eq!((alert.count, alert.status), (3, AlertStatus::ClosedTrue));
        assert_eq!(alert.last_seen, Timestamp::from_secs(600_000));
        assert_eq!(alerts.history(&reader(), &alert.id).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn alerts_of_a_batch_are_each_put_where_they_belong() {
    everywhere(async |alerts: Alerts| {
        let alerts = alerts.with_window(Duration::from_secs(60));
        let old: Vec<_> = (0..700).map(|n| finding(n, "brute", &format!("s{n}"), "10.0.0.1", 100)).collect();
        let made = alerts.take(&old, EventId(700)).await.unwrap();
        let close = AlertChange { status: Some(AlertStatus::ClosedTrue), assignee: None };
        alerts.update(&writer(), &made[4].alert, close).await.unwrap();
        // Beside each other: alerts that grow, that are too old, closed, new; a NUL in a name.
        let time = |n: u64| if n.is_multiple_of(2) { 130 } else { 170 };
        let mut new: Vec<_> =
            (0..720).map(|n| finding(700 + n, "brute", &format!("s{n}"), "10.0.0.1", time(n))).collect();
        new[710].entities = Entities { host: Some("a\0b".to_owned()), ..Entities::default() };
        let touched = alerts.take(&new, EventId(1_420)).await.unwrap();
        assert_eq!(touched.len(), 720);
        for (n, (touched, made)) in touched.iter().zip(&made).enumerate() {
            let grows = n % 2 == 0 && n != 4;
            assert_eq!((touched.alert == made.alert, touched.count), (grows, 1 + u64::from(grows)), "{n}");
        }
        let page = alerts.list(&reader(), &AlertQuery::default()).await.unwrap();
        assert_eq!(page.total, 700 + 350 + 1 + 20);
        assert!(alerts.history(&reader(), &touched[719].alert).await.unwrap().len() == 1);
        assert_eq!(alerts.get(&reader(), &touched[710].alert).await.unwrap().entities.host.as_deref(), Some("ab"));
    })
    .await;
}

#[tokio::test]
async fn a_closed_or_old_alert_takes_nothing_more() {
    everywhere(async |alerts: Alerts| {
        let alerts = alerts.with_window(Duration::from_secs(60));
        let one = alerts.take(&[finding(1, "brute", "a", "10.0.0.1", 100)], EventId(2)).await.unwrap();
        let late = alerts.take(&[finding(2, "brute", "a", "10.0.0.1", 161)], EventId(3)).await.unwrap();
        assert_ne!(one[0].alert, late[0].alert);
        let near = alerts.take(&[finding(3, "brute", "a", "10.0.0.1", 220)], EventId(4)).await.unwrap();
        assert_eq!((&near[0].alert, near[0].count), (&late[0].alert, 2));
        let close = AlertChange { status: Some(AlertStatus::ClosedFalse), assignee: None };
        alerts.update(&writer(), &near[0].alert, close).await.unwrap();
        let new = alerts.take(&[finding(4, "brute", "a", "10.0.0.1", 221)], EventId(5)).await.unwrap();
        assert_ne!(new[0].alert, near[0].alert);
    })
    .await;
}

#[tokio::test]
async fn long_alerts_keep_the_first_and_the_last_events() {
    everywhere(async |alerts: Alerts| {
        let batch: Vec<_> = (0..150).map(|event| finding(event, "brute", "a", "10.0.0.1", 100)).collect();
        alerts.take(&batch, EventId(150)).await.unwrap();
        let page = alerts.list(&reader(), &AlertQuery::default()).await.unwrap();
        let events = &page.alerts[0].events;
        assert_eq!((events.len(), events[49], events[50], events[99]), (100, EventId(49), EventId(100), EventId(149)));
        assert_eq!((page.alerts[0].count, page.alerts[0].atoms.len()), (150, 3));
    })
    .await;
}

#[tokio::test]
async fn filters_and_pages() {
    everywhere(async |alerts: Alerts| {
        let batch: Vec<_> =
            (0..7).map(|n| finding(n, "brute", "a", &format!("10.0.0.{n}"), 100 + n as i64 % 3)).collect();
        alerts.take(&batch, EventId(7)).await.unwrap();
        alerts.take(&[finding(7, "other", "b_1", "10.9.9.9", 50)], EventId(8)).await.unwrap();
        let count = async |query: AlertQuery| alerts.list(&reader(), &query).await.unwrap().total;
        assert_eq!(count(AlertQuery { level: vec![Level::High], ..AlertQuery::default() }).await, 7);
        assert_eq!(count(AlertQuery { text: Some("OTHER 100%".into()), ..AlertQuery::default() }).await, 1);
        assert_eq!(count(AlertQuery { text: Some("b_1".into()), ..AlertQuery::default() }).await, 1);
        assert_eq!(count(AlertQuery { text: Some("bx1".into()), ..AlertQuery::default() }).await, 0);
        assert_eq!(count(AlertQuery { text: Some("lan".into()), ..AlertQuery::default() }).await, 0);
        assert_eq!(count(AlertQuery { site: Some(SiteId::new("b_1").unwrap()), ..AlertQuery::default() }).await, 1);
        assert_eq!(count(AlertQuery { status: vec![AlertStatus::ClosedTrue], ..AlertQuery::default() }).await, 0);
        let mut query = AlertQuery { limit: 3, ..AlertQuery::default() };
        let mut seen = Vec::new();
        loop {
            let page = alerts.list(&reader(), &query).await.unwrap();
            assert_eq!(page.total, 8);
            seen.extend(page.alerts.into_iter().map(|alert| alert.id));
            query.cursor = page.next;
            if query.cursor.is_none() {
                break;
            }
        }
        let len = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((len, seen.len()), (8, 8));
        let bad = AlertQuery { cursor: Some("1; DROP TABLE alert".into()), ..AlertQuery::default() };
        assert!(alerts.list(&reader(), &bad).await.unwrap_err().to_string().contains("did not come from a page"));
    })
    .await;
}

#[tokio::test]
async fn the_permit_decides() {
    everywhere(async |alerts: Alerts| {
        let batch = [finding(1, "brute", "a", "10.0.0.1", 100), finding(2, "brute", "b", "10.0.0.1", 100)];
        let triggers = alerts.take(&batch, EventId(3)).await.unwrap();
        let (a, b) = (&triggers[0].alert, &triggers[1].alert);
        let query = AlertQuery::default();
        let refused = |error: DetectorError| assert!(matches!(error, DetectorError::NotPermitted { .. }), "{error}");
        let change = AlertChange { status: Some(AlertStatus::Acknowledged), assignee: None };
        refused(
            alerts
                .list(&permit(Operation::Read, Object::Events, Scope::all(), Arc::new(NoMasks)), &query)
                .await
                .unwrap_err(),
        );
        refused(alerts.list(&writer(), &query).await.unwrap_err());
        refused(alerts.get(&writer(), a).await.unwrap_err());
        refused(alerts.history(&writer(), a).await.unwrap_err());
        refused(alerts.open_count(&writer()).await.unwrap_err());
        refused(alerts.update(&reader(), a, change.clone()).await.unwrap_err());
        let own = Scope { agencies: Reach::Only([AgencyId::new("agency-a").unwrap()].into()), sites: Reach::All };
        let officer = permit(Operation::Read, Object::Alerts, own.clone(), Arc::new(NoMasks));
        let page = alerts.list(&officer, &query).await.unwrap();
        assert_eq!((page.total, page.alerts[0].id.clone()), (1, a.clone()));
        let missing = |error: DetectorError| assert!(matches!(error, DetectorError::NoSuchAlert { .. }), "{error}");
        missing(alerts.get(&officer, b).await.unwrap_err());
        missing(alerts.history(&officer, b).await.unwrap_err());
        let officer = permit(Operation::Write, Object::Alerts, own, Arc::new(NoMasks));
        missing(alerts.update(&officer, b, change).await.unwrap_err());
        let nobody = Scope { agencies: Reach::All, sites: Reach::Only([].into()) };
        let page =
            alerts.list(&permit(Operation::Read, Object::Alerts, nobody, Arc::new(NoMasks)), &query).await.unwrap();
        assert_eq!(page.total, 0);
    })
    .await;
}

#[derive(Debug)]
struct Stars;

impl Masks for Stars {
    fn visibility(&self, field: &str) -> Visibility {
        if field == "host.name" || field.starts_with("metrosoc.") { Visibility::Clear } else { Visibility::Masked }
    }

    fn show<'v>(&self, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
        Some(if self.visibility(field) == Visibility::Clear { Cow::Borrowed(value) } else { Cow::Borrowed("***") })
    }

    fn counts(&self) -> event::Counts {
        event::Counts::exact()
    }

    fn free_text(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn masks_hold_on_every_way_out() {
    everywhere(async |alerts: Alerts| {
        let id = alerts.take(&[finding(1, "brute", "a", "10.0.0.1", 100)], EventId(2)).await.unwrap()[0].alert.clone();
        let masked = |operation| permit(operation, Object::Alerts, Scope::all(), Arc::new(Stars));
        let change = AlertChange { status: Some(AlertStatus::Acknowledged), assignee: None };
        let listed = alerts.list(&masked(Operation::Read), &AlertQuery::default()).await.unwrap().alerts.remove(0);
        let got = alerts.get(&masked(Operation::Read), &id).await.unwrap();
        let updated = alerts.update(&masked(Operation::Write), &id, change).await.unwrap();
        for alert in [listed, got, updated] {
            assert_eq!(alert.entities.user.as_deref(), Some("***"));
            assert_eq!(alert.entities.host.as_deref(), Some("srv-1"));
            assert_eq!(alert.entities.source_ip, None);
            let stars = Atom { pattern: None, value: Some("***".to_owned()), ..atom("user.name", "") };
            assert_eq!(alert.atoms, [stars, atom("host.name", "srv-1")]);
        }
        let clear = alerts.get(&reader(), &id).await.unwrap();
        assert_eq!(clear.entities.user.as_deref(), Some("lan"));
    })
    .await;
}

#[tokio::test]
async fn alerts_on_restricted_persons_are_withheld() {
    everywhere(async |alerts: Alerts| {
        let token = "punaaaaaaaaaaaaaaaa";
        let address = "fd70:7365:7564:1:2:3:4:5";
        let mut by_user = finding(1, "brute", "a", "10.0.0.1", 100);
        by_user.entities.user = Some(token.to_owned());
        let by_address = finding(2, "brute", "a", address, 100);
        let mut by_text = finding(3, "brute", "a", "10.0.0.3", 100);
        by_text.atoms[2].value = Some(format!("đăng nhập của {token}; sai"));
        let free = finding(4, "brute", "a", "10.0.0.4", 100);
        let triggers = alerts.take(&[by_user, by_address, by_text, free], EventId(5)).await.unwrap();
        let ids: Vec<&AlertId> = triggers.iter().map(|trigger| &trigger.alert).collect();
        let withholding = |permit: Permit, tokens: &[&str]| {
            permit.withholding(Arc::new(tokens.iter().map(|token| (*token).to_owned()).collect()))
        };
        let query = AlertQuery::default();
        for (tokens, seen) in
            [(&[token, address][..], &[3][..]), (&[token], &[1, 3]), (&[address], &[0, 2, 3]), (&[], &[0, 1, 2, 3])]
        {
            let (read, write) = (withholding(reader(), tokens), withholding(writer(), tokens));
            let page = alerts.list(&read, &query).await.unwrap();
            assert_eq!((page.total, page.alerts.len()), (seen.len() as u64, seen.len()), "{tokens:?}");
            assert_eq!(alerts.open_count(&read).await.unwrap(), seen.len() as u64);
            assert_eq!(alerts.risk(&read, &EntityKind::ALL, 0).await.unwrap().alerts, seen.len() as u64);
            for (place, id) in ids.iter().enumerate() {
                let close = AlertChange { status: Some(AlertStatus::Acknowledged), assignee: None };
                let opens = [
                    alerts.get(&read, id).await.is_ok(),
                    alerts.history(&read, id).await.is_ok(),
                    alerts.update(&write, id, close).await.is_ok(),
                ];
                assert_eq!(opens, [seen.contains(&place); 3], "{tokens:?} {place}");
            }
        }

        // Alerts of older versions, of which nothing is kept.
        let mut tx = alerts.store.begin().await.unwrap();
        store::sqlx::query("DELETE FROM alert_token").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let read = withholding(reader(), &[token, address]);
        assert_eq!(alerts.list(&read, &query).await.unwrap().total, 4);
        alerts.look_through().await.unwrap();
        assert_eq!(alerts.list(&read, &query).await.unwrap().total, 1);
        alerts.look_through().await.unwrap();

        // More than is kept apart may hold anybody.
        let mut many = finding(5, "other", "a", "10.0.0.9", 100);
        many.atoms[2].value = Some((100..400).map(|number| format!("pun{number}aaaaaaaaaaaaa ")).collect());
        alerts.take(&[many], EventId(6)).await.unwrap();
        assert_eq!(alerts.list(&read, &query).await.unwrap().total, 1);
    })
    .await;
}

#[tokio::test]
async fn open_alerts_are_found_by_their_group() {
    for store in stores().await.unwrap() {
        let store = store.store();
        if store.kind() != Kind::Sqlite {
            // PostgreSQL plans by what is in the table, not by the statement.
            continue;
        }
        let sql = row::open_alerts_sql("(?, ?, ?), (?, ?, ?)");
        let plan = store::sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        let rows = plan.fetch_all(store.pool()).await.unwrap();
        let told: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let by_group = told.iter().any(|step| step.contains("alert_group (group_key=? AND status=?)"));
        assert!(by_group, "a batch would read every open alert for each group: {told:?}");
    }
}

#[tokio::test]
async fn risk_adds_up_and_fades_over_a_day() {
    for store in stores().await.unwrap() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000)));
        let alerts = Alerts::open(store.store().clone(), clock.clone());
        let batch = [
            finding(1, "brute", "a", "10.0.0.1", 1_000),
            finding(2, "brute", "a", "10.0.0.1", 1_000),
            finding(3, "own", "a", "10.0.0.1", 1_000),
            finding(4, "other", "b", "10.0.0.1", 1_000),
            finding(5, "other", "b", "10.0.0.2", 1_000 + 7 * 86_400),
        ];
        let triggers = alerts.take(&batch, EventId(6)).await.unwrap();
        let risks = async |permit: &Permit, kind: EntityKind| -> Vec<(String, f64, u64)> {
            let page = alerts.risk(permit, &[kind], 0).await.unwrap();
            page.entities.into_iter().map(|one| (one.name, one.risk, one.alerts)).collect()
        };
        let one = |name: &str, risk, alerts| (name.to_owned(), risk, alerts);
        // High weighs 73, low 21, the rule's own score 5; an alert with two findings counts once.
        let sites = risks(&reader(), EntityKind::Site).await;
        assert_eq!(sites, [one("a", 78.0, 2), one("b", 42.0, 2)]);
        let addresses = risks(&reader(), EntityKind::SourceAddress).await;
        assert_eq!(addresses, [one("10.0.0.1", 99.0, 3), one("10.0.0.2", 21.0, 1)]);
        assert_eq!(risks(&reader(), EntityKind::Host).await.len(), 2, "the same name at two sites");
        let own = Scope { agencies: Reach::Only([AgencyId::new("agency-b").unwrap()].into()), sites: Reach::All };
        let officer = permit(Operation::Read, Object::Alerts, own, Arc::new(NoMasks));
        assert_eq!(
            risks(&officer, EntityKind::SourceAddress).await,
            [one("10.0.0.1", 21.0, 1), one("10.0.0.2", 21.0, 1)]
        );
        let masked = permit(Operation::Read, Object::Alerts, Scope::all(), Arc::new(Stars));
        let page = alerts.risk(&masked, &EntityKind::ALL, 0).await.unwrap();
        assert_eq!(page.left_out, ["user.name", "source.ip"]);
        assert!(page.entities.iter().all(|one| matches!(one.kind, EntityKind::Host | EntityKind::Site)));
        assert!(alerts.risk(&writer(), &EntityKind::ALL, 0).await.is_err());

        let listed = alerts.list(&reader(), &AlertQuery::default()).await.unwrap().alerts;
        let score = |id: &AlertId| listed.iter().find(|alert| alert.id == *id).map(|alert| alert.risk_score);
        assert_eq!((score(&triggers[0].alert), score(&triggers[1].alert)), (Some(73), Some(5)));

        clock.advance(Duration::from_secs(12 * 3_600));
        assert_eq!(risks(&reader(), EntityKind::Site).await, [one("a", 39.0, 2), one("b", 21.0, 2)], "half of it");
        let close = AlertChange { status: Some(AlertStatus::ClosedFalse), assignee: None };
        alerts.update(&writer(), &triggers[0].alert, close).await.unwrap();
        assert_eq!(risks(&reader(), EntityKind::Site).await, [one("b", 21.0, 2), one("a", 2.5, 1)]);
        clock.advance(Duration::from_secs(12 * 3_600));
        assert!(risks(&reader(), EntityKind::Site).await.is_empty());
    }
}

#[tokio::test]
async fn changes_are_checked_and_noted() {
    everywhere(async |alerts: Alerts| {
        let id = alerts.take(&[finding(1, "brute", "a", "10.0.0.1", 100)], EventId(2)).await.unwrap()[0].alert.clone();
        let status = |status| AlertChange { status: Some(status), assignee: None };
        let lan = UserName::new("lan").unwrap();
        let both = AlertChange { status: Some(AlertStatus::Acknowledged), assignee: Some(Some(lan.clone())) };
        let alert = alerts.update(&writer(), &id, both.clone()).await.unwrap();
        assert_eq!((alert.status, alert.assignee.as_ref()), (AlertStatus::Acknowledged, Some(&lan)));
        alerts.update(&writer(), &id, both).await.unwrap();
        alerts.update(&writer(), &id, AlertChange { status: None, assignee: Some(None) }).await.unwrap();
        assert!(alerts.update(&writer(), &id, AlertChange::default()).await.is_err());
        assert!(
            alerts
                .update(&writer(), &id, status(AlertStatus::New))
                .await
                .unwrap_err()
                .to_string()
                .contains("not new again")
        );
        let history = alerts.history(&reader(), &id).await.unwrap();
        let lines: Vec<_> =
            history.iter().map(|line| format!("{} {} {}", line.actor, line.action, line.detail)).collect();
        assert_eq!(
            lines,
            [
                r#"detector created {}"#,
                r#"hoa status {"from":"new","to":"acknowledged"}"#,
                r#"hoa assignee {"from":null,"to":"lan"}"#,
                r#"hoa assignee {"from":"lan","to":null}"#,
            ]
        );
    })
    .await;
}

//! The responder's logic, with a firewall that only remembers.

mod batches;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::{
    Action, AgencyId, AlertId, Clock, Entities, Grant, Level, ManualClock, NoMasks, Object, Operation, Permit, Reach,
    Role, RuleId, RuleRef, Scope, SiteId, Subject, SystemClock, Timestamp, Trigger, UserName,
};
use keys::{KeySource, Keyring};
use ledger::Ledger;
use store::testing::TestStore;

use crate::*;

/// Remembers what is blocked until when, by the test's clock.
#[derive(Debug)]
struct Memory {
    clock: Arc<ManualClock>,
    blocked: Mutex<BTreeMap<IpAddr, Timestamp>>,
    fault: Mutex<Option<FirewallError>>,
}

impl Memory {
    fn fault(&self) -> Result<(), FirewallError> {
        self.fault.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn holds(&self, address: &str) -> bool {
        self.blocked.lock().unwrap().get(&address.parse().unwrap()).is_some_and(|end| *end > self.clock.now())
    }
}

impl Firewall for Memory {
    fn ready(&self) -> Result<(), FirewallError> {
        self.fault()
    }

    fn prepare(&self) -> Result<(), FirewallError> {
        self.fault()
    }

    fn block(&self, address: IpAddr, duration: Duration) -> Result<(), FirewallError> {
        self.fault()?;
        self.blocked.lock().unwrap().insert(address, self.clock.now().plus(duration));
        Ok(())
    }

    fn unblock(&self, address: IpAddr) -> Result<(), FirewallError> {
        self.fault()?;
        self.blocked.lock().unwrap().remove(&address);
        Ok(())
    }

    /// `fd70:7365:7564::N` stands for `203.0.113.N`, unless N is 0.
    fn meant(&self, address: IpAddr) -> Result<IpAddr, FirewallError> {
        match address {
            IpAddr::V6(v6) if v6.segments()[..3] == [0xfd70, 0x7365, 0x7564] => match v6.octets()[15] {
                0 => Err(FirewallError::Refused { reason: "nobody knows it any more".to_owned() }),
                last => Ok(IpAddr::from([203, 0, 113, last])),
            },
            other => Ok(other),
        }
    }

    fn blocked(&self) -> Result<Vec<Blocked>, FirewallError> {
        self.fault()?;
        let (now, blocked) = (self.clock.now(), self.blocked.lock().unwrap());
        let standing = blocked.iter().filter(|(_, end)| **end > now);
        Ok(standing.map(|(address, end)| Blocked { address: *address, remaining: end.since(now) }).collect())
    }
}

struct House {
    responder: Responder,
    settings: ResponderSettings,
    firewall: Arc<Memory>,
    clock: Arc<ManualClock>,
    ledger: Ledger,
    store: TestStore,
    _dir: tempfile::TempDir,
}

const BOOKS: [(&str, &str); 2] = [
    (
        "high.yml",
        "{id: high, title: {vi: a, en: b}, when: {level: high}, do: {block_address: {address: source, duration: 1h}}}",
    ),
    (
        "tag.yml",
        "{id: tag, title: {vi: a, en: b}, when: {tags: [attack.t1190]}, do: {block_address: {address: source, duration: 4h}}}",
    ),
];

impl House {
    async fn all(enabled: bool) -> Vec<Self> {
        let mut houses = Vec::new();
        for store in store::testing::stores().await.unwrap() {
            houses.push(Self::on(store, enabled).await);
        }
        houses
    }

    async fn new(enabled: bool) -> Self {
        Self::on(store::testing::sqlite().await.unwrap(), enabled).await
    }

    async fn on(store: TestStore, enabled: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(SystemClock.now().millis())));
        let keyring = Keyring::open(&KeySource::File(dir.path().join("master.key")), &data).unwrap();
        let signer = Arc::new(keyring.note_signer("metrosoc").unwrap());
        let ledger = Ledger::open(&data.join("ledger"), signer, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let firewall =
            Arc::new(Memory { clock: Arc::clone(&clock), blocked: Mutex::default(), fault: Mutex::default() });
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("route"), "Iface Destination Gateway Flags\neth0 00000000 010200C0 0003\n").unwrap();
        let sources = Sources {
            routes4: path("route"),
            routes6: path("none"),
            local4: path("none"),
            local6: path("none"),
            resolvers: Vec::new(),
        };
        let (playbooks, wrong) = Playbooks::read(BOOKS);
        assert_eq!(wrong, []);
        let never_block = vec!["10.20.0.0/16".parse().unwrap()];
        let settings = ResponderSettings { enabled, limits: Limits::default(), never_block, sources, playbooks };
        let responder = open(&settings, &store, &ledger, &clock, &firewall).await;
        Self { responder, settings, firewall, clock, ledger, store, _dir: dir }
    }

    async fn again(&self, change: impl FnOnce(&mut ResponderSettings)) -> Responder {
        let mut settings = self.settings.clone();
        change(&mut settings);
        open(&settings, &self.store, &self.ledger, &self.clock, &self.firewall).await
    }

    fn permit(&self, operation: Operation) -> Permit {
        self.permit_over(operation, Scope::all())
    }

    fn permit_over(&self, operation: Operation, scope: Scope) -> Permit {
        Permit::issue(Grant {
            subject: Subject { name: UserName::new("lan").unwrap(), role: Role::SocLead, agency: None },
            purpose: "incident".to_owned(),
            operation,
            object: Object::Responses,
            scope,
            masks: Arc::new(NoMasks),
            not_after: self.clock.now().plus(Duration::from_secs(60)),
            because: Vec::new(),
        })
    }

    async fn consider(&self, alert: &str, address: &str) -> Plan {
        let mut plans = self.responder.consider(&trigger(alert, address)).await.unwrap();
        assert_eq!(plans.len(), 1, "{plans:?}");
        plans.pop().unwrap()
    }

    async fn steps(&self, plan: &Plan) -> Vec<String> {
        let (_, steps) = self.responder.get(&self.permit(Operation::Read), &plan.id).await.unwrap();
        steps.into_iter().map(|step| format!("{} {}", step.actor, step.entry)).collect()
    }
}

async fn open(
    settings: &ResponderSettings,
    store: &TestStore,
    ledger: &Ledger,
    clock: &Arc<ManualClock>,
    firewall: &Arc<Memory>,
) -> Responder {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let firewall = Arc::clone(firewall) as Arc<dyn Firewall>;
    Responder::open(settings.clone(), store.store().clone(), ledger.clone(), clock, firewall).await.unwrap()
}

fn trigger(alert: &str, address: &str) -> Trigger {
    Trigger {
        alert: AlertId::new(alert).unwrap(),
        rule: RuleRef {
            id: RuleId::new("rule-1").unwrap(),
            title: "Many failed sign-ins".to_owned(),
            level: Level::High,
            tags: vec!["attack.t1110".to_owned()],
            risk_score: None,
        },
        entities: Entities {
            site: Some(SiteId::new("hcm-q1").unwrap()),
            agency: Some(AgencyId::new("so-y-te").unwrap()),
            source_ip: Some(address.parse().unwrap()),
            ..Entities::default()
        },
        count: 12,
        authenticated: true,
        time: Timestamp::default(),
    }
}

#[tokio::test]
async fn an_alert_becomes_a_block_that_ends() {
    for house in House::all(true).await {
        for (alert, address) in [("a4", "203.0.113.9"), ("a6", "2001:db8::9"), ("am", "::ffff:198.51.100.7")] {
            let plan = house.consider(alert, address).await;
            assert_eq!(plan.status, PlanStatus::Done, "{plan:?}");
            let shown = address.trim_start_matches("::ffff:");
            assert_eq!(plan.target, shown, "v4-mapped addresses are v4");
            assert!(house.firewall.holds(shown));
            assert_eq!(house.steps(&plan).await, ["metrosoc planned", "metrosoc running", "metrosoc done"]);
            assert!(plan.why.contains("Many failed sign-ins"));

            // The alert grows; nothing is planned again.
            assert_eq!(house.responder.consider(&trigger(alert, address)).await.unwrap(), []);
            assert_eq!(house.responder.get(&house.permit(Operation::Read), &plan.id).await.unwrap().0, plan);
        }
        house.clock.advance(Duration::from_secs(3_601));
        let report = house.responder.reconcile().await.unwrap();
        assert_eq!((report.expired, report.restored.len()), (3, 0));
        let expired = PlanFilter { status: Some(PlanStatus::Expired), ..PlanFilter::default() };
        assert_eq!(house.responder.list(&house.permit(Operation::Read), &expired).await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn without_proof_or_permission_it_stays_a_plan_until_a_person_runs_it() {
    for house in House::all(false).await {
        let plan = house.consider("off", "203.0.113.1").await;
        assert_eq!((plan.status, plan.note.contains("are off")), (PlanStatus::Planned, true));
        assert!(!house.firewall.holds("203.0.113.1"));

        let enabled = house.again(|settings| settings.enabled = true).await;
        let mut unproven = trigger("udp", "203.0.113.2");
        unproven.authenticated = false;
        let plan = enabled.consider(&unproven).await.unwrap().pop().unwrap();
        assert_eq!((plan.status, plan.note.contains("did not prove")), (PlanStatus::Planned, true));
        assert!(!house.firewall.holds("203.0.113.2"));

        let read = house.permit(Operation::Read);
        assert!(matches!(house.responder.run(&plan.id, &read).await, Err(ResponderError::NotPermitted { .. })));
        let done = house.responder.run(&plan.id, &house.permit(Operation::Write)).await.unwrap();
        assert_eq!(done.status, PlanStatus::Done);
        assert!(house.firewall.holds("203.0.113.2"));
        assert_eq!(house.steps(&plan).await, ["metrosoc planned", "lan running", "lan done"]);
        let twice = house.responder.run(&plan.id, &house.permit(Operation::Write)).await;
        assert!(matches!(twice, Err(ResponderError::Status { .. })));

        let undone = house.responder.undo(&plan.id, &house.permit(Operation::Manage)).await.unwrap();
        assert_eq!(undone.status, PlanStatus::Undone);
        assert!(!house.firewall.holds("203.0.113.2"));
        let twice = house.responder.undo(&plan.id, &house.permit(Operation::Manage)).await;
        assert!(matches!(twice, Err(ResponderError::Status { .. })));
        assert_eq!(
            house.responder.run(&plan.id, &house.permit(Operation::Manage)).await.unwrap().status,
            PlanStatus::Done
        );
    }
}

#[tokio::test]
async fn what_must_stay_reachable_is_never_blocked() {
    let house = House::new(true).await;
    let operator = "203.0.113.50".parse().unwrap();
    house.responder.operator_signed_in(operator, house.clock.now().plus(Duration::from_secs(60))).await.unwrap();
    let never = [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "192.0.2.1",
        "::ffff:192.0.2.1",
        "10.20.3.4",
        "203.0.113.50",
        "ff02::1",
    ];
    for (number, address) in never.into_iter().enumerate() {
        let plan = house.consider(&format!("a{number}"), address).await;
        assert_eq!(plan.status, PlanStatus::Refused, "{address}");
        assert!(!plan.checks[0].passed && plan.note == plan.checks[0].detail);
        let error = house.responder.run(&plan.id, &house.permit(Operation::Manage)).await.unwrap_err();
        assert!(matches!(error, ResponderError::Refused { .. }), "a person cannot either: {error}");
    }
    assert!(house.firewall.blocked().unwrap().is_empty());

    // Somebody signs in from an address that is blocked already: it is let through.
    let plan = house.consider("late", "203.0.113.60").await;
    assert_eq!(plan.status, PlanStatus::Done);
    let until = house.clock.now().plus(Duration::from_secs(60));
    house.responder.operator_signed_in("::ffff:203.0.113.60".parse().unwrap(), until).await.unwrap();
    assert!(!house.firewall.holds("203.0.113.60"));
    assert_eq!(house.steps(&plan).await.last().unwrap(), "metrosoc undone");
}

#[tokio::test]
async fn the_address_behind_a_pseudonym_is_protected_and_not_told() {
    let house = House::new(true).await;
    let until = house.clock.now().plus(Duration::from_secs(60));
    house.responder.operator_signed_in("203.0.113.50".parse().unwrap(), until).await.unwrap();
    for (alert, address, why) in [
        ("a1", "fd70:7365:7564::32", "a signed-in operator works from fd70:7365:7564::32"),
        ("a2", "fd70:7365:7564::", "nobody knows which address is meant: "),
    ] {
        let plan = house.consider(alert, address).await;
        assert_eq!(plan.status, PlanStatus::Refused, "{address}");
        assert!(plan.note.starts_with(why) && !plan.note.contains("203.0.113"), "{}", plan.note);
    }
    let plan = house.consider("a3", "fd70:7365:7564::3c").await;
    assert_eq!(plan.status, PlanStatus::Done);
    house.responder.operator_signed_in("203.0.113.60".parse().unwrap(), until).await.unwrap();
    assert_eq!(house.steps(&plan).await.last().unwrap(), "metrosoc undone");
}

#[tokio::test]
async fn limits_hold_for_everybody() {
    let house = House::new(true).await;
    let limits = Limits { blocked_max: 2, per_hour_max: 3, duration_secs_max: 600 };
    let responder = house.again(|settings| settings.limits = limits).await;
    let consider =
        async |alert: &str, address: &str| responder.consider(&trigger(alert, address)).await.unwrap().pop().unwrap();
    let first = consider("a1", "203.0.113.1").await;
    assert_eq!(first.action, Action::BlockAddress { address: "203.0.113.1".parse().unwrap(), duration_secs: 600 });
    assert_eq!(consider("a2", "203.0.113.2").await.status, PlanStatus::Done);
    let third = consider("a3", "203.0.113.3").await;
    assert_eq!((third.status, third.note.as_str()), (PlanStatus::Planned, "2 addresses blocked, 2 allowed"));
    let error = responder.run(&third.id, &house.permit(Operation::Manage)).await.unwrap_err();
    assert!(error.to_string().contains("2 addresses blocked, 2 allowed"), "{error}");

    // Room again after an undo; the hour's limit comes next.
    responder.undo(&first.id, &house.permit(Operation::Manage)).await.unwrap();
    assert_eq!(responder.run(&third.id, &house.permit(Operation::Manage)).await.unwrap().status, PlanStatus::Done);
    responder.undo(&third.id, &house.permit(Operation::Manage)).await.unwrap();
    let fourth = consider("a4", "203.0.113.4").await;
    assert_eq!(fourth.note, "3 blocks started within an hour, 3 allowed");
    house.clock.advance(Duration::from_secs(3_601));
    assert_eq!(responder.run(&fourth.id, &house.permit(Operation::Manage)).await.unwrap().status, PlanStatus::Done);
}

#[tokio::test]
async fn two_plans_of_one_address_do_not_cut_each_other_short() {
    let house = House::new(true).await;
    let mut both = trigger("a1", "203.0.113.9");
    both.rule.tags.push("attack.t1190".to_owned());
    let plans = house.responder.consider(&both).await.unwrap();
    assert_eq!(plans.iter().map(|plan| plan.playbook.as_str()).collect::<Vec<_>>(), ["high", "tag"]);
    house.responder.undo(&plans[1].id, &house.permit(Operation::Manage)).await.unwrap();
    assert!(house.firewall.holds("203.0.113.9"), "the other plan still holds it");
    let left = house.firewall.blocked().unwrap()[0].remaining;
    assert!(left <= Duration::from_secs(3_600), "for its own time only: {left:?}");
    house.responder.undo(&plans[0].id, &house.permit(Operation::Manage)).await.unwrap();
    assert!(!house.firewall.holds("203.0.113.9"));

    // A shorter block after a longer one shortens nothing.
    let long = house.responder.run(&plans[1].id, &house.permit(Operation::Manage)).await.unwrap();
    house.responder.run(&plans[0].id, &house.permit(Operation::Manage)).await.unwrap();
    let left = house.firewall.blocked().unwrap()[0].remaining;
    assert_eq!(house.clock.now().plus(left), long.ends.unwrap());
}

#[tokio::test]
async fn reconciling_puts_kernel_and_journal_together() {
    let house = House::new(true).await;
    let plan = house.consider("a1", "203.0.113.9").await;
    house.clock.advance(Duration::from_secs(600));
    house.firewall.blocked.lock().unwrap().clear();
    let report = house.responder.reconcile().await.unwrap();
    assert_eq!(report.restored, ["203.0.113.9".parse::<IpAddr>().unwrap()]);
    assert_eq!(house.firewall.blocked().unwrap()[0].remaining, Duration::from_secs(3_000), "the time that was left");
    assert_eq!(house.steps(&plan).await.last().unwrap(), "metrosoc restored");
    assert_eq!(house.responder.reconcile().await.unwrap(), ReconcileReport::default());

    // What a person put there is left alone; what ended in the journal alone is taken out.
    let foreign: IpAddr = "198.51.100.1".parse().unwrap();
    house.firewall.block(foreign, Duration::from_secs(99_999)).unwrap();
    house.firewall.block("203.0.113.9".parse().unwrap(), Duration::from_secs(99_999)).unwrap();
    house.clock.advance(Duration::from_secs(3_001));
    let report = house.responder.reconcile().await.unwrap();
    assert_eq!((report.expired, report.removed.len(), report.unknown.as_slice()), (1, 1, [foreign].as_slice()));
    assert!(house.firewall.holds("198.51.100.1") && !house.firewall.holds("203.0.113.9"));
}

#[tokio::test]
async fn a_firewall_that_is_missing_leaves_a_plan() {
    let house = House::new(true).await;
    let missing = FirewallError::Unavailable { reason: "`nft` is not installed".to_owned() };
    *house.firewall.fault.lock().unwrap() = Some(missing);
    let plan = house.consider("a1", "203.0.113.9").await;
    assert_eq!((plan.status, plan.started), (PlanStatus::Planned, None));
    assert!(plan.note.contains("`nft` is not installed"), "{}", plan.note);
    assert!(house.responder.ready().await.is_err());
    let error = house.responder.run(&plan.id, &house.permit(Operation::Manage)).await.unwrap_err();
    assert!(matches!(error, ResponderError::Firewall(FirewallError::Unavailable { .. })));
    *house.firewall.fault.lock().unwrap() = Some(FirewallError::Full);
    let plan = house.consider("a2", "203.0.113.9").await;
    assert_eq!((plan.status, plan.note.contains("is full")), (PlanStatus::Failed, true));
    *house.firewall.fault.lock().unwrap() = None;
    assert_eq!(house.responder.run(&plan.id, &house.permit(Operation::Manage)).await.unwrap().status, PlanStatus::Done);
}

#[tokio::test]
async fn a_restart_in_the_middle_is_finished() {
    let house = House::new(true).await;
    let plan = house.consider("a1", "203.0.113.9").await;
    let mut tx = house.store.begin().await.unwrap();
    sqlx::query("UPDATE response_plan SET status = 'running'").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    house.firewall.blocked.lock().unwrap().clear();
    let again = house.again(|_| {}).await;
    assert_eq!(again.reconcile().await.unwrap().restored.len(), 1);
    assert!(house.firewall.holds("203.0.113.9"));
    let (plan, _) = again.get(&house.permit(Operation::Read), &plan.id).await.unwrap();
    assert_eq!(plan.status, PlanStatus::Done);
}

#[tokio::test]
async fn a_permit_shows_its_own_part_only() {
    let house = House::new(true).await;
    let plan = house.consider("a1", "203.0.113.9").await;
    let other = Scope { agencies: Reach::Only([AgencyId::new("so-giao-thong").unwrap()].into()), sites: Reach::All };
    for operation in [Operation::Read, Operation::Manage] {
        let permit = house.permit_over(operation, other.clone());
        assert_eq!(house.responder.list(&permit, &PlanFilter::default()).await.unwrap(), []);
        assert!(matches!(house.responder.get(&permit, &plan.id).await, Err(ResponderError::Unknown { .. })));
    }
    let permit = house.permit_over(Operation::Manage, other);
    assert!(matches!(house.responder.undo(&plan.id, &permit).await, Err(ResponderError::Unknown { .. })));
    assert!(house.firewall.holds("203.0.113.9"));
    let own = Scope { agencies: Reach::Only([AgencyId::new("so-y-te").unwrap()].into()), sites: Reach::All };
    assert_eq!(
        house.responder.list(&house.permit_over(Operation::Read, own), &PlanFilter::default()).await.unwrap(),
        [plan]
    );
    let export = house.permit(Operation::Export);
    assert!(matches!(
        house.responder.list(&export, &PlanFilter::default()).await,
        Err(ResponderError::NotPermitted { .. })
    ));
}

#[tokio::test]
async fn every_step_is_in_the_ledger() {
    let house = House::new(true).await;
    let before = house.ledger.len();
    let plan = house.consider("a1", "203.0.113.9").await;
    house.responder.undo(&plan.id, &house.permit(Operation::Manage)).await.unwrap();
    assert_eq!(house.ledger.len() - before, 3, "planned, run, undone");
}

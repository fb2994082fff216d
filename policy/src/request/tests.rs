//! Steps of requests in every order, and requests on every database, enforced by the guard.

use std::sync::Arc;
use std::time::Duration;

use event::{
    AgencyId, Clock, ManualClock, Object, Operation, Permit, Reach, Role, Subject, Timestamp, UserName, Visibility,
};
use proptest::prelude::*;
use store::Store;
use store::testing::stores;

use super::approvals::Party;
use super::*;
use crate::CareError;
use crate::account::{Appending, Journal};
use crate::guard::{Circumstances, Guard, PolicySource, Reason};
use crate::privacy::{PrivacyText, parse};

const START: u64 = 1_800_000_000;

fn name(text: &str) -> UserName {
    UserName::new(text).unwrap()
}

fn agency(text: &str) -> AgencyId {
    AgencyId::new(text).unwrap()
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(i64::try_from(START + secs).unwrap())
}

fn terms(fields: &[&str]) -> Terms {
    Terms {
        datasets: ["lgsp.gateway".to_owned()].into(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        filter: "event.outcome:failure".into(),
        data_from: None,
        data_until: None,
        from: at(0),
        until: at(1_000),
        people: [name("lan"), name("tu")].into(),
    }
}

fn request(needed: usize) -> AccessRequest {
    AccessRequest {
        id: "1".into(),
        asked_by: name("lan"),
        asked_from: Some(agency("a")),
        asked: at(0),
        agency: agency("b"),
        asked_for: terms(&["user.name", "source.ip"]),
        terms: terms(&["user.name", "source.ip"]),
        purpose: "agency-review".into(),
        basis: "public-task".into(),
        reason: "why".into(),
        sensitive: needed > 1,
        state: State::Asked,
        approvals: Approvals::of(needed),
        assigned_to: None,
        renews: None,
        refusal_basis: None,
        reminded: Vec::new(),
        history: Vec::new(),
    }
}

fn acts() -> impl Strategy<Value = Act> {
    let narrowing = prop_oneof![
        Just(Narrowing { fields: Some(["source.ip".to_owned()].into()), ..Narrowing::default() }),
        Just(Narrowing { fields: Some(["message".to_owned()].into()), ..Narrowing::default() }),
        Just(Narrowing { until: Some(at(500)), ..Narrowing::default() }),
        Just(Narrowing { until: Some(at(5_000)), ..Narrowing::default() }),
        Just(Narrowing { filter: Some("a:b".into()), ..Narrowing::default() }),
        Just(Narrowing { people: Some([name("tu")].into()), ..Narrowing::default() }),
    ];
    let reason = "[ a-z]{0,3}";
    prop_oneof![
        3 => Just(Act::Approve),
        1 => (narrowing, reason).prop_map(|(to, reason)| Act::Narrow { to: Box::new(to), reason }),
        1 => (reason, reason).prop_map(|(reason, basis)| Act::Refuse { reason, basis }),
        1 => reason.prop_map(|reason| Act::Withdraw { reason }),
        1 => prop_oneof!["chu", "hai", "lan"].prop_map(|to| Act::Delegate { to: name(&to) }),
        1 => Just(Act::Renew { by: "2".into() }),
        1 => Just(Act::Expire),
    ]
}

fn parties() -> impl Strategy<Value = Party> {
    let known = [
        ("lan", Some("a")),
        ("tu", Some("a")),
        ("chu", Some("b")),
        ("ha", Some("b")),
        ("hai", None),
        ("local:0", None),
    ];
    proptest::sample::select(known.to_vec()).prop_map(|(who, unit)| Party { name: name(who), unit: unit.map(agency) })
}

proptest! {
    #[test]
    fn no_order_of_steps_grants_what_nobody_approved(
        needed in 1_usize..=2,
        steps in prop::collection::vec((acts(), parties(), 0_u64..1_500), 0..25),
    ) {
        let mut one = request(needed);
        let asked = one.asked_for.clone();
        for (act, by, secs) in steps {
            let before = one.clone();
            let outcome = one.apply(&act, &by, at(secs));
            if outcome.is_err() {
                prop_assert_eq!(&one, &before, "what is refused changes nothing");
                continue;
            }
            prop_assert!(!before.state.is_final(), "nothing leads out of {:?}", before.state);
            prop_assert!(one.terms.lie_within(&before.terms) && one.terms.lie_within(&asked));
            prop_assert_eq!(one.history.len(), before.history.len() + 1);
            let times: Vec<_> = one.history.iter().map(|step| step.time).collect();
            prop_assert!(times.is_sorted(), "a clock that goes back makes no step earlier");
            let given = &one.approvals.given;
            let units: std::collections::BTreeSet<_> = given.iter().map(|one| one.unit.clone()).collect();
            prop_assert_eq!(units.len(), given.len(), "of different units");
            prop_assert!(given.iter().all(|one| one.by != name("lan") && one.by != name("tu") && one.by != name("local:0")));
            if one.state.is_granted() {
                prop_assert!(given.len() >= needed);
                prop_assert_eq!(one.state == State::Approved, one.terms == asked);
            }
            if act == Act::Expire {
                prop_assert!(one.history.last().unwrap().time >= one.terms.until);
            }
            if one.state == State::Refused {
                prop_assert!(!one.history.last().unwrap().text.is_empty() && one.refusal_basis.is_some());
            }
        }
    }

    #[test]
    fn states_read_back(at in 0_usize..7) {
        let state = State::ALL[at];
        prop_assert_eq!(State::parse(state.as_str()), Some(state));
    }
}

#[test]
fn terms_that_say_nothing_or_too_much_are_refused() {
    let check = |change: &dyn Fn(&mut Terms), expected: &str| {
        let mut terms = terms(&["user.name"]);
        change(&mut terms);
        let error = terms.check(at(1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&|terms| terms.until = at(0), "must lie behind");
    check(&|terms| terms.until = at(400 * 86_400), "366 days");
    check(&|terms| terms.fields.clear(), "names the fields");
    check(&|terms| terms.people.clear(), "the people");
    check(&|terms| terms.fields = ["user.*".to_owned()].into(), "without wildcards");
    check(&|terms| terms.datasets = ["a\" OR \"b".to_owned()].into(), "without wildcards");
    check(&|terms| (terms.data_from, terms.data_until) = (Some(at(9)), Some(at(9))), "data_until");
    assert!(terms(&["user.name"]).check(at(1)).is_ok());
    assert_eq!(
        Terms { data_until: Some(at(0)), ..terms(&["user.name"]) }.query(),
        "(event.outcome:failure) AND event.dataset:(\"lgsp.gateway\") AND @timestamp:<\"2027-01-15T08:00:00Z\""
    );
}

#[derive(Debug)]
struct Silent;

impl Journal for Silent {
    fn append<'a>(&'a self, _: &'a str, _: &'static str, _: &'a str, _: serde_json::Value) -> Appending<'a> {
        Box::pin(async { Ok(0) })
    }
}

struct Office {
    guard: Guard,
    requests: Requests,
    clock: Arc<ManualClock>,
}

impl Office {
    async fn open(store: &Store, now: Timestamp) -> Self {
        let clock = Arc::new(ManualClock::at(now));
        let guard = Guard::open(PolicySource::Embedded, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let rules = Arc::new(parse(&PrivacyText::embedded()).unwrap());
        let requests = Requests::open(store.clone(), Arc::new(Silent), guard.clone(), rules).await.unwrap();
        Self { guard, requests, clock }
    }

    fn permit(&self, who: &str, operation: Operation) -> Permit {
        self.guard.permit(&subject(who), operation, Object::Requests, "").unwrap()
    }

    async fn ask(&self, fields: &[&str]) -> AccessRequest {
        let ask = Ask {
            agency: agency("b"),
            terms: terms(fields),
            purpose: "agency-review".into(),
            basis: String::new(),
            reason: "the shared gateway".into(),
        };
        self.requests.ask(&self.permit("lan", Operation::Write), &ask).await.unwrap()
    }

    async fn decide(&self, who: &str, id: &str, act: &Act) -> Result<AccessRequest, CareError> {
        self.requests.step(&self.permit(who, Operation::Manage), id, act).await
    }

    fn sees(&self, who: &str, id: &str) -> Result<Permit, Reason> {
        let subject = subject(who);
        let grant = self.guard.granted(&subject, id).map_err(|denied| denied.reason)?;
        let circumstances = Circumstances { grant: Some(grant), through_grant: true, ..Circumstances::default() };
        let permit = self.guard.permit_in(&subject, Operation::Read, Object::Events, "agency-review", &circumstances);
        permit.map_err(|denied| denied.reason)
    }
}

fn subject(who: &str) -> Subject {
    let (role, of) = match who {
        "lan" | "tu" => (Role::AgencyOfficer, Some("a")),
        "chu" | "ha" => (Role::DataOwner, Some("b")),
        "khac" => (Role::DataOwner, Some("c")),
        _ => (Role::Dpo, None),
    };
    Subject { name: name(who), role, agency: of.map(agency) }
}

#[tokio::test]
async fn a_grant_is_enforced_ends_by_itself_and_is_taken_back() {
    for test in stores().await.unwrap() {
        let office = Office::open(test.store(), at(0)).await;
        let one = office.ask(&["user.name", "source.ip"]).await;
        assert_eq!((one.state, one.approvals.needed), (State::Asked, 1));
        assert_eq!(office.sees("lan", &one.id).unwrap_err(), Reason::GrantMissing);
        // The data owner of another agency does not even know of it.
        let other = office.decide("khac", &one.id, &Act::Approve).await.unwrap_err();
        assert!(matches!(other, CareError::Unknown { .. }), "{other}");
        let narrower = Narrowing { fields: Some(["source.ip".to_owned()].into()), ..Narrowing::default() };
        let narrow = Act::Narrow { to: Box::new(narrower), reason: "names are not needed".into() };
        let granted = office.decide("chu", &one.id, &narrow).await.unwrap();
        assert_eq!(granted.state, State::Narrowed);
        let permit = office.sees("lan", &one.id).unwrap();
        assert_eq!(permit.scope().agencies, Reach::Only([agency("b")].into()));
        assert_eq!(permit.masks().visibility("source.ip"), Visibility::Clear);
        assert_eq!(permit.masks().visibility("user.name"), Visibility::Hidden);
        assert_eq!(permit.filter(), Some("(event.outcome:failure) AND event.dataset:(\"lgsp.gateway\")"));
        assert!(!permit.allows(Operation::Read, Object::Events, office.clock.now()), "a door that does not filter");
        assert!(permit.allows_part(Operation::Read, Object::Events, office.clock.now()));
        assert_eq!(office.sees("chu", &one.id).unwrap_err(), Reason::GrantMissing, "not his");
        let moved = Subject { agency: Some(agency("c")), ..subject("lan") };
        assert_eq!(office.guard.granted(&moved, &one.id).unwrap_err().reason, Reason::GrantMissing, "he left");
        // What was not granted for this purpose is not granted.
        let grant = office.guard.granted(&subject("lan"), &one.id).unwrap();
        let other = Circumstances { grant: Some(grant), through_grant: true, ..Circumstances::default() };
        let denied = office.guard.permit_in(&subject("lan"), Operation::Read, Object::Events, "triage", &other);
        assert_eq!(denied.unwrap_err().reason, Reason::GrantMissing);

        office.clock.advance(Duration::from_secs(900));
        assert_eq!(office.requests.look().await.unwrap(), 1, "told that it ends");
        assert_eq!(office.requests.look().await.unwrap(), 0, "once");
        office.clock.advance(Duration::from_secs(100));
        assert_eq!(office.sees("lan", &one.id).unwrap_err(), Reason::GrantMissing, "before anybody looked");
        // A server that starts with a clock that went back does not bring it back either.
        assert_eq!(office.requests.look().await.unwrap(), 1);
        let back = Office::open(test.store(), at(10)).await;
        assert_eq!(back.sees("lan", &one.id).unwrap_err(), Reason::GrantMissing);
        let read = back.requests.one(&back.permit("lan", Operation::Read), &one.id).await.unwrap();
        assert_eq!(read.state, State::Expired);

        let moved = Subject { agency: Some(agency("c")), ..subject("lan") };
        let moved = office.guard.permit(&moved, Operation::Write, Object::Requests, "").unwrap();
        let taken = office.requests.renew(&moved, &one.id, at(9_000), "mine still").await;
        assert!(matches!(taken, Err(CareError::NotPermitted)), "{taken:?}");
        let two = office
            .requests
            .renew(&office.permit("tu", Operation::Write), &one.id, at(9_000), "on it still")
            .await
            .unwrap();
        assert_eq!(two.terms.fields, granted.terms.fields);
        office.decide("chu", &two.id, &Act::Approve).await.unwrap();
        assert!(office.sees("lan", &two.id).is_ok());
        let three = office
            .requests
            .renew(&office.permit("lan", Operation::Write), &two.id, at(9_500), "a bit more")
            .await
            .unwrap();
        office.decide("ha", &three.id, &Act::Approve).await.unwrap();
        assert_eq!(office.sees("lan", &two.id).unwrap_err(), Reason::GrantMissing, "renewed");
        assert!(office.sees("tu", &three.id).is_ok());
        office.decide("chu", &three.id, &Act::Withdraw { reason: "the review is done".into() }).await.unwrap();
        assert_eq!(office.sees("lan", &three.id).unwrap_err(), Reason::GrantMissing);
    }
}

#[tokio::test]
async fn sensitive_fields_take_two_of_different_units() {
    for test in stores().await.unwrap() {
        let office = Office::open(test.store(), at(0)).await;
        let one = office.ask(&["message"]).await;
        assert!(one.sensitive && one.approvals.needed == 2);
        assert_eq!(office.decide("chu", &one.id, &Act::Approve).await.unwrap().state, State::Asked);
        let same = office.decide("ha", &one.id, &Act::Approve).await.unwrap_err();
        assert!(matches!(same, CareError::SamePerson { .. }), "{same}");
        assert_eq!(office.sees("lan", &one.id).unwrap_err(), Reason::GrantMissing);
        let done = office.decide("dpo", &one.id, &Act::Approve).await.unwrap();
        assert_eq!(done.state, State::Approved);
        assert!(office.sees("lan", &one.id).is_ok());
        let rules = parse(&PrivacyText::embedded()).unwrap();
        let (purpose, basis) = office.guard.stated(&done.purpose, &done.basis).unwrap().unwrap();
        let named = Named { purpose: purpose.title, basis: basis.title };
        let page = agreement(&done, &named, &rules, office.clock.now());
        for word in ["Thỏa thuận", "agency-review", "public-task", "lgsp.gateway", "`message`", "chu", "| b |"] {
            assert!(page.contains(word), "{word}: {page}");
        }
        assert!(agreement(&one, &named, &rules, office.clock.now()).is_empty(), "not granted yet");
    }
}

#[tokio::test]
async fn refusals_say_why_and_who_delegates_lets_go() {
    for test in stores().await.unwrap() {
        let office = Office::open(test.store(), at(0)).await;
        let one = office.ask(&["source.ip"]).await;
        office.decide("chu", &one.id, &Act::Delegate { to: name("ha") }).await.unwrap();
        let not_his = office.decide("chu", &one.id, &Act::Approve).await.unwrap_err();
        assert!(not_his.to_string().contains("`ha` is to decide"), "{not_his}");
        let silent = Act::Refuse { reason: " ".into(), basis: "network-security".into() };
        assert!(matches!(office.decide("ha", &one.id, &silent).await, Err(CareError::Invalid { .. })));
        let refuse = Act::Refuse { reason: "not needed for it".into(), basis: "network-security".into() };
        let refused = office.decide("ha", &one.id, &refuse).await.unwrap();
        assert_eq!((refused.state, refused.refusal_basis.as_deref()), (State::Refused, Some("network-security")));
        assert!(office.decide("chu", &one.id, &Act::Approve).await.is_err(), "decided");
        let two = office.ask(&["source.ip"]).await;
        let withdrawn = Act::Withdraw { reason: "not needed any more".into() };
        let own = office.requests.step(&office.permit("lan", Operation::Write), &two.id, &withdrawn).await.unwrap();
        assert_eq!(own.state, State::Withdrawn);
        let three = office.ask(&["source.ip"]).await;
        office.clock.advance(Duration::from_secs(2_000));
        assert_eq!(office.requests.look().await.unwrap(), 1, "nobody decided in time");
        let read = office.requests.list(&office.permit("lan", Operation::Read)).await.unwrap();
        assert_eq!(read.iter().find(|one| one.id == three.id).unwrap().state, State::Expired);
    }
}

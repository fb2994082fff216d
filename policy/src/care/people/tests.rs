//! Two persons for a sensitive role, on every database.

use std::sync::Arc;

use event::{ManualClock, Subject};
use store::testing::stores;

use super::personnel::{Kind, Record};
use super::*;
use crate::account::Appending;
use crate::care::notice::Notices;
use crate::guard::{Guard, PolicySource};

#[derive(Debug)]
struct Silent;

impl Journal for Silent {
    fn append<'a>(&'a self, _: &'a str, _: &'static str, _: &'a str, _: serde_json::Value) -> Appending<'a> {
        Box::pin(async { Ok(0) })
    }
}

struct Office {
    guard: Guard,
    people: People,
    notices: Notices,
    clock: Arc<ManualClock>,
}

impl Office {
    fn open(store: &Store) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let (time, journal) = (Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(Silent) as Arc<dyn Journal>);
        let guard = Guard::open(PolicySource::Embedded, Arc::clone(&time)).unwrap();
        let people = People::new(store.clone(), Arc::clone(&journal), Arc::clone(&time));
        let notices = Notices::new(store.clone(), journal, time);
        Self { guard, people, notices, clock }
    }

    fn permit(&self, name: &str, role: Role, operation: Operation, object: Object) -> Permit {
        let subject = Subject { name: name_of(name), role, agency: None };
        self.guard.permit(&subject, operation, object, "").unwrap()
    }

    async fn ask(&self, by: &str, accounts: &[Account]) -> Given {
        let account = name_of("lan");
        let wanted = Wanted { account: &account, role: Role::SocLead, agency: None, what: "make the account" };
        let permit = self.permit(by, Role::Admin, Operation::Manage, Object::Users);
        self.people.ask(&permit, wanted, accounts).await.unwrap()
    }

    async fn decide(&self, by: &str, role: Role, id: &str, approve: bool) -> Result<RoleRequest, CareError> {
        let permit = self.permit(by, role, Operation::Write, Object::Users);
        self.people.decide(&permit, id, approve, if approve { "" } else { "not this year" }).await
    }

    async fn record(&self, days: u64) {
        let begins = self.clock.now().minus(Duration::from_secs(60));
        let ends = self.clock.now().plus(Duration::from_secs(days * 86_400));
        let permit = self.permit("bao-ve", Role::Dpo, Operation::Write, Object::Users);
        for kind in Kind::ALL {
            let record = Record { account: name_of("lan"), kind, begins, ends, document: "QĐ 12/2026".into() };
            self.people.record_personnel(&permit, &record).await.unwrap();
        }
    }
}

fn name_of(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

fn account(name: &str, role: Role) -> Account {
    let time = Timestamp::from_secs(0);
    Account {
        name: name_of(name),
        role,
        agency: None,
        disabled: false,
        has_password: true,
        created: time,
        updated: time,
    }
}

#[tokio::test]
async fn the_first_administrator_works_alone_and_is_noticed() {
    for test in stores().await.unwrap() {
        let office = Office::open(test.store());
        let alone = [account("an", Role::Admin)];
        assert_eq!(office.ask("an", &alone).await, Given::Now);
        assert_eq!(office.ask("local:0", &alone).await, Given::Now);
        let dpo = office.permit("bao-ve", Role::Dpo, Operation::Read, Object::Audit);
        let noticed = office.notices.list(&dpo).await.unwrap();
        assert_eq!((noticed.len(), noticed[0].kind.as_str(), noticed[0].object.as_str()), (2, "sensitive_role", "lan"));
        office.notices.acknowledge(&dpo, &noticed[0].id).await.unwrap();
        assert!(office.notices.acknowledge(&dpo, &noticed[0].id).await.is_err());
        assert_eq!(office.notices.waiting().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn later_it_takes_a_second_person_and_complete_records() {
    for test in stores().await.unwrap() {
        let office = Office::open(test.store());
        let accounts = [account("an", Role::Admin), account("bao-ve", Role::Dpo)];
        let Given::Waiting(request) = office.ask("an", &accounts).await else { panic!("given at once") };
        // Asked again it is the same request.
        assert_eq!(office.ask("an", &accounts).await, Given::Waiting(request.clone()));
        let own = office.decide("an", Role::Admin, &request.id, true).await.unwrap_err();
        assert!(matches!(own, CareError::SamePerson { .. }), "{own}");
        let himself = office.decide("lan", Role::Admin, &request.id, true).await.unwrap_err();
        assert!(matches!(himself, CareError::SamePerson { .. }), "{himself}");
        // The operator at the Unix socket is nobody's second person: the policy does not let him write accounts.
        let operator = Guard::operator(0).unwrap();
        assert!(office.guard.permit(&operator, Operation::Write, Object::Users, "").is_err());
        let early = office.decide("bao-ve", Role::Dpo, &request.id, true).await.unwrap_err();
        assert!(early.to_string().contains("training, appointment, confidentiality"), "{early}");
        office.record(365).await;
        let approved = office.decide("bao-ve", Role::Dpo, &request.id, true).await.unwrap();
        assert_eq!(approved.state, RequestState::Approved);
        assert!(office.decide("bao-ve", Role::Dpo, &request.id, true).await.is_err(), "decided already");
        // Good for one use.
        assert_eq!(office.ask("an", &accounts).await, Given::Now);
        assert!(matches!(office.ask("an", &accounts).await, Given::Waiting(_)));
        // An account that is not sensitive asks nobody.
        let wanted =
            Wanted { account: &name_of("tu"), role: Role::AnalystTier1, agency: None, what: "make the account" };
        let permit = office.permit("an", Role::Admin, Operation::Manage, Object::Users);
        assert_eq!(office.people.ask(&permit, wanted, &accounts).await.unwrap(), Given::Now);
    }
}

#[tokio::test]
async fn approvals_and_records_end() {
    for test in stores().await.unwrap() {
        let office = Office::open(test.store());
        let accounts = [account("an", Role::Admin), account("bao-ve", Role::Dpo), account("lan", Role::SocLead)];
        office.record(8).await;
        let Given::Waiting(request) = office.ask("an", &accounts).await else { panic!("given at once") };
        office.decide("bao-ve", Role::Dpo, &request.id, true).await.unwrap();
        assert!(office.people.suspended(&accounts).await.unwrap().is_empty());
        office.clock.advance(APPROVAL_LIFE + Duration::from_secs(1));
        let Given::Waiting(second) = office.ask("an", &accounts).await else { panic!("an old approval was used") };
        assert_ne!(second.id, request.id);
        office.clock.advance(Duration::from_secs(2 * 86_400));
        let suspended = office.people.suspended(&accounts).await.unwrap();
        assert!(suspended[&name_of("lan")].contains("ended at"), "{suspended:?}");
        let refused = office.decide("bao-ve", Role::Dpo, &second.id, false).await.unwrap();
        assert_eq!((refused.state, refused.answer.as_str()), (RequestState::Refused, "not this year"));
    }
}

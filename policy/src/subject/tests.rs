//! Requests with their clocks, restrictions and orders that wait, on every database.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::{Clock, ManualClock, Object, Operation, Permit, Role, Subject, Timestamp, UserName};
use store::Store;
use store::testing::stores;

use super::*;
use crate::CareError;
use crate::account::{Appending, Journal};
use crate::care::notice::Notices;
use crate::guard::{Guard, PolicySource};
use crate::holiday::{Calendar, Holidays};

/// A Monday, 09:00 in the city.
const START: i64 = 1_795_399_200;
const PURPOSE: &str = "data-subject-request";
const DAY: Duration = Duration::from_secs(86_400);

/// Keeps what is recorded.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Journal for Notes {
    fn append<'a>(
        &'a self,
        actor: &'a str,
        action: &'static str,
        object: &'a str,
        detail: serde_json::Value,
    ) -> Appending<'a> {
        Box::pin(async move {
            let mut notes = self.0.lock().unwrap();
            notes.push(format!("{actor} {action} {object} {detail}"));
            Ok(notes.len() as u64)
        })
    }
}

struct Office {
    guard: Guard,
    register: Register,
    restrictions: Restrictions,
    waiting: WaitingShreds,
    notices: Notices,
    notes: Arc<Notes>,
    clock: Arc<ManualClock>,
}

fn subject(name: &str, role: Role) -> Subject {
    Subject { name: UserName::new(name).unwrap(), role, agency: None }
}

impl Office {
    async fn open(store: &Store) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(START)));
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let guard = Guard::open(PolicySource::Embedded, Arc::clone(&time)).unwrap();
        let notes = Arc::new(Notes::default());
        let journal = Arc::clone(&notes) as Arc<dyn Journal>;
        let register = Register::new(store.clone(), Arc::clone(&journal), Arc::clone(&time), Calendar::default());
        let restrictions =
            Restrictions::open(store.clone(), Arc::clone(&journal), Arc::clone(&time), guard.clone()).await.unwrap();
        let notices = Notices::new(store.clone(), journal, time);
        let waiting = WaitingShreds::new(store.clone());
        Self { guard, register, restrictions, waiting, notices, notes, clock }
    }

    fn permit(&self, operation: Operation) -> Permit {
        self.guard.permit(&subject("huong", Role::Dpo), operation, Object::Subjects, PURPOSE).unwrap()
    }

    async fn receive(&self, kind: Kind) -> SubjectRequest {
        let new = NewRequest {
            kind,
            reference: "đơn số 12/2026".to_owned(),
            received: self.clock.now(),
            tokens: vec!["pphaaaaaaaaaaaaaaaa".to_owned()],
        };
        self.register.receive(&self.permit(Operation::Write), new).await.unwrap()
    }

    /// What reminders come now.
    async fn reminded(&self) -> Vec<(Duty, bool)> {
        let given = self.register.remind().await.unwrap();
        given.into_iter().map(|reminder| (reminder.duty, reminder.overdue)).collect()
    }

    fn noted(&self, word: &str) -> usize {
        self.notes.0.lock().unwrap().iter().filter(|note| note.contains(word)).count()
    }
}

#[tokio::test]
async fn reminders_come_once_before_the_end_and_once_behind_it() {
    for test in stores().await.unwrap() {
        let office = Office::open(test.store()).await;
        let request = office.receive(Kind::Access).await;
        assert_eq!(office.reminded().await, []);
        office.clock.advance(DAY * 2);
        assert_eq!(office.reminded().await, [(Duty::Acknowledge, false)]);
        assert_eq!(office.reminded().await, []);
        office.clock.advance(DAY);
        assert_eq!(office.reminded().await, [(Duty::Acknowledge, true)]);
        let write = office.permit(Operation::Write);
        office.register.acknowledge(&write, &request.id).await.unwrap();
        office.clock.advance(DAY * 5);
        assert_eq!(office.reminded().await, [(Duty::Answer, false)]);
        // Put off: the count begins anew.
        let write = office.permit(Operation::Write);
        office.register.extend(&write, &request.id, "nhiều hệ thống").await.unwrap();
        office.clock.advance(DAY * 3);
        assert_eq!(office.reminded().await, []);
        office.clock.advance(DAY * 10);
        assert_eq!(office.reminded().await, [(Duty::Answer, true)]);
        let closing = Closing { outcome: Outcome::Fulfilled, reason: String::new(), basis: String::new() };
        let write = office.permit(Operation::Write);
        let closed = office.register.close(&write, &request.id, &closing).await.unwrap();
        assert_eq!((closed.state, closed.owed(&Holidays::default())), (RequestState::Closed, Vec::new()));
        assert!(matches!(office.register.close(&write, &request.id, &closing).await, Err(CareError::Conflict { .. })));
        office.clock.advance(DAY * 100);
        assert_eq!(office.reminded().await, []);
        let audit = office.guard.permit(&subject("huong", Role::Dpo), Operation::Read, Object::Audit, "").unwrap();
        assert_eq!(office.notices.list(&audit).await.unwrap().len(), 4);
        assert_eq!((office.noted("subject_request_due"), office.noted("subject_request_overdue")), (2, 2));
    }
}

#[tokio::test]
async fn refusals_need_reason_and_basis_and_forms_have_them() {
    for test in stores().await.unwrap() {
        let office = Office::open(test.store()).await;
        let request = office.receive(Kind::Erase).await;
        assert_eq!(Form::next_of(&request), Form::Acknowledgement);
        let write = office.permit(Operation::Write);
        let mut closing = Closing { outcome: Outcome::Refused, reason: "phải lưu".to_owned(), basis: String::new() };
        let refused = office.register.close(&write, &request.id, &closing).await;
        assert!(matches!(refused, Err(CareError::Invalid { .. })));
        closing.basis = "Nghị định 53/2022".to_owned();
        let closed = office.register.close(&write, &request.id, &closing).await.unwrap();
        assert_eq!(Form::next_of(&closed), Form::Refusal);
        for form in Form::ALL {
            let text = form.fill(&closed, office.clock.now(), &Holidays::default());
            assert!(!text.contains("{{") && text.contains("/ *"), "{text}");
        }
        let text = Form::Refusal.fill(&closed, office.clock.now(), &Holidays::default());
        assert!(text.contains("phải lưu") && text.contains("Nghị định 53/2022"), "{text}");
        let breach = office.receive(Kind::Breach).await;
        assert_eq!(Form::next_of(&breach), Form::BreachReport);
        let acknowledged = office.register.acknowledge(&write, &breach.id).await;
        assert!(matches!(acknowledged, Err(CareError::Conflict { .. })));
        let extended = office.register.extend(&write, &breach.id, "x").await;
        assert!(matches!(extended, Err(CareError::Conflict { .. })));
        let read = office.permit(Operation::Read);
        assert!(matches!(office.register.acknowledge(&read, &breach.id).await, Err(CareError::NotPermitted)));
        assert_eq!(office.register.list(&read).await.unwrap().first().unwrap().id, breach.id, "open ones first");
    }
}

#[tokio::test]
async fn permits_withhold_restricted_persons_from_all_but_named_roles() {
    for test in stores().await.unwrap() {
        let office = Office::open(test.store()).await;
        let events = |role: Role, purpose: &str| {
            office.guard.permit(&subject("lan", role), Operation::Read, Object::Events, purpose).unwrap()
        };
        assert_eq!(events(Role::AnalystTier2, "triage").withheld(), None);
        let token = "pphaaaaaaaaaaaaaaaa".to_owned();
        let write = office.permit(Operation::Write);
        assert!(office.restrictions.set(&write, &[], "x").await.is_err());
        let set = office.restrictions.set(&write, std::slice::from_ref(&token), "đơn số 13").await.unwrap();
        for role in [Role::AnalystTier1, Role::AnalystTier2, Role::SocLead] {
            assert!(events(role, "triage").withheld().unwrap().contains(&token), "{role:?}");
        }
        assert_eq!(events(Role::SocLead, "incident-response").withheld(), None);
        assert!(events(Role::AnalystTier2, "incident-response").withheld().is_some());
        assert_eq!(office.permit(Operation::Export).withheld(), None);
        // After a start too.
        let again = Office::open(test.store()).await;
        let permit = again.guard.permit(&subject("lan", Role::SocLead), Operation::Read, Object::Events, "triage");
        assert!(permit.unwrap().withheld().is_some());
        office.restrictions.lift(&write, &set.id, "đã giải quyết").await.unwrap();
        assert_eq!(events(Role::AnalystTier2, "triage").withheld(), None);
        assert!(matches!(office.restrictions.lift(&write, &set.id, "x").await, Err(CareError::Conflict { .. })));
        let listed = office.restrictions.list(&office.permit(Operation::Read)).await.unwrap();
        assert_eq!((listed.len(), listed[0].lifted.is_some()), (1, true));
    }
}

#[tokio::test]
async fn orders_wait_for_somebody_else() {
    for test in stores().await.unwrap() {
        let office = Office::open(test.store()).await;
        let order = Waiting {
            id: String::new(),
            asked: office.clock.now(),
            asked_by: "huong".to_owned(),
            reason: "đơn số 12".to_owned(),
            purpose: PURPOSE.to_owned(),
            case: None,
            tokens: vec!["a".to_owned(), "b".to_owned()],
        };
        let kept = office.waiting.add(order).await.unwrap();
        assert_eq!(office.waiting.list().await.unwrap(), std::slice::from_ref(&kept));
        let own = office.waiting.for_second(&kept.id, "huong").await;
        assert!(matches!(own, Err(CareError::SamePerson { .. })));
        assert_eq!(office.waiting.for_second(&kept.id, "mai").await.unwrap(), kept);
        assert!(office.waiting.remove(&kept.id).await.unwrap() && !office.waiting.remove(&kept.id).await.unwrap());
        let gone = office.waiting.for_second(&kept.id, "mai").await;
        assert!(matches!(gone, Err(CareError::Unknown { .. })));
    }
}

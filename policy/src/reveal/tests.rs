//! Steps of reveals in every order, and reveals on every database, with a real vault.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::{AgencyId, CaseId, Clock, ManualClock, Object, Operation, Permit, Role, Subject, Timestamp, UserName};
use keys::{KeySource, Keyring};
use proptest::prelude::*;
use store::testing::{stores, stores_of};
use store::{Store, Tables};

use super::*;
use crate::CareError;
use crate::account::{Appending, Journal};
use crate::care::notice::Notices;
use crate::guard::{Circumstances, Guard, PolicySource, PolicyText, Reason, Strength};
use crate::privacy::{Class, PrivacyText, parse};
use crate::request::{Approvals, Party};
use crate::vault::{Kind, Vault};

const START: i64 = 1_800_000_000;
const PHONE: &str = "0912345678";
const CARD: &str = "4012888888881881";

fn name(text: &str) -> UserName {
    UserName::new(text).unwrap()
}

fn agency(text: &str) -> AgencyId {
    AgencyId::new(text).unwrap()
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(START + secs)
}

fn reveal(needed: usize) -> Reveal {
    Reveal {
        id: "1".into(),
        asked_by: name("lan"),
        unit: None,
        asked: at(0),
        agency: agency("b"),
        tokens: ["x".to_owned()].into(),
        places: std::collections::BTreeSet::new(),
        purpose: "incident-response".into(),
        basis: "network-security".into(),
        case: CaseId::new("case-1").unwrap(),
        reason: "why".into(),
        life_secs: 3_600,
        state: RevealState::Asked,
        approvals: Approvals::of(needed),
        break_glass: false,
        from: None,
        until: None,
        review_due: None,
        reviewed_by: None,
        history: Vec::new(),
    }
}

fn acts() -> impl Strategy<Value = RevealAct> {
    let text = "[ a-z]{0,3}";
    prop_oneof![
        3 => Just(RevealAct::Approve),
        1 => text.prop_map(|reason| RevealAct::Refuse { reason }),
        1 => text.prop_map(|reason| RevealAct::Withdraw { reason }),
        1 => (any::<bool>(), text).prop_map(|(justified, finding)| RevealAct::Review { justified, finding }),
        1 => Just(RevealAct::End),
    ]
}

fn parties() -> impl Strategy<Value = Party> {
    let known = [("lan", None), ("chu", Some("b")), ("ha", Some("b")), ("dpo", None), ("local:0", None)];
    proptest::sample::select(known.to_vec()).prop_map(|(who, unit)| Party { name: name(who), unit: unit.map(agency) })
}

proptest! {
    #[test]
    fn no_order_of_steps_reveals_what_nobody_approved(
        needed in 1_usize..=2,
        steps in prop::collection::vec((acts(), parties(), 0_i64..10_000), 0..25),
    ) {
        let mut one = reveal(needed);
        for (act, by, secs) in steps {
            let before = one.clone();
            if one.apply(&act, &by, at(secs)).is_err() {
                prop_assert_eq!(&one, &before, "what is refused changes nothing");
                continue;
            }
            let given = &one.approvals.given;
            prop_assert!(given.iter().all(|one| one.by != name("lan") && one.by != name("local:0")));
            if one.state == RevealState::Approved {
                prop_assert!(given.len() >= needed);
                prop_assert_eq!(one.until.unwrap().since(one.from.unwrap()), Duration::from_secs(3_600));
                prop_assert!(before.from.is_none() || before.until == one.until, "never longer");
            }
            prop_assert!(!one.stands(at(20_000)), "it ends by itself");
            prop_assert!(one.history.iter().map(|step| step.time).is_sorted());
        }
    }
}

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
    reveals: Reveals,
    notices: Notices,
    vault: Vault,
    notes: Arc<Notes>,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

impl Office {
    async fn open(store: &Store, keys: &Store) -> Self {
        let clock = Arc::new(ManualClock::at(at(0)));
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let guard = Guard::open(PolicySource::Embedded, Arc::clone(&time)).unwrap();
        let notes = Arc::new(Notes::default());
        let journal = Arc::clone(&notes) as Arc<dyn Journal>;
        let rules = RevealRules::parse(EMBEDDED).unwrap();
        let privacy = Arc::new(parse(&PrivacyText::embedded()).unwrap());
        let reveals = Reveals::new(store.clone(), Arc::clone(&journal), guard.clone(), rules, privacy);
        let folder = tempfile::tempdir().unwrap();
        let source = KeySource::File(folder.path().join("master.key"));
        let keyring = Keyring::open(&source, &folder.path().join("data")).unwrap();
        let vault = Vault::open(store.clone(), keys.clone(), None, &keyring, Arc::clone(&time), 100).await.unwrap();
        let notices = Notices::new(store.clone(), journal, time);
        Self { guard, reveals, notices, vault, notes, clock, _folder: folder }
    }

    fn permit(&self, who: &str, operation: Operation) -> Permit {
        self.guard.permit_in(&subject(who), operation, Object::Reveals, "incident-response", &sure()).unwrap()
    }

    async fn wanted(&self, values: &[(Class, &str)]) -> Wanted {
        let values: Vec<(Kind, &str)> = values.iter().map(|(class, value)| (Kind::Value(*class), *value)).collect();
        let tokens = self.vault.enter(&values).await.unwrap();
        Wanted {
            agency: agency("b"),
            tokens: tokens.into_iter().map(|writing| writing.token.to_string()).collect(),
            places: std::collections::BTreeSet::new(),
            purpose: "incident-response".into(),
            basis: String::new(),
            case: CaseId::new("case-1").unwrap(),
            reason: "to warn them".into(),
            hours: None,
        }
    }

    async fn decide(&self, who: &str, id: &str, act: &RevealAct) -> Result<Reveal, CareError> {
        self.reveals.step(&self.permit(who, Operation::Manage), id, act).await
    }

    async fn values(&self, who: &str, id: &str, strength: Strength) -> Result<Vec<Revealed>, String> {
        let subject = subject(who);
        let (reveal, grant) = self.reveals.grant(&subject.name, id).await.map_err(|error| error.to_string())?;
        let circumstances = Circumstances { grant: Some(grant), through_grant: true, ..Circumstances::of(strength) };
        let permit = self.guard.permit_in(&subject, Operation::Reveal, Object::Events, &reveal.purpose, &circumstances);
        let permit = permit.map_err(|denied| format!("{:?}", denied.reason))?;
        let shown = self.reveals.values(&permit, id, &self.vault, &[]).await.map_err(|error| error.to_string())?;
        Ok(shown.values)
    }

    fn notes(&self, word: &str) -> usize {
        self.notes.0.lock().unwrap().iter().filter(|note| note.contains(word)).count()
    }
}

fn sure() -> Circumstances {
    Circumstances::of(Strength::TwoFactor)
}

fn subject(who: &str) -> Subject {
    let (role, of) = match who {
        "lan" | "minh" => (Role::SocLead, None),
        "chu" | "ha" => (Role::DataOwner, Some("b")),
        _ => (Role::Dpo, None),
    };
    Subject { name: name(who), role, agency: of.map(agency) }
}

#[tokio::test]
async fn values_come_after_approvals_for_hours_and_are_recorded_without_themselves() {
    let keys = stores_of(Tables::VaultKeys).await.unwrap();
    for (test, keys) in stores().await.unwrap().into_iter().zip(keys) {
        let office = Office::open(test.store(), keys.store()).await;
        let wanted = office.wanted(&[(Class::Phone, PHONE)]).await;
        let one = office.reveals.ask(&office.permit("lan", Operation::Write), &wanted, false).await.unwrap();
        assert_eq!((one.approvals.needed, one.state), (1, RevealState::Asked));
        assert!(office.values("lan", &one.id, Strength::TwoFactor).await.unwrap_err().contains("asked"));
        office.decide("dpo", &one.id, &RevealAct::Approve).await.unwrap();
        let weak = office.values("lan", &one.id, Strength::Password).await.unwrap_err();
        assert_eq!(weak, format!("{:?}", Reason::StrengthMissing));
        assert!(office.values("minh", &one.id, Strength::TwoFactor).await.is_err(), "of who asked alone");
        let values = office.values("lan", &one.id, Strength::TwoFactor).await.unwrap();
        assert_eq!(values.len(), 1, "no more than was asked for");
        assert_eq!((values[0].value.as_deref(), values[0].class), (Some(PHONE), "phone"));
        assert_eq!(office.notes(&format!("lan reveal {}", values[0].token)), 1);
        assert_eq!(office.notes(PHONE), 0, "the record never holds the value");
        office.clock.advance(Duration::from_secs(8 * 3_600));
        assert!(office.values("lan", &one.id, Strength::TwoFactor).await.unwrap_err().contains("over"));
        assert_eq!((office.reveals.look().await.unwrap(), office.reveals.look().await.unwrap()), (1, 0));

        let wanted = office.wanted(&[(Class::Phone, PHONE), (Class::Card, CARD)]).await;
        let two = office.reveals.ask(&office.permit("lan", Operation::Write), &wanted, false).await.unwrap();
        assert_eq!(two.approvals.needed, 2, "a card is sensitive");
        assert_eq!(office.decide("chu", &two.id, &RevealAct::Approve).await.unwrap().state, RevealState::Asked);
        assert!(matches!(office.decide("ha", &two.id, &RevealAct::Approve).await, Err(CareError::SamePerson { .. })));
        assert_eq!(office.decide("dpo", &two.id, &RevealAct::Approve).await.unwrap().state, RevealState::Approved);
        assert_eq!(office.values("lan", &two.id, Strength::TwoFactor).await.unwrap().len(), 2);
        let withdraw = RevealAct::Withdraw { reason: "enough".into() };
        office.decide("chu", &two.id, &withdraw).await.unwrap();
        assert!(office.values("lan", &two.id, Strength::TwoFactor).await.unwrap_err().contains("withdrawn"));

        // Rules that are read again hold for what is asked from then on.
        let shorter = EMBEDDED.replace("hours_max: 8", "hours_max: 2").replace("values_max: 100", "values_max: 1");
        office.reveals.replace(RevealRules::parse(&shorter).unwrap());
        let many = office.reveals.ask(&office.permit("lan", Operation::Write), &wanted, false).await.unwrap_err();
        assert!(many.to_string().contains("1 to 1 pseudonyms"), "{many}");
        let long = Wanted { hours: Some(3), ..office.wanted(&[(Class::Phone, PHONE)]).await };
        let long = office.reveals.ask(&office.permit("lan", Operation::Write), &long, false).await.unwrap_err();
        assert!(long.to_string().contains("1 to 2 hours"), "{long}");
    }
}

#[tokio::test]
async fn broken_glass_is_told_and_reviewed() {
    let keys = stores_of(Tables::VaultKeys).await.unwrap();
    for (test, keys) in stores().await.unwrap().into_iter().zip(keys) {
        let office = Office::open(test.store(), keys.store()).await;
        let wanted = office.wanted(&[(Class::Card, CARD)]).await;
        let asked = office.reveals.ask(&office.permit("lan", Operation::Write), &wanted, true).await;
        assert!(matches!(asked, Err(CareError::NotPermitted)), "to ask is not to break the glass");
        let one = office.reveals.ask(&office.permit("lan", Operation::Respond), &wanted, true).await.unwrap();
        assert_eq!(office.values("lan", &one.id, Strength::TwoFactor).await.unwrap()[0].value.as_deref(), Some(CARD));
        let dpo = office.guard.permit(&subject("dpo"), Operation::Read, Object::Audit, "").unwrap();
        let told = office.notices.list(&dpo).await.unwrap();
        assert_eq!((told[0].kind.as_str(), told[0].actor.as_str()), ("break_glass", "lan"));
        office.clock.advance(Duration::from_secs(8 * 3_600));
        assert_eq!(office.reveals.look().await.unwrap(), 1, "it ends");
        office.clock.advance(Duration::from_secs(16 * 3_600));
        assert_eq!(office.reveals.look().await.unwrap(), 1, "the review is overdue");
        assert_eq!(office.reveals.look().await.unwrap(), 0, "told once a day");
        office.clock.advance(ALARM_EVERY);
        assert_eq!(office.reveals.look().await.unwrap(), 1, "and again");
        assert_eq!(office.notes("metrosoc review_overdue"), 2);
        let review = RevealAct::Review { justified: true, finding: "minutes counted".into() };
        let reviewed = office.decide("dpo", &one.id, &review).await.unwrap();
        assert_eq!(reviewed.reviewed_by, Some(name("dpo")));
        office.clock.advance(ALARM_EVERY);
        assert_eq!(office.reveals.look().await.unwrap(), 0);
        assert!(office.decide("dpo", &one.id, &review).await.is_err(), "once");
    }
}

#[tokio::test]
async fn restricted_persons_are_revealed_to_whom_the_policy_names_for_that_purpose() {
    let named = "p, soc-lead, all, subjects, reveal, incident-response, allow";
    let keys = stores_of(Tables::VaultKeys).await.unwrap();
    for (test, keys) in stores().await.unwrap().into_iter().zip(keys) {
        let mut office = Office::open(test.store(), keys.store()).await;
        let wanted = office.wanted(&[(Class::Phone, PHONE)]).await;
        let one = office.reveals.ask(&office.permit("lan", Operation::Write), &wanted, false).await.unwrap();
        office.decide("dpo", &one.id, &RevealAct::Approve).await.unwrap();
        office.guard.restrict(wanted.tokens.clone());
        assert_eq!(
            office.values("lan", &one.id, Strength::TwoFactor).await.unwrap().len(),
            1,
            "named for this purpose"
        );
        let triage =
            office.guard.permit_in(&subject("lan"), Operation::Write, Object::Reveals, "triage", &sure()).unwrap();
        let refused = office.reveals.ask(&triage, &wanted, false).await.unwrap_err();
        assert!(matches!(refused, CareError::Restricted { others: 0, .. }), "{refused}");

        // Approved before, restricted since, and nobody is named.
        let mut text = PolicyText::embedded();
        assert!(text.policy.contains(named));
        text.policy = text.policy.replace(named, "");
        let time = Arc::clone(&office.clock) as Arc<dyn Clock>;
        office.guard = Guard::open(PolicySource::Text(text), time).unwrap();
        office.guard.restrict(wanted.tokens.clone());
        let refused = office.values("lan", &one.id, Strength::TwoFactor).await.unwrap_err();
        assert!(refused.contains("not processed further"), "{refused}");
        assert_eq!(office.notes("lan reveal p"), 1, "only the first was revealed");
        office.guard.restrict(std::collections::BTreeSet::new());
        assert_eq!(office.values("lan", &one.id, Strength::TwoFactor).await.unwrap().len(), 1, "lifted");
    }
}

#[tokio::test]
async fn what_cannot_be_revealed_is_refused_when_it_is_asked() {
    let keys = stores_of(Tables::VaultKeys).await.unwrap();
    for (test, keys) in stores().await.unwrap().into_iter().zip(keys) {
        let office = Office::open(test.store(), keys.store()).await;
        let good = office.wanted(&[(Class::Phone, PHONE)]).await;
        let check = async |change: &dyn Fn(&mut Wanted), expected: &str| {
            let mut wanted = good.clone();
            change(&mut wanted);
            let permit = office.permit("lan", Operation::Write);
            let error = office.reveals.ask(&permit, &wanted, false).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&|wanted| wanted.tokens.clear(), "1 to 100").await;
        check(&|wanted| wanted.tokens = [PHONE.to_owned()].into(), "is no pseudonym").await;
        check(&|wanted| wanted.hours = Some(9), "1 to 8 hours").await;
        check(&|wanted| wanted.reason = " ".into(), "says why").await;
        check(&|wanted| wanted.purpose = "curiosity".into(), "no purpose").await;
        check(&|wanted| wanted.purpose = "operations".into(), "legal basis").await;
    }
}

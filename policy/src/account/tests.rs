//! Accounts on both databases, with a clock that is turned by hand and a journal that can fail.

mod codes;
mod federation;
mod second_factors;
mod sessions;
mod throttling;
mod users;

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use event::{AgencyId, Grant, ManualClock, NoMasks, Role, Scope, Subject};
use keys::{KeySource, Keyring, Secret};
use store::testing::TestStore;

use super::*;

/// As cheap as a hash can be: what is tested is who asks for one, and when.
#[derive(Debug, Default)]
struct Cheap {
    verified: AtomicU64,
}

impl Hasher for Cheap {
    fn hash(&self, password: &Secret<String>) -> Result<String, AccountError> {
        Ok(keys::token::digest(password.expose()))
    }

    fn verify(&self, password: &Secret<String>, stored: &str) -> bool {
        self.verified.fetch_add(1, Ordering::Relaxed);
        keys::token::digest(password.expose()) == stored
    }
}

#[derive(Debug, Default)]
struct Notes {
    entries: Mutex<Vec<(String, &'static str, String, Value)>>,
    broken: AtomicBool,
}

impl Journal for Notes {
    fn append<'a>(&'a self, actor: &'a str, action: &'static str, object: &'a str, detail: Value) -> Appending<'a> {
        Box::pin(async move {
            if self.broken.load(Ordering::Relaxed) {
                return Err("disk full".into());
            }
            let mut entries = self.entries.lock().unwrap();
            entries.push((actor.to_owned(), action, object.to_owned(), detail));
            Ok(entries.len() as u64)
        })
    }
}

impl Notes {
    fn actions(&self) -> Vec<&'static str> {
        self.entries.lock().unwrap().iter().map(|entry| entry.1).collect()
    }

    fn text(&self) -> String {
        format!("{:?}", self.entries.lock().unwrap())
    }
}

struct House {
    accounts: Accounts,
    notes: Arc<Notes>,
    clock: Arc<ManualClock>,
    hasher: Arc<Cheap>,
    sealer: Sealer,
    store: TestStore,
}

const GOOD: &str = "bốn con voi đi chơi";
const HERE: &str = "192.0.2.7";

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn here() -> IpAddr {
    HERE.parse().unwrap()
}

fn sealer() -> Sealer {
    let folder = tempfile::tempdir().unwrap();
    let source = KeySource::File(folder.path().join("test.key"));
    Keyring::open(&source, &folder.path().join("data")).unwrap().sealer("second factors").unwrap()
}

/// One house a database.
async fn houses() -> Vec<House> {
    let mut houses = Vec::new();
    for store in store::testing::stores().await.unwrap() {
        let notes = Arc::new(Notes::default());
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let hasher = Arc::new(Cheap::default());
        let settings = AccountSettings {
            hasher: Arc::clone(&hasher) as Arc<dyn Hasher>,
            sessions_max: 3,
            second_factor_roles: vec![Role::Dpo],
            ..AccountSettings::default()
        };
        let journal = Arc::clone(&notes) as Arc<dyn Journal>;
        let clock_of_accounts = Arc::clone(&clock) as Arc<dyn Clock>;
        let sealer = sealer();
        let accounts = Accounts::open(store.store().clone(), journal, clock_of_accounts, settings, sealer.clone());
        houses.push(House { accounts: accounts.await.unwrap(), notes, clock, hasher, sealer, store });
    }
    houses
}

impl House {
    fn permit(&self, by: &str, operation: Operation) -> Permit {
        self.permit_over(by, operation, Object::Users, Scope::all())
    }

    fn permit_over(&self, by: &str, operation: Operation, object: Object, scope: Scope) -> Permit {
        Permit::issue(Grant {
            subject: Subject { name: UserName::new(by).unwrap(), role: Role::Admin, agency: None },
            purpose: String::new(),
            operation,
            object,
            scope,
            masks: Arc::new(NoMasks),
            not_after: self.clock.now().plus(Duration::from_secs(60)),
            because: Vec::new(),
        })
    }

    fn manage(&self) -> Permit {
        self.permit("local:0", Operation::Manage)
    }

    async fn user(&self, name: &str, role: Role) -> Account {
        let agency = (role == Role::AgencyOfficer).then(|| AgencyId::new("so-y-te").unwrap());
        let password = (role != Role::Machine).then(|| secret(GOOD));
        let new = NewAccount { name: name.to_owned(), role, agency, password };
        self.accounts.create(&self.manage(), new).await.unwrap()
    }

    /// Gives the connections back before the database is destroyed; a transaction that failed would hold it.
    async fn close(&self) {
        self.store.close().await;
    }

    async fn sign_in(&self, name: &str) -> Result<SignedIn, AccountError> {
        let entry = self.accounts.sign_in(name, secret(GOOD), here()).await?;
        Ok(entry.signed_in().expect("an account without a second factor"))
    }
}

//! A whole authority for tests: keys, ledger and store in a directory of their own.

use std::sync::Arc;
use std::time::Duration;

use event::{
    Clock, Grant, ManualClock, NoMasks, Object, Operation, Permit, Role, Scope, SiteId, Subject, SystemClock,
    Timestamp, UserName,
};
use keys::{KeySource, Keyring};
use ledger::Ledger;
use store::testing::TestStore;

use crate::{Authority, AuthoritySettings};

pub(crate) struct House {
    pub(crate) authority: Authority,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: TestStore,
    pub(crate) dir: tempfile::TempDir,
    ledger: Ledger,
    keyring: Keyring,
}

impl House {
    /// One on SQLite.
    pub(crate) async fn new() -> Self {
        Self::on(store::testing::sqlite().await.unwrap()).await
    }

    /// One on each kind of store.
    pub(crate) async fn all() -> Vec<Self> {
        let mut houses = Vec::new();
        for store in store::testing::stores().await.unwrap() {
            houses.push(Self::on(store).await);
        }
        houses
    }

    async fn on(store: TestStore) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let keyring = Keyring::open(&KeySource::File(dir.path().join("master.key")), &data).unwrap();
        let signer = Arc::new(keyring.note_signer("metrosoc").unwrap());
        let ledger = Ledger::open(&data.join("ledger"), signer, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let settings = AuthoritySettings::default();
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let authority =
            Authority::open(store.store().clone(), &keyring, ledger.clone(), shared, settings).await.unwrap();
        Self { authority, clock, store, dir, ledger, keyring }
    }

    /// The same authority as after a restart.
    pub(crate) async fn again(&self) -> Authority {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let settings = AuthoritySettings::default();
        Authority::open(self.store.store().clone(), &self.keyring, self.ledger.clone(), clock, settings).await.unwrap()
    }

    pub(crate) fn permit(&self, operation: Operation) -> Permit {
        permit(operation, self.clock.now())
    }
}

pub(crate) fn permit(operation: Operation, now: Timestamp) -> Permit {
    Permit::issue(Grant {
        subject: Subject { name: UserName::new("lan").unwrap(), role: Role::Admin, agency: None },
        purpose: "operation".to_owned(),
        operation,
        object: Object::Certificates,
        scope: Scope::all(),
        masks: Arc::new(NoMasks),
        not_after: now.plus(Duration::from_secs(60)),
        because: Vec::new(),
    })
}

pub(crate) fn site(id: &str) -> SiteId {
    SiteId::new(id).unwrap()
}

//! Accounts: who may sign in, as what. Users, sessions, API tokens, one-time codes, lock-out.
//!
//! Nothing here decides what an account may do; that is the guard's. Every change needs a permit from it (or is the
//! account's own affair), runs in one transaction, and is in the journal before it is committed: no record, no change.
//! There is no default password: the first administrator comes with a one-time code that only the terminal sees.

mod code;
mod federated;
mod journal;
pub mod password;
mod record;
mod second_factor;
mod session;
mod sessions;
mod sign_in;
#[cfg(test)]
mod tests;
mod throttle;
mod token;
mod user;
mod visitor;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use event::{Clock, Object, Operation, Permit, Reach, Role, Subject, Timestamp, UserName};
use keys::Sealer;
use serde_json::Value;
use store::{Store, Tx};
use unicode_normalization::UnicodeNormalization;

pub use code::OneTimeCode;
pub use federated::{FederatedIdentity, Flow};
pub use journal::{Appending, Journal};
pub use record::Account;
pub use second_factor::{Enrolled, Enrolment, Proof, SecondFactorStatus};
pub use session::{Session, SignedIn};
pub use sessions::SessionInfo;
pub use sign_in::{Challenge, Entry};
pub use throttle::ThrottleSettings;
pub use token::{NewToken, TokenInfo};
pub use user::NewAccount;
pub use visitor::Visitor;

use crate::AccountError;
use password::{Argon2id, Bench, Hasher};
use throttle::Throttle;

/// The bounds of sessions, codes and attempts.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// A session ends so long after the sign-in, whatever happens.
    pub session_life: Duration,
    /// A session ends when it was not used for so long.
    pub session_idle: Duration,
    /// Most sessions of one account; the oldest ends when another begins.
    pub sessions_max: u32,
    /// How long a one-time code is good for.
    pub code_life: Duration,
    /// How long after a right password the second factor may be shown.
    pub challenge_life: Duration,
    /// How long a second factor counts as fresh, for what asks for a step-up.
    pub step_up: Duration,
    /// Roles that must have a second factor.
    pub second_factor_roles: Vec<Role>,
    /// Lock-out and back-off.
    pub throttle: ThrottleSettings,
    /// What hashes passwords.
    pub hasher: Arc<dyn Hasher>,
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self {
            session_life: Duration::from_secs(12 * 60 * 60),
            session_idle: Duration::from_secs(30 * 60),
            sessions_max: 16,
            code_life: Duration::from_secs(15 * 60),
            challenge_life: Duration::from_secs(5 * 60),
            step_up: Duration::from_secs(10 * 60),
            second_factor_roles: Vec::new(),
            throttle: ThrottleSettings::default(),
            hasher: Arc::new(Argon2id),
        }
    }
}

/// The accounts. Cheap to clone; clones share the lock-out.
#[derive(Debug, Clone)]
pub struct Accounts {
    store: Store,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    settings: Arc<AccountSettings>,
    passwords: Bench,
    throttle: Arc<Throttle>,
    sealer: Sealer,
}

impl Accounts {
    /// Opens the accounts and forgets what has ended. `sealer` seals the secrets of second factors.
    ///
    /// # Errors
    /// When the store cannot be written or the hasher fails.
    pub async fn open(
        store: Store,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        settings: AccountSettings,
        sealer: Sealer,
    ) -> Result<Self, AccountError> {
        let passwords = Bench::new(Arc::clone(&settings.hasher)).await?;
        let throttle = Arc::new(Throttle::new(settings.throttle));
        let settings = Arc::new(settings);
        let accounts = Self { store, journal, clock, settings, passwords, throttle, sealer };
        let mut tx = accounts.store.begin().await.map_err(storing)?;
        accounts.sweep(&mut tx).await?;
        tx.commit().await.map_err(storing)?;
        Ok(accounts)
    }

    /// Who an account is, for the record of what it did; `None` when there is none of that name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn subject_of(&self, name: &str) -> Result<Option<Subject>, AccountError> {
        let Ok(name) = account_name(name) else { return Ok(None) };
        Ok(record::find(self.store.pool(), &name).await?.map(|stored| stored.account.subject()))
    }

    /// Who an account is, where it may be used; `None` when there is none of that name, or it is disabled.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn active_subject(&self, name: &str) -> Result<Option<Subject>, AccountError> {
        let Ok(name) = account_name(name) else { return Ok(None) };
        let found = record::find(self.store.pool(), &name).await?.map(|stored| stored.account);
        Ok(found.filter(|account| !account.disabled).map(|account| account.subject()))
    }

    /// How long a second factor counts as fresh.
    pub fn step_up_age_max(&self) -> Duration {
        self.settings.step_up
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Accounts belong to the platform, not to an agency: a permit over less than all does not open them.
    fn check(&self, permit: &Permit, operation: Operation) -> Result<(), AccountError> {
        let whole = permit.scope().agencies == Reach::All && permit.scope().sites == Reach::All;
        if whole && permit.allows(operation, Object::Users, self.now()) {
            return Ok(());
        }
        Err(AccountError::NotPermitted)
    }

    /// Records, then commits. When recording fails the transaction is dropped and nothing has changed.
    async fn commit(
        &self,
        tx: Tx,
        actor: &str,
        action: &'static str,
        object: &str,
        detail: Value,
    ) -> Result<(), AccountError> {
        self.journal.append(actor, action, object, detail).await.map_err(AccountError::Ledger)?;
        tx.commit().await.map_err(storing)
    }
}

/// An account's name as it is stored: composed, lower case, without `:`, which marks subjects that are no users.
fn account_name(text: &str) -> Result<UserName, AccountError> {
    let bad = |reason: &dyn Display| AccountError::BadName {
        name: text.chars().take(48).collect(),
        reason: reason.to_string(),
    };
    let plain: String = text.trim().nfc().flat_map(char::to_lowercase).collect();
    if plain.contains(':') {
        return Err(bad(&"`:` is reserved"));
    }
    UserName::new(plain).map_err(|error| bad(&error))
}

fn storing(error: impl std::error::Error + Send + Sync + 'static) -> AccountError {
    AccountError::Store(Box::new(error))
}

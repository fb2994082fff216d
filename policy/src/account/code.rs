//! One-time codes: the first administrator's, and the way back in.
//!
//! A code is 100 random bits, good for 15 minutes and once; only its digest is stored. It is shown to whoever sits at
//! the machine and is never logged. While no administrator exists each start makes a new one.

use event::{AuthStrength, Authentication, Operation, Permit, Role, Timestamp};
use keys::Secret;
use serde_json::json;
use store::Tx;
use store::sqlx::{self, Row};
use tracing::info;

use super::session::Beginning;
use super::user::existing;
use super::{Accounts, Entry, SignedIn, Visitor, account_name, password, record, storing};
use crate::AccountError;

/// The name that the first administrator's code stands under; no account can have it.
const SETUP: &str = "";
/// Groups of five hexadecimal digits.
const GROUPS: usize = 5;

/// A code that was just made; it cannot be shown again.
#[derive(Debug)]
pub struct OneTimeCode {
    /// Such as `1f9a2-77c01-5e4d3-9b8a0-c6d12`.
    pub code: Secret<String>,
    /// When it stops working.
    pub ends: Timestamp,
}

impl Accounts {
    /// Whether the first administrator is still to be made.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn setup_needed(&self) -> Result<bool, AccountError> {
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM account WHERE role = $1");
        let count = count.bind(Role::Admin.as_str()).fetch_one(self.store.pool()).await.map_err(storing)?;
        Ok(count == 0)
    }

    /// A fresh code for the first administrator, which replaces the one before; `None` once one exists.
    ///
    /// # Errors
    /// When the store or the journal fails.
    pub async fn setup_code(&self) -> Result<Option<OneTimeCode>, AccountError> {
        let mut tx = self.store.begin().await.map_err(storing)?;
        if administrators(&mut tx).await? > 0 {
            return Ok(None);
        }
        let code = self.put_code(&mut tx, SETUP, "setup").await?;
        self.commit(tx, "setup", "setup_code_made", "setup", json!({ "ends": code.ends })).await?;
        Ok(Some(code))
    }

    /// Makes the first administrator and signs him in.
    ///
    /// # Errors
    /// [`AccountError::AlreadySetUp`], [`AccountError::CodeRefused`], or what is wrong with name and password; the code
    /// stays good then. Attempts are counted by address.
    pub async fn set_up(
        &self,
        code: &str,
        name: &str,
        password: Secret<String>,
        visitor: impl Into<Visitor>,
    ) -> Result<SignedIn, AccountError> {
        let visitor = visitor.into();
        let address = visitor.address;
        if !self.setup_needed().await? {
            return Err(AccountError::AlreadySetUp);
        }
        let name = account_name(name)?;
        password::check(name.as_str(), &password)?;
        self.throttle.begin(&format!("setup:{address}"), address, self.now())?;
        // Before the costly hash; what counts is the second look inside the transaction.
        self.check_code(SETUP, code).await?;
        let hash = self.passwords.hash(password).await?;
        let mut tx = self.store.begin().await.map_err(storing)?;
        if administrators(&mut tx).await? > 0 {
            return Err(AccountError::AlreadySetUp);
        }
        self.take_code(&mut tx, SETUP, code).await?;
        self.insert(&mut tx, &name, Role::Admin, None, &hash).await?;
        let proven = Authentication::new(AuthStrength::Password, self.now());
        let signed_in = self.begin_session_in(&mut tx, Beginning::new(&name, proven, &visitor)).await?;
        let detail = json!({ "address": address.to_string() });
        self.commit(tx, name.as_str(), "first_administrator", name.as_str(), detail).await?;
        self.throttle.succeed(&format!("setup:{address}"), address);
        info!(user = %name, "first administrator made");
        Ok(signed_in)
    }

    /// A code with which an account's owner chooses a new password: for who forgot it, and for new accounts without
    /// one. For an administrator's account only the operator at the Unix socket gets one.
    ///
    /// # Errors
    /// When the permit does not cover it, there is no such account, or it is a program's.
    pub async fn recovery_code(&self, permit: &Permit, name: &str) -> Result<OneTimeCode, AccountError> {
        self.check(permit, Operation::Manage)?;
        let name = account_name(name)?;
        let by = permit.subject().name.as_str();
        let mut tx = self.store.begin().await.map_err(storing)?;
        let account = existing(&mut tx, &name).await?;
        match account.role {
            Role::Machine => return Err(AccountError::MachinePassword),
            Role::Admin if !by.starts_with("local:") => return Err(AccountError::NotPermitted),
            _ => {}
        }
        let code = self.put_code(&mut tx, name.as_str(), by).await?;
        self.commit(tx, by, "recovery_code_made", name.as_str(), json!({ "ends": code.ends })).await?;
        Ok(code)
    }

    /// Chooses a new password with a recovery code: every session ends, the lock-out is lifted, and a fresh session
    /// begins, after the second factor where the account has one.
    ///
    /// # Errors
    /// [`AccountError::CodeRefused`] whatever was wrong with name or code, [`AccountError::WeakPassword`],
    /// [`AccountError::Locked`] after too many attempts.
    pub async fn recover(
        &self,
        name: &str,
        code: &str,
        password: Secret<String>,
        visitor: impl Into<Visitor>,
    ) -> Result<Entry, AccountError> {
        let visitor = visitor.into();
        let address = visitor.address;
        let name = account_name(name)?;
        password::check(name.as_str(), &password)?;
        // A locked account must be recoverable, so the name is counted apart from its sign-ins.
        let counted = format!("recovery:{name}");
        self.throttle.begin(&counted, address, self.now())?;
        self.check_code(name.as_str(), code).await?;
        let hash = self.passwords.hash(password).await?;
        let mut tx = self.store.begin().await.map_err(storing)?;
        self.take_code(&mut tx, name.as_str(), code).await?;
        self.replace_password(&mut tx, &name, &hash).await?;
        let account = record::find(&mut *tx, &name).await?.map(|stored| stored.account);
        if account.is_none_or(|account| account.disabled) {
            return Err(AccountError::CodeRefused);
        }
        let entry = self.enter_in(&mut tx, &name, &visitor).await?;
        let detail = json!({ "address": address.to_string() });
        self.commit(tx, name.as_str(), "password_recovered", name.as_str(), detail).await?;
        self.throttle.succeed(&counted, address);
        self.throttle.forgive(name.as_str());
        Ok(entry)
    }

    async fn put_code(&self, tx: &mut Tx, account: &str, by: &str) -> Result<OneTimeCode, AccountError> {
        let code = fresh_code();
        let ends = self.now().plus(self.settings.code_life);
        let statement = "INSERT INTO account_code (account, digest, created_by, ends_ns) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT (account) DO UPDATE SET digest = excluded.digest, \
                         created_by = excluded.created_by, ends_ns = excluded.ends_ns";
        let insert = sqlx::query(statement).bind(account).bind(digest(account, code.expose())).bind(by);
        insert.bind(ends.nanos()).execute(&mut **tx).await.map_err(storing)?;
        Ok(OneTimeCode { code, ends })
    }

    async fn check_code(&self, account: &str, code: &str) -> Result<(), AccountError> {
        let select = sqlx::query("SELECT digest, ends_ns FROM account_code WHERE account = $1").bind(account);
        let row = select.fetch_optional(self.store.pool()).await.map_err(storing)?;
        let Some(row) = row else { return Err(AccountError::CodeRefused) };
        let stored = row.try_get::<String, _>("digest").map_err(storing)?;
        let ends = row.try_get::<i64, _>("ends_ns").map_err(storing)?;
        let right = keys::token::equal(&stored, &digest(account, code));
        if right && self.now().nanos() < ends { Ok(()) } else { Err(AccountError::CodeRefused) }
    }

    /// Uses the code up; of two at the same time one wins.
    async fn take_code(&self, tx: &mut Tx, account: &str, code: &str) -> Result<(), AccountError> {
        let delete = sqlx::query("DELETE FROM account_code WHERE account = $1 AND digest = $2 AND ends_ns > $3");
        let delete = delete.bind(account).bind(digest(account, code)).bind(self.now().nanos());
        match delete.execute(&mut **tx).await.map_err(storing)?.rows_affected() {
            0 => Err(AccountError::CodeRefused),
            _ => Ok(()),
        }
    }
}

async fn administrators(tx: &mut Tx) -> Result<i64, AccountError> {
    let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM account WHERE role = $1");
    count.bind(Role::Admin.as_str()).fetch_one(&mut **tx).await.map_err(storing)
}

/// A code of 100 random bits.
pub(super) fn fresh_code() -> Secret<String> {
    let digits = keys::token::digest(keys::token::random("code_").expose());
    let groups: Vec<&str> = (0..GROUPS).filter_map(|at| digits.get(at * 5..at * 5 + 5)).collect();
    Secret::new(groups.join("-"))
}

/// The digest of a code, however it was typed, bound to the account.
pub(super) fn digest(account: &str, code: &str) -> String {
    let digits: String = code.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    keys::token::digest(&format!("code:{account}:{}", digits.to_ascii_lowercase()))
}

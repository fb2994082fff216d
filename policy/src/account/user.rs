//! Making and changing accounts.

use event::{AgencyId, Authentication, Operation, Permit, Role, UserName};
use keys::Secret;
use serde_json::json;
use store::Tx;
use store::sqlx;
use tracing::info;

use super::session::{Beginning, end_sessions};
use super::{Account, Accounts, Session, SignedIn, Visitor, account_name, password, record, storing};
use crate::AccountError;

/// An account to be made.
#[derive(Debug)]
pub struct NewAccount {
    /// Its name; letter case does not matter.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// The agency it speaks for; role `agency-officer` needs one.
    pub agency: Option<AgencyId>,
    /// Its first password. Without one, a recovery code lets the person choose it.
    pub password: Option<Secret<String>>,
}

impl Accounts {
    /// Makes an account.
    ///
    /// # Errors
    /// When the permit does not cover it, the name is taken or not usable, or the password is weak.
    pub async fn create(&self, permit: &Permit, new: NewAccount) -> Result<Account, AccountError> {
        self.check(permit, Operation::Manage)?;
        let name = account_name(&new.name)?;
        check_role(new.role, new.agency.as_ref())?;
        let hash = match new.password {
            Some(_) if new.role == Role::Machine => return Err(AccountError::MachinePassword),
            Some(secret) => {
                password::check(name.as_str(), &secret)?;
                self.passwords.hash(secret).await?
            }
            None => String::new(),
        };
        let mut tx = self.store.begin().await.map_err(storing)?;
        let account = self.insert(&mut tx, &name, new.role, new.agency.as_ref(), &hash).await?;
        let detail = json!({ "role": new.role, "agency": new.agency, "password": !hash.is_empty() });
        self.commit(tx, permit.subject().name.as_str(), "user_created", name.as_str(), detail).await?;
        info!(user = %name, role = new.role.as_str(), "account made");
        Ok(account)
    }

    pub(super) async fn insert(
        &self,
        tx: &mut Tx,
        name: &UserName,
        role: Role,
        agency: Option<&AgencyId>,
        hash: &str,
    ) -> Result<Account, AccountError> {
        let now = self.now();
        let statement = "INSERT INTO account (name, role, agency, password, disabled, created_ns, updated_ns, \
                         password_changed_ns) VALUES ($1, $2, $3, $4, 0, $5, $6, $7) ON CONFLICT (name) DO NOTHING";
        let insert = sqlx::query(statement).bind(name.as_str()).bind(role.as_str());
        let insert = insert.bind(agency.map_or("", AgencyId::as_str)).bind(hash);
        let insert = insert.bind(now.nanos()).bind(now.nanos()).bind(now.nanos());
        if insert.execute(&mut **tx).await.map_err(storing)?.rows_affected() == 0 {
            return Err(AccountError::Exists { name: name.to_string() });
        }
        Ok(Account {
            name: name.clone(),
            role,
            agency: agency.cloned(),
            disabled: false,
            has_password: !hash.is_empty(),
            created: now,
            updated: now,
        })
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// [`AccountError::NotPermitted`], or when the store fails.
    pub async fn list(&self, permit: &Permit) -> Result<Vec<Account>, AccountError> {
        self.check(permit, Operation::Read)?;
        self.every().await
    }

    /// The names that an alert can be assigned to: accounts of people who work on alerts and may sign in.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn assignable(&self) -> Result<Vec<UserName>, AccountError> {
        let works = |role: Role| matches!(role, Role::AnalystTier1 | Role::AnalystTier2 | Role::SocLead);
        let accounts = self.every().await?;
        let working = accounts.into_iter().filter(|account| !account.disabled && works(account.role));
        Ok(working.map(|account| account.name).collect())
    }

    /// Every account, for the platform's own upkeep: nothing of it is shown to anybody.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn everyone(&self) -> Result<Vec<Account>, AccountError> {
        self.every().await
    }

    async fn every(&self) -> Result<Vec<Account>, AccountError> {
        let statement = "SELECT name, role, agency, password, disabled, created_ns, updated_ns, password_changed_ns \
                         FROM account ORDER BY name LIMIT 100000";
        let rows = sqlx::query(statement).fetch_all(self.store.pool()).await.map_err(storing)?;
        rows.iter().map(|row| record::read(row).map(|stored| stored.account)).collect()
    }

    /// Gives an account another role or agency. Its sessions end; its tokens have the new role at once.
    ///
    /// # Errors
    /// When the permit does not cover it, there is no such account, or it is the last administrator.
    pub async fn set_role(
        &self,
        permit: &Permit,
        name: &str,
        role: Role,
        agency: Option<AgencyId>,
    ) -> Result<(), AccountError> {
        self.check(permit, Operation::Manage)?;
        check_role(role, agency.as_ref())?;
        let name = account_name(name)?;
        let mut tx = self.store.begin().await.map_err(storing)?;
        let before = existing(&mut tx, &name).await?;
        if role == Role::Machine && before.has_password {
            return Err(AccountError::MachinePassword);
        }
        if role != Role::Admin {
            another_administrator(&mut tx, &before).await?;
        }
        let update = sqlx::query("UPDATE account SET role = $1, agency = $2, updated_ns = $3 WHERE name = $4");
        let update = update.bind(role.as_str()).bind(agency.as_ref().map_or("", AgencyId::as_str));
        let update = update.bind(self.now().nanos()).bind(name.as_str());
        update.execute(&mut *tx).await.map_err(storing)?;
        end_sessions(&mut tx, &name).await?;
        let detail = json!({
            "role": role, "agency": agency, "role_before": before.role, "agency_before": before.agency,
        });
        self.commit(tx, permit.subject().name.as_str(), "user_role_changed", name.as_str(), detail).await
    }

    /// Disables an account, which ends its sessions and makes its tokens useless, or enables it again.
    ///
    /// # Errors
    /// When the permit does not cover it, there is no such account, or it is the last administrator.
    pub async fn set_disabled(&self, permit: &Permit, name: &str, disabled: bool) -> Result<(), AccountError> {
        self.check(permit, Operation::Manage)?;
        let name = account_name(name)?;
        let mut tx = self.store.begin().await.map_err(storing)?;
        let before = existing(&mut tx, &name).await?;
        if disabled {
            another_administrator(&mut tx, &before).await?;
            end_sessions(&mut tx, &name).await?;
        }
        let update = sqlx::query("UPDATE account SET disabled = $1, updated_ns = $2 WHERE name = $3");
        let update = update.bind(i64::from(disabled)).bind(self.now().nanos()).bind(name.as_str());
        update.execute(&mut *tx).await.map_err(storing)?;
        let action = if disabled { "user_disabled" } else { "user_enabled" };
        self.commit(tx, permit.subject().name.as_str(), action, name.as_str(), json!({})).await
    }

    /// Changes the own password. Every session ends; a fresh one begins.
    ///
    /// # Errors
    /// [`AccountError::Refused`] when the old password is wrong (counted like a sign-in), or the new one is weak.
    pub async fn change_password(
        &self,
        session: &Session,
        old: Secret<String>,
        new: Secret<String>,
        visitor: impl Into<Visitor>,
    ) -> Result<SignedIn, AccountError> {
        let visitor = visitor.into();
        let address = visitor.address;
        let name = &session.subject.name;
        password::check(name.as_str(), &new)?;
        self.throttle.begin(name.as_str(), address, self.now())?;
        let stored = record::find(self.store.pool(), name).await?.ok_or(AccountError::Refused)?;
        let verified = Some(stored.password.clone()).filter(|_| stored.account.has_password);
        if !self.passwords.verify(old, verified).await? {
            return Err(AccountError::Refused);
        }
        let hash = self.passwords.hash(new).await?;
        let mut tx = self.store.begin().await.map_err(storing)?;
        let current = record::find(&mut *tx, name).await?.ok_or(AccountError::Refused)?;
        if current.password != stored.password || current.account.disabled {
            return Err(AccountError::Refused);
        }
        self.replace_password(&mut tx, name, &hash).await?;
        // As strong as before: the second factor of the old session was this person's.
        let proven = Authentication { authenticated_at: self.now(), ..session.authentication };
        let signed_in = self.begin_session_in(&mut tx, Beginning::new(name, proven, &visitor)).await?;
        let detail = json!({ "address": address.to_string() });
        self.commit(tx, name.as_str(), "password_changed", name.as_str(), detail).await?;
        self.throttle.succeed(name.as_str(), address);
        Ok(signed_in)
    }

    /// Stores a new password and ends every session.
    pub(super) async fn replace_password(&self, tx: &mut Tx, name: &UserName, hash: &str) -> Result<(), AccountError> {
        let now = self.now().nanos();
        let update =
            sqlx::query("UPDATE account SET password = $1, password_changed_ns = $2, updated_ns = $3 WHERE name = $4");
        let update = update.bind(hash).bind(now).bind(now).bind(name.as_str());
        update.execute(&mut **tx).await.map_err(storing)?;
        end_sessions(tx, name).await?;
        let codes = sqlx::query("DELETE FROM account_code WHERE account = $1").bind(name.as_str());
        codes.execute(&mut **tx).await.map_err(storing)?;
        Ok(())
    }
}

pub(super) async fn existing(tx: &mut Tx, name: &UserName) -> Result<Account, AccountError> {
    let stored = record::find(&mut **tx, name).await?;
    stored.map(|stored| stored.account).ok_or_else(|| AccountError::Unknown { name: name.to_string() })
}

/// Refuses when `account` is the only administrator who can sign in.
async fn another_administrator(tx: &mut Tx, account: &Account) -> Result<(), AccountError> {
    if account.role != Role::Admin || account.disabled {
        return Ok(());
    }
    let statement = "SELECT COUNT(*) FROM account WHERE role = $1 AND disabled = 0 AND password <> '' AND name <> $2";
    let count = sqlx::query_scalar::<_, i64>(statement).bind(Role::Admin.as_str()).bind(account.name.as_str());
    if count.fetch_one(&mut **tx).await.map_err(storing)? == 0 {
        return Err(AccountError::LastAdministrator { name: account.name.to_string() });
    }
    Ok(())
}

pub(super) fn check_role(role: Role, agency: Option<&AgencyId>) -> Result<(), AccountError> {
    if role == Role::AgencyOfficer && agency.is_none() {
        return Err(AccountError::AgencyNeeded { role });
    }
    Ok(())
}

//! The second factor of an account: an authenticator app, recovery codes for who lost it, and stepping up.
//!
//! Enrolment has two steps, so that nobody locks himself out: the secret is shown, and counts once a first code was
//! right. No code is taken twice. Whoever lost app and codes asks an administrator; an administrator asks the operator
//! of the machine.

use event::{AuthStrength, Authentication, Operation, Permit, Role, UserName};
use keys::{Secret, TotpSecret};
use serde::Serialize;
use serde_json::json;
use store::Tx;
use store::sqlx::{self, Row};
use tracing::info;

use super::code::{digest, fresh_code};
use super::session::end_sessions;
use super::user::existing;
use super::{Accounts, Session, SignedIn, Visitor, account_name, record, storing};
use crate::AccountError;

/// Recovery codes that an account has at a time.
const CODES: usize = 10;
/// What the app shows beside the account.
const ISSUER: &str = "MetroSOC";

/// A secret to be taken into an app. It cannot be shown again.
#[derive(Debug)]
pub struct Enrolment {
    /// For whoever types it.
    pub secret: Secret<String>,
    /// For the camera.
    pub uri: Secret<String>,
}

/// A session that has just shown two factors, with fresh recovery codes, shown once.
#[derive(Debug)]
pub struct Enrolled {
    /// The session, under a new token.
    pub signed_in: SignedIn,
    /// Ten one-time codes.
    pub codes: Vec<Secret<String>>,
}

/// What an account has of a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SecondFactorStatus {
    /// Whether it is in force.
    pub enrolled: bool,
    /// Whether the account's role must have it.
    pub required: bool,
    /// Recovery codes that are left.
    pub recovery_codes: u32,
}

/// By what somebody who is signed in proves himself again.
#[derive(Debug)]
pub enum Proof {
    /// A code of the app, or a recovery code.
    Code(Secret<String>),
    /// The password, for accounts without a second factor.
    Password(Secret<String>),
}

/// Which second factor was shown.
pub(super) enum Shown {
    App,
    RecoveryCode,
}

impl Accounts {
    /// What the account of a session has.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn second_factor(&self, session: &Session) -> Result<SecondFactorStatus, AccountError> {
        let name = session.subject.name.as_str();
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM account_recovery WHERE account = $1");
        let codes = count.bind(name).fetch_one(self.store.pool()).await.map_err(storing)?;
        Ok(SecondFactorStatus {
            enrolled: session.second_factor,
            required: self.settings.second_factor_roles.contains(&session.subject.role),
            recovery_codes: if session.second_factor { u32::try_from(codes).unwrap_or(u32::MAX) } else { 0 },
        })
    }

    /// Makes a secret for an app; it counts once [`Accounts::confirm_second_factor`] saw a code of it.
    ///
    /// # Errors
    /// [`AccountError::SecondFactorExists`], or [`AccountError::StepUpNeeded`] when the sign-in is some minutes old: a
    /// session that was left open must not get a second factor of somebody else's.
    pub async fn begin_second_factor(&self, session: &Session) -> Result<Enrolment, AccountError> {
        if session.second_factor {
            return Err(AccountError::SecondFactorExists);
        }
        if !session.authentication.is_fresh(self.now(), self.settings.step_up) {
            return Err(AccountError::StepUpNeeded);
        }
        let name = &session.subject.name;
        let secret = TotpSecret::generate().map_err(|error| AccountError::Seal(Box::new(error)))?;
        let sealed = secret.seal(&self.sealer, name.as_str()).map_err(|error| AccountError::Seal(Box::new(error)))?;
        let mut tx = self.store.begin().await.map_err(storing)?;
        let statement = "INSERT INTO account_totp (account, secret, confirmed, created_ns, last_step) \
                         VALUES ($1, $2, 0, $3, 0) ON CONFLICT (account) DO UPDATE SET secret = excluded.secret, \
                         created_ns = excluded.created_ns WHERE account_totp.confirmed = 0";
        let insert = sqlx::query(statement).bind(name.as_str()).bind(&sealed).bind(self.now().nanos());
        if insert.execute(&mut *tx).await.map_err(storing)?.rows_affected() == 0 {
            return Err(AccountError::SecondFactorExists);
        }
        tx.commit().await.map_err(storing)?;
        Ok(Enrolment { secret: secret.base32(), uri: secret.uri(ISSUER, name.as_str()) })
    }

    /// Seals the secrets of all accounts anew that an older generation of the sealing key sealed; gives how many.
    ///
    /// # Errors
    /// When the store fails or a secret does not open.
    pub async fn reseal_second_factors(&self) -> Result<u64, AccountError> {
        let select = sqlx::query("SELECT account, secret FROM account_totp ORDER BY account");
        let rows = select.fetch_all(self.store.pool()).await.map_err(storing)?;
        let mut anew = Vec::new();
        for row in &rows {
            let account = row.try_get::<String, _>("account").map_err(storing)?;
            let sealed = row.try_get::<String, _>("secret").map_err(storing)?;
            let changed = TotpSecret::reseal(&self.sealer, &account, &sealed);
            let changed = changed.map_err(|error| AccountError::Seal(Box::new(error)))?;
            anew.extend(changed.map(|changed| (account, sealed, changed)));
        }
        if anew.is_empty() {
            return Ok(0);
        }
        let mut tx = self.store.begin().await.map_err(storing)?;
        for (account, before, after) in &anew {
            let update = sqlx::query("UPDATE account_totp SET secret = $1 WHERE account = $2 AND secret = $3");
            update.bind(after).bind(account).bind(before).execute(&mut *tx).await.map_err(storing)?;
        }
        tx.commit().await.map_err(storing)?;
        Ok(anew.len() as u64)
    }

    /// Puts the second factor in force with a first code. Every other session of the account ends.
    ///
    /// # Errors
    /// [`AccountError::CodeRefused`] for a wrong code (counted like a sign-in), [`AccountError::SecondFactorExists`].
    pub async fn confirm_second_factor(
        &self,
        session: &Session,
        code: &Secret<String>,
        visitor: &Visitor,
    ) -> Result<Enrolled, AccountError> {
        if session.second_factor {
            return Err(AccountError::SecondFactorExists);
        }
        let name = &session.subject.name;
        self.throttle.begin(name.as_str(), visitor.address, self.now())?;
        let mut tx = self.store.begin().await.map_err(storing)?;
        if !self.take_totp(&mut tx, name, code.expose(), 0).await? {
            return Err(AccountError::CodeRefused);
        }
        let update = sqlx::query("UPDATE account_totp SET confirmed = 1 WHERE account = $1").bind(name.as_str());
        update.execute(&mut *tx).await.map_err(storing)?;
        let codes = self.put_codes(&mut tx, name).await?;
        self.end_others(&mut tx, session).await?;
        let proven = Authentication::new(AuthStrength::TwoFactor, self.now());
        let mut signed_in = self.rotate(&mut tx, session, proven).await?;
        signed_in.session.second_factor = true;
        let detail = json!({ "address": visitor.address.to_string() });
        self.commit(tx, name.as_str(), "second_factor_enrolled", name.as_str(), detail).await?;
        self.throttle.succeed(name.as_str(), visitor.address);
        info!(user = %name, "second factor in force");
        Ok(Enrolled { signed_in, codes })
    }

    /// Replaces the recovery codes.
    ///
    /// # Errors
    /// [`AccountError::StepUpNeeded`] without a fresh second factor.
    pub async fn new_recovery_codes(&self, session: &Session) -> Result<Vec<Secret<String>>, AccountError> {
        self.stepped_up(session)?;
        let name = &session.subject.name;
        let mut tx = self.store.begin().await.map_err(storing)?;
        if !enrolled(&mut tx, name).await? {
            return Err(AccountError::StepUpNeeded);
        }
        let codes = self.put_codes(&mut tx, name).await?;
        self.commit(tx, name.as_str(), "recovery_codes_made", name.as_str(), json!({})).await?;
        Ok(codes)
    }

    /// Takes the own second factor away; every other session ends, this one is worth a password again.
    ///
    /// # Errors
    /// [`AccountError::StepUpNeeded`] without a fresh second factor.
    pub async fn remove_second_factor(&self, session: &Session) -> Result<(), AccountError> {
        self.stepped_up(session)?;
        let name = &session.subject.name;
        let mut tx = self.store.begin().await.map_err(storing)?;
        forget(&mut tx, name).await?;
        self.end_others(&mut tx, session).await?;
        let statement = "UPDATE account_session SET strength = $1, second_factor_ns = 0 WHERE account = $2";
        let update = sqlx::query(statement).bind(AuthStrength::Password.as_str()).bind(name.as_str());
        update.execute(&mut *tx).await.map_err(storing)?;
        self.commit(tx, name.as_str(), "second_factor_removed", name.as_str(), json!({})).await
    }

    /// Takes somebody's second factor away who lost it; his sessions end. For an administrator's account only the
    /// operator at the Unix socket may, and nobody for his own.
    ///
    /// # Errors
    /// [`AccountError::NotPermitted`], or when there is no such account.
    pub async fn reset_second_factor(&self, permit: &Permit, name: &str) -> Result<(), AccountError> {
        self.check(permit, Operation::Manage)?;
        let name = account_name(name)?;
        let by = permit.subject().name.as_str();
        let mut tx = self.store.begin().await.map_err(storing)?;
        let account = existing(&mut tx, &name).await?;
        if by == name.as_str() || (account.role == Role::Admin && !by.starts_with("local:")) {
            return Err(AccountError::NotPermitted);
        }
        forget(&mut tx, &name).await?;
        let ended = end_sessions(&mut tx, &name).await?;
        self.commit(tx, by, "second_factor_reset", name.as_str(), json!({ "sessions": ended })).await
    }

    /// Proves again who is there. The session goes on under a new token, as strong as what was shown, and ends when it
    /// would have ended.
    ///
    /// # Errors
    /// [`AccountError::CodeRefused`] or [`AccountError::Refused`] when it was wrong, counted like a sign-in;
    /// [`AccountError::StepUpNeeded`] for a password where the account has a second factor; [`AccountError::Locked`].
    pub async fn step_up(&self, session: &Session, proof: Proof, visitor: &Visitor) -> Result<SignedIn, AccountError> {
        let name = &session.subject.name;
        self.throttle.begin(name.as_str(), visitor.address, self.now())?;
        let (hash, code) = match proof {
            Proof::Password(_) if session.second_factor => return Err(AccountError::StepUpNeeded),
            Proof::Password(password) => (self.verified(name, password).await?, None),
            Proof::Code(code) => (None, Some(code)),
        };
        let mut tx = self.store.begin().await.map_err(storing)?;
        let shown = match &code {
            Some(code) => {
                let shown = self.take_second_factor(&mut tx, name, code.expose()).await?;
                shown.map(|_| AuthStrength::TwoFactor)
            }
            None => {
                let current = record::find(&mut *tx, name).await?.filter(|stored| !stored.account.disabled);
                let same = hash.is_some() && current.map(|stored| stored.password) == hash;
                same.then_some(AuthStrength::Password)
            }
        };
        let detail = json!({ "address": visitor.address.to_string() });
        let Some(strength) = shown else {
            drop(tx);
            let append = self.journal.append(name.as_str(), "step_up_refused", name.as_str(), detail);
            append.await.map_err(AccountError::Ledger)?;
            return Err(if code.is_some() { AccountError::CodeRefused } else { AccountError::Refused });
        };
        let signed_in = self.rotate(&mut tx, session, Authentication::new(strength, self.now())).await?;
        self.commit(tx, name.as_str(), "step_up", name.as_str(), detail).await?;
        self.throttle.succeed(name.as_str(), visitor.address);
        Ok(signed_in)
    }

    /// Shows the second factor beside an API token, for one request: the code is used up, whatever follows.
    ///
    /// # Errors
    /// [`AccountError::CodeRefused`] when it was wrong or used, counted like a sign-in; [`AccountError::Locked`].
    pub async fn show_second_factor(
        &self,
        name: &UserName,
        code: &Secret<String>,
        visitor: &Visitor,
    ) -> Result<Authentication, AccountError> {
        self.throttle.begin(name.as_str(), visitor.address, self.now())?;
        let mut tx = self.store.begin().await.map_err(storing)?;
        let shown = self.take_second_factor(&mut tx, name, code.expose()).await?;
        let detail = json!({ "address": visitor.address.to_string(), "with": "token" });
        if shown.is_none() {
            drop(tx);
            let append = self.journal.append(name.as_str(), "step_up_refused", name.as_str(), detail);
            append.await.map_err(AccountError::Ledger)?;
            return Err(AccountError::CodeRefused);
        }
        self.commit(tx, name.as_str(), "step_up", name.as_str(), detail).await?;
        self.throttle.succeed(name.as_str(), visitor.address);
        Ok(Authentication::new(AuthStrength::TwoFactor, self.now()))
    }

    /// The stored hash that a right password belongs to.
    async fn verified(&self, name: &UserName, password: Secret<String>) -> Result<Option<String>, AccountError> {
        let stored = record::find(self.store.pool(), name).await?.ok_or(AccountError::Refused)?;
        let usable = Some(stored.password.clone()).filter(|_| stored.account.has_password);
        let right = self.passwords.verify(password, usable).await?;
        Ok(right.then_some(stored.password))
    }

    /// Refuses a session whose second factor was not shown within the last minutes.
    pub(super) fn stepped_up(&self, session: &Session) -> Result<(), AccountError> {
        if session.authentication.has_fresh_second_factor(self.now(), self.settings.step_up) {
            return Ok(());
        }
        Err(AccountError::StepUpNeeded)
    }

    /// Uses a code of the app, or a recovery code, up; `None` for a wrong or used one.
    pub(super) async fn take_second_factor(
        &self,
        tx: &mut Tx,
        name: &UserName,
        code: &str,
    ) -> Result<Option<Shown>, AccountError> {
        if self.take_totp(tx, name, code, 1).await? {
            return Ok(Some(Shown::App));
        }
        let delete = sqlx::query(
            "DELETE FROM account_recovery WHERE digest = $1 AND account = $2 AND EXISTS \
             (SELECT 1 FROM account_totp WHERE account = $3 AND confirmed = 1)",
        );
        let delete = delete.bind(recovery_digest(name, code)).bind(name.as_str()).bind(name.as_str());
        let used = delete.execute(&mut **tx).await.map_err(storing)?.rows_affected();
        Ok((used > 0).then_some(Shown::RecoveryCode))
    }

    /// Whether `code` is one of the app's that was not used yet; its step and those before are used up then.
    async fn take_totp(&self, tx: &mut Tx, name: &UserName, code: &str, confirmed: i64) -> Result<bool, AccountError> {
        let select = sqlx::query("SELECT secret, last_step FROM account_totp WHERE account = $1 AND confirmed = $2");
        let row = select.bind(name.as_str()).bind(confirmed).fetch_optional(&mut **tx).await.map_err(storing)?;
        let Some(row) = row else { return Ok(false) };
        let sealed = row.try_get::<String, _>("secret").map_err(storing)?;
        let last = row.try_get::<i64, _>("last_step").map_err(storing)?;
        let secret = TotpSecret::open(&self.sealer, name.as_str(), &sealed);
        let secret = secret.map_err(|error| AccountError::Seal(Box::new(error)))?;
        let digits: String = code.chars().filter(|character| !character.is_whitespace()).take(16).collect();
        let Some(step) = secret.step_of(&digits, self.now().secs()).filter(|step| *step > last) else {
            return Ok(false);
        };
        // Of two who come with the same code at the same time one is first.
        let update = sqlx::query("UPDATE account_totp SET last_step = $1 WHERE account = $2 AND last_step < $3");
        let update = update.bind(step).bind(name.as_str()).bind(step);
        Ok(update.execute(&mut **tx).await.map_err(storing)?.rows_affected() > 0)
    }

    async fn put_codes(&self, tx: &mut Tx, name: &UserName) -> Result<Vec<Secret<String>>, AccountError> {
        let delete = sqlx::query("DELETE FROM account_recovery WHERE account = $1").bind(name.as_str());
        delete.execute(&mut **tx).await.map_err(storing)?;
        let mut codes = Vec::with_capacity(CODES);
        for _ in 0..CODES {
            let code = fresh_code();
            let statement = "INSERT INTO account_recovery (digest, account, created_ns) VALUES ($1, $2, $3)";
            let insert = sqlx::query(statement).bind(recovery_digest(name, code.expose())).bind(name.as_str());
            insert.bind(self.now().nanos()).execute(&mut **tx).await.map_err(storing)?;
            codes.push(code);
        }
        Ok(codes)
    }
}

/// Whether an account has a second factor in force.
pub(super) async fn enrolled(tx: &mut Tx, name: &UserName) -> Result<bool, AccountError> {
    let count = "SELECT COUNT(*) FROM account_totp WHERE account = $1 AND confirmed = 1";
    let count = sqlx::query_scalar::<_, i64>(count).bind(name.as_str());
    Ok(count.fetch_one(&mut **tx).await.map_err(storing)? > 0)
}

async fn forget(tx: &mut Tx, name: &UserName) -> Result<(), AccountError> {
    for statement in ["DELETE FROM account_totp WHERE account = $1", "DELETE FROM account_recovery WHERE account = $1"]
    {
        sqlx::query(statement).bind(name.as_str()).execute(&mut **tx).await.map_err(storing)?;
    }
    Ok(())
}

/// No code of another kind has the same digest: `:` is in no account's name.
fn recovery_digest(name: &UserName, code: &str) -> String {
    digest(&format!("recovery:{name}"), code)
}

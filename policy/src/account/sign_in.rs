//! Signing in: a password, and the second factor where an account has one.

use event::{AuthStrength, Authentication, Timestamp, UserName};
use keys::Secret;
use serde_json::json;
use store::Tx;
use store::sqlx::{self, Row};
use tracing::info;

use super::second_factor::{Shown, enrolled};
use super::session::Beginning;
use super::{Accounts, SignedIn, Visitor, account_name, record, storing};
use crate::AccountError;

/// Wrong codes for one right password; then the password is asked for again.
const TRIES_MAX: i64 = 5;
/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 256;

/// What a right password gives.
#[derive(Debug)]
pub enum Entry {
    /// A session.
    SignedIn(SignedIn),
    /// The second factor is asked for; nothing can be done before it is shown.
    SecondFactor(Challenge),
}

impl Entry {
    /// The session, when there is one already.
    pub fn signed_in(self) -> Option<SignedIn> {
        match self {
            Self::SignedIn(signed_in) => Some(signed_in),
            Self::SecondFactor(_) => None,
        }
    }
}

/// The first step was right. Good for one sign-in, for a few minutes and a few tries.
#[derive(Debug)]
pub struct Challenge {
    /// What the second step must come with.
    pub token: Secret<String>,
    /// When it stops working.
    pub ends: Timestamp,
}

impl Accounts {
    /// Signs in with name and password: at once, or to be finished by [`Accounts::finish_sign_in`] where the account has
    /// a second factor.
    ///
    /// # Errors
    /// [`AccountError::Refused`] whatever was wrong, after the same work whether or not the account exists;
    /// [`AccountError::Locked`] after too many attempts.
    pub async fn sign_in(
        &self,
        name: &str,
        password: Secret<String>,
        visitor: impl Into<Visitor>,
    ) -> Result<Entry, AccountError> {
        let visitor = visitor.into();
        let known_as = account_name(name);
        let counted = known_as.as_ref().map_or(name, UserName::as_str);
        self.throttle.begin(counted, visitor.address, self.now()).inspect_err(|_| sign_in_counter("locked"))?;
        let stored = match &known_as {
            Ok(name) => record::find(self.store.pool(), name).await?,
            Err(_) => None,
        };
        let usable = stored.as_ref().filter(|stored| !stored.account.disabled && stored.account.has_password);
        let right = self.passwords.verify(password, usable.map(|stored| stored.password.clone())).await?;
        let Some(stored) = usable.filter(|_| right) else {
            // The name is recorded when there is such an account: what else is typed there may be a password.
            let object = stored.as_ref().map_or("unknown", |stored| stored.account.name.as_str());
            sign_in_counter("refused");
            let detail = json!({ "address": visitor.address.to_string() });
            self.journal.append(object, "sign_in_refused", object, detail).await.map_err(AccountError::Ledger)?;
            return Err(AccountError::Refused);
        };
        let name = &stored.account.name;
        let mut tx = self.store.begin().await.map_err(storing)?;
        // What changed while the password was hashed wins.
        let current = record::find(&mut *tx, name).await?.ok_or(AccountError::Refused)?;
        if current.account.disabled || current.password != stored.password {
            return Err(AccountError::Refused);
        }
        if enrolled(&mut tx, name).await? {
            // The name stays counted: a right password alone does not buy more guesses at codes.
            let challenge = self.put_challenge(&mut tx, name).await?;
            tx.commit().await.map_err(storing)?;
            sign_in_counter("second factor asked");
            return Ok(Entry::SecondFactor(challenge));
        }
        let signed_in = self.finish(tx, name, AuthStrength::Password, "password", &visitor).await?;
        self.throttle.succeed(counted, visitor.address);
        Ok(Entry::SignedIn(signed_in))
    }

    /// The second step: a code of the authenticator app, or a recovery code, with what the first step gave.
    ///
    /// # Errors
    /// [`AccountError::ChallengeEnded`] when the first step is unknown, used, too old or had too many wrong codes;
    /// [`AccountError::CodeRefused`] for a wrong or used code, counted like a wrong password; [`AccountError::Locked`].
    pub async fn finish_sign_in(
        &self,
        challenge: &str,
        code: &Secret<String>,
        visitor: impl Into<Visitor>,
    ) -> Result<SignedIn, AccountError> {
        let visitor = visitor.into();
        if challenge.len() > TOKEN_BYTES_MAX {
            return Err(AccountError::ChallengeEnded);
        }
        let digest = keys::token::digest(challenge);
        let select = sqlx::query_scalar::<_, String>("SELECT account FROM account_challenge WHERE digest = $1");
        let account = select.bind(&digest).fetch_optional(self.store.pool()).await.map_err(storing)?;
        let name = account_name(&account.ok_or(AccountError::ChallengeEnded)?)?;
        self.throttle.begin(name.as_str(), visitor.address, self.now()).inspect_err(|_| sign_in_counter("locked"))?;
        let mut tx = self.store.begin().await.map_err(storing)?;
        self.check_challenge(&mut tx, &digest).await?;
        let current = record::find(&mut *tx, &name).await?.ok_or(AccountError::Refused)?;
        if current.account.disabled {
            return Err(AccountError::Refused);
        }
        let Some(shown) = self.take_second_factor(&mut tx, &name, code.expose()).await? else {
            let update = sqlx::query("UPDATE account_challenge SET tries = tries + 1 WHERE digest = $1").bind(&digest);
            update.execute(&mut *tx).await.map_err(storing)?;
            sign_in_counter("refused");
            let detail = json!({ "address": visitor.address.to_string(), "with": "second factor" });
            self.commit(tx, name.as_str(), "sign_in_refused", name.as_str(), detail).await?;
            return Err(AccountError::CodeRefused);
        };
        let delete = sqlx::query("DELETE FROM account_challenge WHERE digest = $1").bind(&digest);
        delete.execute(&mut *tx).await.map_err(storing)?;
        let way = match shown {
            Shown::App => "password, authenticator",
            Shown::RecoveryCode => "password, recovery code",
        };
        let signed_in = self.finish(tx, &name, AuthStrength::TwoFactor, way, &visitor).await?;
        // Both steps were counted against the address.
        self.throttle.succeed(name.as_str(), visitor.address);
        self.throttle.succeed(name.as_str(), visitor.address);
        Ok(signed_in)
    }

    async fn finish(
        &self,
        mut tx: Tx,
        name: &UserName,
        strength: AuthStrength,
        way: &'static str,
        visitor: &Visitor,
    ) -> Result<SignedIn, AccountError> {
        let beginning = Beginning::new(name, Authentication::new(strength, self.now()), visitor);
        let signed_in = self.begin_session_in(&mut tx, beginning).await?;
        let detail = json!({ "address": visitor.address.to_string(), "with": way });
        self.commit(tx, name.as_str(), "sign_in", name.as_str(), detail).await?;
        sign_in_counter("accepted");
        info!(user = %name, address = %visitor.address, way, "signed in");
        Ok(signed_in)
    }

    /// A session, or the question for the second factor, for whoever just proved the first one.
    pub(super) async fn enter_in(
        &self,
        tx: &mut Tx,
        name: &UserName,
        visitor: &Visitor,
    ) -> Result<Entry, AccountError> {
        if enrolled(tx, name).await? {
            return self.put_challenge(tx, name).await.map(Entry::SecondFactor);
        }
        let beginning = Beginning::new(name, Authentication::new(AuthStrength::Password, self.now()), visitor);
        self.begin_session_in(tx, beginning).await.map(Entry::SignedIn)
    }

    async fn put_challenge(&self, tx: &mut Tx, name: &UserName) -> Result<Challenge, AccountError> {
        self.sweep(tx).await?;
        // One at a time: a new sign-in ends the one that was left half done.
        let delete = sqlx::query("DELETE FROM account_challenge WHERE account = $1").bind(name.as_str());
        delete.execute(&mut **tx).await.map_err(storing)?;
        let token = keys::token::random("msf_");
        let ends = self.now().plus(self.settings.challenge_life);
        let statement = "INSERT INTO account_challenge (digest, account, tries, ends_ns) VALUES ($1, $2, 0, $3)";
        let insert = sqlx::query(statement).bind(keys::token::digest(token.expose())).bind(name.as_str());
        insert.bind(ends.nanos()).execute(&mut **tx).await.map_err(storing)?;
        Ok(Challenge { token, ends })
    }

    async fn check_challenge(&self, tx: &mut Tx, digest: &str) -> Result<(), AccountError> {
        let select = sqlx::query("SELECT tries, ends_ns FROM account_challenge WHERE digest = $1").bind(digest);
        let row = select.fetch_optional(&mut **tx).await.map_err(storing)?.ok_or(AccountError::ChallengeEnded)?;
        let tries = row.try_get::<i64, _>("tries").map_err(storing)?;
        let ends = row.try_get::<i64, _>("ends_ns").map_err(storing)?;
        if tries >= TRIES_MAX || self.now().nanos() >= ends {
            return Err(AccountError::ChallengeEnded);
        }
        Ok(())
    }
}

pub(super) fn sign_in_counter(outcome: &'static str) {
    metrics::counter!("metrosoc_sign_ins_total", "outcome" => outcome).increment(1);
}

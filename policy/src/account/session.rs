//! A session: how it begins, what it is good for, how it goes on under a new token, how it ends.

use std::net::IpAddr;
use std::time::Duration;

use event::{AuthStrength, Authentication, Subject, Timestamp, UserName};
use keys::Secret;
use serde_json::json;
use store::Tx;
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};
use tracing::warn;

use super::second_factor::enrolled;
use super::{Accounts, Visitor, record, storing};
use crate::AccountError;

/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 256;
/// A session's last use is written at most so often.
const SEEN_EVERY: Duration = Duration::from_secs(60);
/// How far a clock may go back before sessions end that seem to begin in the future.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// A session that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who is signed in.
    pub subject: Subject,
    /// What every request that changes something must carry beside the cookie. Bound to the session; not the cookie.
    pub csrf: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ends at the latest.
    pub ends: Timestamp,
    /// What was shown for it, and when.
    pub authentication: Authentication,
    /// Whether the account has a second factor in force.
    pub second_factor: bool,
    /// Whether the role must show a second factor and this session has not: it opens nothing but the way to one.
    pub second_factor_due: bool,
    /// Whether the sign-on provider began it.
    pub federated: bool,
    digest: String,
}

/// A fresh session with the token that goes into the cookie, shown once.
#[derive(Debug)]
pub struct SignedIn {
    /// For the cookie.
    pub token: Secret<String>,
    /// The session.
    pub session: Session,
}

/// A session to begin.
pub(super) struct Beginning<'b> {
    name: &'b UserName,
    authentication: Authentication,
    visitor: &'b Visitor,
    /// The sign-on provider's name of the session; `None` where it began here.
    provider_session: Option<&'b str>,
}

impl<'b> Beginning<'b> {
    pub(super) fn new(name: &'b UserName, authentication: Authentication, visitor: &'b Visitor) -> Self {
        Self { name, authentication, visitor, provider_session: None }
    }

    pub(super) fn federated(self, provider_session: &'b str) -> Self {
        Self { provider_session: Some(provider_session), ..self }
    }
}

impl Session {
    /// Whether `sent` is this session's CSRF token, compared in constant time.
    pub fn csrf_matches(&self, sent: &str) -> bool {
        keys::token::equal(&self.csrf, sent)
    }

    pub(super) fn digest(&self) -> &str {
        &self.digest
    }
}

impl Accounts {
    /// The session of a cookie's token; keeps it alive.
    ///
    /// # Errors
    /// [`AccountError::NotSignedIn`] when it is unknown, ended, idle for too long, or the account is disabled.
    pub async fn session(&self, token: &str) -> Result<Session, AccountError> {
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
            return Err(AccountError::NotSignedIn);
        }
        let digest = keys::token::digest(token);
        let statement = "SELECT a.name, a.role, a.agency, a.password, a.disabled, a.created_ns, a.updated_ns, \
                         a.password_changed_ns, s.started_ns, s.seen_ns, s.ends_ns, s.strength, s.authenticated_ns, \
                         s.second_factor_ns, s.provider_session, COALESCE(f.confirmed, 0) AS second_factor \
                         FROM account_session s JOIN account a ON a.name = s.account \
                         LEFT JOIN account_totp f ON f.account = s.account WHERE s.digest = $1";
        let row = sqlx::query(statement).bind(&digest).fetch_optional(self.store.pool()).await.map_err(storing)?;
        let row = row.ok_or(AccountError::NotSignedIn)?;
        let account = record::read(&row)?.account;
        let [started, seen, ends] = [time(&row, "started_ns")?, time(&row, "seen_ns")?, time(&row, "ends_ns")?];
        let now = self.now();
        let early = now < started.minus(CLOCK_SLACK);
        if account.disabled || early || now >= ends || now.since(seen) > self.settings.session_idle {
            return Err(AccountError::NotSignedIn);
        }
        if now.since(seen) >= SEEN_EVERY {
            self.touch(&digest, now).await;
        }
        let authentication = authentication(&row)?;
        let second_factor = row.try_get::<i64, _>("second_factor").map_err(storing)? != 0;
        let subject = account.subject();
        Ok(Session {
            second_factor_due: self.second_factor_due(&subject, authentication),
            subject,
            csrf: csrf(token),
            started,
            ends,
            authentication,
            second_factor,
            federated: !row.try_get::<String, _>("provider_session").map_err(storing)?.is_empty(),
            digest,
        })
    }

    /// The provider's word about two factors counts as ours.
    fn second_factor_due(&self, subject: &Subject, shown: Authentication) -> bool {
        self.settings.second_factor_roles.contains(&subject.role) && shown.strength != AuthStrength::TwoFactor
    }

    /// Ends one session.
    ///
    /// # Errors
    /// When the store or the journal fails; the session then lasts.
    pub async fn sign_out(&self, session: &Session) -> Result<(), AccountError> {
        let mut tx = self.store.begin().await.map_err(storing)?;
        let statement = sqlx::query("DELETE FROM account_session WHERE digest = $1").bind(&session.digest);
        statement.execute(&mut *tx).await.map_err(storing)?;
        let name = session.subject.name.as_str();
        self.commit(tx, name, "sign_out", name, json!({})).await
    }

    /// The addresses from which somebody is signed in now, each with the end of its last session: they are never
    /// blocked.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn signed_in_addresses(&self) -> Result<Vec<(IpAddr, Timestamp)>, AccountError> {
        let now = self.now();
        let statement = "SELECT address, MAX(ends_ns) AS ends_ns FROM account_session \
                         WHERE ends_ns > $1 AND seen_ns >= $2 GROUP BY address";
        let rows = sqlx::query(statement).bind(now.nanos()).bind(now.minus(self.settings.session_idle).nanos());
        let rows = rows.fetch_all(self.store.pool()).await.map_err(storing)?;
        let mut addresses = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Ok(address) = row.try_get::<String, _>("address").map_err(storing)?.parse() {
                addresses.push((address, time(row, "ends_ns")?));
            }
        }
        Ok(addresses)
    }

    /// Starts a session under a fresh token; whatever the browser held before is worth nothing.
    pub(super) async fn begin_session_in(
        &self,
        tx: &mut Tx,
        beginning: Beginning<'_>,
    ) -> Result<SignedIn, AccountError> {
        let Beginning { name, authentication, visitor, provider_session } = beginning;
        let stored = record::find(&mut **tx, name).await?.ok_or(AccountError::Refused)?;
        if stored.account.disabled {
            return Err(AccountError::Refused);
        }
        self.sweep(tx).await?;
        self.end_oldest(tx, name).await?;
        let token = keys::token::random("mss_");
        let (now, digest) = (self.now(), keys::token::digest(token.expose()));
        let ends = now.plus(self.settings.session_life);
        let statement = "INSERT INTO account_session (digest, account, address, started_ns, seen_ns, ends_ns, user_agent, \
                         strength, authenticated_ns, second_factor_ns, provider_session) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let insert = sqlx::query(statement).bind(&digest).bind(name.as_str()).bind(visitor.address.to_string());
        let insert = insert.bind(now.nanos()).bind(now.nanos()).bind(ends.nanos()).bind(&visitor.user_agent);
        let insert = insert.bind(authentication.strength.as_str()).bind(authentication.authenticated_at.nanos());
        let insert = insert.bind(authentication.second_factor_at.map_or(0, Timestamp::nanos));
        let insert = insert.bind(provider_session.unwrap_or_default());
        insert.execute(&mut **tx).await.map_err(storing)?;
        let second_factor = enrolled(tx, name).await?;
        let subject = stored.account.subject();
        let session = Session {
            second_factor_due: self.second_factor_due(&subject, authentication),
            subject,
            csrf: csrf(token.expose()),
            started: now,
            ends,
            authentication,
            second_factor,
            federated: provider_session.is_some(),
            digest,
        };
        Ok(SignedIn { token, session })
    }

    /// The same session under a new token, with what was just shown; the old token is worth nothing. It ends when it
    /// would have ended.
    pub(super) async fn rotate(
        &self,
        tx: &mut Tx,
        session: &Session,
        shown: Authentication,
    ) -> Result<SignedIn, AccountError> {
        let token = keys::token::random("mss_");
        let (now, digest) = (self.now(), keys::token::digest(token.expose()));
        let statement = "UPDATE account_session SET digest = $1, seen_ns = $2, strength = $3, authenticated_ns = $4, \
                         second_factor_ns = $5 WHERE digest = $6 AND ends_ns > $7";
        let update = sqlx::query(statement).bind(&digest).bind(now.nanos()).bind(shown.strength.as_str());
        let update = update.bind(shown.authenticated_at.nanos());
        let update = update.bind(shown.second_factor_at.map_or(0, Timestamp::nanos));
        let update = update.bind(&session.digest).bind(now.nanos());
        if update.execute(&mut **tx).await.map_err(storing)?.rows_affected() == 0 {
            return Err(AccountError::NotSignedIn);
        }
        let csrf = csrf(token.expose());
        let second_factor_due = self.second_factor_due(&session.subject, shown);
        let session = Session { csrf, authentication: shown, second_factor_due, digest, ..session.clone() };
        Ok(SignedIn { token, session })
    }

    /// Forgets sessions and codes that have ended.
    pub(super) async fn sweep(&self, tx: &mut Tx) -> Result<(), AccountError> {
        let now = self.now();
        let idle = now.minus(self.settings.session_idle);
        let sessions = sqlx::query("DELETE FROM account_session WHERE ends_ns <= $1 OR seen_ns < $2");
        sessions.bind(now.nanos()).bind(idle.nanos()).execute(&mut **tx).await.map_err(storing)?;
        for statement in [
            "DELETE FROM account_code WHERE ends_ns <= $1",
            "DELETE FROM account_challenge WHERE ends_ns <= $1",
            "DELETE FROM account_federated_flow WHERE ends_ns <= $1",
        ] {
            sqlx::query(statement).bind(now.nanos()).execute(&mut **tx).await.map_err(storing)?;
        }
        Ok(())
    }

    /// Makes room for one more session of that account.
    async fn end_oldest(&self, tx: &mut Tx, name: &UserName) -> Result<(), AccountError> {
        let keep = i64::from(self.settings.sessions_max.max(1)) - 1;
        let statement = "DELETE FROM account_session WHERE account = $1 AND digest NOT IN (SELECT digest FROM \
                         account_session WHERE account = $2 ORDER BY started_ns DESC, digest LIMIT $3)";
        let delete = sqlx::query(statement).bind(name.as_str()).bind(name.as_str()).bind(keep);
        delete.execute(&mut **tx).await.map_err(storing)?;
        Ok(())
    }

    /// Notes the use of a session. When the store cannot be written the session just grows old.
    async fn touch(&self, digest: &str, now: Timestamp) {
        let touching = async {
            let mut tx = self.store.begin().await.map_err(storing)?;
            let update = sqlx::query("UPDATE account_session SET seen_ns = $1 WHERE digest = $2 AND seen_ns < $3");
            let update = update.bind(now.nanos()).bind(digest).bind(now.nanos());
            update.execute(&mut *tx).await.map_err(storing)?;
            tx.commit().await.map_err(storing)
        };
        if let Err(error) = touching.await {
            warn!(%error, "use of a session not noted");
        }
    }
}

/// Ends every session of an account, and sign-ins that are half done.
pub(super) async fn end_sessions(tx: &mut Tx, name: &UserName) -> Result<u64, AccountError> {
    let challenges = sqlx::query("DELETE FROM account_challenge WHERE account = $1").bind(name.as_str());
    challenges.execute(&mut **tx).await.map_err(storing)?;
    let statement = sqlx::query("DELETE FROM account_session WHERE account = $1").bind(name.as_str());
    Ok(statement.execute(&mut **tx).await.map_err(storing)?.rows_affected())
}

/// Derived from the token, which is not stored: a copied database gives neither, and one does not give the other.
fn csrf(token: &str) -> String {
    keys::token::digest(&format!("csrf:{token}"))
}

/// What a row says was shown. What this version does not know counts for little.
fn authentication(row: &AnyRow) -> Result<Authentication, AccountError> {
    let strength = row.try_get::<String, _>("strength").map_err(storing)?;
    let second_factor = time(row, "second_factor_ns")?;
    Ok(Authentication {
        strength: AuthStrength::parse(&strength).unwrap_or(AuthStrength::Token),
        authenticated_at: time(row, "authenticated_ns")?,
        second_factor_at: Some(second_factor).filter(|time| time.nanos() != 0),
    })
}

pub(super) fn time(row: &AnyRow, column: &str) -> Result<Timestamp, AccountError> {
    row.try_get::<i64, _>(column).map(Timestamp::from_nanos).map_err(storing)
}

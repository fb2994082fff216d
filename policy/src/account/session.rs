//! Signing in and out, and what a session is good for.

use std::net::IpAddr;
use std::time::Duration;

use event::{Operation, Permit, Subject, Timestamp, UserName};
use keys::Secret;
use serde::Serialize;
use serde_json::json;
use store::Tx;
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};
use tracing::{info, warn};

use super::{Accounts, account_name, record, storing};
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

/// One session of an account, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionInfo {
    /// The address that signed in.
    pub address: String,
    /// When it began.
    pub started: Timestamp,
    /// When it was last used, to the minute.
    pub seen: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl Session {
    /// Whether `sent` is this session's CSRF token, compared in constant time.
    pub fn csrf_matches(&self, sent: &str) -> bool {
        keys::token::equal(&self.csrf, sent)
    }
}

impl Accounts {
    /// Signs in with name and password.
    ///
    /// # Errors
    /// [`AccountError::Refused`] whatever was wrong, in the same time whether or not the account exists;
    /// [`AccountError::Locked`] after too many attempts.
    pub async fn sign_in(
        &self,
        name: &str,
        password: Secret<String>,
        address: IpAddr,
    ) -> Result<SignedIn, AccountError> {
        let known_as = account_name(name);
        let counted = known_as.as_ref().map_or(name, UserName::as_str);
        self.throttle.begin(counted, address, self.now()).inspect_err(|_| sign_in_counter("locked"))?;
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
            let detail = json!({ "address": address.to_string() });
            self.journal.append(object, "sign_in_refused", object, detail).await.map_err(AccountError::Ledger)?;
            return Err(AccountError::Refused);
        };
        let signed_in = self.begin_session(&stored.account.name, Some(&stored.password), address, "password").await?;
        self.throttle.succeed(counted, address);
        sign_in_counter("accepted");
        Ok(signed_in)
    }

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
                         a.password_changed_ns, s.started_ns, s.seen_ns, s.ends_ns \
                         FROM account_session s JOIN account a ON a.name = s.account WHERE s.digest = $1";
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
        Ok(Session { subject: account.subject(), csrf: csrf(token), started, ends, digest })
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

    /// Ends every session of the one who asks; gives their number.
    ///
    /// # Errors
    /// When the store or the journal fails; the sessions then last.
    pub async fn sign_out_everywhere(&self, session: &Session) -> Result<u64, AccountError> {
        let mut tx = self.store.begin().await.map_err(storing)?;
        let name = &session.subject.name;
        let ended = end_sessions(&mut tx, name).await?;
        self.commit(tx, name.as_str(), "sign_out_everywhere", name.as_str(), json!({ "sessions": ended })).await?;
        Ok(ended)
    }

    /// Ends every session of somebody else; gives their number.
    ///
    /// # Errors
    /// [`AccountError::NotPermitted`], or when the store or the journal fails.
    pub async fn end_sessions(&self, permit: &Permit, name: &str) -> Result<u64, AccountError> {
        self.check(permit, Operation::Manage)?;
        let name = account_name(name)?;
        let mut tx = self.store.begin().await.map_err(storing)?;
        let ended = end_sessions(&mut tx, &name).await?;
        let actor = permit.subject().name.as_str();
        self.commit(tx, actor, "sessions_ended", name.as_str(), json!({ "sessions": ended })).await?;
        Ok(ended)
    }

    /// The sessions of the one who asks, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sessions(&self, session: &Session) -> Result<Vec<SessionInfo>, AccountError> {
        let statement = "SELECT digest, address, started_ns, seen_ns FROM account_session \
                         WHERE account = $1 ORDER BY started_ns DESC, digest";
        let name = session.subject.name.as_str();
        let rows = sqlx::query(statement).bind(name).fetch_all(self.store.pool()).await.map_err(storing)?;
        let info = |row: &AnyRow| {
            Ok(SessionInfo {
                address: row.try_get("address").map_err(storing)?,
                started: time(row, "started_ns")?,
                seen: time(row, "seen_ns")?,
                current: row.try_get::<String, _>("digest").map_err(storing)? == session.digest,
            })
        };
        rows.iter().map(info).collect()
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

    /// Starts a session. With `password` it starts only while that is still the account's stored hash, so that a
    /// password changed or an account disabled in the meantime wins.
    pub(super) async fn begin_session(
        &self,
        name: &UserName,
        password: Option<&str>,
        address: IpAddr,
        way: &'static str,
    ) -> Result<SignedIn, AccountError> {
        let mut tx = self.store.begin().await.map_err(storing)?;
        let signed_in = self.begin_session_in(&mut tx, name, password, address).await?;
        let detail = json!({ "address": address.to_string(), "with": way });
        self.commit(tx, name.as_str(), "sign_in", name.as_str(), detail).await?;
        info!(user = %name, %address, way, "signed in");
        Ok(signed_in)
    }

    pub(super) async fn begin_session_in(
        &self,
        tx: &mut Tx,
        name: &UserName,
        password: Option<&str>,
        address: IpAddr,
    ) -> Result<SignedIn, AccountError> {
        let stored = record::find(&mut **tx, name).await?.ok_or(AccountError::Refused)?;
        if stored.account.disabled || password.is_some_and(|verified| verified != stored.password) {
            return Err(AccountError::Refused);
        }
        self.sweep(tx).await?;
        self.end_oldest(tx, name).await?;
        let token = keys::token::random("mss_");
        let (now, digest) = (self.now(), keys::token::digest(token.expose()));
        let ends = now.plus(self.settings.session_life);
        let statement = "INSERT INTO account_session (digest, account, address, started_ns, seen_ns, ends_ns) \
                         VALUES ($1, $2, $3, $4, $5, $6)";
        let insert = sqlx::query(statement).bind(&digest).bind(name.as_str()).bind(address.to_canonical().to_string());
        let insert = insert.bind(now.nanos()).bind(now.nanos()).bind(ends.nanos());
        insert.execute(&mut **tx).await.map_err(storing)?;
        let csrf = csrf(token.expose());
        let session = Session { subject: stored.account.subject(), csrf, started: now, ends, digest };
        Ok(SignedIn { token, session })
    }

    /// Forgets sessions and codes that have ended.
    pub(super) async fn sweep(&self, tx: &mut Tx) -> Result<(), AccountError> {
        let now = self.now();
        let idle = now.minus(self.settings.session_idle);
        let sessions = sqlx::query("DELETE FROM account_session WHERE ends_ns <= $1 OR seen_ns < $2");
        sessions.bind(now.nanos()).bind(idle.nanos()).execute(&mut **tx).await.map_err(storing)?;
        let codes = sqlx::query("DELETE FROM account_code WHERE ends_ns <= $1").bind(now.nanos());
        codes.execute(&mut **tx).await.map_err(storing)?;
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

/// Ends every session of an account.
pub(super) async fn end_sessions(tx: &mut Tx, name: &UserName) -> Result<u64, AccountError> {
    let statement = sqlx::query("DELETE FROM account_session WHERE account = $1").bind(name.as_str());
    Ok(statement.execute(&mut **tx).await.map_err(storing)?.rows_affected())
}

/// Derived from the token, which is not stored: a copied database gives neither, and one does not give the other.
fn csrf(token: &str) -> String {
    keys::token::digest(&format!("csrf:{token}"))
}

fn time(row: &AnyRow, column: &str) -> Result<Timestamp, AccountError> {
    row.try_get::<i64, _>(column).map(Timestamp::from_nanos).map_err(storing)
}

fn sign_in_counter(outcome: &'static str) {
    metrics::counter!("metrosoc_sign_ins_total", "outcome" => outcome).increment(1);
}

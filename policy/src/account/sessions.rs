//! Sessions as their owner and administrators see them, and their end.

use event::{AuthStrength, Operation, Permit, Timestamp, UserName};
use serde::Serialize;
use serde_json::json;
use store::Tx;
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};

use super::session::{end_sessions, time};
use super::{Accounts, Session, account_name, storing};
use crate::AccountError;

/// Digits of a session's digest that name it. Nobody gets from them to the token.
const ID_DIGITS: usize = 16;

/// One session of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionInfo {
    /// Names it, for ending it; another one after a step-up.
    pub id: String,
    /// The address that signed in.
    pub address: String,
    /// What the browser said that it is.
    pub user_agent: String,
    /// When it began.
    pub started: Timestamp,
    /// When it was last used, to the minute.
    pub seen: Timestamp,
    /// When it ends at the latest.
    pub ends: Timestamp,
    /// What was shown for it.
    pub strength: AuthStrength,
    /// When somebody last proved who he is.
    pub authenticated: Timestamp,
    /// When a second factor was last shown.
    pub second_factor: Option<Timestamp>,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl Accounts {
    /// The sessions of an account's owner, newest first; `current` is the one that asks, where one does.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sessions(&self, name: &UserName, current: Option<&Session>) -> Result<Vec<SessionInfo>, AccountError> {
        let now = self.now();
        let statement = "SELECT digest, address, user_agent, started_ns, seen_ns, ends_ns, strength, authenticated_ns, \
                         second_factor_ns FROM account_session WHERE account = $1 AND ends_ns > $2 AND seen_ns >= $3 \
                         ORDER BY started_ns DESC, digest LIMIT 1000";
        let select = sqlx::query(statement).bind(name.as_str()).bind(now.nanos());
        let select = select.bind(now.minus(self.settings.session_idle).nanos());
        let rows = select.fetch_all(self.store.pool()).await.map_err(storing)?;
        rows.iter().map(|row| info(row, current)).collect()
    }

    /// The sessions of somebody else.
    ///
    /// # Errors
    /// [`AccountError::NotPermitted`], or when the store fails.
    pub async fn sessions_of(&self, permit: &Permit, name: &str) -> Result<Vec<SessionInfo>, AccountError> {
        self.check(permit, Operation::Read)?;
        self.sessions(&account_name(name)?, None).await
    }

    /// Ends one of the own sessions.
    ///
    /// # Errors
    /// [`AccountError::UnknownSession`], or when the store or the journal fails.
    pub async fn end_session(&self, name: &UserName, id: &str) -> Result<(), AccountError> {
        self.end_one(name.as_str(), name, id).await
    }

    /// Ends one session of somebody else.
    ///
    /// # Errors
    /// [`AccountError::NotPermitted`], [`AccountError::UnknownSession`], or when the store or the journal fails.
    pub async fn end_session_of(&self, permit: &Permit, name: &str, id: &str) -> Result<(), AccountError> {
        self.check(permit, Operation::Manage)?;
        self.end_one(permit.subject().name.as_str(), &account_name(name)?, id).await
    }

    /// Ends the own sessions but the one that asks; gives their number.
    ///
    /// # Errors
    /// When the store or the journal fails; the sessions then last.
    pub async fn end_other_sessions(&self, name: &UserName, current: Option<&Session>) -> Result<u64, AccountError> {
        let mut tx = self.store.begin().await.map_err(storing)?;
        let ended = match current {
            Some(session) => self.end_others(&mut tx, session).await?,
            None => end_sessions(&mut tx, name).await?,
        };
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

    async fn end_one(&self, actor: &str, name: &UserName, id: &str) -> Result<(), AccountError> {
        let unknown = || AccountError::UnknownSession { id: id.chars().take(48).collect() };
        if id.len() != ID_DIGITS {
            return Err(unknown());
        }
        let mut tx = self.store.begin().await.map_err(storing)?;
        let delete = "DELETE FROM account_session WHERE account = $1 AND SUBSTR(digest, 1, 16) = $2";
        let delete = sqlx::query(delete).bind(name.as_str()).bind(id);
        if delete.execute(&mut *tx).await.map_err(storing)?.rows_affected() == 0 {
            return Err(unknown());
        }
        self.commit(tx, actor, "session_ended", name.as_str(), json!({ "session": id })).await
    }

    /// Ends every session of the account but that one.
    pub(super) async fn end_others(&self, tx: &mut Tx, session: &Session) -> Result<u64, AccountError> {
        let delete = sqlx::query("DELETE FROM account_session WHERE account = $1 AND digest <> $2");
        let delete = delete.bind(session.subject.name.as_str()).bind(session.digest());
        Ok(delete.execute(&mut **tx).await.map_err(storing)?.rows_affected())
    }
}

fn info(row: &AnyRow, current: Option<&Session>) -> Result<SessionInfo, AccountError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(storing);
    let digest = text("digest")?;
    let second_factor = time(row, "second_factor_ns")?;
    Ok(SessionInfo {
        id: digest.chars().take(ID_DIGITS).collect(),
        address: text("address")?,
        user_agent: text("user_agent")?,
        started: time(row, "started_ns")?,
        seen: time(row, "seen_ns")?,
        ends: time(row, "ends_ns")?,
        strength: AuthStrength::parse(&text("strength")?).unwrap_or(AuthStrength::Token),
        authenticated: time(row, "authenticated_ns")?,
        second_factor: Some(second_factor).filter(|time| time.nanos() != 0),
        current: current.is_some_and(|session| session.digest() == digest),
    })
}

//! API tokens: for programs, and for people at the command line. Shown once, stored as a digest.

use event::{Operation, Permit, Role, Subject, Timestamp, UserName};
use keys::Secret;
use serde::Serialize;
use serde_json::json;
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};
use tracing::warn;

use super::user::existing;
use super::{Accounts, account_name, record, storing};
use crate::AccountError;

/// What every token begins with, so that scanners for leaked secrets find it.
const PREFIX: &str = "msk_";
/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 256;
/// Longest label, in characters.
const LABEL_MAX: usize = 100;
/// A token's last use is written at most so often, in nanoseconds: 5 minutes.
const USED_EVERY_NS: i64 = 300 * 1_000_000_000;

/// A token to be made.
#[derive(Debug, Clone, Default)]
pub struct NewToken {
    /// What it is for, in the maker's words.
    pub label: String,
    /// When it stops working; `None` for never.
    pub expires: Option<Timestamp>,
}

/// A token as lists show it; the token itself cannot be shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenInfo {
    /// Its id: the first digits of its digest.
    pub id: String,
    /// The account that it speaks for.
    pub account: UserName,
    /// What it is for.
    pub label: String,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it stops working.
    pub expires: Option<Timestamp>,
    /// When it was last used, to five minutes.
    pub used: Option<Timestamp>,
}

impl Accounts {
    /// Makes a token for an account and gives it, once.
    ///
    /// # Errors
    /// When the permit does not cover it or there is no such account.
    pub async fn create_token(
        &self,
        permit: &Permit,
        account: &str,
        new: NewToken,
    ) -> Result<(Secret<String>, TokenInfo), AccountError> {
        self.check(permit, Operation::Manage)?;
        let name = account_name(account)?;
        let token = keys::token::random(PREFIX);
        let digest = keys::token::digest(token.expose());
        let created_by = permit.subject().name.to_string();
        let info = TokenInfo {
            id: digest.chars().take(16).collect(),
            account: name.clone(),
            label: new.label.chars().filter(|found| !found.is_control()).take(LABEL_MAX).collect(),
            created_by,
            created: self.now(),
            expires: new.expires,
            used: None,
        };
        let mut tx = self.store.begin().await.map_err(storing)?;
        existing(&mut tx, &name).await?;
        let statement = "INSERT INTO account_token (id, digest, account, label, created_by, created_ns, expires_ns, \
                         used_ns) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)";
        let insert = sqlx::query(statement).bind(&info.id).bind(&digest).bind(name.as_str()).bind(&info.label);
        let insert = insert.bind(&info.created_by).bind(info.created.nanos());
        let insert = insert.bind(info.expires.map_or(0, |expires| expires.nanos().max(1)));
        insert.execute(&mut *tx).await.map_err(storing)?;
        let detail = json!({ "token": info.id, "label": info.label, "expires": info.expires });
        self.commit(tx, &info.created_by, "token_created", name.as_str(), detail).await?;
        Ok((token, info))
    }

    /// Who a token speaks for.
    ///
    /// # Errors
    /// [`AccountError::NotSignedIn`] when it is unknown, revoked, expired, or its account is disabled.
    pub async fn authenticate_token(&self, token: &str) -> Result<Subject, AccountError> {
        if !token.starts_with(PREFIX) || token.len() > TOKEN_BYTES_MAX {
            return Err(AccountError::NotSignedIn);
        }
        let digest = keys::token::digest(token);
        let statement = "SELECT a.name, a.role, a.agency, a.password, a.disabled, a.created_ns, a.updated_ns, \
                         a.password_changed_ns, t.expires_ns, t.used_ns \
                         FROM account_token t JOIN account a ON a.name = t.account WHERE t.digest = $1";
        let row = sqlx::query(statement).bind(&digest).fetch_optional(self.store.pool()).await.map_err(storing)?;
        let row = row.ok_or(AccountError::NotSignedIn)?;
        let account = record::read(&row)?.account;
        let expires = row.try_get::<i64, _>("expires_ns").map_err(storing)?;
        let now = self.now().nanos();
        if account.disabled || (expires != 0 && now >= expires) {
            return Err(AccountError::NotSignedIn);
        }
        let used = row.try_get::<i64, _>("used_ns").map_err(storing)?;
        if now.saturating_sub(used) >= USED_EVERY_NS {
            self.note_use(&digest, now).await;
        }
        Ok(account.subject())
    }

    /// The account of a program that showed its certificate.
    ///
    /// # Errors
    /// [`AccountError::NotSignedIn`] when there is no such account, it is disabled, or it is a person's.
    pub async fn machine(&self, name: &UserName) -> Result<Subject, AccountError> {
        let stored = record::find(self.store.pool(), name).await?;
        let usable = stored.filter(|stored| !stored.account.disabled && stored.account.role == Role::Machine);
        usable.map(|stored| stored.account.subject()).ok_or(AccountError::NotSignedIn)
    }

    /// The tokens, of one account or of all, newest first.
    ///
    /// # Errors
    /// [`AccountError::NotPermitted`], or when the store fails.
    pub async fn tokens(&self, permit: &Permit, account: Option<&str>) -> Result<Vec<TokenInfo>, AccountError> {
        self.check(permit, Operation::Read)?;
        let name = account.map(account_name).transpose()?;
        let name = name.as_ref().map_or("", UserName::as_str);
        let statement = "SELECT id, account, label, created_by, created_ns, expires_ns, used_ns FROM account_token \
                         WHERE account = $1 OR $2 = '' ORDER BY created_ns DESC, id LIMIT 100000";
        let select = sqlx::query(statement).bind(name).bind(name);
        let rows = select.fetch_all(self.store.pool()).await.map_err(storing)?;
        rows.iter().map(info).collect()
    }

    /// Makes a token useless.
    ///
    /// # Errors
    /// When the permit does not cover it or there is no such token.
    pub async fn revoke_token(&self, permit: &Permit, id: &str) -> Result<(), AccountError> {
        self.check(permit, Operation::Manage)?;
        let mut tx = self.store.begin().await.map_err(storing)?;
        let delete = sqlx::query_scalar::<_, String>("DELETE FROM account_token WHERE id = $1 RETURNING account");
        let account = delete.bind(id).fetch_optional(&mut *tx).await.map_err(storing)?;
        let unknown = || AccountError::UnknownToken { id: id.chars().take(48).collect() };
        let account = account.ok_or_else(unknown)?;
        let actor = permit.subject().name.as_str();
        self.commit(tx, actor, "token_revoked", &account, json!({ "token": id })).await
    }

    async fn note_use(&self, digest: &str, now: i64) {
        let noting = async {
            let mut tx = self.store.begin().await.map_err(storing)?;
            let update = sqlx::query("UPDATE account_token SET used_ns = $1 WHERE digest = $2 AND used_ns < $3");
            update.bind(now).bind(digest).bind(now).execute(&mut *tx).await.map_err(storing)?;
            tx.commit().await.map_err(storing)
        };
        if let Err(error) = noting.await {
            warn!(%error, "use of a token not noted");
        }
    }
}

fn info(row: &AnyRow) -> Result<TokenInfo, AccountError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(storing);
    let time = |column: &str| row.try_get::<i64, _>(column).map_err(storing);
    let set = |nanos: i64| Some(nanos).filter(|&nanos| nanos != 0).map(Timestamp::from_nanos);
    Ok(TokenInfo {
        id: text("id")?,
        account: account_name(&text("account")?)?,
        label: text("label")?,
        created_by: text("created_by")?,
        created: Timestamp::from_nanos(time("created_ns")?),
        expires: set(time("expires_ns")?),
        used: set(time("used_ns")?),
    })
}

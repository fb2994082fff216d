//! Rotation of the vault's keys while values come and are found: data keys are wrapped anew, marks are made anew.
//!
//! While there are two generations of look-up keys, a value is looked for under both, and what is found under the older one
//! is marked anew on the spot; a walk over all rows does the same with the rest. What a row's seal is bound to is its
//! writing, never its mark: rows are marked anew without being sealed anew.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use store::sqlx::{Row as _, query, query_scalar};
use store::{Store, StoreError};

use super::rows::{self, Marked};
use super::{Kind, Mark, Token, Vault, Writing};
use crate::VaultError;

/// Data keys of one step.
const KEYS_PAGE: i64 = 500;
/// Tokens of one step; nobody brings values in meanwhile.
const TOKENS_PAGE: i64 = 200;

/// A step of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What the next step goes on behind; `None` at the end.
    pub next: Option<String>,
    /// Rows that were looked at.
    pub seen: u64,
    /// Rows that were changed.
    pub changed: u64,
}

impl Vault {
    /// Does something while nobody brings values in, and forgets what is remembered of marks: for the moment at which a new
    /// generation of look-up keys comes.
    pub async fn alone<T>(&self, act: impl FnOnce() -> T) -> T {
        let _alone = self.gate.write().await;
        let done = act();
        self.cache().clear();
        done
    }

    /// How many data keys and rows there are.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn sizes(&self) -> Result<(u64, u64), VaultError> {
        self.settle().await?;
        let count = |database: &Store, sql: &'static str| {
            let pool = database.pool().clone();
            async move { query_scalar::<_, i64>(sql).fetch_one(&pool).await.map_err(StoreError::from) }
        };
        let keys = count(&self.keys, "SELECT COUNT(*) FROM data_key").await?;
        let rows = count(&self.store, "SELECT COUNT(*) FROM vault_value").await?;
        Ok((keys.cast_unsigned(), rows.cast_unsigned()))
    }

    /// Wraps the data keys behind `after` (empty for the first step) anew that an older generation wrapped.
    ///
    /// # Errors
    /// [`VaultError`]; asking again goes on.
    pub async fn rewrap(&self, after: &str) -> Result<Step, VaultError> {
        self.usable()?;
        self.settle().await?;
        let sql = "SELECT token, wrapped FROM data_key WHERE token > $1 ORDER BY token LIMIT $2";
        let page =
            query(sql).bind(after).bind(KEYS_PAGE).fetch_all(self.keys.pool()).await.map_err(StoreError::from)?;
        let mut anew = Vec::new();
        let mut last = None;
        for row in &page {
            let name: String = row.try_get(0).map_err(StoreError::from)?;
            let wrapped: String = row.try_get(1).map_err(StoreError::from)?;
            if let Some(token) = Token::parse(&name) {
                let damaged = || VaultError::Damaged { token };
                let bytes = STANDARD_NO_PAD.decode(&wrapped).map_err(|_| damaged())?;
                let changed = self.sealer.rewrap_data_key(name.as_bytes(), &bytes).map_err(|_| damaged())?;
                anew.extend(changed.map(|changed| (name.clone(), wrapped, STANDARD_NO_PAD.encode(changed))));
            }
            last = Some(name);
        }
        if !anew.is_empty() {
            let mut tx = self.keys.begin().await?;
            for (token, before, after) in &anew {
                // Who destroyed the key meanwhile has the last word.
                let update = query("UPDATE data_key SET wrapped = $1 WHERE token = $2 AND wrapped = $3");
                let update = update.bind(after).bind(token).bind(before);
                update.execute(&mut *tx).await.map_err(StoreError::from)?;
            }
            tx.commit().await?;
        }
        let full = page.len() as i64 == KEYS_PAGE;
        if !full {
            self.keys.settle().await?;
        }
        Ok(Step { next: last.filter(|_| full), seen: page.len() as u64, changed: anew.len() as u64 })
    }

    /// Marks the rows of tokens behind `after` (empty for the first step) anew.
    ///
    /// # Errors
    /// [`VaultError`]; asking again goes on.
    pub async fn remark(&self, after: &str) -> Result<Step, VaultError> {
        self.usable()?;
        let _alone = self.gate.write().await;
        self.settle().await?;
        let sql = "SELECT DISTINCT token FROM vault_value WHERE token > $1 ORDER BY token LIMIT $2";
        let asked = query(sql).bind(after).bind(TOKENS_PAGE);
        let page = asked.fetch_all(self.store.pool()).await.map_err(StoreError::from)?;
        let names: Vec<String> =
            page.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(StoreError::from)?;
        let tokens: Vec<Token> = names.iter().filter_map(|name| Token::parse(name)).collect();
        let (seen, changed) = self.mark_anew(&tokens).await?;
        let full = names.len() as i64 == TOKENS_PAGE;
        Ok(Step { next: names.last().filter(|_| full).cloned(), seen, changed })
    }

    /// Marks anew what is there of values under the older generations; nothing to do when there is one.
    pub(super) async fn take_up(&self, values: &[(Kind, &str)]) -> Result<(), VaultError> {
        if !self.lookup.has_older() {
            return Ok(());
        }
        let value_marks = values.iter().flat_map(|(kind, value)| self.older_value_marks(*kind, value));
        let value_marks: Vec<Mark> = value_marks.collect();
        let found = rows::values(&self.store, &value_marks).await?;
        let tokens: BTreeSet<Token> = found.into_values().map(|writing| writing.token).collect();
        let tokens: Vec<Token> = tokens.into_iter().collect();
        self.mark_anew(&tokens).await.map(drop)
    }

    /// Gives how many rows were looked at and changed. What cannot be opened is left: nobody finds it, as before.
    async fn mark_anew(&self, tokens: &[Token]) -> Result<(u64, u64), VaultError> {
        if tokens.is_empty() {
            return Ok((0, 0));
        }
        let rows = rows::marked(&self.store, tokens).await?;
        let writings: Vec<Writing> = rows.iter().map(|row| row.writing).collect();
        let values = self.reveal(&writings).await?;
        let mut changed = Vec::new();
        for row in &rows {
            let kind = row.writing.token.kind();
            let first = values.get(&Writing { number: 0, ..row.writing }).or_else(|| values.get(&row.writing));
            let (Some(value), Some(first)) = (values.get(&row.writing), first) else { continue };
            let (mark, value_mark) = (self.mark(kind, value), self.value_mark(kind, first));
            if (mark, value_mark) != (row.mark, row.value_mark) {
                changed.push(Marked { mark, value_mark, writing: row.writing });
            }
        }
        rows::mark_anew(&self.store, &changed).await?;
        Ok((rows.len() as u64, changed.len() as u64))
    }
}

//! Destroying what the vault holds of values for ever, and the list of what was destroyed, which every start replays.
//!
//! The list is written before anything is destroyed, beside the rows and beside the keys: a crash in between, a database that
//! comes back from a backup, or an old copy of the keys changes nothing, because the next start destroys it all again.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event::Timestamp;
use serde::{Deserialize, Serialize};
use store::sqlx::{Row as _, query};
use store::{Store, StoreError};

use super::{Kind, Mark, Token, Vault, Writing, recent, rows};
use crate::VaultError;
use crate::privacy::unescape;

/// Rows that are read at a time.
const PAGE: usize = 200;
/// Lines of the list in one answer.
const LINES_MAX: usize = 100_000;
/// Shorter values are not looked for inside whole texts: they stand in other words by chance.
const NEEDLE_CHARS_MIN: usize = 3;

/// A value that the vault holds, by its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Its token.
    pub token: Token,
    value_mark: Mark,
    /// In how many writings it was met.
    pub writings: u32,
}

/// A line of the list of what was destroyed. Neither part can be turned back into a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shredded {
    /// The token that stays in what is stored.
    pub token: String,
    /// What it stood for.
    pub class: String,
    /// The keyed hash of the value, under the look-up key of this vault.
    pub value_mark: String,
    /// The certificate that speaks of it.
    pub certificate: String,
    /// When.
    pub time: Timestamp,
}

impl Shredded {
    /// The token, when it is one.
    fn token(&self) -> Option<Token> {
        Token::parse(&self.token)
    }
}

impl Vault {
    /// What the vault holds of values, in every class and writing, and of whole texts in which one of them stands. Nothing is
    /// brought in.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn held(&self, values: &[String]) -> Result<Vec<Held>, VaultError> {
        self.usable()?;
        self.settle().await?;
        let kinds: Vec<Kind> = Kind::all().collect();
        let mut found: BTreeMap<Token, Held> = BTreeMap::new();
        let shared = self.gate.read().await;
        for value in values.iter().map(|value| value.trim()).filter(|value| !value.is_empty()) {
            let tokens: BTreeSet<Token> = self.find_here(&kinds, value).await?.into_iter().collect();
            for token in tokens {
                found.extend(held_of(&self.store, token).await?.map(|held| (token, held)));
            }
        }
        drop(shared);
        let needles = self.needles(values, found.values()).await?;
        for held in self.texts_with(&needles).await? {
            found.insert(held.token, held);
        }
        Ok(found.into_values().collect())
    }

    /// What the vault holds of the persons whom tokens stand for: of the values behind these, in every class and writing.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn held_behind(&self, tokens: &[String]) -> Result<Vec<Held>, VaultError> {
        self.settle().await?;
        let mut found: BTreeMap<Token, Held> = BTreeMap::new();
        for token in tokens.iter().filter_map(|token| Token::parse(token)) {
            found.extend(held_of(&self.store, token).await?.map(|held| (token, held)));
        }
        let held: Vec<Held> = found.values().copied().collect();
        let values = self.writings_of(&held).await?;
        found.extend(self.held(&values).await?.into_iter().map(|held| (held.token, held)));
        Ok(found.into_values().collect())
    }

    /// Every writing of values that the vault holds, in clear; whole texts are left out. Whoever calls this must be allowed
    /// to, and record it.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn writings_of(&self, held: &[Held]) -> Result<Vec<String>, VaultError> {
        let values = held.iter().filter(|held| held.token.kind() != Kind::Text);
        let wanted: Vec<Writing> =
            values.flat_map(|held| (0..held.writings).map(|number| Writing { token: held.token, number })).collect();
        Ok(self.reveal(&wanted).await?.into_values().collect())
    }

    /// The values and every writing of them that the vault has, in small letters.
    async fn needles(
        &self,
        values: &[String],
        found: impl Iterator<Item = &Held>,
    ) -> Result<BTreeSet<String>, VaultError> {
        let found: Vec<Held> = found.copied().collect();
        let revealed = self.writings_of(&found).await?;
        let all = values.iter().map(|value| value.trim()).chain(revealed.iter().map(String::as_str));
        let long = all.filter(|value| value.chars().count() >= NEEDLE_CHARS_MIN);
        Ok(long.map(str::to_lowercase).collect())
    }

    /// Texts that were taken whole, because nobody could say where in them a value stands.
    async fn texts_with(&self, needles: &BTreeSet<String>) -> Result<Vec<Held>, VaultError> {
        let (mut found, mut after) = (BTreeSet::new(), String::new());
        if needles.is_empty() {
            return Ok(Vec::new());
        }
        loop {
            let sql =
                "SELECT token, writing FROM vault_value WHERE class = 'text' AND token > $1 ORDER BY token LIMIT $2";
            let asked = query(sql).bind(after.as_str()).bind(PAGE as i64);
            let rows = asked.fetch_all(self.store.pool()).await.map_err(StoreError::from)?;
            let mut page = Vec::with_capacity(rows.len());
            for row in &rows {
                let (token, number): (String, i64) =
                    (row.try_get(0).map_err(StoreError::from)?, row.try_get(1).map_err(StoreError::from)?);
                if let Some(token) = Token::parse(&token) {
                    page.push(Writing { token, number: u32::try_from(number).unwrap_or(u32::MAX) });
                }
                after = token;
            }
            for (writing, text) in self.reveal(&page).await? {
                if holds(&text, needles) {
                    found.extend(held_of(&self.store, writing.token).await?);
                }
            }
            if rows.len() < PAGE {
                return Ok(found.into_iter().collect());
            }
        }
    }

    /// Destroys values for ever: puts them on the list, destroys their data keys and rows, on the disk too, and forgets them.
    /// From then on the same value gets another token. Gives the lines of the list.
    ///
    /// # Errors
    /// [`VaultError`]; what is on the list by then is destroyed by the next start at the latest.
    pub async fn shred(&self, doomed: &[Held], certificate: &str, now: Timestamp) -> Result<Vec<Shredded>, VaultError> {
        self.usable()?;
        let list: Vec<Shredded> = doomed
            .iter()
            .map(|held| Shredded {
                token: held.token.to_string(),
                class: held.token.kind().as_str().to_owned(),
                value_mark: held.value_mark.to_string(),
                certificate: certificate.to_owned(),
                time: now,
            })
            .collect();
        // Nobody brings in a writing of a token that is on its way out, or remembers it behind our back.
        let _alone = self.gate.write().await;
        self.settle().await?;
        for database in [&self.keys, &self.store] {
            add_to_list(database, &list).await?;
        }
        destroy_listed(&self.store, &self.keys, &list).await?;
        for held in doomed {
            self.cache().forget(held.token);
        }
        Ok(list)
    }

    /// What was destroyed of values, by the values themselves. What was destroyed before the look-up key was rotated is found
    /// by its token and its certificate alone: nobody can mark again what is gone.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn shredded_of(&self, values: &[String]) -> Result<Vec<Shredded>, VaultError> {
        let mut found = Vec::new();
        for value in values {
            for kind in Kind::all() {
                let marks = self.older_value_marks(kind, value.trim());
                for mark in marks.into_iter().chain([self.value_mark(kind, value.trim())]) {
                    let sql = "SELECT token, value_mark, certificate, shredded_ns FROM shredded WHERE value_mark = $1 ORDER BY token";
                    found.extend(lines(&self.store, sql, &mark.to_string(), LINES_MAX).await?);
                }
            }
        }
        Ok(found)
    }

    /// What a certificate speaks of; empty for one that does not exist.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn shredded_under(&self, certificate: &str) -> Result<Vec<Shredded>, VaultError> {
        let sql =
            "SELECT token, value_mark, certificate, shredded_ns FROM shredded WHERE certificate = $1 ORDER BY token";
        Ok(lines(&self.store, sql, certificate, LINES_MAX).await?)
    }

    /// Those of the tokens whose values were destroyed, for who asks what stands behind them.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn erased(&self, tokens: &[Token]) -> Result<BTreeMap<Token, Shredded>, VaultError> {
        let mut found = BTreeMap::new();
        for token in tokens {
            let sql = "SELECT token, value_mark, certificate, shredded_ns FROM shredded WHERE token = $1";
            let line = lines(&self.store, sql, &token.to_string(), 1).await?.pop();
            found.extend(line.map(|line| (*token, line)));
        }
        Ok(found)
    }

    /// How many keys and rows are there of what is on a list; 0 and 0 when it is destroyed.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn left_of(&self, list: &[Shredded]) -> Result<(usize, usize), VaultError> {
        self.settle().await?;
        let tokens: Vec<Token> = list.iter().filter_map(Shredded::token).collect();
        let keys = rows::wrapped_keys(&self.keys, &tokens).await?.len();
        Ok((keys, rows::tokens_there(&self.store, &tokens).await?.len()))
    }
}

/// Puts a list beside the rows of a restored vault and destroys the rows that it names; the keys follow at the start. Gives
/// how many tokens still had rows.
///
/// # Errors
/// [`VaultError::Store`].
pub async fn replay_on_rows(store: &Store, list: &[Shredded]) -> Result<usize, VaultError> {
    add_to_list(store, list).await?;
    recent::move_rows_over(store).await?;
    let tokens: Vec<Token> = list.iter().filter_map(Shredded::token).collect();
    let there = rows::tokens_there(store, &tokens).await?;
    rows::remove_many(store, &there).await?;
    store.settle().await?;
    Ok(there.len())
}

/// Destroys again whatever the lists of both databases name and is there; both then have the whole list.
pub(super) async fn replay(store: &Store, keys: &Store) -> Result<(), StoreError> {
    for (from, to) in [(keys, store), (store, keys)] {
        let mut after = String::new();
        loop {
            let sql =
                "SELECT token, value_mark, certificate, shredded_ns FROM shredded WHERE token > $1 ORDER BY token";
            let page = lines(from, sql, &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.token);
            add_to_list(to, &page).await?;
            destroy_listed(store, keys, &page).await?;
        }
    }
    Ok(())
}

/// Destroys keys, then rows, as far as they are there.
async fn destroy_listed(store: &Store, keys: &Store, list: &[Shredded]) -> Result<(), StoreError> {
    let tokens: Vec<Token> = list.iter().filter_map(Shredded::token).collect();
    let with_keys: Vec<Token> = rows::wrapped_keys(keys, &tokens).await?.into_keys().collect();
    if !with_keys.is_empty() {
        rows::remove_keys(keys, &with_keys).await?;
    }
    let with_rows = rows::tokens_there(store, &tokens).await?;
    if !with_rows.is_empty() {
        rows::remove_many(store, &with_rows).await?;
        store.settle().await?;
    }
    Ok(())
}

async fn add_to_list(database: &Store, list: &[Shredded]) -> Result<(), StoreError> {
    let mut tx = database.begin().await?;
    for line in list {
        let sql = "INSERT INTO shredded (token, value_mark, certificate, shredded_ns) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (token) DO NOTHING";
        let adding = query(sql).bind(&line.token).bind(&line.value_mark).bind(&line.certificate);
        adding.bind(line.time.nanos()).execute(&mut *tx).await?;
    }
    tx.commit().await
}

async fn lines(database: &Store, sql: &'static str, asked: &str, most: usize) -> Result<Vec<Shredded>, StoreError> {
    let limited = format!("{sql} LIMIT {most}");
    let rows = query(store::sqlx::AssertSqlSafe(limited)).bind(asked).fetch_all(database.pool()).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let token: String = row.try_get(0)?;
        let class = Token::parse(&token).map_or("unknown", |token| token.kind().as_str()).to_owned();
        let time = Timestamp::from_nanos(row.try_get(3)?);
        found.push(Shredded { token, class, value_mark: row.try_get(1)?, certificate: row.try_get(2)?, time });
    }
    Ok(found)
}

async fn held_of(store: &Store, token: Token) -> Result<Option<Held>, StoreError> {
    let sql = "SELECT value_mark, CAST(MAX(writing) AS BIGINT) FROM vault_value WHERE token = $1 GROUP BY value_mark";
    let Some(row) = query(sql).bind(token.to_string()).fetch_optional(store.pool()).await? else { return Ok(None) };
    let (mark, last): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
    let writings = u32::try_from(last).unwrap_or(u32::MAX).saturating_add(1);
    Ok(Mark::parse(&mark).map(|value_mark| Held { token, value_mark, writings }))
}

/// Whether one of the values stands in a text, as it is, escaped, or in its bytes.
fn holds(text: &str, needles: &BTreeSet<String>) -> bool {
    let bytes = STANDARD.decode(text.trim()).unwrap_or_default();
    [text.to_lowercase(), unescape(text).to_lowercase(), String::from_utf8_lossy(&bytes).to_lowercase()]
        .iter()
        .any(|text| needles.iter().any(|needle| stands_in(text, needle)))
}

/// Whether a value stands in a text with no letter and no digit beside it.
fn stands_in(text: &str, needle: &str) -> bool {
    let is_part = |beside: Option<char>| beside.is_some_and(char::is_alphanumeric);
    text.match_indices(needle).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + needle.len()..).and_then(|after| after.chars().next());
        !is_part(before) && !is_part(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_texts_are_searched_as_they_are_escaped_and_in_bytes() {
        let needles = BTreeSet::from(["lan.nguyen".to_owned(), "0912345678".to_owned()]);
        for (text, expected) in [
            ("user Lan.Nguyen here", true),
            ("user lan.nguyens here", false),
            ("tel:0912345678,", true),
            ("10912345678", false),
            ("dXNlciBsYW4ubmd1eWVuIGhlcmU=", true),
            ("nobody", false),
        ] {
            assert_eq!(holds(text, &needles), expected, "{text}");
        }
    }
}

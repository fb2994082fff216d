//! New rows on their way into the vault's tables, in SQLite: they are durable at once, one behind the other, and are moved over
//! many at a time. A row by itself would have a page of each index written, and its data key one more.
//!
//! Whoever brings values in looks for them and writes them in one transaction, so that no value gets two tokens, whichever
//! program on this machine is first. What asks for rows otherwise has them moved over before.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use keys::DataKey;
use store::{Kind as StoreKind, Store, StoreError, Tx};

use super::enter::Values;
use super::rows::{self, Row};
use super::{Kind, Mark, Token, Vault, Writing, bound_to};
use crate::VaultError;

/// So many rows are moved over together. The more, the fewer pages are written for each, and the longer a batch waits for it once
/// (a tenth of a second).
const MOVED_ROWS: usize = 4_096;

/// The rows that wait, as far as others ask for them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Writings by their marks.
    writings: HashMap<Mark, Writing>,
    /// The last writing of each value, by its mark.
    last: HashMap<Mark, Writing>,
    /// The wrapped data keys of the tokens that are new.
    wrapped: HashMap<Token, String>,
    /// The tokens of the rows.
    tokens: HashSet<Token>,
    /// The mark of the row that was written last.
    newest: Option<Mark>,
}

impl Recent {
    fn take(&mut self, rows: &[Row], made: Vec<(Token, String)>) {
        for row in rows {
            self.writings.insert(row.mark, row.writing);
            let last = self.last.entry(row.value_mark).or_insert(row.writing);
            last.number = last.number.max(row.writing.number);
            self.tokens.insert(row.writing.token);
        }
        self.newest = rows.last().map(|row| row.mark).or(self.newest);
        self.wrapped.extend(made);
    }

    /// Whether these are all the rows that wait: nobody else wrote or moved any.
    fn is_whole(&self, last: Option<(i64, Option<Mark>)>) -> bool {
        match last {
            Some((number, mark)) => usize::try_from(number) == Ok(self.writings.len()) && mark == self.newest,
            None => self.writings.is_empty(),
        }
    }
}

impl Vault {
    /// Has every row and data key that waits moved into its table.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn settle(&self) -> Result<(), VaultError> {
        if self.store.kind() == StoreKind::Sqlite {
            let mut recent = self.recent.lock().await;
            move_over(&self.store, &self.keys).await?;
            *recent = Recent::default();
        }
        Ok(())
    }

    /// The same where rows of one of these tokens wait.
    pub(super) async fn settle_for(&self, wanted: &[Writing]) -> Result<(), VaultError> {
        let concerned = {
            let recent = self.recent.lock().await;
            recent.tokens.is_empty() || wanted.iter().any(|writing| recent.tokens.contains(&writing.token))
        };
        if concerned { self.settle().await } else { Ok(()) }
    }

    /// The writings of values that are not remembered; those that are new wait to be moved over then.
    pub(super) async fn find_or_append(&self, mut left: Values<'_>) -> Result<HashMap<Mark, Writing>, VaultError> {
        let mut recent = self.recent.lock().await;
        let mut found = HashMap::with_capacity(left.len());
        take_found(&mut left, &mut found, &recent.writings);
        if left.is_empty() {
            return Ok(found);
        }
        let mut tx = self.store.begin().await?;
        if !recent.is_whole(rows::last_recent(&mut tx).await?) {
            rows::move_keys_over(&self.keys).await?;
            rows::move_over(&mut tx).await?;
            *recent = Recent::default();
        }
        let asked: Vec<(Mark, Mark)> = left.iter().map(|(mark, wanted)| (*mark, wanted.value_mark)).collect();
        let rows::Known { writings, mut last } = rows::known_in(&mut tx, self.store.kind(), &asked).await?;
        take_found(&mut left, &mut found, &writings);
        if !left.is_empty() {
            self.usable()?;
            last.extend(left.values().filter_map(|wanted| {
                let mark = wanted.value_mark;
                recent.last.get(&mark).map(|writing| (mark, *writing))
            }));
            let (made, brought) = self.make(&mut tx, &left, &last, &recent.wrapped).await?;
            // The keys first: a key without a value harms nobody, a value without a key is lost.
            if !made.is_empty() {
                rows::append_keys(&self.keys, &made).await?;
            }
            rows::append(&mut tx, &brought, self.clock.now().nanos()).await?;
            found.extend(brought.iter().map(|row| (row.mark, row.writing)));
            tx.commit().await?;
            recent.take(&brought, made);
        } else {
            // What somebody else left was moved over, perhaps.
            tx.commit().await?;
        }
        if recent.writings.len() >= MOVED_ROWS {
            move_over(&self.store, &self.keys).await?;
            *recent = Recent::default();
        }
        Ok(found)
    }

    /// The rows and data keys of values that are new; of several writings of one value the first makes the token.
    async fn make(
        &self,
        tx: &mut Tx,
        new: &Values<'_>,
        last: &HashMap<Mark, Writing>,
        wrapped: &HashMap<Token, String>,
    ) -> Result<(Vec<(Token, String)>, Vec<Row>), VaultError> {
        let mut by_value: HashMap<Mark, Vec<Mark>> = HashMap::with_capacity(new.len());
        for (mark, wanted) in new {
            by_value.entry(wanted.value_mark).or_default().push(*mark);
        }
        let joined = by_value.keys().filter_map(|value_mark| last.get(value_mark));
        let (waiting, there): (Vec<Token>, Vec<Token>) =
            joined.map(|last| last.token).partition(|token| wrapped.contains_key(token));
        let mut data_keys = self.data_keys(there.into_iter()).await?;
        for token in waiting {
            let Some(wrapped) = wrapped.get(&token) else { continue };
            data_keys.insert(token, self.unwrapped(token, wrapped)?);
        }
        let (mut made, mut brought) = (Vec::new(), Vec::new());
        for (value_mark, marks) in &by_value {
            let (token, mut number, key) = match last.get(value_mark) {
                Some(last) if data_keys.contains_key(&last.token) => {
                    (last.token, last.number.saturating_add(1), data_keys.get(&last.token))
                }
                before => {
                    if let Some(destroyed) = before {
                        // Its key was destroyed and its rows were not: that is finished here.
                        rows::remove_in(tx, destroyed.token).await?;
                    }
                    let kind = marks.first().and_then(|mark| new.get(mark)).map_or(Kind::Text, |wanted| wanted.kind);
                    let token = Token::random(kind);
                    let (key, wrapped) = self.sealer.new_data_key(token.to_string().as_bytes())?;
                    made.push((token, STANDARD_NO_PAD.encode(wrapped)));
                    data_keys.insert(token, key);
                    (token, 0, data_keys.get(&token))
                }
            };
            let Some(key) = key else { continue };
            for mark in marks {
                let Some(wanted) = new.get(mark) else { continue };
                let writing = Writing { token, number };
                let sealed = STANDARD_NO_PAD.encode(key.seal(&bound_to(writing), wanted.value.as_bytes())?);
                brought.push(Row { mark: *mark, value_mark: *value_mark, writing, sealed });
                number = number.saturating_add(1);
            }
        }
        Ok((made, brought))
    }

    pub(super) fn unwrapped(&self, token: Token, wrapped: &str) -> Result<DataKey, VaultError> {
        let damaged = || VaultError::Damaged { token };
        let wrapped = STANDARD_NO_PAD.decode(wrapped).map_err(|_| damaged())?;
        self.sealer.unwrap_data_key(token.to_string().as_bytes(), &wrapped).map_err(|_| damaged())
    }
}

/// Moves what is there from those that are left to those that are found.
fn take_found(left: &mut Values<'_>, found: &mut HashMap<Mark, Writing>, there: &HashMap<Mark, Writing>) {
    left.retain(|mark, _| match there.get(mark) {
        Some(writing) => {
            found.insert(*mark, *writing);
            false
        }
        None => true,
    });
}

/// Moves whatever waits into its table, the keys first; where nothing does, nothing is written.
pub(super) async fn move_over(store: &Store, keys: &Store) -> Result<(), StoreError> {
    if store.kind() != StoreKind::Sqlite {
        return Ok(());
    }
    let waiting = "SELECT COUNT(*) FROM (SELECT 1 FROM data_key_recent LIMIT 1) AS waiting";
    if store::sqlx::query_scalar::<_, i64>(waiting).fetch_one(keys.pool()).await? > 0 {
        rows::move_keys_over(keys).await?;
    }
    move_rows_over(store).await
}

/// The same for the rows alone, whose keys are elsewhere.
pub(super) async fn move_rows_over(store: &Store) -> Result<(), StoreError> {
    if store.kind() != StoreKind::Sqlite {
        return Ok(());
    }
    let waiting = "SELECT COUNT(*) FROM (SELECT 1 FROM vault_recent LIMIT 1) AS waiting";
    if store::sqlx::query_scalar::<_, i64>(waiting).fetch_one(store.pool()).await? > 0 {
        let mut tx = store.begin().await?;
        rows::move_over(&mut tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

//! Bringing values in: each new one gets a token and a data key of its own, once for all.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use super::rows::{self, Known, Row};
use super::{Fingerprint, Kind, Mark, Token, Vault, Writing, bound_to};
use crate::VaultError;

/// Values that one transaction brings at most: the more, the fewer pages are written for each.
const BATCH_VALUES_MAX: usize = 8_000;
/// How many of them are on their way at the same time.
const PARTS_AT_ONCE: usize = 2;
/// How often somebody else may be first with the same values.
const ROUNDS_MAX: usize = 8;

/// A value that is not remembered.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) kind: Kind,
    pub(super) value: &'a str,
    /// Its mark, however it is written.
    pub(super) value_mark: Mark,
}

/// Values by the marks of their writings.
pub(super) type Values<'a> = HashMap<Mark, Wanted<'a>>;

impl Vault {
    /// The writings of values, in their order; values that are new get their tokens, once for all. Those that are there are
    /// found without the data keys too.
    ///
    /// # Errors
    /// [`VaultError`]; then some of the values may be in the vault already.
    pub async fn enter(&self, values: &[(Kind, &str)]) -> Result<Vec<Writing>, VaultError> {
        // Keys and rows lie in databases of their own: while the rows of one part are written, the next one gets its keys.
        let parts: Vec<_> = values.chunks(BATCH_VALUES_MAX).map(|part| self.enter_part(part).boxed()).collect();
        stream::iter(parts).buffered(PARTS_AT_ONCE).try_concat().await
    }

    async fn enter_part(&self, values: &[(Kind, &str)]) -> Result<Vec<Writing>, VaultError> {
        let _shared = self.gate.read().await;
        let names: Vec<Fingerprint> = values.iter().map(|(kind, value)| self.fingerprint(*kind, value)).collect();
        let known: Vec<Option<Writing>> = {
            let mut cache = self.cache();
            names.iter().map(|name| cache.get(name)).collect()
        };
        // A mark costs more than all the rest: only what is not remembered gets one.
        let marks: Vec<Option<Mark>> = known
            .iter()
            .zip(values)
            .map(|(known, (kind, value))| known.is_none().then(|| self.mark(*kind, value)))
            .collect();
        let unknown = marks.iter().zip(values).filter_map(|(mark, (kind, value))| {
            let (mark, kind, value) = ((*mark)?, *kind, *value);
            Some((mark, Wanted { kind, value, value_mark: self.value_mark(kind, value) }))
        });
        let found = self.find_or_bring(unknown.collect()).await?;
        let mut entered = Vec::with_capacity(values.len());
        let mut cache = self.cache();
        for ((known, mark), name) in known.into_iter().zip(marks).zip(names) {
            let writing = match (known, mark) {
                (Some(writing), _) => writing,
                (None, mark) => {
                    let writing = mark.and_then(|mark| found.get(&mark).copied()).ok_or(VaultError::Contended)?;
                    cache.put(name, writing);
                    writing
                }
            };
            entered.push(writing);
        }
        Ok(entered)
    }

    /// The writings of values that are not remembered.
    async fn find_or_bring(&self, mut left: Values<'_>) -> Result<HashMap<Mark, Writing>, VaultError> {
        if self.store.kind() == store::Kind::Sqlite && !self.lookup.has_older() {
            return self.find_or_append(left).await;
        }
        self.settle().await?;
        let mut found: HashMap<Mark, Writing> = HashMap::with_capacity(left.len());
        for _ in 0..ROUNDS_MAX {
            if left.is_empty() {
                break;
            }
            let mut known = self.known(&mut left, &mut found).await?;
            if left.is_empty() {
                break;
            }
            if self.lookup.has_older() {
                let values: Vec<(Kind, &str)> = left.values().map(|wanted| (wanted.kind, wanted.value)).collect();
                self.take_up(&values).await?;
                known = self.known(&mut left, &mut found).await?;
            }
            self.usable()?;
            found.extend(self.bring(&left, &known).await?);
            left.retain(|mark, _| !found.contains_key(mark));
        }
        Ok(found)
    }

    /// Moves what is there of values from those that are left to those that are found; gives the last writings of the values.
    async fn known(
        &self,
        left: &mut Values<'_>,
        found: &mut HashMap<Mark, Writing>,
    ) -> Result<HashMap<Mark, Writing>, VaultError> {
        let asked: Vec<(Mark, Mark)> = left.iter().map(|(mark, wanted)| (*mark, wanted.value_mark)).collect();
        let Known { writings, last } = rows::known(&self.store, &asked).await?;
        left.retain(|mark, _| match writings.get(mark) {
            Some(writing) => {
                found.insert(*mark, *writing);
                false
            }
            None => true,
        });
        Ok(last)
    }

    /// Brings values in behind their last writings, as far as nobody was faster; of several writings of one new value the first. The caller asks
    /// again for the rest.
    async fn bring(
        &self,
        new: &Values<'_>,
        known: &HashMap<Mark, Writing>,
    ) -> Result<HashMap<Mark, Writing>, VaultError> {
        let mut by_value: HashMap<Mark, Vec<Mark>> = HashMap::with_capacity(new.len());
        for (mark, wanted) in new {
            by_value.entry(wanted.value_mark).or_default().push(*mark);
        }
        let joined = by_value.keys().filter_map(|value_mark| known.get(value_mark));
        let mut data_keys = self.data_keys(joined.map(|last| last.token)).await?;
        let (mut made, mut brought) = (Vec::new(), Vec::new());
        for (value_mark, marks) in &by_value {
            let (token, mut number) = match known.get(value_mark) {
                Some(last) => (last.token, last.number.saturating_add(1)),
                None => {
                    let kind = marks.first().and_then(|mark| new.get(mark)).map_or(Kind::Text, |wanted| wanted.kind);
                    let token = Token::random(kind);
                    let (key, wrapped) = self.sealer.new_data_key(token.to_string().as_bytes())?;
                    data_keys.insert(token, key);
                    made.push((token, STANDARD_NO_PAD.encode(wrapped)));
                    (token, 0)
                }
            };
            let Some(key) = data_keys.get(&token) else {
                // Its key was destroyed and its rows were not: that is finished here, and the next round begins anew.
                rows::remove(&self.store, token).await?;
                continue;
            };
            for mark in marks {
                let Some(wanted) = new.get(mark) else { continue };
                let writing = Writing { token, number };
                let sealed = STANDARD_NO_PAD.encode(key.seal(&bound_to(writing), wanted.value.as_bytes())?);
                brought.push(Row { mark: *mark, value_mark: *value_mark, writing, sealed });
                number = number.saturating_add(1);
            }
        }
        // The keys first: a key without a value harms nobody, a value without a key is lost.
        if !made.is_empty() {
            rows::insert_keys(&self.keys, &made).await?;
        }
        let added = rows::insert(&self.store, &brought, self.clock.now().nanos()).await?;
        if added == brought.len() as u64 {
            return Ok(brought.into_iter().map(|row| (row.mark, row.writing)).collect());
        }
        let asked: Vec<(Mark, Mark)> = brought.iter().map(|row| (row.mark, row.value_mark)).collect();
        let there = rows::known(&self.store, &asked).await?.writings;
        self.drop_unused(&made).await?;
        Ok(there)
    }

    /// Destroys the keys of tokens that nobody got, because somebody else was faster.
    async fn drop_unused(&self, made: &[(Token, String)]) -> Result<(), VaultError> {
        let wanted: Vec<Writing> = made.iter().map(|(token, _)| Writing { token: *token, number: 0 }).collect();
        let used = rows::sealed(&self.store, &wanted).await?;
        let unused = wanted.iter().filter(|writing| !used.contains_key(writing)).map(|writing| writing.token);
        let unused: Vec<Token> = unused.collect();
        if !unused.is_empty() {
            rows::remove_keys(&self.keys, &unused).await?;
        }
        Ok(())
    }
}

//! The register of versions: compared at every load, never changed afterwards, shown under a permit.

use std::collections::BTreeMap;
use std::sync::Arc;

use event::{Clock, Object, Operation, Permit, RuleId, Timestamp};
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};
use store::{Store, Tx};

use super::change::{Last, between};
use super::{Action, Change, Version};
use crate::DetectorError;
use crate::rulebook::Content;

/// Longest text of a version in bytes; what is longer is cut there and ends in `…`. The digest is that of the whole.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Most versions that are kept of one rule; the oldest go first, the ledger keeps their digests.
pub const VERSIONS_MAX: i64 = 50;
/// Longest title and path that are kept, in bytes.
const NAME_BYTES_MAX: usize = 1_024;

/// The versions of the platform's rules; clones share them.
#[derive(Debug, Clone)]
pub struct VersionRegister {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl VersionRegister {
    /// The versions in `store`.
    pub fn open(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// What `contents` change against what was loaded last, in the order of the rules' ids.
    ///
    /// # Errors
    /// When the store refuses or holds what is no version.
    pub async fn compare(&self, contents: &[Content]) -> Result<Vec<Change>, DetectorError> {
        let rows = sqlx::query(
            "SELECT rule, number, title, path, digest FROM rule_versions AS own \
             WHERE number = (SELECT MAX(number) FROM rule_versions AS other WHERE other.rule = own.rule)",
        )
        .fetch_all(self.store.pool())
        .await?;
        let mut last = BTreeMap::new();
        for row in &rows {
            let one = Last {
                number: row.try_get("number")?,
                title: row.try_get("title")?,
                path: row.try_get("path")?,
                digest: row.try_get("digest")?,
            };
            last.insert(rule_of(row)?, one);
        }
        Ok(between(last, contents))
    }

    /// Keeps what [`VersionRegister::compare`] found, each change with the number of the ledger's entry that names it.
    ///
    /// # Errors
    /// When the store refuses; then nothing was kept.
    pub async fn keep(&self, changes: &[(Change, u64)], actor: &str) -> Result<(), DetectorError> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        for (change, ledger) in changes {
            insert(&mut tx, change, *ledger, actor, now).await?;
            if change.number > VERSIONS_MAX {
                sqlx::query("DELETE FROM rule_versions WHERE rule = $1 AND number <= $2")
                    .bind(change.rule.as_str())
                    .bind(change.number.saturating_sub(VERSIONS_MAX))
                    .execute(&mut *tx)
                    .await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// The versions of a rule, the latest first; none when it was never in force.
    ///
    /// # Errors
    /// When the permit is not for reading rules, or the store refuses.
    pub async fn versions(&self, permit: &Permit, rule: &RuleId) -> Result<Vec<Version>, DetectorError> {
        if !permit.allows(Operation::Read, Object::Rules, self.clock.now()) {
            return Err(DetectorError::NotPermitted { operation: Operation::Read.as_str(), object: "rules" });
        }
        let rows = sqlx::query("SELECT * FROM rule_versions WHERE rule = $1 ORDER BY number DESC LIMIT $2")
            .bind(rule.as_str())
            .bind(VERSIONS_MAX)
            .fetch_all(self.store.pool())
            .await?;
        rows.iter().map(read).collect()
    }
}

async fn insert(tx: &mut Tx, change: &Change, ledger: u64, actor: &str, now: Timestamp) -> Result<(), DetectorError> {
    sqlx::query(
        "INSERT INTO rule_versions (rule, number, time_ns, actor, action, title, path, modified, digest, before_digest, \
         text, ledger) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(change.rule.as_str())
    .bind(change.number)
    .bind(now.nanos())
    .bind(actor)
    .bind(change.action.as_str())
    .bind(kept(&change.title, NAME_BYTES_MAX))
    .bind(kept(&change.path, NAME_BYTES_MAX))
    .bind(change.modified.as_deref().map(|text| kept(text, NAME_BYTES_MAX)))
    .bind(change.digest.clone())
    .bind(change.before.clone())
    .bind(kept(&change.text, TEXT_BYTES_MAX))
    .bind(i64::try_from(ledger).unwrap_or(i64::MAX))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Version, DetectorError> {
    let rule = rule_of(row)?;
    let action: String = row.try_get("action")?;
    let fault = || DetectorError::Stored { id: rule.to_string(), reason: format!("unknown action `{action}`") };
    Ok(Version {
        number: row.try_get::<i64, _>("number")?.unsigned_abs(),
        time: Timestamp::from_nanos(row.try_get("time_ns")?),
        actor: row.try_get("actor")?,
        action: Action::parse(&action).ok_or_else(fault)?,
        title: row.try_get("title")?,
        path: row.try_get("path")?,
        modified: row.try_get("modified")?,
        digest: row.try_get("digest")?,
        before: row.try_get("before_digest")?,
        text: row.try_get("text")?,
        ledger: row.try_get::<i64, _>("ledger")?.unsigned_abs(),
        rule,
    })
}

fn rule_of(row: &AnyRow) -> Result<RuleId, DetectorError> {
    let id: String = row.try_get("rule")?;
    RuleId::new(&id).map_err(|error| DetectorError::Stored { id, reason: error.to_string() })
}

/// At most so many bytes, without what PostgreSQL does not keep in text.
fn kept(text: &str, bytes_max: usize) -> String {
    let text = text.replace('\0', "");
    if text.len() <= bytes_max {
        return text;
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub('…'.len_utf8()));
    text.get(..end).unwrap_or_default().chars().chain(['…']).collect()
}

//! Reading the audit record: who did what, newest first. The reading is itself recorded before anything is given.

use std::sync::Arc;

use event::{Clock, Object, Operation, Permit, Reach, Timestamp};
use ledger::{Entry, Ledger, READ_MAX, StoredEntry};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::AuditError;

/// Most entries on one page.
pub const PAGE_MAX: usize = 1_000;
/// Most entries looked at for one page; a page can be short, its `next` goes on.
const SCAN_MAX: u64 = 100_000;

/// What is asked of the record; every condition must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditQuery {
    /// Who did it, in full.
    pub actor: Option<String>,
    /// What was done, in full, such as `sign_in`.
    pub action: Option<String>,
    /// What it was done to, in full.
    pub object: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// The `next` of the page before.
    pub before: Option<u64>,
    /// Most entries; 100 when it is 0, at most [`PAGE_MAX`].
    pub limit: usize,
}

/// A page of the record, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<StoredEntry>,
    /// Where the next page begins; `None` at the beginning of the record.
    pub next: Option<u64>,
    /// The entry that records this reading.
    pub ledger: u64,
}

/// The audit record. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Audit {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
}

impl Audit {
    /// Reads from that ledger.
    pub fn new(ledger: Ledger, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, clock }
    }

    /// One page. Needs a permit to read or to export the audit record over all agencies: it cannot be cut into parts.
    ///
    /// # Errors
    /// [`AuditError::NotPermitted`], or when the ledger cannot be read or the reading not be recorded.
    pub async fn read(&self, permit: &Permit, query: AuditQuery) -> Result<AuditPage, AuditError> {
        let now = self.clock.now();
        let operations = [Operation::Read, Operation::Export];
        let operation = operations.into_iter().find(|&operation| permit.allows(operation, Object::Audit, now));
        let whole = permit.scope().agencies == Reach::All && permit.scope().sites == Reach::All;
        let Some(operation) = operation.filter(|_| whole) else { return Err(AuditError::NotPermitted) };
        let newest = self.ledger.len();
        let detail = json!({ "query": query, "purpose": permit.purpose(), "because": permit.because() });
        let action = if operation == Operation::Export { "audit_exported" } else { "audit_read" };
        let entry = Entry::new(permit.subject().name.as_str(), action, "audit", detail);
        let receipt = self.ledger.append(entry).await.map_err(failed)?;
        let ledger = self.ledger.clone();
        let walk = tokio::task::spawn_blocking(move || walk(&ledger, &query, newest));
        let (entries, next) = walk.await.map_err(failed)??;
        Ok(AuditPage { entries, next, ledger: receipt.index })
    }
}

/// Walks back from the newest entry, a chunk at a time.
fn walk(ledger: &Ledger, query: &AuditQuery, newest: u64) -> Result<(Vec<StoredEntry>, Option<u64>), AuditError> {
    let limit = if query.limit == 0 { 100 } else { query.limit.min(PAGE_MAX) };
    let mut end = query.before.unwrap_or(newest).min(newest);
    let stop = end.saturating_sub(SCAN_MAX);
    let mut entries = Vec::new();
    while end > stop {
        let start = end.saturating_sub(READ_MAX.min(1_000)).max(stop);
        for stored in ledger.read(start..end).map_err(failed)?.into_iter().rev() {
            if !matches(query, &stored) {
                continue;
            }
            let at = stored.index;
            entries.push(stored);
            if entries.len() >= limit {
                return Ok((entries, Some(at).filter(|&at| at > 0)));
            }
        }
        end = start;
    }
    Ok((entries, Some(end).filter(|&end| end > 0)))
}

fn matches(query: &AuditQuery, stored: &StoredEntry) -> bool {
    let same = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    same(&query.actor, &stored.entry.actor)
        && same(&query.action, &stored.entry.action)
        && same(&query.object, &stored.entry.object)
        && query.from.is_none_or(|from| stored.time >= from)
        && query.to.is_none_or(|to| stored.time < to)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> AuditError {
    AuditError::Ledger(Box::new(error))
}

#[cfg(test)]
mod tests;

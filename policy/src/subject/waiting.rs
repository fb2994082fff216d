//! Destruction that waits for a second person: who asked for it does not approve it.

use event::Timestamp;
use serde::Serialize;
use store::Store;
use store::sqlx::{self, Row as _};

use crate::CareError;
use crate::care::{fresh_id, storing};

/// Orders that wait at most.
const WAITING_MAX: i64 = 1_000;

/// An order that waits. It names tokens, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Its id.
    pub id: String,
    /// When it was asked for.
    pub asked: Timestamp,
    /// By whom.
    pub asked_by: String,
    /// Why.
    pub reason: String,
    /// What for.
    pub purpose: String,
    /// In which case.
    pub case: Option<String>,
    /// What is to be destroyed.
    pub tokens: Vec<String>,
}

/// The orders that wait. Whoever calls has the permit and records it.
#[derive(Debug, Clone)]
pub struct WaitingShreds {
    store: Store,
}

impl WaitingShreds {
    /// Those of a store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Keeps one; gives its id.
    ///
    /// # Errors
    /// [`CareError::Conflict`] when too many wait; when the store fails.
    pub async fn add(&self, mut waiting: Waiting) -> Result<Waiting, CareError> {
        waiting.id = fresh_id();
        let mut tx = self.store.begin().await.map_err(storing)?;
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM shred_waiting").fetch_one(&mut *tx);
        if count.await.map_err(storing)? >= WAITING_MAX {
            return Err(CareError::Conflict { reason: format!("{WAITING_MAX} orders wait; decide some") });
        }
        let sql = "INSERT INTO shred_waiting (id, asked_ns, asked_by, reason, purpose, case_id, tokens) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let insert = sqlx::query(sql).bind(&waiting.id).bind(waiting.asked.nanos()).bind(&waiting.asked_by);
        let insert = insert.bind(&waiting.reason).bind(&waiting.purpose);
        let insert = insert.bind(waiting.case.as_deref().unwrap_or_default()).bind(waiting.tokens.join(" "));
        insert.execute(&mut *tx).await.map_err(storing)?;
        tx.commit().await.map_err(storing)?;
        Ok(waiting)
    }

    /// All that wait, the oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<Waiting>, CareError> {
        let rows = sqlx::query("SELECT * FROM shred_waiting ORDER BY asked_ns").fetch_all(self.store.pool()).await;
        rows.map_err(storing)?.iter().map(read).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`CareError::Unknown`]; [`CareError::SamePerson`] when `by` asked for it; when the store fails.
    pub async fn for_second(&self, id: &str, by: &str) -> Result<Waiting, CareError> {
        let query = sqlx::query("SELECT * FROM shred_waiting WHERE id = $1").bind(id);
        let row = query.fetch_optional(self.store.pool()).await.map_err(storing)?;
        let waiting = row.as_ref().map(read).transpose()?;
        let waiting = waiting.ok_or_else(|| CareError::Unknown { what: "such order that waits".to_owned() })?;
        if waiting.asked_by == by {
            return Err(CareError::SamePerson {
                reason: "it takes a second person; who asked for it does not decide".to_owned(),
            });
        }
        Ok(waiting)
    }

    /// Takes one out; gives whether it was there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remove(&self, id: &str) -> Result<bool, CareError> {
        let mut tx = self.store.begin().await.map_err(storing)?;
        let removing = sqlx::query("DELETE FROM shred_waiting WHERE id = $1").bind(id);
        let removed = removing.execute(&mut *tx).await.map_err(storing)?.rows_affected();
        tx.commit().await.map_err(storing)?;
        Ok(removed > 0)
    }
}

fn read(row: &sqlx::any::AnyRow) -> Result<Waiting, CareError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(storing);
    Ok(Waiting {
        id: text("id")?,
        asked: Timestamp::from_nanos(row.try_get("asked_ns").map_err(storing)?),
        asked_by: text("asked_by")?,
        reason: text("reason")?,
        purpose: text("purpose")?,
        case: Some(text("case_id")?).filter(|case| !case.is_empty()),
        tokens: text("tokens")?.split_whitespace().map(str::to_owned).collect(),
    })
}

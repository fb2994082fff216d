//! What the data-protection officer must take note of; it stays until somebody has.

use std::sync::Arc;

use event::{Clock, Object, Operation, Permit, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};
use store::{Store, Tx};

use super::storing;
use crate::CareError;
use crate::account::Journal;

/// Most notices that are listed.
const LISTED_MAX: i64 = 1_000;

/// One notice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id.
    pub id: String,
    /// When it arose.
    pub time: Timestamp,
    /// What kind of thing happened, such as `sensitive_role`.
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// To whom or what.
    pub object: String,
    /// The rest.
    pub detail: Value,
    /// Who took note.
    pub acknowledged_by: Option<String>,
}

/// The notices. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notices {
    store: Store,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
}

impl Notices {
    /// The notices in a store.
    pub fn new(store: Store, journal: Arc<dyn Journal>, clock: Arc<dyn Clock>) -> Self {
        Self { store, journal, clock }
    }

    /// Notices, those that wait first, then the newest; at most 1,000.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`] unless the permit is to read the audit record; when the store fails.
    pub async fn list(&self, permit: &Permit) -> Result<Vec<Notice>, CareError> {
        self.check(permit)?;
        let query = sqlx::query(
            "SELECT * FROM policy_notice ORDER BY CASE WHEN acknowledged_ns = 0 THEN 0 ELSE 1 END, time_ns DESC LIMIT $1",
        );
        let rows = query.bind(LISTED_MAX).fetch_all(self.store.pool()).await.map_err(storing)?;
        rows.iter().map(read).collect()
    }

    /// How many wait.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn waiting(&self) -> Result<i64, CareError> {
        let query = sqlx::query_scalar("SELECT COUNT(*) FROM policy_notice WHERE acknowledged_ns = 0");
        query.fetch_one(self.store.pool()).await.map_err(storing)
    }

    /// Says that somebody took note.
    ///
    /// # Errors
    /// When there is no such notice, somebody did already, or it is the one who did what it is about.
    pub async fn acknowledge(&self, permit: &Permit, id: &str) -> Result<(), CareError> {
        self.check(permit)?;
        let actor = permit.subject().name.as_str();
        let mut tx = self.store.begin().await.map_err(storing)?;
        let query = sqlx::query("SELECT * FROM policy_notice WHERE id = $1").bind(id);
        let row = query.fetch_optional(&mut *tx).await.map_err(storing)?;
        let notice = row.as_ref().map(read).transpose()?;
        let notice = notice.ok_or_else(|| CareError::Unknown { what: "such notice".to_owned() })?;
        if let Some(by) = notice.acknowledged_by {
            return Err(CareError::Conflict { reason: format!("`{by}` took note already") });
        }
        if notice.actor == actor {
            return Err(CareError::SamePerson { reason: "nobody takes note of what he did himself".to_owned() });
        }
        let update = sqlx::query("UPDATE policy_notice SET acknowledged_by = $1, acknowledged_ns = $2 WHERE id = $3");
        let update = update.bind(actor).bind(self.clock.now().nanos()).bind(id);
        update.execute(&mut *tx).await.map_err(storing)?;
        let detail = json!({ "kind": notice.kind, "about": notice.object, "of": notice.actor });
        let object = format!("notice:{id}");
        self.journal.append(actor, "notice_acknowledged", &object, detail).await.map_err(CareError::Ledger)?;
        tx.commit().await.map_err(storing)
    }

    fn check(&self, permit: &Permit) -> Result<(), CareError> {
        if permit.allows(Operation::Read, Object::Audit, self.clock.now()) {
            return Ok(());
        }
        Err(CareError::NotPermitted)
    }
}

/// Adds a notice in somebody's transaction: no notice, no change.
pub(crate) async fn add(
    tx: &mut Tx,
    time: Timestamp,
    kind: &str,
    actor: &str,
    object: &str,
    detail: &Value,
) -> Result<(), CareError> {
    let insert = sqlx::query(
        "INSERT INTO policy_notice (id, time_ns, kind, actor, object, detail, acknowledged_by, acknowledged_ns) \
         VALUES ($1, $2, $3, $4, $5, $6, '', 0)",
    );
    let insert = insert.bind(super::fresh_id()).bind(time.nanos()).bind(kind).bind(actor).bind(object);
    insert.bind(detail.to_string()).execute(&mut **tx).await.map_err(storing)?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Notice, CareError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(storing);
    let detail = text("detail")?;
    Ok(Notice {
        id: text("id")?,
        time: Timestamp::from_nanos(row.try_get("time_ns").map_err(storing)?),
        kind: text("kind")?,
        actor: text("actor")?,
        object: text("object")?,
        detail: serde_json::from_str(&detail).map_err(storing)?,
        acknowledged_by: Some(text("acknowledged_by")?).filter(|by| !by.is_empty()),
    })
}

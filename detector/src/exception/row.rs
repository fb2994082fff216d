//! An exception as it is stored.

use std::collections::BTreeMap;

use event::{ExceptionId, Timestamp, UserName};
use store::Tx;
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};

use super::{Exception, Hiding, Withdrawal};
use crate::DetectorError;

/// Stores a new exception.
pub(super) async fn insert(tx: &mut Tx, exception: &Exception) -> Result<(), DetectorError> {
    sqlx::query(
        "INSERT INTO detector_exception (id, target, fields, reason, owner, created_ns, created_by, expires_ns) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(exception.id.as_str())
    .bind(json(&exception.target, exception)?)
    .bind(json(&exception.fields, exception)?)
    .bind(exception.reason.as_str())
    .bind(exception.owner.as_str())
    .bind(exception.created.nanos())
    .bind(exception.created_by.as_str())
    .bind(exception.expires.nanos())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Stores the end of an exception that has none.
pub(super) async fn withdraw(tx: &mut Tx, id: &ExceptionId, end: &Withdrawal) -> Result<(), DetectorError> {
    sqlx::query(
        "UPDATE detector_exception SET withdrawn_ns = $2, withdrawn_by = $3, withdrawn_reason = $4 \
         WHERE id = $1 AND withdrawn_ns IS NULL",
    )
    .bind(id.as_str())
    .bind(end.time.nanos())
    .bind(end.by.as_str())
    .bind(end.reason.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Counts what exceptions have hidden, in the transaction that stores what was not.
pub(crate) async fn count(tx: &mut Tx, hidden: impl Iterator<Item = &Hiding>) -> Result<(), DetectorError> {
    let mut counts: BTreeMap<&ExceptionId, i64> = BTreeMap::new();
    for hiding in hidden {
        *counts.entry(&hiding.exception).or_default() += 1;
    }
    for (id, count) in counts {
        sqlx::query("UPDATE detector_exception SET hidden = hidden + $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(count)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Reads a stored exception.
pub(super) fn read(row: &AnyRow) -> Result<Exception, DetectorError> {
    let id: String = row.try_get("id")?;
    let fault = |reason: String| DetectorError::StoredException { id: id.clone(), reason };
    let text = |column: &str| row.try_get::<String, _>(column);
    let name = |text: String| UserName::new(text).map_err(|error| fault(error.to_string()));
    let time = |column: &str| row.try_get::<i64, _>(column).map(Timestamp::from_nanos);
    let withdrawn = match row.try_get::<Option<i64>, _>("withdrawn_ns")? {
        None => None,
        Some(nanos) => Some(Withdrawal {
            time: Timestamp::from_nanos(nanos),
            by: name(row.try_get::<Option<String>, _>("withdrawn_by")?.unwrap_or_default())?,
            reason: row.try_get::<Option<String>, _>("withdrawn_reason")?.unwrap_or_default(),
        }),
    };
    Ok(Exception {
        id: ExceptionId::new(&id).map_err(|error| fault(error.to_string()))?,
        target: serde_json::from_str(&text("target")?).map_err(|error| fault(error.to_string()))?,
        fields: serde_json::from_str(&text("fields")?).map_err(|error| fault(error.to_string()))?,
        reason: text("reason")?,
        owner: name(text("owner")?)?,
        created: time("created_ns")?,
        created_by: name(text("created_by")?)?,
        expires: time("expires_ns")?,
        withdrawn,
        hidden: row.try_get::<i64, _>("hidden")?.unsigned_abs(),
    })
}

fn json<T: serde::Serialize>(value: &T, exception: &Exception) -> Result<String, DetectorError> {
    // PostgreSQL keeps no NUL in text, and JSON writes one as an escape.
    serde_json::to_string(value)
        .map_err(|error| DetectorError::StoredException { id: exception.id.to_string(), reason: error.to_string() })
}

//! Who had what destroyed, and why: one row for a certificate.

use event::Timestamp;
use store::sqlx::{Row as _, query};
use store::{Store, StoreError};

use crate::VaultError;

/// An order to destroy, as it was recorded before anything was destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Id of the certificate.
    pub certificate: String,
    /// When.
    pub ordered: Timestamp,
    /// By whom.
    pub ordered_by: String,
    /// Why; never holds a value.
    pub reason: String,
    /// What for, a word of the policy.
    pub purpose: String,
    /// In which case.
    pub case: Option<String>,
    /// The ledger's entry about it.
    pub ledger_entry: u64,
    /// Records of the spool before this number may hold the values, as long as the spool has them.
    pub spool_before: u64,
    /// When the last of them was seen to be gone.
    pub spool_gone: Option<Timestamp>,
}

/// Keeps an order.
///
/// # Errors
/// [`VaultError::Store`].
pub async fn keep(store: &Store, order: &Order) -> Result<(), VaultError> {
    let mut tx = store.begin().await?;
    let sql = "INSERT INTO shred_order (certificate, ordered_ns, ordered_by, reason, purpose, case_id, ledger_entry, \
               spool_before, spool_gone_ns) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)";
    let adding = query(sql).bind(&order.certificate).bind(order.ordered.nanos()).bind(&order.ordered_by);
    let adding = adding.bind(&order.reason).bind(&order.purpose).bind(order.case.as_deref().unwrap_or_default());
    let adding = adding.bind(order.ledger_entry.cast_signed()).bind(order.spool_before.cast_signed());
    adding.execute(&mut *tx).await.map_err(StoreError::from)?;
    Ok(tx.commit().await?)
}

/// The order of a certificate.
///
/// # Errors
/// [`VaultError::Store`].
pub async fn of_certificate(store: &Store, certificate: &str) -> Result<Option<Order>, VaultError> {
    let sql = "SELECT ordered_ns, ordered_by, reason, purpose, case_id, ledger_entry, spool_before, spool_gone_ns \
               FROM shred_order WHERE certificate = $1";
    let row = query(sql).bind(certificate).fetch_optional(store.pool()).await.map_err(StoreError::from)?;
    let Some(row) = row else { return Ok(None) };
    let text = |column: &str| row.try_get::<String, _>(column).map_err(StoreError::from);
    let number = |column: &str| row.try_get::<i64, _>(column).map_err(StoreError::from);
    let gone = number("spool_gone_ns")?;
    Ok(Some(Order {
        certificate: certificate.to_owned(),
        ordered: Timestamp::from_nanos(number("ordered_ns")?),
        ordered_by: text("ordered_by")?,
        reason: text("reason")?,
        purpose: text("purpose")?,
        case: Some(text("case_id")?).filter(|case| !case.is_empty()),
        ledger_entry: number("ledger_entry")?.cast_unsigned(),
        spool_before: number("spool_before")?.cast_unsigned(),
        spool_gone: (gone != 0).then(|| Timestamp::from_nanos(gone)),
    }))
}

/// Orders whose records the spool may still have, the oldest first.
///
/// # Errors
/// [`VaultError::Store`].
pub async fn still_in_spool(store: &Store) -> Result<Vec<(String, u64)>, VaultError> {
    let sql =
        "SELECT certificate, spool_before FROM shred_order WHERE spool_gone_ns = 0 ORDER BY ordered_ns LIMIT 1000";
    let rows = query(sql).fetch_all(store.pool()).await.map_err(StoreError::from)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let before: i64 = row.try_get(1).map_err(StoreError::from)?;
        found.push((row.try_get(0).map_err(StoreError::from)?, before.cast_unsigned()));
    }
    Ok(found)
}

/// Says when the spool's last segment with such records was seen to be gone.
///
/// # Errors
/// [`VaultError::Store`].
pub async fn gone_from_spool(store: &Store, certificate: &str, now: Timestamp) -> Result<(), VaultError> {
    let mut tx = store.begin().await?;
    let sql = "UPDATE shred_order SET spool_gone_ns = $1 WHERE certificate = $2 AND spool_gone_ns = 0";
    query(sql).bind(now.nanos()).bind(certificate).execute(&mut *tx).await.map_err(StoreError::from)?;
    Ok(tx.commit().await?)
}

//! The register of exceptions: added, listed and withdrawn under a permit, never deleted.

use std::sync::Arc;

use event::{Clock, ExceptionId, Object, Operation, Permit, Timestamp};
use store::{Store, sqlx};

use super::draft::check_reason;
use super::{Draft, Exception, Withdrawal, row};
use crate::DetectorError;

/// Most exceptions in force at one time: each one more is asked for every finding of its rules.
const ACTIVE_MAX: i64 = 2_000;
/// Most exceptions in one list, the latest first.
const LISTED_MAX: i64 = 5_000;

/// An exception that was checked under a permit and is not stored yet; only [`ExceptionRegister::accept`] makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted(Exception);

impl Accepted {
    /// What would be added.
    pub fn exception(&self) -> &Exception {
        &self.0
    }
}

/// The exceptions of the platform; clones share them.
#[derive(Debug, Clone)]
pub struct ExceptionRegister {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl ExceptionRegister {
    /// The exceptions in `store`.
    pub fn open(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Checks a draft in the name of whom the permit was issued to: what is then to be recorded and added.
    ///
    /// # Errors
    /// When the permit is not for [`Draft::operation`] on rules or the draft is refused.
    pub fn accept(&self, permit: &Permit, draft: Draft) -> Result<Accepted, DetectorError> {
        self.require(permit, draft.operation())?;
        draft.accept(&permit.subject().name, self.clock.now()).map(Accepted)
    }

    /// Adds what was accepted. The caller compiles the set anew.
    ///
    /// # Errors
    /// When there are too many or the store refuses.
    pub async fn add(&self, accepted: Accepted) -> Result<Exception, DetectorError> {
        let exception = accepted.0;
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let active: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM detector_exception WHERE withdrawn_ns IS NULL AND expires_ns > $1",
        )
        .bind(now.nanos())
        .fetch_one(&mut *tx)
        .await?;
        if active >= ACTIVE_MAX {
            let reason = format!("{active} exceptions are in force, the most there may be; withdraw some first");
            return Err(DetectorError::UnusableException { reason });
        }
        row::insert(&mut tx, &exception).await?;
        tx.commit().await?;
        Ok(exception)
    }

    /// Every exception, expired and withdrawn ones too, the latest first; at most 5,000.
    ///
    /// # Errors
    /// When the permit is not for reading rules, or the store refuses.
    pub async fn list(&self, permit: &Permit) -> Result<Vec<Exception>, DetectorError> {
        self.require(permit, Operation::Read)?;
        let rows = sqlx::query("SELECT * FROM detector_exception ORDER BY created_ns DESC, id DESC LIMIT $1")
            .bind(LISTED_MAX)
            .fetch_all(self.store.pool())
            .await?;
        rows.iter().map(row::read).collect()
    }

    /// Ends an exception before its date. The caller compiles the set anew.
    ///
    /// # Errors
    /// When the permit is not for writing or managing rules, the reason tells nothing, there is no such exception, it was
    /// withdrawn before, or the store refuses.
    pub async fn withdraw(&self, permit: &Permit, id: &ExceptionId, reason: &str) -> Result<Exception, DetectorError> {
        self.require(permit, Operation::Write)?;
        check_reason(reason).map_err(|reason| DetectorError::UnusableException { reason })?;
        let mut tx = self.store.begin().await?;
        let stored = sqlx::query("SELECT * FROM detector_exception WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(mut exception) = stored.as_ref().map(row::read).transpose()? else {
            return Err(DetectorError::NoSuchException { id: id.to_string() });
        };
        if let Some(end) = &exception.withdrawn {
            let reason = format!("`{id}` was withdrawn by {} at {}", end.by, end.time);
            return Err(DetectorError::UnusableException { reason });
        }
        let by = permit.subject().name.clone();
        let end = Withdrawal { time: self.clock.now(), by, reason: reason.trim().to_owned() };
        row::withdraw(&mut tx, id, &end).await?;
        tx.commit().await?;
        exception.withdrawn = Some(end);
        Ok(exception)
    }

    /// Those in force, oldest first, for [`super::Exceptions::compile`]; no person sees this.
    ///
    /// # Errors
    /// When the store refuses or one cannot be read back.
    pub async fn in_force(&self) -> Result<Vec<Exception>, DetectorError> {
        let rows = sqlx::query(
            "SELECT * FROM detector_exception WHERE withdrawn_ns IS NULL AND expires_ns > $1 \
             ORDER BY created_ns, id LIMIT $2",
        )
        .bind(self.now().nanos())
        .bind(ACTIVE_MAX)
        .fetch_all(self.store.pool())
        .await?;
        rows.iter().map(row::read).collect()
    }

    /// The clock's time, by which exceptions expire.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Fails closed unless the permit is for this operation on rules, now.
    fn require(&self, permit: &Permit, operation: Operation) -> Result<(), DetectorError> {
        if permit.allows(operation, Object::Rules, self.clock.now()) {
            return Ok(());
        }
        Err(DetectorError::NotPermitted { operation: operation.as_str(), object: "rules" })
    }
}

//! A write transaction.

use std::ops::{Deref, DerefMut};

use sqlx::{Any, AnyConnection, Transaction};

use crate::StoreError;

/// A write transaction; the only one at its time. Dropped without [`Tx::commit`] it leaves no trace.
///
/// Give `&mut *tx` to a query as its executor. Keep it short: everybody else's writes wait.
#[derive(Debug)]
pub struct Tx {
    inner: Transaction<'static, Any>,
}

impl Tx {
    pub(crate) fn new(inner: Transaction<'static, Any>) -> Self {
        Self { inner }
    }

    /// Makes the writes durable.
    ///
    /// # Errors
    /// When the database cannot; then nothing was written.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }

    /// Takes the writes back at once instead of when the connection is used next.
    ///
    /// # Errors
    /// When the connection is lost, which takes the writes back as well.
    pub async fn rollback(self) -> Result<(), StoreError> {
        Ok(self.inner.rollback().await?)
    }

    /// Keeps a small fact under a name, replacing an earlier one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_meta(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }
}

impl Deref for Tx {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

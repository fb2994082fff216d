//! The store: opened once, cloned as a handle.

use std::time::Duration;

use sqlx::AnyPool;

use crate::{StoreError, Tx, migration, postgres, sqlite};

/// A probe that takes longer counts as a failure.
const PROBE_SECS: u64 = 5;
const PROBE_NAME: &str = "writable";

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file on this machine.
    Sqlite,
    /// A server.
    Postgres,
}

/// Handle to the database; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    kind: Kind,
    readers: AnyPool,
    writers: AnyPool,
}

impl Store {
    /// Opens `sqlite://PATH` (made when it is missing, mode 0600) or `postgres://…` and brings its tables up to date.
    ///
    /// # Errors
    /// When the address is not understood, the database cannot be reached or made, or a migration fails.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let store = if let Some(path) = sqlite::path(url) {
            let (readers, writers) = sqlite::open(&path).await?;
            Self { kind: Kind::Sqlite, readers, writers }
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let pool = postgres::open(url).await?;
            Self { kind: Kind::Postgres, readers: pool.clone(), writers: pool }
        } else {
            return Err(StoreError::Address { url: postgres::without_password(url) });
        };
        migration::run(&store.writers).await?;
        Ok(store)
    }

    /// Which database it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// For reads. On SQLite its connections refuse to write.
    pub fn pool(&self) -> &AnyPool {
        &self.readers
    }

    /// Starts a write transaction when it is our turn; one runs at a time.
    ///
    /// # Errors
    /// When the turn does not come within 30 seconds or the database is gone.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        match self.kind {
            Kind::Sqlite => sqlite::begin(&self.writers).await,
            Kind::Postgres => {
                let mut transaction = self.writers.begin().await?;
                sqlx::query(postgres::WRITER_LOCK).execute(&mut *transaction).await?;
                Ok(Tx::new(transaction))
            }
        }
    }

    /// Whether a write comes through, found out by writing.
    ///
    /// # Errors
    /// When it does not, or not within five seconds.
    pub async fn writable(&self) -> Result<(), StoreError> {
        let probe = async {
            let mut tx = self.begin().await?;
            tx.set_meta(PROBE_NAME, &format!("{:?}", std::time::SystemTime::now())).await?;
            tx.commit().await
        };
        tokio::time::timeout(Duration::from_secs(PROBE_SECS), probe)
            .await
            .unwrap_or(Err(StoreError::Slow { secs: PROBE_SECS }))
    }

    /// The small fact under a name, see [`Tx::set_meta`].
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        let value = sqlx::query_scalar("SELECT value FROM meta WHERE name = $1").bind(name);
        Ok(value.fetch_optional(&self.readers).await?)
    }

    /// Finishes what runs and closes every connection.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}

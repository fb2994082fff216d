//! The store: opened once, cloned as a handle.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::migrate::MigrateError;

use crate::{StoreError, Tables, Tx, migration, postgres, sqlite};

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
    /// The file of a SQLite database.
    file: Option<PathBuf>,
    readers: AnyPool,
    writers: AnyPool,
}

impl Store {
    /// Opens `sqlite://PATH` (made when it is missing, mode 0600) or `postgres://…` and brings its tables up to date.
    ///
    /// # Errors
    /// When the address is not understood, the database cannot be reached or made, or a migration fails.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_tables(url, Tables::Main).await
    }

    /// As [`Store::open`], with other tables. What is deleted in a database of keys is overwritten on the disk.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_tables(url: &str, tables: Tables) -> Result<Self, StoreError> {
        Self::open_until(url, tables, i64::MAX).await
    }

    /// As [`Store::open_tables`], with no migration behind `last`.
    pub(crate) async fn open_until(url: &str, tables: Tables, last: i64) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let store = if let Some(path) = sqlite::path(url) {
            let (readers, writers) = sqlite::open(&path, tables == Tables::VaultKeys).await?;
            Self { kind: Kind::Sqlite, file: Some(path), readers, writers }
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let pool = postgres::open(url).await?;
            Self { kind: Kind::Postgres, file: None, readers: pool.clone(), writers: pool }
        } else {
            return Err(StoreError::Address { url: postgres::without_password(url) });
        };
        migration::run(&store.writers, tables, last).await.map_err(|error| match error {
            MigrateError::VersionMissing(version) => StoreError::Newer { version },
            error => StoreError::Migrate(error),
        })?;
        Ok(store)
    }

    /// Empties SQLite's write-ahead log into the file, so that deleted rows are gone from the disk. PostgreSQL vacuums by
    /// itself; what its own archives keep is the operator's to bound.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn settle(&self) -> Result<(), StoreError> {
        if self.kind == Kind::Sqlite {
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&self.writers).await?;
        }
        Ok(())
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

    /// Writes what is committed to a new file (mode 0600), while reading and writing go on; SQLite only, a PostgreSQL is
    /// dumped with its own tools.
    ///
    /// # Errors
    /// When it is no SQLite database, the file holds something already, or the disk refuses.
    pub async fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        let from = self.file.as_deref().ok_or(StoreError::NoCopy)?;
        sqlite::copy(from, file).await
    }

    /// Brings one table of a copy ([`Store::copy_to`]) up to date: rows that came since are added, rows that changed replaced,
    /// rows that are gone stay. SQLite only.
    ///
    /// # Errors
    /// As [`Store::copy_to`].
    pub async fn copy_later_rows(&self, file: &Path, table: &'static str) -> Result<(), StoreError> {
        let from = self.file.as_deref().ok_or(StoreError::NoCopy)?;
        sqlite::copy_later_rows(from, file, table).await
    }

    /// Finishes what runs and closes every connection.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}

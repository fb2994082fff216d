//! What can go wrong with the store.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why the store could not be opened, read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The address names no database that is supported.
    #[error(
        "store address `{url}` is not understood; write `sqlite:///path/to/file` or `postgres://user@host/database`"
    )]
    Address {
        /// The address, without its password.
        url: String,
    },
    /// The database file or its directory cannot be made.
    #[error("database file `{path}` cannot be made")]
    File {
        /// Which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The database does not let us in.
    #[error("database `{url}` cannot be opened")]
    Open {
        /// The address, without its password.
        url: String,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// The tables cannot be brought up to date.
    #[error("tables of the database cannot be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A newer program has been here.
    #[error(
        "database has migration {version}, which this program does not know: a newer one wrote it; start that one, or restore a backup from before"
    )]
    Newer {
        /// The migration.
        version: i64,
    },
    /// Only files are copied.
    #[error("a PostgreSQL database is copied with `pg_dump`, not as a file")]
    NoCopy,
    /// A statement failed.
    #[error("database refused a statement")]
    Sql(#[from] sqlx::Error),
    /// A write did not come through in time.
    #[error("database took no write within {secs} seconds")]
    Slow {
        /// How long was waited.
        secs: u64,
    },
}

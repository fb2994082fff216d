//! SQLite: the file, its address and the settings of a connection.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

use crate::{StoreError, Tx};

/// Readers at once; further ones wait.
const READERS_MAX: u32 = 4;
/// How long a reader or writer waits for its turn.
const WAIT: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(120);

/// Takes the write lock at once, so that no reader turns writer half-way and fails.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// Write-ahead log, a fsync for each commit, foreign keys, at most 64 MiB of log kept after a checkpoint; what is deleted is
/// overwritten with zeros. The vault's rows fall all over its tables: with the 2 MiB of pages in memory and the checkpoint
/// at 4 MiB that SQLite has by itself, pages were written out and read back within a batch and copied after each. It has
/// 16 MiB and 64 MiB here. What SQLite keeps for the time of a statement stays in memory: by itself it wrote every page that
/// a statement of several rows changed into a file of `/var/tmp` first, those of destroyed data keys too.
const WRITER: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                      PRAGMA busy_timeout = 10000; PRAGMA journal_size_limit = 67108864; PRAGMA secure_delete = ON; \
                      PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 16384; PRAGMA temp_store = MEMORY;";
/// As [`WRITER`]; no log is kept after a checkpoint, which every destruction ends with ([`crate::Store::settle`]).
const WRITER_OF_KEYS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                              PRAGMA busy_timeout = 10000; PRAGMA journal_size_limit = 0; PRAGMA secure_delete = ON; \
                              PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 16384; PRAGMA temp_store = MEMORY;";
/// No write at all.
const READER: &str = "PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 10000; PRAGMA query_only = ON; \
                      PRAGMA temp_store = MEMORY;";

/// The address of a database file, for [`crate::Store::open`].
pub fn sqlite_url(path: &Path) -> String {
    let mut url = String::from("sqlite://");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => url.push(char::from(*byte)),
            other => url.push_str(&format!("%{other:02X}")),
        }
    }
    url
}

/// The path in an address; `None` when it names no file.
pub(crate) fn path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, _parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let decoded = percent_decode(path)?;
    if decoded.is_empty() || decoded.starts_with(':') || decoded.contains('\0') {
        return None;
    }
    std::path::absolute(decoded).ok()
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// One pool that reads and one connection that writes.
pub(crate) async fn open(path: &Path, keys: bool) -> Result<(AnyPool, AnyPool), StoreError> {
    create(path)?;
    let settings = if keys { WRITER_OF_KEYS } else { WRITER };
    let url = sqlite_url(path);
    let failed = |source| StoreError::Open { url: url.clone(), source };
    // Without a pool first: a pool tries a damaged file again and again until its waiting time is over.
    let mut first = AnyConnection::connect(&url).await.map_err(failed)?;
    first.execute(settings).await.map_err(failed)?;
    first.close().await.map_err(failed)?;
    let writer = pool(settings, 1).connect_lazy(&url).map_err(failed)?;
    let readers = pool(READER, READERS_MAX).connect_lazy(&url).map_err(failed)?;
    Ok((readers, writer))
}

/// Starts a write transaction.
///
/// When the disk is full SQLite ends a transaction by itself, and the library still counts it as open: such a
/// connection is closed and replaced, or nothing would ever be written again.
pub(crate) async fn begin(writer: &AnyPool) -> Result<Tx, StoreError> {
    match writer.begin_with(BEGIN).await {
        Err(sqlx::Error::InvalidSavePointStatement) => {
            let connection = writer.acquire().await?;
            if connection.is_in_transaction() {
                tracing::warn!("database connection replaced after a failed transaction");
                // It is given up: how its end goes does not matter.
                let _ = connection.close().await;
            } else {
                drop(connection);
            }
            Ok(Tx::new(writer.begin_with(BEGIN).await?))
        }
        begun => Ok(Tx::new(begun?)),
    }
}

/// Writes a transactionally consistent copy into `file`. A connection of its own: on that of the readers nothing can be
/// written, that of the writer has other work.
pub(crate) async fn copy(from: &Path, file: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { path: file.to_owned(), source };
    create(file)?;
    let name = file.to_str().ok_or_else(|| failed(std::io::ErrorKind::InvalidFilename.into()))?;
    let mut connection = AnyConnection::connect(&sqlite_url(from)).await?;
    connection.execute("PRAGMA busy_timeout = 10000;").await?;
    sqlx::query("VACUUM INTO $1").bind(name).execute(&mut connection).await?;
    connection.close().await?;
    let copied = fs::File::open(file).and_then(|copied| copied.sync_all());
    copied.map_err(failed)
}

/// Brings one table of a copy up to date with the rows that are there now.
pub(crate) async fn copy_later_rows(from: &Path, file: &Path, table: &'static str) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { path: file.to_owned(), source };
    let name = file.to_str().ok_or_else(|| failed(std::io::ErrorKind::InvalidFilename.into()))?;
    let mut connection = AnyConnection::connect(&sqlite_url(from)).await?;
    connection.execute("PRAGMA busy_timeout = 10000;").await?;
    sqlx::query("ATTACH DATABASE $1 AS copied").bind(name).execute(&mut connection).await?;
    let later =
        format!("INSERT OR REPLACE INTO copied.{table} SELECT * FROM main.{table} EXCEPT SELECT * FROM copied.{table}");
    connection.execute(AssertSqlSafe(later)).await?;
    connection.execute("DETACH DATABASE copied").await?;
    connection.close().await?;
    let copied = fs::File::open(file).and_then(|copied| copied.sync_all());
    copied.map_err(failed)
}

fn pool(settings: &'static str, connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(WAIT)
        .idle_timeout(IDLE)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(move |connection: &mut AnyConnection, _| {
            Box::pin(async move {
                connection.execute(settings).await?;
                Ok(())
            })
        })
}

/// Makes the file, so that its mode is ours: SQLite gives its journals the mode of the database.
fn create(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { path: path.to_owned(), source };
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
    }
    fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Option<&str>) {
        assert_eq!(path(url).as_deref(), expected.map(Path::new), "{url}");
    }

    #[test]
    fn addresses_name_files() {
        check("sqlite:///var/lib/a.db", Some("/var/lib/a.db"));
        check("sqlite:///var/lib/a.db?mode=rwc", Some("/var/lib/a.db"));
        check("sqlite:/var/a%20b.db", Some("/var/a b.db"));
        check("sqlite::memory:", None);
        check("sqlite://", None);
        check("sqlite:///a%zz", None);
        check("sqlite:///a%2", None);
        check("mysql://x", None);
        let odd = Path::new("/tmp/thành phố?#%/x.db");
        assert_eq!(path(&sqlite_url(odd)).as_deref(), Some(odd));
        assert_eq!(path("sqlite://data/x.db"), std::path::absolute("data/x.db").ok());
    }
}

//! Stores for tests: every crate runs its storage tests on each of them. Not for production use.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tempfile::TempDir;

use crate::{Store, StoreError, sqlite_url};

/// Names the PostgreSQL server that tests may use, such as `postgres://user@localhost/database`.
pub const POSTGRES_VARIABLE: &str = "METROSOC_TEST_POSTGRES";

/// An empty store with all tables; what it holds is destroyed with it.
#[derive(Debug)]
pub struct TestStore {
    store: Store,
    url: String,
    _place: Place,
}

impl TestStore {
    /// The store itself, to be cloned into what is tested.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The address, to open the same database again.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// One store a database: SQLite in a directory of its own and, when [`POSTGRES_VARIABLE`] is set, PostgreSQL in a
/// fresh schema.
///
/// # Errors
/// When one of them cannot be opened: a server that was named must be there.
pub async fn stores() -> Result<Vec<TestStore>, StoreError> {
    let mut stores = vec![sqlite().await?];
    if let Ok(url) = std::env::var(POSTGRES_VARIABLE) {
        stores.push(postgres(&url).await?);
    }
    Ok(stores)
}

/// A SQLite store in a directory of its own.
///
/// # Errors
/// When the directory or the database cannot be made.
pub async fn sqlite() -> Result<TestStore, StoreError> {
    let failed = |source| StoreError::File { path: std::env::temp_dir(), source };
    let directory = tempfile::tempdir().map_err(failed)?;
    let url = sqlite_url(&directory.path().join("test.db"));
    Ok(TestStore { store: Store::open(&url).await?, url, _place: Place::Directory { _directory: directory } })
}

async fn postgres(server: &str) -> Result<TestStore, StoreError> {
    sqlx::any::install_default_drivers();
    let schema = fresh_name();
    run(server, format!("CREATE SCHEMA {schema}")).await?;
    let place = Place::Schema { server: server.to_owned(), schema: schema.clone() };
    let sign = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{sign}options[search_path]={schema}");
    Ok(TestStore { store: Store::open(&url).await?, url, _place: place })
}

/// Unlike any other on the server: time, process and a counter.
fn fresh_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    format!("metrosoc_test_{nanos}_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

async fn run(server: &str, statement: String) -> Result<(), StoreError> {
    let mut connection = AnyConnection::connect(server).await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// What must be destroyed afterwards.
#[derive(Debug)]
enum Place {
    Directory { _directory: TempDir },
    Schema { server: String, schema: String },
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self::Schema { server, schema } = self else { return };
        let (server, statement) = (server.clone(), format!("DROP SCHEMA {schema} CASCADE"));
        // The test's own runtime may be on its way down.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime
                && let Err(error) = runtime.block_on(run(&server, statement))
            {
                tracing::warn!(%error, "test schema left behind");
            }
        });
        let _ = dropping.join();
    }
}

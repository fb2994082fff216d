//! Stores for tests: every crate runs its storage tests on each of them. Not for production use.

use std::ops::Deref;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tempfile::TempDir;

use crate::{Store, StoreError, Tables, sqlite_url};

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
    stores_of(Tables::Main).await
}

/// The same with other tables.
///
/// # Errors
/// As [`stores`].
pub async fn stores_of(tables: Tables) -> Result<Vec<TestStore>, StoreError> {
    stores_until(tables, i64::MAX).await
}

/// The same as a program had them that knew no migration behind `last`.
pub(crate) async fn stores_until(tables: Tables, last: i64) -> Result<Vec<TestStore>, StoreError> {
    let mut stores = vec![sqlite_of(tables, last).await?];
    if let Ok(url) = std::env::var(POSTGRES_VARIABLE) {
        stores.push(postgres(&url, tables, last).await?);
    }
    Ok(stores)
}

/// A SQLite store in a directory of its own.
///
/// # Errors
/// When the directory or the database cannot be made.
pub async fn sqlite() -> Result<TestStore, StoreError> {
    sqlite_of(Tables::Main, i64::MAX).await
}

async fn sqlite_of(tables: Tables, last: i64) -> Result<TestStore, StoreError> {
    let failed = |source| StoreError::File { path: std::env::temp_dir(), source };
    let directory = tempfile::tempdir().map_err(failed)?;
    let url = sqlite_url(&directory.path().join("test.db"));
    let store = Store::open_until(&url, tables, last).await?;
    Ok(TestStore { store, url, _place: Place::Directory { _directory: directory } })
}

async fn postgres(server: &str, tables: Tables, last: i64) -> Result<TestStore, StoreError> {
    sqlx::any::install_default_drivers();
    let schema = fresh_name();
    run(server, format!("CREATE SCHEMA {schema}")).await?;
    let place = Place::Schema { server: server.to_owned(), schema: schema.clone() };
    let sign = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{sign}options[search_path]={schema}");
    Ok(TestStore { store: Store::open_until(&url, tables, last).await?, url, _place: place })
}

/// How many SQL statements this process has run since it was first asked; on PostgreSQL those too that begin and end a
/// transaction. It takes in what the SQL library traces, so that nothing else of the process may collect traces; one test a
/// process.
pub fn statements() -> u64 {
    static COUNTED: AtomicU64 = AtomicU64::new(0);
    static COLLECTING: Once = Once::new();
    COLLECTING.call_once(|| {
        // Refused when somebody else collects: then nothing is ever counted, which a test sees.
        let _ = tracing::subscriber::set_global_default(Statements { counted: &COUNTED });
    });
    COUNTED.load(Ordering::SeqCst)
}

/// Counts what the SQL library says of statements.
struct Statements {
    counted: &'static AtomicU64,
}

impl tracing::Subscriber for Statements {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.counted.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
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
        // A transaction that nobody ended holds its locks until the server loses patience: its connection goes first. The
        // test's own runtime may be on its way down, and waits for this thread.
        let statement = format!(
            "SELECT pg_terminate_backend(lock.pid) FROM pg_locks lock JOIN pg_class ON pg_class.oid = lock.relation \
             JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace \
             WHERE pg_namespace.nspname = '{schema}' AND lock.pid <> pg_backend_pid(); DROP SCHEMA {schema} CASCADE"
        );
        let server = server.clone();
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

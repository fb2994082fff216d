//! The ordered folder of migrations, embedded by `build.rs`.

use std::borrow::Cow;

use sqlx::AnyPool;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

const EMBEDDED: &[(i64, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// Applies what is missing, each file in a transaction of its own. Refuses a database that a newer version has
/// changed, and files that were changed after they were applied.
pub(crate) async fn run(pool: &AnyPool) -> Result<(), MigrateError> {
    let migrations = EMBEDDED.iter().map(|(version, description, sql)| {
        let sql = AssertSqlSafe(*sql).into_sql_str();
        Migration::new(*version, Cow::Borrowed(*description), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect()).run(pool).await
}

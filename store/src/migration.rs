//! The ordered folder of migrations, embedded by `build.rs`.

use std::borrow::Cow;

use sqlx::AnyPool;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

const MAIN: &[(i64, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));
const VAULT_KEYS: &[(i64, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/vault_keys.rs"));

/// Which tables a database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// Those of the platform.
    Main,
    /// The data keys of the vault, which lie apart from everything else.
    VaultKeys,
}

impl Tables {
    fn embedded(self) -> &'static [(i64, &'static str, &'static str)] {
        match self {
            Self::Main => MAIN,
            Self::VaultKeys => VAULT_KEYS,
        }
    }

    /// The versions of their migrations, in order.
    #[cfg(test)]
    pub(crate) fn versions(self) -> impl Iterator<Item = i64> {
        self.embedded().iter().map(|(version, _, _)| *version)
    }
}

/// Applies what is missing, each file in a transaction of its own. Refuses a database that a newer version has
/// changed, and files that were changed after they were applied.
/// Nothing behind `last` is applied: what a program of that time had.
pub(crate) async fn run(pool: &AnyPool, tables: Tables, last: i64) -> Result<(), MigrateError> {
    let wanted = tables.embedded().iter().filter(|(version, _, _)| *version <= last);
    let migrations = wanted.map(|(version, description, sql)| {
        let sql = AssertSqlSafe(*sql).into_sql_str();
        Migration::new(*version, Cow::Borrowed(*description), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect()).run(pool).await
}

//! The one SQL pool, migrator and write path: SQLite by default, PostgreSQL when one machine is not enough.
//!
//! # SQL that runs on both
//! - Parameters are `$1`, `$2`…; types are `BIGINT` (read as `i64`), `TEXT` and `DOUBLE PRECISION`. No `BOOLEAN`
//!   (SQLite's cannot be read through `Any`): store 0 or 1 in a `BIGINT`. No `BYTEA` or `BLOB`: store hexadecimal or
//!   base64 text. Times are nanoseconds or milliseconds in a `BIGINT`.
//! - No `AUTOINCREMENT`, `SERIAL` or `rowid`: ids are made by the program. `INSERT … ON CONFLICT (key) DO UPDATE SET
//!   x = excluded.x`, `RETURNING`, `LIMIT … OFFSET …` and `CASE` are fine.
//! - `SUM` and `COUNT` differ in type: write `CAST(SUM(x) AS BIGINT)`. `COUNT(*)` is a `BIGINT` on both.
//! - A bare `NULL` parameter needs a type on PostgreSQL: bind `Option::<String>::None` or `Option::<i64>::None`.
//! - `LIKE` ignores ASCII case on SQLite and does not on PostgreSQL: compare `LOWER(x) LIKE $1`.
//!
//! # Reading and writing
//! Reads go through [`Store::pool`], writes through [`Store::begin`], which lets one writer in at a time on both
//! databases: a transaction that reads a row and changes it needs no further locking.
//!
//! Deliberately absent: a query builder, a row mapper, and any other way to write.

mod error;
pub mod many;
mod migration;
mod postgres;
mod sqlite;
mod store;
pub mod testing;
mod transaction;

#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use migration::Tables;
pub use sqlite::sqlite_url;
pub use store::{Kind, Store};
pub use transaction::Tx;

/// The library that queries are written with, so that every crate uses the same version.
pub use sqlx;

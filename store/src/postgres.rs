//! PostgreSQL: the pool and the settings of a connection.

use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, Connection, Executor};

use crate::StoreError;

const CONNECTIONS_MAX: u32 = 16;
const WAIT: Duration = Duration::from_secs(30);

/// No statement may hang for ever, and a forgotten transaction gives its lock back.
const SETTINGS: &str = "SET lock_timeout = '30s'; SET statement_timeout = '120s'; \
                        SET idle_in_transaction_session_timeout = '60s'; SET TIME ZONE 'UTC';";

/// Taken at the start of every write transaction and released at its end: one writer at a time in a schema, as on
/// SQLite. The cast is there because `Any` cannot read a `void` column.
pub(crate) const WRITER_LOCK: &str =
    "SELECT CAST(pg_advisory_xact_lock(1836282723, hashtext(current_schema())) AS TEXT)";

pub(crate) async fn open(url: &str) -> Result<AnyPool, StoreError> {
    let failed = |source| StoreError::Open { url: without_password(url), source };
    // Without a pool first: a pool tries a server that refuses again and again until its waiting time is over.
    let mut first = AnyConnection::connect(url).await.map_err(failed)?;
    first.execute(SETTINGS).await.map_err(failed)?;
    first.close().await.map_err(failed)?;
    AnyPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(WAIT)
        .after_connect(|connection: &mut AnyConnection, _| {
            Box::pin(async move {
                connection.execute(SETTINGS).await?;
                Ok(())
            })
        })
        .connect_lazy(url)
        .map_err(failed)
}

/// The address as it may be shown.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let shown = match authority.rsplit_once('@') {
        Some((user, host)) => format!("{}@{host}", user.split(':').next().unwrap_or_default()),
        None => authority.to_owned(),
    };
    // A password may also stand among the parameters.
    format!("{scheme}://{shown}{}", path.split('?').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: &str) {
        assert_eq!(without_password(url), expected);
    }

    #[test]
    fn passwords_are_not_shown() {
        check("postgres://soc:geheim@db.city/soc", "postgres://soc@db.city/soc");
        check("postgres://soc:a@b:c@db.city:5432/soc?password=x", "postgres://soc@db.city:5432/soc");
        check("postgres://db.city", "postgres://db.city");
        check("nonsense", "nonsense");
    }
}

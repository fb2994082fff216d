//! What holds on SQLite and on PostgreSQL alike.

use std::os::unix::fs::PermissionsExt;

use crate::testing::{self, TestStore};
use crate::{Kind, Store, StoreError, Tables};
use sqlx::Row;

async fn stores() -> Vec<TestStore> {
    let stores = testing::stores().await.unwrap();
    if stores.len() < 2 {
        eprintln!("PostgreSQL is not tested: {} is not set", testing::POSTGRES_VARIABLE);
    }
    stores
}

type Sample = (String, Option<i64>, Option<String>, Option<f64>);

async fn make_table(store: &Store) {
    let mut tx = store.begin().await.unwrap();
    sqlx::query("CREATE TABLE sample (id TEXT NOT NULL PRIMARY KEY, number BIGINT, text TEXT, ratio DOUBLE PRECISION)")
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query("CREATE TABLE part (id TEXT NOT NULL PRIMARY KEY, sample TEXT NOT NULL REFERENCES sample (id))")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn values_come_back_as_they_went_in() {
    for store in stores().await {
        make_table(&store).await;
        let mut tx = store.begin().await.unwrap();
        for (id, number, text, ratio) in [
            ("a", Some(i64::MAX), Some("Bến Nghé"), Some(0.5)),
            ("b", Some(i64::MIN), Some(""), Some(-1e300)),
            ("c", None, None, None),
        ] {
            sqlx::query("INSERT INTO sample (id, number, text, ratio) VALUES ($1, $2, $3, $4)")
                .bind(id)
                .bind::<Option<i64>>(number)
                .bind::<Option<&str>>(text)
                .bind::<Option<f64>>(ratio)
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        let rows = sqlx::query("SELECT id, number, text, ratio FROM sample ORDER BY id")
            .fetch_all(store.pool())
            .await
            .unwrap();
        let found: Vec<Sample> = rows.iter().map(|row| (row.get(0), row.get(1), row.get("text"), row.get(3))).collect();
        assert_eq!(found[0], ("a".into(), Some(i64::MAX), Some("Bến Nghé".into()), Some(0.5)));
        assert_eq!(found[1], ("b".into(), Some(i64::MIN), Some(String::new()), Some(-1e300)));
        assert_eq!(found[2], ("c".into(), None, None, None));
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sample").fetch_one(store.pool()).await.unwrap();
        let sum: i64 = sqlx::query_scalar("SELECT CAST(SUM(number) AS BIGINT) FROM sample WHERE id <> $2 OR id = $1")
            .bind("a")
            .bind("b")
            .fetch_one(store.pool())
            .await
            .unwrap();
        assert_eq!((count, sum), (3, i64::MAX));
    }
}

#[tokio::test]
async fn a_dropped_transaction_leaves_no_trace() {
    for store in stores().await {
        let mut tx = store.begin().await.unwrap();
        tx.set_meta("colour", "red").await.unwrap();
        drop(tx);
        assert_eq!(store.meta("colour").await.unwrap(), None);
        let mut tx = store.begin().await.unwrap();
        tx.set_meta("colour", "green").await.unwrap();
        tx.rollback().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        tx.set_meta("colour", "blue").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.meta("colour").await.unwrap().as_deref(), Some("blue"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_take_turns() {
    for store in stores().await {
        let mut tx = store.begin().await.unwrap();
        tx.set_meta("counter", "0").await.unwrap();
        tx.commit().await.unwrap();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let store = store.store().clone();
                tokio::spawn(async move {
                    for _ in 0..5 {
                        let mut tx = store.begin().await.unwrap();
                        let value: String = sqlx::query_scalar("SELECT value FROM meta WHERE name = $1")
                            .bind("counter")
                            .fetch_one(&mut *tx)
                            .await
                            .unwrap();
                        tx.set_meta("counter", &(value.parse::<u32>().unwrap() + 1).to_string()).await.unwrap();
                        tx.commit().await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(store.meta("counter").await.unwrap().as_deref(), Some("40"));
    }
}

#[tokio::test]
async fn references_are_kept_whole() {
    for store in stores().await {
        make_table(&store).await;
        let mut tx = store.begin().await.unwrap();
        let refused =
            sqlx::query("INSERT INTO part (id, sample) VALUES ('p', 'nowhere')").execute(&mut *tx).await.unwrap_err();
        assert!(refused.as_database_error().unwrap().is_foreign_key_violation(), "{refused}");
        drop(tx);
        let mut tx = store.begin().await.unwrap();
        sqlx::query("INSERT INTO sample (id) VALUES ('s')").execute(&mut *tx).await.unwrap();
        let twice = sqlx::query("INSERT INTO sample (id) VALUES ('s')").execute(&mut *tx).await.unwrap_err();
        assert!(twice.as_database_error().unwrap().is_unique_violation(), "{twice}");
    }
}

#[tokio::test]
async fn data_outlives_the_handle() {
    for store in stores().await {
        let mut tx = store.begin().await.unwrap();
        tx.set_meta("colour", "blue").await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        let again = Store::open(store.url()).await.unwrap();
        assert_eq!(again.meta("colour").await.unwrap().as_deref(), Some("blue"));
        again.writable().await.unwrap();
        again.close().await;
        assert!(again.writable().await.is_err(), "a closed store takes no writes");
    }
}

#[tokio::test]
async fn stores_for_tests_are_empty_and_apart() {
    let (left, right) = (stores().await, stores().await);
    for (left, right) in left.iter().zip(&right) {
        assert_eq!(left.kind(), right.kind());
        let mut tx = left.begin().await.unwrap();
        tx.set_meta("colour", "blue").await.unwrap();
        // A writer of one schema does not wait for a writer of another.
        right.writable().await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(right.meta("colour").await.unwrap(), None);
    }
}

#[tokio::test]
async fn sqlite_readers_cannot_write() {
    let store = testing::sqlite().await.unwrap();
    assert_eq!(store.kind(), Kind::Sqlite);
    let refused = sqlx::query("DELETE FROM meta").execute(store.pool()).await.unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
}

#[tokio::test]
async fn sqlite_files_belong_to_their_owner() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dữ liệu/a?b.db");
    let store = Store::open(&crate::sqlite_url(&path)).await.unwrap();
    store.writable().await.unwrap();
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    let mode = std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.db");
    std::fs::write(&path, [0x42; 8192]).unwrap();
    let refused = Store::open(&crate::sqlite_url(&path)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Open { .. }), "{refused}");
}

#[tokio::test]
async fn foreign_addresses_are_refused() {
    for url in ["", "mysql://u:p@h/d", "sqlite::memory:", "sqlite://", "/var/lib/x.db"] {
        let refused = Store::open(url).await.unwrap_err();
        assert!(matches!(refused, StoreError::Address { .. }), "{url}: {refused}");
        assert!(!refused.to_string().contains("u:p"), "{refused}");
    }
}

#[tokio::test]
async fn a_full_disk_is_not_writable() {
    let store = testing::sqlite().await.unwrap();
    // SQLite's own bound stands for the end of the disk: it gives the same refusal.
    let mut tx = store.begin().await.unwrap();
    sqlx::query("PRAGMA max_page_count = 1").fetch_all(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let refused = tx.set_meta("big", &"x".repeat(1 << 20)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Sql(_)), "{refused}");
    drop(tx);
    store.writable().await.unwrap();
}

/// What a statement changes may be of the vault: none of it lies in a temporary file, even for a moment.
#[tokio::test]
async fn a_statement_of_many_rows_opens_no_file() {
    let store = testing::sqlite().await.unwrap();
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) \
                INSERT INTO meta (name, value) SELECT hex(randomblob(8)), hex(randomblob(100)) FROM n";
    for _ in 0..2 {
        let mut tx = store.begin().await.unwrap();
        sqlx::query(rows).execute(&mut *tx).await.unwrap();
        for file in std::fs::read_dir("/proc/self/fd").unwrap() {
            let Ok(opened) = std::fs::read_link(file.unwrap().path()) else { continue };
            assert!(!opened.to_string_lossy().contains("etilqs"), "{opened:?}");
        }
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_copy_is_what_was_committed() {
    let store = testing::sqlite().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.sqlite");
    let mut tx = store.begin().await.unwrap();
    tx.set_meta("before", "1").await.unwrap();
    tx.commit().await.unwrap();
    let mut open = store.begin().await.unwrap();
    open.set_meta("open", "1").await.unwrap();
    store.copy_to(&file).await.unwrap();
    open.commit().await.unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = Store::open(&crate::sqlite_url(&file)).await.unwrap();
    assert_eq!((copy.meta("before").await.unwrap(), copy.meta("open").await.unwrap()), (Some("1".to_owned()), None));
    assert!(store.copy_to(&file).await.is_err(), "a copy is never written over another");
    copy.close().await;

    // One table follows: what came and what changed since.
    let mut tx = store.begin().await.unwrap();
    tx.set_meta("before", "2").await.unwrap();
    tx.set_meta("later", "1").await.unwrap();
    tx.commit().await.unwrap();
    store.copy_later_rows(&file, "meta").await.unwrap();
    let copy = Store::open(&crate::sqlite_url(&file)).await.unwrap();
    for (name, expected) in [("before", "2"), ("open", "1"), ("later", "1")] {
        assert_eq!(copy.meta(name).await.unwrap().as_deref(), Some(expected), "{name}");
    }
}

#[tokio::test]
async fn what_a_newer_program_wrote_is_refused() {
    for store in stores().await {
        let mut tx = store.begin().await.unwrap();
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     SELECT 9999, 'newer', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
        sqlx::query(newer).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let refused = Store::open(store.url()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Newer { version: 9999 }), "{refused}");
    }
}

#[tokio::test]
async fn what_every_older_program_wrote_comes_along() {
    let versions: Vec<i64> = Tables::Main.versions().collect();
    assert!(versions.len() > 25 && versions.is_sorted(), "{versions:?}");
    let alert = "INSERT INTO alert (id, group_key, rule, level, words, status, count, first_seen_ns, last_seen_ns, created_ns, \
                 updated_ns, events, authenticated) VALUES ('a', 'g', 'r', 'high', 'w', 'new', 3, 1, 2, 1, 2, '[7]', 1)";
    let values = "INSERT INTO vault_value (mark, value_mark, writing, token, class, sealed, created_ns) VALUES \
                  ('m1', 'v1', 0, 't1', 'phone', 's1', 5), ('m2', 'v1', 1, 't1', 'phone', 's2', 6), ('m3', 'v2', 0, 't2', 'card', 's3', 7)";
    for last in versions {
        for old in testing::stores_until(Tables::Main, last).await.unwrap() {
            let mut tx = old.begin().await.unwrap();
            tx.set_meta("kept", "yes").await.unwrap();
            for (since, statement) in [(10, alert), (80, values)] {
                if last >= since {
                    sqlx::query(statement).execute(&mut *tx).await.unwrap();
                }
            }
            tx.commit().await.unwrap();
            let new = Store::open(old.url()).await.unwrap_or_else(|error| panic!("from {last}: {error}"));
            assert_eq!(new.meta("kept").await.unwrap().as_deref(), Some("yes"), "from {last}");
            let alerts = sqlx::query_as::<_, (String, i64, i64)>("SELECT id, count, risk_score FROM alert");
            // Since 0064 who writes an alert gives its risk; the migration gives it to those before.
            let risk = if last < 64 { 73 } else { 0 };
            let expected: &[_] = if last >= 10 { &[("a".to_owned(), 3, risk)] } else { &[] };
            assert_eq!(alerts.fetch_all(new.pool()).await.unwrap(), expected, "from {last}");
            let rows = sqlx::query_scalar::<_, String>(
                "SELECT mark || value_mark || writing || token || class || sealed || created_ns FROM vault_value ORDER BY mark",
            );
            let expected: &[&str] =
                if last >= 80 { &["m1v10t1phones15", "m2v11t1phones26", "m3v20t2cards37"] } else { &[] };
            assert_eq!(rows.fetch_all(new.pool()).await.unwrap(), expected, "from {last}");
            new.close().await;
        }
    }
}

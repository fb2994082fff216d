//! The vault on both databases: one token a value, every writing kept, destroyed for good, locked without its keys.
#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;

use event::SystemClock;
use keys::{KeyKind, KeySource, Keyring};
use policy::privacy::Class;
use policy::vault::{KEYS_FILE, Kind};
use policy::{Vault, VaultError};
use proptest::prelude::*;
use store::testing::{TestStore, stores, stores_of};
use store::{Store, Tables};

const PHONE: Kind = Kind::Value(Class::Phone);
const NAME: Kind = Kind::Value(Class::PersonName);

struct Place {
    folder: tempfile::TempDir,
    main: TestStore,
    keys: TestStore,
}

impl Place {
    fn keyring(&self) -> Keyring {
        let source = KeySource::File(self.folder.path().join("master.key"));
        Keyring::open(&source, &self.folder.path().join("data")).unwrap()
    }

    async fn vault(&self) -> Vault {
        let (main, keys) = (self.main.store().clone(), self.keys.store().clone());
        Vault::open(main, keys, None, &self.keyring(), Arc::new(SystemClock), 1_000).await.unwrap()
    }
}

async fn places() -> Vec<Place> {
    let (mains, keys) = (stores().await.unwrap(), stores_of(Tables::VaultKeys).await.unwrap());
    let made = mains.into_iter().zip(keys);
    made.map(|(main, keys)| Place { folder: tempfile::tempdir().unwrap(), main, keys }).collect()
}

async fn count(store: &Store, table: &'static str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    store::sqlx::query_scalar(store::sqlx::AssertSqlSafe(sql)).fetch_one(store.pool()).await.unwrap()
}

#[tokio::test]
async fn a_value_has_one_token_and_every_writing_is_kept() {
    for place in places().await {
        let vault = place.vault().await;
        let asked = [(PHONE, "0912345678"), (PHONE, "+84 912 345 678"), (NAME, "Nguyễn Văn An"), (PHONE, "0912345678")];
        let first = vault.enter(&asked).await.unwrap();
        assert_eq!(first[0], first[3]);
        assert_eq!(first[0].token, first[1].token, "one person's telephone");
        assert_ne!(first[0].number, first[1].number, "two writings");
        assert_ne!(first[0].token, first[2].token);
        assert_eq!(first[2].token.kind(), NAME);
        // A new handle remembers nothing and finds the same.
        let again = place.vault().await;
        assert_eq!(again.enter(&asked).await.unwrap(), first);
        assert_eq!(vault.enter(&[(PHONE, "0912.345.678")]).await.unwrap()[0].token, first[0].token);
        let revealed = again.reveal(&first).await.unwrap();
        for (writing, (_, value)) in first.iter().zip(asked) {
            assert_eq!(revealed.get(writing).map(String::as_str), Some(value));
        }
        assert_eq!(again.find(&[PHONE], "84912345678").await.unwrap(), [first[0].token]);
        assert_eq!(again.find(&[NAME], "0912345678").await.unwrap(), []);
        vault.settle().await.unwrap();
        assert_eq!(count(&place.main, "vault_value").await, 4);
        assert_eq!(count(&place.keys, "data_key").await, 2, "one key a token");
    }
}

#[tokio::test]
async fn nothing_in_either_database_is_the_value() {
    for place in places().await {
        let vault = place.vault().await;
        vault.enter(&[(PHONE, "0912345678"), (NAME, "Trần Thị Bưởi")]).await.unwrap();
        let sql = "SELECT mark || value_mark || token || class || sealed FROM vault_value";
        let rows: Vec<String> = store::sqlx::query_scalar(sql).fetch_all(place.main.pool()).await.unwrap();
        for row in rows {
            assert!(!row.contains("912345678") && !row.contains("Bưởi"), "{row}");
        }
    }
}

#[tokio::test]
async fn what_waits_to_be_moved_is_found_by_others_and_by_the_next_start() {
    for place in places().await {
        let (one, other) = (place.vault().await, place.vault().await);
        let mut tokens = BTreeSet::new();
        for number in 0..40 {
            // Each brings a value in, then both ask for it in a writing of their own: from memory, from what waits, from its table.
            let (plain, spaced) = (format!("09123456{number:02}"), format!("0912 3456 {number:02}"));
            let (first, second) = if number % 3 == 0 { (&one, &other) } else { (&other, &one) };
            let brought = first.enter(&[(PHONE, &plain)]).await.unwrap()[0];
            assert_eq!(second.enter(&[(PHONE, &plain)]).await.unwrap()[0], brought, "{number}");
            let joined = second.enter(&[(PHONE, &spaced)]).await.unwrap()[0];
            assert_eq!((joined.token, joined.number), (brought.token, 1), "{number}");
            assert_eq!(first.enter(&[(PHONE, &spaced)]).await.unwrap()[0], joined, "{number}");
            if number % 7 == 0 {
                let revealed = one.reveal(&[brought, joined]).await.unwrap();
                assert_eq!((&revealed[&brought], &revealed[&joined]), (&plain, &spaced));
                assert_eq!(other.find(&[PHONE], &plain).await.unwrap(), [brought.token]);
            }
            tokens.insert(brought.token);
        }
        assert_eq!(tokens.len(), 40);
        drop((one, other));
        let later = place.vault().await;
        assert_eq!((count(&place.main, "vault_value").await, count(&place.main, "vault_recent").await), (80, 0));
        assert_eq!((count(&place.keys, "data_key").await, count(&place.keys, "data_key_recent").await), (40, 0));
        assert!(tokens.contains(&later.enter(&[(PHONE, "0912345639")]).await.unwrap()[0].token));
    }
}

#[tokio::test]
async fn a_destroyed_value_is_gone_and_comes_back_as_another() {
    for place in places().await {
        let vault = place.vault().await;
        let before = vault.enter(&[(PHONE, "0912345678")]).await.unwrap()[0];
        let kept = text(&place.main, SEALED, &before.token.to_string()).await;
        assert!(vault.destroy(before.token).await.unwrap());
        assert!(!vault.destroy(before.token).await.unwrap());
        assert!(vault.reveal(&[before]).await.unwrap().is_empty());
        assert_eq!(count(&place.keys, "data_key").await, 0);
        let after = vault.enter(&[(PHONE, "0912345678")]).await.unwrap()[0];
        assert_ne!(before.token, after.token);
        // Not even the row of a backup opens again.
        let mut tx = place.main.begin().await.unwrap();
        store::sqlx::query("INSERT INTO vault_value VALUES ($1, $2, 0, $3, 'phone', $4, 0)")
            .bind("01".repeat(16))
            .bind("02".repeat(16))
            .bind(before.token.to_string())
            .bind(kept)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert!(vault.reveal(&[before]).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_make_one_token_a_value() {
    for place in places().await {
        let vaults = [Arc::new(place.vault().await), Arc::new(place.vault().await)];
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let vault = Arc::clone(&vaults[task % 2]);
                tokio::spawn(async move {
                    let values: Vec<String> =
                        (0..50).map(|value| format!("09123456{:02}", (value + task) % 50)).collect();
                    let asked: Vec<_> = values.iter().map(|value| (PHONE, value.as_str())).collect();
                    let entered = vault.enter(&asked).await.unwrap();
                    values.into_iter().zip(entered).collect::<BTreeSet<_>>()
                })
            })
            .collect();
        let mut all = BTreeSet::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        assert_eq!(all.len(), 50, "one answer a value, whoever asked");
        place.vault().await.settle().await.unwrap();
        assert_eq!(count(&place.main, "vault_value").await, 50);
        assert_eq!(count(&place.keys, "data_key").await, 50, "no key is left of those who were slower");
    }
}

#[tokio::test]
async fn a_vault_without_its_keys_answers_nothing() {
    for place in places().await {
        place.vault().await.enter(&[(PHONE, "0912345678")]).await.unwrap();
        for other in stores_of(Tables::VaultKeys).await.unwrap() {
            let (main, keys) = (place.main.store().clone(), other.store().clone());
            let clock = Arc::new(SystemClock);
            let vault = Vault::open(main, keys, None, &place.keyring(), clock, 10).await.unwrap();
            let refused = vault.enter(&[(PHONE, "0912345679")]).await.unwrap_err();
            assert!(matches!(refused, VaultError::Lost { .. }), "{refused}");
            assert!(vault.ready().await.is_err());
            assert_eq!(other.meta("vault_id").await.unwrap(), None, "nothing is begun anew");
        }
    }
}

#[tokio::test]
async fn a_file_of_keys_that_was_moved_away_is_noticed() {
    let place = places().await.remove(0);
    let path = place.folder.path().join("vault-keys").join(KEYS_FILE);
    let keys = Store::open_tables(&store::sqlite_url(&path), Tables::VaultKeys).await.unwrap();
    let (main, clock) = (place.main.store().clone(), Arc::new(SystemClock));
    let vault = Vault::open(main, keys, Some(path.clone()), &place.keyring(), clock, 10).await.unwrap();
    vault.ready().await.unwrap();
    let aside = path.with_extension("aside");
    std::fs::rename(&path, &aside).unwrap();
    assert!(matches!(vault.enter(&[(PHONE, "0912345678")]).await, Err(VaultError::Lost { .. })));
    std::fs::rename(&aside, &path).unwrap();
    vault.enter(&[(PHONE, "0912345678")]).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_goes_in_comes_out(values in prop::collection::vec("\\PC{0,40}", 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let place = places().await.remove(0);
            let vault = place.vault().await;
            let asked: Vec<_> = values.iter().map(|value| (NAME, value.as_str())).collect();
            let entered = vault.enter(&asked).await.unwrap();
            let revealed = vault.reveal(&entered).await.unwrap();
            for (writing, value) in entered.iter().zip(&values) {
                assert_eq!(revealed.get(writing), Some(value));
            }
        });
    }
}

/// The bytes of a database's file and of its write-ahead log.
fn bytes_of(file: &std::path::Path) -> Vec<u8> {
    let mut bytes = std::fs::read(file).unwrap();
    bytes.extend(std::fs::read(file.with_extension("sqlite-wal")).unwrap_or_default());
    bytes
}

/// What lies of a token, in its table or on its way there.
const SEALED: &str =
    "SELECT sealed FROM vault_value WHERE token = $1 UNION ALL SELECT sealed FROM vault_recent WHERE token = $1";
const MARK: &str =
    "SELECT mark FROM vault_value WHERE token = $1 UNION ALL SELECT mark FROM vault_recent WHERE token = $1";
const VALUE_MARK: &str = "SELECT value_mark FROM vault_value WHERE token = $1 UNION ALL SELECT value_mark FROM vault_recent WHERE token = $1";
const WRAPPED: &str =
    "SELECT wrapped FROM data_key WHERE token = $1 UNION ALL SELECT wrapped FROM data_key_recent WHERE token = $1";

async fn text(store: &Store, sql: &'static str, token: &str) -> String {
    store::sqlx::query_scalar(sql).bind(token).fetch_one(store.pool()).await.unwrap()
}

#[tokio::test]
async fn what_is_shredded_is_gone_from_the_bytes_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = [folder.path().join("main.sqlite"), folder.path().join("keys.sqlite")];
    let main = Store::open(&store::sqlite_url(&files[0])).await.unwrap();
    let keys = Store::open_tables(&store::sqlite_url(&files[1]), Tables::VaultKeys).await.unwrap();
    let source = KeySource::File(folder.path().join("master.key"));
    let keyring = Keyring::open(&source, &folder.path().join("data")).unwrap();
    let vault = Vault::open(main.clone(), keys.clone(), None, &keyring, Arc::new(SystemClock), 1_000).await.unwrap();
    let values: Vec<String> = (0..3_000).map(|number| format!("0912{number:06}")).collect();
    let asked: Vec<(Kind, &str)> = values.iter().map(|value| (PHONE, value.as_str())).collect();
    let writings = vault.enter(&asked).await.unwrap();
    for number in [0, 17, 1_500, 2_999] {
        let token = writings[number].token.to_string();
        let mut gone = Vec::new();
        for (store, sql) in [(&main, SEALED), (&main, MARK), (&keys, WRAPPED)] {
            gone.push(text(store, sql, &token).await);
        }
        let stands = |what: &str| {
            files.iter().any(|file| bytes_of(file).windows(what.len()).any(|window| window == what.as_bytes()))
        };
        assert!(gone.iter().all(|what| stands(what)), "the look sees what is there");
        let held = vault.held(&[values[number].clone()]).await.unwrap();
        assert_eq!(held.len(), 1);
        let list = vault.shred(&held, "c1", event::Clock::now(&SystemClock)).await.unwrap();
        assert_eq!((list.len(), vault.left_of(&list).await.unwrap()), (1, (0, 0)));
        assert!(!gone.iter().any(|what| stands(what)), "value {number} of {} still stands in a file", values.len());
    }
    assert_eq!(vault.reveal(&writings).await.unwrap().len(), values.len() - 4, "nobody else's is touched");
}

#[tokio::test]
async fn every_class_writing_and_whole_text_of_a_value_is_shredded() {
    let account = Kind::Value(Class::UserName);
    for place in places().await {
        let vault = place.vault().await;
        let entered = vault
            .enter(&[
                (account, "lan.nguyen"),
                (Kind::Text, "a text that nobody understands: Lan.Nguyen, and more"),
                (Kind::Text, "lan.nguyens is somebody else"),
                (PHONE, "0912345678"),
                (PHONE, "+84 912 345 678"),
                (Kind::Text, "call +84 912 345 678 now"),
            ])
            .await
            .unwrap();
        let held = vault.held(&["lan.nguyen".to_owned(), "0912 345 678".to_owned()]).await.unwrap();
        let tokens: BTreeSet<_> = held.iter().map(|held| held.token).collect();
        let expected: BTreeSet<_> = [0, 1, 3, 5].map(|number| entered[number].token).into();
        assert_eq!(tokens, expected);
        vault.shred(&held, "c1", event::Clock::now(&SystemClock)).await.unwrap();
        let left: Vec<String> = vault.reveal(&entered).await.unwrap().into_values().collect();
        assert_eq!(left, ["lan.nguyens is somebody else"]);
        // Who asks later hears that it was destroyed, by the token and by the value, and the value begins anew.
        assert_eq!(vault.erased(&[entered[3].token, entered[2].token]).await.unwrap().len(), 1);
        assert_eq!(vault.shredded_of(&["0912345678".to_owned()]).await.unwrap().len(), 1);
        assert_eq!(vault.shredded_under("c1").await.unwrap().len(), 4);
        assert!(vault.held(&["lan.nguyen".to_owned()]).await.unwrap().is_empty());
        let again = vault.enter(&[(account, "lan.nguyen")]).await.unwrap()[0];
        assert_ne!(again.token, entered[0].token);
        // A start destroys only what is on the list.
        let vault = place.vault().await;
        assert_eq!(vault.reveal(&[again]).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_comes_back_from_old_copies_is_destroyed_at_the_start() {
    for place in places().await {
        let vault = place.vault().await;
        let entered = vault.enter(&[(PHONE, "0912345678"), (NAME, "Nguyễn Văn An")]).await.unwrap();
        let token = entered[0].token.to_string();
        let mut columns = Vec::new();
        for sql in [MARK, VALUE_MARK, SEALED] {
            columns.push(text(&place.main, sql, &token).await);
        }
        let wrapped = text(&place.keys, WRAPPED, &token).await;
        let held = vault.held(&["0912345678".to_owned()]).await.unwrap();
        vault.shred(&held, "c1", event::Clock::now(&SystemClock)).await.unwrap();
        let mut tx = place.main.begin().await.unwrap();
        let row = store::sqlx::query("INSERT INTO vault_value VALUES ($1, $2, 0, $3, 'phone', $4, 0)");
        let row = row.bind(&columns[0]).bind(&columns[1]).bind(&token).bind(&columns[2]);
        row.execute(&mut *tx).await.unwrap();
        store::sqlx::query("DELETE FROM shredded").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = place.keys.begin().await.unwrap();
        let key =
            store::sqlx::query("INSERT INTO data_key (token, wrapped) VALUES ($1, $2)").bind(&token).bind(wrapped);
        key.execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(vault.reveal(&[entered[0]]).await.unwrap().len(), 1, "both old copies together have it again");
        let vault = place.vault().await;
        let left: Vec<String> = vault.reveal(&entered).await.unwrap().into_values().collect();
        assert_eq!(left, ["Nguyễn Văn An"]);
        assert_eq!((count(&place.main, "vault_value").await, count(&place.keys, "data_key").await), (1, 1));
        assert_eq!(count(&place.main, "shredded").await, 1, "the list is whole in both");
    }
}

/// Walks over everything; gives how much was changed.
async fn walk(vault: &Vault) -> (u64, u64) {
    let (mut wrapped, mut marked) = (0, 0);
    let mut after = Some(String::new());
    while let Some(place) = after {
        let step = vault.rewrap(&place).await.unwrap();
        (wrapped, after) = (wrapped + step.changed, step.next);
    }
    let mut after = Some(String::new());
    while let Some(place) = after {
        let step = vault.remark(&place).await.unwrap();
        (marked, after) = (marked + step.changed, step.next);
    }
    (wrapped, marked)
}

#[tokio::test]
async fn keys_are_rotated_while_values_are_found() {
    for place in places().await {
        let keyring = place.keyring();
        let (main, keys) = (place.main.store().clone(), place.keys.store().clone());
        let vault = Vault::open(main, keys, None, &keyring, Arc::new(SystemClock), 1_000).await.unwrap();
        let many: Vec<String> = (0..700).map(|number| format!("09123{number:05}")).collect();
        let asked: Vec<(Kind, &str)> = many.iter().map(|value| (PHONE, value.as_str())).collect();
        let first = vault.enter(&asked).await.unwrap();
        let marks = "SELECT mark || value_mark FROM vault_value ORDER BY token, writing";
        let marks =
            || async { store::sqlx::query_scalar::<_, String>(marks).fetch_all(place.main.pool()).await.unwrap() };
        let before = marks().await;

        let now = event::Clock::now(&SystemClock);
        vault.alone(|| keyring.begin(KeyKind::LookUp, now)).await.unwrap();
        keyring.begin(KeyKind::Sealing, now).unwrap();
        // Known values are found under the older key, and another writing of one joins its token; none is there twice.
        assert_eq!(vault.enter(&asked[..3]).await.unwrap(), first[..3]);
        assert_eq!(vault.enter(&[(PHONE, "+84912300005")]).await.unwrap()[0].token, first[5].token);
        assert_eq!(vault.find(&[PHONE], "0912300006").await.unwrap(), [first[6].token]);
        let fresh = vault.enter(&[(PHONE, "0987654321")]).await.unwrap();
        assert_eq!(count(&place.main, "vault_value").await, 702);

        // The walk does the rest, once.
        let (wrapped, marked) = walk(&vault).await;
        assert_eq!((wrapped, marked), (700, 700 - 5));
        assert_eq!(walk(&vault).await, (0, 0));
        keyring.retire(KeyKind::LookUp).unwrap();
        keyring.retire(KeyKind::Sealing).unwrap();
        let after = marks().await;
        assert!(before.iter().all(|mark| !after.contains(mark)), "no mark of the older key stays");

        // Only the new keys open and find, here and after a start.
        for vault in [vault, place.vault().await] {
            assert_eq!(vault.enter(&asked).await.unwrap(), first);
            let revealed = vault.reveal(&first).await.unwrap();
            assert!(first.iter().zip(&many).all(|(writing, value)| revealed.get(writing) == Some(value)));
            assert_eq!(vault.find(&[PHONE], "0987654321").await.unwrap(), [fresh[0].token]);
        }
    }
}

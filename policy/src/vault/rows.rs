//! The vault's rows, many at a time: one statement for what a batch asks for or brings.

use std::collections::HashMap;

use store::many::{lists, parts, places};
use store::sqlx::{AnyConnection, AssertSqlSafe, Row as _, query};
use store::{Kind, Store, StoreError};

use super::{Mark, Token, Writing};

/// Where rows are found.
const VALUES: &str = "vault_value";
/// Where those of SQLite wait to be moved there.
const RECENT: &str = "vault_recent";

/// A row of `vault_value`.
pub(super) struct Row {
    pub(super) mark: Mark,
    pub(super) value_mark: Mark,
    pub(super) writing: Writing,
    pub(super) sealed: String,
}

/// How a row is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) mark: Mark,
    pub(super) value_mark: Mark,
    pub(super) writing: Writing,
}

/// What is there of values that were asked for.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The writings that were asked for, by mark.
    pub(super) writings: HashMap<Mark, Writing>,
    /// The token of each value with the number of its last writing, by the value's mark.
    pub(super) last: HashMap<Mark, Writing>,
}

/// What is there of values, each asked for by the mark of a writing and its own. Both come from one look: whoever brings the
/// next writing in by it is told when somebody was faster.
pub(super) async fn known(store: &Store, asked: &[(Mark, Mark)]) -> Result<Known, StoreError> {
    let mut connection = store.pool().acquire().await?;
    known_in(&mut connection, store.kind(), asked).await
}

/// The same within a transaction.
pub(super) async fn known_in(
    connection: &mut AnyConnection,
    kind: Kind,
    asked: &[(Mark, Mark)],
) -> Result<Known, StoreError> {
    let mut found = Known::default();
    for (places, part) in lists(kind, asked) {
        // The places of the second list count on from the first.
        let others = others(kind, part.len(), &places);
        let sql = format!(
            "SELECT mark, value_mark, token, writing FROM vault_value WHERE value_mark IN {places} AND (mark IN {others} \
             OR writing = (SELECT MAX(other.writing) FROM vault_value other WHERE other.value_mark = vault_value.value_mark))"
        );
        let values = part.iter().map(|(_, value_mark)| value_mark);
        let marks = part.iter().map(|(mark, _)| mark);
        let question = values.chain(marks).fold(query(AssertSqlSafe(sql)), |asked, mark| asked.bind(mark.to_string()));
        for row in question.fetch_all(&mut *connection).await? {
            let (mark, value_mark): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let (token, number): (String, i64) = (row.try_get(2)?, row.try_get(3)?);
            let (Some(mark), Some(value_mark), Some(token)) =
                (Mark::parse(&mark), Mark::parse(&value_mark), Token::parse(&token))
            else {
                continue;
            };
            let writing = Writing { token, number: u32::try_from(number).unwrap_or(u32::MAX) };
            found.writings.insert(mark, writing);
            let last = found.last.entry(value_mark).or_insert(writing);
            if last.number < writing.number {
                *last = writing;
            }
        }
    }
    Ok(found)
}

/// As many places again, behind those of a list.
fn others(kind: Kind, count: usize, places: &str) -> String {
    match kind {
        Kind::Sqlite => places.to_owned(),
        Kind::Postgres => {
            let all: Vec<String> = (count + 1..=2 * count).map(|place| format!("${place}")).collect();
            format!("({})", all.join(", "))
        }
    }
}

/// The tokens that values have, each with the number of its last writing, by the values' marks.
pub(super) async fn values(store: &Store, marks: &[Mark]) -> Result<HashMap<Mark, Writing>, StoreError> {
    let mut connection = store.pool().acquire().await?;
    values_in(&mut connection, store, marks).await
}

async fn values_in(
    connection: &mut AnyConnection,
    store: &Store,
    marks: &[Mark],
) -> Result<HashMap<Mark, Writing>, StoreError> {
    let mut found = HashMap::new();
    for (places, part) in lists(store.kind(), marks) {
        let sql = format!(
            "SELECT value_mark, token, MAX(writing) FROM vault_value WHERE value_mark IN {places} GROUP BY value_mark, token"
        );
        let mut asked = query(AssertSqlSafe(sql));
        for mark in part {
            asked = asked.bind(mark.to_string());
        }
        for row in asked.fetch_all(&mut *connection).await? {
            let (mark, token): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let number: i64 = row.try_get(2)?;
            if let (Some(mark), Some(token)) = (Mark::parse(&mark), Token::parse(&token)) {
                found.insert(mark, Writing { token, number: u32::try_from(number).unwrap_or(u32::MAX) });
            }
        }
    }
    Ok(found)
}

/// Adds rows. Of a value that somebody else has brought in meanwhile none of its rows is added, so that no value ever has two
/// tokens; gives how many were added.
pub(super) async fn insert(store: &Store, rows: &[Row], now_ns: i64) -> Result<u64, StoreError> {
    let mut tx = store.begin().await?;
    let added = add(&mut tx, store.kind(), VALUES, rows.iter().collect(), now_ns).await?;
    if added == rows.len() as u64 {
        tx.commit().await?;
        return Ok(added);
    }
    tx.rollback().await?;
    // One writes at a time: what is there now stays so until this ends.
    let mut tx = store.begin().await?;
    let marks: Vec<Mark> = rows.iter().map(|row| row.value_mark).collect();
    let there = values_in(&mut tx, store, &marks).await?;
    let mut first: HashMap<Mark, Writing> = HashMap::new();
    for row in rows {
        let first = first.entry(row.value_mark).or_insert(row.writing);
        first.number = first.number.min(row.writing.number);
    }
    let as_before = |row: &&Row| {
        let last = first
            .get(&row.value_mark)
            .and_then(|first| Some(Writing { number: first.number.checked_sub(1)?, ..*first }));
        there.get(&row.value_mark).copied() == last
    };
    let added = add(&mut tx, store.kind(), VALUES, rows.iter().filter(as_before).collect(), now_ns).await?;
    tx.commit().await?;
    Ok(added)
}

/// Adds rows behind those that wait to be moved over.
pub(super) async fn append(tx: &mut AnyConnection, rows: &[Row], now_ns: i64) -> Result<(), StoreError> {
    add(tx, Kind::Sqlite, RECENT, rows.iter().collect(), now_ns).await.map(drop)
}

/// The last row that waits to be moved over: its number, counted from 1, and its mark.
pub(super) async fn last_recent(tx: &mut AnyConnection) -> Result<Option<(i64, Option<Mark>)>, StoreError> {
    let last = query("SELECT rowid, mark FROM vault_recent ORDER BY rowid DESC LIMIT 1").fetch_optional(tx).await?;
    last.map(|row| Ok((row.try_get(0)?, Mark::parse(&row.try_get::<String, _>(1)?)))).transpose()
}

/// Moves the rows that wait into their table, in the order of its key. A value that is there already keeps what it has.
pub(super) async fn move_over(tx: &mut AnyConnection) -> Result<(), StoreError> {
    let columns = "mark, value_mark, writing, token, class, sealed, created_ns";
    let moving = format!(
        "INSERT OR IGNORE INTO vault_value ({columns}) SELECT {columns} FROM vault_recent ORDER BY value_mark, writing"
    );
    query(AssertSqlSafe(moving)).execute(&mut *tx).await?;
    query("DELETE FROM vault_recent").execute(&mut *tx).await?;
    Ok(())
}

/// Moves the data keys that wait into their table.
pub(super) async fn move_keys_over(keys: &Store) -> Result<(), StoreError> {
    let mut tx = keys.begin().await?;
    let moving =
        "INSERT OR IGNORE INTO data_key (token, wrapped) SELECT token, wrapped FROM data_key_recent ORDER BY token";
    query(moving).execute(&mut *tx).await?;
    query("DELETE FROM data_key_recent").execute(&mut *tx).await?;
    tx.commit().await
}

async fn add(tx: &mut AnyConnection, kind: Kind, table: &str, rows: Vec<&Row>, now_ns: i64) -> Result<u64, StoreError> {
    let mut added = 0;
    // With `OR IGNORE` SQLite keeps no pages to undo the statement with, which its `ON CONFLICT` does.
    let (insert, behind) = match kind {
        Kind::Sqlite => ("INSERT OR IGNORE", ""),
        Kind::Postgres => ("INSERT", "ON CONFLICT DO NOTHING"),
    };
    for part in parts(&rows, 7) {
        let sql = format!(
            "{insert} INTO {table} (mark, value_mark, writing, token, class, sealed, created_ns) VALUES {} {behind}",
            places(kind, part.len(), 7)
        );
        let mut adding = query(AssertSqlSafe(sql));
        for row in part {
            adding = adding
                .bind(row.mark.to_string())
                .bind(row.value_mark.to_string())
                .bind(i64::from(row.writing.number))
                .bind(row.writing.token.to_string())
                .bind(row.writing.token.kind().as_str())
                .bind(row.sealed.as_str())
                .bind(now_ns);
        }
        added += adding.execute(&mut *tx).await?.rows_affected();
    }
    Ok(added)
}

/// The sealed values of a token's writings.
pub(super) async fn sealed(store: &Store, wanted: &[Writing]) -> Result<HashMap<Writing, String>, StoreError> {
    let mut found = HashMap::with_capacity(wanted.len());
    let mut tokens: Vec<Token> = wanted.iter().map(|writing| writing.token).collect();
    tokens.sort_unstable();
    tokens.dedup();
    for (places, part) in lists(store.kind(), &tokens) {
        let sql = format!("SELECT token, writing, sealed FROM vault_value WHERE token IN {places}");
        let mut asked = query(AssertSqlSafe(sql));
        for token in part {
            asked = asked.bind(token.to_string());
        }
        for row in asked.fetch_all(store.pool()).await? {
            let (token, number): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            let Some(token) = Token::parse(&token) else { continue };
            let writing = Writing { token, number: u32::try_from(number).unwrap_or(u32::MAX) };
            found.insert(writing, row.try_get(2)?);
        }
    }
    Ok(found)
}

/// The marks of all rows of tokens.
pub(super) async fn marked(store: &Store, tokens: &[Token]) -> Result<Vec<Marked>, StoreError> {
    let mut found = Vec::with_capacity(tokens.len());
    for (places, part) in lists(store.kind(), tokens) {
        let sql = format!(
            "SELECT token, writing, mark, value_mark FROM vault_value WHERE token IN {places} ORDER BY token, writing"
        );
        let mut asked = query(AssertSqlSafe(sql));
        for token in part {
            asked = asked.bind(token.to_string());
        }
        for row in asked.fetch_all(store.pool()).await? {
            let (token, number): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            let (mark, value_mark): (String, String) = (row.try_get(2)?, row.try_get(3)?);
            if let (Some(token), Some(mark), Some(value_mark)) =
                (Token::parse(&token), Mark::parse(&mark), Mark::parse(&value_mark))
            {
                let writing = Writing { token, number: u32::try_from(number).unwrap_or(u32::MAX) };
                found.push(Marked { mark, value_mark, writing });
            }
        }
    }
    Ok(found)
}

/// Gives rows other marks, all or none.
pub(super) async fn mark_anew(store: &Store, rows: &[Marked]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    for row in rows {
        let update = query("UPDATE vault_value SET mark = $1, value_mark = $2 WHERE token = $3 AND writing = $4");
        let update = update.bind(row.mark.to_string()).bind(row.value_mark.to_string());
        update.bind(row.writing.token.to_string()).bind(i64::from(row.writing.number)).execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// Takes a token's rows out; gives how many there were.
pub(super) async fn remove(store: &Store, token: Token) -> Result<u64, StoreError> {
    let mut tx = store.begin().await?;
    let removed = remove_in(&mut tx, token).await?;
    tx.commit().await?;
    Ok(removed)
}

pub(super) async fn remove_in(tx: &mut AnyConnection, token: Token) -> Result<u64, StoreError> {
    let removing = query("DELETE FROM vault_value WHERE token = $1").bind(token.to_string());
    Ok(removing.execute(tx).await?.rows_affected())
}

/// Those of the tokens that have rows.
pub(super) async fn tokens_there(store: &Store, tokens: &[Token]) -> Result<Vec<Token>, StoreError> {
    let mut found = Vec::new();
    for (places, part) in lists(store.kind(), tokens) {
        let sql = format!("SELECT DISTINCT token FROM vault_value WHERE token IN {places}");
        let mut asked = query(AssertSqlSafe(sql));
        for token in part {
            asked = asked.bind(token.to_string());
        }
        for row in asked.fetch_all(store.pool()).await? {
            let token: String = row.try_get(0)?;
            found.extend(Token::parse(&token));
        }
    }
    Ok(found)
}

/// Takes the rows of tokens out.
pub(super) async fn remove_many(store: &Store, tokens: &[Token]) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    for (places, part) in lists(store.kind(), tokens) {
        let sql = format!("DELETE FROM vault_value WHERE token IN {places}");
        let mut removing = query(AssertSqlSafe(sql));
        for token in part {
            removing = removing.bind(token.to_string());
        }
        removing.execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// Takes every row out, and the fact that names the vault; gives how many rows there were.
pub(super) async fn remove_all(store: &Store, fact: &str) -> Result<u64, StoreError> {
    let mut tx = store.begin().await?;
    let mut removed = 0;
    for sql in ["DELETE FROM vault_value", "DELETE FROM vault_recent"] {
        removed += query(sql).execute(&mut *tx).await?.rows_affected();
    }
    query("DELETE FROM meta WHERE name = $1").bind(fact).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(removed)
}

/// Keeps the wrapped data keys of new tokens.
pub(super) async fn insert_keys(keys: &Store, made: &[(Token, String)]) -> Result<(), StoreError> {
    add_keys(keys, "data_key", made).await
}

/// Adds data keys behind those that wait to be moved over.
pub(super) async fn append_keys(keys: &Store, made: &[(Token, String)]) -> Result<(), StoreError> {
    add_keys(keys, "data_key_recent", made).await
}

async fn add_keys(keys: &Store, table: &str, made: &[(Token, String)]) -> Result<(), StoreError> {
    let mut tx = keys.begin().await?;
    // A failure undoes the transaction: SQLite needs no pages to undo the statement alone.
    let insert = if keys.kind() == Kind::Sqlite { "INSERT OR FAIL" } else { "INSERT" };
    for part in parts(made, 2) {
        let sql = format!("{insert} INTO {table} (token, wrapped) VALUES {}", places(keys.kind(), part.len(), 2));
        let mut adding = query(AssertSqlSafe(sql));
        for (token, wrapped) in part {
            adding = adding.bind(token.to_string()).bind(wrapped.as_str());
        }
        adding.execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// The wrapped data keys of tokens, as far as they are there.
pub(super) async fn wrapped_keys(keys: &Store, tokens: &[Token]) -> Result<HashMap<Token, String>, StoreError> {
    let mut found = HashMap::with_capacity(tokens.len());
    for (places, part) in lists(keys.kind(), tokens) {
        let sql = format!("SELECT token, wrapped FROM data_key WHERE token IN {places}");
        let mut asked = query(AssertSqlSafe(sql));
        for token in part {
            asked = asked.bind(token.to_string());
        }
        for row in asked.fetch_all(keys.pool()).await? {
            let token: String = row.try_get(0)?;
            if let Some(token) = Token::parse(&token) {
                found.insert(token, row.try_get(1)?);
            }
        }
    }
    Ok(found)
}

/// Destroys the data keys of tokens; gives how many there were.
pub(super) async fn remove_keys(keys: &Store, tokens: &[Token]) -> Result<u64, StoreError> {
    let mut removed = 0;
    let mut tx = keys.begin().await?;
    for (places, part) in lists(keys.kind(), tokens) {
        let sql = format!("DELETE FROM data_key WHERE token IN {places}");
        let mut removing = query(AssertSqlSafe(sql));
        for token in part {
            removing = removing.bind(token.to_string());
        }
        removed += removing.execute(&mut *tx).await?.rows_affected();
    }
    tx.commit().await?;
    keys.settle().await?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_list_counts_on() {
        assert_eq!(others(Kind::Sqlite, 2, "(?, ?)"), "(?, ?)");
        assert_eq!(others(Kind::Postgres, 2, "($1, $2)"), "($3, $4)");
    }

    #[tokio::test]
    async fn of_a_value_that_somebody_else_brought_nothing_is_added() {
        for test in store::testing::stores().await.unwrap() {
            let store = test.store();
            let mark = |number: u8| Mark([number; keys::MARK_BYTES]);
            let phone = || Token::random(crate::vault::Kind::Value(crate::privacy::Class::Phone));
            let row = |own: u8, value: u8, token: Token, number: u32| Row {
                mark: mark(own),
                value_mark: mark(value),
                writing: Writing { token, number },
                sealed: "x".to_owned(),
            };
            let (theirs, ours, other) = (phone(), phone(), phone());
            assert_eq!(insert(store, &[row(1, 100, theirs, 0), row(9, 101, other, 0)], 0).await.unwrap(), 2);
            let late = [row(1, 100, ours, 0), row(2, 100, ours, 1), row(3, 102, phone(), 0), row(4, 101, other, 1)];
            assert_eq!(
                insert(store, &late, 0).await.unwrap(),
                2,
                "the new value, and the next writing of the known one"
            );
            let asked = [(mark(1), mark(100)), (mark(2), mark(100)), (mark(4), mark(101)), (mark(9), mark(101))];
            let Known { writings, last } = known(store, &asked).await.unwrap();
            assert_eq!(writings.get(&mark(1)), Some(&Writing { token: theirs, number: 0 }));
            assert_eq!(writings.get(&mark(2)), None);
            assert_eq!(writings.get(&mark(9)), Some(&Writing { token: other, number: 0 }));
            assert_eq!(last.get(&mark(101)), Some(&Writing { token: other, number: 1 }));
            assert_eq!((last.get(&mark(100)).map(|last| last.token), last.len()), (Some(theirs), 2));
        }
    }
}

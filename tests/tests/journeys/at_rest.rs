//! What lies on the disk: outside the vault and the spool no personal value stands anywhere, not in a term, a fast field, a
//! stored document, a row, a ledger entry, a log or any other file. The same look finds values that are there in clear.
//!
//! The lines are those of the labelled set in which the scanner finds every value: how often it does is measured elsewhere
//! (`PRIVACY.md`); this is about what becomes of what it finds.

#[path = "../../../policy/examples/labelled/set/mod.rs"]
#[expect(clippy::expect_used, clippy::panic, dead_code, reason = "it makes test data: a broken template stops it")]
mod set;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use policy::privacy::{Complete, Memory, PrivacyText, Scanner, parse};
use serde_json::json;
use store::sqlx::{AssertSqlSafe, Row as _, query, query_scalar};
use tantivy::columnar::DynamicColumn;
use tantivy::schema::{TantivyDocument, Value as _};
use tests::{Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
const LINES: usize = 400;
const ID: &str = "7b4d2f8e-3f1e-4d55-9d4e-0c8a6b1d2e41";
/// Shorter values stand in other words by chance.
const VALUE_BYTES_MIN: usize = 6;

/// Lines with all their values, in small letters.
fn labelled() -> (Vec<String>, BTreeSet<String>) {
    let scanner = Scanner::new(parse(&PrivacyText::embedded()).unwrap(), 2026);
    let switches = scanner.rules().switches("");
    let (mut memory, mut spans) = (Memory::default(), Vec::new());
    let (mut lines, mut values) = (Vec::new(), BTreeSet::new());
    for line in set::lines(set::SEED, 4 * LINES) {
        let text = line.text.replace(['\n', '\r'], " ");
        assert_eq!(scanner.scan(&text, &switches, &mut memory, &mut spans), Complete::Yes);
        let covered = |label: &set::Label| spans.iter().any(|span| span.start <= label.start && label.end <= span.end);
        if lines.len() < LINES && line.labels.iter().all(covered) {
            values.extend(line.labels.iter().filter_map(|label| text.get(label.start..label.end)).map(str::to_owned));
            lines.push(text);
        }
    }
    let long = values.into_iter().filter(|value| value.len() >= VALUE_BYTES_MIN);
    (lines, long.map(|value| value.to_lowercase()).collect())
}

/// Where values stand, by place.
#[derive(Debug, Default)]
struct Found(BTreeMap<String, BTreeSet<String>>);

impl Found {
    /// Looks at one text, whatever case it is in.
    fn look(&mut self, place: &str, text: &str, values: &BTreeSet<String>) {
        let text = text.to_lowercase();
        for value in values {
            if stands_in(&text, value) {
                self.0.entry(place.to_owned()).or_default().insert(value.clone());
            }
        }
    }
}

/// Whether a value stands in a text with no letter and no digit beside it.
fn stands_in(text: &str, value: &str) -> bool {
    text.match_indices(value).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        let after = text[at + value.len()..].chars().next().is_some_and(char::is_alphanumeric);
        !before && !after
    })
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

/// Opens everything in a data directory but spool and vault keys.
fn look(data: &Path, values: &BTreeSet<String>) -> Found {
    let mut found = Found::default();
    let mut all = Vec::new();
    files(data, &mut all);
    for path in &all {
        let place = path.strip_prefix(data).unwrap().display().to_string();
        if place.starts_with("spool/") || place.starts_with("vault-keys/") {
            continue;
        }
        let bytes = std::fs::read(path).unwrap_or_default();
        found.look(&format!("bytes of {place}"), &String::from_utf8_lossy(&bytes), values);
    }
    let slices: BTreeSet<_> =
        all.iter().filter(|path| path.ends_with("meta.json")).filter_map(|path| path.parent()).collect();
    assert!(!slices.is_empty(), "an index was written: {all:?}");
    slices.into_iter().for_each(|slice| look_at_slice(slice, values, &mut found));
    look_at_rows(&data.join("metrosoc.sqlite"), values, &mut found);
    found
}

fn look_at_slice(slice: &Path, values: &BTreeSet<String>, found: &mut Found) {
    let index = tantivy::Index::open_in_dir(slice).unwrap();
    let searcher = index.reader().unwrap().searcher();
    let schema = index.schema();
    let source = schema.get_field("_source").unwrap();
    let (mut terms, mut columns, mut documents) = (0, 0, 0);
    for reader in searcher.segment_readers() {
        for (field, entry) in schema.fields().filter(|(_, entry)| entry.is_indexed()) {
            let dictionary = reader.inverted_index(field).unwrap();
            let mut stream = dictionary.terms().stream().unwrap();
            while stream.advance() {
                terms += 1;
                found.look(&format!("terms of {}", entry.name()), &String::from_utf8_lossy(stream.key()), values);
            }
        }
        let fast = schema.fields().filter(|(_, entry)| entry.is_fast()).map(|(_, entry)| entry.name());
        let handles = fast.flat_map(|name| {
            let of_field = reader.fast_fields().dynamic_column_handles(name).unwrap();
            of_field.into_iter().map(move |handle| (name, handle))
        });
        for (name, handle) in handles {
            columns += 1;
            let mut seen = |text: String| found.look(&format!("fast field {name}"), &text, values);
            match handle.open().unwrap() {
                DynamicColumn::Str(column) => {
                    let mut stream = column.dictionary().stream().unwrap();
                    while stream.advance() {
                        seen(String::from_utf8_lossy(stream.key()).into_owned());
                    }
                }
                DynamicColumn::I64(column) => column.values.iter().for_each(|value| seen(value.to_string())),
                DynamicColumn::U64(column) => column.values.iter().for_each(|value| seen(value.to_string())),
                DynamicColumn::IpAddr(column) => {
                    column.values.iter().for_each(|value| seen(value.to_canonical().to_string()));
                }
                _ => {}
            }
        }
        let store = reader.get_store_reader(10).unwrap();
        for id in reader.doc_ids_alive() {
            documents += 1;
            let document: TantivyDocument = store.get(id).unwrap();
            // The index stores nothing else; another stored field must be looked at here.
            assert!(schema.fields().all(|(field, entry)| !entry.is_stored() || field == source), "{schema:?}");
            let stored = document.get_first(source).and_then(|value| value.as_bytes()).unwrap_or_default();
            found.look("stored documents", &String::from_utf8_lossy(stored), values);
        }
    }
    assert!(terms > 0 && columns > 0 && documents > 0, "{terms} terms, {columns} columns, {documents} documents");
}

fn look_at_rows(file: &Path, values: &BTreeSet<String>, found: &mut Found) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = store::Store::open(&store::sqlite_url(file)).await.unwrap();
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table'";
        let tables: Vec<String> = query_scalar(sql).fetch_all(store.pool()).await.unwrap();
        assert!(tables.contains(&"vault_value".to_owned()) && tables.contains(&"alert".to_owned()), "{tables:?}");
        for table in tables {
            let sql = format!("SELECT name FROM pragma_table_info('{table}')");
            let columns: Vec<String> = query_scalar(AssertSqlSafe(sql)).fetch_all(store.pool()).await.unwrap();
            for column in columns {
                let sql = format!("SELECT COALESCE(CAST(\"{column}\" AS BLOB), x'') FROM \"{table}\"");
                for row in query(AssertSqlSafe(sql)).fetch_all(store.pool()).await.unwrap() {
                    let bytes: Vec<u8> = row.get(0);
                    found.look(&format!("column {table}.{column}"), &String::from_utf8_lossy(&bytes), values);
                }
            }
        }
        store.close().await;
    });
}

fn rule() -> String {
    format!(
        "title: Any line of the portal\nid: {ID}\nstatus: test\nmodified: 2026-11-22\nlogsource:\n    product: linux\n\
         detection:\n    selection:\n        message|re: '.{{3,}}'\n    condition: selection\nlevel: high\n"
    )
}

/// Runs the lines through a server, with an alert on each and searches for some of the values; gives its stopped data.
fn run(pseudonyms: bool, lines: &[String], values: &BTreeSet<String>) -> (Server, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("any.yml"), rule()).unwrap();
    let config = format!("[privacy]\npseudonyms = {pseudonyms}\n[rules]\npaths = [\"{}\"]\n", folder.path().display());
    let mut server = Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap();
    let api = server.user("lead", Role("soc-lead", None)).unwrap();
    let file = server.path("lines");
    let text: String =
        lines.iter().map(|line| format!("<86>1 2026-11-03T00:00:01Z srv-1 portal 10 - - {line}\n")).collect();
    std::fs::write(&file, text).unwrap();
    server.cli(&["import", "--site", "hcm-a", &file.display().to_string()]).unwrap();
    std::fs::remove_file(&file).unwrap();
    let count = lines.len() as u64;
    wait_for("every line", 60, || Ok((api.count("*")? >= count).then_some(()))).unwrap();
    for value in values.iter().filter(|value| value.bytes().all(|byte| byte.is_ascii_digit())).take(20) {
        api.count(&format!("\"{value}\"")).unwrap();
    }
    let (status, alerts) = api.get("/api/v1/alerts").unwrap();
    assert!(status == 200 && alerts.to_string().contains(ID), "{alerts}");
    api.search(&json!({ "query": "user.name:* OR event.dataset:*", "limit": 50 })).unwrap();
    assert_eq!(server.stop().unwrap(), 0);
    let log = server.log();
    (server, log)
}

#[test]
fn no_personal_value_lies_outside_vault_and_spool() {
    let (lines, values) = labelled();
    assert!(lines.len() == LINES && values.len() > 300, "{} lines, {} values", lines.len(), values.len());
    let (server, log) = run(true, &lines, &values);
    let mut found = look(&server.data(), &values);
    found.look("the log", &log, &values);
    assert!(found.0.is_empty(), "{:#?}", found.0);

    // The look sees what is there: one value in a file, and a server that replaces nothing.
    let planted = values.iter().next_back().unwrap();
    std::fs::write(server.data().join("ledger").join("planted"), format!("x {planted} y")).unwrap();
    let red = look(&server.data(), &values);
    assert_eq!(red.0.into_keys().collect::<Vec<_>>(), ["bytes of ledger/planted"]);
    let (clear, _) = run(false, &lines[..40], &values);
    let red = look(&clear.data(), &values).0;
    for place in ["terms of _message", "stored documents"] {
        assert!(red.contains_key(place), "{place} is not seen: {:?}", red.keys());
    }
}

//! The ledger as a whole: what is appended is found, what is damaged is named, what fails heals.

mod copies;
mod damage;
mod failure;
mod lines;
mod outside;
mod proofs;
mod records;

use std::path::Path;
use std::sync::{Arc, RwLock};

use event::{Clock, ManualClock, Signer, Timestamp};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use tempfile::TempDir;

use crate::disk::Gate;
use crate::ledger::Head;
use crate::open::load;
use crate::walk::Key;
use crate::writer::{Asked, Writer};
use crate::{Entry, Ledger, LedgerError};

/// A signer whose key is made of one byte.
#[derive(Debug)]
struct TestSigner(Ed25519KeyPair);

impl TestSigner {
    fn seeded(seed: u8) -> Arc<dyn Signer> {
        Arc::new(Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()))
    }
}

impl Signer for TestSigner {
    fn name(&self) -> &str {
        "soc.example/ledger"
    }

    fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(Timestamp::parse_rfc3339("2026-11-03T12:00:00.5Z").unwrap()))
}

/// Segments so short that a few entries fill one.
const SHORT: u64 = 3_000;

fn open(directory: &Path) -> Result<Ledger, LedgerError> {
    open_with(directory, Gate::open())
}

fn open_with(directory: &Path, gate: Gate) -> Result<Ledger, LedgerError> {
    Ledger::open_with(directory, TestSigner::seeded(1), clock(), (gate, SHORT), None)
}

fn entry(number: u64) -> Entry {
    Entry::new("lan", "search", format!("object-{number}"), json!({ "query": "user.name:x", "hits": number }))
}

/// A ledger in which `groups` groups of `each` entries were written.
fn filled(groups: u64, each: u64) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fill_directory(directory.path(), groups, each);
    directory
}

/// Writes such groups, exactly, to a ledger that is not open.
fn fill_directory(directory: &Path, groups: u64, each: u64) {
    let signer = TestSigner::seeded(1);
    let key = Key { name: signer.name().to_owned(), public_key: signer.public_key().to_vec() };
    let loaded = load(directory, &key).unwrap();
    let size = loaded.sealed.position.frontier.size();
    let head = Arc::new(RwLock::new(Head { signed: None, segments: loaded.segments.clone() }));
    let mut writer = Writer::new(directory, signer, clock(), head, loaded, (Gate::open(), SHORT, None)).unwrap();
    for group in 0..groups {
        let first = size + group * each;
        let entries: Vec<_> = (first..first + each).map(entry).map(Asked::from).collect();
        assert!(writer.append(&entries).unwrap().iter().all(Result::is_ok));
    }
}

/// Appends, in groups as they come.
fn fill(ledger: &Ledger, groups: u64, each: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..groups {
        let start = ledger.len();
        let all = futures_join((start..start + each).map(|number| ledger.append(entry(number))).collect());
        for (number, receipt) in (start..).zip(runtime.block_on(all)) {
            assert_eq!(receipt.unwrap().index, number);
        }
    }
}

/// Polls all in order until each is ready.
async fn futures_join<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in pinned.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if outputs.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

/// Every file of a ledger with its bytes.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in ["", "entries", "tree", "records", "questions"] {
        for file in std::fs::read_dir(directory.join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Those of a ledger that is closed, without its lock.
fn files_of(directory: &TempDir) -> Vec<(String, Vec<u8>)> {
    files(directory.path()).into_iter().filter(|(name, _)| name != "lock").collect()
}

/// Writes such files to a directory of their own.
fn copy(files: &[(String, Vec<u8>)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    directory
}

#[tokio::test]
async fn entries_do_not_grow_older_when_the_clock_is_set_back() {
    let directory = tempfile::tempdir().unwrap();
    let at = |text: &str| -> Arc<dyn Clock> { Arc::new(ManualClock::at(Timestamp::parse_rfc3339(text).unwrap())) };
    let set = |clock| Ledger::open(directory.path(), TestSigner::seeded(1), clock).unwrap();
    set(at("2026-11-03T12:00:00Z")).append(entry(0)).await.unwrap();
    let ledger = set(at("2024-01-01T00:00:00Z"));
    ledger.append(entry(1)).await.unwrap();
    drop(ledger);
    let ledger = set(at("2026-11-04T00:00:00Z"));
    ledger.append(entry(2)).await.unwrap();
    let times: Vec<_> = ledger.read(0..3).unwrap().iter().map(|entry| entry.time.to_string()).collect();
    assert!(
        times[0] == times[1] && times[1].starts_with("2026-11-03T12") && times[2].starts_with("2026-11-04"),
        "{times:?}"
    );
}

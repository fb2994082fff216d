//! Records and questions: recorded, proved, destroyed, damaged, crashed.

use std::io;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::{TestSigner, copy, entry, files, files_of, filled, open, open_with};
use crate::disk::{Gate, Step};
use crate::{Batch, Destruction, Doomed, Entry, EventProof, Fault, Ledger, LedgerError, leaf_hash, verify};

fn key() -> Vec<u8> {
    TestSigner::seeded(1).public_key().to_vec()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn stored(event: u64) -> Vec<u8> {
    format!("user.name=person-{event}").into_bytes()
}

fn batch(events: impl IntoIterator<Item = u64>) -> Batch {
    let mut batch = Batch::default();
    events.into_iter().for_each(|event| batch.push(event, &stored(event)));
    batch
}

/// Entries 0 to 8: batches of events 100 to 139 in tens with an entry behind each, then a question.
fn recorded() -> (TempDir, Ledger) {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path()).unwrap();
    for ten in 10..14 {
        assert_eq!(wait(ledger.append_batch(&batch(ten * 10..ten * 10 + 10))).unwrap().index, (ten - 10) * 2);
        ledger.append_blocking(entry(ten)).unwrap();
    }
    let asked = Entry::new("lan", "search", "events", json!({ "hits": 3 }));
    assert_eq!(wait(ledger.append_question(asked, "user.name:\"Nguyễn Thị Hoa\"")).unwrap().index, 8);
    (directory, ledger)
}

fn prove(ledger: &Ledger, event: u64) -> Option<EventProof> {
    let evidence = ledger.prove_event(event).unwrap()?;
    Some(match evidence.salt {
        Some(salt) => evidence.proof.with_record(&salt, &stored(event)),
        None => evidence.proof,
    })
}

fn destroy(ledger: &Ledger, what: Doomed) -> Result<u64, LedgerError> {
    let destruction = Destruction { what, why: "erasure request 17".to_owned(), by: "dpo".to_owned() };
    ledger.destroy(&destruction).map(|destroyed| destroyed.count)
}

#[test]
fn every_record_is_proved_from_its_bytes_to_the_signature() {
    let (directory, ledger) = recorded();
    for event in 100..140 {
        let proof = prove(&ledger, event).unwrap();
        assert!(proof.holds(&key()), "{event}");
        assert_eq!(EventProof::parse(&serde_json::to_vec(&proof).unwrap()).unwrap(), proof);
        assert!(!proof.holds(TestSigner::seeded(2).public_key()));
        assert!(!proof.clone().with_record(&[7; 16], &stored(event)).holds(&key()));
        assert!(!EventProof { event: event + 1, ..proof.clone() }.holds(&key()));
        assert!(EventProof { salt: None, stored: None, ..proof.clone() }.holds(&key()));
        assert!(!EventProof { salt: None, ..proof }.holds(&key()));
    }
    assert_eq!((prove(&ledger, 99), prove(&ledger, 140)), (None, None));
    assert_eq!(ledger.recorded_events().unwrap(), Some(140));
    drop(ledger);
    assert_eq!(verify(directory.path(), Some(&key())).unwrap().entries, 9);
    let ledger = open(directory.path()).unwrap();
    assert_eq!(ledger.repairs(), []);
    wait(ledger.append_batch(&batch([140, 145, 146]))).unwrap();
    for event in [100, 139, 140, 145, 146] {
        assert!(prove(&ledger, event).unwrap().holds(&key()), "{event}");
    }
    assert_eq!((prove(&ledger, 141), prove(&ledger, 147)), (None, None));
}

#[test]
fn no_leaf_can_be_guessed_and_equal_records_have_different_ones() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path()).unwrap();
    for _ in 0..2 {
        wait(ledger.append_batch(&batch([7]))).unwrap();
    }
    let roots: Vec<_> = ledger.read(0..2).unwrap().iter().map(|stored| stored.entry.detail["root"].clone()).collect();
    assert_ne!(roots[0], roots[1]);
    for guess in [leaf_hash(&stored(7)), leaf_hash(&[&7_u64.to_be_bytes()[..], &stored(7)].concat())] {
        assert!(!roots.contains(&json!(hex::encode(guess))));
    }
    // Of what was recorded twice, the newest leaf is proved.
    assert_eq!(prove(&ledger, 7).unwrap().entry.index, 1);
}

#[test]
fn refused_batches_and_questions_leave_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path()).unwrap();
    for refused in [batch([]), batch([5, 4])] {
        assert!(matches!(wait(ledger.append_batch(&refused)), Err(LedgerError::Refused { .. })));
    }
    let asked = |detail| Entry::new("lan", "search", "events", detail);
    for (detail, text) in [(json!(3), "x".to_owned()), (json!({}), "x".repeat(70_000))] {
        assert!(matches!(wait(ledger.append_question(asked(detail), &text)), Err(LedgerError::Refused { .. })));
    }
    let long = Entry::new("", "search", "events", json!({}));
    assert!(matches!(wait(ledger.append_question(long, "x")), Err(LedgerError::Refused { .. })));
    assert!(ledger.is_empty() && ledger.questions(&[0]).unwrap().is_empty());
    assert!(files(directory.path()).iter().all(|(name, _)| !name.starts_with("questions")));
}

#[test]
fn what_is_destroyed_cannot_be_guessed_and_the_rest_is_still_proved() {
    let (directory, ledger) = recorded();
    assert_eq!(destroy(&ledger, Doomed::Events(vec![105..=105, 110..=122])).unwrap(), 14);
    let said = &ledger.read(9..10).unwrap()[0].entry;
    assert_eq!((said.actor.as_str(), said.action.as_str(), said.object.as_str()), ("dpo", "destroy", "events"));
    assert_eq!(said.detail, json!({ "ranges": [[105, 105], [110, 122]], "why": "erasure request 17" }));
    for event in 100..140 {
        let proof = prove(&ledger, event);
        match event {
            // All of its batch is gone.
            110..120 => assert_eq!(proof, None),
            105 | 120..=122 => {
                let proof = proof.unwrap();
                assert!(proof.salt.is_none() && proof.holds(&key()), "the leaf is proved, what it was is not");
            }
            _ => {
                let proof = proof.unwrap();
                assert!(proof.salt.is_some() && proof.holds(&key()), "{event}");
            }
        }
    }
    // Again, and what was never there.
    assert_eq!(destroy(&ledger, Doomed::Events(vec![105..=105, 500..=900])).unwrap(), 0);
    wait(ledger.append_batch(&batch(140..150))).unwrap();
    assert!(prove(&ledger, 144).unwrap().holds(&key()));
    assert_eq!(destroy(&ledger, Doomed::Events(vec![0..=u64::MAX])).unwrap(), 36);
    assert!((100..150).all(|event| prove(&ledger, event).is_none()));
    assert!(files(directory.path()).iter().all(|(name, _)| !name.starts_with("records")));
    drop(ledger);
    verify(directory.path(), Some(&key())).unwrap();
}

#[test]
fn a_destruction_that_a_crash_interrupted_is_done_at_the_next_opening() {
    let (directory, ledger) = recorded();
    drop(ledger);
    let what = Doomed::Events(vec![105..=107]);
    let destruction = Destruction { what, why: "retention".to_owned(), by: "metrosoc".to_owned() };
    crate::destroy::begin(directory.path(), &destruction).unwrap();
    let ledger = open(directory.path()).unwrap();
    assert!(prove(&ledger, 106).unwrap().salt.is_none() && prove(&ledger, 108).unwrap().salt.is_some());
    assert_eq!(ledger.read(9..10).unwrap()[0].entry.action, "destroy");
    assert!(crate::destroy::interrupted(directory.path()).is_none());
    drop(ledger);
    assert_eq!(verify(directory.path(), Some(&key())).unwrap().entries, 10);
}

#[test]
fn a_question_can_be_forgotten() {
    let (directory, ledger) = recorded();
    let question = ledger.questions(&[3, 8, 70]).unwrap().remove(&8).unwrap();
    assert_eq!(question.text, "user.name:\"Nguyễn Thị Hoa\"");
    let asked = &ledger.read(8..9).unwrap()[0].entry.detail;
    assert_eq!(*asked, json!({ "hits": 3, "question": hex::encode(question.hash()) }));
    assert!(ledger.questions(&[7, 9]).unwrap().is_empty() && ledger.questions(&[]).unwrap().is_empty());
    assert_eq!(destroy(&ledger, Doomed::Questions(vec![2..=8])).unwrap(), 1);
    assert!(ledger.questions(&[8]).unwrap().is_empty());
    drop(ledger);
    verify(directory.path(), Some(&key())).unwrap();
    let text = "Nguyễn".as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(files(directory.path()).iter().all(|(_, bytes)| !holds(bytes)));
}

#[test]
fn what_is_gone_without_an_entry_is_named() {
    let (directory, ledger) = recorded();
    drop(ledger);
    let whole = files(directory.path());
    for (folder, expected) in [
        ("records", "leaves of events 100 to 109 are missing, and no entry says that they were destroyed"),
        ("questions", "texts of questions of entries 8 to 8 are missing, and no entry says that they were destroyed"),
    ] {
        let rest: Vec<_> = whole.iter().filter(|(name, _)| !name.starts_with(folder)).cloned().collect();
        assert_eq!(verify(copy(&rest).path(), None).unwrap_err().to_string(), expected);
    }
    // A salt that is gone in silence.
    let rewritten = copy(&whole);
    let ranges = crate::destroy::Ranges::new(vec![(103, 104)]);
    crate::destroy::carry_out(rewritten.path(), crate::side::Kind::Records, &ranges, 9).unwrap();
    assert!(matches!(verify(rewritten.path(), None), Err(Fault::Gone { first: 103, last: 104, .. })));
    // Leaves of an entry that has none.
    let mut more = whole.clone();
    let (_, bytes) = more.iter_mut().find(|(name, _)| name.starts_with("records")).unwrap();
    crate::side::write_frame(bytes, 7, b"");
    assert!(matches!(verify(copy(&more).path(), None), Err(Fault::Beside { entry: 7, .. })));
}

#[test]
fn a_failing_disk_leaves_no_leaf_without_its_entry() {
    for refused in 0..6 {
        let directory = tempfile::tempdir().unwrap();
        let left = Arc::new(Mutex::new(usize::MAX));
        let seen = Arc::clone(&left);
        let gate = Gate::new(move |step| {
            let mut left = seen.lock().unwrap();
            *left = left.saturating_sub(usize::from(step != Step::Derive));
            if *left == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        });
        let ledger = open_with(directory.path(), gate).unwrap();
        wait(ledger.append_batch(&batch(0..5))).unwrap();
        *left.lock().unwrap() = refused + 1;
        let tried = batch(5..9);
        let first = wait(ledger.append_batch(&tried));
        assert_eq!(first.is_err(), refused < 4, "write and sync beside the log, write and sync of the log");
        *left.lock().unwrap() = usize::MAX;
        if first.is_err() {
            assert_eq!(prove(&ledger, 6), None);
            assert_eq!(wait(ledger.append_batch(&tried)).unwrap().index, 1);
        }
        assert!(prove(&ledger, 6).unwrap().holds(&key()) && prove(&ledger, 4).unwrap().holds(&key()));
        drop(ledger);
        assert_eq!(verify(directory.path(), None).unwrap().entries, 2);
    }
}

#[test]
fn after_a_crash_leaves_without_their_entry_are_cut_off() {
    let (directory, ledger) = recorded();
    drop(ledger);
    let before = files(directory.path());
    for torn in [0, 5, 30, 200] {
        // The next batch got beside the log and the log itself did not get it.
        let ledger = open(directory.path()).unwrap();
        wait(ledger.append_batch(&batch(140..150))).unwrap();
        drop(ledger);
        let mut state = before.clone();
        for (name, bytes) in files(directory.path()) {
            if name.starts_with("records") && !before.iter().any(|(old, _)| *old == name) {
                let length = bytes.len() - torn;
                state.push((name, bytes[..length].to_vec()));
            }
        }
        assert_eq!(state.len(), before.len() + 1);
        let crashed = copy(&state);
        let ledger = open(crashed.path()).unwrap();
        assert_eq!((ledger.len(), ledger.recorded_events().unwrap()), (9, Some(140)));
        ledger.append_blocking(entry(9)).unwrap();
        wait(ledger.append_batch(&batch(140..150))).unwrap();
        assert!(prove(&ledger, 145).unwrap().holds(&key()));
        drop(ledger);
        verify(crashed.path(), None).unwrap();
        std::fs::remove_dir_all(directory.path()).unwrap();
        for (name, bytes) in &before {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
}

#[test]
fn older_ledgers_are_opened_and_newer_ones_refused() {
    let whole = files_of(&filled(3, 4));
    let old: Vec<_> = whole.iter().filter(|(name, _)| name != "format").cloned().collect();
    assert_eq!(old.len() + 1, whole.len());
    let directory = copy(&old);
    assert_eq!(verify(directory.path(), None).unwrap().entries, 12);
    let ledger = open(directory.path()).unwrap();
    let digest = Entry::new("metrosoc", "batch_indexed", "events:1-2", json!({ "count": 2, "sha256": "00" }));
    ledger.append_blocking(digest).unwrap();
    wait(ledger.append_batch(&batch(3..9))).unwrap();
    drop(ledger);
    assert_eq!(verify(directory.path(), None).unwrap().entries, 14);
    assert_eq!(std::fs::read(directory.path().join("format")).unwrap(), b"metrosoc-ledger 2\n");
    std::fs::write(directory.path().join("format"), "metrosoc-ledger 3\n").unwrap();
    let refused = open(directory.path()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "ledger has the form `metrosoc-ledger 3`, which this program does not know; it was written by a newer one, use that"
    );
    assert!(matches!(verify(directory.path(), None), Err(Fault::Form { .. })));
}

/// Files of a ledger with records and a question, made once.
fn whole() -> &'static [(String, Vec<u8>)] {
    static WHOLE: std::sync::OnceLock<Vec<(String, Vec<u8>)>> = std::sync::OnceLock::new();
    WHOLE.get_or_init(|| {
        let (directory, ledger) = recorded();
        destroy(&ledger, Doomed::Events(vec![104..=106])).unwrap();
        drop(ledger);
        files_of(&directory)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_flipped_bit_beside_the_log_is_found(file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let mut files: Vec<_> = whole().to_vec();
        let beside = |name: &str| name.starts_with("records") || name.starts_with("questions");
        let candidates: Vec<_> = (0..files.len()).filter(|number| beside(&files[*number].0)).collect();
        let (_, bytes) = &mut files[candidates[file.index(candidates.len())]];
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(verify(copy(&files).path(), Some(&key())).is_err());
    }

    #[test]
    fn any_change_of_a_proof_is_found(at in any::<prop::sample::Index>(), byte: u8) {
        static PROOF: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let whole = PROOF.get_or_init(|| {
            let (_directory, ledger) = recorded();
            serde_json::to_vec(&prove(&ledger, 117).unwrap()).unwrap()
        });
        let mut changed = whole.clone();
        let at = at.index(changed.len());
        changed[at] = byte;
        if let Ok(proof) = EventProof::parse(&changed) {
            // Uppercase hexadecimal says the same.
            let same = whole.eq_ignore_ascii_case(&changed);
            prop_assert!(same || !proof.holds(&key()));
        }
    }
}

//! Records, questions, tiles, mirrors: recorded, proved, destroyed, damaged, crashed.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::{TestSigner, clock, copy, entry, files, fill, fill_directory, filled, open, open_with};
use crate::disk::{Gate, Step};
use crate::{
    Batch, ConsistencyProof, Destruction, Doomed, Entry, EventProof, Fault, Ledger, LedgerError, TileKind, TilePath,
    consistency, leaf_hash, node_hash, parse_bundle, parse_note, verify, verify_against, verify_consistency,
};

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
fn tiles_hold_the_tree_and_the_entries() {
    let directory = tempfile::tempdir().unwrap();
    fill_directory(directory.path(), 5, 104);
    let ledger = open(directory.path()).unwrap();
    let tile = |path: &str| ledger.tile(&TilePath::parse(path).unwrap()).unwrap();
    let row = |path: &str| tile(path).unwrap().as_chunks::<32>().0.to_vec();
    let mut leaves = row("0/000");
    leaves.extend(row("0/001"));
    leaves.extend(row("0/002.p/8"));
    assert_eq!(leaves.len(), 520);
    let mut entries = Vec::new();
    for path in ["entries/000", "entries/001", "entries/002.p/8"] {
        let bundle = tile(path).unwrap();
        entries.extend(parse_bundle(&bundle).unwrap().into_iter().map(leaf_hash));
    }
    assert_eq!(entries, leaves);
    assert_eq!(crate::merkle::root_of(&leaves), ledger.root());
    assert_eq!(row("1/000.p/2"), [crate::merkle::root_of(&leaves[..256]), crate::merkle::root_of(&leaves[256..512])]);
    assert_eq!(row("0/001.p/9"), leaves[256..265]);
    for absent in [
        "0/002",
        "0/002.p/9",
        "0/003.p/1",
        "1/000",
        "1/000.p/3",
        "2/000.p/1",
        "9/000.p/1",
        "entries/002",
        "entries/x999/999",
    ] {
        assert_eq!(tile(absent), None, "{absent}");
    }
    assert_eq!(ledger.tile(&TilePath { kind: TileKind::Hashes(0), index: u64::MAX, width: 256 }).unwrap(), None);
}

#[test]
fn checkpoints_continue_one_another() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path()).unwrap();
    let mut notes = Vec::new();
    for _ in 0..20 {
        fill(&ledger, 1, 1);
        notes.push(ledger.checkpoint().unwrap().note());
    }
    for (old, new) in (0..20).flat_map(|old| (0..20).map(move |new| (old, new))) {
        let found = consistency(directory.path(), Some(&key()), &notes[old], &notes[new]).unwrap();
        let ConsistencyProof { old_size, old_root, new_size, new_root, mut proof } = found;
        assert_eq!((old_size, new_size), (old.min(new) as u64 + 1, old.max(new) as u64 + 1));
        assert!(verify_consistency(old_size, &old_root, new_size, &new_root, &proof));
        if let Some(hash) = proof.first_mut() {
            hash[3] ^= 1;
            assert!(!verify_consistency(old_size, &old_root, new_size, &new_root, &proof));
        }
    }
    let short = filled(3, 1);
    let found = consistency(short.path(), None, &notes[1], &notes[9]).unwrap_err();
    assert!(matches!(found, Fault::Cut { found: 3, expected: 10 }), "{found}");
    let mut forked = parse_note(notes[1].as_bytes()).unwrap().checkpoint;
    forked.root = node_hash(&forked.root, &forked.root);
    let forked = forked.sign(TestSigner::seeded(1).as_ref()).note();
    assert!(matches!(consistency(directory.path(), None, &forked, &notes[9]), Err(Fault::Rewritten { .. })));
    assert!(matches!(consistency(directory.path(), None, "x", &notes[9]), Err(Fault::Newest { .. })));
}

fn mirrored(directory: &Path, outside: &Path) -> Result<Ledger, LedgerError> {
    Ledger::open_mirrored(directory, TestSigner::seeded(1), clock(), outside)
}

#[test]
fn the_mirror_knows_of_a_cut_end() {
    let (directory, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = mirrored(directory.path(), outside.path()).unwrap();
    fill(&ledger, 3, 4);
    let early = files_of(&directory);
    fill(&ledger, 2, 4);
    let newest = ledger.checkpoint().unwrap().note();
    drop(ledger);
    let kept = std::fs::read_to_string(outside.path().join("checkpoint")).unwrap();
    assert_eq!(kept, newest);
    mirrored(directory.path(), outside.path()).unwrap();
    let cut = copy(&early);
    let refused = mirrored(cut.path(), outside.path()).unwrap_err();
    assert!(matches!(refused, LedgerError::Damaged(Fault::Cut { found: 12, expected: 20 })), "{refused}");
    assert!(matches!(verify_against(cut.path(), Some(&key()), &kept), Err(Fault::Cut { found: 12, expected: 20 })));
    let other = tempfile::tempdir().unwrap();
    let refused = Ledger::open_mirrored(other.path(), TestSigner::seeded(2), clock(), outside.path()).unwrap_err();
    assert!(matches!(refused, LedgerError::Refused { .. }), "{refused}");
    std::fs::write(outside.path().join("checkpoint"), "x").unwrap();
    assert!(mirrored(directory.path(), outside.path()).is_err());
}

fn files_of(directory: &TempDir) -> Vec<(String, Vec<u8>)> {
    files(directory.path()).into_iter().filter(|(name, _)| name != "lock").collect()
}

#[test]
fn a_mirror_that_fails_delays_nothing() {
    let (directory, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = mirrored(directory.path(), outside.path()).unwrap();
    std::fs::remove_dir_all(outside.path()).unwrap();
    fill(&ledger, 5, 2);
    assert_eq!(ledger.len(), 10);
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

#[test]
fn signatures_of_witnesses_are_read_over() {
    let ledger = filled(1, 3);
    let note = open(ledger.path()).unwrap().checkpoint().unwrap().note();
    let witnessed = format!("{note}\u{2014} witness.example/w1 {}\n", "AAAAAAECAwQFBgcICQ==");
    assert_eq!(parse_note(witnessed.as_bytes()).unwrap().note(), note);
    assert_eq!(verify_against(ledger.path(), Some(&key()), &witnessed).unwrap().entries, 3);
    let signature = note.lines().last().unwrap();
    for wrong in [
        format!("{note}{signature}\n"),
        format!("{note}\u{2014} witness.example/w1 !\n"),
        format!("{note}\u{2014} witness.example/w1\n"),
        format!("{note}x\n"),
        format!("{note}{}", "\u{2014} w AAAAAAEC\n".repeat(17)),
        note.replace(signature, "\u{2014} w AAAAAAEC"),
    ] {
        assert!(parse_note(wrong.as_bytes()).is_err(), "{wrong}");
    }
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

    #[test]
    fn random_trees_agree_with_the_definition(size in 1_u64..700, old in any::<prop::sample::Index>()) {
        fn defined(leaves: &[crate::Hash]) -> crate::Hash {
            if leaves.len() == 1 {
                return leaves[0];
            }
            let split = leaves.len().next_power_of_two() / 2;
            node_hash(&defined(&leaves[..split]), &defined(&leaves[split..]))
        }
        fn path(index: usize, leaves: &[crate::Hash]) -> Vec<crate::Hash> {
            if leaves.len() == 1 {
                return Vec::new();
            }
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(split);
            let mut found = if index < split { path(index, left) } else { path(index - split, right) };
            found.push(if index < split { defined(right) } else { defined(left) });
            found
        }
        let leaves: Vec<_> = (0..size).map(|number| leaf_hash(&number.to_be_bytes())).collect();
        prop_assert_eq!(crate::merkle::root_of(&leaves), defined(&leaves));
        let index = old.index(leaves.len());
        let found = crate::merkle::path_of(&leaves, index).unwrap();
        prop_assert_eq!(&found, &path(index, &leaves));
        prop_assert!(crate::verify_inclusion(&leaves[index], index as u64, size, &found, &defined(&leaves)));
        // Consistency, from a stored tree.
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("tree")).unwrap();
        let mut files = crate::tree::TreeFiles::open(directory.path(), 0).unwrap();
        let mut frontier = crate::merkle::Frontier::default();
        for leaf in &leaves {
            frontier.push(*leaf, |level, hash| { files.push(level, hash); Ok::<_, io::Error>(()) }).unwrap();
        }
        files.write().unwrap();
        let reader = crate::tree::TreeReader::new(directory.path());
        let old = index as u64 + 1;
        let old_root = defined(&leaves[..=index]);
        prop_assert_eq!(reader.root(old).unwrap(), old_root);
        let proof = reader.consistency(old, size).unwrap();
        prop_assert!(verify_consistency(old, &old_root, size, &defined(&leaves), &proof));
        prop_assert!(old == size || !verify_consistency(old, &defined(&leaves), size, &defined(&leaves), &proof));
        prop_assert!(old == size || !verify_consistency(old + 1, &old_root, size, &defined(&leaves), &proof));
    }
}

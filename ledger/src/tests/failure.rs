//! Concurrency, groups, failing disks, and what a crash leaves behind.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::{TestSigner, clock, copy, entry, files, fill, fill_directory, filled, open, open_with};
use crate::disk::{Gate, Step};
use crate::{Fault, Ledger, LedgerError, Repair, verify};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_appends_share_a_sync() {
    let directory = tempfile::tempdir().unwrap();
    let syncs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&syncs);
    let gate = Gate::new(move |step| {
        counted.fetch_add(usize::from(step == Step::Sync), Ordering::Relaxed);
        Ok(())
    });
    let ledger = Ledger::open_with(directory.path(), TestSigner::seeded(1), clock(), (gate, 1 << 20), None).unwrap();
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let mut indexes = Vec::new();
                for number in 0..20 {
                    indexes.push(ledger.append(entry(task * 100 + number)).await.unwrap().index);
                }
                indexes
            })
        })
        .collect();
    let mut indexes = Vec::new();
    for task in tasks {
        let found = task.await.unwrap();
        assert!(found.is_sorted());
        indexes.extend(found);
    }
    indexes.sort_unstable();
    assert!(indexes.into_iter().eq(0..1280));
    let syncs = syncs.load(Ordering::Relaxed);
    assert!(syncs < 640, "{syncs} syncs for 1280 appends");
    assert_eq!(verify(directory.path(), None).unwrap().entries, 1280, "verified while open");
}

/// A gate that refuses one kind of step while it is closed.
fn breakable(step: Step) -> (Gate, Arc<Mutex<bool>>) {
    let closed = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&closed);
    let gate =
        Gate::new(
            move |asked| {
                if asked == step && *seen.lock().unwrap() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
            },
        );
    (gate, closed)
}

#[test]
fn a_failing_disk_refuses_until_it_is_healthy() {
    for step in [Step::Write, Step::Sync] {
        let directory = tempfile::tempdir().unwrap();
        let (gate, closed) = breakable(step);
        let ledger = open_with(directory.path(), gate).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        fill(&ledger, 2, 3);
        *closed.lock().unwrap() = true;
        for number in 0..3 {
            let refused = ledger.append_blocking(entry(100 + number)).unwrap_err();
            assert!(matches!(refused, LedgerError::Disk { .. }), "{refused}");
            assert!(runtime.block_on(ledger.writable()).is_err());
            assert_eq!(ledger.len(), 6);
        }
        *closed.lock().unwrap() = false;
        runtime.block_on(ledger.writable()).unwrap();
        fill(&ledger, 2, 3);
        let objects: Vec<_> = ledger.read(0..20).unwrap().into_iter().map(|stored| stored.entry.object).collect();
        assert_eq!(objects, (0..12).map(|number| format!("object-{number}")).collect::<Vec<_>>());
        drop(ledger);
        assert_eq!(verify(directory.path(), None).unwrap().entries, 12);
        assert_eq!(open(directory.path()).unwrap().repairs(), []);
    }
}

#[test]
fn a_group_that_is_durable_is_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let (gate, closed) = breakable(Step::Derive);
    let ledger = open_with(directory.path(), gate).unwrap();
    fill(&ledger, 10, 3);
    *closed.lock().unwrap() = true;
    fill(&ledger, 1, 3);
    *closed.lock().unwrap() = false;
    fill(&ledger, 10, 3);
    assert!(ledger.prove(31).unwrap().holds(TestSigner::seeded(1).public_key()));
    drop(ledger);
    assert_eq!(verify(directory.path(), None).unwrap().entries, 63);
}

#[test]
fn only_one_process_writes() {
    let directory = filled(1, 1);
    let ledger = open(directory.path()).unwrap();
    assert!(matches!(open(directory.path()), Err(LedgerError::InUse { .. })));
    drop(ledger);
    assert_eq!(open(directory.path()).unwrap().len(), 1);
}

#[test]
fn another_key_is_refused() {
    let directory = filled(1, 1);
    let refused = Ledger::open(directory.path(), TestSigner::seeded(2), clock()).unwrap_err();
    assert!(matches!(refused, LedgerError::WrongKey { .. }), "{refused}");
}

#[test]
fn a_damaged_ledger_is_not_continued() {
    let directory = filled(2, 4);
    let segment = crate::segment::path(directory.path(), 0);
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &bytes[..bytes.len() - 1]).unwrap();
    let refused = open(directory.path()).unwrap_err();
    assert!(matches!(refused, LedgerError::Damaged(Fault::Cut { .. })), "{refused}");
    std::fs::write(&segment, &bytes).unwrap();
    assert_eq!(open(directory.path()).unwrap().len(), 8);
}

/// The state after a kill: the log got further than tree and newest checkpoint, and perhaps torn bytes stand behind.
fn crashed(groups_before: u64, groups_after: u64, torn: &[u8]) -> Vec<(String, Vec<u8>)> {
    let directory = filled(groups_before, 3);
    let before = files(directory.path());
    fill_directory(directory.path(), groups_after, 3);
    let mut state = files(directory.path());
    for (name, bytes) in &mut state {
        if let Some((_, old)) = before.iter().find(|(other, _)| other == name)
            && !name.starts_with("entries")
        {
            bytes.clone_from(old);
        }
    }
    let last = state.iter().rposition(|(name, _)| name.starts_with("entries")).unwrap();
    state[last].1.extend_from_slice(torn);
    state
}

#[test]
fn a_log_that_is_ahead_is_taken_as_it_is() {
    for (before, after) in [(1, 1), (4, 1), (4, 4), (8, 2)] {
        let directory = copy(&crashed(before, after, b""));
        let ledger = open(directory.path()).unwrap();
        // A tree that is a whole segment behind is made anew, which is an entry.
        assert_eq!(ledger.len(), 3 * (before + after) + ledger.repairs().len() as u64);
        assert!(ledger.repairs().iter().all(|repair| *repair == Repair::Tree));
        fill(&ledger, 1, 2);
        assert!(ledger.prove(0).unwrap().holds(TestSigner::seeded(1).public_key()));
        drop(ledger);
        verify(directory.path(), None).unwrap();
    }
}

#[test]
fn a_missing_tree_or_checkpoint_is_made_anew() {
    let whole = files(filled(8, 3).path());
    for missing in ["tree/0", "tree/1", "checkpoint"] {
        let rest: Vec<_> = whole.iter().filter(|(name, _)| name != missing).cloned().collect();
        let directory = copy(&rest);
        let ledger = open(directory.path()).unwrap();
        assert!(ledger.len() >= 24, "{missing}");
        assert!(ledger.prove(20).unwrap().holds(TestSigner::seeded(1).public_key()));
        if missing == "checkpoint" {
            assert!(matches!(ledger.repairs(), [Repair::Checkpoint { .. }]));
            assert_eq!(ledger.read(24..25).unwrap()[0].entry.action, "ledger_repair");
        }
        drop(ledger);
        verify(directory.path(), None).unwrap();
    }
}

#[test]
fn a_segment_that_was_just_begun_may_be_empty_or_torn() {
    let mut whole = files(filled(6, 3).path());
    let empty = ("entries/00000000000000000018.log".to_owned(), b"torn".to_vec());
    whole.push(empty);
    let directory = copy(&whole);
    let ledger = open(directory.path()).unwrap();
    assert_eq!(ledger.repairs(), [Repair::TornEnd { bytes: 4, after: 18 }]);
    fill(&ledger, 5, 3);
    drop(ledger);
    assert_eq!(verify(directory.path(), None).unwrap().entries, 34);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_torn_end_is_repaired(
        before in 1_u64..6, after in 0_u64..3,
        torn in prop::collection::vec(any::<u8>(), 1..300), own: bool, keep in any::<prop::sample::Index>(),
    ) {
        // Either invented bytes or the beginning of a group that would have been genuine.
        let mut state = crashed(before, after, b"");
        let torn = if own {
            let longer = files(filled(before + after + 1, 3).path());
            let (name, bytes) = longer.iter().rfind(|(name, bytes)| name.starts_with("entries") && !bytes.is_empty()).unwrap();
            let known = state.iter().find(|(other, _)| other == name).map_or(0, |(_, bytes)| bytes.len());
            let group = &bytes[known..];
            group[..1 + keep.index(group.len() - 1)].to_vec()
        } else { torn };
        let last = state.iter().rposition(|(name, _)| name.starts_with("entries")).unwrap();
        state[last].1.extend_from_slice(&torn);
        let directory = copy(&state);
        let report = verify(directory.path(), None).unwrap();
        prop_assert!(report.torn_end);
        prop_assert_eq!(report.entries, 3 * (before + after));
        let ledger = open(directory.path()).unwrap();
        let expected = Repair::TornEnd { bytes: torn.len() as u64, after: 3 * (before + after) };
        prop_assert_eq!(ledger.repairs().first(), Some(&expected));
        let repair = ledger.read(report.entries..report.entries + 1).unwrap();
        prop_assert_eq!(&repair[0].entry.action, "ledger_repair");
        drop(ledger);
        prop_assert!(!verify(directory.path(), None).unwrap().torn_end);
    }
}

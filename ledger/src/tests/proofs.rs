//! Reading and proving.

use super::{TestSigner, entry, fill, filled, open};
use crate::{LedgerError, verify};

#[test]
fn entries_are_read_across_segments() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path()).unwrap();
    assert_eq!((ledger.len(), ledger.root()), (0, crate::EMPTY_ROOT));
    assert!(ledger.read(0..10).unwrap().is_empty());
    assert!(verify(directory.path(), None).is_ok());
    fill(&ledger, 9, 7);
    let report = verify(directory.path(), Some(TestSigner::seeded(1).public_key())).unwrap();
    assert_eq!((report.entries, report.root), (63, ledger.root()));
    assert!(report.segments > 3 && report.key_given && !report.torn_end, "{report:?}");
    for (range, expected) in [(0..1, 0..1), (5..40, 5..40), (60..90, 60..63), (63..64, 63..63), (0..u64::MAX, 0..63)] {
        let read = ledger.read(range).unwrap();
        assert!(read.iter().map(|entry| entry.index).eq(expected.clone()), "{expected:?}");
        assert!(read.iter().zip(expected).all(|(stored, number)| stored.entry == entry(number)));
    }
}

#[test]
fn a_reopened_ledger_goes_on() {
    let directory = filled(3, 5);
    for round in 1..4 {
        let ledger = open(directory.path()).unwrap();
        assert_eq!(ledger.repairs(), []);
        assert_eq!(ledger.len(), 5 * (round + 2));
        fill(&ledger, 1, 5);
    }
    assert_eq!(verify(directory.path(), None).unwrap().entries, 30);
}

#[test]
fn every_entry_is_proved_at_every_size() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path()).unwrap();
    let signer = TestSigner::seeded(1);
    for size in 1..25 {
        fill(&ledger, 1, 1);
        for index in 0..size {
            let proof = ledger.prove(index).unwrap();
            assert!(proof.holds(signer.public_key()), "{index} of {size}");
        }
        assert!(matches!(ledger.prove(size), Err(LedgerError::Absent { .. })));
    }
    // Beyond two stored levels.
    fill(&ledger, 7, 100);
    for index in [0, 1, 255, 256, 511, 512, 700, ledger.len() - 1] {
        let proof = ledger.prove(index).unwrap();
        assert!(proof.holds(signer.public_key()), "{index}");
        assert_eq!(ledger.read(index..index + 1).unwrap()[0].hash, proof.leaf);
        assert!(!proof.holds(TestSigner::seeded(2).public_key()));
        let mut other = proof.clone();
        other.index ^= 1;
        assert!(!other.holds(signer.public_key()));
        other = proof.clone();
        other.path[2][5] ^= 1;
        assert!(!other.holds(signer.public_key()));
        other = proof.clone();
        other.path.pop();
        assert!(!other.holds(signer.public_key()));
        other = proof.clone();
        other.note = other.note.replace('\n', "\n\n");
        assert!(!other.holds(signer.public_key()));
    }
    assert!(serde_json::to_string(&ledger.prove(3).unwrap()).unwrap().contains("\"index\":3"));
}

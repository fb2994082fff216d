//! What others see of a ledger: tiles, checkpoints that continue one another, mirrors, witnesses.

use std::io;
use std::path::Path;

use proptest::prelude::*;

use super::{TestSigner, clock, copy, files_of, fill, fill_directory, filled, open};
use crate::{
    ConsistencyProof, Fault, Ledger, LedgerError, TileKind, TilePath, consistency, leaf_hash, node_hash, parse_bundle,
    parse_note, verify_against, verify_consistency,
};

fn key() -> Vec<u8> {
    TestSigner::seeded(1).public_key().to_vec()
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

#[test]
fn a_mirror_that_fails_delays_nothing() {
    let (directory, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = mirrored(directory.path(), outside.path()).unwrap();
    std::fs::remove_dir_all(outside.path()).unwrap();
    fill(&ledger, 5, 2);
    assert_eq!(ledger.len(), 10);
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
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

//! Whatever is changed, removed, repeated, reordered or cut is found and named.

use std::sync::OnceLock;

use proptest::prelude::*;
use tempfile::TempDir;

use super::{TestSigner, copy, files, fill, filled, open};
use crate::line::write_entry;
use crate::note::parse_root;
use crate::{Entry, Fault, entry as form, leaf_hash, parse_line, parse_note, verify, verify_against};

/// A ledger of several segments, 8 groups of 4 entries.
fn whole() -> &'static [(String, Vec<u8>)] {
    static WHOLE: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    WHOLE.get_or_init(|| files(filled(8, 4).path()))
}

/// Every segment's lines, without line feeds.
fn lines() -> Vec<(String, Vec<Vec<u8>>)> {
    let segments = whole().iter().filter(|(name, _)| name.starts_with("entries"));
    segments
        .map(|(name, bytes)| {
            let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| line[..line.len() - 1].to_vec());
            (name.clone(), lines.collect())
        })
        .collect()
}

/// The ledger with other lines in its segments.
fn with_lines(changed: &[(String, Vec<Vec<u8>>)]) -> TempDir {
    let mut files = whole().to_vec();
    for (name, lines) in changed {
        let bytes = lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
        files.iter_mut().find(|(other, _)| other == name).unwrap().1 = bytes;
    }
    copy(&files)
}

fn key() -> Vec<u8> {
    TestSigner::seeded(1).public_key().to_vec()
}

fn fault(directory: &TempDir) -> Fault {
    verify(directory.path(), Some(&key())).unwrap_err()
}

#[test]
fn the_whole_record_is_sound() {
    assert!(lines().len() >= 3, "several segments");
    let report = verify(copy(whole()).path(), Some(&key())).unwrap();
    assert_eq!((report.entries, report.checkpoints), (32, 8));
    let other = TestSigner::seeded(2);
    assert!(matches!(verify(copy(whole()).path(), Some(other.public_key())), Err(Fault::Key { .. })));
}

#[test]
fn a_removed_entry_is_named() {
    for (number, (_, segment)) in lines().iter().enumerate() {
        for (at, line) in segment.iter().enumerate().filter(|(_, line)| !line.starts_with(b"#")) {
            let crate::Line::Entry(entry) = parse_line(line).unwrap() else { continue };
            let mut changed = lines();
            changed[number].1.remove(at);
            let fault = fault(&with_lines(&changed));
            match fault {
                Fault::OutOfOrder { expected, .. } => assert_eq!(expected, entry.index),
                // The last of a group: the checkpoint behind it speaks of one more.
                Fault::Checkpoint { size, .. } => assert_eq!(size, entry.index),
                other => panic!("entry {}: {other}", entry.index),
            }
        }
    }
}

#[test]
fn reordered_and_repeated_entries_are_named() {
    let mut swapped = lines();
    swapped[0].1.swap(1, 2);
    let expected = "entry 1 is not in its place in `00000000000000000000.log`, entry 2 stands there: \
                    entries were removed, repeated or reordered";
    assert_eq!(fault(&with_lines(&swapped)).to_string(), expected);
    let mut repeated = lines();
    let line = repeated[0].1[1].clone();
    repeated[0].1.insert(2, line);
    assert!(matches!(fault(&with_lines(&repeated)), Fault::OutOfOrder { expected: 2, found: 1, .. }));
    let mut across = lines();
    let (left, right) = (across[0].1[0].clone(), across[1].1[0].clone());
    (across[0].1[0], across[1].1[0]) = (right, left);
    assert!(matches!(fault(&with_lines(&across)), Fault::OutOfOrder { expected: 0, .. }));
}

#[test]
fn removed_files_are_named() {
    let segments: Vec<_> = lines().into_iter().map(|(name, _)| name).collect();
    for (name, _) in
        whole().iter().filter(|(name, bytes)| !matches!(name.as_str(), "lock" | "format") && !bytes.is_empty())
    {
        let rest: Vec<_> = whole().iter().filter(|(other, _)| other != name).cloned().collect();
        let fault = fault(&copy(&rest));
        let fits = match &fault {
            Fault::OutOfOrder { .. } | Fault::Cut { .. } => segments.contains(name),
            Fault::Newest { .. } => name == "checkpoint",
            Fault::Key { .. } => name == "key",
            Fault::Unreadable { .. } => name.starts_with("tree"),
            _ => false,
        };
        assert!(fits, "{name}: {fault}");
    }
}

/// Replaces an entry and makes every hash behind it agree, as somebody without the signing key can.
fn rechained(at: u64) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut changed = lines();
    let mut previous = [0; 32];
    for line in changed.iter_mut().flat_map(|(_, lines)| lines) {
        let Ok(crate::Line::Entry(stored)) = parse_line(line) else { continue };
        let entry = if stored.index == at {
            Entry { actor: "nobody".into(), ..stored.entry.clone() }
        } else {
            stored.entry.clone()
        };
        let json = form::render(&entry, stored.index, stored.time, &previous).unwrap();
        previous = leaf_hash(&json);
        line.clear();
        write_entry(line, &previous, &json);
        line.pop();
    }
    changed
}

#[test]
fn a_replaced_entry_is_named_by_the_checkpoint_behind_it() {
    for at in [0, 5, 17, 31] {
        let mut files = whole().to_vec();
        for (name, lines) in rechained(at) {
            let bytes = lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
            files.iter_mut().find(|(other, _)| *other == name).unwrap().1 = bytes;
        }
        // The forger makes the tree agree too.
        let leaves: Vec<u8> = rechained(at)
            .iter()
            .flat_map(|(_, lines)| lines)
            .filter(|line| !line.starts_with(b"#"))
            .flat_map(|line| hex::decode(&line[..64]).unwrap())
            .collect();
        files.iter_mut().find(|(name, _)| name == "tree/0").unwrap().1 = leaves;
        let Fault::Rewritten { from, to } = fault(&copy(&files)) else { panic!("not named") };
        assert_eq!((from, to), (at / 4 * 4, at / 4 * 4 + 3));
    }
}

#[test]
fn an_entry_replaced_with_its_hash_breaks_the_chain() {
    let mut changed = lines();
    changed[0].1[1] = rechained(1)[0].1[1].clone();
    let found = fault(&with_lines(&changed));
    // The tree knows the first hash; without it the next entry does.
    assert!(matches!(found, Fault::Leaf { index: 1 }), "{found}");
}

#[test]
fn a_record_that_was_taken_back_is_found_with_a_kept_checkpoint() {
    let directory = filled(3, 4);
    let old = files(directory.path());
    let ledger = open(directory.path()).unwrap();
    let early = ledger.checkpoint().unwrap().note();
    fill(&ledger, 1, 4);
    let late = ledger.checkpoint().unwrap().note();
    drop(ledger);
    for note in [&early, &late] {
        assert_eq!(verify_against(directory.path(), Some(&key()), note).unwrap().entries, 16);
    }
    let back = copy(&old);
    assert_eq!(verify(back.path(), Some(&key())).unwrap().entries, 12, "taken back whole, nothing shows");
    assert!(verify_against(back.path(), Some(&key()), &early).is_ok());
    let fault = verify_against(back.path(), Some(&key()), &late).unwrap_err();
    assert_eq!(fault.to_string(), "entries 12 to 15 are missing: the end was cut off, 16 entries were signed");
    // Another record under the same key.
    let other = filled(4, 4);
    let ledger = open(other.path()).unwrap();
    ledger.append_blocking(Entry::new("an", "sign_in", "x", serde_json::json!({}))).unwrap();
    let mut forked = parse_note(late.as_bytes()).unwrap().checkpoint;
    forked.root = parse_root("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap();
    let note = forked.sign(TestSigner::seeded(1).as_ref()).note();
    assert!(matches!(verify_against(other.path(), None, &note), Err(Fault::Rewritten { .. })));
    assert!(matches!(verify_against(other.path(), None, "x"), Err(Fault::Newest { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_flipped_bit_is_found(file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let mut files: Vec<_> = whole().to_vec();
        let candidates: Vec<_> = (0..files.len()).filter(|number| !files[*number].1.is_empty()).collect();
        let number = candidates[file.index(candidates.len())];
        let (name, bytes) = &mut files[number];
        let name = name.clone();
        let before = bytes.clone();
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let fault = fault(&copy(&files));
        if name.starts_with("entries") {
            // The line that the bit stands in, and how many entries are before it.
            let start = before[..bit / 8].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let first: u64 = name.trim_start_matches("entries/").trim_end_matches(".log").parse().unwrap();
            let lines = before[..start].split_inclusive(|byte| *byte == b'\n');
            let index = first + lines.filter(|line| !line.starts_with(b"#")).count() as u64;
            let named = match fault {
                Fault::Changed { index: found, .. } | Fault::Checkpoint { size: found, .. } => found == index,
                // The last line feed of all.
                Fault::Cut { .. } => bit / 8 + 1 == before.len(),
                _ => false,
            };
            prop_assert!(named, "bit {bit} of {name}, entry {index}: {fault}");
        }
    }

    #[test]
    fn any_cut_is_found(file in any::<prop::sample::Index>(), keep in any::<prop::sample::Index>()) {
        let mut files: Vec<_> = whole().to_vec();
        let candidates: Vec<_> = (0..files.len()).filter(|number| !files[*number].1.is_empty()).collect();
        let number = candidates[file.index(candidates.len())];
        let last = candidates.iter().rev().find(|number| files[**number].0.starts_with("entries")).copied().unwrap();
        let (name, bytes) = &mut files[number];
        let name = name.clone();
        bytes.truncate(keep.index(bytes.len()));
        let fault = fault(&copy(&files));
        if number == last {
            prop_assert!(matches!(fault, Fault::Cut { expected: 32, .. }), "{name}: {fault}");
        }
    }
}

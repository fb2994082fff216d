//! Entries, lines and notes: bounds, the way there and back, and any bytes at all.

use event::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{TestSigner, entry, open};
use crate::line::{write_checkpoint, write_entry};
use crate::note::parse_verifier_key;
use crate::{
    Checkpoint, Entry, LedgerError, Line, OBJECT_BYTES_MAX, entry as form, leaf_hash, parse_line, parse_note,
    verifier_key,
};

fn line(entry: &Entry, index: u64) -> Vec<u8> {
    let json = form::render(entry, index, Timestamp::from_secs(1_762_171_200), &[7; 32]).unwrap();
    let mut line = Vec::new();
    write_entry(&mut line, &leaf_hash(&json), &json);
    line.pop();
    line
}

#[test]
fn the_form_of_an_entry_is_fixed() {
    let text = String::from_utf8(line(&entry(3), 3)).unwrap();
    assert_eq!(
        text,
        format!(
            "{} {{\"index\":3,\"time\":\"2025-11-03T12:00:00Z\",\"actor\":\"lan\",\"action\":\"search\",\
             \"object\":\"object-3\",\"detail\":{{\"query\":\"user.name:x\",\"hits\":3}},\"prev\":\"{}\"}}",
            hex::encode(leaf_hash(&text.as_bytes()[65..])),
            "07".repeat(32)
        )
    );
}

#[test]
fn the_form_of_a_checkpoint_is_fixed() {
    let checkpoint = Checkpoint { origin: "soc.example/ledger".into(), size: 12, root: [7; 32] };
    let signer = TestSigner::seeded(1);
    let signed = checkpoint.sign(signer.as_ref());
    let note = signed.note();
    let start = "soc.example/ledger\n12\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n\u{2014} soc.example/ledger ";
    assert!(note.starts_with(start), "{note}");
    assert_eq!(parse_note(note.as_bytes()).unwrap(), signed);
    assert!(signed.is_signed_by(signer.public_key()));
    assert!(!signed.is_signed_by(TestSigner::seeded(2).public_key()));
    assert!(!signed.is_signed_by(b"short"));
    let key = verifier_key(signer.name(), signer.public_key());
    assert_eq!(parse_verifier_key(&key).unwrap(), (signer.name().to_owned(), signer.public_key().to_vec()));
}

#[test]
fn bounds_are_held_and_refuse_alone() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path()).unwrap();
    let deep = (0..20).fold(json!(1), |inner, _| json!([inner]));
    for (entry, expected) in [
        (Entry::new("", "search", "x", json!(null)), "ledger entry is refused: its actor is empty"),
        (
            Entry::new("lan", "Sign In", "x", json!(null)),
            "ledger entry is refused: action `Sign In` has other characters than a-z 0-9 _ .",
        ),
        (
            Entry::new("lan", "search", "x".repeat(OBJECT_BYTES_MAX + 1), json!(null)),
            "ledger entry is refused: its object has 1025 bytes, at most 1024 are kept",
        ),
        (Entry::new("lan", "search", "x", deep), "ledger entry is refused: its detail is nested deeper than 16"),
        (
            Entry::new("lan", "search", "x", json!("y".repeat(70_000))),
            "ledger entry is refused: it has 70176 bytes, at most 65535 are kept",
        ),
    ] {
        let refused = ledger.append_blocking(entry).unwrap_err();
        assert!(matches!(refused, LedgerError::Refused { .. }));
        assert_eq!(refused.to_string(), expected);
    }
    assert!(ledger.is_empty());
    assert_eq!(ledger.append_blocking(entry(0)).unwrap().index, 0);
}

fn detail() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn entries_come_back_as_they_went_in(actor in ".{1,40}", object in ".{0,60}", detail in detail(), index: u64) {
        let entry = Entry::new(actor, "policy_change", object, detail);
        let line = line(&entry, index);
        prop_assert!(!line.contains(&b'\n'));
        let Line::Entry(stored) = parse_line(&line).unwrap() else { panic!("no entry") };
        prop_assert_eq!((stored.index, stored.entry, stored.previous), (index, entry, [7; 32]));
    }

    #[test]
    fn any_flipped_bit_of_a_line_is_found(at in any::<prop::sample::Index>()) {
        let mut line = line(&entry(1), 1);
        let bit = at.index(line.len() * 8);
        line[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(parse_line(&line).is_err());
    }

    #[test]
    fn any_bytes_may_be_parsed(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_line(&bytes);
        let _ = parse_line(&[b"# ", &bytes[..]].concat());
        let _ = parse_note(&bytes);
        let _ = parse_verifier_key(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_change_of_a_note_is_found(at in any::<prop::sample::Index>(), byte: u8) {
        let signer = TestSigner::seeded(1);
        let signed = Checkpoint { origin: "soc.example/ledger".into(), size: 12, root: [7; 32] }.sign(signer.as_ref());
        let mut note = signed.note().into_bytes();
        let at = at.index(note.len());
        let same = note[at] == byte;
        note[at] = byte;
        let genuine = parse_note(&note).is_ok_and(|read| read.is_signed_by(signer.public_key()));
        prop_assert_eq!(genuine, same);
        let mut line = Vec::new();
        write_checkpoint(&mut line, &signed);
        line.pop();
        let read = matches!(parse_line(&line), Ok(Line::Checkpoint { size: 12, .. }));
        prop_assert!(read);
    }
}

//! Copies of a ledger that goes on meanwhile.

use super::*;
use crate::{Batch, verify, verify_against};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_whole_while_the_ledger_grows() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = open(from.path()).unwrap();
    assert!(ledger.copy_to(&to.path().join("empty")).unwrap().is_none());
    ledger.append(entry(0)).await.unwrap();
    let writing = tokio::spawn({
        let ledger = ledger.clone();
        async move {
            for number in 0..300 {
                ledger.append(entry(number)).await.unwrap();
                let mut batch = Batch::default();
                (0..3).for_each(|event| batch.push(number * 3 + event, b"stored"));
                ledger.append_batch(&batch).await.unwrap();
                ledger.append_question(Entry::new("lan", "search", "events", json!({})), "*").await.unwrap();
            }
        }
    });
    let key = TestSigner::seeded(1).public_key().to_vec();
    let mut last = 0;
    for round in 0..6 {
        let into = to.path().join(round.to_string());
        let (copied, to) = (ledger.clone(), into.clone());
        let signed = tokio::task::spawn_blocking(move || copied.copy_to(&to)).await.unwrap().unwrap().unwrap();
        assert!(signed.checkpoint.size >= last);
        last = signed.checkpoint.size;
        let report = verify_against(&into, Some(&key), &signed.note()).unwrap();
        assert_eq!((report.entries, report.torn_end), (last, false), "round {round}");
        // It can be gone on with.
        let again = open(&into).unwrap();
        assert!(again.repairs().is_empty(), "{:?}", again.repairs());
        again.append(entry(0)).await.unwrap();
        drop(again);
        assert_eq!(verify(&into, None).unwrap().entries, last + 1);
    }
    writing.await.unwrap();
    assert!(ledger.copy_to(&to.path().join("0")).is_err(), "a copy is never written over another");
}

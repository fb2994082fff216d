//! What is due goes, what is held stays, and nothing else is touched.

use std::sync::Arc;

use event::{Event, EventId, KnownBy, Origin, SourceId, Transport};

use super::*;
use crate::index::{IndexSettings, layout};

const DAY: i64 = 86_400;
const START: i64 = 20_000 * DAY;

fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

fn event(id: u64, day: i64, site: &str, dataset: Option<&str>) -> Event {
    let mut event = Event::new();
    event.id = EventId(id);
    event.received = Timestamp::from_secs(START + day * DAY);
    event.origin = Some(Arc::new(Origin {
        site: SiteId::new(site).unwrap(),
        agency: None,
        known_by: KnownBy::Address,
        source: SourceId::new("s").unwrap(),
        transport: Transport::SyslogUdp,
        peer: None,
    }));
    event.push("message", format!("planted-{id}").as_str()).unwrap();
    if let Some(dataset) = dataset {
        event.push(DATASET, dataset).unwrap();
    }
    event
}

/// Three days, each with: a flow of q1, a sign-in of q1, a sign-in of q2, one without a dataset.
fn filled(dir: &std::path::Path) -> Index {
    let settings = IndexSettings { heap_bytes: 15_000_000, ..IndexSettings::default() };
    let index = Index::open(dir, settings).unwrap();
    let of_day = |day: i64| {
        let id = day.cast_unsigned() * 4;
        [
            event(id, day, "q1", Some("flow")),
            event(id + 1, day, "q1", Some("auth")),
            event(id + 2, day, "q2", Some("auth")),
            event(id + 3, day, "q2", None),
        ]
    };
    index.add(&(0..3).flat_map(of_day).collect::<Vec<_>>()).unwrap();
    index.flush().unwrap();
    index
}

fn left(index: &Index) -> Vec<u64> {
    let mut found = Vec::new();
    for slice in index.slices() {
        let searcher = slice.open().unwrap().searcher();
        for reader in searcher.segment_readers() {
            assert!(!reader.has_deletes(), "deleted events lie on the disk");
            let ids = reader.fast_fields().u64(layout::ID).unwrap();
            found.extend((0..reader.max_doc()).filter_map(|doc| ids.first(doc)));
        }
    }
    found.sort_unstable();
    found
}

fn check(kept: (u64, &[(&str, u64)]), holds: &[Hold], now_day: i64, expected: &[u64]) {
    let dir = tempfile::tempdir().unwrap();
    let index = filled(dir.path());
    let datasets = kept.1.iter().map(|(dataset, kept)| ((*dataset).to_owned(), days(*kept))).collect();
    let retention = Retention { default: days(kept.0), datasets };
    let now = Timestamp::from_secs(START + now_day * DAY);
    let mut told = Vec::new();
    let record = |one: &Expired| {
        told.push(one.clone());
        true
    };
    let expired = index.expire(now, &retention, holds, record).unwrap();
    assert_eq!(told, expired);
    assert_eq!(left(&index), expected, "{kept:?} {holds:?} day {now_day}");
    let gone: u64 = expired.iter().map(|expired| expired.events).sum();
    assert_eq!(gone, 12 - expected.len() as u64, "{expired:?}");
    let mut ids: Vec<u64> = expired.iter().flat_map(|expired| expired.ids.iter().cloned().flatten()).collect();
    ids.extend(expected);
    ids.sort_unstable();
    assert_eq!(ids, (0..12).collect::<Vec<_>>(), "{expired:?}");
    assert_eq!(index.documents(), expected.len() as u64);
    assert_eq!(index.expire(now, &retention, holds, |_| true).unwrap(), [], "a second time there is nothing to do");
    drop(index);
    let index = Index::open(dir.path(), IndexSettings::default()).unwrap();
    assert_eq!(left(&index), expected, "after a restart");
    assert_eq!(index.position(), Some(EventId(12)));
    assert_eq!(index.add(&(0..12).map(|id| event(id, 0, "q1", None)).collect::<Vec<_>>()).unwrap().count, 0);
}

fn hold(days: (i64, i64), sites: &[&str], datasets: &[&str]) -> Hold {
    Hold {
        from: Timestamp::from_secs(START + days.0 * DAY),
        to: Timestamp::from_secs(START + days.1 * DAY),
        sites: sites.iter().map(|site| SiteId::new(*site).unwrap()).collect(),
        datasets: datasets.iter().map(|dataset| (*dataset).to_owned()).collect(),
    }
}

#[test]
fn slices_go_when_all_in_them_is_due_and_the_last_one_stays() {
    let all: Vec<u64> = (0..12).collect();
    check((10, &[]), &[], 10, &all);
    check((10, &[]), &[], 11, &all[4..]);
    check((10, &[]), &[], 12, &all[8..]);
    check((10, &[]), &[], 400, &all[8..]);
}

#[test]
fn datasets_have_times_of_their_own() {
    check((10, &[("flow", 2)]), &[], 3, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    check((10, &[("flow", 2)]), &[], 11, &[5, 6, 7, 8, 9, 10, 11]);
    check((10, &[("auth", 100)]), &[], 11, &[1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
    check((10, &[("auth", 100), ("flow", 50)]), &[], 12, &[0, 1, 2, 4, 5, 6, 8, 9, 10, 11]);
    check((10, &[("nowhere", 1)]), &[], 5, &(0..12).collect::<Vec<_>>());
}

#[test]
fn what_is_held_stays() {
    check((10, &[]), &[hold((0, 1), &[], &[])], 12, &[0, 1, 2, 3, 8, 9, 10, 11]);
    check((10, &[]), &[hold((0, 5), &["q1"], &[])], 12, &[0, 1, 4, 5, 8, 9, 10, 11]);
    check((10, &[]), &[hold((0, 5), &["q1"], &["auth"])], 12, &[1, 5, 8, 9, 10, 11]);
    check((10, &[]), &[hold((1, 2), &["q2"], &[]), hold((0, 1), &[], &["flow"])], 12, &[0, 6, 7, 8, 9, 10, 11]);
    check((10, &[]), &[hold((7, 9), &[], &[])], 12, &[8, 9, 10, 11]);
}

#[test]
fn what_cannot_be_recorded_is_not_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let index = filled(dir.path());
    let retention = Retention { default: days(10), datasets: BTreeMap::new() };
    let now = Timestamp::from_secs(START + 100 * DAY);
    assert_eq!(index.expire(now, &retention, &[], |_| false).unwrap(), []);
    assert_eq!(left(&index).len(), 12);
}

#[test]
fn nothing_of_what_was_deleted_is_left_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let index = filled(dir.path());
    let retention = Retention { default: days(10), datasets: [("flow".to_owned(), days(1))].into() };
    index.expire(Timestamp::from_secs(START + 3 * DAY), &retention, &[], |_| true).unwrap();
    let opened = index.slices()[0].open().unwrap();
    for reader in opened.searcher().segment_readers() {
        let words = reader.inverted_index(opened.layout.message).unwrap();
        let mut terms = words.terms().stream().unwrap();
        while terms.advance() {
            assert_ne!(terms.key(), b"0", "the word of event 0 is still in the dictionary");
        }
    }
    assert_eq!(opened.searcher().num_docs(), 3);
}

#[test]
fn a_deletion_that_a_crash_interrupted_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()));
    let slice = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir());
    let doomed = slice.unwrap().with_extension("deleted");
    std::fs::create_dir(&doomed).unwrap();
    std::fs::write(doomed.join("half"), "x").unwrap();
    drop(Index::open(dir.path(), IndexSettings::default()).unwrap());
    assert!(!doomed.exists());
}

#[test]
fn what_has_not_changed_is_not_looked_at_again() {
    let dir = tempfile::tempdir().unwrap();
    let index = filled(dir.path());
    let kept = |auth: u64| Retention { default: days(10), datasets: [("auth".to_owned(), days(auth))].into() };
    let at = |day: i64| Timestamp::from_secs(START + day * DAY);
    let expire = |day: i64, auth: u64, holds: &[Hold]| index.expire(at(day), &kept(auth), holds, |_| true);
    assert_eq!(expire(3, 20, &[]).unwrap(), [], "nothing is due");
    let all = [hold((0, 5), &[], &["flow"]), hold((0, 5), &["q2"], &[])];
    assert_eq!(expire(11, 20, &all).unwrap(), [], "all that is due is held");
    // Without this file nothing of the first slice can be read anew.
    let meta = index.slices()[0].path().join("meta.json");
    let aside = dir.path().join("aside");
    std::fs::rename(&meta, &aside).unwrap();
    assert_eq!(expire(11, 20, &all).unwrap(), [], "the same question");
    assert!(expire(11, 20, &all[..1]).is_err(), "another hold");
    assert!(expire(11, 1, &all).is_err(), "another time");
    std::fs::rename(&aside, &meta).unwrap();
    let expired = expire(11, 20, &all[..1]).unwrap();
    assert_eq!(expired.iter().map(|one| one.events).collect::<Vec<_>>(), [1], "{expired:?}");
}

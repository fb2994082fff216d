//! Tests of the index: events are found once, whatever happens in between.

use std::time::Duration;

use event::{KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};
use tantivy::collector::Count;
use tantivy::query::AllQuery;

use super::slice::SliceRecord;
use super::*;

fn settings() -> IndexSettings {
    IndexSettings { commit_interval: Duration::from_millis(20), heap_bytes: 15_000_000, ..IndexSettings::default() }
}

fn event(id: u64, received_secs: i64) -> Event {
    let mut event = Event::new();
    event.id = EventId(id);
    event.received = Timestamp::from_secs(received_secs);
    event.origin = Some(Arc::new(Origin {
        site: SiteId::new("q1").unwrap(),
        agency: None,
        known_by: KnownBy::Address,
        source: SourceId::new("s").unwrap(),
        transport: Transport::SyslogUdp,
        peer: None,
    }));
    event.push("message", format!("event number {id}").as_str()).unwrap();
    event.push("user.name", "root").unwrap();
    event
}

fn events(ids: std::ops::Range<u64>) -> Vec<Event> {
    ids.map(|id| event(id, 1_800_000_000)).collect()
}

fn ids(index: &Index) -> Vec<u64> {
    let mut found = Vec::new();
    for slice in index.slices() {
        let searcher = slice.open().unwrap().searcher();
        for reader in searcher.segment_readers() {
            let column = reader.fast_fields().u64(layout::ID).unwrap();
            found.extend((0..reader.max_doc()).filter_map(|doc| column.first(doc)));
        }
    }
    found.sort_unstable();
    found
}

#[test]
fn events_are_held_once_and_the_position_moves() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), settings()).unwrap();
    assert_eq!(index.position(), None);
    let digest = index.add(&events(0..10)).unwrap();
    assert_eq!((digest.first, digest.last, digest.count), (EventId(0), EventId(9), 10));
    let again = index.add(&events(5..12)).unwrap();
    assert_eq!((again.first, again.last, again.count), (EventId(10), EventId(11), 2));
    index.flush().unwrap();
    assert_eq!(index.position(), Some(EventId(12)));
    assert_eq!(ids(&index), (0..12).collect::<Vec<_>>());
    assert_eq!(index.documents(), 12);
    drop(index);
    let index = Index::open(dir.path(), settings()).unwrap();
    assert_eq!(index.position(), Some(EventId(12)));
    assert_eq!(index.add(&events(0..12)).unwrap().count, 0);
    assert_eq!(index.add(&events(8..20)).unwrap().count, 8);
    index.flush().unwrap();
    assert_eq!(ids(&index), (0..20).collect::<Vec<_>>());
}

#[test]
fn the_digest_is_over_the_stored_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), settings()).unwrap();
    let batch = events(0..3);
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for event in &batch {
        let mut bytes = Vec::new();
        packed::write(event, &mut bytes);
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(&bytes);
    }
    let expected: String = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(index.add(&batch).unwrap().sha256, expected);
}

#[test]
fn stored_bytes_are_shown_when_they_are_taken_and_again_later() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), settings()).unwrap();
    let (mut taken, mut later) = (Vec::new(), Vec::new());
    for range in [0..8, 4..12] {
        index.add_seen(&events(range), |id, stored| taken.push((id, stored.to_vec()))).unwrap();
    }
    assert!(taken.iter().map(|(id, _)| id.0).eq(0..12));
    index.flush().unwrap();
    assert_eq!(index.stored_from(EventId(5), 4, |id, stored| later.push((id, stored.to_vec()))).unwrap(), 4);
    assert_eq!(later, taken[5..9]);
    assert_eq!(index.stored_from(EventId(12), 4, |_, _| ()).unwrap(), 0);
}

#[test]
fn a_batch_over_two_slices_lies_in_two() {
    let dir = tempfile::tempdir().unwrap();
    let settings = IndexSettings { slice_length: Duration::from_secs(3_600), ..settings() };
    let index = Index::open(dir.path(), settings.clone()).unwrap();
    let mut batch = events(0..4);
    batch[2].received = Timestamp::from_secs(1_800_003_600);
    batch[2].claimed = Some(Timestamp::from_secs(0)); // forged dates make no slices
    index.add(&batch).unwrap();
    index.flush().unwrap();
    assert_eq!(index.slice_count(), 2);
    assert_eq!(ids(&index), [0, 1, 2, 3]);
    let records: Vec<_> = index.slices().iter().map(|slice| slice.record()).collect();
    assert_eq!(records.iter().map(|record| record.documents).collect::<Vec<_>>(), [3, 1]);
    assert_eq!((records[1].least, records[1].greatest), (0, 0));
    drop(index);
    let index = Index::open(dir.path(), settings).unwrap();
    assert_eq!(index.position(), Some(EventId(4)));
}

/// A crash between two slices' commits: the one that was committed holds ids above the position.
#[test]
fn a_crash_between_two_commits_neither_loses_nor_repeats() {
    let dir = tempfile::tempdir().unwrap();
    let (slice_length, commit_interval) = (Duration::from_secs(3_600), Duration::from_secs(60));
    let settings = IndexSettings { slice_length, commit_interval, ..settings() };
    let index = Index::open(dir.path(), settings.clone()).unwrap();
    index.add(&events(0..10)).unwrap();
    index.flush().unwrap();
    let before = copy_of(dir.path());
    let mut batch = events(10..20);
    batch.iter_mut().filter(|event| !event.id.0.is_multiple_of(2)).for_each(|event| {
        event.received = Timestamp::from_secs(1_800_003_600);
    });
    index.add(&batch).unwrap();
    index.flush().unwrap();
    let names: Vec<String> = index.slices().iter().map(|slice| slice.name.clone()).collect();
    drop(index);
    // As if the first slice's commit, which records the position from before, had been the last thing to happen.
    let crashed = before;
    std::fs::remove_dir_all(crashed.path().join(&names[0])).unwrap();
    copy(&dir.path().join(&names[0]), &crashed.path().join(&names[0]));
    let index = Index::open(crashed.path(), settings).unwrap();
    let position = index.position().unwrap().0;
    assert_eq!(position, 10);
    assert_eq!(index.add(&batch).unwrap().count, 5);
    index.flush().unwrap();
    assert_eq!(ids(&index), (0..20).collect::<Vec<_>>());
}

fn copy_of(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    copy(from, to.path());
    to
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// What lies on disk at any moment, without a close, is what a `kill -9` leaves behind.
#[test]
fn a_kill_at_any_moment_neither_loses_nor_repeats() {
    let dir = tempfile::tempdir().unwrap();
    let settings = IndexSettings { commit_interval: Duration::from_millis(10), ..settings() };
    let index = Index::open(dir.path(), settings.clone()).unwrap();
    for turn in 0..6_u64 {
        index.add(&events(turn * 50..turn * 50 + 50)).unwrap();
        index.flush().unwrap();
        let left = copy_of(dir.path());
        let reopened = Index::open(left.path(), settings.clone()).unwrap();
        let position = reopened.position().unwrap().0;
        assert_eq!(position, turn * 50 + 50);
        reopened.add(&events(position.saturating_sub(20)..position + 20)).unwrap();
        reopened.flush().unwrap();
        assert_eq!(ids(&reopened), (0..position + 20).collect::<Vec<_>>());
    }
}

#[test]
fn events_are_searchable_soon_without_a_flush() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), settings()).unwrap();
    index.add(&events(0..10)).unwrap();
    let began = std::time::Instant::now();
    while index.documents() < 10 {
        assert!(began.elapsed() < Duration::from_secs(10), "not committed");
        std::thread::yield_now();
    }
    let slice = &index.slices()[0];
    slice.reload().unwrap();
    assert_eq!(slice.open().unwrap().searcher().search(&AllQuery, &Count).unwrap(), 10);
}

#[test]
fn a_failed_writer_asks_for_its_events_again() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), settings()).unwrap();
    index.add(&events(0..10)).unwrap();
    index.flush().unwrap();
    // A second writer takes the slice's lock: the next slice writer cannot be opened.
    let settings = IndexSettings { slice_length: Duration::from_secs(3_600), ..settings() };
    drop(index);
    let index = Index::open(dir.path(), settings).unwrap();
    let mut late = events(10..20);
    late.iter_mut().for_each(|event| event.received = Timestamp::from_secs(1_800_010_000));
    let slice = index.slice(slice::start_of(late[0].received, 3_600));
    let other: tantivy::IndexWriter = slice.open().unwrap().index.writer_with_num_threads(1, 15_000_000).unwrap();
    index.add(&late).unwrap();
    let Err(IndexError::FellBack { position, .. }) = index.flush() else { panic!("the lock is taken") };
    assert_eq!(position, EventId(10));
    let mut gap = events(15..20);
    gap.iter_mut().for_each(|event| event.received = Timestamp::from_secs(1_800_010_000));
    assert!(matches!(index.add(&gap), Err(IndexError::FellBack { position: EventId(10), .. })));
    drop(other);
    assert!(index.trouble().is_some(), "until something is written again");
    assert_eq!(index.add(&late).unwrap().count, 10);
    index.flush().unwrap();
    assert_eq!(index.trouble(), None);
    assert_eq!(ids(&index), (0..20).collect::<Vec<_>>());
}

#[test]
fn an_index_is_open_once_and_batches_are_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), settings()).unwrap();
    assert!(matches!(Index::open(dir.path(), settings()), Err(IndexError::Directory { .. })));
    let disorder = [event(2, 0), event(1, 0)];
    assert!(matches!(index.add(&disorder), Err(IndexError::Disorder { .. })));
    assert_eq!(index.add(&[]).unwrap().count, 0);
}

#[test]
fn odd_fields_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), settings()).unwrap();
    let mut odd = event(0, 1_800_000_000);
    odd.push("a\0b", "x").unwrap();
    odd.push("a\u{1}b", "x").unwrap();
    odd.push("", "empty name").unwrap();
    odd.push("long", "y".repeat(200_000).as_str()).unwrap();
    odd.push("source.ip", "not an address").unwrap();
    odd.push("source.ip", "::ffff:10.0.0.1").unwrap();
    odd.push("source.port", event::Value::Float(1e300)).unwrap();
    odd.push("float", event::Value::Float(f64::NAN)).unwrap();
    odd.push("message", "w ".repeat(100_000).as_str()).unwrap();
    index.add(&[odd]).unwrap();
    index.flush().unwrap();
    assert_eq!(ids(&index), [0]);
}

#[test]
fn a_slice_of_a_newer_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), settings()).unwrap();
    index.add(&events(0..3)).unwrap();
    index.flush().unwrap();
    let name = index.slices()[0].name.clone();
    drop(index);
    let meta = dir.path().join(&name).join("meta.json");
    let text = std::fs::read_to_string(&meta).unwrap();
    let (now, later) = (SliceRecord::VERSION, SliceRecord::VERSION + 1);
    let changed = text.replace(&format!("\\\"version\\\":{now}"), &format!("\\\"version\\\":{later}"));
    assert_ne!(changed, text);
    std::fs::write(&meta, changed).unwrap();
    let refused = Index::open(dir.path(), settings()).unwrap_err();
    assert!(matches!(&refused, IndexError::Newer { version, .. } if *version == later), "{refused}");
}

#[test]
fn a_snapshot_is_an_index_of_its_moment() {
    let (dir, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let index = Index::open(dir.path(), settings()).unwrap();
    let linked = aside.path().join("linked");
    std::fs::create_dir(&linked).unwrap();
    assert_eq!(index.snapshot(&linked).unwrap(), Snapshot::default());
    index.add(&events(0..40)).unwrap();
    index.add(&(40..60).map(|id| event(id, 1_800_100_000)).collect::<Vec<_>>()).unwrap();
    // What was added is in it, whether it was committed or not.
    let snapshot = index.snapshot(&linked).unwrap();
    assert_eq!(snapshot, Snapshot { position: Some(EventId(60)), documents: 60, slices: 2 });
    for round in 0..12 {
        index.add(&events(60 + round * 10..70 + round * 10)).unwrap();
        index.flush().unwrap();
    }
    // Links share their bytes with the index: what is opened for writing is a copy.
    let restored = aside.path().join("restored");
    copy(&linked, &restored);
    let again = Index::open(&restored, settings()).unwrap();
    assert_eq!((ids(&again), again.position()), ((0..60).collect(), Some(EventId(60))));
    again.add(&events(60..65)).unwrap();
    again.flush().unwrap();
    assert_eq!(ids(&again), (0..65).collect::<Vec<_>>());
    drop(index);
    assert_eq!(ids(&Index::open(dir.path(), settings()).unwrap()), (0..180).collect::<Vec<_>>());
}

/// Three slices of ten events each; the one that begins at `secs` is deleted by hand.
fn without_slice(dir: &Path, deleted: &[usize]) -> Index {
    let index = Index::open(dir, settings()).unwrap();
    for number in 0..3_u64 {
        let secs = 1_800_000_000 + 86_400 * number.cast_signed();
        index.add(&(number * 10..number * 10 + 10).map(|id| event(id, secs)).collect::<Vec<_>>()).unwrap();
        index.flush().unwrap();
    }
    assert!(index.lost().is_empty());
    drop(index);
    let mut slices: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    slices.retain(|path| path.is_dir());
    slices.sort();
    deleted.iter().for_each(|number| std::fs::remove_dir_all(&slices[*number]).unwrap());
    Index::open(dir, settings()).unwrap()
}

fn all(ids: std::ops::Range<u64>) -> Vec<Event> {
    ids.map(|id| event(id, 1_800_000_000 + 86_400 * (id / 10).cast_signed())).collect()
}

#[test]
fn a_slice_that_vanished_is_missed_and_taken_again() {
    let dir = tempfile::tempdir().unwrap();
    let index = without_slice(dir.path(), &[1]);
    let [lost] = index.lost() else { panic!("{:?}", index.lost()) };
    assert_eq!((lost.first, lost.next, lost.events), (EventId(10), EventId(20), 10));
    // Only what comes behind 14 can still be given.
    assert_eq!(index.want_lost(EventId(14)).unwrap(), Some(EventId(14)));
    assert_eq!(index.position(), Some(EventId(14)));
    index.add(&all(14..18)).unwrap();
    index.flush().unwrap();
    assert_eq!(index.position(), Some(EventId(18)), "it does not run ahead of what is back");
    // A crash on the way: it is missed again.
    drop(index);
    let index = Index::open(dir.path(), settings()).unwrap();
    assert_eq!(index.lost()[0].events, 6);
    index.want_lost(EventId(14)).unwrap();
    index.add(&all(14..33)).unwrap();
    index.flush().unwrap();
    assert_eq!(ids(&index), (0..10).chain(14..33).collect::<Vec<_>>());
    let settled = index.settle().unwrap();
    assert_eq!(settled.iter().map(|(lost, back)| (lost.events, *back)).collect::<Vec<_>>(), [(6, 2)]);
    drop(index);
    assert!(Index::open(dir.path(), settings()).unwrap().lost().is_empty());
}

#[test]
fn when_every_slice_vanished_all_are_missed() {
    let dir = tempfile::tempdir().unwrap();
    let index = without_slice(dir.path(), &[0, 1, 2]);
    assert_eq!((index.lost().len(), index.position()), (3, None));
    assert_eq!(index.want_lost(EventId(25)).unwrap(), Some(EventId(25)));
    index.add(&all(25..31)).unwrap();
    index.flush().unwrap();
    assert_eq!(ids(&index), (25..31).collect::<Vec<_>>());
    assert_eq!(index.settle().unwrap().iter().map(|(_, back)| *back).collect::<Vec<_>>(), [0, 0, 5]);
}

#[test]
fn a_clock_that_is_set_back_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), settings()).unwrap();
    // Two days back and forth again, within one batch and between batches.
    let secs = |id: u64| if (10..25).contains(&id) { 1_799_827_200 } else { 1_800_000_000 };
    let given = |ids: std::ops::Range<u64>| ids.map(|id| event(id, secs(id))).collect::<Vec<_>>();
    index.add(&given(0..15)).unwrap();
    index.flush().unwrap();
    index.add(&given(15..40)).unwrap();
    index.flush().unwrap();
    assert_eq!((index.position(), index.slice_count()), (Some(EventId(40)), 2));
    drop(index);
    let index = Index::open(dir.path(), settings()).unwrap();
    assert!(index.lost().is_empty());
    assert_eq!(index.add(&given(0..42)).unwrap().count, 2);
    index.flush().unwrap();
    assert_eq!(ids(&index), (0..42).collect::<Vec<_>>());
}

//! The spool as a whole: numbering, crashes, damage, full and failing disks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use event::{KnownBy, Origin, SiteId, SourceId, SystemClock, Transport};
use keys::{KeySource, Keyring};
use proptest::prelude::*;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::writer::Append;
use super::*;
use crate::{IntakeError, Record};

const SOON: Duration = Duration::from_secs(10);
const AT_ONCE: Duration = Duration::from_millis(1);

struct Place {
    dir: TempDir,
    sealer: Sealer,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        let keyring = Keyring::open(&KeySource::File(dir.path().join("key")), &data).unwrap();
        Self { sealer: keyring.sealer("spool").unwrap(), dir }
    }

    fn spool_dir(&self) -> PathBuf {
        self.dir.path().join("data/spool")
    }

    fn settings(&self) -> SpoolSettings {
        SpoolSettings {
            recent_bytes_max: 0,
            consumers: vec!["index".to_owned()],
            ..SpoolSettings::new(self.spool_dir())
        }
    }

    fn open(&self, settings: SpoolSettings) -> Spool {
        Spool::open(settings, self.sealer.clone(), Arc::new(SystemClock)).unwrap()
    }
}

fn origin() -> Arc<Origin> {
    Arc::new(Origin {
        site: SiteId::unknown(),
        agency: None,
        known_by: KnownBy::Unknown,
        source: SourceId::new("test").unwrap(),
        transport: Transport::SyslogTcp,
        peer: None,
    })
}

fn records(texts: impl IntoIterator<Item = String>) -> Vec<Record> {
    let origin = origin();
    texts.into_iter().map(|text| Record::new(Arc::clone(&origin), SystemClock.now(), text)).collect()
}

fn one(text: &str) -> Vec<Record> {
    records([text.to_owned()])
}

async fn read(spool: &Spool, consumer: &str) -> Vec<(u64, String)> {
    read_all(&mut spool.reader(consumer, None).unwrap()).await
}

async fn read_all(consumer: &mut Consumer) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    while consumer.behind() > 0 {
        for (id, record) in consumer.next_batch(3, AT_ONCE).await.unwrap() {
            found.push((id.0, String::from_utf8(record.bytes.to_vec()).unwrap()));
        }
    }
    found
}

fn segment_files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

fn numbered(texts: &[&str]) -> Vec<(u64, String)> {
    (0..).zip(texts.iter().map(|text| (*text).to_owned())).collect()
}

#[tokio::test]
async fn records_are_numbered_and_come_back_after_a_restart() {
    let place = Place::new();
    let spool = place.open(place.settings());
    assert_eq!(spool.intake().submit(one("a")).await.unwrap(), Accepted { first: EventId(0), count: 1 });
    let two = records(["b".to_owned(), "c".to_owned()]);
    assert_eq!(spool.intake().submit(two).await.unwrap(), Accepted { first: EventId(1), count: 2 });
    assert_eq!(read(&spool, "index").await, numbered(&["a", "b", "c"]));
    spool.close().await;
    assert_eq!(spool.intake().submit(one("late")).await, Err(IntakeError::Closed));
    drop(spool);
    let spool = place.open(place.settings());
    assert_eq!(spool.intake().submit(one("d")).await.unwrap().first, EventId(3));
    assert_eq!(read(&spool, "index").await, numbered(&["a", "b", "c", "d"]));
}

#[tokio::test]
async fn a_consumer_that_keeps_up_reads_from_memory_and_waits_for_more() {
    let place = Place::new();
    let spool = place.open(SpoolSettings { recent_bytes_max: 1 << 20, ..place.settings() });
    let mut consumer = spool.reader("index", None).unwrap();
    assert!(consumer.next_batch(10, AT_ONCE).await.unwrap().is_empty());
    let intake = spool.intake();
    let (batch, _) = tokio::join!(consumer.next_batch(10, SOON), intake.submit(one("a")));
    assert_eq!(batch.unwrap().len(), 1);
    for text in ["b", "c", "d", "e"] {
        intake.submit(one(text)).await.unwrap();
    }
    assert_eq!(consumer.next_batch(3, SOON).await.unwrap().len(), 3);
    assert_eq!(read_all(&mut consumer).await, [(4, "e".to_owned())]);
    assert!(matches!(spool.reader("index", None), Err(SpoolError::ConsumerBusy { .. })));
    assert!(matches!(spool.reader("other", Some(EventId(9))), Err(SpoolError::Ahead { .. })));
    assert!(matches!(spool.reader("Other!", None), Err(SpoolError::ConsumerName { .. })));
    drop(consumer);
    let mut again = spool.reader("index", Some(EventId(3))).unwrap();
    assert_eq!(read_all(&mut again).await, [(3, "d".to_owned()), (4, "e".to_owned())]);
}

#[tokio::test]
async fn passed_segments_are_destroyed_and_numbering_goes_on_for_ever() {
    let place = Place::new();
    let small = SpoolSettings { segment_bytes: 1, ..place.settings() };
    let spool = place.open(SpoolSettings { consumers: vec!["index".into(), "detector".into()], ..small.clone() });
    for text in ["a", "b", "c"] {
        spool.intake().submit(one(text)).await.unwrap();
    }
    assert_eq!(spool.segments().len(), 3);
    let mut index = spool.reader("index", None).unwrap();
    index.commit(EventId(3)).await.unwrap();
    assert_eq!(spool.segments().len(), 3, "the detector has not passed");
    let mut detector = spool.reader("detector", None).unwrap();
    detector.commit(EventId(1)).await.unwrap();
    assert_eq!(spool.segments().len(), 2);
    assert_eq!(segment_files(&place.spool_dir(), "key").len(), 2, "the key went too");
    detector.commit(EventId(3)).await.unwrap();
    spool.close().await;
    assert!(segment_files(&place.spool_dir(), "seg").is_empty() && segment_files(&place.spool_dir(), "key").is_empty());
    drop((spool, index, detector));
    fs::remove_file(place.spool_dir().join("index.position")).unwrap();
    fs::remove_file(place.spool_dir().join("detector.position")).unwrap();
    let spool = place.open(small.clone());
    assert_eq!(spool.intake().submit(one("d")).await.unwrap().first, EventId(3));
    assert_eq!(read(&spool, "index").await, [(3, "d".to_owned())]);
    drop(spool);
    fs::remove_dir_all(place.spool_dir()).unwrap();
    let spool = place.open(SpoolSettings { next_id_min: EventId(40), ..small });
    assert_eq!(spool.intake().submit(one("e")).await.unwrap().first, EventId(40));
}

/// They used to take each other's half-written `head` away: a segment that was to be destroyed then stayed, or a consumer
/// was told that its position could not be kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writer_and_consumers_destroy_segments_at_the_same_time() {
    const TOTAL: u64 = 150;
    let place = Place::new();
    let names = ["index", "detector", "edges"];
    let consumers = names.map(str::to_owned).to_vec();
    let spool = place.open(SpoolSettings { segment_bytes: 1, consumers, ..place.settings() });
    let follow = |mut consumer: Consumer| async move {
        while consumer.position() < EventId(TOTAL) {
            let batch = consumer.next_batch(2, SOON).await.unwrap();
            let next = batch.last().map_or(consumer.position(), |(id, _)| EventId(id.0 + 1));
            consumer.commit(next).await.unwrap();
        }
    };
    let following = names.map(|name| tokio::spawn(follow(spool.reader(name, None).unwrap())));
    let intake = spool.intake();
    for number in 0..TOTAL {
        intake.submit(one(&number.to_string())).await.unwrap();
    }
    for one in following {
        one.await.unwrap();
    }
    spool.close().await;
    let dir = place.spool_dir();
    assert_eq!(segment_files(&dir, "seg"), [] as [PathBuf; 0], "every segment was passed");
    assert_eq!(segment_files(&dir, "key"), [] as [PathBuf; 0], "and its key with it");
    assert_eq!(segment_files(&dir, "new"), [] as [PathBuf; 0], "nothing half-written stays");
    assert_eq!(position::read_head(&dir).unwrap(), TOTAL);
    drop(spool);
    assert_eq!(place.open(place.settings()).intake().submit(one("next")).await.unwrap().first, EventId(TOTAL));
}

#[tokio::test]
async fn a_segment_of_age_is_finished_without_new_records() {
    let place = Place::new();
    let spool = place.open(SpoolSettings { segment_age: Duration::ZERO, ..place.settings() });
    spool.intake().submit(one("a")).await.unwrap();
    spool.reader("index", None).unwrap().commit(EventId(1)).await.unwrap();
    tokio::time::timeout(SOON, async {
        while !spool.segments().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}

/// The only segment is the one that is written: it must be given up for there to be room.
#[tokio::test]
async fn a_spool_that_its_current_segment_fills_takes_again() {
    let place = Place::new();
    let spool = place.open(SpoolSettings { bytes_max: 6_000, compress: false, ..place.settings() });
    let intake = spool.intake();
    let text = "x".repeat(500);
    let mut taken = 0;
    while intake.submit(one(&text)).await.is_ok() {
        taken += 1;
    }
    assert!(taken >= 2, "{taken}");
    spool.reader("index", None).unwrap().commit(EventId(taken)).await.unwrap();
    let cancel = CancellationToken::new();
    let stored = tokio::time::timeout(SOON, intake.submit_until_stored(one(&text), &cancel)).await.unwrap();
    assert_eq!(stored.unwrap().first, EventId(taken));
}

#[tokio::test]
async fn a_full_spool_refuses_and_takes_again_when_consumers_have_passed() {
    let place = Place::new();
    let settings = SpoolSettings { bytes_max: 6_000, segment_bytes: 1, compress: false, ..place.settings() };
    let spool = place.open(settings);
    let intake = spool.intake();
    let text = "x".repeat(500);
    let mut taken = 0;
    while intake.submit(one(&text)).await.is_ok() {
        taken += 1;
    }
    assert!((2..10).contains(&taken), "{taken}");
    assert_eq!(intake.submit(one(&text)).await, Err(IntakeError::Full));
    assert!(spool.disk_bytes() <= 6_000);
    let cancel = CancellationToken::new();
    let patient = intake.submit_until_stored(one(&text), &cancel);
    let mut index = spool.reader("index", None).unwrap();
    let (stored, _) = tokio::join!(patient, index.commit(EventId(2)));
    assert_eq!(stored.unwrap().first, EventId(taken));
    let large = one(&"x".repeat(7_000));
    assert!(matches!(intake.submit(large).await, Err(IntakeError::TooLarge { bytes_max: 6_000, .. })));
    let huge = one(&"x".repeat(33 << 20));
    assert!(matches!(intake.submit(huge).await, Err(IntakeError::TooLarge { .. })));
    cancel.cancel();
    assert_eq!(intake.submit_until_stored(one(&"y".repeat(4_000)), &cancel).await, Err(IntakeError::Closed));
}

#[tokio::test]
async fn many_submitters_share_an_fsync() {
    let place = Place::new();
    let faults = Faults::default();
    let spool = faults.open(&place, SpoolSettings { commit_delay: Duration::from_millis(20), ..place.settings() });
    let intake = spool.intake();
    let all = (0..500).map(|number| {
        let intake = intake.clone();
        async move { intake.submit(one(&number.to_string())).await.unwrap().first.0 }
    });
    let mut firsts = futures::future::join_all(all).await;
    firsts.sort_unstable();
    assert_eq!(firsts, (0..500).collect::<Vec<_>>());
    assert!(faults.syncs.load(Ordering::SeqCst) < 50, "{:?} fsyncs", faults.syncs);
}

/// Makes writes, flushes and cuts fail when told to.
#[derive(Debug, Default, Clone)]
struct Faults {
    writes: Arc<AtomicUsize>,
    flushes: Arc<AtomicUsize>,
    cuts: Arc<AtomicUsize>,
    syncs: Arc<AtomicUsize>,
    /// Writes to a file of which a flush had failed.
    distrusted: Arc<AtomicUsize>,
}

/// A file, its faults, and whether a flush of it failed.
struct Failing(fs::File, Faults, bool);

fn due(counter: &AtomicUsize) -> io::Result<()> {
    let left = counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    if left.is_ok() { Err(io::Error::other("injected")) } else { Ok(()) }
}

impl Append for Failing {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.1.distrusted.fetch_add(usize::from(self.2), Ordering::SeqCst);
        if let Err(error) = due(&self.1.writes) {
            Append::write_at(&mut self.0, &bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        Append::write_at(&mut self.0, bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.1.syncs.fetch_add(1, Ordering::SeqCst);
        self.2 |= due(&self.1.flushes).is_err();
        if self.2 {
            return Err(io::Error::other("injected"));
        }
        self.0.sync()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        due(&self.1.cuts)?;
        self.0.cut(len)
    }
}

impl Faults {
    fn open(&self, place: &Place, settings: SpoolSettings) -> Spool {
        let faults = self.clone();
        let appender: writer::MakeAppender = Box::new(move |file, _| Box::new(Failing(file, faults.clone(), false)));
        Spool::open_with(settings, place.sealer.clone(), Arc::new(SystemClock), appender).unwrap()
    }
}

async fn check_faults(writes: usize, flushes: usize, cuts: usize) {
    let place = Place::new();
    let faults = Faults::default();
    let spool = faults.open(&place, place.settings());
    let intake = spool.intake();
    intake.submit(one("kept")).await.unwrap();
    faults.writes.store(writes, Ordering::SeqCst);
    faults.flushes.store(flushes, Ordering::SeqCst);
    faults.cuts.store(cuts, Ordering::SeqCst);
    let mut refused = 0;
    while let Err(error) = intake.submit(one("new")).await {
        assert!(matches!(error, IntakeError::Storage { .. }), "{error}");
        assert!(spool.trouble().is_some());
        refused += 1;
    }
    assert!(refused > 0 && spool.trouble().is_none());
    assert_eq!(faults.distrusted.load(Ordering::SeqCst), 0, "what the kernel has of that file is not known any more");
    let expected = numbered(&["kept", "new"]);
    assert_eq!(read(&spool, "index").await, expected, "what was refused is not there");
    spool.close().await;
    drop(spool);
    assert_eq!(read(&place.open(place.settings()), "index").await, expected);
}

#[tokio::test]
async fn a_failing_disk_refuses_and_recovers() {
    check_faults(1, 0, 0).await;
    check_faults(0, 1, 0).await;
    check_faults(3, 0, 2).await;
    check_faults(0, 2, 3).await;
}

#[tokio::test]
async fn a_torn_tail_is_cut_off_wherever_it_is_torn() {
    let place = Place::new();
    let spool = place.open(place.settings());
    let texts = ["first", "second", "third", "fourth"];
    let mut ends = Vec::new();
    for text in texts {
        spool.intake().submit(one(text)).await.unwrap();
        ends.push(fs::metadata(&segment_files(&place.spool_dir(), "seg")[0]).unwrap().len());
    }
    spool.close().await;
    drop(spool);
    let whole = fs::read(&segment_files(&place.spool_dir(), "seg")[0]).unwrap();
    for cut in 0..=whole.len() {
        let kept = ends.iter().filter(|&&end| end <= cut as u64).count();
        // Every byte takes long in the dev profile: the neighbourhood of the frames' ends, and one in seven.
        if cut % 7 != 0 && !ends.iter().any(|&end| end.abs_diff(cut as u64) <= 2) {
            continue;
        }
        let path = place.spool_dir().join(format!("{:020}.seg", 0));
        fs::write(&path, &whole[..cut]).unwrap();
        let key = fs::read(path.with_extension("key")).unwrap();
        let spool = place.open(place.settings());
        assert_eq!(spool.report().next, EventId(kept as u64), "cut at {cut}");
        let torn = if cut < 44 { 0 } else { cut as u64 - ends[..kept].last().copied().unwrap_or(44) };
        assert_eq!(spool.report().torn_bytes, torn, "cut at {cut}");
        assert!(spool.report().damaged.is_empty());
        assert_eq!(read(&spool, "index").await, numbered(&texts[..kept]), "cut at {cut}");
        drop(spool);
        for file in fs::read_dir(place.spool_dir()).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        fs::write(path.with_extension("key"), key).unwrap();
    }
}

#[tokio::test]
async fn a_damaged_frame_is_skipped_and_reported_and_the_rest_is_kept() {
    let place = Place::new();
    let spool = place.open(place.settings());
    let mut ends = vec![44];
    for text in ["first", "second", "third"] {
        spool.intake().submit(one(text)).await.unwrap();
        ends.push(fs::metadata(&segment_files(&place.spool_dir(), "seg")[0]).unwrap().len());
    }
    spool.close().await;
    let path = segment_files(&place.spool_dir(), "seg").remove(0);
    let whole = fs::read(&path).unwrap();
    for place_of_damage in [ends[1] + 3, ends[1] + 20, ends[2] - 4] {
        let mut bytes = whole.clone();
        bytes[place_of_damage as usize] ^= 1;
        fs::write(&path, bytes).unwrap();
        let expected = [(0, "first".to_owned()), (2, "third".to_owned())];
        assert_eq!(read(&spool, "index").await, expected, "damaged while it is open");
    }
    drop(spool);
    let spool = place.open(place.settings());
    assert_eq!(spool.report().damaged, [(EventId(1), EventId(2))]);
    assert_eq!(read(&spool, "index").await.len(), 2);
    assert_eq!(spool.intake().submit(one("fourth")).await.unwrap().first, EventId(3));
}

#[tokio::test]
async fn a_held_spool_takes_nothing_but_what_is_reserved() {
    let place = Place::new();
    let spool = place.open(place.settings());
    let intake = spool.intake();
    intake.submit(one("before")).await.unwrap();
    spool.hold(true);
    assert_eq!(intake.submit(one("refused")).await, Err(IntakeError::Full));
    assert_eq!(intake.reserved().submit(one("why")).await.unwrap().first, EventId(1));
    let cancel = CancellationToken::new();
    let patient = intake.submit_until_stored(one("after"), &cancel);
    let (stored, ()) = tokio::join!(patient, async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        spool.hold(false);
    });
    assert_eq!(stored.unwrap().first, EventId(2));
    assert_eq!(read(&spool, "index").await, numbered(&["before", "why", "after"]));
}

/// Three segments with a record each; `damage` is done to the files of the one with this number.
async fn check_damaged_segment(number: u64, damage: impl Fn(&Path, &Path)) -> (Result<Spool, SpoolError>, Place) {
    let place = Place::new();
    let settings = SpoolSettings { segment_bytes: 1, key_is_proven: true, ..place.settings() };
    let spool = place.open(settings.clone());
    for text in ["a", "b", "c"] {
        spool.intake().submit(one(text)).await.unwrap();
    }
    spool.close().await;
    drop(spool);
    let path = place.spool_dir().join(format!("{number:020}.seg"));
    damage(&path, &path.with_extension("key"));
    (Spool::open(settings, place.sealer.clone(), Arc::new(SystemClock)), place)
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x40;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_segment_of_which_nothing_can_be_read_is_set_aside() {
    let (spool, place) = check_damaged_segment(1, |segment, _| flip(segment, 20)).await;
    let spool = spool.unwrap();
    assert_eq!((spool.report().damaged.as_slice(), spool.damaged().len()), ([(EventId(1), EventId(2))].as_slice(), 1));
    assert_eq!(read(&spool, "index").await, [(0, "a".to_owned()), (2, "c".to_owned())]);
    assert_eq!(segment_files(&place.spool_dir(), "damaged").len(), 2);
    assert_eq!(spool.damaged().len(), 1, "told once");

    // The last one: what its frames say of numbers is believed, so that none is given twice.
    let (spool, _place) = check_damaged_segment(2, |segment, _| flip(segment, 20)).await;
    let spool = spool.unwrap();
    assert_eq!(spool.report().damaged, [(EventId(2), EventId(3))]);
    assert_eq!(spool.intake().submit(one("d")).await.unwrap().first, EventId(3));

    let (spool, _place) = check_damaged_segment(0, |_, key| flip(key, 30)).await;
    assert_eq!(spool.unwrap().report().damaged, [(EventId(0), EventId(1))]);
    let (spool, _place) = check_damaged_segment(0, |segment, _| fs::write(segment, b"MSsp").unwrap()).await;
    assert_eq!(spool.unwrap().report().damaged, [(EventId(0), EventId(1))]);
}

#[tokio::test]
async fn a_segment_of_a_newer_program_is_refused() {
    let newer = |segment: &Path, _: &Path| {
        let mut bytes = fs::read(segment).unwrap();
        bytes[7] = b'2';
        fs::write(segment, bytes).unwrap();
    };
    let (spool, place) = check_damaged_segment(1, newer).await;
    let error = spool.unwrap_err();
    assert!(matches!(error, SpoolError::Foreign { .. }), "{error}");
    assert!(segment_files(&place.spool_dir(), "damaged").is_empty());
}

#[tokio::test]
async fn a_spool_begins_where_it_is_told() {
    let place = Place::new();
    begin(&place.spool_dir(), EventId(1 << 40)).unwrap();
    assert!(begin(&place.spool_dir(), EventId(7)).is_err(), "there is one already");
    let spool = place.open(place.settings());
    assert_eq!(spool.next_id(), EventId(1 << 40));
    assert_eq!(spool.intake().submit(one("first")).await.unwrap().first, EventId(1 << 40));
    assert_eq!(read(&spool, "index").await, [(1 << 40, "first".to_owned())]);
}

#[tokio::test]
async fn nobody_else_opens_or_reads_it() {
    let (place, other) = (Place::new(), Place::new());
    let spool = place.open(place.settings());
    spool.intake().submit(one("a very secret line")).await.unwrap();
    let again = Spool::open(place.settings(), place.sealer.clone(), Arc::new(SystemClock));
    assert!(matches!(again, Err(SpoolError::Locked { .. })));
    spool.close().await;
    drop(spool);
    for file in segment_files(&place.spool_dir(), "seg") {
        assert!(memchr::memmem::find(&fs::read(file).unwrap(), b"secret").is_none());
    }
    let wrong = Spool::open(place.settings(), other.sealer.clone(), Arc::new(SystemClock));
    assert!(matches!(wrong, Err(SpoolError::Key { .. })));
    fs::remove_file(&segment_files(&place.spool_dir(), "key")[0]).unwrap();
    let spool = place.open(place.settings());
    assert_eq!(spool.report().keyless, [EventId(0)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn batches_restarts_and_torn_tails_lose_nothing_acknowledged(
        steps in proptest::collection::vec((1..40usize, 0..300usize, 0..4u8, any::<u8>()), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let place = Place::new();
            let settings = SpoolSettings { segment_bytes: 2_000, ..place.settings() };
            let mut spool = place.open(settings.clone());
            let mut expected = Vec::new();
            for (count, len, restart, tear) in steps {
                let texts: Vec<String> = (0..count).map(|number| format!("{number}{}", "x".repeat(len))).collect();
                let accepted = spool.intake().submit(records(texts.clone())).await.unwrap();
                prop_assert_eq!(accepted.first.0, expected.len() as u64);
                expected.extend(texts);
                if restart == 0 {
                    spool.close().await;
                    drop(spool);
                    // What a crash may leave behind the last acknowledged frame.
                    let last = segment_files(&place.spool_dir(), "seg").pop().unwrap();
                    let mut bytes = fs::read(&last).unwrap();
                    bytes.extend((0..tear).map(|byte| if byte % 5 == 0 { b'M' } else { byte }));
                    fs::write(&last, bytes).unwrap();
                    spool = place.open(settings.clone());
                    prop_assert_eq!(spool.report().torn_bytes, u64::from(tear));
                }
            }
            let found: Vec<_> = read(&spool, "index").await.into_iter().map(|(_, text)| text).collect();
            prop_assert_eq!(found, expected);
            Ok(())
        })?;
    }
}

//! Local logs: entries of the journal, files through rotation and truncation.

use std::fs;
use std::io::Write;

use event::{EventId, SystemClock, Timestamp};
use keys::{KeySource, Keyring};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::sites::{AttributionSettings, Sites};
use crate::spool::{Consumer, Spool, SpoolSettings};

fn check(line: &str, expected: &str, own: bool) {
    let entry = entry(line.as_bytes(), 1_000);
    assert_eq!((String::from_utf8_lossy(&entry.message).as_ref(), entry.own), (expected, own), "{line}");
}

#[test]
fn entries_become_syslog_messages() {
    check(
        r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1793664000123456","_HOSTNAME":"web 1","SYSLOG_IDENTIFIER":"sshd","_PID":"7","PRIORITY":"5","SYSLOG_FACILITY":"10","MESSAGE":"Failed password for root"}"#,
        "<85>1 2026-11-03T00:00:00.123456Z web1 sshd 7 - - Failed password for root",
        false,
    );
    check(r#"{"MESSAGE":[104,105,255]}"#, "<30>1 - - - - - - hi\u{fffd}", false);
    check(r#"{"MESSAGE":null,"_COMM":"metrosoc"}"#, "<30>1 - - metrosoc - - - ", true);
    check(r#"{"MESSAGE":"x","SYSLOG_IDENTIFIER":"metrosoc","_COMM":"logger"}"#, "<30>1 - - metrosoc - - - x", false);
    check(r#"{"MESSAGE":"x","_SYSTEMD_UNIT":"metrosoc.service"}"#, "<30>1 - - - - - - x", true);
    check("not an entry", "not an entry", false);
    assert_eq!(entry(br#"{"__CURSOR":"s=1"}"#, 10).cursor.as_deref(), Some("s=1"));
}

proptest! {
    #[test]
    fn any_line_is_an_entry(line in proptest::collection::vec(any::<u8>(), 0..200), json in r#"\{"(MESSAGE|PRIORITY|_PID)":["\[\]0-9a-z,]{0,20}\}"#) {
        entry(&line, 50);
        prop_assert!(entry(json.as_bytes(), 50).message.len() <= 200);
    }
}

struct House {
    dir: TempDir,
    _store: store::testing::TestStore,
    spool: Spool,
    consumer: Consumer,
    sink: Sink,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir_all(data.join("state")).unwrap();
        fs::create_dir(dir.path().join("log")).unwrap();
        let keyring = Keyring::open(&KeySource::File(dir.path().join("key")), &data).unwrap();
        let settings = SpoolSettings::new(data.join("spool"));
        let spool = Spool::open(settings, keyring.sealer("spool").unwrap(), Arc::new(SystemClock)).unwrap();
        let consumer = spool.reader("test", None).unwrap();
        let store = store::testing::sqlite().await.unwrap();
        let sites = Arc::new(Sites::open(store.store().clone(), Arc::new(SystemClock)).await.unwrap());
        let attribution = Arc::new(Attribution::new(sites, AttributionSettings::default()));
        let sink = Sink { intake: spool.intake(), attribution, cancel: CancellationToken::new() };
        Self { dir, _store: store, spool, consumer, sink }
    }

    fn settings(&self) -> LocalSettings {
        let data = self.dir.path().join("data");
        LocalSettings {
            log_dir: self.dir.path().join("log"),
            journal_dirs: vec![self.dir.path().join("none")],
            first_lines: 2,
            ..LocalSettings::new(data.join("state"))
        }
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log/syslog")
    }

    fn write(&self, text: &str) {
        fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap().write_all(text.as_bytes()).unwrap();
    }

    async fn check(&mut self, tail: &mut tail::Tail, expected: &[&str]) {
        tail.read(&self.sink).await.unwrap();
        let mut found = Vec::new();
        while self.consumer.behind() > 0 {
            let batch = self.consumer.next_batch(100, Duration::from_secs(1)).await.unwrap();
            found.extend(batch.into_iter().map(|(_, record)| String::from_utf8_lossy(&record.bytes).into_owned()));
        }
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_file_is_followed_through_rotation_truncation_and_restart() {
    let mut house = House::new().await;
    let settings = house.settings();
    let mut tail = tail::Tail::new(&house.log(), &settings, &house.sink);
    house.check(&mut tail, &[]).await;
    house.write("one\ntwo\nthree\n");
    house.check(&mut tail, &["two", "three"]).await;
    house.write("four\nhalf");
    house.check(&mut tail, &["four"]).await;
    house.write(" done\nNov  3 10:00:00 host metrosoc[1]: about ourselves\n");
    house.check(&mut tail, &["half done"]).await;
    house.write("before rotation\nno end");
    fs::rename(house.log(), house.log().with_extension("1")).unwrap();
    house.write("after rotation\n");
    house.check(&mut tail, &["before rotation", "no end", "after rotation"]).await;
    fs::write(house.log(), "fresh\n").unwrap();
    house.check(&mut tail, &["fresh"]).await;
    house.write("unread\nunfinished");
    drop(tail);
    let mut tail = tail::Tail::new(&house.log(), &settings, &house.sink);
    house.check(&mut tail, &["unread"]).await;
    drop(tail);
    house.write(" finished\n");
    let mut tail = tail::Tail::new(&house.log(), &settings, &house.sink);
    house.check(&mut tail, &["unfinished finished"]).await;
}

/// Entries as `journalctl` writes them, each with a cursor of its number.
fn entries(numbers: std::ops::Range<u32>) -> String {
    let entry = |number| format!("{{\"__CURSOR\":\"s={number}\",\"_COMM\":\"sshd\",\"MESSAGE\":\"entry {number}\"}}\n");
    numbers.map(entry).collect()
}

#[tokio::test]
async fn a_run_that_was_killed_before_its_checkpoint_stores_no_entry_twice() {
    let mut house = House::new().await;
    let settings = house.settings();
    let cursor = journal::cursor_path(&settings);
    assert_eq!(journal::place(&settings), ["--lines=2"]);
    let mut resume = journal::resume(&settings, &house.spool).await.unwrap();
    journal::read_all(entries(0..5).as_bytes(), &settings, &house.sink, &mut resume).await.unwrap();
    assert_eq!(journal::place(&settings), ["--after-cursor=s=4", "--lines=all"]);
    drop(resume);

    // The spool has entries 5 to 7, then those of somebody else; the checkpoint does not say so.
    let mut resume = journal::resume(&settings, &house.spool).await.unwrap();
    let checkpoint = fs::read(&cursor).unwrap();
    journal::read_all(entries(5..8).as_bytes(), &settings, &house.sink, &mut resume).await.unwrap();
    fs::write(&cursor, checkpoint).unwrap();
    drop(resume);
    let record = Record::new(house.sink.lane("other").origin.clone(), Timestamp::from_secs(1), "other");
    house.sink.intake.submit(vec![record]).await.unwrap();
    assert_eq!(journal::place(&settings), ["--after-cursor=s=4", "--lines=all"]);
    let mut resume = journal::resume(&settings, &house.spool).await.unwrap();
    assert_eq!(journal::place(&settings), ["--after-cursor=s=7", "--lines=all"]);
    // Also where the checkpoint is gone altogether.
    fs::remove_file(&cursor).unwrap();
    drop(resume);
    resume = journal::resume(&settings, &house.spool).await.unwrap();
    assert_eq!(journal::place(&settings), ["--after-cursor=s=7", "--lines=all"]);

    journal::read_all(entries(8..9).as_bytes(), &settings, &house.sink, &mut resume).await.unwrap();
    let mut found = Vec::new();
    while house.consumer.behind() > 0 {
        let batch = house.consumer.next_batch(100, Duration::from_secs(1)).await.unwrap();
        found.extend(batch.into_iter().map(|(_, record)| String::from_utf8_lossy(&record.bytes).into_owned()));
    }
    let numbers: Vec<&str> = found.iter().filter_map(|line| line.rsplit_once(' ')).map(|(_, number)| number).collect();
    assert_eq!(numbers, ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
    assert_eq!(found.len(), 10);

    // What is in the checkpoint the next start does not look for, and the spool need not keep.
    resume.settle(Duration::ZERO).await;
    drop(resume);
    let (_, cursor) = resume::Resume::open(&house.spool).await.unwrap();
    assert_eq!(cursor, None);
    // Where the journal is not followed any more nothing is kept for it.
    without_journal(&house.spool).unwrap();
    assert_eq!(house.spool.reader("journal", Some(house.spool.next_id())).unwrap().behind(), 0);
}

#[tokio::test]
async fn a_machine_without_a_log_says_so() {
    let house = House::new().await;
    let settings = house.settings();
    let LocalLog::Nothing(reason) = LocalLog::find(&settings).await else { panic!("there is no log") };
    assert!(reason.starts_with("this machine has no log to read: there is no journal, and `"), "{reason}");
    house.write("x\n");
    assert_eq!(LocalLog::find(&settings).await, LocalLog::Files(vec![house.log()]));
    assert!(SAMPLE.lines().count() > 10 && SAMPLE.lines().all(|line| line.starts_with('<')));
    assert_eq!(house.spool.next_id(), EventId(0));
}

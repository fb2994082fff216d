//! Real files, written as programs and rotation write them.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use event::SystemClock;
use keys::{KeySource, Keyring};
use tempfile::TempDir;

use super::*;
use crate::sites::{AttributionSettings, Sites};
use crate::spool::{Consumer, Spool, SpoolSettings};

struct House {
    dir: TempDir,
    _store: store::testing::TestStore,
    spool: Arc<Spool>,
    consumer: Consumer,
    sink: Option<TailSink>,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir_all(&data).unwrap();
        fs::create_dir(dir.path().join("log")).unwrap();
        let keyring = Keyring::open(&KeySource::File(dir.path().join("key")), &data).unwrap();
        let settings = SpoolSettings::new(data.join("spool"));
        let spool = Arc::new(Spool::open(settings, keyring.sealer("spool").unwrap(), Arc::new(SystemClock)).unwrap());
        let consumer = spool.reader("test", None).unwrap();
        let store = store::testing::sqlite().await.unwrap();
        let sites = Arc::new(Sites::open(store.store().clone(), Arc::new(SystemClock)).await.unwrap());
        let attribution = Arc::new(Attribution::new(sites, AttributionSettings::default()));
        let sealer = keyring.sealer("identities").unwrap();
        let opened = Identities::open(data.join("identities"), sealer, Arc::clone(&spool), Arc::new(SystemClock)).await;
        let (identities, _) = opened.unwrap();
        let sink = TailSink { intake: spool.intake(), attribution, identities, cancel: CancellationToken::new() };
        Self { dir, _store: store, spool, consumer, sink: Some(sink) }
    }

    /// A tail as after a start, of everything that ends in `.log`.
    fn tail(&mut self) -> Tail {
        let paths = vec![format!("{}/log/*.log", self.dir.path().display())];
        let settings =
            TailSettings { paths, site: SiteId::local(), line_bytes_max: 1_024, look_every: Duration::from_secs(1) };
        Tail::new(settings, self.sink.take().unwrap())
    }

    fn log(&self, name: &str) -> PathBuf {
        self.dir.path().join("log").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.log(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    async fn check(&mut self, tail: &mut Tail, expected: &[&str]) {
        tail.look().await.unwrap();
        let mut found = Vec::new();
        while self.consumer.behind() > 0 {
            let batch = self.consumer.next_batch(100, Duration::from_secs(1)).await.unwrap();
            found.extend(batch.into_iter().map(|(_, record)| String::from_utf8_lossy(&record.bytes).into_owned()));
        }
        assert_eq!(found, expected);
    }

    /// The server ends and starts again.
    fn restart(&mut self, tail: Tail) -> Tail {
        self.sink = Some(tail.sink);
        self.tail()
    }
}

#[tokio::test]
async fn lines_are_taken_once_through_rotation_and_restart() {
    let mut house = House::new().await;
    let mut tail = house.tail();
    house.write("a.log", "one\ntwo\r\n\nhalf");
    house.check(&mut tail, &["one", "two"]).await;
    house.check(&mut tail, &[]).await;
    let mut tail = house.restart(tail);
    house.write("a.log", " done\nNov  3 10:00:00 host metrosoc[1]: about ourselves\n");
    house.check(&mut tail, &["half done"]).await;
    house.write("a.log", "before rotation\n");
    fs::rename(house.log("a.log"), house.log("a.log.1")).unwrap();
    house.write("a.log", "after rotation\n");
    house.check(&mut tail, &["before rotation", "after rotation"]).await;
    // The program still has the old file open, and writes on.
    house.write("a.log.1", "late\n");
    house.check(&mut tail, &["late"]).await;
    let mut tail = house.restart(tail);
    house.write("a.log", "unread\n");
    fs::rename(house.log("a.log"), house.log("a.log.2")).unwrap();
    house.write("a.log", "fresh\n");
    house.check(&mut tail, &["unread", "fresh"]).await;
    assert_eq!(house.spool.next_id().0, 8);
}

#[tokio::test]
async fn truncation_and_reuse_begin_anew() {
    let mut house = House::new().await;
    let mut tail = house.tail();
    house.write("a.log", "one\ntwo\n");
    house.check(&mut tail, &["one", "two"]).await;
    fs::write(house.log("a.log"), "three\n").unwrap();
    house.check(&mut tail, &["three"]).await;
    // As long as before or longer, and not the same.
    fs::write(house.log("a.log"), "eleven\nfour\n").unwrap();
    house.check(&mut tail, &["eleven", "four"]).await;
    let mut tail = house.restart(tail);
    fs::write(house.log("a.log"), "ELEVEN\nfour\nfive\n").unwrap();
    house.check(&mut tail, &["ELEVEN", "four", "five"]).await;
    // The file goes, and another may get its number.
    fs::remove_file(house.log("a.log")).unwrap();
    house.write("b.log", "of another\n");
    house.check(&mut tail, &["of another"]).await;
}

#[tokio::test]
async fn long_lines_are_cut_and_packed_files_left_out() {
    let mut house = House::new().await;
    let mut tail = house.tail();
    house.write("a.log", &format!("{}\nshort\n", "x".repeat(600_000)));
    house.write("b.log.gz", "packed\n");
    fs::write(house.log("c.log"), [0x1f, 0x8b, 8, 0, b'\n', b'\n']).unwrap();
    let cut = "x".repeat(1_024);
    house.check(&mut tail, &[&cut, "short"]).await;
    house.write("a.log", &"y".repeat(300_000));
    house.check(&mut tail, &[]).await;
    house.write("a.log", &"y".repeat(300_000));
    house.check(&mut tail, &[]).await;
    house.write("a.log", "\nend\n");
    let cut = "y".repeat(1_024);
    house.check(&mut tail, &[&cut, "end"]).await;
}

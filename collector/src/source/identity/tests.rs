//! What is known lives through ends of every kind, and no longer than it should.

use event::{KnownBy, Origin, SiteId, SourceId, SystemClock, Transport};
use keys::{KeySource, Keyring};
use tempfile::TempDir;

use super::*;
use crate::spool::SpoolSettings;

fn entry(name: &str, content: &str) -> Entry {
    Entry::new(Identity::of(&[b"test", name.as_bytes()]), check(content.as_bytes()))
}

fn record(text: &str, dedupe: String) -> Record {
    let origin = Origin {
        site: SiteId::local(),
        agency: None,
        known_by: KnownBy::Operator,
        source: SourceId::of(Transport::Http, "test"),
        transport: Transport::Http,
        peer: None,
    };
    let record = Record::new(Arc::new(origin), Timestamp::from_secs(1), text.to_owned());
    Record { dedupe: Some(dedupe), ..record }
}

struct House {
    dir: TempDir,
    keyring: Keyring,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        let keyring = Keyring::open(&KeySource::File(dir.path().join("key")), &dir.path().join("data")).unwrap();
        Self { dir, keyring }
    }

    async fn open(&self) -> (Arc<Spool>, Arc<Identities>, Writer) {
        let data = self.dir.path().join("data");
        let settings = SpoolSettings::new(data.join("spool"));
        let spool = Spool::open(settings, self.keyring.sealer("spool").unwrap(), Arc::new(SystemClock)).unwrap();
        let (spool, sealer) = (Arc::new(spool), self.keyring.sealer("identities").unwrap());
        let opened = Identities::open(data.join("identities"), sealer, Arc::clone(&spool), Arc::new(SystemClock)).await;
        let (identities, writer) = opened.unwrap();
        (spool, identities, writer)
    }
}

/// Stores an entry that is fresh; gives the verdict, and the claim that was not told of its end.
async fn begin(spool: &Spool, identities: &Arc<Identities>, entry: Entry) -> (Verdict, Claim) {
    let (verdicts, claim) = identities.claim(vec![entry]);
    if verdicts[0] == Verdict::Fresh {
        spool.intake().submit(vec![record("x", note(&[entry]))]).await.unwrap();
    }
    (verdicts[0], claim)
}

async fn store(spool: &Spool, identities: &Arc<Identities>, entry: Entry) -> Verdict {
    let (verdict, claim) = begin(spool, identities, entry).await;
    claim.stored();
    verdict
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_known_after_every_kind_of_end() {
    let house = House::new();
    let (a, b, c, other) = (entry("a", "1"), entry("b", "1"), entry("c", "1"), entry("a", "2"));
    let (spool, identities, mut writer) = house.open().await;
    assert_eq!(store(&spool, &identities, a).await, Verdict::Fresh);
    assert_eq!(store(&spool, &identities, a).await, Verdict::Same);
    assert_eq!(store(&spool, &identities, other).await, Verdict::Other(a.check));
    writer.write().await;
    // Stored, and the process ends before that is known: what is written down must not pass it.
    let (verdict, claim) = begin(&spool, &identities, b).await;
    assert_eq!(verdict, Verdict::Fresh);
    let (verdicts, _busy) = identities.claim(vec![b]);
    assert_eq!(verdicts, [Verdict::Busy]);
    writer.write().await;
    spool.close().await;
    drop((spool, identities, writer, claim, _busy));

    let (spool, identities, mut writer) = house.open().await;
    for known in [a, b] {
        assert_eq!(store(&spool, &identities, known).await, Verdict::Same);
    }
    writer.write().await;
    spool.close().await;
    drop((spool, identities, writer));
    // The spool is gone, and what was written is still known; a torn write behind it does no harm.
    std::fs::remove_dir_all(house.dir.path().join("data/spool")).unwrap();
    let path = house.dir.path().join("data/identities/newer");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(&[200, 0, 0, 0, 1, 2, 3]);
    std::fs::write(&path, bytes).unwrap();
    let (spool, identities, mut writer) = house.open().await;
    assert_eq!(store(&spool, &identities, b).await, Verdict::Same);
    assert_eq!(store(&spool, &identities, c).await, Verdict::Fresh);
    writer.write().await;
    spool.close().await;
    drop((spool, identities, writer));
    let (spool, identities, _writer) = house.open().await;
    assert_eq!(store(&spool, &identities, c).await, Verdict::Same);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_stored_is_not_known() {
    let house = House::new();
    let (_spool, identities, _writer) = house.open().await;
    let (first, second) = (entry("a", "1"), entry("b", "1"));
    let (verdicts, claim) = identities.claim(vec![first, second, first, entry("a", "2")]);
    assert_eq!(verdicts, [Verdict::Fresh, Verdict::Fresh, Verdict::Same, Verdict::Other(first.check)]);
    drop(claim);
    let (verdicts, claim) = identities.claim(vec![first, Entry { lasting: false, ..second }]);
    assert_eq!(verdicts, [Verdict::Fresh, Verdict::Fresh]);
    claim.stored();
    let (verdicts, _claim) = identities.claim(vec![first, second]);
    assert_eq!(verdicts, [Verdict::Same, Verdict::Fresh], "what does not last is not remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_known_by_what_their_records_say() {
    let house = House::new();
    let (spool, identities, mut writer) = house.open().await;
    let (file, other) = (FileId { device: 1, inode: 7 }, FileId { device: 1, inode: 8 });
    let place = |offset| Place { offset, head: 99 };
    let (_, claim) = identities.claim(Vec::new());
    spool.intake().submit(vec![record("x", file_note(file, place(100)))]).await.unwrap();
    claim.stored_file(file, place(100));
    writer.write().await;
    let (_, claim) = identities.claim(Vec::new());
    spool
        .intake()
        .submit(vec![record("y", file_note(file, place(200))), record("z", file_note(other, place(5)))])
        .await
        .unwrap();
    spool.close().await;
    drop((spool, identities, writer, claim));
    let (_spool, identities, _writer) = house.open().await;
    assert_eq!((identities.file_place(file), identities.file_place(other)), (Some(place(200)), Some(place(5))));
}

#[test]
fn generations_are_bounded() {
    let mut known = known::Known::default();
    let of = |number: usize| Entry::new(Identity::of(&[&number.to_le_bytes()]), 1);
    for number in 0..2 * known::GENERATION_MAX + 1 {
        known.insert(of(number));
    }
    let (verdicts, _) = known.claim(vec![of(0), of(known::GENERATION_MAX), of(2 * known::GENERATION_MAX)]);
    assert_eq!(verdicts, [Verdict::Fresh, Verdict::Same, Verdict::Same]);
}

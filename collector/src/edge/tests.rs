//! Batches read back, and what is sent again is stored once, over a server that is opened anew.

use std::path::Path;
use std::sync::Arc;

use event::{Clock, EventId, KnownBy, Origin, SiteId, SourceId, SystemClock, Timestamp, Transport};
use keys::{KeySource, Keyring};
use proptest::prelude::*;
use store::Store;

use super::*;
use crate::sites::{Attribution, AttributionSettings, Sites};
use crate::spool::{Spool, SpoolSettings};
use crate::{Format, Record};

const STREAM: StreamId = StreamId([7; 16]);

fn origin(number: u8) -> Arc<Origin> {
    Arc::new(Origin {
        site: SiteId::unknown(),
        agency: None,
        known_by: KnownBy::Unknown,
        source: SourceId::of(Transport::SyslogUdp, &format!("10.0.0.{number}")),
        transport: Transport::SyslogUdp,
        peer: Some([10, 0, 0, number].into()),
    })
}

fn lines(sequences: impl Iterator<Item = u64>) -> Vec<(EventId, Record)> {
    let origin = origin(5);
    let record = |at: u64| {
        let text = format!("<14>Nov  3 10:00:00 host app: line {at}");
        Record::new(Arc::clone(&origin), Timestamp::from_secs(at.cast_signed()), text).with_format(Format::Syslog)
    };
    sequences.map(|at| (EventId(at), record(at))).collect()
}

fn batch(priority: Priority, sequences: impl Iterator<Item = u64>) -> Batch {
    Batch::decode(&encode(STREAM, priority, &lines(sequences)).unwrap()).unwrap()
}

fn packed(raw: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(raw, 1).unwrap()
}

#[test]
fn bounds_hold() {
    let too_large = |what, max| Err(BatchFault::TooLarge { what, max });
    assert_eq!(Batch::decode(&packed(&vec![0; 9 << 20])), too_large("bytes", 8 << 20), "a bomb is not unpacked");
    assert_eq!(Batch::decode(&vec![0; BODY_BYTES_MAX + 1]), too_large("bytes", BODY_BYTES_MAX));
    assert_eq!(Batch::decode(b"not zstd"), Err(BatchFault::Compression));
    let good = encode(STREAM, Priority::Urgent, &lines(0..3)).unwrap();
    assert_eq!(Batch::decode(good.get(..good.len() - 4).unwrap()), Err(BatchFault::Compression));
    assert!(matches!(encode(STREAM, Priority::Urgent, &lines(0..10_001)), Err(BatchFault::TooLarge { .. })));
    assert!(matches!(Batch::decode(&packed(b"MSe2")), Err(BatchFault::Form { .. })), "another version is refused");
    let mut many = [b"MSe1".as_slice(), &[0], &[7; 16], &[0]].concat();
    many.extend([0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert_eq!(Batch::decode(&packed(&many)), too_large("records", RECORDS_MAX));
}

#[test]
fn sequences_must_grow() {
    let mut twice = lines(4..6);
    twice[1].0 = EventId(4);
    assert!(matches!(Batch::decode(&encode(STREAM, Priority::Urgent, &twice).unwrap()), Err(BatchFault::Form { .. })));
}

proptest! {
    #[test]
    fn batches_come_back(
        first in 0..1_u64 << 40,
        rows in prop::collection::vec((1..1_000_u64, any::<i64>(), any::<u8>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..40),
        urgent: bool,
    ) {
        let origins: Vec<_> = (0..4).map(origin).collect();
        let mut sequence = first;
        let mut records = Vec::new();
        for (step, nanos, via, truncated, bytes) in rows {
            sequence += step;
            let record = Record::new(Arc::clone(&origins[usize::from(via % 4)]), Timestamp::from_nanos(nanos), bytes);
            records.push((EventId(sequence), Record { truncated, ..record.with_format(Format::Line) }));
        }
        let priority = if urgent { Priority::Urgent } else { Priority::Ordinary };
        let found = Batch::decode(&encode(STREAM, priority, &records).unwrap()).unwrap();
        prop_assert_eq!((found.stream, found.priority, found.records.len()), (STREAM, priority, records.len()));
        for (shipped, (id, record)) in found.records.iter().zip(&records) {
            let via = &found.origins[shipped.via];
            prop_assert_eq!((shipped.sequence, shipped.received, &shipped.bytes), (id.0, record.received, &record.bytes));
            prop_assert_eq!((shipped.format, shipped.truncated), (record.format, record.truncated));
            prop_assert_eq!((via.transport, via.source.as_str(), via.peer), (record.origin.transport, record.origin.source.as_str(), record.origin.peer));
        }
    }

    #[test]
    fn garbage_never_panics(raw in prop::collection::vec(any::<u8>(), 0..400), plain: bool) {
        let raw = [b"MSe1".as_slice(), &[0], &raw].concat();
        let _ = Batch::decode(&if plain { raw } else { packed(&raw) });
    }

    #[test]
    fn mangled_batches_never_panic(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let good = encode(STREAM, Priority::Urgent, &lines(0..20)).unwrap();
        let mut raw = zstd::bulk::decompress(&good, 1 << 20).unwrap();
        let at = at.index(raw.len());
        raw[at] ^= 1 << bit;
        let _ = Batch::decode(&packed(&raw));
    }
}

/// A server's spool, database and register.
struct Bench {
    edges: Arc<Edges>,
    spool: Arc<Spool>,
    site: SiteId,
}

impl Bench {
    async fn open(folder: &Path) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let data = folder.join("data");
        std::fs::create_dir_all(&data).unwrap();
        let keyring = Keyring::open(&KeySource::File(folder.join("data.key")), &data).unwrap();
        let store = Store::open(&format!("sqlite://{}", data.join("db.sqlite").display())).await.unwrap();
        let consumers = vec!["pipeline".to_owned(), CONSUMER.to_owned()];
        let settings = SpoolSettings { consumers, ..SpoolSettings::new(data.join("spool")) };
        let spool = Arc::new(Spool::open(settings, keyring.sealer("spool").unwrap(), Arc::clone(&clock)).unwrap());
        let sites = Arc::new(Sites::open(store.clone(), clock).await.unwrap());
        let attribution = Arc::new(Attribution::new(sites, AttributionSettings::default()));
        let edges = Edges::open(store, Arc::clone(&spool), attribution).await.unwrap();
        Self { edges, spool, site: SiteId::new("hcm-a").unwrap() }
    }

    async fn send(&self, batch: Batch, stored: usize, resent: usize, acknowledged: u64) {
        let receipt = self.edges.accept(&self.site, batch).await.unwrap();
        assert_eq!(receipt, Receipt { acknowledged: Some(acknowledged), stored, resent });
    }

    async fn close(self) {
        self.spool.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path()).await;
    bench.send(batch(Priority::Ordinary, 0..5), 5, 0, 4).await;
    bench.send(batch(Priority::Ordinary, 0..5), 0, 5, 4).await;
    // A part that was sent and a part that was not, as after a crash of the edge.
    bench.send(batch(Priority::Ordinary, 3..8), 3, 2, 7).await;
    // The lanes have sequences of their own.
    bench.send(batch(Priority::Urgent, 1..3), 2, 0, 2).await;
    assert_eq!(bench.spool.next_id(), EventId(10));
    // Not flushed to SQL: only the spool knows.
    bench.close().await;

    let bench = Bench::open(folder.path()).await;
    assert_eq!(
        bench.edges.marks(&bench.site, STREAM).await.unwrap(),
        Marks { urgent: Some(2), ordinary: Some(7) },
        "found in the spool"
    );
    bench.send(batch(Priority::Ordinary, 6..9), 1, 2, 8).await;
    bench.send(batch(Priority::Urgent, 1..3), 0, 2, 2).await;
    bench.edges.flush().await.unwrap();
    // The spool may go; SQL knows.
    let mut pipeline = bench.spool.reader("pipeline", None).unwrap();
    pipeline.commit(bench.spool.next_id()).await.unwrap();
    drop(pipeline);
    bench.close().await;

    let bench = Bench::open(folder.path()).await;
    bench.send(batch(Priority::Ordinary, 0..9), 0, 9, 8).await;
    let other = StreamId([8; 16]);
    let again = Batch { stream: other, ..batch(Priority::Ordinary, 0..2) };
    bench.send(again, 2, 0, 1).await;
    assert_eq!(bench.edges.marks(&bench.site, StreamId([9; 16])).await.unwrap(), Marks::default());
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_of_the_edge_come_with_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path()).await;
    bench.send(batch(Priority::Ordinary, 3..4), 1, 0, 3).await;
    let mut reader = bench.spool.reader("pipeline", None).unwrap();
    let records = reader.next_batch(10, std::time::Duration::from_secs(5)).await.unwrap();
    let record = &records[0].1;
    assert_eq!((record.origin.site.as_str(), record.origin.known_by), ("hcm-a", KnownBy::Certificate));
    assert_eq!(record.origin.source.as_str(), "edge:hcm-a:syslog-udp:10.0.0.5");
    assert_eq!(record.origin.peer, Some([10, 0, 0, 5].into()));
    let forwarded = record.forwarded.unwrap();
    assert_eq!((forwarded.received, forwarded.transport), (Timestamp::from_secs(3), Transport::SyslogUdp));
    assert!(record.received > Timestamp::from_secs(1_700_000_000), "the server's own time of receipt stands beside it");
    assert_eq!(record.dedupe.as_deref(), Some(format!("edge:{STREAM}:ordinary:3").as_str()));

    let mut event = event::Event::new();
    crate::Pipeline::new(crate::PipelineSettings::default()).event(EventId(0), record, &mut event);
    assert_eq!(event.get_str("metrosoc.edge.transport"), Some("syslog-udp"));
    assert_eq!(event.get_str("log.source.address"), Some("10.0.0.5"));
    assert_eq!(event.get_str("event.created"), Some("1970-01-01T00:00:03Z"));
    assert_eq!(event.received, record.received);
    drop(reader);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_connections_with_the_same_batch_store_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path()).await;
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let (edges, site) = (Arc::clone(&bench.edges), bench.site.clone());
        tasks.push(tokio::spawn(async move { edges.accept(&site, batch(Priority::Urgent, 0..50)).await.unwrap() }));
    }
    let mut stored = 0;
    for task in tasks {
        stored += task.await.unwrap().stored;
    }
    assert_eq!(stored, 50);
    assert_eq!(bench.spool.next_id(), EventId(50));
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_has_a_bounded_number_of_edges() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path()).await;
    for number in 0..70 {
        let again = Batch { stream: StreamId([number; 16]), ..batch(Priority::Ordinary, 0..1) };
        bench.send(again, 1, 0, 0).await;
    }
    assert_eq!(bench.edges.marks(&bench.site, StreamId([0; 16])).await.unwrap(), Marks::default());
    assert_eq!(bench.edges.marks(&bench.site, StreamId([69; 16])).await.unwrap().ordinary, Some(0));
    bench.close().await;
}

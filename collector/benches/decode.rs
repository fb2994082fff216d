//! Decode and normalise: events a CPU-second by format, and over the 100,000 lines of the shared data where present.
//!
//! Times are CPU time of the thread, so that a busy machine gives the same figures: `cargo bench -p collector`.

#![expect(clippy::expect_used, reason = "a bench that cannot run has to stop")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use collector::{Pipeline, PipelineSettings, Record, file};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use event::{Event, EventId, KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};

/// Lines of the shared data that are held for one pass.
const LINES_MAX: usize = 100_000;

fn records(path: &Path, keep: impl Fn(&[u8]) -> bool) -> Vec<Record> {
    let origin = Arc::new(Origin {
        site: SiteId::local(),
        agency: None,
        known_by: KnownBy::Operator,
        source: SourceId::new("import:bench").expect("an id"),
        transport: Transport::Import,
        peer: None,
    });
    let received = Timestamp::parse_rfc3339("2026-11-03T02:00:00Z").expect("a time");
    let read = file::open(path, &file::FileSettings::default()).expect("a readable file");
    let read = read.map(|record| record.expect("a readable record")).filter(|record| keep(&record.bytes));
    read.take(LINES_MAX).map(|record| Record::new(Arc::clone(&origin), received, copied(&record.bytes))).collect()
}

fn copied(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// CPU time of this thread so far; wall time where the system does not tell.
fn cpu_time(start: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

fn measure(criterion: &mut Criterion, name: &str, records: &[Record]) {
    if records.is_empty() {
        return;
    }
    let pipeline = Pipeline::new(PipelineSettings::default());
    let mut event = Event::new();
    let mut group = criterion.benchmark_group("decode_normalise");
    group.sample_size(10).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(300));
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_with_input(BenchmarkId::from_parameter(name), records, |bencher, records| {
        bencher.iter_custom(|rounds| {
            let start = Instant::now();
            let before = cpu_time(start);
            for _ in 0..rounds {
                for record in records {
                    pipeline.event(EventId(0), black_box(record), &mut event);
                    black_box(&event);
                }
            }
            cpu_time(start).saturating_sub(before)
        });
    });
    group.finish();
}

fn by_format(criterion: &mut Criterion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["syslog", "auth", "access", "firewall", "json", "windows"] {
        measure(criterion, name, &records(&folder.join("corpus").join(format!("{name}.log")), |_| true));
    }
}

fn whole_file(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/logs/metronet-100k.rfc5424.zst");
    if !path.exists() {
        eprintln!("SKIPPED: `{}` is absent", path.display());
        return;
    }
    measure(criterion, "metronet-100k", &records(&path, |_| true));
    for app in ["sshd", "nginx", "fortigate", "suricata", "winlog"] {
        let mark = format!(" {app} ");
        let of_app = |line: &[u8]| String::from_utf8_lossy(line.get(..80).unwrap_or(line)).contains(&mark);
        measure(criterion, &format!("metronet-{app}"), &records(&path, of_app));
    }
}

criterion_group!(benches, by_format, whole_file);
criterion_main!(benches);

//! How fast events go into the index: documents and megabytes a CPU-second, commits and merges included.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement, not the product"
)]

mod lines;

use std::time::Instant;

use detector::index::{Index, IndexSettings};
use event::Event;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let lines = lines::lines();
    let origins = lines::origins();
    let events: Vec<Event> = (0..).zip(&lines).map(|(id, line)| lines::event(id, line, &origins)).collect();
    let line_bytes: usize = lines.iter().map(String::len).sum();
    let mut source = Vec::new();
    events.iter().for_each(|event| event::json::write(event, &mut source));
    let (source_bytes, memory_before_mb) = (source.len(), lines::status_mb("VmRSS"));
    drop(source);
    for batch in [1_000, 5_000] {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path(), IndexSettings::default()).unwrap();
        let (cpu, began) = (lines::cpu_seconds(), Instant::now());
        events.chunks(batch).for_each(|batch| drop(index.add(batch).unwrap()));
        index.flush().unwrap();
        let (wall, documents, bytes) = (began.elapsed().as_secs_f64(), index.documents(), index.bytes());
        drop(index);
        let cpu = lines::cpu_seconds() - cpu;
        println!(
            "batch {batch}: {documents} documents, {:.0} documents/CPU-s, {:.1} MB of lines/CPU-s, {:.1} MB of events/CPU-s, \
             wall {wall:.2} s, CPU {cpu:.2} s, index {:.1} MB of {:.1} MB lines ({:.1} MB events)",
            documents as f64 / cpu,
            line_bytes as f64 / 1e6 / cpu,
            source_bytes as f64 / 1e6 / cpu,
            bytes as f64 / 1e6,
            line_bytes as f64 / 1e6,
            source_bytes as f64 / 1e6,
        );
    }
    println!("memory: {memory_before_mb} MB with the events alone, at most {} MB", lines::status_mb("VmHWM"));
}

//! What a backtest costs: events read and asked in a CPU-second, and the time where the index leaves most of them out.
//!
//! `HUNT_EVENTS=10000000 cargo bench -p detector --bench hunt` asks more than 400,000 events.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement, not the product"
)]

#[expect(dead_code, reason = "other benches ask for more of it")]
mod lines;

use std::sync::Arc;
use std::time::{Duration, Instant};

use detector::hunt::{HuntRequest, Hunter, Watch};
use detector::index::{Index, IndexSettings};
use detector::rulebook::{Asked, Dialect, Picked};
use detector::sigma::FieldMap;
use event::{Event, Grant, NoMasks, Object, Operation, Permit, Role, Scope, Subject, SystemClock, Timestamp, UserName};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS_DEFAULT: usize = 400_000;

/// Name, detection.
const RULES: [(&str, &str); 7] = [
    ("equality, rare", "s: {source.ip: 65.74.222.254}\n  condition: s"),
    ("equality, 1 in 20", "s: {user.name: Root}\n  condition: s"),
    ("inner token, rare", "s: {message|contains: ' svc_backup from 10.1.'}\n  condition: s"),
    ("part of a value", "s: {url.original|contains: '/admin'}\n  condition: s"),
    ("correlation", "s: {user.name: root, event.outcome: failure}\n  condition: s"),
    ("every event of a source", "s: {process.name|endswith: 'd'}\n  condition: s"),
    ("nothing to go by", "s: {host.name|contains: srv}\n  f: {user.name: nobody}\n  condition: not f"),
];

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let wanted = std::env::var("HUNT_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(EVENTS_DEFAULT);
    let dir = tempfile::tempdir().unwrap();
    let index = Arc::new(Index::open(dir.path(), IndexSettings::default()).unwrap());
    fill(&index, wanted);
    println!("{} events, {} MB on disk", index.documents(), index.bytes() / 1_000_000);
    let hunter = Hunter::new(Arc::clone(&index), Arc::new(SystemClock));
    for (name, detection) in RULES {
        let request = request(name, detection);
        let (began, cpu) = (Instant::now(), lines::cpu_seconds());
        let answer = hunter.run(&permit(), &|| None, &request, &Watch::new()).unwrap();
        let (secs, cpu) = (began.elapsed().as_secs_f64(), (lines::cpu_seconds() - cpu).max(0.01));
        let (total, read) = (answer.work.events_total, answer.work.candidates);
        println!(
            "{name:24} found {:8} of {read:8} read ({:5.2} %)  {secs:6.2} s  CPU {cpu:6.2} s  {:9.0} events/CPU-s  {:8.0} read/CPU-s",
            answer.seen.total,
            read as f64 * 100.0 / total as f64,
            total as f64 / cpu,
            read as f64 / cpu,
        );
    }
}

fn fill(index: &Index, wanted: usize) {
    let (lines, origins) = (lines::lines(), lines::origins());
    let mut id = 0;
    while (id as usize) < wanted {
        let batch: Vec<Event> = (id..(id + 1_000).min(wanted as u64))
            .map(|id| lines::event(id, lines.get(id as usize % lines.len()).unwrap(), &origins))
            .collect();
        id += batch.len() as u64;
        index.add(&batch).unwrap();
    }
    index.flush().unwrap();
}

fn request(name: &str, detection: &str) -> HuntRequest {
    let mut yaml = format!("title: t\nid: r\nlogsource: {{service: auth}}\ndetection:\n  {detection}\n");
    if name != "equality, 1 in 20" && name != "correlation" {
        yaml = yaml.replace("{service: auth}", "{product: nginx}");
    }
    if name == "nothing to go by" || name == "every event of a source" || name.starts_with("equality, rare") {
        yaml = yaml.replace("{product: nginx}", "{service: auth}");
    }
    if name == "correlation" {
        yaml.push_str("---\ntitle: c\nid: c\ncorrelation: {type: event_count, rules: [r], group-by: [source.ip], timespan: 5m, condition: {gte: 3}}\n");
    }
    let picked = Picked::of(&[], &Asked::Yaml(yaml), &Dialect::of(FieldMap::default())).unwrap();
    HuntRequest {
        picked: Arc::new(picked),
        from: Timestamp::from_secs(0),
        to: Timestamp::from_secs(4_000_000_000),
        samples: 50,
        exceptions: None,
        window: Duration::from_secs(86_400),
    }
}

fn permit() -> Permit {
    Permit::issue(Grant {
        subject: Subject { name: UserName::new("bench").unwrap(), role: Role::AnalystTier2, agency: None },
        purpose: "bench".to_owned(),
        operation: Operation::Read,
        object: Object::Events,
        scope: Scope::all(),
        masks: Arc::new(NoMasks),
        not_after: Timestamp::MAX,
        because: Vec::new(),
    })
}

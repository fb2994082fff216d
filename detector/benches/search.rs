//! How long ten questions take on 200,000 events, warm.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement, not the product"
)]

mod lines;

use std::sync::Arc;
use std::time::Instant;

use detector::index::{Index, IndexSettings};
use detector::search::{Search, SearchRequest};
use event::{Event, Grant, NoMasks, Object, Operation, Permit, Role, Scope, Subject, SystemClock, Timestamp, UserName};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUNS: usize = 40;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let (lines, origins) = (lines::lines(), lines::origins());
    let dir = tempfile::tempdir().unwrap();
    let index = Arc::new(Index::open(dir.path(), IndexSettings::default()).unwrap());
    let twice: Vec<&String> = lines.iter().chain(&lines).collect();
    for (at, batch) in (0..).zip(twice.chunks(1_000)) {
        let events: Vec<Event> = (at * 1_000..).zip(batch).map(|(id, line)| lines::event(id, line, &origins)).collect();
        index.add(&events).unwrap();
    }
    index.flush().unwrap();
    let search = Search::new(Arc::clone(&index), Arc::new(SystemClock));
    let histogram = json!({"date_histogram": {"field": "@timestamp", "interval": "5m"}});
    let terms = |field: &str| json!({"terms": {"field": field, "size": 10}});
    let questions = [
        ("newest", "", None),
        ("rare address", "source.ip:65.74.222.254", None),
        ("user", "user.name:root", None),
        ("common field", "event.dataset:nginx.access", None),
        ("frequent phrase", "\"Failed password for\"", None),
        ("network v4", "source.ip:10.0.0.0/8 OR destination.ip:10.0.0.0/8", None),
        ("wildcard", "user.name:*backup* OR url.original:*admin*", None),
        ("number range", "http.response.status_code:[400 TO 599]", None),
        ("histogram", "", Some(histogram)),
        ("terms", "", Some(terms("source.ip"))),
        ("terms, no column", "", Some(terms("cef.extensions.act"))),
    ];
    println!("{} events, {} MB of memory", index.documents(), lines::status_mb("VmRSS"));
    for (name, query, aggregation) in questions {
        let request = SearchRequest {
            query: query.to_owned(),
            limit: Some(20),
            aggregations: aggregation.into_iter().map(|form| ("x".to_owned(), form)).collect(),
            ..SearchRequest::default()
        };
        let mut times = Vec::new();
        let (mut total, cpu) = (0, lines::cpu_seconds());
        for _ in 0..RUNS {
            let began = Instant::now();
            total = search.search(&permit(), &request).unwrap().total;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let cpu_ms = (lines::cpu_seconds() - cpu) * 1e3 / RUNS as f64;
        times.sort_by(f64::total_cmp);
        println!(
            "{name:18} total {total:7}  p50 {:7.2} ms  p95 {:7.2} ms  CPU {cpu_ms:6.2} ms",
            times[RUNS / 2],
            times[RUNS * 95 / 100]
        );
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

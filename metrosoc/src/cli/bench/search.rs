//! Ten named queries, two aggregations and two backtests on an index made of a file of logs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use detector::search::{Search, SearchRequest};
use event::{Clock, Object, Operation, Role, Subject, SystemClock, UserName};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::backtest;
use super::ingest::{fill, open, read};
use crate::cli::detect::rss_bytes_max;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Logs: plain, NDJSON, EVTX, .gz or .zst
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Events in the index; the file is read again until there are so many
    #[arg(long, default_value_t = 200_000, value_name = "N")]
    events: u64,
    /// Runs of each query after one that is not counted
    #[arg(long, default_value_t = 20, value_name = "N")]
    runs: usize,
}

/// What was measured of one query.
#[derive(Debug, Serialize)]
struct Timing {
    query: &'static str,
    total: u64,
    p50_ms: f64,
    p99_ms: f64,
}

const QUERIES: [(&str, &str); 10] = [
    ("rare_address", "source.ip:31.12.50.69"),
    ("user", "user.name:root"),
    ("network_v4", "source.ip:199.184.0.0/16"),
    ("phrase", "\"Failed password\""),
    ("two_terms", "event.dataset:system.auth AND event.outcome:failure"),
    ("range", "http.response.status_code:[500 TO 599]"),
    ("wildcard", "host.name:srv-0*"),
    ("negation", "event.dataset:nginx.access AND NOT http.response.status_code:200"),
    ("exists", "destination.ip:*"),
    ("everything", "*"),
];

pub fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir()?;
    let index = open(folder.path())?;
    fill(&index, &read(&arguments.file)?, Some(arguments.events))?;
    index.flush()?;
    let search = Search::new(Arc::clone(&index), Arc::new(SystemClock) as Arc<dyn Clock>);
    let mut answer = Map::new();
    for (name, query) in QUERIES {
        let plain = SearchRequest { query: query.to_owned(), limit: Some(20), ..SearchRequest::default() };
        answer.insert(name.to_owned(), json!(time(&search, &plain, query, arguments.runs)?));
    }
    for (name, aggregation) in [
        ("date_histogram", json!({ "date_histogram": { "field": "@timestamp", "interval": "1h" } })),
        ("terms_by_address", json!({ "terms": { "field": "source.ip", "size": 10 } })),
    ] {
        let mut request = SearchRequest { query: "*".to_owned(), limit: Some(0), ..SearchRequest::default() };
        request.aggregations.insert(name.to_owned(), aggregation);
        answer.insert(name.to_owned(), json!(time(&search, &request, "*", arguments.runs)?));
    }
    answer.extend(backtest::run(&index)?);
    answer.insert("events".to_owned(), index.documents().into());
    answer.insert("rss_bytes_max".to_owned(), rss_bytes_max().into());
    Ok(Value::Object(answer))
}

fn time(search: &Search, request: &SearchRequest, query: &'static str, runs: usize) -> anyhow::Result<Timing> {
    let guard = policy::Guard::open(policy::PolicySource::Embedded, Arc::new(SystemClock))?;
    let subject = Subject { name: UserName::new("bench")?, role: Role::SocLead, agency: None };
    let mut total = 0;
    let mut took = Vec::with_capacity(runs);
    for run in 0..=runs {
        let permit = guard.permit(&subject, Operation::Read, Object::Events, "operations")?;
        let start = Instant::now();
        total = search.search(&permit, request)?.total;
        if run > 0 {
            took.push(start.elapsed().as_secs_f64() * 1_000.0);
        }
    }
    took.sort_by(f64::total_cmp);
    let at = |part: f64| took.get(((took.len() as f64 * part) as usize).min(took.len().saturating_sub(1))).copied();
    Ok(Timing { query, total, p50_ms: at(0.5).unwrap_or(0.0), p99_ms: at(0.99).unwrap_or(0.0) })
}

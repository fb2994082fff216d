//! Ten named queries, two aggregations and two backtests on an index made of a file of logs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use detector::search::{Search, SearchError, SearchRequest};
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
    /// The same for a role that sees masks, in turns with the other; nothing where it may not ask this.
    #[serde(skip_serializing_if = "Option::is_none")]
    masked_p50_ms: Option<f64>,
}

/// Who asks: a role that sees values, and one that sees masks.
struct Askers {
    guard: policy::Guard,
    clear: Subject,
    masked: Subject,
}

/// Long enough for everything to lie in the past.
const SEALED_BEHIND: Duration = Duration::from_secs(366 * 86_400);
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
    // As on a server: slices that are over are put together.
    let behind = SystemClock.now().plus(SEALED_BEHIND);
    while index.seal_next(behind)?.is_some() {}
    let search = Search::new(Arc::clone(&index), Arc::new(SystemClock) as Arc<dyn Clock>);
    let askers = Askers::new()?;
    let mut timings: Vec<(&str, Timing)> = Vec::new();
    for (name, query) in QUERIES {
        let plain = SearchRequest { query: query.to_owned(), limit: Some(20), ..SearchRequest::default() };
        timings.push((name, time(&search, &askers, &plain, query, arguments.runs)?));
    }
    for (name, aggregation) in [
        ("date_histogram", json!({ "date_histogram": { "field": "@timestamp", "interval": "1h" } })),
        ("terms_by_address", json!({ "terms": { "field": "source.ip", "size": 10 } })),
    ] {
        let mut request = SearchRequest { query: "*".to_owned(), limit: Some(0), ..SearchRequest::default() };
        request.aggregations.insert(name.to_owned(), aggregation);
        timings.push((name, time(&search, &askers, &request, "*", arguments.runs)?));
    }
    let both = timings.iter().filter_map(|(_, timing)| Some((timing.p50_ms, timing.masked_p50_ms?)));
    let (clear, masked) = both.fold((0.0, 0.0), |sum, both| (sum.0 + both.0, sum.1 + both.1));
    let mut answer: Map<String, Value> =
        timings.into_iter().map(|(name, timing)| (name.to_owned(), json!(timing))).collect();
    answer.insert("masked_to_clear_ratio".to_owned(), json!(masked / clear.max(1e-9)));
    answer.extend(backtest::run(&index)?);
    answer.insert("events".to_owned(), index.documents().into());
    answer.insert("rss_bytes_max".to_owned(), rss_bytes_max().into());
    Ok(Value::Object(answer))
}

impl Askers {
    fn new() -> anyhow::Result<Self> {
        let guard = policy::Guard::open(policy::PolicySource::Embedded, Arc::new(SystemClock))?;
        let of = |role| anyhow::Ok(Subject { name: UserName::new("bench")?, role, agency: None });
        Ok(Self { guard, clear: of(Role::SocLead)?, masked: of(Role::AnalystTier1)? })
    }

    /// Seconds of one answer and its total; nothing when this one may not ask.
    fn ask(&self, search: &Search, subject: &Subject, request: &SearchRequest) -> anyhow::Result<Option<(f64, u64)>> {
        let permit = self.guard.permit(subject, Operation::Read, Object::Events, "operations")?;
        let start = Instant::now();
        match search.search(&permit, request) {
            Ok(answer) => Ok(Some((start.elapsed().as_secs_f64(), answer.total))),
            Err(SearchError::FieldMasked { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn time(
    search: &Search,
    askers: &Askers,
    request: &SearchRequest,
    query: &'static str,
    runs: usize,
) -> anyhow::Result<Timing> {
    let mut total = 0;
    let (mut took, mut took_masked) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
    for run in 0..=runs {
        let clear = askers.ask(search, &askers.clear, request)?;
        let masked = askers.ask(search, &askers.masked, request)?;
        if run > 0 {
            took.extend(clear.map(|(seconds, _)| seconds * 1_000.0));
            took_masked.extend(masked.map(|(seconds, _)| seconds * 1_000.0));
        }
        total = clear.map_or(total, |(_, total)| total);
    }
    let at = |took: &mut Vec<f64>, part: f64| {
        took.sort_by(f64::total_cmp);
        took.get(((took.len() as f64 * part) as usize).min(took.len().saturating_sub(1))).copied()
    };
    Ok(Timing {
        query,
        total,
        p50_ms: at(&mut took, 0.5).unwrap_or(0.0),
        p99_ms: at(&mut took, 0.99).unwrap_or(0.0),
        masked_p50_ms: at(&mut took_masked, 0.5),
    })
}

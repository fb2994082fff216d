//! Source health at work: looked at once a second, told to the ledger, kept over a restart.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use collector::health::{Bounds, Change, Health, Kind, Telling, Told};
use collector::pipeline::Understanding;
use event::{Act, Timestamp};
use serde_json::{Map, Value, json};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::sealed::SealedFile;
use crate::api::App;

/// The label of the sealing key.
pub const LABEL: &str = "health";
/// Bound to the seal.
pub const AAD: &[u8] = b"metrosoc/health/1";
/// How often sources are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often what was learnt is kept on disk.
const KEEP_EVERY: Duration = Duration::from_secs(300);
/// What was told is in the ledger by then.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// Sites, agencies and data centres that an entry of many names.
const NAMED_MAX: usize = 100;

/// What is known of sources and sites; the watch writes it, the API reads it.
pub type Shared = Arc<Mutex<Health>>;

/// The health of sources as it is now.
pub fn of(shared: &Shared) -> MutexGuard<'_, Health> {
    // Every look leaves it whole, so what a panic left can be used.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The watch over sources.
pub struct SourceWatch {
    shared: Shared,
    understanding: Understanding,
    telling: Telling,
    file: SealedFile,
    kept_at: Instant,
    /// When something was told that the file does not know of yet.
    told_at: Option<Instant>,
}

impl SourceWatch {
    /// Goes on with what the file has; a file that cannot be used is told, and learning begins anew at `now`.
    pub fn open(file: SealedFile, understanding: Understanding, bounds: Bounds, now: Timestamp) -> Self {
        let read =
            file.read().and_then(|bytes| Ok(bytes.map(|bytes| Health::load(&bytes, bounds, now)).transpose()?));
        let health = read.unwrap_or_else(|error| {
            let path = file.path().display();
            tracing::error!(%path, error = format!("{error:#}"), "what was learnt of sources is lost; learning begins anew");
            None
        });
        let shared = Arc::new(Mutex::new(health.unwrap_or_else(|| Health::new(bounds, now))));
        Self { shared, understanding, telling: Telling::default(), file, kept_at: Instant::now(), told_at: None }
    }

    /// For who asks.
    pub fn shared(&self) -> Shared {
        Arc::clone(&self.shared)
    }

    /// Looks until `cancel`, and keeps what was learnt then.
    pub async fn run(mut self, app: Arc<App>, cancel: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => tokio::task::block_in_place(|| self.look(&app)),
                () = cancel.cancelled() => break,
            }
        }
        // What nobody was told of yet is found again after the next start: then the file must not know of it.
        if !self.telling.is_waiting() && self.told_at.is_none_or(|at| at.elapsed() >= TOLD_WITHIN) {
            self.keep();
        }
    }

    fn look(&mut self, app: &App) {
        let now = app.clock.now();
        let mut pulses = app.sites.pulses();
        self.understanding.complete(&mut pulses);
        let register = app.sites.list();
        let is_taking = app.spool.trouble().is_none();
        let (changes, counts, beyond) = {
            let mut health = of(&self.shared);
            (health.look(&pulses, &register, is_taking, now), health.counts(), health.beyond())
        };
        for (state, sites, sources) in counts {
            metrics::gauge!("metrosoc_sites", "state" => state.as_str()).set(sites as f64);
            metrics::gauge!("metrosoc_sources", "state" => state.as_str()).set(sources as f64);
        }
        metrics::gauge!("metrosoc_sources_unwatched").set(beyond as f64);
        app.attribution.settle_shares();
        self.telling.take(changes, now);
        for told in self.telling.due(now, false) {
            app.acts.happened(act(&told, app));
            self.told_at = Some(Instant::now());
        }
        let is_recorded = self.told_at.is_some_and(|at| at.elapsed() >= TOLD_WITHIN);
        if !self.telling.is_waiting() && (is_recorded || self.kept_at.elapsed() >= KEEP_EVERY) {
            self.keep();
        }
    }

    fn keep(&mut self) {
        (self.kept_at, self.told_at) = (Instant::now(), None);
        let saved = of(&self.shared).save();
        if let Err(error) = self.file.write(&saved) {
            tracing::error!(error = format!("{error:#}"), "what was learnt of sources not kept");
        }
    }
}

fn act(told: &Told, app: &App) -> Act {
    match told {
        Told::One(change) => one(change),
        Told::Many(kind, changes) => many(*kind, changes, app),
    }
}

fn one(change: &Change) -> Act {
    let object = match &change.source {
        Some(source) => format!("source:{source}"),
        None => format!("site:{}", change.site),
    };
    let whole = |number: f64| number.round() as i64;
    let mut detail = Map::new();
    detail.insert("site".to_owned(), json!(change.site));
    detail.insert("state".to_owned(), change.state.as_str().into());
    detail.insert("last_seen".to_owned(), json!(change.last_seen));
    detail.insert("silent_secs".to_owned(), whole(change.silent_secs).into());
    detail.insert("events_per_hour".to_owned(), whole(change.events_per_hour).into());
    detail.insert("others_active".to_owned(), change.others_active.into());
    detail.insert("count".to_owned(), 1.into());
    let known = [
        ("usual_interval_secs", change.usual_interval_secs.map(|secs| whole(secs.max(1.0)))),
        ("expected_per_hour", change.expected_per_hour.map(whole)),
        ("clock_skew_secs", change.skew_secs.map(whole)),
        (
            "intervals_missed",
            change.usual_interval_secs.map(|secs| (change.silent_secs / secs.max(1.0)).floor() as i64),
        ),
    ];
    for (name, number) in known {
        detail.extend(number.map(|number| (name.to_owned(), number.into())));
    }
    detail.extend(change.source.as_ref().map(|source| ("source".to_owned(), json!(source))));
    Act { actor: "metrosoc".to_owned(), action: change.kind.one(), object, detail: Value::Object(detail) }
}

/// An entry of many names the first hundred, and counts all.
fn many(kind: Kind, changes: &[Change], app: &App) -> Act {
    let sites: BTreeSet<&str> = changes.iter().map(|change| change.site.as_str()).collect();
    let registered: Vec<_> = changes.iter().filter_map(|change| app.sites.by_id(&change.site)).collect();
    let agencies: BTreeSet<&str> = registered.iter().map(|site| site.agency.as_str()).collect();
    let centers: BTreeSet<&str> = registered.iter().map(|site| site.data_center.as_str()).collect();
    let first = |names: &BTreeSet<&str>| json!(names.iter().take(NAMED_MAX).collect::<Vec<_>>());
    let detail = json!({
        "count": changes.len(), "sites_count": sites.len(), "sites": first(&sites), "agencies": first(&agencies),
        "data_centers": first(&centers),
    });
    Act { actor: "metrosoc".to_owned(), action: kind.many(), object: "sites".to_owned(), detail }
}

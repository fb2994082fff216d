//! The register of sites.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use collector::health::{self, SiteHealth, SourceHealth};
use collector::sites::SourceSeen;
use event::{Object, Operation, SiteId, SourceId, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::App;
use super::caller::Caller;
use super::problem::Problem;
use crate::serve::health::of;

/// What stands behind `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthQuery {
    /// States, with commas between; all when empty.
    state: String,
    /// Of this site alone.
    site: Option<SiteId>,
}

impl HealthQuery {
    fn states(&self) -> Result<Vec<health::State>, Problem> {
        let words = self.state.split(',').map(str::trim).filter(|word| !word.is_empty());
        words
            .map(|word| {
                health::State::parse(word).ok_or_else(|| {
                    let known = health::State::ALL.map(health::State::as_str).join("`, `");
                    Problem::bad_request(format!("no state `{word}`; there are `{known}`"))
                })
            })
            .collect()
    }
}

type Asked = Result<Query<HealthQuery>, axum::extract::rejection::QueryRejection>;

fn asked(query: Asked) -> Result<HealthQuery, Problem> {
    query.map(|Query(query)| query).map_err(|rejection| Problem::bad_request(rejection.body_text()))
}

/// `GET /api/v1/sites?state=S`: the sites within the caller's scope, with what was received from them and their health.
pub async fn list(State(app): State<Arc<App>>, caller: Caller, query: Asked) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Sites, "")?;
    let query = asked(query)?;
    let states = query.states()?;
    let mut seen: HashMap<SiteId, (u64, Timestamp)> = HashMap::new();
    for source in app.sites.sources() {
        let entry = seen.entry(source.site).or_insert((0, source.last_seen));
        entry.0 += source.records;
        entry.1 = entry.1.max(source.last_seen);
    }
    let known = of(&app.health).sites();
    let (mut sites, mut by_state) = (Vec::new(), BTreeMap::new());
    for site in app.sites.list() {
        if !permit.scope().holds(Some(&site.agency), Some(&site.id)) {
            continue;
        }
        let health = known.get(&site.id);
        let state = health.map_or(health::State::Waiting, |health| health.state);
        *by_state.entry(state.as_str()).or_insert(0_u64) += 1;
        let is_asked = states.is_empty() || states.contains(&state);
        if !is_asked || query.site.as_ref().is_some_and(|id| *id != site.id) {
            continue;
        }
        let mut entry = serde_json::to_value(&*site).map_err(|error| Problem::fault("sites", &error))?;
        if let Some(map) = entry.as_object_mut() {
            let traffic = seen.get(&site.id);
            map.insert("events".to_owned(), traffic.map_or(0, |(events, _)| *events).into());
            map.insert("last_seen".to_owned(), json!(traffic.map(|(_, last)| *last)));
            map.insert("state".to_owned(), state.as_str().into());
            map.extend(health.map(site_fields).into_iter().flatten());
        }
        sites.push(entry);
    }
    app.record(&caller, "read_sites", "sites", json!({ "shown": sites.len() })).await?;
    Ok(Json(json!({ "total": sites.len(), "states": by_state, "sites": sites })))
}

/// `GET /api/v1/sites/unknown`: addresses that sent logs and belong to no site; for whom the whole register is open.
pub async fn unknown(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Sites, "")?;
    if !permit.scope().holds(None, None) {
        return Err(Problem::denied("unknown senders belong to no agency", permit.because().to_vec()));
    }
    let senders: Vec<Value> = app.sites.unknown_senders().iter().map(|source| source_json(source, None)).collect();
    app.record(&caller, "read_sites", "sites:unknown", json!({ "shown": senders.len() })).await?;
    Ok(Json(json!({ "senders": senders })))
}

/// `POST /api/v1/sites/import`: CSV; good rows are kept, each bad row is named.
pub async fn import(State(app): State<Arc<App>>, caller: Caller, csv: Bytes) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Manage, Object::Sites, "")?;
    app.record(&caller, "import_sites", "sites", json!({ "bytes": csv.len() })).await?;
    let report = app.sites.import_csv(&csv[..]).await.map_err(|error| match &error {
        collector::SitesError::Store { .. } | collector::SitesError::Sql { .. } => {
            Problem::fault("import of sites", &error)
        }
        _ => Problem::bad_request(super::problem::chain(&error)),
    })?;
    let faults: Vec<Value> =
        report.faults.iter().map(|fault| json!({ "line": fault.line, "reason": fault.reason })).collect();
    let report = json!({
        "added": report.added, "updated": report.updated, "unchanged": report.unchanged, "faults": faults,
    });
    Ok(Json(report))
}

/// `GET /api/v1/sources?site=ID&state=S`: every stream of logs within the caller's scope, with its counts and its health.
pub async fn sources(State(app): State<Arc<App>>, caller: Caller, query: Asked) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Sites, "")?;
    let query = asked(query)?;
    let states = query.states()?;
    let mut sources = app.sites.sources();
    sources.retain(|source| {
        let agency = app.sites.by_id(&source.site).map(|site| site.agency.clone());
        permit.scope().holds(agency.as_ref(), Some(&source.site))
            && query.site.as_ref().is_none_or(|site| source.site == *site)
    });
    let known: HashMap<SourceId, SourceHealth> = {
        let health = of(&app.health);
        sources.iter().filter_map(|source| Some((source.id.clone(), health.source(&source.id)?))).collect()
    };
    let state_of = |source: &SourceSeen| known.get(&source.id).map(|health| health.state);
    sources.retain(|source| states.is_empty() || state_of(source).is_some_and(|state| states.contains(&state)));
    app.record(&caller, "read_sites", "sources", json!({ "shown": sources.len() })).await?;
    let sources: Vec<Value> = sources.iter().map(|source| source_json(source, known.get(&source.id))).collect();
    Ok(Json(json!({ "sources": sources })))
}

fn source_json(source: &SourceSeen, health: Option<&SourceHealth>) -> Value {
    let mut entry = json!({
        "id": source.id, "site": source.site, "known_by": source.known_by, "transport": source.transport,
        "address": source.peer, "first_seen": source.first_seen, "last_seen": source.last_seen,
        "records": source.records, "bytes": source.bytes, "dropped": source.dropped, "refused": source.refused,
    });
    if let (Some(map), Some(health)) = (entry.as_object_mut(), health) {
        map.insert("state".to_owned(), health.state.as_str().into());
        map.insert("state_since".to_owned(), json!(health.since));
        map.insert("silent_secs".to_owned(), tenth(health.silent_secs));
        map.insert("silent_after_secs".to_owned(), json!(health.silent_after_secs.map(tenth)));
        map.insert("expected_per_hour".to_owned(), json!(health.expected_per_hour.map(tenth)));
        map.extend(measures(health.usual_interval_secs, health.events_per_hour, health.undecoded, health.skew_secs));
    }
    entry
}

fn site_fields(health: &SiteHealth) -> Map<String, Value> {
    let mut map = measures(health.usual_interval_secs, health.events_per_hour, health.undecoded, health.skew_secs);
    map.insert("state_since".to_owned(), json!(health.since));
    map.insert("sources".to_owned(), health.sources.into());
    map.insert("sources_silent".to_owned(), health.sources_silent.into());
    map
}

fn measures(interval: Option<f64>, per_hour: f64, undecoded: u64, skew: Option<f64>) -> Map<String, Value> {
    Map::from_iter([
        ("usual_interval_secs".to_owned(), json!(interval.map(tenth))),
        ("events_per_hour".to_owned(), tenth(per_hour)),
        ("undecoded".to_owned(), undecoded.into()),
        ("clock_skew_secs".to_owned(), json!(skew.map(tenth))),
    ])
}

/// To a tenth: more is noise.
fn tenth(number: f64) -> Value {
    json!((number * 10.0).round() / 10.0)
}

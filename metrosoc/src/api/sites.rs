//! The register of sites.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use collector::sites::SourceSeen;
use event::{Object, Operation, SiteId, Timestamp};
use serde_json::{Value, json};

use super::App;
use super::caller::Caller;
use super::problem::Problem;

/// `GET /api/v1/sites`: the sites within the caller's scope, with what was received from them.
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Sites, "")?;
    let mut seen: HashMap<SiteId, (u64, Timestamp)> = HashMap::new();
    for source in app.sites.sources() {
        let entry = seen.entry(source.site).or_insert((0, source.last_seen));
        entry.0 += source.records;
        entry.1 = entry.1.max(source.last_seen);
    }
    let mut sites = Vec::new();
    for site in app.sites.list() {
        if !permit.scope().holds(Some(&site.agency), Some(&site.id)) {
            continue;
        }
        let mut entry = serde_json::to_value(&*site).map_err(|error| Problem::fault("sites", &error))?;
        if let Some(map) = entry.as_object_mut() {
            let traffic = seen.get(&site.id);
            map.insert("events".to_owned(), traffic.map_or(0, |(events, _)| *events).into());
            map.insert("last_seen".to_owned(), json!(traffic.map(|(_, last)| *last)));
        }
        sites.push(entry);
    }
    app.record(&caller, "read_sites", "sites", json!({ "shown": sites.len() })).await?;
    Ok(Json(json!({ "total": sites.len(), "sites": sites })))
}

/// `GET /api/v1/sites/unknown`: addresses that sent logs and belong to no site; for whom the whole register is open.
pub async fn unknown(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Sites, "")?;
    if !permit.scope().holds(None, None) {
        return Err(Problem::denied("unknown senders belong to no agency", permit.because().to_vec()));
    }
    let senders: Vec<Value> = app.sites.unknown_senders().iter().map(source_json).collect();
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

/// `GET /api/v1/sources`: every stream of logs within the caller's scope, with its counts.
pub async fn sources(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Sites, "")?;
    let mut sources = app.sites.sources();
    sources.retain(|source| {
        let agency = app.sites.by_id(&source.site).map(|site| site.agency.clone());
        permit.scope().holds(agency.as_ref(), Some(&source.site))
    });
    app.record(&caller, "read_sites", "sources", json!({ "shown": sources.len() })).await?;
    let sources: Vec<Value> = sources.iter().map(source_json).collect();
    Ok(Json(json!({ "sources": sources })))
}

fn source_json(source: &SourceSeen) -> Value {
    json!({
        "id": source.id, "site": source.site, "known_by": source.known_by, "transport": source.transport,
        "address": source.peer, "first_seen": source.first_seen, "last_seen": source.last_seen,
        "records": source.records, "bytes": source.bytes, "dropped": source.dropped, "refused": source.refused,
    })
}

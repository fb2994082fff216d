//! The register of sites.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use event::{Object, Operation};
use serde_json::{Value, json};

use super::App;
use super::caller::Caller;
use super::problem::Problem;

/// `GET /api/v1/sites`: the sites within the caller's scope, with what was received from them.
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Sites, "")?;
    let scope = permit.scope();
    let sites: Vec<_> = app
        .sites
        .list()
        .into_iter()
        .filter(|entry| scope.holds(Some(&entry.site.agency), Some(&entry.site.id)))
        .collect();
    app.record(&caller, "read_sites", "sites", json!({ "shown": sites.len() })).await?;
    Ok(Json(json!({ "total": sites.len(), "sites": sites })))
}

/// `GET /api/v1/sites/unknown`: addresses that sent logs and belong to no site; for whom the whole register is open.
pub async fn unknown(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Sites, "")?;
    if !permit.scope().holds(None, None) {
        return Err(Problem::denied("unknown senders belong to no agency", permit.because().to_vec()));
    }
    let senders = app.sites.unknown_senders();
    app.record(&caller, "read_sites", "sites:unknown", json!({ "shown": senders.len() })).await?;
    Ok(Json(json!({ "senders": senders })))
}

/// `POST /api/v1/sites/import`: CSV; good rows are kept, each bad row is named.
pub async fn import(State(app): State<Arc<App>>, caller: Caller, csv: Bytes) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Manage, Object::Sites, "")?;
    app.record(&caller, "import_sites", "sites", json!({ "bytes": csv.len() })).await?;
    let report = app.sites.import_csv(&csv[..]).await.map_err(|error| Problem::fault("import of sites", &error))?;
    let report = serde_json::to_value(report).map_err(|error| Problem::fault("import of sites", &error))?;
    Ok(Json(report))
}

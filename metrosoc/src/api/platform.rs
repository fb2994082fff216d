//! The platform: figures for the page's header, the configuration, reloading.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use event::{Object, Operation};
use serde_json::{Value, json};

use super::caller::Caller;
use super::problem::Problem;
use super::{App, no_content};

/// `GET /api/v1/stats`: only what lies within the caller's permits.
pub async fn stats(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let sites = caller.permit(&app, Operation::Read, Object::Sites, "")?;
    let scope = sites.scope();
    let all = app.sites.list();
    let mine = all.iter().filter(|site| scope.holds(Some(&site.agency), Some(&site.id))).count();
    let whole = scope.holds(None, None);
    let alerts = match caller.permit(&app, Operation::Read, Object::Alerts, "") {
        Ok(permit) => Some(app.alerts.open_count(&permit).await.map_err(|error| Problem::fault("alerts", &error))?),
        Err(_) => None,
    };
    Ok(Json(json!({
        "alerts_open": alerts,
        "sites_total": mine,
        "events_total": whole.then(|| app.index.documents()),
        "sites_seen": whole.then(|| app.sites.seen_total()),
        "sources": whole.then(|| app.sites.sources().len()),
    })))
}

/// `GET /api/v1/config`: what is in force; files are named, their content is not shown.
pub async fn config(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Platform, "")?;
    Ok(Json(json!({ "config": app.loaded.config, "text": app.loaded.show() })))
}

/// `POST /api/v1/reload`: what SIGHUP does.
pub async fn reload(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Problem> {
    caller.permit(&app, Operation::Manage, Object::Platform, "")?;
    app.record(&caller, "reload", "platform", json!({})).await?;
    app.reload.send(caller.subject.name.clone()).await.map_err(|error| Problem::fault("reloading", &error))?;
    Ok(no_content())
}

//! `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use event::{Object, Operation};
use serde_json::json;

use super::App;
use super::caller::{MaybeCaller, Remote};
use super::problem::Problem;

/// `GET /healthz`: the process answers.
pub async fn healthz() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: everything that must be written can be written; 503 with the reasons otherwise.
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    let checks = app.readiness().await;
    let ready = checks.values().all(Option::is_none);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // Which part is red is public, why is in the log.
    for (part, reason) in &checks {
        if let Some(reason) = reason {
            tracing::warn!(part, reason, "not ready");
        }
    }
    let parts: serde_json::Map<_, _> = checks
        .into_iter()
        .map(|(part, reason)| (part.to_owned(), if reason.is_none() { "ok" } else { "failed" }.into()))
        .collect();
    let status_text = if ready { "ready" } else { "not ready" };
    (status, Json(json!({ "status": status_text, "parts": parts, "warnings": app.warnings() }))).into_response()
}

/// `GET /metrics`: Prometheus text, for loopback and for whom the policy lets read the platform.
pub async fn metrics(
    State(app): State<Arc<App>>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    MaybeCaller(caller): MaybeCaller,
) -> Result<Response, Problem> {
    match caller {
        Some(caller) => drop(caller.permit(&app, Operation::Read, Object::Platform, "")?),
        None if remote.is_local() => {}
        None => {
            return Err(Problem::unauthenticated(
                "metrics are for this machine and for accounts that run the platform",
            ));
        }
    }
    let headers = [("content-type", "text/plain; version=0.0.4; charset=utf-8")];
    Ok((headers, app.prometheus.render()).into_response())
}

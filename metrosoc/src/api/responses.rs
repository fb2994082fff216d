//! Response plans and blocks.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use event::{Object, Operation, PlanId};
use responder::{PlanFilter, ResponderError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::caller::Caller;
use super::problem::Problem;

/// Most plans in one listing.
const LIST_MAX: u32 = 1_000;

/// What stands behind `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListQuery {
    status: Option<String>,
    alert: Option<event::AlertId>,
    limit: Option<u32>,
}

/// `GET /api/v1/responses`
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Responses, "")?;
    let status = match &query.status {
        None => None,
        Some(text) => Some(
            responder::PlanStatus::parse(text)
                .ok_or_else(|| Problem::bad_request(format!("`{text}` is no status of a plan")))?,
        ),
    };
    let limit = query.limit.unwrap_or(100).clamp(1, LIST_MAX);
    let filter = PlanFilter { status, alert: query.alert, limit };
    let plans = app.responder.list(&permit, &filter).await.map_err(|error| problem_of(&error))?;
    app.record(&caller, "read_responses", "responses", json!({ "shown": plans.len() })).await?;
    Ok(Json(json!({ "plans": plans })))
}

/// `GET /api/v1/responses/status`: whether actions are enabled and the kernel can carry them out.
pub async fn status(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Responses, "")?;
    let ready = app.responder.ready().await;
    Ok(Json(json!({
        "enabled": app.loaded.config.respond.enabled,
        "firewall": if ready.is_ok() { "ready" } else { "unavailable" },
        "reason": ready.err().map(|error| super::problem::chain(&error)),
        "playbooks": app.responder.playbooks().iter().map(|playbook| &playbook.id).collect::<Vec<_>>(),
    })))
}

/// `POST /api/v1/responses/{plan}/run`
pub async fn run(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(plan): Path<PlanId>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Responses, "")?;
    let plan = app.responder.run(&plan, &permit).await.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "plan": plan })))
}

/// `POST /api/v1/responses/{plan}/undo`
pub async fn undo(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(plan): Path<PlanId>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Responses, "")?;
    let plan = app.responder.undo(&plan, &permit).await.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "plan": plan })))
}

/// `POST /api/v1/responses/reconcile`
pub async fn reconcile(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Manage, Object::Responses, "")?;
    app.record(&caller, "reconcile_responses", "responses", json!({})).await?;
    let report = app.responder.reconcile().await.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "expired": report.expired, "restored": report.restored, "removed": report.removed })))
}

fn problem_of(error: &ResponderError) -> Problem {
    match error {
        ResponderError::NotPermitted { .. } => Problem::denied(error.to_string(), Vec::new()),
        ResponderError::Unknown { .. } => Problem::not_found(error.to_string()),
        ResponderError::Status { .. } | ResponderError::Refused { .. } => Problem::conflict(error.to_string()),
        ResponderError::Firewall(_) => {
            tracing::warn!(error = %super::problem::chain(error), "firewall");
            Problem::unavailable(super::problem::chain(error))
        }
        _ => Problem::fault("the responder", error),
    }
}

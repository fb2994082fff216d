//! Response plans and blocks.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use event::{Masks, Object, Operation, PlanId, Visibility};
use policy::mask::COVER;
use responder::{Plan, PlanFilter, ResponderError};
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
    let plans: Vec<Value> = plans.iter().map(|plan| shown(plan, permit.masks())).collect();
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
    Ok(Json(json!({ "plan": shown(&plan, permit.masks()) })))
}

/// `POST /api/v1/responses/{plan}/undo`
pub async fn undo(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(plan): Path<PlanId>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Responses, "")?;
    let plan = app.responder.undo(&plan, &permit).await.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "plan": shown(&plan, permit.masks()) })))
}

/// `POST /api/v1/responses/reconcile`
pub async fn reconcile(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Manage, Object::Responses, "")?;
    app.record(&caller, "reconcile_responses", "responses", json!({})).await?;
    let report = app.responder.reconcile().await.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "expired": report.expired, "restored": report.restored, "removed": report.removed })))
}

/// The fields that a plan's target may come from.
const TARGETS: [&str; 2] = ["source.ip", "destination.ip"];

/// A plan as masks let it be seen: where they hide addresses, its target is covered wherever it is written.
fn shown(plan: &Plan, masks: &dyn Masks) -> Value {
    let mut seen = json!(plan);
    let hidden = TARGETS.iter().find(|field| event::visibility(masks, field) != Visibility::Clear);
    if let Some(field) = hidden {
        let form =
            event::shown_text(masks, field, &plan.target).map_or_else(|| COVER.to_owned(), |form| form.into_owned());
        cover(&mut seen, &plan.target, &form);
    }
    for (field, name) in [("metrosoc.site.id", "site"), ("metrosoc.agency.id", "agency")] {
        if event::visibility(masks, field) != Visibility::Clear
            && let Some(map) = seen.as_object_mut()
        {
            map.insert(name.to_owned(), Value::Null);
        }
    }
    seen
}

/// Puts `form` in the places of `target`.
fn cover(value: &mut Value, target: &str, form: &str) {
    match value {
        Value::String(text) if !target.is_empty() && text.contains(target) => *text = text.replace(target, form),
        Value::Array(list) => list.iter_mut().for_each(|value| cover(value, target, form)),
        Value::Object(map) => map.values_mut().for_each(|value| cover(value, target, form)),
        _ => {}
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_target_is_covered_wherever_it_is_written() {
        let mut plan = json!({
            "target": "203.0.113.9", "action": { "address": "203.0.113.9" }, "why": "from 203.0.113.9, twice",
            "checks": [{ "detail": "203.0.113.9 is nobody's" }], "status": "planned",
        });
        cover(&mut plan, "203.0.113.9", "••••");
        assert!(!plan.to_string().contains("203.0.113.9"), "{plan}");
        assert_eq!((&plan["why"], &plan["status"]), (&json!("from ••••, twice"), &json!("planned")));
    }
}

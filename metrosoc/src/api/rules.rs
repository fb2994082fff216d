//! The rules in force, those that were rejected, those that can never fire here, and the versions of each.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use detector::DetectorError;
use detector::seen::silent as silent_rules;
use event::{Object, Operation, RuleId};
use serde_json::{Value, json};

use super::App;
use super::caller::Caller;
use super::problem::Problem;
use crate::serve::watch;

/// `GET /api/v1/rules`
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Rules, "")?;
    let book = app.rules.load();
    let mut rules: Vec<_> = book
        .rules()
        .rules()
        .iter()
        .map(|rule| {
            json!({
                "rule": rule.reference, "risk_score": rule.reference.risk(), "path": rule.path, "line": rule.line,
                "status": rule.status, "logsource": rule.logsource.to_string(),
            })
        })
        .collect();
    rules.extend(book.correlations().iter().zip(book.plan().specs()).map(|(one, spec)| {
        json!({
            "rule": one.reference, "risk_score": one.reference.risk(), "path": one.path, "line": one.line,
            "status": spec.status, "correlation": spec.rules,
        })
    }));
    Ok(Json(json!({ "total": rules.len(), "rejected": book.rejected().len(), "rules": rules })))
}

/// `GET /api/v1/rules/rejected`
pub async fn rejected(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Rules, "")?;
    let set = app.rules.load();
    let rejected: Vec<_> = set.rejected().iter().map(|one| json!({ "path": one.path, "reason": one.reason })).collect();
    Ok(Json(json!({ "rejected": rejected })))
}

/// `GET /api/v1/rules/silent`: the rules that can never fire on the log sources and fields that were really seen.
pub async fn silent(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Rules, "")?;
    let (book, seen) = (app.rules.load_full(), watch::of(&app.seen).clone());
    let (since, sources) = (seen.since(), seen.sources_len());
    let total = book.len();
    let work = move || silent_rules(&book, &seen);
    let rules = tokio::task::spawn_blocking(work).await.map_err(|error| Problem::fault("silent rules", &error))?;
    Ok(Json(json!({
        "since": since, "days": detector::seen::DAYS, "sources_seen": sources, "total": total, "silent": rules.len(),
        "rules": rules,
    })))
}

/// `GET /api/v1/rules/{id}/versions`: what came into force, when, at whose reload, the latest first.
pub async fn versions(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<RuleId>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Rules, "")?;
    let versions = app.rule_versions.versions(&permit, &id).await.map_err(|error| match error {
        DetectorError::NotPermitted { .. } => Problem::denied(error.to_string(), Vec::new()),
        error => Problem::fault("the versions of rules", &error),
    })?;
    if versions.is_empty() {
        return Err(Problem::not_found(format!("rule `{id}` was never in force")));
    }
    Ok(Json(json!({ "rule": id, "versions": versions })))
}

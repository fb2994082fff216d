//! The rules in force and those that were rejected.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use event::{Object, Operation};
use serde_json::{Value, json};

use super::App;
use super::caller::Caller;
use super::problem::Problem;

/// `GET /api/v1/rules`
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Rules, "")?;
    let book = app.rules.load();
    let mut rules: Vec<_> = book
        .rules()
        .rules()
        .iter()
        .map(|rule| json!({ "rule": rule.reference, "path": rule.path, "line": rule.line, "status": rule.status }))
        .collect();
    rules.extend(book.correlations().iter().zip(book.plan().specs()).map(|(one, spec)| {
        json!({
            "rule": one.reference, "path": one.path, "line": one.line, "status": spec.status, "correlation": spec.rules,
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

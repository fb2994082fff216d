//! Sessions: one's own and, for whoever looks after accounts, others'.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use event::{Object, Operation};
use serde_json::{Value, json};

use super::caller::{Caller, account_problem};
use super::problem::Problem;
use super::{App, no_content};

/// `GET /api/v1/sessions`
pub async fn own(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let listed = app.accounts.sessions(&caller.subject.name, caller.session().ok()).await;
    Ok(Json(json!({ "sessions": listed.map_err(|error| account_problem(&error))? })))
}

/// `DELETE /api/v1/sessions`: every own one but the one that asks.
pub async fn end_others(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let ended = app.accounts.end_other_sessions(&caller.subject.name, caller.session().ok()).await;
    Ok(Json(json!({ "ended": ended.map_err(|error| account_problem(&error))? })))
}

/// `DELETE /api/v1/sessions/{id}`
pub async fn end_one(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    app.accounts.end_session(&caller.subject.name, &id).await.map_err(|error| account_problem(&error))?;
    Ok(no_content())
}

/// `GET /api/v1/users/{name}/sessions`
pub async fn of(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Users, "")?;
    let listed = app.accounts.sessions_of(&permit, &name).await.map_err(|error| account_problem(&error))?;
    app.record(&caller, "read_users", &name, json!({ "sessions": listed.len() })).await?;
    Ok(Json(json!({ "sessions": listed })))
}

/// `DELETE /api/v1/users/{name}/sessions`
pub async fn end_all_of(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Users, "")?;
    let ended = app.accounts.end_sessions(&permit, &name).await.map_err(|error| account_problem(&error))?;
    Ok(Json(json!({ "ended": ended })))
}

/// `DELETE /api/v1/users/{name}/sessions/{id}`
pub async fn end_one_of(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Users, "")?;
    app.accounts.end_session_of(&permit, &name, &id).await.map_err(|error| account_problem(&error))?;
    Ok(no_content())
}

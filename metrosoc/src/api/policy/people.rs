//! Second persons, personnel records and notices.

use std::sync::Arc;

use ::policy::care::people::personnel::Record;
use ::policy::care::people::{Given, Wanted};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use event::{AgencyId, Object, Operation, Permit, Role, UserName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem_of;
use crate::api::caller::{Caller, account_problem};
use crate::api::problem::Problem;
use crate::api::{App, Body, no_content};

/// Asks whether an account may get a role, or a token or code for the role that it has, before anything is done.
///
/// # Errors
/// 409 with the request's id when a second person must approve it first.
pub async fn ask_second_person(
    app: &App,
    permit: &Permit,
    name: &str,
    role: Option<(Role, Option<&AgencyId>)>,
    what: &str,
) -> Result<(), Problem> {
    let known = app.accounts.subject_of(name).await.map_err(|error| account_problem(&error))?;
    let (account, role, agency) = match (role, known) {
        (Some((role, agency)), Some(known)) => (known.name, role, agency.cloned()),
        (None, Some(known)) => (known.name, known.role, known.agency),
        // As it will be stored; a name that cannot be used is refused by the accounts.
        (Some((role, agency)), None) => match UserName::new(name.trim().to_lowercase()) {
            Ok(name) => (name, role, agency.cloned()),
            Err(_) => return Ok(()),
        },
        // There is no such account: the accounts say so.
        (None, None) => return Ok(()),
    };
    if account == permit.subject().name && role == permit.subject().role {
        // The own token or password of somebody who has the role already.
        return Ok(());
    }
    let accounts = app.accounts.everyone().await.map_err(|error| account_problem(&error))?;
    let wanted = Wanted { account: &account, role, agency: agency.as_ref(), what };
    match app.people.ask(permit, wanted, &accounts).await.map_err(|error| problem_of(&error))? {
        Given::Now => Ok(()),
        Given::Waiting(request) => Err(Problem::conflict(format!(
            "role `{}` is sensitive: request `{}` waits for a second person (`metrosoc policy approve {}` with the token of \
             another administrator or the data-protection officer); then do this again",
            role.as_str(),
            request.id,
            request.id
        ))),
    }
}

/// `GET /api/v1/policy/requests`
pub async fn requests(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Users, "")?;
    let requests = app.people.requests(&permit).await.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "requests": requests })))
}

/// `POST /api/v1/policy/requests/{id}/approve`
pub async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Write, Object::Users, "")?;
    let request = app.people.decide(&permit, &id, true, "").await.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "request": request })))
}

/// Why not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    reason: String,
}

/// `POST /api/v1/policy/requests/{id}/refuse`
pub async fn refuse(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(refusal): Body<Refusal>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Write, Object::Users, "")?;
    let refused = app.people.decide(&permit, &id, false, &refusal.reason).await;
    Ok(Json(json!({ "request": refused.map_err(|error| problem_of(&error))? })))
}

/// `GET /api/v1/policy/personnel`
pub async fn personnel(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Users, "")?;
    let records = app.people.personnel().await.map_err(|error| problem_of(&error))?;
    app.record(&caller, "read_personnel", "personnel", json!({ "shown": records.len() })).await?;
    Ok(Json(json!({ "records": records })))
}

/// `POST /api/v1/policy/personnel`
pub async fn record_personnel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(record): Body<Record>,
) -> Result<Response, Problem> {
    let permit = caller.permit(&app, Operation::Write, Object::Users, "")?;
    app.people.record_personnel(&permit, &record).await.map_err(|error| problem_of(&error))?;
    crate::serve::policy::suspend(&app).await.map_err(|error| Problem::fault("personnel records", &*error))?;
    Ok(no_content())
}

/// `GET /api/v1/policy/notices`
pub async fn notices(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Audit, "")?;
    let notices = app.notices.list(&permit).await.map_err(|error| problem_of(&error))?;
    app.record(&caller, "read_notices", "notices", json!({ "shown": notices.len() })).await?;
    Ok(Json(json!({ "notices": notices })))
}

/// `POST /api/v1/policy/notices/{id}/acknowledge`
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Audit, "")?;
    app.notices.acknowledge(&permit, &id).await.map_err(|error| problem_of(&error))?;
    Ok(no_content())
}

//! Persons whose data is not processed further.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use event::Operation;
use serde_json::{Value, json};

use super::super::caller::Caller;
use super::super::problem::Problem;
use super::super::{App, Body, no_content};
use super::{ReasonForm, SubjectForm, care_problem, permit, problem_of, vault};

/// `GET /api/v1/subjects/restrictions`: those in force first.
pub async fn restricted(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let (permit, _) = permit(&app, &caller, Operation::Read, None)?;
    let all = app.restrictions.list(&permit).await.map_err(|error| care_problem(&error))?;
    Ok(Json(json!({ "restrictions": all })))
}

/// `POST /api/v1/subjects/restrictions`: events in which one of the values stands are withheld from everybody whom the policy
/// does not name, until that is lifted.
pub async fn restrict(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<SubjectForm>,
) -> Result<Json<Value>, Problem> {
    let asked = form.read(&app, &caller, Operation::Write)?;
    let held = vault(&app)?.held(&asked.values).await.map_err(|error| problem_of(&error))?;
    if held.is_empty() {
        return Err(Problem::not_found("nothing is held of these values"));
    }
    let tokens: Vec<String> = held.iter().map(|held| held.token.to_string()).collect();
    let set = app.restrictions.set(&asked.permit, &tokens, &asked.reason).await;
    Ok(Json(json!({ "restriction": set.map_err(|error| care_problem(&error))? })))
}

/// `POST /api/v1/subjects/restrictions/{id}/lift`.
pub async fn lift(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(why): Body<ReasonForm>,
) -> Result<Response, Problem> {
    let (permit, _) = permit(&app, &caller, Operation::Write, None)?;
    let reason = why.read()?;
    app.restrictions.lift(&permit, &id, &reason).await.map_err(|error| care_problem(&error))?;
    Ok(no_content())
}

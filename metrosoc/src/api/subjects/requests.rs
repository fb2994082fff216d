//! What data subjects ask for, and breaches that must be reported, with the clocks of the law.

use std::sync::Arc;

use ::policy::CareError;
use ::policy::subject::{Closing, Form, Kind, NewRequest, Outcome, SubjectRequest};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use event::{Operation, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::caller::Caller;
use super::super::problem::Problem;
use super::super::{App, Body};
use super::{ReasonForm, VALUE_CHARS_MAX, VALUES_MAX, care_problem, permit, problem_of, vault};

/// What came in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestForm {
    kind: Kind,
    reference: String,
    #[serde(default)]
    received: Option<Timestamp>,
    /// The person's values; the tokens of those that are held are kept, the values are not.
    #[serde(default)]
    values: Vec<String>,
}

/// How it ended.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosingForm {
    outcome: Outcome,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    basis: String,
}

/// Which form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormQuery {
    #[serde(default)]
    name: Option<Form>,
}

/// `GET /api/v1/subjects/requests`: those that are open first, each with what is owed and by when.
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let (permit, _) = permit(&app, &caller, Operation::Read, None)?;
    let all = app.subject_requests.list(&permit).await.map_err(|error| care_problem(&error))?;
    let holidays = app.subject_requests.holidays();
    let shown: Vec<Value> = all.iter().map(|request| request.shown(&holidays)).collect();
    Ok(Json(json!({ "requests": shown, "now": app.clock.now(), "holidays": holidays.known(app.clock.now()) })))
}

/// `POST /api/v1/subjects/requests`: the clocks run from `received`, or from now.
pub async fn receive(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<RequestForm>,
) -> Result<Json<Value>, Problem> {
    let (permit, _) = permit(&app, &caller, Operation::Write, None)?;
    let fits = |value: &String| !value.trim().is_empty() && value.chars().count() <= VALUE_CHARS_MAX;
    if form.values.len() > VALUES_MAX || !form.values.iter().all(fits) {
        let detail = format!("`values`: at most {VALUES_MAX}, each of 1 to {VALUE_CHARS_MAX} characters");
        return Err(Problem::bad_request(detail));
    }
    let reference = form.reference.to_lowercase();
    if form.values.iter().any(|value| reference.contains(&value.trim().to_lowercase())) {
        return Err(Problem::bad_request("`reference` names one of the values; name the paper's number instead"));
    }
    let held = match form.values.as_slice() {
        [] => Vec::new(),
        values => vault(&app)?.held(values).await.map_err(|error| problem_of(&error))?,
    };
    let new = NewRequest {
        kind: form.kind,
        reference: form.reference,
        received: form.received.unwrap_or_else(|| app.clock.now()),
        tokens: held.iter().map(|held| held.token.to_string()).collect(),
    };
    answer(&app, app.subject_requests.receive(&permit, new).await)
}

/// `POST /api/v1/subjects/requests/{id}/acknowledge`: receipt was confirmed to who asked.
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (permit, _) = permit(&app, &caller, Operation::Write, None)?;
    answer(&app, app.subject_requests.acknowledge(&permit, &id).await)
}

/// `POST /api/v1/subjects/requests/{id}/extend`: once, by as long again.
pub async fn extend(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(why): Body<ReasonForm>,
) -> Result<Json<Value>, Problem> {
    let (permit, _) = permit(&app, &caller, Operation::Write, None)?;
    answer(&app, app.subject_requests.extend(&permit, &id, &why.read()?).await)
}

/// `POST /api/v1/subjects/requests/{id}/close`: it was done, refused or taken back.
pub async fn close(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<ClosingForm>,
) -> Result<Json<Value>, Problem> {
    let (permit, _) = permit(&app, &caller, Operation::Write, None)?;
    let closing = Closing { outcome: form.outcome, reason: form.reason, basis: form.basis };
    answer(&app, app.subject_requests.close(&permit, &id, &closing).await)
}

/// `GET /api/v1/subjects/requests/{id}/form`: the form that is needed next, or the one that is named, filled in (Markdown).
pub async fn form(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(asked): Query<FormQuery>,
) -> Result<Response, Problem> {
    let (permit, _) = permit(&app, &caller, Operation::Read, None)?;
    let request = app.subject_requests.one(&permit, &id).await.map_err(|error| care_problem(&error))?;
    let form = asked.name.unwrap_or_else(|| Form::next_of(&request));
    let text = form.fill(&request, app.clock.now(), &app.subject_requests.holidays());
    app.record(&caller, "subject_form_read", &format!("subject-request:{id}"), json!({ "form": form })).await?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}

fn answer(app: &App, outcome: Result<SubjectRequest, CareError>) -> Result<Json<Value>, Problem> {
    let request = outcome.map_err(|error| care_problem(&error))?;
    Ok(Json(json!({ "request": request.shown(&app.subject_requests.holidays()) })))
}

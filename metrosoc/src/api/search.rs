//! Questions about events: search, one event, the list of fields.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use detector::search::{Hit, SearchAnswer, SearchError, SearchRequest};
use event::{CaseId, EventId, Object, Operation, Permit};
use serde::Deserialize;
use serde_json::{Value, json};

use super::about::About;
use super::caller::Caller;
use super::problem::{Problem, chain};
use super::{App, Body};

/// `POST /api/v1/search`
pub async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(mut request): Body<SearchRequest>,
) -> Result<Json<SearchAnswer>, Problem> {
    let purpose = purpose_of(&app, &caller, request.purpose.as_deref());
    caller.permit(&app, Operation::Search, Object::Events, &purpose)?;
    if !request.aggregations.is_empty() {
        caller.permit(&app, Operation::Aggregate, Object::Events, &purpose)?;
    }
    let permit = caller.permit(&app, Operation::Read, Object::Events, &purpose)?;
    let recorded = super::asked::replace(&app, &permit, &mut request).await?;
    // What was looked for may name a person: the ledger commits to it and does not hold it.
    let question = json!({ "query": recorded, "aggregations": request.aggregations }).to_string();
    let mut detail = json!({ "from": request.from, "to": request.to, "purpose": purpose, "case": request.case });
    let (engine, asked) = (app.search.clone(), request);
    let answer = blocking(move || engine.search(&permit, &asked)).await?;
    if let Some(map) = detail.as_object_mut() {
        if !answer.total_is_at_least {
            map.insert("total".to_owned(), answer.total.into());
        }
        map.insert("shown".to_owned(), answer.hits.len().into());
        About::of(&answer.hits).put(map);
    }
    let ledger = app.record_question(&caller, "search", "events", detail, &question).await?;
    Ok(Json(SearchAnswer { ledger: Some(ledger), ..answer }))
}

/// What stands behind `?` of single reads.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PurposeQuery {
    purpose: Option<String>,
    case: Option<CaseId>,
}

/// `GET /api/v1/events/{id}`
pub async fn event(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<u64>,
    Query(query): Query<PurposeQuery>,
) -> Result<Json<Hit>, Problem> {
    let purpose = purpose_of(&app, &caller, query.purpose.as_deref());
    let permit = caller.permit(&app, Operation::Read, Object::Events, &purpose)?;
    let engine = app.search.clone();
    let hit = blocking(move || engine.get(&permit, EventId(id))).await?;
    let hit = hit.ok_or_else(|| Problem::not_found(format!("no event `{id}` that you may see")))?;
    let mut detail = json!({ "purpose": purpose, "case": query.case });
    if let Some(map) = detail.as_object_mut() {
        About::of(std::slice::from_ref(&hit)).put(map);
    }
    app.record(&caller, "read_event", &format!("event:{id}"), detail).await?;
    Ok(Json(hit))
}

/// `GET /api/v1/fields`
pub async fn fields(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<PurposeQuery>,
) -> Result<Json<Value>, Problem> {
    let purpose = purpose_of(&app, &caller, query.purpose.as_deref());
    let permit = caller.permit(&app, Operation::Read, Object::Events, &purpose)?;
    let engine = app.search.clone();
    let fields = blocking(move || engine.fields(&permit)).await?;
    Ok(Json(json!({ "fields": fields })))
}

/// The events of an alert that the caller may see, in the order of their ids.
pub async fn events_of(app: &App, permit: Permit, ids: &[EventId]) -> Result<Vec<Hit>, Problem> {
    let (engine, ids) = (app.search.clone(), ids.to_vec());
    blocking(move || {
        let mut hits = Vec::with_capacity(ids.len());
        for id in ids {
            hits.extend(engine.get(&permit, id)?);
        }
        Ok(hits)
    })
    .await
}

/// The purpose that was stated, or the first that the policy lets this subject state.
pub fn purpose_of(app: &App, caller: &Caller, stated: Option<&str>) -> String {
    match stated.map(str::trim) {
        Some(purpose) if !purpose.is_empty() => purpose.to_owned(),
        _ if caller.granted_purpose(app).is_some() => caller.granted_purpose(app).unwrap_or_default(),
        _ => {
            let may = app.guard.purposes(&caller.subject, Operation::Read, Object::Events);
            may.into_iter().next().map(|purpose| purpose.id).unwrap_or_default()
        }
    }
}

pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SearchError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(problem_of),
        Err(error) => Err(Problem::fault("search", &error)),
    }
}

pub fn problem_of(error: SearchError) -> Problem {
    match &error {
        SearchError::TooManyQuestions { .. } => Problem::too_many(error.to_string(), 3_600),
        SearchError::Denied { .. }
        | SearchError::FieldMasked { .. }
        | SearchError::RowsWithheld
        | SearchError::TooClose { .. } => Problem::denied(error.to_string(), Vec::new()),
        SearchError::Query(inner) => {
            let expected = Some(inner.expected.to_owned());
            Problem { position: Some(inner.position), expected, ..Problem::bad_request(error.to_string()) }
        }
        SearchError::Value { position, .. } => {
            Problem { position: Some(*position), ..Problem::bad_request(error.to_string()) }
        }
        SearchError::TimedOut { .. } => Problem::unavailable(chain(&error)),
        SearchError::Index(_) => Problem::fault("search", &error),
        _ => Problem::bad_request(error.to_string()),
    }
}

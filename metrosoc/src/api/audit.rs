//! The audit record: who did, saw and decided what.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::ledger::Question;
use ::policy::audit::AuditQuery;
use axum::Json;
use axum::extract::{Path, Query, State};
use detector::search::{Hit, SearchAnswer, SearchRequest};
use event::{EventId, Object, Operation};
use serde_json::{Value, json};

use super::caller::Caller;
use super::problem::Problem;
use super::search::blocking;
use super::{App, Body};

/// `GET /api/v1/audit?actor=&action=&object=&from=&to=&limit=&before=`
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Audit, "")?;
    let page = app.audit.read(&permit, query).await.map_err(|error| match &error {
        ::policy::AuditError::NotPermitted => Problem::denied(error.to_string(), Vec::new()),
        _ => Problem::fault("the audit record", &error),
    })?;
    let numbers: Vec<u64> = page.entries.iter().map(|stored| stored.index).collect();
    let ledger = app.ledger.clone();
    let questions = tokio::task::spawn_blocking(move || ledger.questions(&numbers)).await;
    let questions = questions.map_err(|error| Problem::fault("the audit record", &error))?;
    // What is damaged beside the record does not keep anybody from reading it.
    let mut questions = questions.unwrap_or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "texts of questions not read");
        BTreeMap::new()
    });
    let mut page = page;
    for stored in &mut page.entries {
        show_question(&mut stored.entry.detail, questions.remove(&stored.index));
    }
    Ok(Json(
        json!({ "entries": page.entries, "next": page.next, "explanation": permit.because(), "ledger": page.ledger }),
    ))
}

/// Puts a question beside the commitment to it, or says that it is not there any more.
fn show_question(detail: &mut Value, question: Option<Question>) {
    let Some(detail) = detail.as_object_mut().filter(|detail| detail.contains_key("question")) else { return };
    match question.map(|question| serde_json::from_str(&question.text)) {
        Some(Ok(Value::Object(asked))) => detail.extend(asked),
        Some(_) => {}
        None => {
            detail.insert("question_absent".to_owned(), true.into());
        }
    }
}

/// `POST /api/v1/audit/search`: the record as events, for questions that the list cannot answer. Of what senders sent
/// nothing is found here, and of the record nothing in `POST /api/v1/search`.
pub async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(request): Body<SearchRequest>,
) -> Result<Json<SearchAnswer>, Problem> {
    let purpose = request.purpose.clone().unwrap_or_default();
    let permit = caller.permit(&app, Operation::Read, Object::Audit, &purpose)?;
    // What was looked for may name a person: the ledger commits to it and does not hold it.
    let question = json!({ "query": request.query, "aggregations": request.aggregations }).to_string();
    let mut detail = json!({ "from": request.from, "to": request.to, "purpose": purpose, "case": request.case });
    let engine = app.search.clone();
    let answer = blocking(move || engine.search(&permit, &request)).await?;
    if let Some(map) = detail.as_object_mut() {
        if !answer.total_is_at_least {
            map.insert("total".to_owned(), answer.total.into());
        }
        map.insert("shown".to_owned(), answer.hits.len().into());
    }
    let ledger = app.record_question(&caller, "audit_search", "audit", detail, &question).await?;
    Ok(Json(SearchAnswer { ledger: Some(ledger), ..answer }))
}

/// `GET /api/v1/audit/events/{id}`: one event of the record.
pub async fn event(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<u64>) -> Result<Json<Hit>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Audit, "")?;
    let engine = app.search.clone();
    let hit = blocking(move || engine.get(&permit, EventId(id))).await?;
    let hit = hit.ok_or_else(|| Problem::not_found(format!("no event `{id}` of the record")))?;
    app.record(&caller, "audit_read", &format!("event:{id}"), json!({})).await?;
    Ok(Json(hit))
}

//! Alerts: list, detail, status, assignment.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use detector::DetectorError;
use detector::alert::{AlertChange, AlertQuery};
use detector::rulebook::Rulebook;
use event::{AlertId, AlertStatus, Level, Object, Operation, UserName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::problem::Problem;
use super::search::{events_of, purpose_of};
use super::{App, Body};

/// Most events shown with an alert.
const EVENTS_SHOWN_MAX: usize = 20;

/// What stands behind `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListQuery {
    status: Option<String>,
    level: Option<String>,
    q: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    purpose: Option<String>,
}

/// What an alert is read or changed for: alerts on persons whose data is not processed further are shown for the purposes
/// that the policy names alone. Without one no purpose is stated.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stated {
    purpose: Option<String>,
}

impl ListQuery {
    fn read(self) -> Result<AlertQuery, Problem> {
        Ok(AlertQuery {
            status: words(self.status.as_deref(), "status", AlertStatus::parse)?,
            level: words(self.level.as_deref(), "level", Level::parse)?,
            text: self.q.filter(|text| !text.trim().is_empty()),
            site: None,
            limit: self.limit.unwrap_or(50),
            cursor: self.cursor,
        })
    }
}

fn words<T>(list: Option<&str>, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Problem> {
    let words = list.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(|word| parse(word).ok_or_else(|| Problem::bad_request(format!("`{word}` is no {name}")))).collect()
}

fn stated(purpose: Option<&str>) -> Option<&str> {
    purpose.map(str::trim).filter(|purpose| !purpose.is_empty())
}

/// `GET /api/v1/alerts`
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let purpose = stated(query.purpose.as_deref()).unwrap_or_default();
    let permit = caller.permit(&app, Operation::Read, Object::Alerts, purpose)?;
    let asked = json!({ "status": query.status, "level": query.level, "q": query.q, "purpose": stated(query.purpose.as_deref()) });
    let query = query.read()?;
    let page = app.alerts.list(&permit, &query).await.map_err(|error| problem_of(&error))?;
    let ledger = app.record(&caller, "read_alerts", "alerts", asked).await?;
    Ok(Json(json!({
        "total": page.total, "alerts": page.alerts, "next": page.next,
        "explanation": permit.because(), "ledger": ledger,
    })))
}

/// `GET /api/v1/alerts/{id}`
pub async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<AlertId>,
    Query(Stated { purpose: said }): Query<Stated>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Alerts, stated(said.as_deref()).unwrap_or_default())?;
    let alert = app.alerts.get(&permit, &id).await.map_err(|error| problem_of(&error))?;
    let history = app.alerts.history(&permit, &id).await.map_err(|error| problem_of(&error))?;
    let purpose = purpose_of(&app, &caller, stated(said.as_deref()));
    let events = match caller.permit(&app, Operation::Read, Object::Events, &purpose) {
        Ok(permit) if permit.masks().counts().rows => {
            let newest = alert.events.iter().rev().take(EVENTS_SHOWN_MAX).copied().collect::<Vec<_>>();
            events_of(&app, permit, &newest).await?
        }
        Ok(_) | Err(_) => Vec::new(),
    };
    let rule = told(&app.rules.load(), alert.rule.id.as_str());
    let ledger = app
        .record(
            &caller,
            "read_alert",
            &format!("alert:{id}"),
            json!({ "events": events.len(), "purpose": stated(said.as_deref()) }),
        )
        .await?;
    Ok(Json(json!({
        "alert": alert, "rule": rule.unwrap_or_else(|| json!(alert.rule)), "events": events, "history": history,
        "explanation": permit.because(), "ledger": ledger,
    })))
}

/// What the rulebook says of a rule or a correlation.
fn told(book: &Rulebook, id: &str) -> Option<Value> {
    if let Some(rule) = book.rules().rule(id) {
        return Some(json!({
            "id": rule.id(), "title": rule.reference.title, "description": rule.description,
            "description_vi": rule.description_vi, "level": rule.reference.level, "tags": rule.reference.tags,
            "references": rule.references, "falsepositives": rule.falsepositives,
        }));
    }
    let mut all = book.correlations().iter().zip(book.plan().specs());
    let (one, spec) = all.find(|(one, _)| one.reference.id.as_str() == id)?;
    Some(json!({
        "id": one.reference.id, "title": one.reference.title, "description": spec.description,
        "description_vi": spec.description_vi, "level": one.reference.level, "tags": one.reference.tags,
        "references": spec.references, "falsepositives": spec.falsepositives, "correlation": spec.rules,
    }))
}

/// What can be changed of an alert; `assignee: null` gives it back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeForm {
    #[serde(default)]
    status: Option<AlertStatus>,
    #[serde(default, deserialize_with = "present")]
    assignee: Option<Option<UserName>>,
}

/// Tells `null` from absent.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<UserName>>, D::Error> {
    Option::<UserName>::deserialize(deserializer).map(Some)
}

/// `PATCH /api/v1/alerts/{id}`
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<AlertId>,
    Query(Stated { purpose }): Query<Stated>,
    Body(form): Body<ChangeForm>,
) -> Result<Json<Value>, Problem> {
    let permit =
        caller.permit(&app, Operation::Write, Object::Alerts, stated(purpose.as_deref()).unwrap_or_default())?;
    if let Some(Some(name)) = &form.assignee {
        let known = app.accounts.assignable().await.map_err(|error| super::caller::account_problem(&error))?;
        if !known.contains(name) {
            return Err(Problem::bad_request(format!("`{name}` is nobody whom alerts can be given to")));
        }
    }
    let detail = json!({ "status": form.status, "assignee": form.assignee });
    app.record(&caller, "alert_update", &format!("alert:{id}"), detail).await?;
    let change = AlertChange { status: form.status, assignee: form.assignee };
    let alert = app.alerts.update(&permit, &id, change).await.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "alert": alert })))
}

/// What an error of alerts is to HTTP.
pub fn problem_of(error: &DetectorError) -> Problem {
    match error {
        DetectorError::NotPermitted { .. } => Problem::denied(error.to_string(), Vec::new()),
        DetectorError::NoSuchAlert { .. } => Problem::not_found(error.to_string()),
        DetectorError::Unusable { .. } => Problem::bad_request(error.to_string()),
        _ => Problem::fault("alerts", error),
    }
}

//! Exceptions: which findings are hidden, why, until when and by whom.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use detector::DetectorError;
use detector::exception::{Draft, Exceptions};
use detector::sigma::FieldMap;
use event::{ExceptionId, Object, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::problem::Problem;
use super::{App, Body};

/// `GET /api/v1/exceptions`: every one, expired and withdrawn ones too, with what it has hidden.
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Rules, "")?;
    let stored = app.exception_register.list(&permit).await.map_err(|error| problem_of(&error))?;
    let set = app.exceptions.load();
    let faults: HashMap<&ExceptionId, &String> = set.faults().iter().map(|(id, reason)| (id, reason)).collect();
    let now = app.exception_register.now();
    let mut exceptions = Vec::with_capacity(stored.len());
    for exception in &stored {
        let mut entry = serde_json::to_value(exception).map_err(|error| Problem::fault("exceptions", &error))?;
        if let Some(map) = entry.as_object_mut() {
            map.insert("state".to_owned(), json!(exception.state(now)));
            map.insert("fault".to_owned(), json!(faults.get(&exception.id)));
        }
        exceptions.push(entry);
    }
    let ledger = app.record(&caller, "read_exceptions", "exceptions", json!({ "shown": exceptions.len() })).await?;
    Ok(Json(json!({
        "total": exceptions.len(), "exceptions": exceptions, "explanation": permit.because(), "ledger": ledger,
    })))
}

/// `POST /api/v1/exceptions`
pub async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(draft): Body<Draft>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, draft.operation(), Object::Rules, "")?;
    let accepted = app.exception_register.accept(&permit, draft).map_err(|error| problem_of(&error))?;
    let exception = accepted.exception();
    // The names of the fields alone: their values may be of persons, and the ledger forgets nothing.
    let detail = json!({
        "target": exception.target, "fields": exception.fields.keys().collect::<Vec<_>>(),
        "reason": exception.reason, "owner": exception.owner, "expires": exception.expires,
    });
    let object = format!("exception:{}", exception.id);
    let ledger = app.record(&caller, "exception_add", &object, detail).await?;
    let exception = app.exception_register.add(accepted).await.map_err(|error| problem_of(&error))?;
    put_in_force(&app).await?;
    Ok(Json(json!({ "exception": exception, "ledger": ledger })))
}

/// Why an exception ends before its date.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawForm {
    reason: String,
}

/// `POST /api/v1/exceptions/{id}/withdraw`
pub async fn withdraw(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<ExceptionId>,
    Body(form): Body<WithdrawForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Write, Object::Rules, "")?;
    let object = format!("exception:{id}");
    let ledger = app.record(&caller, "exception_withdraw", &object, json!({ "reason": form.reason })).await?;
    let withdrawn = app.exception_register.withdraw(&permit, &id, &form.reason).await;
    let exception = withdrawn.map_err(|error| problem_of(&error))?;
    put_in_force(&app).await?;
    Ok(Json(json!({ "exception": exception, "ledger": ledger })))
}

/// Compiles the stored exceptions for the rules in force; also after rules were loaded anew.
///
/// # Errors
/// 503 when the store cannot be read; the set before stays in force.
pub async fn put_in_force(app: &App) -> Result<(), Problem> {
    let stored = app.exception_register.in_force().await.map_err(|error| problem_of(&error))?;
    let map = field_map()?;
    let next = Exceptions::compile(&stored, app.rules.load().rules(), &map, app.exception_register.now());
    for (id, reason) in next.faults() {
        tracing::warn!(exception = %id, reason, "exception hides nothing: it cannot be compiled");
    }
    metrics::gauge!("metrosoc_exceptions_active").set(next.len() as f64);
    app.exceptions.store(Arc::new(next));
    Ok(())
}

/// The shipped field names.
///
/// # Errors
/// 503 when they cannot be read, which a test excludes.
pub fn field_map() -> Result<FieldMap, Problem> {
    FieldMap::embedded().map_err(|error| {
        tracing::error!(%error, "field names not read");
        Problem::unavailable("the field names cannot be read; the server's log says why")
    })
}

/// What an error of the register is to HTTP.
pub fn problem_of(error: &DetectorError) -> Problem {
    match error {
        DetectorError::NotPermitted { .. } => Problem::denied(error.to_string(), Vec::new()),
        DetectorError::NoSuchException { .. } => Problem::not_found(error.to_string()),
        DetectorError::UnusableException { .. } => Problem::bad_request(error.to_string()),
        _ => Problem::fault("exceptions", error),
    }
}

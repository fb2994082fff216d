//! The audit record: who did, saw and decided what.

use std::sync::Arc;

use ::policy::audit::AuditQuery;
use axum::Json;
use axum::extract::{Query, State};
use event::{Object, Operation};
use serde_json::{Value, json};

use super::App;
use super::caller::Caller;
use super::problem::Problem;

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
    Ok(Json(
        json!({ "entries": page.entries, "next": page.next, "explanation": permit.because(), "ledger": page.ledger }),
    ))
}

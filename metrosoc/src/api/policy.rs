//! The policy: its table, and why it says what it says.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use event::{AgencyId, Object, Operation, Role, Subject, UserName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::problem::Problem;
use super::{App, Body};

/// `GET /api/v1/policy`: the table of who may do what, as Markdown.
pub async fn table(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Policy, "")?;
    let table = app.guard.table_markdown().map_err(|error| Problem::fault("the policy", &error))?;
    Ok(Json(json!({ "version": app.guard.version(), "table": table })))
}

/// A question to the policy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    role: Role,
    operation: Operation,
    object: Object,
    #[serde(default)]
    agency: Option<AgencyId>,
    #[serde(default)]
    purpose: String,
}

/// `POST /api/v1/policy/explain`
pub async fn explain(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(question): Body<Question>,
) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Policy, "")?;
    let name = UserName::new("somebody").map_err(|error| Problem::fault("the policy", &error))?;
    let subject = Subject { name, role: question.role, agency: question.agency };
    let explanation = app.guard.explain(&subject, question.operation, question.object, &question.purpose);
    Ok(Json(json!(explanation)))
}

//! What a change of the policy would have allowed or denied.

use std::sync::Arc;
use std::time::Duration;

use ::policy::care::simulate as care;
use axum::Json;
use axum::extract::State;
use event::{Object, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem_of;
use super::versions::{Files, in_force};
use crate::api::caller::Caller;
use crate::api::problem::{Problem, chain};
use crate::api::{App, Body};

/// Most days back; older decisions are not kept.
const DAYS_MAX: u64 = 30;

/// A change to be tried.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    files: Files,
    /// How far back; 30 days without.
    #[serde(default)]
    days: Option<u64>,
}

/// `POST /api/v1/policy/simulate`
pub async fn simulate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(trial): Body<Trial>,
) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Policy, "")?;
    let days = trial.days.unwrap_or(DAYS_MAX);
    if days == 0 || days > DAYS_MAX {
        return Err(Problem::bad_request(format!("`days` is 1 to {DAYS_MAX}")));
    }
    crate::serve::policy::keep(&app).await.map_err(|error| problem_of(&error))?;
    let recent = app.decisions.recent(Duration::from_secs(days * 24 * 3_600)).await;
    let counted = recent.map_err(|error| problem_of(&error))?;
    let before = in_force(&app)?;
    let after = trial.files.over(&before);
    let (clock, calendar) = (Arc::clone(&app.clock), app.calendar.clone());
    let work = move || care::simulate(&before, &after, &counted, &clock, &calendar);
    let work = tokio::task::spawn_blocking(work).await;
    let found = work.map_err(|error| Problem::fault("the policy", &error))?;
    let found = found.map_err(|error| Problem::bad_request(chain(&error)))?;
    let detail = json!({
        "days": days, "added": found.change.added_count, "removed": found.change.removed_count,
        "allowed": found.allowed, "denied": found.denied,
    });
    app.record(&caller, "policy_simulated", "policy", detail).await?;
    Ok(Json(json!({ "days": days, "simulation": found })))
}

//! The review report.

use std::sync::Arc;

use ::policy::care::decisions::KEPT;
use ::policy::care::review::{Ending, Material};
use ::policy::privacy::Class;
use axum::Json;
use axum::extract::{Query, State};
use event::{Object, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem_of;
use crate::api::App;
use crate::api::caller::{Caller, account_problem};
use crate::api::problem::Problem;

/// About which class of personal data; citizen identity numbers without.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct About {
    class: Option<String>,
}

/// `GET /api/v1/policy/review?class=`
pub async fn review(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(about): Query<About>,
) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Policy, "")?;
    let permit = caller.permit(&app, Operation::Read, Object::Users, "")?;
    let class = about.class.as_deref().unwrap_or(Class::CitizenId.as_str());
    let class = Class::parse(class).ok_or_else(|| {
        let known = Class::ALL.map(Class::as_str).join(", ");
        Problem::bad_request(format!("unknown class `{class}` ({known})"))
    })?;
    crate::serve::policy::keep(&app).await.map_err(|error| problem_of(&error))?;
    let accounts = app.accounts.list(&permit).await.map_err(|error| account_problem(&error))?;
    let tokens = app.accounts.tokens(&permit, None).await.map_err(|error| account_problem(&error))?;
    let ending: Vec<Ending> = tokens
        .into_iter()
        .filter_map(|token| Some((token.expires?, token)))
        .map(|(ends, token)| Ending { ends, name: token.account.to_string(), what: format!("token {}", token.id) })
        .collect();
    let personnel = app.people.personnel().await.map_err(|error| problem_of(&error))?;
    let counted = app.decisions.recent(KEPT).await.map_err(|error| problem_of(&error))?;
    let (guard, now) = (app.guard.clone(), app.clock.now());
    let work = tokio::task::spawn_blocking(move || {
        let material = Material {
            guard: &guard,
            accounts: &accounts,
            personnel: &personnel,
            ending: &ending,
            counted: &counted,
            now,
        };
        material.review(class)
    });
    let review = work.await.map_err(|error| Problem::fault("the review", &error))?;
    let review = review.map_err(|error| Problem::fault("the review", &error))?;
    let detail = json!({ "class": review.class, "people": review.seers.len(), "unused": review.unused.len() });
    app.record(&caller, "policy_reviewed", "policy", detail).await?;
    Ok(Json(json!({ "version": app.guard.version(), "review": review })))
}

//! The versions of the policy: import, export, history, difference.

use std::sync::Arc;

use ::policy::care::changes;
use ::policy::guard::PolicyText;
use axum::Json;
use axum::extract::{Query, State};
use event::{Object, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem_of;
use crate::api::caller::Caller;
use crate::api::problem::Problem;
use crate::api::{App, Body};

/// Four files, of which those that are left out stay as they are in force.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    #[serde(default)]
    pub(super) policy: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    purposes: Option<String>,
    #[serde(default)]
    masks: Option<String>,
}

impl Files {
    pub(super) fn over(self, before: &PolicyText) -> PolicyText {
        PolicyText {
            policy: self.policy.unwrap_or_else(|| before.policy.clone()),
            model: self.model.unwrap_or_else(|| before.model.clone()),
            purposes: self.purposes.unwrap_or_else(|| before.purposes.clone()),
            masks: self.masks.unwrap_or_else(|| before.masks.clone()),
        }
    }
}

/// A policy to be imported.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    files: Files,
    #[serde(default)]
    reason: String,
    /// policy.test.yml, as it lies beside the policy; without it the cases in force are put to it.
    #[serde(default)]
    cases: Option<String>,
    /// The version that the change was made from; refused when another is in force.
    #[serde(default)]
    from_version: Option<String>,
    /// Check and compare, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// `POST /api/v1/policy/import`
pub async fn import(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(import): Body<Import>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Policy, "")?;
    if !app.loaded.config.policy.path.is_empty() {
        let reason = format!("the policy comes from files in `{}` (`policy.path`)", app.loaded.config.policy.path);
        return Err(Problem::conflict(reason));
    }
    let _turn = app.policy_versions.turn().await;
    let before = in_force(&app)?;
    let version = before.version();
    if import.from_version.as_ref().is_some_and(|from| *from != version) {
        return Err(Problem::conflict(format!("version `{version}` is in force by now; look at it first")));
    }
    let after = import.files.over(&before);
    if import.dry_run {
        let checked = app.policy_versions.check(&after, import.cases.as_deref()).await;
        let cases = checked.map_err(|error| problem_of(&error))?;
        let (version, change) = (after.version(), changes(&before, &after));
        return Ok(Json(json!({ "version": version, "change": change, "cases": cases, "imported": false })));
    }
    let imported =
        app.policy_versions.import(&permit, after.clone(), &import.reason, &before, import.cases.as_deref()).await;
    let (info, change) = imported.map_err(|error| problem_of(&error))?;
    let guard = app.guard.clone();
    let taken = tokio::task::spawn_blocking(move || guard.replace(after)).await;
    let taken = taken.map_err(|error| Problem::fault("the policy", &error))?;
    taken.map_err(|error| Problem::fault("the policy", &error))?;
    Ok(Json(
        json!({ "version": info.version, "number": info.number, "change": change, "imported": true, "ledger": info.ledger }),
    ))
}

/// `GET /api/v1/policy/versions`
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Policy, "")?;
    let versions = app.policy_versions.list().await.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "in_force": app.guard.version(), "versions": versions })))
}

/// Which version: a number of the history, `embedded`, or nothing for the one in force.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Which {
    version: Option<String>,
}

/// `GET /api/v1/policy/export?version=`
pub async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Policy, "")?;
    let text = find(&app, which.version.as_deref()).await?;
    let files = json!({ "policy": text.policy, "model": text.model, "purposes": text.purposes, "masks": text.masks });
    let cases = app.policy_versions.cases().await.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "version": text.version(), "files": files, "cases": cases })))
}

/// Two versions; nothing is the one in force.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Two {
    from: Option<String>,
    to: Option<String>,
}

/// `GET /api/v1/policy/diff?from=&to=`
pub async fn diff(State(app): State<Arc<App>>, caller: Caller, Query(two): Query<Two>) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Policy, "")?;
    let from = find(&app, two.from.as_deref()).await?;
    let to = find(&app, two.to.as_deref()).await?;
    Ok(Json(json!({ "from": from.version(), "to": to.version(), "change": changes(&from, &to) })))
}

pub(super) fn in_force(app: &App) -> Result<PolicyText, Problem> {
    app.guard.text().map_err(|error| Problem::fault("the policy", &error))
}

async fn find(app: &App, which: Option<&str>) -> Result<PolicyText, Problem> {
    match which.filter(|which| !which.is_empty()) {
        None => in_force(app),
        Some("embedded") => Ok(PolicyText::embedded()),
        Some(number) => {
            let unknown =
                || Problem::not_found(format!("there is no version `{number}`; see `metrosoc policy history`"));
            let found = app.policy_versions.get(number.parse().map_err(|_| unknown())?).await;
            Ok(found.map_err(|error| problem_of(&error))?.ok_or_else(unknown)?.text)
        }
    }
}

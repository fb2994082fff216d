//! Reveals: asking for the values of pseudonyms, deciding, seeing them while it stands, breaking the glass, reviewing that.

mod placed;

use std::collections::BTreeSet;
use std::sync::Arc;

use ::policy::CareError;
use ::policy::guard::Circumstances;
use ::policy::reveal::{Reveal, RevealAct, Shown, Wanted, unrestricted};
use axum::Json;
use axum::extract::{Path, State};
use event::{AgencyId, CaseId, Event, EventId, Object, Operation, Permit};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::policy::problem_of;
use super::problem::Problem;
use super::{App, Body};
use placed::{Found, Named};

/// What is asked for: pseudonyms, or fields of events in which they stand; a text is given back as it came.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevealForm {
    agency: AgencyId,
    #[serde(default)]
    tokens: BTreeSet<String>,
    #[serde(default)]
    events: Vec<u64>,
    #[serde(default)]
    fields: BTreeSet<String>,
    purpose: String,
    #[serde(default)]
    basis: String,
    case: CaseId,
    reason: String,
    #[serde(default)]
    hours: Option<u64>,
}

/// `POST /api/v1/reveals`
pub async fn ask(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<RevealForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Write, Object::Reveals, &form.purpose)?;
    asked(&app, &caller, &permit, form, false).await
}

/// `POST /api/v1/reveals/break-glass`: at once, for whoever the policy names; the data-protection officer is told.
pub async fn break_glass(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<RevealForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Respond, Object::Reveals, &form.purpose)?;
    asked(&app, &caller, &permit, form, true).await
}

async fn asked(
    app: &App,
    caller: &Caller,
    permit: &Permit,
    form: RevealForm,
    break_glass: bool,
) -> Result<Json<Value>, Problem> {
    // Before anything is looked for: what is withheld would stand nowhere, which is not why it is refused.
    if let Err(error) = unrestricted(permit, &form.tokens) {
        return Err(refused(app, caller, "reveals", problem_of(&error)).await?);
    }
    let wanted = wanted(app, caller, form).await?;
    match app.reveals.ask(permit, &wanted, break_glass).await {
        Err(error @ CareError::Restricted { .. }) => Err(refused(app, caller, "reveals", problem_of(&error)).await?),
        outcome => answer(app, outcome),
    }
}

async fn wanted(app: &App, caller: &Caller, form: RevealForm) -> Result<Wanted, Problem> {
    let RevealForm { agency, tokens, events, fields, purpose, basis, case, reason, hours } = form;
    let named = Named { agency: &agency, purpose: &purpose, tokens, events: &events, fields: &fields };
    let Found { tokens, places } = placed::found(app, caller, named).await?;
    Ok(Wanted { agency, tokens, places, purpose, basis, case, reason, hours })
}

/// `GET /api/v1/reveals`
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Reveals, "")?;
    let reveals = app.reveals.list(&permit).await.map_err(|error| problem_of(&error))?;
    app.record(&caller, "read_reveals", "reveals", json!({ "shown": reveals.len() })).await?;
    let reveals: Vec<Value> = reveals.iter().map(|reveal| told(&app, reveal)).collect();
    Ok(Json(json!({ "reveals": reveals })))
}

/// `GET /api/v1/reveals/{id}/values`: for who asked, with a second factor shown just now, while it stands.
pub async fn values(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    // Whoever may reveal nothing learns of no reveal.
    caller.permit(&app, Operation::Write, Object::Reveals, "")?;
    let found = app.reveals.grant(&caller.subject.name, &id).await;
    let (reveal, grant) = match found {
        Ok(found) => found,
        Err(error) => return Err(refused(&app, &caller, &object(&id), problem_of(&error)).await?),
    };
    let circumstances =
        Circumstances { grant: Some(grant), through_grant: true, ..Circumstances::of(caller.strength(&app)) };
    let permit =
        app.guard.permit_in(&caller.subject, Operation::Reveal, Object::Events, &reveal.purpose, &circumstances);
    let permit = match permit {
        Ok(permit) => permit,
        Err(denied) => {
            let problem = caller.denied(&app, denied);
            return Err(refused(&app, &caller, &object(&id), problem).await?);
        }
    };
    let Some(pseudonyms) = &app.pseudonyms else {
        return Err(Problem::conflict("nothing is pseudonymised here, so that there is nothing to reveal"));
    };
    let events = events_of(&app, &caller, &reveal).await?;
    let shown = app.reveals.values(&permit, &id, pseudonyms.vault(), &events).await;
    let Shown { reveal, values, texts } = match shown {
        Ok(shown) => shown,
        Err(error) => return Err(refused(&app, &caller, &object(&id), problem_of(&error)).await?),
    };
    Ok(Json(json!({ "id": reveal.id, "until": reveal.until, "values": values, "texts": texts })))
}

/// The events in whose fields the pseudonyms stand, as far as who asks may read them now.
async fn events_of(app: &App, caller: &Caller, reveal: &Reveal) -> Result<Vec<Event>, Problem> {
    let ids: BTreeSet<EventId> = reveal.places.iter().map(|place| place.event).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let permit = caller.permit(app, Operation::Read, Object::Events, &reveal.purpose)?;
    let placed = placed::placed(app, &permit, ids.into_iter().collect()).await?;
    Ok(placed.into_values().map(|(_, event)| event).collect())
}

/// Records that values were refused, for the rules that watch who probes.
async fn refused(app: &App, caller: &Caller, object: &str, problem: Problem) -> Result<Problem, Problem> {
    let detail = json!({ "reason": problem.detail });
    app.record(caller, "reveal_refused", object, detail).await?;
    Ok(problem)
}

fn object(id: &str) -> String {
    format!("reveal:{}", id.chars().take(48).collect::<String>())
}

/// `POST /api/v1/reveals/{id}/approve`
pub async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    decide(&app, &caller, &id, &RevealAct::Approve).await
}

/// Why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonForm {
    reason: String,
}

/// `POST /api/v1/reveals/{id}/refuse`
pub async fn refuse(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<ReasonForm>,
) -> Result<Json<Value>, Problem> {
    decide(&app, &caller, &id, &RevealAct::Refuse { reason: form.reason }).await
}

/// `POST /api/v1/reveals/{id}/withdraw`: by who asked, or by who may decide.
pub async fn withdraw(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<ReasonForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller
        .permit(&app, Operation::Manage, Object::Reveals, "")
        .or_else(|_| caller.permit(&app, Operation::Write, Object::Reveals, ""))?;
    answer(&app, app.reveals.step(&permit, &id, &RevealAct::Withdraw { reason: form.reason }).await)
}

/// What the review of a use of break-glass found.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewForm {
    justified: bool,
    finding: String,
}

/// `POST /api/v1/reveals/{id}/review`
pub async fn review(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<ReviewForm>,
) -> Result<Json<Value>, Problem> {
    let ReviewForm { justified, finding } = form;
    decide(&app, &caller, &id, &RevealAct::Review { justified, finding }).await
}

async fn decide(app: &App, caller: &Caller, id: &str, act: &RevealAct) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(app, Operation::Manage, Object::Reveals, "")?;
    answer(app, app.reveals.step(&permit, id, act).await)
}

fn answer(app: &App, outcome: Result<Reveal, CareError>) -> Result<Json<Value>, Problem> {
    let reveal = outcome.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "reveal": told(app, &reveal) })))
}

/// A reveal as the API gives it: with whether it stands now.
fn told(app: &App, reveal: &Reveal) -> Value {
    let mut value = json!(reveal);
    if let Some(map) = value.as_object_mut() {
        map.insert("stands".to_owned(), json!(reveal.stands(app.guard.latest())));
    }
    value
}

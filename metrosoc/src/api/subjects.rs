//! Persons whom data is about: what is held on them, and destroying it for ever, which takes a second person where there is
//! one.

mod export;
mod requests;
mod restrictions;

use std::collections::BTreeMap;
use std::sync::Arc;

use ::policy::subject::Waiting;
use ::policy::vault::Held;
use ::policy::vault::order::{self, Order};
use ::policy::{Vault, VaultError};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use event::{CaseId, Object, Operation, Permit};
use serde::Deserialize;
use serde_json::{Value, json};

pub use export::export;
pub use requests::{acknowledge, close, extend, form, list, receive};
pub use restrictions::{lift, restrict, restricted};

use super::caller::Caller;
use super::policy::problem_of as care_problem;
use super::problem::{Problem, chain};
use super::{App, Body, no_content};
use crate::erasure::{Certificate, FORMAT, Signed};

/// Values of one request.
const VALUES_MAX: usize = 100;
/// Characters of a value.
const VALUE_CHARS_MAX: usize = 1_000;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 500;
/// Tokens that one order destroys: its ledger entry names each.
const TOKENS_MAX: usize = 1_000;

/// Whose data, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectForm {
    values: Vec<String>,
    reason: String,
    #[serde(default)]
    purpose: Option<String>,
    #[serde(default)]
    case: Option<CaseId>,
}

/// A form that can be used.
struct Asked {
    values: Vec<String>,
    reason: String,
    purpose: String,
    case: Option<CaseId>,
    permit: Permit,
}

/// The permit for an operation on what is held on persons, for the purpose that was stated, or the first that may be.
fn permit(app: &App, caller: &Caller, operation: Operation, stated: Option<&str>) -> Result<(Permit, String), Problem> {
    let purpose = match stated.map(str::trim) {
        Some(purpose) if !purpose.is_empty() => purpose.to_owned(),
        _ => {
            let may = app.guard.purposes(&caller.subject, operation, Object::Subjects);
            may.into_iter().next().map(|purpose| purpose.id).unwrap_or_default()
        }
    };
    Ok((caller.permit(app, operation, Object::Subjects, &purpose)?, purpose))
}

impl SubjectForm {
    fn read(self, app: &App, caller: &Caller, operation: Operation) -> Result<Asked, Problem> {
        let (permit, purpose) = permit(app, caller, operation, self.purpose.as_deref())?;
        let values: Vec<String> = self.values.iter().map(|value| value.trim().to_owned()).collect();
        let fits = |value: &String| !value.is_empty() && value.chars().count() <= VALUE_CHARS_MAX;
        if values.is_empty() || values.len() > VALUES_MAX || !values.iter().all(fits) {
            let detail = format!("`values`: 1 to {VALUES_MAX}, each of 1 to {VALUE_CHARS_MAX} characters");
            return Err(Problem::bad_request(detail));
        }
        let reason = self.reason.trim().to_owned();
        if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
            return Err(Problem::bad_request(format!("`reason`: 1 to {REASON_CHARS_MAX} characters")));
        }
        if values.iter().any(|value| reason.to_lowercase().contains(&value.to_lowercase())) {
            let detail =
                "`reason` names one of the values, and it is recorded for ever; name the request's number instead";
            return Err(Problem::bad_request(detail));
        }
        Ok(Asked { values, reason, purpose, case: self.case, permit })
    }
}

/// `POST /api/v1/subjects/find`: what the vault holds of values, by token and class, and what was destroyed of them.
pub async fn find(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<SubjectForm>,
) -> Result<Json<Value>, Problem> {
    let asked = form.read(&app, &caller, Operation::Read)?;
    let vault = vault(&app)?;
    let held = vault.held(&asked.values).await.map_err(|error| problem_of(&error))?;
    let shredded = vault.shredded_of(&asked.values).await.map_err(|error| problem_of(&error))?;
    let detail = json!({
        "count": held.len(), "classes": classes(&held), "purpose": asked.purpose, "reason": asked.reason, "case": asked.case,
    });
    let ledger = app.record(&caller, "subject_find", "subjects", detail).await?;
    let rows = held.iter().map(|held| {
        json!({ "token": held.token.to_string(), "class": held.token.kind().as_str(), "writings": held.writings })
    });
    Ok(Json(json!({ "held": rows.collect::<Vec<_>>(), "shredded": shredded, "ledger": ledger })))
}

/// `POST /api/v1/subjects/shred`: destroys what is held of values and answers with the signed certificate; where there is
/// somebody else who may, 202 and the order waits for that second person.
pub async fn shred(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<SubjectForm>,
) -> Result<Response, Problem> {
    let asked = form.read(&app, &caller, Operation::Manage)?;
    let vault = vault(&app)?;
    let held = vault.held(&asked.values).await.map_err(|error| problem_of(&error))?;
    if held.is_empty() {
        return Err(nothing_held(vault, &asked.values).await?);
    }
    check_count(held.len())?;
    let waiting = Waiting {
        id: String::new(),
        asked: app.clock.now(),
        asked_by: caller.subject.name.as_str().to_owned(),
        reason: asked.reason,
        purpose: asked.purpose,
        case: asked.case.map(|case| case.to_string()),
        tokens: held.iter().map(|held| held.token.to_string()).collect(),
    };
    if !has_second_person(&app, &caller).await? {
        let by = waiting.asked_by.clone();
        return Ok(Json(destroy(&app, &caller, vault, &held, waiting, by).await?).into_response());
    }
    let waiting = app.shreds_waiting.add(waiting).await.map_err(|error| care_problem(&error))?;
    let detail = json!({
        "count": held.len(), "classes": classes(&held), "purpose": waiting.purpose, "reason": waiting.reason,
        "case": waiting.case,
    });
    app.record(&caller, "shred_asked", &format!("shred:{}", waiting.id), detail).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "waiting": waiting }))).into_response())
}

/// `GET /api/v1/subjects/shred`: the orders that wait for a second person.
pub async fn waiting(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    permit(&app, &caller, Operation::Read, None)?;
    let waiting = app.shreds_waiting.list().await.map_err(|error| care_problem(&error))?;
    Ok(Json(json!({ "waiting": waiting })))
}

/// `POST /api/v1/subjects/shred/{id}/approve`: the second person; destroys, and answers with the certificate.
pub async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Signed>, Problem> {
    permit(&app, &caller, Operation::Manage, None)?;
    let second = caller.subject.name.as_str();
    let waiting = app.shreds_waiting.for_second(&id, second).await.map_err(|error| care_problem(&error))?;
    let vault = vault(&app)?;
    // What came since it was asked for goes too.
    let held = vault.held_behind(&waiting.tokens).await.map_err(|error| problem_of(&error))?;
    check_count(held.len())?;
    let by = format!("{}, {second}", waiting.asked_by);
    let signed = destroy(&app, &caller, vault, &held, waiting, by).await?;
    app.shreds_waiting.remove(&id).await.map_err(|error| care_problem(&error))?;
    Ok(Json(signed))
}

/// `POST /api/v1/subjects/shred/{id}/refuse`: the second person says no, or who asked takes it back.
pub async fn refuse(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(why): Body<ReasonForm>,
) -> Result<Response, Problem> {
    permit(&app, &caller, Operation::Manage, None)?;
    let reason = why.read()?;
    let all = app.shreds_waiting.list().await.map_err(|error| care_problem(&error))?;
    let order = all.into_iter().find(|order| order.id == id);
    let order = order.ok_or_else(|| Problem::not_found("there is no such order that waits"))?;
    let detail = json!({ "reason": reason, "asked_by": order.asked_by });
    app.record(&caller, "shred_refused", &format!("shred:{id}"), detail).await?;
    app.shreds_waiting.remove(&id).await.map_err(|error| care_problem(&error))?;
    Ok(no_content())
}

/// Why something is decided.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonForm {
    reason: String,
}

impl ReasonForm {
    fn read(self) -> Result<String, Problem> {
        let reason = self.reason.trim().to_owned();
        if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
            return Err(Problem::bad_request(format!("`reason`: 1 to {REASON_CHARS_MAX} characters")));
        }
        Ok(reason)
    }
}

/// Whether somebody else than who asks could approve: an account in use whose role may destroy.
async fn has_second_person(app: &App, caller: &Caller) -> Result<bool, Problem> {
    let everyone = app.accounts.everyone().await.map_err(|error| Problem::fault("accounts", &error))?;
    let may = |account: &::policy::Account| {
        let subject = account.subject();
        subject.name != caller.subject.name
            && !account.disabled
            && !app.guard.purposes(&subject, Operation::Manage, Object::Subjects).is_empty()
    };
    Ok(everyone.iter().any(may))
}

fn check_count(count: usize) -> Result<(), Problem> {
    if count > TOKENS_MAX {
        let detail = format!("{count} values would be destroyed, at most {TOKENS_MAX} at once; name fewer");
        return Err(Problem::bad_request(detail));
    }
    Ok(())
}

async fn destroy(
    app: &App,
    caller: &Caller,
    vault: &Vault,
    held: &[Held],
    waiting: Waiting,
    by: String,
) -> Result<Signed, Problem> {
    // Step 1: what correlations remember. After this only what comes meanwhile can be remembered again.
    let writings = vault.writings_of(held).await.map_err(|error| problem_of(&error))?;
    let forget = |why: String| Problem::unavailable(format!("nothing was destroyed: {why}"));
    app.forget.values(writings.clone()).await.map_err(forget)?;

    // Step 2: the record, before anything is destroyed.
    let id = hex::encode(keys::random_bytes::<16>());
    let tokens: Vec<String> = held.iter().map(|held| held.token.to_string()).collect();
    let detail = json!({
        "certificate": id, "count": held.len(), "classes": classes(held), "tokens": tokens, "purpose": waiting.purpose,
        "reason": waiting.reason, "case": waiting.case, "ordered_by": by,
    });
    let ledger_entry = app.record(caller, "shred", &format!("subject:{id}"), detail).await?;
    let order = Order {
        certificate: id.clone(),
        ordered: app.clock.now(),
        ordered_by: by,
        reason: waiting.reason,
        purpose: waiting.purpose,
        case: waiting.case,
        ledger_entry,
        spool_before: app.spool.next_id().0,
        spool_gone: None,
    };
    order::keep(&app.store, &order).await.map_err(|error| problem_of(&error))?;

    // Step 3: keys, rows, memory; then what correlations met between the first step and now.
    vault.shred(held, &id, order.ordered).await.map_err(|error| problem_of(&error))?;
    metrics::counter!("metrosoc_vault_shredded_total").increment(held.len() as u64);
    if let Err(reason) = app.forget.values(writings).await {
        tracing::error!(reason, certificate = id, "correlations may remember what came while values were destroyed");
    }
    issue(app, vault, order).await
}

/// `GET /api/v1/subjects/certificates/{id}`: the certificate as things stand now.
pub async fn certificate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Signed>, Problem> {
    let (_, purpose) = permit(&app, &caller, Operation::Read, None)?;
    let vault = vault(&app)?;
    let order = order::of_certificate(&app.store, &id).await.map_err(|error| problem_of(&error))?;
    let order = order.ok_or_else(|| Problem::not_found("there is no such certificate"))?;
    let signed = issue(&app, vault, order).await?;
    let object = format!("subject:{}", signed.certificate.id);
    app.record(&caller, "shred_certificate_read", &object, json!({ "purpose": purpose })).await?;
    Ok(Json(signed))
}

/// Notes when the spool's last segments from before an order are gone.
///
/// # Errors
/// When the database cannot be asked.
pub async fn look_at_spool(app: &App) -> Result<(), VaultError> {
    let waiting = order::still_in_spool(&app.store).await?;
    let oldest = app.spool.segments().iter().map(|segment| segment.first.0).min();
    for (certificate, before) in waiting {
        if oldest.is_none_or(|oldest| oldest >= before) {
            order::gone_from_spool(&app.store, &certificate, app.clock.now()).await?;
        }
    }
    Ok(())
}

async fn issue(app: &App, vault: &Vault, order: Order) -> Result<Signed, Problem> {
    look_at_spool(app).await.map_err(|error| problem_of(&error))?;
    let order = order::of_certificate(&app.store, &order.certificate)
        .await
        .map_err(|error| problem_of(&error))?
        .unwrap_or(order);
    let destroyed = vault.shredded_under(&order.certificate).await.map_err(|error| problem_of(&error))?;
    let (keys_left, rows_left) = vault.left_of(&destroyed).await.map_err(|error| problem_of(&error))?;
    let certificate = Certificate {
        format: FORMAT,
        id: order.certificate,
        ordered: order.ordered,
        ordered_by: order.ordered_by,
        purpose: order.purpose,
        reason: order.reason,
        case: order.case,
        ledger_entry: order.ledger_entry,
        destroyed,
        keys_left,
        rows_left,
        spool_before: order.spool_before,
        spool_gone: order.spool_gone,
        issued: app.clock.now(),
    };
    Signed::new(certificate, app.erasure_signer.as_ref()).map_err(|error| Problem::fault("the certificate", &error))
}

async fn nothing_held(vault: &Vault, values: &[String]) -> Result<Problem, Problem> {
    let shredded = vault.shredded_of(values).await.map_err(|error| problem_of(&error))?;
    let mut certificates: Vec<String> =
        shredded.into_iter().map(|line| format!("`{}` of {}", line.certificate, line.time)).collect();
    certificates.dedup();
    Ok(Problem::not_found(match certificates.as_slice() {
        [] => "nothing is held of these values".to_owned(),
        _ => format!("nothing is held of these values any more; see certificate {}", certificates.join(", ")),
    }))
}

fn vault(app: &App) -> Result<&Vault, Problem> {
    let pseudonyms = app.pseudonyms.as_ref().ok_or_else(|| {
        Problem::conflict("this data directory holds personal values in clear, without a vault (`privacy.pseudonyms`)")
    })?;
    Ok(pseudonyms.vault())
}

fn classes(held: &[Held]) -> BTreeMap<&'static str, usize> {
    let mut classes = BTreeMap::new();
    for held in held {
        *classes.entry(held.token.kind().as_str()).or_default() += 1;
    }
    classes
}

fn problem_of(error: &VaultError) -> Problem {
    match error {
        VaultError::Lost { .. } => Problem::unavailable(chain(error)),
        _ => Problem::fault("the vault", error),
    }
}

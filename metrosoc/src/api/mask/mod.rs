//! Records of other systems, masked for whom they are meant.

pub(in crate::api) mod form;
mod read;
mod stream;
pub(in crate::api) mod write;

use std::sync::Arc;

use ::event::{AgencyId, CaseId, Masks, Object, Operation, Role, Subject, UserName};
use ::policy::mask::RoleMasks;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::caller::Caller;
use super::problem::Problem;
use form::Form;
use stream::{Masker, Streaming};

/// The header that tells the ledger's entry of an answer.
const LEDGER_HEADER: &str = "metrosoc-ledger";

/// What stands behind `?`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskQuery {
    /// An object of the policy (`events`), or a dataset that a choice of `masks.yml` names as `records:NAME`.
    dataset: String,
    /// What the records are for.
    purpose: String,
    /// The account that they are meant for; the caller's own without.
    subject: Option<String>,
    /// Instead of an account: a role.
    role: Option<String>,
    /// The agency of that role.
    agency: Option<AgencyId>,
    /// The case that it is for.
    case: Option<CaseId>,
}

/// `POST /api/v1/mask?dataset=D&purpose=P&subject=NAME`: JSON, NDJSON or CSV in, the same or another of them out, record by
/// record.
///
/// What is wrong before the first part of the answer has gone out is a problem that names the record. Later the answer ends
/// with a record `metrosoc.error` and is cut off.
pub async fn mask(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<MaskQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    caller.permit(&app, Operation::Export, Object::Decisions, &query.purpose)?;
    let form = Form::of_body(&headers)?;
    let answer = Form::of_answer(&headers, form)?;
    let subject = subject_of(&app, &caller, &query).await?;
    let masks = masks_of(&app, &caller.subject.name, &subject, &query)?;
    let Ok(place) = Arc::clone(&app.masking_now).try_acquire_owned() else {
        return Err(Problem::too_many("as many batches are being masked as may be at once", 1));
    };
    let detail = json!({
        "dataset": query.dataset, "purpose": query.purpose, "case": query.case, "for": subject.name, "role": subject.role,
        "agency": subject.agency, "masks": masks.name(),
    });
    let ledger = app.record(&caller, "mask", &format!("records:{}", query.dataset), detail).await?;
    let masker = Masker::new(form, answer, masks);
    let streaming = Streaming { app, caller, query, subject, ledger, _place: place };
    let mut response = streaming.answer(masker, body).await?;
    response.headers_mut().insert(LEDGER_HEADER, ledger.into());
    Ok(response)
}

/// Whom the records are meant for.
async fn subject_of(app: &App, caller: &Caller, query: &MaskQuery) -> Result<Subject, Problem> {
    match (&query.subject, &query.role) {
        (Some(_), Some(_)) => Err(Problem::bad_request("`subject` or `role`, not both")),
        (Some(name), None) => {
            let found =
                app.accounts.active_subject(name).await.map_err(|error| super::caller::account_problem(&error))?;
            let found = found.ok_or_else(|| Problem::not_found(format!("no account `{}`", shorten(name))))?;
            match &query.agency {
                Some(agency) if found.agency.as_ref() != Some(agency) => {
                    Err(Problem::bad_request(format!("`{}` does not speak for `{agency}`", found.name)))
                }
                _ => Ok(found),
            }
        }
        (None, Some(role)) => {
            let role = Role::parse(role).ok_or_else(|| Problem::bad_request(format!("no role `{}`", shorten(role))))?;
            let name = UserName::new("anybody").map_err(|error| Problem::bad_request(error.to_string()))?;
            Ok(Subject { name, role, agency: query.agency.clone() })
        }
        (None, None) if query.agency.is_some() => Err(Problem::bad_request("`agency` goes with `role` or `subject`")),
        (None, None) => Ok(caller.subject.clone()),
    }
}

/// The masks that the records are seen through; refused where the policy says nothing of the dataset.
fn masks_of(app: &App, asker: &UserName, subject: &Subject, query: &MaskQuery) -> Result<Arc<RoleMasks>, Problem> {
    if !app.guard.knows_purpose(&query.purpose) {
        return Err(Problem::denied(format!("there is no purpose `{}`", shorten(&query.purpose)), Vec::new()));
    }
    if let Some(object) = Object::ALL.into_iter().find(|object| object.as_str() == query.dataset) {
        let explained = app.guard.explain(subject, Operation::Read, object, &query.purpose);
        if !explained.allowed {
            let detail = format!("`{}` may not read `{}` for this purpose", subject.name, query.dataset);
            return Err(Problem::denied(detail, explained.because));
        }
        let masks = app.guard.object_masks(subject, object, &query.purpose, Some(asker));
        if !masks.counts().rows {
            return Err(Problem::denied("single records are withheld for this purpose", explained.because));
        }
        return Ok(Arc::new(masks));
    }
    let masks = app.guard.record_masks(subject, &query.dataset, &query.purpose, asker);
    masks.map(Arc::new).ok_or_else(|| {
        let detail = format!("no choice of masks.yml names the dataset `records:{}`", shorten(&query.dataset));
        Problem::denied(detail, Vec::new())
    })
}

fn shorten(text: &str) -> String {
    text.chars().filter(|found| !found.is_control()).take(64).collect()
}

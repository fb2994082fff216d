//! Edges: their batches, how far they came, their enrolment and the renewal of their certificates.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use collector::EdgeError;
use collector::edge::{Batch, BatchFault, StreamId};
use event::{Object, Operation, SiteId};
use pki::Issued;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{Caller, Proof};
use super::certificates::problem_of as pki_problem;
use super::ingest::{refused, within_quota};
use super::problem::Problem;
use super::{App, Body};

/// Most bytes of a form with a certificate signing request.
pub const FORM_BYTES_MAX: usize = 64 * 1024;
/// Seconds after which an edge may try again when a batch before is still being written.
const RETRY_AFTER_SECS: u64 = 1;

/// `POST /api/v1/edge/batches`: answered when what is new in it is durable.
pub async fn batch(State(app): State<Arc<App>>, caller: Caller, body: Bytes) -> Result<Json<Value>, Problem> {
    let site = site_of(&app, &caller)?;
    let batch = Batch::decode(&body).map_err(|fault| match fault {
        BatchFault::TooLarge { .. } => Problem::too_large(fault.to_string()),
        _ => Problem::bad_request(fault.to_string()),
    })?;
    let share = within_quota(&app, &site)?;
    let _place = share.place(body.len()).await;
    let receipt = app.edges.accept(&site, batch).await.map_err(|error| edge_problem(&error))?;
    share.charge(receipt.stored, if receipt.stored > 0 { body.len() } else { 0 }, app.clock.now());
    Ok(Json(json!({
        "acknowledged": receipt.acknowledged, "stored": receipt.stored, "resent": receipt.resent,
        "time": app.clock.now(),
    })))
}

/// What stands behind `?`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PositionQuery {
    stream: String,
}

/// `GET /api/v1/edge/position?stream=ID`: the highest sequence of each lane that is stored, null for none.
pub async fn position(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: Result<Query<PositionQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let site = site_of(&app, &caller)?;
    let Query(query) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let stream: StreamId =
        query.stream.parse().map_err(|_| Problem::bad_request("`stream` is not 32 hexadecimal digits"))?;
    let marks = app.edges.marks(&site, stream).await.map_err(|error| edge_problem(&error))?;
    Ok(Json(json!({ "site": site, "urgent": marks.urgent, "ordinary": marks.ordinary, "time": app.clock.now() })))
}

/// A one-time token and a certificate signing request (PEM).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolForm {
    token: String,
    csr: String,
}

/// `POST /api/v1/edge/enrolments`: public, since the token is the proof.
pub async fn enrol(State(app): State<Arc<App>>, Body(form): Body<EnrolForm>) -> Result<Json<Value>, Problem> {
    let issued = app.authority.enrol(&form.token, &form.csr).await.map_err(|error| pki_problem(&error))?;
    Ok(Json(answer(&issued)))
}

/// A certificate signing request (PEM).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewForm {
    csr: String,
}

/// `POST /api/v1/edge/certificate`: the next certificate of the site whose certificate this connection showed.
pub async fn renew(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<RenewForm>,
) -> Result<Json<Value>, Problem> {
    let site = site_of(&app, &caller)?;
    let issued = app.authority.renew(&site, &form.csr).await.map_err(|error| pki_problem(&error))?;
    Ok(Json(answer(&issued)))
}

fn answer(issued: &Issued) -> Value {
    json!({
        "site": issued.certificate.subject, "serial": issued.certificate.serial,
        "not_after": issued.certificate.not_after, "chain": issued.chain_pem,
    })
}

/// The site of the certificate: nothing else speaks as an edge.
fn site_of(app: &App, caller: &Caller) -> Result<SiteId, Problem> {
    let Proof::Certificate(site) = &caller.proof else {
        let detail = "only an edge that shows its site's certificate may do this; `metrosoc edge enrol` gets it one";
        return Err(Problem::denied(detail, Vec::new()));
    };
    caller.permit(app, Operation::Write, Object::Ingest, "")?;
    if app.sites.by_id(site).is_none() {
        return Err(Problem::not_found(format!("no site `{site}`; `metrosoc site list` shows them")));
    }
    Ok(site.clone())
}

fn edge_problem(error: &EdgeError) -> Problem {
    match error {
        EdgeError::Intake(error) => refused(error),
        EdgeError::Busy => {
            let problem = Problem::unavailable(error.to_string());
            Problem { retry_after_secs: Some(RETRY_AFTER_SECS), ..problem }
        }
        _ => Problem::fault("the records of edges", error),
    }
}

//! The ledger: its checkpoint, tiles and proofs, and its verification.

use std::sync::Arc;

use ::ledger::{EventProof, TilePath};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use event::{EventId, Object, Operation, Reach};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::caller::Caller;
use super::problem::Problem;
use super::search::purpose_of;

/// `GET /api/v1/ledger/checkpoint`: the signed head of the log; it shows how many entries there are, not what they say.
pub async fn checkpoint(State(app): State<Arc<App>>, caller: Caller) -> Result<String, Problem> {
    may_check(&app, &caller)?;
    let checkpoint = app.ledger.checkpoint().ok_or_else(|| Problem::not_found("the ledger has no checkpoint yet"))?;
    Ok(checkpoint.note())
}

/// What may stand in the body of a verification.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VerifyForm {
    /// A signed note that was kept elsewhere; the record must continue it.
    checkpoint: Option<String>,
}

/// `POST /api/v1/ledger/verify`: reads the whole record again.
pub async fn verify(State(app): State<Arc<App>>, caller: Caller, body: Bytes) -> Result<Json<Value>, Problem> {
    may_check(&app, &caller)?;
    let form = if body.is_empty() { Ok(VerifyForm::default()) } else { serde_json::from_slice(&body) };
    let form = form.map_err(|error| Problem::bad_request(format!("body: {error}")))?;
    let (folder, key) = (app.ledger.directory().to_owned(), app.ledger_key.clone());
    let outcome = tokio::task::spawn_blocking(move || match form.checkpoint {
        Some(note) => ::ledger::verify_against(&folder, Some(&key), &note),
        None => ::ledger::verify(&folder, Some(&key)),
    });
    let outcome = outcome.await.map_err(|error| Problem::fault("verification", &error))?;
    // A record that is damaged may refuse this entry; what was found is told all the same.
    if let Err(problem) = app.record(&caller, "ledger_verify", "ledger", json!({ "sound": outcome.is_ok() })).await {
        tracing::error!(problem = problem.detail, "verification of the ledger not recorded");
    }
    Ok(Json(told(outcome)))
}

/// The outcome of a verification as API and command line tell it.
pub fn told(outcome: Result<::ledger::Report, ::ledger::Fault>) -> Value {
    match outcome {
        Ok(report) => json!({
            "sound": true, "entries": report.entries, "root": hex::encode(report.root),
            "signed_by": report.signed_by, "fault": null,
        }),
        Err(fault) => json!({ "sound": false, "fault": super::problem::chain(&fault) }),
    }
}

/// `GET /api/v1/ledger/events/{id}`: that an event stands in the record as it is stored. Who may see all of the event
/// gets its salt and stored bytes too; the others can check that something stands there, and not what.
pub async fn event(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<u64>,
) -> Result<Json<EventProof>, Problem> {
    let purpose = purpose_of(&app, &caller, None);
    let permit = caller.permit(&app, Operation::Read, Object::Events, &purpose);
    if permit.is_err() {
        may_check(&app, &caller)?;
    }
    let (ledger, engine) = (app.ledger.clone(), app.search.clone());
    let may_check = may_check(&app, &caller).is_ok();
    let found = tokio::task::spawn_blocking(move || -> Result<_, Problem> {
        let stored = match &permit {
            Ok(permit) => engine.stored(permit, EventId(id)).map_err(|error| Problem::fault("the index", &error))?,
            Err(_) => None,
        };
        if stored.is_none() && !may_check {
            return Ok(None);
        }
        let evidence = ledger.prove_event(id).map_err(|error| Problem::fault("the ledger", &error))?;
        Ok(evidence.map(|evidence| (evidence, stored)))
    });
    let found = found.await.map_err(|error| Problem::fault("the proof", &error))??;
    let Some((evidence, stored)) = found else {
        return Err(Problem::not_found(format!("no proof of event `{id}` that you may see")));
    };
    let shown = stored.is_some();
    app.record(&caller, "prove_event", &format!("event:{id}"), json!({ "purpose": purpose, "shown": shown })).await?;
    Ok(Json(match (evidence.salt, stored) {
        (Some(salt), Some(stored)) => evidence.proof.with_record(&salt, &stored),
        _ => evidence.proof,
    }))
}

/// `GET /ledger/tile/{level}/{tile}`: hashes of the tree; they show nothing of what entries say.
pub async fn tile(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((level, tile)): Path<(String, String)>,
) -> Result<Response, Problem> {
    may_check(&app, &caller)?;
    piece(&app, &format!("{level}/{tile}")).await
}

/// `GET /ledger/tile/entries/{bundle}`: entries as they stand in the record. Reading them is recorded, as all reading of
/// the record is.
pub async fn bundle(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(bundle): Path<String>,
) -> Result<Response, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Audit, "")?;
    let whole = permit.scope().agencies == Reach::All && permit.scope().sites == Reach::All;
    if !whole {
        return Err(Problem::denied("the record cannot be cut into the parts of agencies", permit.because().to_vec()));
    }
    let path = format!("entries/{bundle}");
    let answer = piece(&app, &path).await?;
    app.record(&caller, "audit_read", "audit", json!({ "tile": path, "because": permit.because() })).await?;
    Ok(answer)
}

async fn piece(app: &App, path: &str) -> Result<Response, Problem> {
    let path = TilePath::parse(path).map_err(|error| Problem::bad_request(error.to_string()))?;
    let ledger = app.ledger.clone();
    let read = tokio::task::spawn_blocking(move || ledger.tile(&path)).await;
    let read = read.map_err(|error| Problem::fault("the ledger", &error))?;
    let bytes = read.map_err(|error| Problem::fault("the ledger", &error))?;
    let bytes = bytes.ok_or_else(|| Problem::not_found(format!("the ledger has no tile `{path}` yet")))?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// `GET /api/v1/ledger/proof/{index}`: that the entry is in the record which the checkpoint signs.
pub async fn proof(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(index): Path<u64>,
) -> Result<Json<Value>, Problem> {
    may_check(&app, &caller)?;
    let ledger = app.ledger.clone();
    let proof = tokio::task::spawn_blocking(move || ledger.prove(index)).await;
    let proof = proof.map_err(|error| Problem::fault("the proof", &error))?;
    let proof = proof.map_err(|error| Problem::not_found(super::problem::chain(&error)))?;
    Ok(Json(
        json!({ "index": proof.index, "leaf": hex::encode(proof.leaf), "path": proof.path.iter().map(hex::encode).collect::<Vec<_>>(), "checkpoint": proof.note }),
    ))
}

/// The record's soundness may be checked by who runs the platform and by who reads the record.
fn may_check(app: &App, caller: &Caller) -> Result<(), Problem> {
    caller
        .permit(app, Operation::Read, Object::Platform, "")
        .or_else(|_| caller.permit(app, Operation::Read, Object::Audit, ""))
        .map(drop)
}

//! The ledger: its checkpoint and its verification.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use event::{Object, Operation};
use serde_json::{Value, json};

use super::App;
use super::caller::Caller;
use super::problem::Problem;

/// `GET /api/v1/ledger/checkpoint`: the signed head of the log; it shows how many entries there are, not what they say.
pub async fn checkpoint(State(app): State<Arc<App>>, caller: Caller) -> Result<String, Problem> {
    may_check(&app, &caller)?;
    let checkpoint = app.ledger.checkpoint().ok_or_else(|| Problem::not_found("the ledger has no checkpoint yet"))?;
    Ok(checkpoint.note())
}

/// `POST /api/v1/ledger/verify`: reads the whole record again.
pub async fn verify(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    may_check(&app, &caller)?;
    let (folder, key) = (app.ledger.directory().to_owned(), app.ledger_key.clone());
    let outcome = tokio::task::spawn_blocking(move || ::ledger::verify(&folder, Some(&key))).await;
    match outcome.map_err(|error| Problem::fault("verification", &error))? {
        Ok(report) => Ok(Json(
            json!({ "sound": true, "entries": report.entries, "root": hex::encode(report.root), "fault": null }),
        )),
        Err(fault) => Ok(Json(json!({ "sound": false, "fault": fault.to_string() }))),
    }
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

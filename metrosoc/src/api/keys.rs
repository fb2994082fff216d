//! Which keys everything is sealed under, and new ones while everything works.

use std::sync::Arc;

use ::keys::{KeyError, KeyKind};
use axum::Json;
use axum::extract::State;
use event::{Object, Operation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::caller::Caller;
use super::problem::{Problem, chain};
use super::{App, Body};

/// Which keys are to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Wanted {
    Master,
    Sealing,
    LookUp,
    All,
}

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationForm {
    keys: Wanted,
}

/// `GET /api/v1/keys`: marks and generations, never a key; how far a rotation is.
pub async fn status(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Platform, "")?;
    Ok(Json(shown(&app)))
}

/// `POST /api/v1/keys/rotate`: the new keys are in force when it answers; what the old ones sealed is sealed anew behind
/// that, and the answer of [`status`] says how far it is.
pub async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<RotationForm>,
) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Manage, Object::Platform, "")?;
    let keyring = &app.rotation.keyring;
    let kinds: Vec<KeyKind> = match form.keys {
        // Where older versions derived everything from the master key, only new keys beneath it make it worthless.
        Wanted::Master => KeyKind::ALL.into_iter().filter(|kind| keyring.is_first(*kind)).collect(),
        Wanted::Sealing => vec![KeyKind::Sealing],
        Wanted::LookUp => vec![KeyKind::LookUp],
        Wanted::All => KeyKind::ALL.to_vec(),
    };
    if let Some(kind) = kinds.iter().copied().find(|kind| keyring.is_underway(*kind)) {
        return Err(problem_of(&KeyError::Underway { kind: kind.as_str() }));
    }
    // What a backup copied before must open with the ring that it takes last.
    let Ok(_turn) = app.backups.try_lock() else {
        return Err(Problem::conflict("a backup is being made; rotate keys after its end"));
    };
    let with_master = matches!(form.keys, Wanted::Master | Wanted::All);
    let names: Vec<&str> =
        with_master.then_some("master").into_iter().chain(kinds.iter().map(|kind| kind.as_str())).collect();
    let detail = json!({ "keys": names, "before": keyring.keys_state() });
    app.record(&caller, "key_rotation_begun", "keys", detail).await?;

    if with_master {
        block_in_place(|| keyring.rotate_master()).map_err(|error| problem_of(&error))?;
    }
    for kind in kinds {
        begin(&app, kind).await.map_err(|error| problem_of(&error))?;
    }
    app.rotation.begun();
    Ok(Json(shown(&app)))
}

/// A new look-up key comes while nobody brings values into the vault: each of them is marked under one of the two.
async fn begin(app: &App, kind: KeyKind) -> Result<(), KeyError> {
    let now = app.clock.now();
    let act = || block_in_place(|| app.rotation.keyring.begin(kind, now));
    match &app.pseudonyms {
        Some(pseudonyms) if kind == KeyKind::LookUp => pseudonyms.vault().alone(act).await,
        _ => act(),
    }
}

fn shown(app: &App) -> Value {
    let (keys, progress) = app.rotation.now();
    json!({ "keys": keys, "rotation": progress })
}

fn problem_of(error: &KeyError) -> Problem {
    match error {
        KeyError::Underway { .. } | KeyError::Fixed { .. } => Problem::conflict(chain(error)),
        _ => Problem::fault("the keys", error),
    }
}

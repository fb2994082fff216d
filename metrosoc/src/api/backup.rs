//! Backups, over the Unix socket: written to this machine's disk by the server, told step by step.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body as HttpBody, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use event::{EventId, Object, Operation};
use keys::Secret;
use serde::Deserialize;
use tokio::sync::mpsc::{Receiver, channel};

use super::caller::{Caller, Proof};
use super::problem::Problem;
use super::{App, Body};
use crate::backup::make::{self, Source, Told, Wanted};
use crate::serve::open::store_url;

/// Words about progress that wait for who asked.
const TOLD_MAX: usize = 256;

/// Where a backup goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupForm {
    to: PathBuf,
    #[serde(default)]
    previous: Option<PathBuf>,
}

/// `POST /api/v1/backup`: a line of JSON for each step, the last says how it ended. When whoever asked goes away, it ends
/// without a manifest.
pub async fn make(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<BackupForm>,
) -> Result<Response, Problem> {
    caller.permit(&app, Operation::Manage, Object::Platform, "")?;
    if !matches!(caller.proof, Proof::Local) {
        return Err(Problem::denied("backups are written only for the operator at the Unix socket", Vec::new()));
    }
    let Ok(turn) = Arc::clone(&app.backups).try_lock_owned() else {
        return Err(Problem::conflict("another backup is being made; wait for its end"));
    };
    let source = source_of(&app)?;
    let wanted = Wanted { to: form.to, previous: form.previous, by: caller.subject.name.as_str().to_owned() };
    let (told, steps) = channel(TOLD_MAX);
    tokio::spawn(async move {
        let _turn = turn;
        let last = match make::make(&source, &wanted, &told).await {
            Ok(made) => Told::Made(made),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), to = %wanted.to.display(), "backup not made");
                Told::Failed(format!("{error:#}"))
            }
        };
        // Whoever asked may have gone; log and ledger have it.
        let _ = told.send(last).await;
    });
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((headers, HttpBody::from_stream(lines(steps))).into_response())
}

fn lines(steps: Receiver<Told>) -> impl futures::Stream<Item = Result<Bytes, serde_json::Error>> {
    futures::stream::unfold(steps, |mut steps| async move {
        let told = steps.recv().await?;
        let line = serde_json::to_vec(&told).map(|mut line| {
            line.push(b'\n');
            Bytes::from(line)
        });
        Some((line, steps))
    })
}

fn source_of(app: &Arc<App>) -> Result<Source, Problem> {
    let config = &app.loaded.config;
    let postgres = match config.store.url_file.as_str() {
        "" => None,
        _ => Some(Secret::new(
            store_url(config, &app.data)
                .map_err(|error| Problem::unavailable(format!("the address of the database: {error:#}")))?,
        )),
    };
    let (index, passed) = (Arc::clone(&app.index), Arc::clone(&app.passed));
    Ok(Source {
        data: app.data.clone(),
        config: app.loaded.file.clone(),
        postgres,
        store: app.store.clone(),
        index: Arc::clone(&app.index),
        ledger: app.ledger.clone(),
        spool: Arc::clone(&app.spool),
        searchable: Some(Arc::new(move || passed.searchable(index.position().unwrap_or(EventId(0))))),
        signer: Arc::clone(&app.backup_signer),
        clock: Arc::clone(&app.clock),
    })
}

//! Logs over HTTPS: lines, NDJSON, and Elasticsearch's `_bulk`. Answered when the records are durable.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use collector::source::FrameLimits;
use collector::source::body::{self, BulkItem};
use collector::{Format, IntakeError, Record};
use event::{KnownBy, Object, Operation, Origin, SiteId, Transport};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::caller::{Caller, Proof};
use super::problem::Problem;

/// Seconds after which refused records may be sent again.
const RETRY_AFTER_SECS: u64 = 5;

/// What stands behind `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct IngestQuery {
    site: Option<SiteId>,
}

/// `POST /api/v1/ingest`: NDJSON when the content type says JSON, lines otherwise.
pub async fn ingest(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<IngestQuery>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let origin = origin(&app, &caller, query.site.as_ref())?;
    let json =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|kind| kind.contains("json"));
    let received = app.clock.now();
    let limits = FrameLimits { frame_bytes_max: app.loaded.config.syslog.line_bytes_max, ..FrameLimits::default() };
    let lines = if json { body::ndjson(&bytes, limits) } else { body::lines(&bytes, limits) };
    let lines = lines.ok_or_else(|| Problem::too_large("the body has too many lines; send it in parts"))?;
    let records: Vec<Record> = lines
        .into_frames()
        .map(|(line, truncated)| {
            let record = Record::new(Arc::clone(&origin), received, line);
            Record { format: json.then_some(Format::Json), truncated, ..record }
        })
        .collect();
    let count = records.len();
    store(&app, &origin, records).await?;
    Ok(Json(json!({ "accepted": count })))
}

/// `POST /_bulk`
pub async fn bulk(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<IngestQuery>,
    bytes: Bytes,
) -> Result<Response, Problem> {
    answer_bulk(&app, &caller, query.site.as_ref(), None, &bytes).await
}

/// `POST /{index}/_bulk`
pub async fn bulk_into(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(index): Path<String>,
    Query(query): Query<IngestQuery>,
    bytes: Bytes,
) -> Result<Response, Problem> {
    answer_bulk(&app, &caller, query.site.as_ref(), Some(&index), &bytes).await
}

async fn answer_bulk(
    app: &Arc<App>,
    caller: &Caller,
    site: Option<&SiteId>,
    index: Option<&str>,
    bytes: &Bytes,
) -> Result<Response, Problem> {
    let started = app.clock.now();
    let origin = origin(app, caller, site)?;
    let items = body::bulk(bytes, app.loaded.config.syslog.line_bytes_max)
        .map_err(|fault| Problem::bad_request(super::problem::chain(&fault)))?;
    let mut records = Vec::with_capacity(items.len());
    let mut answers = Vec::with_capacity(items.len());
    let mut errors = false;
    for BulkItem { operation, index: own, id, document } in items {
        let index = own.as_deref().or(index);
        let answer = match document {
            Ok(document) => {
                let record = Record::new(Arc::clone(&origin), started, bytes.slice_ref(document));
                records.push(Record { dedupe: id.clone(), ..record.with_format(Format::Json) });
                json!({ "_index": index, "_id": id, "_version": 1, "result": "created", "status": 201 })
            }
            Err(fault) => {
                errors = true;
                let error = json!({ "type": fault.kind(), "reason": fault.to_string() });
                json!({ "_index": index, "_id": id, "status": fault.status(), "error": error })
            }
        };
        answers.push(json!({ operation.as_str(): answer }));
    }
    store(app, &origin, records).await?;
    let took = app.clock.now().since(started).as_millis();
    let took = u64::try_from(took).unwrap_or(u64::MAX);
    let product = [("x-elastic-product", "Elasticsearch")];
    Ok((product, Json(json!({ "took": took, "errors": errors, "items": answers }))).into_response())
}

/// The site is the certificate's; with a token, the one named, if the account may speak for it.
fn origin(app: &App, caller: &Caller, named: Option<&SiteId>) -> Result<Arc<Origin>, Problem> {
    caller.permit(app, Operation::Write, Object::Ingest, "")?;
    let (site, known_by) = match (&caller.proof, named) {
        (Proof::Certificate(site), None) => (site.clone(), KnownBy::Certificate),
        (Proof::Certificate(site), Some(named)) if named == site => (site.clone(), KnownBy::Certificate),
        (Proof::Certificate(site), Some(named)) => {
            let detail = format!("the certificate is of site `{site}`, not of `{named}`");
            return Err(Problem::denied(detail, Vec::new()));
        }
        (Proof::Local, Some(named)) => (named.clone(), KnownBy::Operator),
        (Proof::Local, None) => (SiteId::local(), KnownBy::Operator),
        (_, Some(named)) => (named.clone(), KnownBy::Token),
        (_, None) => (SiteId::unknown(), KnownBy::Unknown),
    };
    if known_by != KnownBy::Unknown && site != SiteId::local() {
        let entry = app.sites.by_id(&site);
        let entry =
            entry.ok_or_else(|| Problem::not_found(format!("no site `{site}`; `metrosoc site list` shows them")))?;
        if known_by == KnownBy::Token && caller.subject.agency.as_ref().is_some_and(|agency| *agency != entry.agency) {
            let detail = format!("account `{}` speaks for another agency than site `{site}`", caller.subject.name);
            return Err(Problem::denied(detail, Vec::new()));
        }
    }
    Ok(app.attribution.origin_for_site(&site, known_by, Transport::Http, Some(caller.address)))
}

async fn store(app: &App, origin: &Origin, records: Vec<Record>) -> Result<(), Problem> {
    if records.is_empty() {
        return Ok(());
    }
    let (count, bytes) = (records.len(), records.iter().map(|record| record.bytes.len()).sum());
    app.intake.submit(records).await.map_err(|error| refused(&error))?;
    app.attribution.stored(origin, count, bytes);
    Ok(())
}

/// What an intake that does not take records is to HTTP: nothing was kept; sending again helps where room can come.
pub fn refused(error: &IntakeError) -> Problem {
    tracing::warn!(%error, "records refused");
    match error {
        IntakeError::Full | IntakeError::Busy => {
            Problem::spool_full(format!("{error}; send the same again later"), RETRY_AFTER_SECS)
        }
        IntakeError::TooLarge { .. } => Problem::too_large(format!("{error}; send it in parts")),
        IntakeError::Storage { .. } | IntakeError::Closed => Problem {
            retry_after_secs: Some(RETRY_AFTER_SECS),
            ..Problem::unavailable(format!("{error}; the server's log says why"))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_kind() {
        let too_large = IntakeError::TooLarge { records: 2, bytes: 9, bytes_max: 8 };
        let storage = IntakeError::Storage { reason: "no space left on device".to_owned() };
        for (error, status, kind, again) in [
            (IntakeError::Full, 503, "/problems/spool-full", true),
            (IntakeError::Busy, 503, "/problems/spool-full", true),
            (too_large, 413, "/problems/too-large", false),
            (storage, 503, "/problems/unavailable", true),
            (IntakeError::Closed, 503, "/problems/unavailable", true),
        ] {
            let problem = refused(&error);
            assert_eq!((problem.status, problem.kind.as_str()), (status, kind), "{error}");
            assert_eq!(problem.retry_after_secs.is_some(), again, "{error}");
        }
    }
}

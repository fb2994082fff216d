//! OpenTelemetry logs: over HTTP at `/v1/logs`, over gRPC at a port of their own. Answered when the records are durable.

mod grpc;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use collector::source::otlp::{self, OtlpFault, OtlpLogs};
use collector::{Format, Record};
use event::{SiteId, Transport};

pub use grpc::router as grpc_router;

use super::App;
use super::caller::Caller;
use super::ingest::{self, IngestQuery};
use super::problem::{self, Problem};

/// Most bytes of one request, unpacked: what gRPC's own clients send at most by default, four times over.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The header that names the site where a token sends.
const SITE_HEADER: &str = "x-metrosoc-site";
const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// `POST /v1/logs`: protobuf or JSON; the answer has the form of the question.
pub async fn http(
    State(app): State<Arc<App>>,
    caller: Result<Caller, Problem>,
    Query(query): Query<IngestQuery>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let read = |bytes_max| match kind.as_str() {
        PROTOBUF => otlp::from_protobuf(&bytes, bytes_max),
        JSON => otlp::from_json(&bytes, bytes_max),
        other => Err(OtlpFault::Kind(other.chars().take(64).collect())),
    };
    let outcome = take(&app, caller, query.site(), &headers, read, bytes.len()).await;
    match outcome {
        Ok(refused) if kind == JSON => ([(CONTENT_TYPE, JSON)], otlp::answer_json(refused)).into_response(),
        Ok(refused) => ([(CONTENT_TYPE, PROTOBUF)], otlp::answer_protobuf(refused)).into_response(),
        Err(problem) if kind == PROTOBUF => in_protobuf(&problem),
        Err(problem) => problem.into_response(),
    }
}

/// Reads a request under its caller's rights and stores it; gives the number of records that were refused.
async fn take(
    app: &Arc<App>,
    caller: Result<Caller, Problem>,
    site: Option<&SiteId>,
    headers: &HeaderMap,
    read: impl FnOnce(usize) -> Result<OtlpLogs, OtlpFault>,
    body_bytes: usize,
) -> Result<u64, Problem> {
    let named = match headers.get(SITE_HEADER).map(|value| value.to_str().unwrap_or_default()) {
        Some(text) => {
            Some(SiteId::new(text).map_err(|error| Problem::bad_request(format!("header `{SITE_HEADER}`: {error}")))?)
        }
        None => None,
    };
    let origin = ingest::origin(app, &caller?, site.or(named.as_ref()), Transport::Otlp)?;
    if body_bytes > BODY_BYTES_MAX {
        return Err(Problem::too_large(format!(
            "a request may have {BODY_BYTES_MAX} bytes; send fewer records at a time"
        )));
    }
    let logs = read(app.loaded.config.syslog.line_bytes_max).map_err(|fault| match fault {
        OtlpFault::TooMany | OtlpFault::TooLarge => Problem::too_large(fault.to_string()),
        OtlpFault::Protobuf(_) | OtlpFault::Json(_) | OtlpFault::Kind(_) => Problem::bad_request(fault.to_string()),
    })?;
    let received = app.clock.now();
    let records = logs.documents.into_iter();
    let records = records
        .map(|document| Record::new(Arc::clone(&origin), received, document).with_format(Format::Json))
        .collect();
    ingest::store(app, &origin, records).await.map_err(throttled)?;
    if logs.refused > 0 {
        metrics::counter!("metrosoc_source_refused_records_total", "transport" => "otlp").increment(logs.refused);
    }
    Ok(logs.refused)
}

/// OTLP's word for a spool without room is 429: senders keep what it is said of and send it again.
fn throttled(problem: Problem) -> Problem {
    if problem.kind == problem::kind(problem::SPOOL_FULL) {
        return Problem { status: StatusCode::TOO_MANY_REQUESTS.as_u16(), ..problem };
    }
    problem
}

/// The number of a gRPC status that says the same as a problem.
fn grpc_code(problem: &Problem) -> i32 {
    match problem.status {
        400 | 413 => 3,
        401 => 16,
        403 => 7,
        404 => 5,
        429 => 8,
        503 => 14,
        _ => 13,
    }
}

fn in_protobuf(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = otlp::status(grpc_code(problem), &problem.detail, problem.retry_after_secs);
    let mut response = (status, [(CONTENT_TYPE, PROTOBUF)], body).into_response();
    if let Some(secs) = problem.retry_after_secs {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(secs));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_spool_throttles() {
        let problem = throttled(Problem::spool_full("full", 5));
        assert_eq!((problem.status, grpc_code(&problem)), (429, 8));
        let response = in_protobuf(&problem);
        assert_eq!((response.status().as_u16(), &response.headers()[RETRY_AFTER]), (429, &HeaderValue::from(5)));
        let other = throttled(Problem::unavailable("no disk"));
        assert_eq!((other.status, grpc_code(&other)), (503, 14));
    }
}

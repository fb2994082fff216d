//! OTLP over gRPC: the one unary call `LogsService/Export`, on the HTTP/2 server that answers everything else.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use collector::source::otlp;
use http_body_util::{BodyExt as _, Full};
use tower_http::timeout::TimeoutLayer;

use super::{BODY_BYTES_MAX, grpc_code, take};
use crate::api::App;
use crate::api::caller::Caller;
use crate::api::problem::Problem;

/// The path of the call.
const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
/// What gRPC says to a call that it does not have.
const UNIMPLEMENTED: i32 = 12;
/// Most bytes of a status message on the wire.
const MESSAGE_BYTES_MAX: usize = 1_024;

/// What the gRPC port answers.
pub fn router(app: Arc<App>) -> Router {
    let timeout = Duration::from_secs(app.loaded.config.https.request_timeout_secs);
    Router::new()
        .route(EXPORT, post(export))
        .fallback(unknown)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, timeout))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(app)
}

async fn export(
    State(app): State<Arc<App>>,
    caller: Result<Caller, Problem>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    match answer(&app, caller, &headers, body).await {
        Ok(refused) => success(&otlp::answer_protobuf(refused)),
        Err(problem) => failure(grpc_code(&problem), &problem.detail, problem.retry_after_secs),
    }
}

async fn answer(
    app: &Arc<App>,
    caller: Result<Caller, Problem>,
    headers: &HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<u64, Problem> {
    let caller = caller?;
    let body = body.map_err(|rejection| Problem::too_large(rejection.body_text()))?;
    let encoding = headers.get("grpc-encoding").and_then(|value| value.to_str().ok());
    let message =
        otlp::message(&body, encoding, BODY_BYTES_MAX).map_err(|fault| Problem::bad_request(fault.to_string()))?;
    take(app, Ok(caller), None, headers, |bytes_max| otlp::from_protobuf(&message, bytes_max), message.len()).await
}

async fn unknown() -> Response {
    failure(UNIMPLEMENTED, "this port takes `LogsService/Export` and nothing else", None)
}

/// One message, then the status behind it.
fn success(message: &[u8]) -> Response {
    let trailers = HeaderMap::from_iter([(STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(otlp::frame(message)).with_trailers(async move { Some(Ok::<_, Infallible>(trailers)) });
    ([(CONTENT_TYPE, GRPC)], Body::new(body)).into_response()
}

/// A status and nothing else. What may be sent again says when.
fn failure(code: i32, message: &str, retry_after_secs: Option<u64>) -> Response {
    let mut response = ([(CONTENT_TYPE, GRPC), (STATUS, HeaderValue::from(code))], ()).into_response();
    let headers = response.headers_mut();
    if let Ok(message) = HeaderValue::from_str(&percent(message)) {
        headers.insert(MESSAGE, message);
    }
    if retry_after_secs.is_some() {
        let details = STANDARD_NO_PAD.encode(otlp::status(code, message, retry_after_secs));
        if let Ok(details) = HeaderValue::from_str(&details) {
            headers.insert(DETAILS, details);
        }
    }
    response
}

/// A message as gRPC writes it into a header: everything but printable ASCII as `%XX`.
fn percent(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for byte in message.bytes().take(MESSAGE_BYTES_MAX) {
        match byte {
            b' '..=b'~' if byte != b'%' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_written_as_grpc_reads_them() {
        assert_eq!(percent("a 100 % `é`\n"), "a 100 %25 `%C3%A9`%0A");
    }

    #[tokio::test]
    async fn answers_are_frames_with_a_status_behind() {
        let answer = success(b"");
        assert_eq!((answer.status().as_u16(), &answer.headers()[CONTENT_TYPE]), (200, &GRPC));
        let body = answer.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()[STATUS], "0");
        assert_eq!(body.to_bytes(), &[0, 0, 0, 0, 0][..]);
        let refused = failure(8, "full", Some(5));
        assert_eq!(
            (&refused.headers()[STATUS], &refused.headers()[MESSAGE]),
            (&HeaderValue::from(8), &HeaderValue::from_static("full"))
        );
        assert!(refused.headers().contains_key(DETAILS));
        assert!(!failure(3, "no", None).headers().contains_key(DETAILS));
    }
}

//! Errors as RFC 9457 `application/problem+json`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Kind of problem of a spool that has no room now: whoever sends again later is served.
pub const SPOOL_FULL: &str = "spool-full";

/// The URI reference that stands in `type` for a kind of problem.
pub fn kind(slug: &str) -> String {
    format!("/problems/{slug}")
}

/// What went wrong, for a program and for a person. Holds no secret and no data that the caller may not see.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// A URI reference that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request and the way out.
    pub detail: String,
    /// The policy lines that said no, for denials.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// Character of the query, from 1, for queries that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// What was expected there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Seconds to wait before trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_secs: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, slug: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: kind(slug),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            because: Vec::new(),
            position: None,
            expected: None,
            retry_after_secs: None,
        }
    }

    /// 400: the request cannot be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "the request cannot be read", detail)
    }

    /// 401: nobody is signed in.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "sign in first", detail)
    }

    /// 403: the policy says no.
    pub fn denied(detail: impl Into<String>, because: Vec<String>) -> Self {
        Self { because, ..Self::new(StatusCode::FORBIDDEN, "denied", "the policy does not allow this", detail) }
    }

    /// 403: the policy asks for a fresh second factor; the page shows one and asks again.
    pub fn step_up(age_max: std::time::Duration) -> Self {
        Self::step_up_for(format!(
            "this needs a second factor that was shown within the last {} minutes (`POST /api/v1/session/step-up`)",
            age_max.as_secs() / 60
        ))
    }

    /// 403 of the same kind, with words of its own.
    pub fn step_up_for(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "step-up", "show the second factor again", detail)
    }

    /// 403: the role must have a second factor, and the session has shown none.
    pub fn second_factor_due() -> Self {
        let detail = "this role must have a second factor; set one up (`POST /api/v1/session/second-factor`) or show it \
                      (`POST /api/v1/session/step-up`)";
        Self::new(StatusCode::FORBIDDEN, "second-factor-due", "a second factor is due", detail)
    }

    /// 404: no such thing, or none that the caller may know of.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "there is no such thing", detail)
    }

    /// 406: no form that the caller takes is one that there is.
    pub fn not_acceptable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", "there is no such form of the answer", detail)
    }

    /// 415: the body is of no known form.
    pub fn unsupported(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", "the body is of no known form", detail)
    }

    /// 409: it is in a state that does not allow this.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "its state does not allow this", detail)
    }

    /// 413: larger than the configured bound.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the request is too large", detail)
    }

    /// 422: readable, and at odds with what was sent before.
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", "it is at odds with an earlier request", detail)
    }

    /// 429: try again later.
    pub fn too_many(detail: impl Into<String>, retry_after_secs: u64) -> Self {
        let retry_after_secs = Some(retry_after_secs.max(1));
        Self { retry_after_secs, ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "too many attempts", detail) }
    }

    /// 429: the site has sent more than it may; nothing was kept.
    pub fn over_quota(site: &event::SiteId, retry_after_secs: u64) -> Self {
        let detail = format!("site `{site}` sends more than its quota; send the same again later");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "over-quota", "the site sends more than it may", detail);
        Self { retry_after_secs: Some(retry_after_secs.max(1)), ..problem }
    }

    /// 503: storage or policy cannot be used now; nothing was done.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the service cannot do this now", detail)
    }

    /// 503: the spool holds as much as it may; nothing was kept, and later there may be room.
    pub fn spool_full(detail: impl Into<String>, retry_after_secs: u64) -> Self {
        let retry_after_secs = Some(retry_after_secs.max(1));
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, SPOOL_FULL, "the spool cannot take more now", detail);
        Self { retry_after_secs, ..problem }
    }

    /// 503 for an error of ours: logged in full, told in general.
    pub fn fault(what: &'static str, error: &dyn std::error::Error) -> Self {
        tracing::error!(what, error = %chain(error), "request failed");
        Self::unavailable(format!("{what} failed; the server's log says why"))
    }
}

/// Longest text of a refusal that stands in a problem, in bytes.
const REFUSAL_BYTES_MAX: usize = 4 * 1024;

/// Refusals that the layers below give in plain text or without any (a body too large, a method that a path does not
/// have, an unknown packing) as problems; other answers as they are.
pub async fn told(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).map(header::HeaderValue::as_bytes);
    let plain = kind.is_none_or(|kind| kind.starts_with(b"text/plain"));
    if !plain || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let said = axum::body::to_bytes(body, REFUSAL_BYTES_MAX).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    let or = |detail: &str| if said.is_empty() { detail.to_owned() } else { said.clone() };
    let problem = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::too_large("the body, unpacked, is larger than `https.body_bytes_max` allows; send it in parts")
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            let detail = "the path is there, and has no such method; `Allow` names those that it has";
            Problem::new(status, "method-not-allowed", "the path has no such method", detail)
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::unsupported(or("`Content-Encoding` is none of those in `Accept-Encoding`"))
        }
        StatusCode::SERVICE_UNAVAILABLE => Problem::unavailable(or("not answered in time; try again")),
        StatusCode::BAD_REQUEST => Problem::bad_request(or("the request cannot be read")),
        _ => Problem::new(status, "refused", "the request was refused", or("the status says why")),
    };
    let mut answer = problem.into_response();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            answer.headers_mut().append(name, value.clone());
        }
    }
    answer
}

/// An error with its causes, one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry = self.retry_after_secs;
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        if let Some(secs) = retry {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

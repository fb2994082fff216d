//! Decisions for other systems: OpenID AuthZEN Authorization API 1.0.
//!
//! Subject, action and resource are mapped on the policy's own words (`map`); what cannot be mapped is denied with the
//! reason. A decision that allows comes with obligations: the masks of each field, and the part of the data that it is for.

mod answer;
mod map;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ::event::{Object, Operation};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pki::ServerNames;
use serde_json::{Map, Value, json};

use super::App;
use super::caller::Caller;
use super::problem::Problem;
use answer::decide;

/// Most evaluations of one request.
const EVALUATIONS_MAX: usize = 1_000;
/// The header that ties an answer to its request (AuthZEN 1.0, section 10.1.3).
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request that is no evaluation: 400 with a message, as section 10.1.2 of AuthZEN 1.0 has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(String);

/// Why there is no decision.
pub enum Failed {
    /// The request cannot be read.
    Malformed(Malformed),
    /// It is not for the caller, or not now.
    Problem(Problem),
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Malformed> for Failed {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        match self {
            Self::Malformed(Malformed(message)) => {
                let body = json!({ "status": 400, "message": message });
                (StatusCode::BAD_REQUEST, Json(body)).into_response()
            }
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

/// `POST /access/v1/evaluation`
pub async fn evaluation(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Failed> {
    may_ask(&app, &caller)?;
    let request = map::read(&headers, &body)?;
    let decided = decide(&app, &request).await?;
    record(&app, &caller, std::slice::from_ref(&decided)).await?;
    Ok(Json(decided.answer))
}

/// `POST /access/v1/evaluations`: several in one request, with what they share said once.
pub async fn evaluations(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Failed> {
    may_ask(&app, &caller)?;
    let request = map::read(&headers, &body)?;
    let Some(list) = list_of(&request)? else {
        let decided = decide(&app, &request).await?;
        record(&app, &caller, std::slice::from_ref(&decided)).await?;
        return Ok(Json(decided.answer));
    };
    let semantic = Semantic::of(&request)?;
    let mut decided = Vec::with_capacity(list.len());
    for item in list {
        let one = match map::with_defaults(&request, item) {
            Ok(whole) => decide(&app, &whole).await.unwrap_or_else(|failed| answer::Decided::failed(&failed)),
            Err(malformed) => answer::Decided::malformed(&malformed),
        };
        let ends = semantic.ends_with(one.allowed);
        decided.push(one);
        if ends {
            break;
        }
    }
    record(&app, &caller, &decided).await?;
    let answers: Vec<Value> = decided.into_iter().map(|one| one.answer).collect();
    Ok(Json(json!({ "evaluations": answers })))
}

/// `GET /.well-known/authzen-configuration`: public, for one of this server's own names alone.
pub async fn configuration(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Result<Json<Value>, Problem> {
    let sent = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = sent.or_else(|| uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
    let names = ServerNames::local(&app.loaded.config.https.names);
    let names = names.map_err(|error| Problem::fault("the server's names", &error))?;
    if !is_ours(&names, host) {
        return Err(Problem::bad_request("`Host` is not one of this server's names (`https.names`)"));
    }
    let base = format!("https://{host}");
    Ok(Json(json!({
        "policy_decision_point": base,
        "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
        "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
    })))
}

/// Gives the request's `X-Request-ID` back with its answer.
pub async fn echo_request_id(request: Request, next: Next) -> Response {
    let id = request.headers().get(&REQUEST_ID).cloned();
    let mut response = next.run(request).await;
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn may_ask(app: &App, caller: &Caller) -> Result<(), Problem> {
    caller.permit(app, Operation::Read, Object::Decisions, "").map(drop)
}

/// The single evaluations of a request; `None` when it is one evaluation itself.
fn list_of(request: &Map<String, Value>) -> Result<Option<&[Value]>, Malformed> {
    match request.get("evaluations") {
        None => Ok(None),
        Some(Value::Array(list)) if list.is_empty() => Ok(None),
        Some(Value::Array(list)) if list.len() > EVALUATIONS_MAX => {
            Err(Malformed(format!("at most {EVALUATIONS_MAX} evaluations in one request")))
        }
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(_) => Err(Malformed("`evaluations` is no array".to_owned())),
    }
}

/// When several evaluations end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Semantic {
    fn of(request: &Map<String, Value>) -> Result<Self, Malformed> {
        let options = match request.get("options") {
            None => return Ok(Self::ExecuteAll),
            Some(Value::Object(options)) => options,
            Some(_) => return Err(Malformed("`options` is no object".to_owned())),
        };
        match options.get("evaluations_semantic").map(Value::as_str) {
            None | Some(Some("execute_all")) => Ok(Self::ExecuteAll),
            Some(Some("deny_on_first_deny")) => Ok(Self::DenyOnFirstDeny),
            Some(Some("permit_on_first_permit")) => Ok(Self::PermitOnFirstPermit),
            Some(_) => {
                let known = "`execute_all`, `deny_on_first_deny` or `permit_on_first_permit`";
                Err(Malformed(format!("`options.evaluations_semantic` is none of {known}")))
            }
        }
    }

    fn ends_with(self, allowed: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !allowed,
            Self::PermitOnFirstPermit => allowed,
        }
    }
}

/// Whether a `Host` (with or without a port) names this server; what else stands there never gets into an answer.
fn is_ours(names: &ServerNames, host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((name, rest)) => (name, rest.strip_prefix(':').or(rest.is_empty().then_some(""))),
            None => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, Some("")),
        },
    };
    if port.is_none_or(|port| !port.is_empty() && port.parse::<u16>().is_err()) {
        return false;
    }
    let name = name.to_ascii_lowercase();
    name.parse().is_ok_and(|address| names.addresses.contains(&address)) || names.hosts.contains(&name)
}

/// Records who asked for what decisions, before they are answered.
async fn record(app: &App, caller: &Caller, decided: &[answer::Decided]) -> Result<(), Problem> {
    let allowed = decided.iter().filter(|one| one.allowed).count();
    // As many as an entry can hold; the counts are of all.
    let about: Vec<&Value> = decided.iter().take(20).map(|one| &one.about).collect();
    let detail = json!({ "evaluations": decided.len(), "allowed": allowed, "about": about });
    app.record(caller, "decisions_asked", "decisions", detail).await.map(drop)
}

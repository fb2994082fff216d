//! Signing in and out, the first administrator, and the way back in.

use std::sync::Arc;

use ::policy::AccountError;
use ::policy::account::{Session, SignedIn};
use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use event::{Masks as _, Object, Operation};
use keys::Secret;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::caller::{COOKIE_NAME, Caller, Proof, Remote, account_problem};
use super::problem::Problem;
use super::{App, Body, no_content};

/// A name and a password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    name: String,
    #[serde(deserialize_with = "secret")]
    password: Secret<String>,
}

/// A one-time code with a name and a new password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeForm {
    #[serde(deserialize_with = "secret")]
    code: Secret<String>,
    name: String,
    #[serde(deserialize_with = "secret")]
    password: Secret<String>,
}

impl CodeForm {
    fn code(&self) -> &str {
        self.code.expose().trim()
    }
}

/// Reads text into a [`Secret`].
pub fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

/// `GET /api/v1/setup`
pub async fn setup_needed(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let needed = app.accounts.setup_needed().await.map_err(|error| account_problem(&error))?;
    Ok(Json(json!({ "needed": needed })))
}

/// `POST /api/v1/setup`
pub async fn set_up(
    State(app): State<Arc<App>>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    Body(form): Body<CodeForm>,
) -> Result<Response, Problem> {
    let made = async {
        let signed_in = app.accounts.set_up(form.code(), &form.name, form.password.clone(), remote.address()).await?;
        crate::serve::first_code::forget(&app.data);
        Ok(signed_in)
    };
    enter(&app, &remote, &headers, made).await
}

/// `POST /api/v1/recover`
pub async fn recover(
    State(app): State<Arc<App>>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    Body(form): Body<CodeForm>,
) -> Result<Response, Problem> {
    let recovered = app.accounts.recover(&form.name, form.code(), form.password.clone(), remote.address());
    enter(&app, &remote, &headers, recovered).await
}

/// `POST /api/v1/session`
pub async fn sign_in(
    State(app): State<Arc<App>>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    Body(credentials): Body<Credentials>,
) -> Result<Response, Problem> {
    let signed_in = app.accounts.sign_in(&credentials.name, credentials.password, remote.address());
    enter(&app, &remote, &headers, signed_in).await
}

/// `GET /api/v1/session`
pub async fn current(State(app): State<Arc<App>>, caller: Caller) -> Json<Value> {
    match &caller.proof {
        Proof::Session(session) => Json(about(&app, session)),
        _ => Json(json!({ "user": caller.subject, "can": app.guard.can(&caller.subject) })),
    }
}

/// `DELETE /api/v1/session`
pub async fn sign_out(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Problem> {
    if let Proof::Session(session) = &caller.proof {
        app.accounts.sign_out(session).await.map_err(|error| account_problem(&error))?;
    }
    let mut response = no_content();
    set_cookie(&mut response, "", 0);
    Ok(response)
}

/// Signing in is refused from another origin's page: a form elsewhere must not sign a browser in as somebody else.
fn same_origin(headers: &HeaderMap) -> Result<(), Problem> {
    static SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    match headers.get(&SITE).map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Problem::denied("signing in from another origin's page is refused", Vec::new())),
    }
}

/// However somebody signs in: not from another origin's page, the own address is protected from blocks, and the cookie
/// is set. Nothing of `signing_in` happens before the first of these.
async fn enter(
    app: &App,
    remote: &Remote,
    headers: &HeaderMap,
    signing_in: impl Future<Output = Result<SignedIn, AccountError>>,
) -> Result<Response, Problem> {
    same_origin(headers)?;
    let signed_in = signing_in.await.map_err(|error| account_problem(&error))?;
    if let Err(error) = app.responder.operator_signed_in(remote.address(), signed_in.session.ends).await {
        tracing::error!(%error, "blocks on an operator's address were not taken back");
    }
    let seconds = signed_in.session.ends.since(app.clock.now()).as_secs();
    let mut response = Json(about(app, &signed_in.session)).into_response();
    set_cookie(&mut response, signed_in.token.expose(), seconds);
    Ok(response)
}

fn about(app: &App, session: &Session) -> Value {
    let subject = &session.subject;
    let masks = app.guard.masks(subject);
    json!({
        "user": { "name": subject.name, "role": subject.role, "agency": subject.agency },
        "csrf": session.csrf,
        "ends": session.ends,
        "can": app.guard.can(subject),
        "free_text": masks.free_text(),
        "purposes": app.guard.purposes(subject, Operation::Read, Object::Events),
    })
}

fn set_cookie(response: &mut Response, token: &str, seconds: u64) {
    let cookie = format!("{COOKIE_NAME}={token}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    // Tokens are base64url, so the header is always well formed.
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, value);
    }
}

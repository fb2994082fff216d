//! Signing in and out, the first administrator, and the way back in.

use std::sync::Arc;

use ::policy::AccountError;
use ::policy::account::{Entry, Proof as Again, Session, SignedIn};
use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
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

/// What the first step gave, with a code of the second factor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondStep {
    #[serde(deserialize_with = "secret")]
    challenge: Secret<String>,
    #[serde(deserialize_with = "secret")]
    code: Secret<String>,
}

/// Who is there, proven again: by a code, or by the password of an account without a second factor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum StepUp {
    /// A code of the authenticator app, or a recovery code.
    #[serde(deserialize_with = "secret")]
    Code(Secret<String>),
    /// The password.
    #[serde(deserialize_with = "secret")]
    Password(Secret<String>),
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
        let visitor = remote.visitor(&headers);
        let signed_in = app.accounts.set_up(form.code(), &form.name, form.password.clone(), visitor).await?;
        crate::serve::first_code::forget(&app.data);
        Ok(Entry::SignedIn(signed_in))
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
    let recovered = app.accounts.recover(&form.name, form.code(), form.password.clone(), remote.visitor(&headers));
    enter(&app, &remote, &headers, recovered).await
}

/// `POST /api/v1/session`
pub async fn sign_in(
    State(app): State<Arc<App>>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    Body(credentials): Body<Credentials>,
) -> Result<Response, Problem> {
    let entry = app.accounts.sign_in(&credentials.name, credentials.password, remote.visitor(&headers));
    enter(&app, &remote, &headers, entry).await
}

/// `POST /api/v1/session/second-step`
pub async fn second_step(
    State(app): State<Arc<App>>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    Body(form): Body<SecondStep>,
) -> Result<Response, Problem> {
    let visitor = remote.visitor(&headers);
    let finished =
        async { app.accounts.finish_sign_in(form.challenge.expose(), &form.code, visitor).await.map(Entry::SignedIn) };
    enter(&app, &remote, &headers, finished).await
}

/// `POST /api/v1/session/step-up`
pub async fn step_up(
    State(app): State<Arc<App>>,
    caller: Caller,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    Body(form): Body<StepUp>,
) -> Result<Response, Problem> {
    let proof = match form {
        StepUp::Code(code) => Again::Code(code),
        StepUp::Password(password) => Again::Password(password),
    };
    let stepped = app.accounts.step_up(caller.session()?, proof, &remote.visitor(&headers)).await;
    match stepped {
        Ok(signed_in) => Ok(admitted(&app, &signed_in, Value::Null)),
        // Not 401: the session is still good, only the proof was wrong.
        Err(error @ AccountError::Refused) => Err(Problem::denied(error.to_string(), Vec::new())),
        Err(error) => Err(account_problem(&error)),
    }
}

/// `GET /api/v1/session`
pub async fn current(State(app): State<Arc<App>>, caller: Caller) -> Json<Value> {
    match &caller.proof {
        Proof::Session(session) => Json(about(&app, session)),
        _ => Json(json!({
            "user": caller.subject, "can": app.guard.can(&caller.subject), "authentication": caller.authentication,
        })),
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

/// However somebody signs in here: not from another origin's page, the own address is protected from blocks, and the
/// cookie is set, or the second factor asked for. Nothing of `entering` happens before the first of these.
async fn enter(
    app: &App,
    remote: &Remote,
    headers: &HeaderMap,
    entering: impl Future<Output = Result<Entry, AccountError>>,
) -> Result<Response, Problem> {
    same_origin(headers)?;
    match entering.await.map_err(|error| account_problem(&error))? {
        Entry::SignedIn(signed_in) => {
            protect(app, remote, &signed_in).await;
            Ok(admitted(app, &signed_in, Value::Null))
        }
        Entry::SecondFactor(challenge) => {
            let answer = json!({ "challenge": challenge.token.expose(), "ends": challenge.ends });
            Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
        }
    }
}

/// Whoever signs in is not blocked.
pub async fn protect(app: &App, remote: &Remote, signed_in: &SignedIn) {
    if let Err(error) = app.responder.operator_signed_in(remote.address(), signed_in.session.ends).await {
        tracing::error!(%error, "blocks on an operator's address were not taken back");
    }
}

/// The answer to whoever has a session under a new token: who he is, the cookie, and `more`.
pub fn admitted(app: &App, signed_in: &SignedIn, more: Value) -> Response {
    let mut answer = about(app, &signed_in.session);
    if let (Some(answer), Value::Object(more)) = (answer.as_object_mut(), more) {
        answer.extend(more);
    }
    let mut response = Json(answer).into_response();
    let seconds = signed_in.session.ends.since(app.clock.now()).as_secs();
    set_cookie(&mut response, signed_in.token.expose(), seconds);
    response
}

fn about(app: &App, session: &Session) -> Value {
    let subject = &session.subject;
    let masks = app.guard.masks(subject);
    json!({
        "user": { "name": subject.name, "role": subject.role, "agency": subject.agency },
        "federated": session.federated,
        "sign_out_url": sign_out_url(app, session),
        "csrf": session.csrf,
        "ends": session.ends,
        "authentication": session.authentication,
        "second_factor": { "enrolled": session.second_factor, "due": session.second_factor_due },
        "can": app.guard.can(subject),
        "free_text": masks.free_text(),
        "purposes": app.guard.purposes(subject, Operation::Read, Object::Events),
    })
}

/// Where the browser goes after signing out here; for sessions that began at the sign-on provider.
fn sign_out_url(app: &App, session: &Session) -> Option<String> {
    let sign_on = app.sign_on.as_ref().filter(|_| session.federated)?;
    sign_on.sign_out_address().map(String::from)
}

pub fn set_cookie(response: &mut Response, token: &str, seconds: u64) {
    let cookie = format!("{COOKIE_NAME}={token}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    // Tokens are base64url, so the header is always well formed.
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, value);
    }
}

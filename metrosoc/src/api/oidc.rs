//! Signing in through the sign-on provider: to it, back from it, and its word that somebody signed out there.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::caller::{Remote, account_problem, named_cookie};
use super::problem::{Problem, chain};
use super::session::{protect, set_cookie};
use crate::oidc::SignOn;

/// The cookie of a sign-in on its way. Lax, since the provider's page sends the browser back.
const FLOW_COOKIE: &str = "__Host-metrosoc-flow";
/// Seconds that a browser keeps it.
const FLOW_SECS: u64 = 600;
/// Where a refused sign-in ends; the page says so.
const REFUSED: &str = "/#/alerts?sso=refused";

fn provider(app: &App) -> Result<&SignOn, Problem> {
    app.sign_on.as_ref().ok_or_else(|| Problem::not_found("no sign-on provider is configured (`oidc.issuer`)"))
}

/// `GET /api/v1/oidc`: what the sign-in screen shows.
pub async fn about(State(app): State<Arc<App>>) -> Json<Value> {
    let name = app.sign_on.as_ref().map_or("", SignOn::name);
    Json(json!({ "enabled": app.sign_on.is_some(), "name": name }))
}

/// Whether to prove oneself again.
#[derive(Deserialize)]
pub struct Start {
    #[serde(default)]
    again: Option<String>,
}

/// `GET /api/v1/oidc/start`: to the provider.
pub async fn start(
    State(app): State<Arc<App>>,
    query: Result<Query<Start>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let sign_on = provider(&app)?;
    let flow = app.accounts.begin_flow().await.map_err(|error| account_problem(&error))?;
    let address = sign_on.address(&flow, query.again.is_some()).await;
    let address = address.map_err(|error| Problem::fault("the sign-on provider", &error))?;
    let mut response = see_other(address.as_str());
    flow_cookie(&mut response, flow.token().expose(), FLOW_SECS);
    Ok(response)
}

/// What the provider's page sends the browser back with.
#[derive(Deserialize)]
pub struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// `GET /api/v1/oidc/callback`: back from the provider. Whatever is wrong ends on the sign-in screen; the log has why.
pub async fn callback(
    State(app): State<Arc<App>>,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    query: Result<Query<Answer>, QueryRejection>,
) -> Result<Response, Problem> {
    let sign_on = provider(&app)?;
    let entered = match query {
        Ok(Query(answer)) => enter(&app, sign_on, &remote, &headers, answer).await,
        Err(rejection) => Err(Refusal::Stray(rejection.body_text())),
    };
    let address = remote.address();
    let mut response = match entered {
        Ok(response) => response,
        // Anybody can send these: they are no sign-in of ours, and fill no ledger.
        Err(Refusal::Stray(reason)) => {
            tracing::info!(reason, %address, "sign-on answer without a sign-in");
            see_other(REFUSED)
        }
        Err(Refusal::Provider(reason)) => {
            tracing::warn!(reason, %address, "sign-on refused");
            let recorded = app.accounts.refused_federated(&remote.visitor(&headers)).await;
            recorded.map_err(|error| account_problem(&error))?;
            see_other(REFUSED)
        }
    };
    flow_cookie(&mut response, "", 0);
    Ok(response)
}

/// Why an answer of the provider's lets nobody in.
enum Refusal {
    /// It belongs to no sign-in that this browser began.
    Stray(String),
    /// The provider's word is not enough.
    Provider(String),
}

async fn enter(
    app: &App,
    sign_on: &SignOn,
    remote: &Remote,
    headers: &HeaderMap,
    answer: Answer,
) -> Result<Response, Refusal> {
    let refused = |error: &dyn std::error::Error| Refusal::Provider(chain(error));
    let cookie = headers.get_all(COOKIE).iter().find_map(|value| named_cookie(value, FLOW_COOKIE));
    let (Some(cookie), Some(state)) = (cookie, &answer.state) else {
        return Err(Refusal::Stray("no sign-in of this browser is on its way".to_owned()));
    };
    let taken = app.accounts.take_flow(cookie, state).await;
    let flow = taken.map_err(|error| Refusal::Stray(chain(&error)))?;
    let Some(code) = answer.code.filter(|_| answer.error.is_none()) else {
        let error = answer.error.unwrap_or_default();
        let error: String = error.chars().filter(char::is_ascii_graphic).take(64).collect();
        return Err(Refusal::Provider(format!("the provider answered `{error}`")));
    };
    let identity = sign_on.redeem(&flow, &code, answer.iss.as_deref()).await.map_err(|error| refused(&error))?;
    let signed_in = app.accounts.sign_in_federated(&identity, remote.visitor(headers)).await;
    let signed_in = signed_in.map_err(|error| refused(&error))?;
    protect(app, remote, &signed_in).await;
    let mut response = see_other("/");
    let seconds = signed_in.session.ends.since(app.clock.now()).as_secs();
    set_cookie(&mut response, signed_in.token.expose(), seconds);
    Ok(response)
}

/// The provider's word.
#[derive(Deserialize)]
pub struct Logout {
    logout_token: String,
}

/// `POST /api/v1/oidc/back-channel-logout`
pub async fn back_channel_logout(
    State(app): State<Arc<App>>,
    form: Result<Form<Logout>, FormRejection>,
) -> Result<Json<Value>, Problem> {
    let Form(form) = form.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let sign_on = provider(&app)?;
    let read = sign_on.signed_out(&form.logout_token).await;
    let out = read.map_err(|error| Problem::bad_request(format!("logout token: {}", chain(&error))))?;
    let ended = app.accounts.end_federated(sign_on.issuer(), out.subject.as_deref(), out.session.as_deref()).await;
    Ok(Json(json!({ "ended": ended.map_err(|error| account_problem(&error))? })))
}

fn see_other(address: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    // Addresses are percent-encoded, so the header is always well formed.
    if let Ok(value) = HeaderValue::from_str(address) {
        response.headers_mut().insert(LOCATION, value);
    }
    response
}

fn flow_cookie(response: &mut Response, token: &str, seconds: u64) {
    let cookie = format!("{FLOW_COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

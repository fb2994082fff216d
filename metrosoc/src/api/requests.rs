//! Access requests: asking, deciding, and the agreement as a document.

use std::sync::Arc;

use ::policy::request::{AccessRequest, Act, Ask, Named, Narrowing, Terms, agreement, told};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use event::{AgencyId, Object, Operation, Timestamp, UserName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{Caller, account_problem};
use super::policy::problem_of;
use super::problem::Problem;
use super::{App, Body};

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskForm {
    agency: AgencyId,
    purpose: String,
    #[serde(default)]
    basis: String,
    reason: String,
    terms: Terms,
}

/// `POST /api/v1/requests`
pub async fn ask(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<AskForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Write, Object::Requests, "")?;
    let mut terms = form.terms;
    terms.filter = super::asked::filter(&app, &terms.filter)?;
    for name in &terms.people {
        let known = app.accounts.subject_of(name.as_str()).await.map_err(|error| account_problem(&error))?;
        if known.is_none_or(|known| known.agency != caller.subject.agency) {
            let detail = format!("`{name}` is no account of your agency: a request is for its own people");
            return Err(Problem::bad_request(detail));
        }
    }
    let ask = Ask { agency: form.agency, terms, purpose: form.purpose, basis: form.basis, reason: form.reason };
    answer(&app, app.requests.ask(&permit, &ask).await)
}

/// Which requests.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListQuery {
    state: Option<String>,
}

/// `GET /api/v1/requests?state=`
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Requests, "")?;
    let mut requests = app.requests.list(&permit).await.map_err(|error| problem_of(&error))?;
    if let Some(state) = &query.state {
        requests.retain(|request| request.state.as_str() == state);
    }
    app.record(&caller, "read_requests", "requests", json!({ "shown": requests.len() })).await?;
    let now = app.guard.latest();
    let requests: Vec<Value> = requests.iter().map(|request| told(request, now)).collect();
    Ok(Json(json!({ "requests": requests })))
}

/// `GET /api/v1/requests/{id}`
pub async fn one(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Requests, "")?;
    let request = app.requests.one(&permit, &id).await.map_err(|error| problem_of(&error))?;
    app.record(&caller, "read_request", &format!("request:{}", request.id), json!({})).await?;
    answer(&app, Ok(request))
}

/// `POST /api/v1/requests/{id}/approve`
pub async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    decide(&app, &caller, &id, &Act::Approve).await
}

/// What is left, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NarrowForm {
    reason: String,
    to: Narrowing,
}

/// `POST /api/v1/requests/{id}/narrow`
pub async fn narrow(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<NarrowForm>,
) -> Result<Json<Value>, Problem> {
    let mut to = form.to;
    to.filter = to.filter.map(|filter| super::asked::filter(&app, &filter)).transpose()?;
    decide(&app, &caller, &id, &Act::Narrow { to: Box::new(to), reason: form.reason }).await
}

/// Why not, on which legal basis.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefuseForm {
    reason: String,
    basis: String,
}

/// `POST /api/v1/requests/{id}/refuse`
pub async fn refuse(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<RefuseForm>,
) -> Result<Json<Value>, Problem> {
    decide(&app, &caller, &id, &Act::Refuse { reason: form.reason, basis: form.basis }).await
}

/// Why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawForm {
    reason: String,
}

/// `POST /api/v1/requests/{id}/withdraw`: by who asked, or by who may decide.
pub async fn withdraw(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<WithdrawForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller
        .permit(&app, Operation::Manage, Object::Requests, "")
        .or_else(|_| caller.permit(&app, Operation::Write, Object::Requests, ""))?;
    answer(&app, app.requests.step(&permit, &id, &Act::Withdraw { reason: form.reason }).await)
}

/// To whom.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegateForm {
    to: UserName,
}

/// `POST /api/v1/requests/{id}/delegate`: to somebody whom the policy lets decide on this agency's data.
pub async fn delegate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<DelegateForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Requests, "")?;
    let request = app.requests.one(&permit, &id).await.map_err(|error| problem_of(&error))?;
    let known = app.accounts.subject_of(form.to.as_str()).await.map_err(|error| account_problem(&error))?;
    let decides = known.and_then(|to| app.guard.permit(&to, Operation::Manage, Object::Requests, "").ok());
    if decides.is_none_or(|permit| !permit.scope().holds(Some(&request.agency), None)) {
        let detail = format!("`{}` may not decide about data of `{}`", form.to, request.agency);
        return Err(Problem::bad_request(detail));
    }
    answer(&app, app.requests.step(&permit, &id, &Act::Delegate { to: form.to }).await)
}

/// Until when, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewForm {
    until: Timestamp,
    reason: String,
}

/// `POST /api/v1/requests/{id}/renew`: a new request for the same, to be decided anew.
pub async fn renew(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(form): Body<RenewForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Write, Object::Requests, "")?;
    answer(&app, app.requests.renew(&permit, &id, form.until, &form.reason).await)
}

/// `GET /api/v1/requests/{id}/agreement`: Markdown, in both languages.
pub async fn document(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Requests, "")?;
    let request = app.requests.one(&permit, &id).await.map_err(|error| problem_of(&error))?;
    let stated = app.guard.stated(&request.purpose, &request.basis);
    let stated = stated.map_err(|denied| Problem::conflict(denied.because.join("; ")))?;
    let Some((purpose, basis)) = stated else {
        return Err(Problem::conflict("the purpose of the request is none of the policy's any more"));
    };
    let named = Named { purpose: purpose.title, basis: basis.title };
    let page = agreement(&request, &named, app.requests.rules(), app.guard.latest());
    if page.is_empty() {
        return Err(Problem::conflict("nothing was granted, so that there is no agreement"));
    }
    app.record(&caller, "read_agreement", &format!("request:{}", request.id), json!({})).await?;
    let mut response = page.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/markdown; charset=utf-8"));
    Ok(response)
}

async fn decide(app: &App, caller: &Caller, id: &str, act: &Act) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(app, Operation::Manage, Object::Requests, "")?;
    answer(app, app.requests.step(&permit, id, act).await)
}

fn answer(app: &App, outcome: Result<AccessRequest, ::policy::CareError>) -> Result<Json<Value>, Problem> {
    let request = outcome.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "request": told(&request, app.guard.latest()) })))
}

//! Accounts and API tokens.

use std::sync::Arc;

use ::policy::account::{NewAccount, NewToken};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use event::{AgencyId, Object, Operation, Role};
use keys::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{Caller, account_problem};
use super::policy::ask_second_person;
use super::problem::Problem;
use super::{App, Body, no_content};

/// An account to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    name: String,
    role: Role,
    #[serde(default)]
    agency: Option<AgencyId>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    token: bool,
}

/// `GET /api/v1/users`
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Users, "")?;
    let users = app.accounts.list(&permit).await.map_err(|error| account_problem(&error))?;
    app.record(&caller, "read_users", "users", json!({ "shown": users.len() })).await?;
    Ok(Json(json!({ "users": users })))
}

/// `POST /api/v1/users`
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(new): Body<NewUser>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Users, "")?;
    ask_second_person(&app, &permit, &new.name, Some((new.role, new.agency.as_ref())), "make the account").await?;
    let password = new.password.map(Secret::new);
    let account = NewAccount { name: new.name.clone(), role: new.role, agency: new.agency, password };
    let account = app.accounts.create(&permit, account).await.map_err(|error| account_problem(&error))?;
    let mut answer = json!({ "user": account, "token": null });
    if new.token {
        let label = NewToken { label: "made with the account".to_owned(), expires: None };
        let made = app.accounts.create_token(&permit, &new.name, label).await;
        let (token, info) = made.map_err(|error| account_problem(&error))?;
        answer = json!({ "user": account, "token": token.expose(), "token_id": info.id });
    }
    Ok(Json(answer))
}

/// `GET /api/v1/users/assignable`: whom an alert can be given to.
pub async fn assignable(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Write, Object::Alerts, "")?;
    let users = app.accounts.assignable().await.map_err(|error| account_problem(&error))?;
    Ok(Json(json!({ "users": users })))
}

/// What can be changed of an account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    #[serde(default)]
    disabled: Option<bool>,
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    agency: Option<AgencyId>,
}

/// `PATCH /api/v1/users/{name}`
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Body(change): Body<UserChange>,
) -> Result<Response, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Users, "")?;
    if let Some(role) = change.role {
        let wanted = Some((role, change.agency.as_ref()));
        ask_second_person(&app, &permit, &name, wanted, "give the role").await?;
        let set = app.accounts.set_role(&permit, &name, role, change.agency).await;
        set.map_err(|error| account_problem(&error))?;
    }
    if let Some(disabled) = change.disabled {
        let set = app.accounts.set_disabled(&permit, &name, disabled).await;
        set.map_err(|error| account_problem(&error))?;
    }
    Ok(no_content())
}

/// `GET /api/v1/users/{name}/tokens`
pub async fn tokens(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Users, "")?;
    let tokens = app.accounts.tokens(&permit, Some(&name)).await.map_err(|error| account_problem(&error))?;
    Ok(Json(json!({ "tokens": tokens })))
}

/// A token to be made.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenForm {
    label: String,
    expires: Option<event::Timestamp>,
}

/// `POST /api/v1/users/{name}/tokens`
pub async fn create_token(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    Body(form): Body<TokenForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Users, "")?;
    ask_second_person(&app, &permit, &name, None, "make a token").await?;
    let new = NewToken { label: form.label, expires: form.expires };
    let made = app.accounts.create_token(&permit, &name, new).await;
    let (token, info) = made.map_err(|error| account_problem(&error))?;
    Ok(Json(json!({ "token": token.expose(), "token_id": info.id, "expires": info.expires })))
}

/// `DELETE /api/v1/tokens/{id}`
pub async fn revoke_token(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Users, "")?;
    app.accounts.revoke_token(&permit, &id).await.map_err(|error| account_problem(&error))?;
    Ok(no_content())
}

/// Whose recovery code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryForm {
    name: String,
}

/// `POST /api/v1/recovery-code`: for an administrator's account only the operator at the Unix socket gets one.
pub async fn recovery_code(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<RecoveryForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Users, "")?;
    caller.fresh_where_enrolled(&app)?;
    ask_second_person(&app, &permit, &form.name, None, "make a recovery code").await?;
    let made = app.accounts.recovery_code(&permit, &form.name).await;
    let code = made.map_err(|error| account_problem(&error))?;
    Ok(Json(json!({ "code": code.code.expose(), "ends": code.ends })))
}

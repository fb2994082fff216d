//! The own second factor, and taking away somebody's who lost it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use event::{Object, Operation};
use keys::Secret;
use qrcodegen::{QrCode, QrCodeEcc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{Caller, Remote, account_problem};
use super::problem::Problem;
use super::session::{admitted, secret};
use super::{App, Body, no_content};

/// A code of the authenticator app.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeForm {
    #[serde(deserialize_with = "secret")]
    code: Secret<String>,
}

/// `GET /api/v1/session/second-factor`
pub async fn status(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let status = app.accounts.second_factor(caller.session()?).await.map_err(|error| account_problem(&error))?;
    Ok(Json(json!(status)))
}

/// `POST /api/v1/session/second-factor`: the secret, to be typed or seen by a camera; shown once.
pub async fn begin(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let begun = app.accounts.begin_second_factor(caller.session()?).await;
    let enrolment = begun.map_err(|error| account_problem(&error))?;
    let uri = enrolment.uri.expose();
    Ok(Json(json!({ "secret": enrolment.secret.expose(), "uri": uri, "qr": picture(uri) })))
}

/// `POST /api/v1/session/second-factor/confirm`
pub async fn confirm(
    State(app): State<Arc<App>>,
    caller: Caller,
    ConnectInfo(remote): ConnectInfo<Remote>,
    headers: HeaderMap,
    Body(form): Body<CodeForm>,
) -> Result<Response, Problem> {
    let visitor = remote.visitor(&headers);
    let confirmed = app.accounts.confirm_second_factor(caller.session()?, &form.code, &visitor).await;
    let enrolled = confirmed.map_err(|error| account_problem(&error))?;
    let codes: Vec<&String> = enrolled.codes.iter().map(Secret::expose).collect();
    Ok(admitted(&app, &enrolled.signed_in, json!({ "recovery_codes": codes })))
}

/// `POST /api/v1/session/second-factor/codes`: ten new recovery codes; the old ones are worth nothing.
pub async fn codes(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let session = caller.session()?;
    caller.fresh_second_factor(&app)?;
    let codes = app.accounts.new_recovery_codes(session).await.map_err(|error| account_problem(&error))?;
    let codes: Vec<&String> = codes.iter().map(Secret::expose).collect();
    Ok(Json(json!({ "recovery_codes": codes })))
}

/// `DELETE /api/v1/session/second-factor`
pub async fn remove(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Problem> {
    let session = caller.session()?;
    caller.fresh_second_factor(&app)?;
    app.accounts.remove_second_factor(session).await.map_err(|error| account_problem(&error))?;
    Ok(no_content())
}

/// `DELETE /api/v1/users/{name}/second-factor`: for an administrator's account only the operator at the Unix socket.
pub async fn reset(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>) -> Result<Response, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Users, "")?;
    caller.fresh_where_enrolled(&app)?;
    app.accounts.reset_second_factor(&permit, &name).await.map_err(|error| account_problem(&error))?;
    Ok(no_content())
}

/// The address as rows of modules, `1` for dark ones; null for a text that fits into no QR code.
fn picture(uri: &str) -> Value {
    let Ok(code) = QrCode::encode_text(uri, QrCodeEcc::Medium) else { return Value::Null };
    let module = |x, y| if code.get_module(x, y) { '1' } else { '0' };
    let rows: Vec<String> = (0..code.size()).map(|y| (0..code.size()).map(|x| module(x, y)).collect()).collect();
    json!(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_a_square() {
        let rows = picture("otpauth://totp/MetroSOC:lan?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=MetroSOC");
        let rows = rows.as_array().unwrap();
        assert!(rows.iter().all(|row| row.as_str().unwrap().len() == rows.len()));
        assert!(rows[0].as_str().unwrap().starts_with("1111111"), "a finder pattern");
        assert!(picture(&"x".repeat(5_000)).is_null());
    }
}

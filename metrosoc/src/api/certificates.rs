//! The certificate authority.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path as UrlPath, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use event::{Object, Operation, SiteId, UserName};
use pki::authority::ListFilter;
use pki::{Issued, PkiError, Reason, RevokeTarget, SiteKey};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{Caller, Proof};
use super::problem::Problem;
use super::{App, Body};

/// Most certificates in one listing.
const LIST_MAX: u32 = 10_000;
/// Hours that a one-time token is valid when nobody says otherwise.
const TOKEN_HOURS: u32 = 24;
/// Most hours that it may be valid: 30 days.
const TOKEN_HOURS_MAX: u32 = 720;
/// Most sites of one bulk order.
const BULK_MAX: usize = 100_000;

/// `GET /pki/roots.pem`
pub async fn roots(State(app): State<Arc<App>>) -> Response {
    ([(CONTENT_TYPE, "application/x-pem-file")], app.authority.roots_pem().to_owned()).into_response()
}

/// `GET /pki/crl/{name}`: `issuing.pem`, `issuing.crl`, `root.pem`, `root.crl`.
pub async fn crl(State(app): State<Arc<App>>, UrlPath(name): UrlPath<String>) -> Result<Response, Problem> {
    let list = match name.as_str() {
        "issuing.pem" | "issuing.crl" => app.authority.crl().await,
        "root.pem" | "root.crl" => app.authority.root_crl().await,
        _ => return Err(Problem::not_found("lists are `issuing.crl`, `issuing.pem`, `root.crl` and `root.pem`")),
    };
    let list = list.map_err(|error| problem_of(&error))?;
    Ok(if name.ends_with(".pem") {
        ([(CONTENT_TYPE, "application/x-pem-file")], list.pem).into_response()
    } else {
        ([(CONTENT_TYPE, "application/pkix-crl")], list.der).into_response()
    })
}

/// `GET /api/v1/certificates`
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Read, Object::Certificates, "")?;
    let filter = ListFilter { limit: LIST_MAX, ..ListFilter::default() };
    let certificates = app.authority.list(&permit, &filter).await.map_err(|error| problem_of(&error))?;
    app.record(&caller, "read_certificates", "certificates", json!({ "shown": certificates.len() })).await?;
    Ok(Json(json!({ "certificates": certificates })))
}

/// `GET /api/v1/certificates/authority`
pub async fn authority(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Certificates, "")?;
    Ok(Json(json!({ "root": app.authority.roots_pem(), "issuing": app.authority.issuing_pem() })))
}

/// A certificate to be issued.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueForm {
    site: SiteId,
    #[serde(default)]
    csr: Option<String>,
    #[serde(default)]
    out: Option<PathBuf>,
}

/// `POST /api/v1/certificates`
pub async fn issue(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<IssueForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Certificates, "")?;
    if app.sites.by_id(&form.site).is_none() {
        refused(&app, &caller, &form.site, "unknown_site").await?;
        return Err(Problem::not_found(format!("no site `{}`; `metrosoc site list` shows them", form.site)));
    }
    let key = form.csr.as_deref().map_or(SiteKey::Made, SiteKey::Request);
    let folder = match (&form.csr, form.out) {
        (None, None) => return Err(Problem::bad_request("`csr`, or `out` for a key of ours, is missing")),
        (None, Some(folder)) => Some(local_folder(&caller, folder)?),
        (Some(_), _) => None,
    };
    let issued = match app.authority.issue(&permit, &form.site, key).await {
        Ok(issued) => issued,
        Err(error) => {
            if let Some(reason) = reason_of(&error) {
                refused(&app, &caller, &form.site, reason).await?;
            }
            return Err(problem_of(&error));
        }
    };
    let written = match &folder {
        Some(folder) => Some(write(folder, form.site.as_str(), &issued)?),
        None => None,
    };
    Ok(Json(json!({
        "serial": issued.certificate.serial, "not_after": issued.certificate.not_after,
        "chain": issued.chain_pem, "written": written,
    })))
}

/// A certificate for a program's account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineForm {
    machine: UserName,
    #[serde(default)]
    csr: Option<String>,
    #[serde(default)]
    out: Option<PathBuf>,
}

/// `POST /api/v1/certificates/machines`
pub async fn issue_machine(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<MachineForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Certificates, "")?;
    if app.accounts.machine(&form.machine).await.is_err() {
        let add = format!("metrosoc user add {} --role machine", form.machine);
        return Err(Problem::not_found(format!("no account `{}` with role `machine` (`{add}`)", form.machine)));
    }
    let key = form.csr.as_deref().map_or(SiteKey::Made, SiteKey::Request);
    let folder = match (&form.csr, form.out) {
        (None, None) => return Err(Problem::bad_request("`csr`, or `out` for a key of ours, is missing")),
        (None, Some(folder)) => Some(local_folder(&caller, folder)?),
        (Some(_), _) => None,
    };
    let issued = app.authority.issue_machine(&permit, &form.machine, key).await.map_err(|error| problem_of(&error))?;
    let written = folder.map(|folder| write(&folder, form.machine.as_str(), &issued)).transpose()?;
    Ok(Json(json!({
        "serial": issued.certificate.serial, "not_after": issued.certificate.not_after,
        "chain": issued.chain_pem, "written": written,
    })))
}

/// Records that a certificate was asked for and not issued.
async fn refused(app: &App, caller: &Caller, site: &SiteId, reason: &'static str) -> Result<(), Problem> {
    let detail = json!({ "site": site, "reason": reason });
    app.record(caller, "certificate_request_refused", &format!("site:{site}"), detail).await.map(drop)
}

/// The word for a refusal that the one who asked has to answer for.
fn reason_of(error: &PkiError) -> Option<&'static str> {
    match error {
        PkiError::Request { .. } => Some("bad_request"),
        PkiError::Name { .. } => Some("name_not_allowed"),
        PkiError::Lint { .. } => Some("lint"),
        _ => None,
    }
}

/// Private keys go to files of this machine, never over the network.
fn local_folder(caller: &Caller, folder: PathBuf) -> Result<PathBuf, Problem> {
    if !matches!(caller.proof, Proof::Local) {
        return Err(Problem::denied("keys of ours are written only for the operator at the Unix socket", Vec::new()));
    }
    if !folder.is_absolute() {
        return Err(Problem::bad_request(format!("`{}` is not an absolute path", folder.display())));
    }
    Ok(folder)
}

fn write(folder: &Path, holder: &str, issued: &Issued) -> Result<String, Problem> {
    let fault = |path: &Path, error: std::io::Error| Problem::bad_request(format!("`{}`: {error}", path.display()));
    let chain = folder.join(format!("{holder}.pem"));
    if let Some(key) = &issued.key_pem {
        let path = folder.join(format!("{holder}.key.pem"));
        let mut options = std::fs::OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        opened.and_then(|mut file| file.write_all(key.expose().as_bytes())).map_err(|error| fault(&path, error))?;
    }
    std::fs::write(&chain, &issued.chain_pem).map_err(|error| fault(&chain, error))?;
    Ok(chain.display().to_string())
}

/// Where bulk certificates go.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkForm {
    out: PathBuf,
}

/// `POST /api/v1/certificates/bulk`
pub async fn bulk(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<BulkForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Certificates, "")?;
    let folder = local_folder(&caller, form.out)?;
    let sites: Vec<SiteId> = app.sites.list().iter().take(BULK_MAX).map(|site| site.id.clone()).collect();
    let report = app.authority.bulk(&permit, &sites, &folder).await.map_err(|error| problem_of(&error))?;
    let roots = folder.join("roots.pem");
    std::fs::write(&roots, app.authority.roots_pem())
        .map_err(|error| Problem::bad_request(format!("`{}`: {error}", roots.display())))?;
    Ok(Json(json!({ "issued": report.issued.len(), "completed": report.completed.len(), "skipped": report.skipped })))
}

/// A site that is to enrol itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenForm {
    site: SiteId,
    #[serde(default)]
    hours: Option<u32>,
}

/// `POST /api/v1/certificates/tokens`: a one-time token, shown this once.
pub async fn token(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<TokenForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Certificates, "")?;
    if app.sites.by_id(&form.site).is_none() {
        return Err(Problem::not_found(format!("no site `{}`; `metrosoc site list` shows them", form.site)));
    }
    let hours = form.hours.unwrap_or(TOKEN_HOURS);
    if !(1..=TOKEN_HOURS_MAX).contains(&hours) {
        return Err(Problem::bad_request(format!("`hours`: between 1 and {TOKEN_HOURS_MAX}")));
    }
    let valid = Duration::from_secs(u64::from(hours) * 3_600);
    let fresh = app.authority.enrolment_token(&permit, &form.site, valid).await.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "site": fresh.site, "token": fresh.token.expose(), "expires": fresh.expires })))
}

/// What to revoke.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeForm {
    target: String,
    #[serde(default)]
    reason: String,
}

/// `POST /api/v1/certificates/revoke`
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<RevokeForm>,
) -> Result<Json<Value>, Problem> {
    let permit = caller.permit(&app, Operation::Manage, Object::Certificates, "")?;
    let reason = if form.reason.is_empty() { "unspecified" } else { &form.reason };
    let reason = Reason::parse(reason)
        .ok_or_else(|| Problem::bad_request(format!("`{reason}` is no RFC 5280 reason such as `keyCompromise`")))?;
    let site = SiteId::new(&form.target).ok().filter(|site| app.sites.by_id(site).is_some());
    let target = site.map_or_else(|| RevokeTarget::Serial(form.target.clone()), RevokeTarget::Site);
    let revoked = app.authority.revoke(&permit, &target, reason).await.map_err(|error| problem_of(&error))?;
    Ok(Json(json!({ "revoked": revoked })))
}

/// What an authority's error is to HTTP.
pub fn problem_of(error: &PkiError) -> Problem {
    match error {
        PkiError::Token => Problem::denied(error.to_string(), Vec::new()),
        PkiError::NotPermitted { .. } => Problem::denied(error.to_string(), Vec::new()),
        PkiError::Unknown { .. } => Problem::not_found(error.to_string()),
        PkiError::Request { .. } | PkiError::Name { .. } | PkiError::Lint { .. } => {
            Problem::bad_request(error.to_string())
        }
        PkiError::Serial { .. } => Problem::bad_request(format!("{error}; nor is it a registered site")),
        _ => Problem::fault("the certificate authority", error),
    }
}

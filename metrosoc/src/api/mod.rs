//! The HTTP API: one file a noun, the router below.

mod about;
mod alerts;
mod asked;
mod audit;
mod authzen;
mod backup;
mod bulk;
mod caller;
mod certificates;
mod edge;
pub mod exceptions;
mod export;
mod health;
pub mod hunts;
pub mod import;
mod ingest;
mod keys;
pub mod ledger;
mod linger;
mod mask;
mod oidc;
mod openapi;
pub mod otlp;
mod page;
mod platform;
mod policy;
pub mod problem;
mod requests;
mod responses;
mod reveals;
mod risk;
mod rules;
mod search;
mod second_factor;
mod session;
mod sessions;
mod sites;
pub mod subjects;
mod users;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::event::{Acts, Clock};
use ::policy::audit::Audit;
use ::policy::{Accounts, Guard};
use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, patch, post};
use collector::edge::{BODY_BYTES_MAX, Edges};
use collector::sites::{Attribution, Sites};
use collector::source::identity::Identities;
use collector::spool::{Intake, Spool};
use detector::alert::Alerts;
use detector::exception::{ExceptionRegister, Exceptions};
use detector::hunt::Hunter;
use detector::index::Index;
use detector::rulebook::Rulebook;
use detector::search::Search;
use detector::versions::VersionRegister;
use metrics_exporter_prometheus::PrometheusHandle;
use pki::Authority;
use responder::Responder;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::Store;
use tower::ServiceBuilder;
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use caller::Caller;
pub use caller::{LocalPeer, Remote};
use problem::Problem;

use crate::config::Loaded;
use crate::serve::disk;
use crate::serve::losses::Losses;
use crate::serve::passed::Passed;

/// What every endpoint works with. The nouns that hold data ask for a permit themselves.
pub struct App {
    pub loaded: Loaded,
    pub data: PathBuf,
    pub clock: Arc<dyn Clock>,
    pub guard: Guard,
    pub policy_versions: ::policy::care::PolicyVersions,
    pub people: ::policy::care::people::People,
    pub notices: ::policy::care::notice::Notices,
    pub requests: ::policy::request::Requests,
    pub reveals: ::policy::reveal::Reveals,
    pub subject_requests: ::policy::subject::Register,
    pub restrictions: ::policy::subject::Restrictions,
    pub shreds_waiting: ::policy::subject::WaitingShreds,
    pub decisions: ::policy::care::decisions::Decisions,
    /// What other applications ask in words of their own.
    pub applications: arc_swap::ArcSwap<::policy::application::Applications>,
    /// Days that are not worked: for the clocks of the law, and hours in the policy.
    pub calendar: ::policy::holiday::Calendar,
    pub accounts: Accounts,
    /// The sign-on provider, where one is configured.
    pub sign_on: Option<crate::oidc::SignOn>,
    pub audit: Audit,
    pub ledger: ::ledger::Ledger,
    pub ledger_key: Vec<u8>,
    /// What stands for personal values; nothing where they are written in clear.
    pub pseudonyms: Option<Arc<::policy::pseudonym::Pseudonyms>>,
    pub store: Store,
    pub spool: Arc<Spool>,
    pub intake: Intake,
    /// How far everything received is searchable.
    pub passed: Arc<Passed>,
    pub sites: Arc<Sites>,
    pub attribution: Arc<Attribution>,
    pub edges: Arc<Edges>,
    pub identities: Arc<Identities>,
    pub index: Arc<Index>,
    pub search: Search,
    pub hunter: Hunter,
    pub hunts: hunts::Jobs,
    pub alerts: Alerts,
    pub rules: Arc<ArcSwap<Rulebook>>,
    pub rule_versions: VersionRegister,
    pub seen: crate::serve::watch::Shared,
    pub health: crate::serve::health::Shared,
    pub exceptions: Arc<ArcSwap<Exceptions>>,
    pub exception_register: ExceptionRegister,
    pub authority: Authority,
    pub responder: Arc<Responder>,
    pub prometheus: PrometheusHandle,
    pub reload: tokio::sync::mpsc::Sender<::event::UserName>,
    /// Batches that may be masked at once.
    pub masking_now: Arc<tokio::sync::Semaphore>,
    /// Takes what happens where nobody can wait for the ledger.
    pub acts: Arc<dyn Acts>,
    /// How much room the disk has.
    pub disk: Arc<disk::Disk>,
    /// What was found missing or damaged since the start.
    pub losses: Arc<Losses>,
    /// Signs backups.
    pub backup_signer: Arc<dyn ::event::Signer>,
    /// Signs certificates of destruction.
    pub erasure_signer: Arc<dyn ::event::Signer>,
    /// The keys, and how far their rotation is.
    pub rotation: crate::serve::rotation::Rotation,
    /// Has correlations forget values.
    pub forget: crate::serve::forget::Forget,
    /// One backup at a time.
    pub backups: Arc<tokio::sync::Mutex<()>>,
}

impl App {
    /// Appends to the ledger what `caller` did, and from where; gives its number. Whoever shows data waits for it.
    ///
    /// # Errors
    /// 503 when the ledger cannot be written: what cannot be recorded is not answered.
    pub async fn record(
        &self,
        caller: &Caller,
        action: &'static str,
        object: &str,
        detail: Value,
    ) -> Result<u64, Problem> {
        let receipt = self
            .ledger
            .append(entry_of(caller, action, object, detail))
            .await
            .map_err(|error| Problem::fault("the ledger", &error))?;
        Ok(receipt.index)
    }

    /// As [`App::record`], of a question: the ledger commits to its text, which lies beside it and can be destroyed.
    ///
    /// # Errors
    /// As [`App::record`].
    pub async fn record_question(
        &self,
        caller: &Caller,
        action: &'static str,
        object: &str,
        detail: Value,
        text: &str,
    ) -> Result<u64, Problem> {
        let receipt = self.ledger.append_question(entry_of(caller, action, object, detail), text).await;
        Ok(receipt.map_err(|error| Problem::fault("the ledger", &error))?.index)
    }

    /// What must be writable, each with the reason why it is not.
    pub async fn readiness(&self) -> BTreeMap<&'static str, Option<String>> {
        let store = self.store.writable().await.err().map(|error| problem::chain(&error));
        let ledger = self.ledger.writable().await.err().map(|error| problem::chain(&error));
        let policy = self.guard.version().is_none().then(|| "no policy is in force".to_owned());
        let (spool, index) = (self.spool.trouble(), self.index.trouble());
        let mut parts = BTreeMap::from([
            ("store", store),
            ("spool", spool),
            ("index", index),
            ("ledger", ledger),
            ("policy", policy),
            ("disk", self.disk.fault()),
        ]);
        if let Some(pseudonyms) = &self.pseudonyms {
            parts.insert("vault", pseudonyms.vault().ready().await.err().map(|error| problem::chain(&error)));
        }
        parts
    }

    /// What an operator has to look at although everything works.
    pub fn warnings(&self) -> Vec<&'static str> {
        self.disk.warning().into_iter().chain(self.losses.warnings()).collect()
    }
}

/// An entry about what `caller` did, and from where.
fn entry_of(caller: &Caller, action: &'static str, object: &str, mut detail: Value) -> ::ledger::Entry {
    if let Some(map) = detail.as_object_mut() {
        map.insert("address".to_owned(), caller.address.to_string().into());
    }
    ::ledger::Entry::new(caller.subject.name.as_str(), action, object, detail)
}

/// Everything that HTTP answers, for the TLS listener and for the Unix socket.
pub fn router(app: Arc<App>) -> Router {
    let https = &app.loaded.config.https;
    let timeout = Duration::from_secs(https.request_timeout_secs);
    let layers = ServiceBuilder::new()
        .layer(tower_http::trace::TraceLayer::new_for_http().make_span_with(span))
        .layer(set(header::CONTENT_SECURITY_POLICY, page::CONTENT_SECURITY_POLICY))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(set(header::REFERRER_POLICY, "no-referrer"))
        .layer(set(header::X_FRAME_OPTIONS, "DENY"))
        .layer(set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"))
        .layer(set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, timeout))
        .layer(RequestDecompressionLayer::new())
        .layer(DefaultBodyLimit::max(https.body_bytes_max));
    Router::new()
        .merge(public())
        .merge(decisions().layer(set(header::CACHE_CONTROL, "no-store")))
        .merge(shipped())
        .merge(tiles().layer(set(header::CACHE_CONTROL, "no-store")))
        .nest("/api/v1", api().layer(set(header::CACHE_CONTROL, "no-store")))
        .fallback(page::page)
        .layer(layers)
        .layer(axum::middleware::map_response(problem::told))
        .layer(axum::middleware::from_fn(linger::linger))
        .with_state(app)
}

fn public() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/pki/roots.pem", get(certificates::roots))
        .route("/pki/crl/{name}", get(certificates::crl))
}

/// Decisions for other systems (OpenID AuthZEN 1.0).
fn decisions() -> Router<Arc<App>> {
    Router::new()
        .route("/access/v1/evaluation", post(authzen::evaluation))
        .route("/access/v1/evaluations", post(authzen::evaluations))
        .route("/.well-known/authzen-configuration", get(authzen::configuration))
        .layer(axum::middleware::from_fn(authzen::echo_request_id))
}

/// What clients of Elasticsearch ask, with errors in their words.
fn elastic() -> Router<Arc<App>> {
    Router::new()
        .route("/es/", get(bulk::about))
        .route("/es/_bulk", post(bulk::bulk).put(bulk::bulk))
        .route("/es/{index}/_bulk", post(bulk::bulk_into).put(bulk::bulk_into))
        .layer(axum::middleware::map_response(bulk::in_their_words))
}

fn shipped() -> Router<Arc<App>> {
    Router::new()
        .route("/_bulk", post(bulk::bulk).put(bulk::bulk))
        .route("/{index}/_bulk", post(bulk::bulk_into).put(bulk::bulk_into))
        .route("/v1/logs", post(otlp::http))
        .merge(elastic())
}

/// The ledger where programs for such logs look for it (C2SP tlog-tiles); `/api/v1` has the same.
fn tiles() -> Router<Arc<App>> {
    Router::new()
        .route("/ledger/checkpoint", get(ledger::checkpoint))
        .route("/ledger/tile/entries/{*bundle}", get(ledger::bundle))
        .route("/ledger/tile/{level}/{*tile}", get(ledger::tile))
}

fn api() -> Router<Arc<App>> {
    Router::new()
        .route("/openapi.json", get(openapi::document))
        .route("/setup", get(session::setup_needed).post(session::set_up))
        .route("/session", get(session::current).post(session::sign_in).delete(session::sign_out))
        .route("/session/second-step", post(session::second_step))
        .route("/session/step-up", post(session::step_up))
        .route(
            "/session/second-factor",
            get(second_factor::status).post(second_factor::begin).delete(second_factor::remove),
        )
        .route("/session/second-factor/confirm", post(second_factor::confirm))
        .route("/session/second-factor/codes", post(second_factor::codes))
        .route("/oidc", get(oidc::about))
        .route("/oidc/start", get(oidc::start))
        .route("/oidc/callback", get(oidc::callback))
        .route("/oidc/back-channel-logout", post(oidc::back_channel_logout))
        .route("/sessions", get(sessions::own).delete(sessions::end_others))
        .route("/sessions/{id}", axum::routing::delete(sessions::end_one))
        .route("/recover", post(session::recover))
        .route("/recovery-code", post(users::recovery_code))
        .route("/users", get(users::list).post(users::create))
        .route("/users/assignable", get(users::assignable))
        .route("/users/{name}", patch(users::change))
        .route("/users/{name}/tokens", get(users::tokens).post(users::create_token))
        .route("/users/{name}/second-factor", axum::routing::delete(second_factor::reset))
        .route("/users/{name}/sessions", get(sessions::of).delete(sessions::end_all_of))
        .route("/users/{name}/sessions/{id}", axum::routing::delete(sessions::end_one_of))
        .route("/tokens/{id}", axum::routing::delete(users::revoke_token))
        .route("/search", post(search::search))
        .route("/mask", post(mask::mask))
        .route("/events/export", post(export::export))
        .route("/events/{id}", get(search::event))
        .route("/fields", get(search::fields))
        .route("/alerts", get(alerts::list))
        .route("/alerts/{id}", get(alerts::one).patch(alerts::change))
        .route("/risk", get(risk::list))
        .route("/rules", get(rules::list))
        .route("/rules/rejected", get(rules::rejected))
        .route("/rules/silent", get(rules::silent))
        .route("/rules/{id}/versions", get(rules::versions))
        .route("/rules/backtest", post(hunts::start))
        .route("/rules/backtest/{id}", get(hunts::look).delete(hunts::cancel))
        .route("/exceptions", get(exceptions::list).post(exceptions::add))
        .route("/exceptions/preview", post(hunts::preview))
        .route("/exceptions/{id}/withdraw", post(exceptions::withdraw))
        .route("/sites", get(sites::list))
        .route("/sites/import", post(sites::import))
        .route("/sites/unknown", get(sites::unknown))
        .route("/sources", get(sites::sources))
        .route("/ingest", post(ingest::ingest))
        .route("/import", post(import::import))
        .route("/import/position", get(import::position))
        .route("/certificates", get(certificates::list).post(certificates::issue))
        .route("/certificates/machines", post(certificates::issue_machine))
        .route("/certificates/authority", get(certificates::authority))
        .route("/certificates/bulk", post(certificates::bulk))
        .route("/certificates/revoke", post(certificates::revoke))
        .route("/certificates/tokens", post(certificates::token))
        .route("/edge/batches", post(edge::batch).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)))
        .route("/edge/position", get(edge::position))
        .route("/edge/enrolments", post(edge::enrol).layer(DefaultBodyLimit::max(edge::FORM_BYTES_MAX)))
        .route("/edge/certificate", post(edge::renew).layer(DefaultBodyLimit::max(edge::FORM_BYTES_MAX)))
        .route("/responses", get(responses::list))
        .route("/responses/status", get(responses::status))
        .route("/responses/reconcile", post(responses::reconcile))
        .route("/responses/{plan}/run", post(responses::run))
        .route("/responses/{plan}/undo", post(responses::undo))
        .route("/policy", get(policy::table))
        .route("/policy/explain", post(policy::explain))
        .route("/policy/versions", get(policy::list))
        .route("/policy/export", get(policy::export))
        .route("/policy/diff", get(policy::diff))
        .route("/policy/import", post(policy::import))
        .route("/policy/simulate", post(policy::simulate))
        .route("/policy/review", get(policy::review))
        .route("/policy/requests", get(policy::requests))
        .route("/policy/requests/{id}/approve", post(policy::approve))
        .route("/policy/requests/{id}/refuse", post(policy::refuse))
        .route("/policy/personnel", get(policy::personnel).post(policy::record_personnel))
        .route("/policy/notices", get(policy::notices))
        .route("/policy/notices/{id}/acknowledge", post(policy::acknowledge))
        .route("/requests", get(requests::list).post(requests::ask))
        .route("/requests/{id}", get(requests::one))
        .route("/requests/{id}/approve", post(requests::approve))
        .route("/requests/{id}/narrow", post(requests::narrow))
        .route("/requests/{id}/refuse", post(requests::refuse))
        .route("/requests/{id}/withdraw", post(requests::withdraw))
        .route("/requests/{id}/delegate", post(requests::delegate))
        .route("/requests/{id}/renew", post(requests::renew))
        .route("/requests/{id}/agreement", get(requests::document))
        .route("/reveals", get(reveals::list).post(reveals::ask))
        .route("/reveals/break-glass", post(reveals::break_glass))
        .route("/reveals/{id}/values", get(reveals::values))
        .route("/reveals/{id}/approve", post(reveals::approve))
        .route("/reveals/{id}/refuse", post(reveals::refuse))
        .route("/reveals/{id}/withdraw", post(reveals::withdraw))
        .route("/reveals/{id}/review", post(reveals::review))
        .route("/audit", get(audit::list))
        .route("/audit/search", post(audit::search))
        .route("/audit/events/{id}", get(audit::event))
        .route("/ledger/checkpoint", get(ledger::checkpoint))
        .route("/ledger/events/{id}", get(ledger::event))
        .route("/ledger/proof/{index}", get(ledger::proof))
        .route("/ledger/tile/entries/{*bundle}", get(ledger::bundle))
        .route("/ledger/tile/{level}/{*tile}", get(ledger::tile))
        .route("/ledger/verify", post(ledger::verify))
        .route("/subjects/find", post(subjects::find))
        .route("/subjects/export", post(subjects::export))
        .route("/subjects/shred", get(subjects::waiting).post(subjects::shred))
        .route("/subjects/shred/{id}/approve", post(subjects::approve))
        .route("/subjects/shred/{id}/refuse", post(subjects::refuse))
        .route("/subjects/restrictions", get(subjects::restricted).post(subjects::restrict))
        .route("/subjects/restrictions/{id}/lift", post(subjects::lift))
        .route("/subjects/requests", get(subjects::list).post(subjects::receive))
        .route("/subjects/requests/{id}/acknowledge", post(subjects::acknowledge))
        .route("/subjects/requests/{id}/extend", post(subjects::extend))
        .route("/subjects/requests/{id}/close", post(subjects::close))
        .route("/subjects/requests/{id}/form", get(subjects::form))
        .route("/subjects/certificates/{id}", get(subjects::certificate))
        .route("/stats", get(platform::stats))
        .route("/config", get(platform::config))
        .route("/reload", post(platform::reload))
        .route("/keys", get(keys::status))
        .route("/keys/rotate", post(keys::rotate))
        .route("/backup", post(backup::make))
}

fn set(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// A span without query strings: they may hold what nobody should read in a log.
fn span<B>(request: &axum::http::Request<B>) -> tracing::Span {
    tracing::debug_span!("http", method = %request.method(), path = request.uri().path())
}

/// A JSON body; what is wrong with it comes back as a problem.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<App>) -> Result<Self, Problem> {
        let bytes = axum::body::Bytes::from_request(request, state).await.map_err(|rejection| {
            let status = rejection.status();
            if status == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::too_large(rejection.body_text())
            } else {
                Problem::bad_request(rejection.body_text())
            }
        })?;
        serde_json::from_slice(&bytes)
            .map(Body)
            .map_err(|error| Problem::bad_request(format!("body: {}", crate::wording::plain(&error.to_string()))))
    }
}

/// The answer of something that was done and has nothing to say.
fn no_content() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

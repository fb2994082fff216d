//! The HTTP API: one file a noun, the router below.

mod about;
mod alerts;
mod audit;
mod bulk;
mod caller;
mod certificates;
mod edge;
pub mod exceptions;
mod health;
pub mod hunts;
pub mod import;
mod ingest;
pub mod ledger;
mod openapi;
pub mod otlp;
mod page;
mod platform;
mod policy;
pub mod problem;
mod responses;
mod risk;
mod rules;
mod search;
mod session;
mod sites;
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
use crate::serve::passed::Passed;

/// What every endpoint works with. The nouns that hold data ask for a permit themselves.
pub struct App {
    pub loaded: Loaded,
    pub data: PathBuf,
    pub clock: Arc<dyn Clock>,
    pub guard: Guard,
    pub accounts: Accounts,
    pub audit: Audit,
    pub ledger: ::ledger::Ledger,
    pub ledger_key: Vec<u8>,
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
    pub exceptions: Arc<ArcSwap<Exceptions>>,
    pub exception_register: ExceptionRegister,
    pub authority: Authority,
    pub responder: Arc<Responder>,
    pub prometheus: PrometheusHandle,
    pub reload: tokio::sync::mpsc::Sender<::event::UserName>,
    /// Takes what happens where nobody can wait for the ledger.
    pub acts: Arc<dyn Acts>,
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
        BTreeMap::from([("store", store), ("spool", spool), ("index", index), ("ledger", ledger), ("policy", policy)])
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
        .merge(shipped())
        .merge(tiles().layer(set(header::CACHE_CONTROL, "no-store")))
        .nest("/api/v1", api().layer(set(header::CACHE_CONTROL, "no-store")))
        .fallback(page::page)
        .layer(layers)
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
        .route("/recover", post(session::recover))
        .route("/recovery-code", post(users::recovery_code))
        .route("/users", get(users::list).post(users::create))
        .route("/users/assignable", get(users::assignable))
        .route("/users/{name}", patch(users::change))
        .route("/users/{name}/tokens", get(users::tokens).post(users::create_token))
        .route("/tokens/{id}", axum::routing::delete(users::revoke_token))
        .route("/search", post(search::search))
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
        .route("/audit", get(audit::list))
        .route("/audit/search", post(audit::search))
        .route("/audit/events/{id}", get(audit::event))
        .route("/ledger/checkpoint", get(ledger::checkpoint))
        .route("/ledger/events/{id}", get(ledger::event))
        .route("/ledger/proof/{index}", get(ledger::proof))
        .route("/ledger/tile/entries/{*bundle}", get(ledger::bundle))
        .route("/ledger/tile/{level}/{*tile}", get(ledger::tile))
        .route("/ledger/verify", post(ledger::verify))
        .route("/stats", get(platform::stats))
        .route("/config", get(platform::config))
        .route("/reload", post(platform::reload))
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
        serde_json::from_slice(&bytes).map(Body).map_err(|error| Problem::bad_request(format!("body: {error}")))
    }
}

/// The answer of something that was done and has nothing to say.
fn no_content() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

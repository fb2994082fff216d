//! Asking the provider: what it is (discovery), its keys as they change, tokens for a code, more about a person.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwapOption;
use event::{Clock, Timestamp};
use keys::Secret;
use keys::jose::PublicKeys;
use policy::account::Flow;
use reqwest::{RequestBuilder, Url};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::OidcError;
use crate::config::Oidc;

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// After so long metadata and keys are asked for again.
const KNOWN_FOR: Duration = Duration::from_secs(3_600);
/// Keys that are not known are asked for at most so often.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// What the provider publishes of itself (OpenID Connect Discovery, section 3).
#[derive(Debug, Clone, Deserialize)]
pub struct Metadata {
    issuer: String,
    #[serde(deserialize_with = "url")]
    pub authorization_endpoint: Url,
    #[serde(deserialize_with = "url")]
    token_endpoint: Url,
    #[serde(deserialize_with = "url")]
    jwks_uri: Url,
    #[serde(default, deserialize_with = "optional_url")]
    pub userinfo_endpoint: Option<Url>,
    #[serde(default, deserialize_with = "optional_url")]
    pub end_session_endpoint: Option<Url>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// RFC 9207.
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    Url::parse(&text).map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
}

fn optional_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    Url::parse(&text).map(Some).map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
}

/// Metadata and keys, with their age.
#[derive(Debug)]
pub struct Known {
    pub metadata: Metadata,
    pub keys: PublicKeys,
    fetched: Timestamp,
}

/// What the token endpoint gives.
#[derive(Deserialize)]
pub struct Tokens {
    pub id_token: String,
    pub access_token: Option<String>,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

/// The provider over HTTP.
#[derive(Debug)]
pub struct Provider {
    issuer: String,
    client_id: String,
    secret: Option<Secret<String>>,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    known: ArcSwapOption<Known>,
    /// When it was last asked; whoever asks holds it, so that many sign-ins at once are one question.
    asked: Mutex<Option<Timestamp>>,
}

impl Provider {
    /// Prepares the connection; nothing is sent yet.
    ///
    /// # Errors
    /// When `roots` cannot be used.
    pub fn new(
        settings: &Oidc,
        secret: Option<Secret<String>>,
        roots: Option<&Path>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(ANSWER_MAX)
            .timeout(ANSWER_MAX)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = roots {
            let pem = std::fs::read(path).with_context(|| format!("oidc.ca_file `{}`", path.display()))?;
            let roots = reqwest::Certificate::from_pem_bundle(&pem);
            let roots = roots.with_context(|| format!("oidc.ca_file `{}`", path.display()))?;
            builder = builder.tls_certs_merge(roots);
        }
        Ok(Self {
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            secret,
            http: builder.build().context("the connection to the sign-on provider")?,
            clock,
            known: ArcSwapOption::empty(),
            asked: Mutex::new(None),
        })
    }

    /// What is known without asking.
    pub fn remembered(&self) -> Option<Arc<Known>> {
        self.known.load_full()
    }

    /// Metadata and keys; asked for again when they are old, or `key` is none of them: providers change their keys.
    ///
    /// # Errors
    /// When nothing is known and the provider does not answer.
    pub async fn known(&self, key: Option<&str>) -> Result<Arc<Known>, OidcError> {
        let enough = |known: &Known| {
            let young = self.clock.now().since(known.fetched) < KNOWN_FOR;
            young && key.is_none_or(|key| known.keys.holds(key))
        };
        let before = self.known.load_full();
        if let Some(known) = before.filter(|known| enough(known)) {
            return Ok(known);
        }
        let mut asked = self.asked.lock().await;
        let before = self.known.load_full();
        if let Some(known) = &before {
            let recently = asked.is_some_and(|at| self.clock.now().since(at) < ASK_EVERY);
            if enough(known) || recently {
                return Ok(Arc::clone(known));
            }
        }
        *asked = Some(self.clock.now());
        match (self.fetch().await, before) {
            (Ok(known), _) => {
                let known = Arc::new(known);
                self.known.store(Some(Arc::clone(&known)));
                Ok(known)
            }
            (Err(error), Some(known)) => {
                tracing::warn!(%error, "sign-on provider not asked anew; what was known stays");
                Ok(known)
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn fetch(&self) -> Result<Known, OidcError> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let metadata: Metadata = answer(&url, self.http.get(&url)).await?;
        if metadata.issuer != self.issuer {
            return Err(OidcError::Claim { claim: "issuer", reason: "the provider calls itself otherwise" });
        }
        let secure = self.issuer.starts_with("https://");
        let needed = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        let further = [&metadata.userinfo_endpoint, &metadata.end_session_endpoint].into_iter().flatten();
        for endpoint in needed.into_iter().chain(further) {
            if secure && endpoint.scheme() != "https" {
                return Err(OidcError::Claim { claim: "endpoint", reason: "not https" });
            }
        }
        let keys = bytes(metadata.jwks_uri.as_str(), self.http.get(metadata.jwks_uri.clone())).await?;
        let keys = PublicKeys::parse(&keys)?;
        Ok(Known { metadata, keys, fetched: self.clock.now() })
    }

    /// Tokens for a code (RFC 6749 section 4.1.3, with the verifier of RFC 7636).
    ///
    /// # Errors
    /// When the provider refuses or its answer cannot be read.
    pub async fn redeem(&self, known: &Known, code: &str, flow: &Flow, callback: &str) -> Result<Tokens, OidcError> {
        let verifier = flow.verifier();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", callback),
            ("code_verifier", verifier.expose()),
        ];
        let mut request = self.http.post(known.metadata.token_endpoint.clone());
        let methods = known.metadata.token_endpoint_auth_methods_supported.as_deref();
        let basic = methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"));
        match &self.secret {
            Some(secret) if basic => {
                request = request.basic_auth(encoded(&self.client_id), Some(encoded(secret.expose())));
            }
            Some(secret) => form.extend([("client_id", self.client_id.as_str()), ("client_secret", secret.expose())]),
            None => form.push(("client_id", self.client_id.as_str())),
        }
        let request = request.header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        answer(known.metadata.token_endpoint.as_str(), request.body(written(&form))).await
    }

    /// More about a person (OpenID Connect Core, section 5.3).
    ///
    /// # Errors
    /// When the provider refuses or its answer cannot be read.
    pub async fn userinfo(&self, endpoint: &Url, token: &str) -> Result<Map<String, Value>, OidcError> {
        answer(endpoint.as_str(), self.http.get(endpoint.clone()).bearer_auth(token)).await
    }
}

/// A form as it is sent.
fn written(form: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

/// Percent-encoded, as forms and RFC 6749 section 2.3.1 have it.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

async fn answer<T: DeserializeOwned>(url: &str, request: RequestBuilder) -> Result<T, OidcError> {
    let bytes = bytes(url, request).await?;
    let unreadable = |error: serde_json::Error| OidcError::Answer { url: url.to_owned(), reason: error.to_string() };
    serde_json::from_slice(&bytes).map_err(unreadable)
}

/// An answer of bounded length. What a refusal says is read for its error code alone.
async fn bytes(url: &str, request: RequestBuilder) -> Result<Vec<u8>, OidcError> {
    let unreachable = |source| OidcError::Unreachable { url: url.to_owned(), source };
    let mut response = request.header(reqwest::header::ACCEPT, "application/json").send().await.map_err(unreachable)?;
    let status = response.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(OidcError::Answer { url: url.to_owned(), reason: "longer than 256 KiB".to_owned() });
        }
        bytes.extend_from_slice(&chunk);
    }
    if status.is_success() {
        return Ok(bytes);
    }
    let error = serde_json::from_slice::<ErrorAnswer>(&bytes).map(|answer| answer.error).unwrap_or_default();
    let error = error.chars().filter(char::is_ascii_graphic).take(64).collect();
    Err(OidcError::Refused { url: url.to_owned(), status: status.as_u16(), error })
}

//! The way to the server: HTTPS with the site's certificate, every answer sorted into what to do next.

use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use collector::edge::{MEDIA_TYPE, Marks, StreamId};
use event::Timestamp;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::identity::Identity;

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// How long a connection is kept that nothing goes over; the server ends it after 15 s.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Why the server did not take something.
#[derive(Debug, thiserror::Error)]
pub enum LinkFault {
    /// Nothing answers, or not in time.
    #[error("the server does not answer: {reason}")]
    Unreachable {
        /// What the system or the TLS library said.
        reason: String,
        /// Whether the batch was on its way for too long.
        slow: bool,
    },
    /// The batch is larger than the server takes at once.
    #[error("the server takes no batch as large as this")]
    TooLarge,
    /// The server said no.
    #[error("the server refused ({status}): {reason}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The server's words.
        reason: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// What answers is no MetroSOC of this version.
    #[error("the server's answer cannot be read; are server and edge one version?")]
    Strange,
}

/// The server's answer to a batch.
#[derive(Debug, Clone, Deserialize)]
pub struct Acknowledged {
    /// Everything of the lane up to this sequence is durable there.
    pub acknowledged: Option<u64>,
    /// Records that had been stored before.
    pub resent: u64,
    /// The server's time.
    pub time: Timestamp,
}

/// The server's answer to the question how far this edge came.
#[derive(Debug, Clone, Deserialize)]
pub struct Position {
    /// The highest sequences that are stored.
    #[serde(flatten)]
    pub marks: Marks,
    /// The server's time.
    pub time: Timestamp,
}

/// A certificate as the server gives it.
#[derive(Debug, Clone, Deserialize)]
pub struct Granted {
    /// The site.
    pub site: String,
    /// The chain, PEM.
    pub chain: String,
    /// When it ends.
    pub not_after: Timestamp,
}

/// The connection to one server; the certificate that it shows can be changed.
#[derive(Debug)]
pub struct Link {
    base: String,
    timeout: Duration,
    http: ArcSwap<reqwest::Client>,
}

impl Link {
    /// Prepares the connection; nothing is sent yet.
    ///
    /// # Errors
    /// When roots, key or chain cannot be used.
    pub fn new(url: &str, identity: &Identity, timeout: Duration) -> anyhow::Result<Self> {
        let http = ArcSwap::from_pointee(client(&identity.roots, Some(identity))?);
        Ok(Self { base: url.trim_end_matches('/').to_owned(), timeout, http })
    }

    /// Shows another certificate from the next connection on.
    ///
    /// # Errors
    /// As [`Link::new`]; the old one stays then.
    pub fn replace(&self, identity: &Identity) -> anyhow::Result<()> {
        self.http.store(client(&identity.roots, Some(identity))?.into());
        Ok(())
    }

    /// How far the server has this edge's records.
    ///
    /// # Errors
    /// [`LinkFault`].
    pub async fn position(&self, stream: StreamId) -> Result<Position, LinkFault> {
        let request = self.request(Method::GET, "/api/v1/edge/position").query(&[("stream", stream.to_string())]);
        answer(request).await
    }

    /// Sends a batch; answered when it is durable.
    ///
    /// # Errors
    /// [`LinkFault`]; the server may have stored it all the same, and recognises it when it is sent again.
    pub async fn send(&self, body: Vec<u8>) -> Result<Acknowledged, LinkFault> {
        let request = self.request(Method::POST, "/api/v1/edge/batches").header(CONTENT_TYPE, MEDIA_TYPE).body(body);
        answer(request).await
    }

    /// Asks for the next certificate.
    ///
    /// # Errors
    /// [`LinkFault`].
    pub async fn renew(&self, request_pem: &str) -> Result<Granted, LinkFault> {
        answer(self.request(Method::POST, "/api/v1/edge/certificate").json(&json!({ "csr": request_pem }))).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.load().request(method, format!("{}{path}", self.base)).timeout(self.timeout)
    }
}

/// Asks a server for the first certificate, by a one-time token; the server is checked against `roots` alone.
///
/// # Errors
/// When the roots cannot be used; [`LinkFault`] with the server's words.
pub async fn enrol(url: &str, roots: &str, token: &str, request_pem: &str) -> anyhow::Result<Granted> {
    let http = client(roots, None)?;
    let url = format!("{}/api/v1/edge/enrolments", url.trim_end_matches('/'));
    let request = http.post(url).timeout(CONNECT_MAX * 3).json(&json!({ "token": token, "csr": request_pem }));
    Ok(answer(request).await?)
}

fn client(roots: &str, identity: Option<&Identity>) -> anyhow::Result<reqwest::Client> {
    let roots = reqwest::Certificate::from_pem_bundle(roots.as_bytes()).context("the server's roots")?;
    let mut builder = reqwest::Client::builder()
        .tls_certs_only(roots)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_MAX)
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(1);
    if let Some(identity) = identity {
        let pem = reqwest::Identity::from_pem(identity.pem.expose().as_bytes()).context("the edge's certificate")?;
        builder = builder.identity(pem);
    }
    builder.build().context("preparing the connection")
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, LinkFault> {
    let response = request.send().await.map_err(|error| unreachable(&error))?;
    let status = response.status();
    let retry_after = retry_after(&response);
    let bytes = body(response).await?;
    if status.is_success() {
        return serde_json::from_slice(&bytes).map_err(|_| LinkFault::Strange);
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return Err(LinkFault::TooLarge);
    }
    let problem: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let reason =
        problem.get("detail").and_then(Value::as_str).unwrap_or("it gave no reason").chars().take(400).collect();
    Err(LinkFault::Refused { status: status.as_u16(), reason, retry_after })
}

async fn body(mut response: Response) -> Result<Vec<u8>, LinkFault> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(LinkFault::Strange);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn unreachable(error: &reqwest::Error) -> LinkFault {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    LinkFault::Unreachable { reason, slow: error.is_timeout() && !error.is_connect() }
}

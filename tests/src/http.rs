//! HTTP as somebody: with a token, a session, or nothing.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::Value;

/// The server's HTTP as one caller.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    base: String,
    token: Option<String>,
}

impl Api {
    /// Asks `https://localhost:PORT`, trusting `roots` alone.
    ///
    /// # Errors
    /// When the roots cannot be read.
    pub fn new(port: u16, roots: &str, token: Option<String>) -> anyhow::Result<Self> {
        Self::with_identity(port, roots, token, None)
    }

    /// The same with a client certificate and key (PEM).
    ///
    /// # Errors
    /// When roots or identity cannot be read.
    pub fn with_identity(
        port: u16,
        roots: &str,
        token: Option<String>,
        identity: Option<&str>,
    ) -> anyhow::Result<Self> {
        Self::build(port, roots, token, identity, None)
    }

    /// The same, connecting to another of this machine's addresses: that is then where the server sees it come from.
    ///
    /// # Errors
    /// When the roots cannot be read.
    pub fn at_address(address: SocketAddr, roots: &str, token: Option<String>) -> anyhow::Result<Self> {
        Self::build(address.port(), roots, token, None, Some(address))
    }

    fn build(
        port: u16,
        roots: &str,
        token: Option<String>,
        identity: Option<&str>,
        address: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        // A second start within one process keeps the first provider, which is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = reqwest::Certificate::from_pem_bundle(roots.as_bytes())?;
        let mut builder = Client::builder().tls_certs_only(roots).no_proxy().timeout(Duration::from_secs(60));
        if let Some(address) = address {
            builder = builder.resolve("localhost", address);
        }
        if let Some(pem) = identity {
            builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes())?);
        }
        let base = format!("https://localhost:{port}");
        Ok(Self { client: builder.build()?, base, token })
    }

    /// The token that it asks with.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A request, with the token when there is one.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// GET: status and JSON (null when the body is none).
    ///
    /// # Errors
    /// When nothing answers.
    pub fn get(&self, path: &str) -> anyhow::Result<(u16, Value)> {
        read(self.request(Method::GET, path).send()?)
    }

    /// POST of JSON: status and JSON.
    ///
    /// # Errors
    /// When nothing answers.
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        read(self.request(Method::POST, path).json(body).send()?)
    }

    /// PATCH of JSON: status and JSON.
    ///
    /// # Errors
    /// When nothing answers.
    pub fn patch(&self, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        read(self.request(Method::PATCH, path).json(body).send()?)
    }

    /// Searches; the answer when it is 200.
    ///
    /// # Errors
    /// When the server refuses; the message holds its words.
    pub fn search(&self, body: &Value) -> anyhow::Result<Value> {
        let (status, answer) = self.post("/api/v1/search", body)?;
        anyhow::ensure!(status == 200, "search {body}: {status} {answer}");
        Ok(answer)
    }

    /// Number of events that a query finds.
    ///
    /// # Errors
    /// As [`Api::search`].
    pub fn count(&self, query: &str) -> anyhow::Result<u64> {
        let answer = self.search(&serde_json::json!({ "query": query, "limit": 0 }))?;
        answer.get("total").and_then(Value::as_u64).context("total")
    }
}

fn read(response: Response) -> anyhow::Result<(u16, Value)> {
    let status = response.status().as_u16();
    let bytes = response.bytes()?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
}

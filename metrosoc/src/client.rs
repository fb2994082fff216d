//! The command line's way to the server: HTTP over the Unix socket in the data directory, or over TLS.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use keys::Secret;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::exit::{Failure, Status};

/// Name of the server's socket in the data directory.
pub const SOCKET_NAME: &str = "metrosoc.sock";

/// Longest line of an answer in lines.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Where and as whom to ask.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ServerArguments {
    /// Ask this server over TLS instead of the one on this machine, such as `https://soc.hcm.gov.vn:8443`
    #[arg(long, global = true, value_name = "URL", env = "METROSOC_SERVER")]
    pub server: Option<String>,
    /// File (mode 0600) with a named user's API token
    #[arg(long, global = true, value_name = "FILE", env = "METROSOC_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// CA certificates (PEM) that the server's certificate is checked against, beside the machine's own
    #[arg(long, global = true, value_name = "FILE", env = "METROSOC_CA_FILE")]
    pub ca_file: Option<PathBuf>,
}

/// A connection to one server.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<Secret<String>>,
}

impl Client {
    /// Prepares the connection; nothing is sent yet.
    ///
    /// # Errors
    /// When the token or CA file cannot be read or is readable by others, the address is no `https://`, or no server
    /// runs on this machine.
    pub fn new(arguments: &ServerArguments, data: &Path) -> anyhow::Result<Self> {
        let token = arguments.token_file.as_deref().map(read_token).transpose()?;
        let builder = reqwest::Client::builder().connect_timeout(Duration::from_secs(10)).no_proxy();
        let (builder, base) = match &arguments.server {
            Some(url) if !url.starts_with("https://") => {
                let message = format!("server `{url}` does not begin with `https://`: a token would travel in clear");
                return Err(Failure::new(Status::Usage, message).into());
            }
            Some(url) => (with_roots(builder, arguments.ca_file.as_deref())?, url.trim_end_matches('/').to_owned()),
            None => {
                let socket = data.join(SOCKET_NAME);
                if !socket.exists() {
                    return Err(Failure::new(
                        Status::Unavailable,
                        format!(
                            "no server runs on `{}` (`metrosoc serve --data {}` starts one; `--server URL` asks another)",
                            data.display(),
                            data.display()
                        ),
                    )
                    .into());
                }
                (builder.unix_socket(socket), "http://localhost".to_owned())
            }
        };
        Ok(Self { http: builder.build().context("preparing the connection")?, base, token })
    }

    /// A request to `path`, with the token when there is one.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }

    /// GET, answered with JSON.
    ///
    /// # Errors
    /// [`Failure`] with the server's own words when it refuses.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        answer(self.request(Method::GET, path)).await
    }

    /// Sends JSON, answered with JSON.
    ///
    /// # Errors
    /// [`Failure`] with the server's own words when it refuses.
    pub async fn send<T: DeserializeOwned>(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<T> {
        answer(self.request(method, path).json(body)).await
    }

    /// POST of JSON, answered with JSON.
    ///
    /// # Errors
    /// [`Failure`] with the server's own words when it refuses.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> anyhow::Result<T> {
        self.send(Method::POST, path, body).await
    }

    /// GET, answered with text.
    ///
    /// # Errors
    /// [`Failure`] with the server's own words when it refuses.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        let response = self.request(Method::GET, path).send().await.map_err(unreachable_server)?;
        let status = response.status();
        let text = response.text().await.context("reading the answer")?;
        if status.is_success() { Ok(text) } else { Err(refusal(status.as_u16(), text.as_bytes()).into()) }
    }
}

/// Sends a prepared request and reads its JSON answer.
///
/// # Errors
/// [`Failure`] with the server's own words when it refuses.
pub async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> anyhow::Result<T> {
    let response = request.send().await.map_err(unreachable_server)?;
    let status = response.status();
    let bytes = response.bytes().await.context("reading the answer")?;
    if !status.is_success() {
        return Err(refusal(status.as_u16(), &bytes).into());
    }
    let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
    serde_json::from_slice(bytes).context("the server's answer is not what this program expects; are they one version?")
}

/// Sends a prepared request whose answer is a line of JSON for each step, and gives each to `each` as it comes.
///
/// # Errors
/// [`Failure`] with the server's own words when it refuses.
pub async fn lines<T: DeserializeOwned>(request: RequestBuilder, mut each: impl FnMut(T)) -> anyhow::Result<()> {
    let mut response = request.send().await.map_err(unreachable_server)?;
    let status = response.status();
    if !status.is_success() {
        let body = response.bytes().await.context("reading the answer")?;
        return Err(refusal(status.as_u16(), &body).into());
    }
    let mut waiting = Vec::new();
    while let Some(part) = response.chunk().await.context("reading the answer")? {
        waiting.extend_from_slice(&part);
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).collect();
            each(
                serde_json::from_slice(&line)
                    .context("the server's answer is not what this program expects; are they one version?")?,
            );
        }
        anyhow::ensure!(waiting.len() <= LINE_BYTES_MAX, "the server's answer has a line without end");
    }
    Ok(())
}

/// The failure of a request that got no answer.
pub fn unreachable_server(error: reqwest::Error) -> anyhow::Error {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    let way_out = if reason.contains("UnknownIssuer") {
        " (this machine does not know the authority of its certificate: `--ca-file FILE`, from `metrosoc pki roots`)"
    } else {
        ""
    };
    Failure::new(Status::Unavailable, format!("the server does not answer: {reason}{way_out}")).into()
}

/// The failure of a request that the server refused, in its own words.
pub fn refusal(status: u16, body: &[u8]) -> Failure {
    let problem: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let detail = problem.get("detail").and_then(Value::as_str).unwrap_or("the server gave no reason").to_owned();
    let because: Vec<&str> =
        problem.get("because").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let message = if because.is_empty() { detail } else { format!("{detail} ({})", because.join("; ")) };
    let status = match status {
        401 | 403 => Status::Denied,
        400 | 404 | 409 | 413 | 415 | 422 => Status::BadData,
        _ => Status::Unavailable,
    };
    let kind = problem.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    Failure { kind, ..Failure::new(status, message) }
}

/// Reads a token from a file that only its owner can read.
fn read_token(path: &Path) -> anyhow::Result<Secret<String>> {
    use std::os::unix::fs::MetadataExt as _;
    let about = std::fs::metadata(path).with_context(|| format!("token file `{}`", path.display()))?;
    if about.is_file() && about.mode() & 0o077 != 0 {
        let message = format!("token file `{}` can be read by others; `chmod 600 {}`", path.display(), path.display());
        return Err(Failure::new(Status::Config, message).into());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("token file `{}`", path.display()))?;
    Ok(Secret::new(text.trim().to_owned()))
}

fn with_roots(builder: reqwest::ClientBuilder, file: Option<&Path>) -> anyhow::Result<reqwest::ClientBuilder> {
    let Some(path) = file else { return Ok(builder) };
    let pem = std::fs::read(path).with_context(|| format!("CA file `{}`", path.display()))?;
    let roots = reqwest::Certificate::from_pem_bundle(&pem).with_context(|| format!("CA file `{}`", path.display()))?;
    Ok(builder.tls_certs_merge(roots))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::exit::status_of;

    #[test]
    fn what_would_give_a_token_away_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "msk_x").unwrap();
        let check = |mode: u32, server: &str, expected: Option<(Status, &str)>| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let (token_file, server) = (Some(file.clone()), Some(server.to_owned()));
            let found = Client::new(&ServerArguments { server, token_file, ca_file: None }, folder.path()).map(drop);
            let found = found.map_err(|error| (status_of(&error), error.to_string())).err();
            assert_eq!(found.as_ref().map(|(status, _)| *status), expected.map(|(status, _)| status), "{found:?}");
            let words = expected.map(|(_, words)| words).unwrap_or_default();
            assert!(found.is_none_or(|(_, text)| text.contains(words)), "{words}");
        };
        // A request needs the process's TLS provider, as `main` installs it; another test may have.
        let _ = rustls::crypto::ring::default_provider().install_default();
        check(0o600, "https://localhost:8443", None);
        check(0o640, "https://localhost:8443", Some((Status::Config, "chmod 600")));
        check(0o600, "http://localhost:8443", Some((Status::Usage, "`https://`")));
    }
}

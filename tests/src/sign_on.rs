//! A real sign-on provider (oidc-provider from npm), and a person's browser without a window.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{Child, has, repository, run};

/// The secret that the provider's clients have.
pub const CLIENT_SECRET: &str = "a secret of the test's own, and long enough";

fn folder() -> PathBuf {
    repository().join("tests/sign-on")
}

/// A provider that runs as long as the test.
#[derive(Debug)]
pub struct SignOnProvider {
    _process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    issuer: String,
}

impl SignOnProvider {
    /// Starts one for a MetroSOC at `public_url` with `people` (claims by subject); `None`, with a loud word, where it is
    /// not installed.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(public_url: &str, people: &Value, more: &Value) -> anyhow::Result<Option<Self>> {
        if !has("node") {
            return Ok(None);
        }
        if !folder().join("node_modules/oidc-provider").exists() {
            eprintln!("SKIPPED: the sign-on provider is not installed (scripts/install-test-parts installs it)");
            return Ok(None);
        }
        let mut options = json!({ "public_url": public_url, "people": people, "secret": CLIENT_SECRET });
        if let (Some(options), Some(more)) = (options.as_object_mut(), more.as_object()) {
            options.extend(more.clone());
        }
        let mut command = Command::new("node");
        command.arg("provider.mjs").arg(options.to_string()).current_dir(folder());
        // What it calls is the MetroSOC of this test, whose root it cannot know before that one starts.
        command.env("NODE_TLS_REJECT_UNAUTHORIZED", "0").env("NO_PROXY", "localhost");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Child::start(&mut command)?;
        let stdin = process.0.stdin.take().context("standard input")?;
        let stdout = BufReader::new(process.0.stdout.take().context("standard output")?);
        let mut provider = Self { _process: process, stdin, stdout, issuer: String::new() };
        provider.issuer = provider.wait_for("ready ")?;
        Ok(Some(provider))
    }

    /// Its issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Makes it use other keys from now on.
    ///
    /// # Errors
    /// When it has ended.
    pub fn rotate(&mut self) -> anyhow::Result<()> {
        writeln!(self.stdin, "rotate")?;
        self.wait_for("rotated").map(|_| ())
    }

    /// Makes it tell over the back channel that a person signed out.
    ///
    /// # Errors
    /// When it has ended.
    pub fn log_out(&mut self, subject: &str) -> anyhow::Result<()> {
        writeln!(self.stdin, "logout {subject}")?;
        self.wait_for("told").map(|_| ())
    }

    /// An access token of the client `lgsp` for an audience (client credentials).
    ///
    /// # Errors
    /// When it gives none.
    pub fn access_token(&self, audience: &str) -> anyhow::Result<String> {
        // A second start within one process keeps the first provider, which is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::blocking::Client::builder().no_proxy().build()?;
        let encoded = |text: &str| text.replace('\'', "%27").replace(',', "%2C").replace(' ', "%20");
        let form =
            format!("grant_type=client_credentials&resource={}", audience.replace(':', "%3A").replace('/', "%2F"));
        let request = client.post(format!("{}/token", self.issuer)).basic_auth("lgsp", Some(encoded(CLIENT_SECRET)));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer: Value = serde_json::from_slice(&request.send()?.bytes()?)?;
        let token = answer.get("access_token").and_then(Value::as_str).map(str::to_owned);
        token.with_context(|| format!("no access token: {answer}"))
    }

    fn wait_for(&mut self, word: &str) -> anyhow::Result<String> {
        loop {
            let mut line = String::new();
            anyhow::ensure!(self.stdout.read_line(&mut line)? > 0, "the sign-on provider ended before `{word}`");
            if let Some(rest) = line.trim_end().strip_prefix(word) {
                return Ok(rest.to_owned());
            }
        }
    }
}

/// What a walk through redirects and the provider's forms came to.
#[derive(Debug)]
pub struct Walk {
    /// The last address.
    pub url: String,
    /// The browser's cookies then.
    pub cookies: BTreeMap<String, String>,
    /// Every `Set-Cookie` on the way.
    pub set: Vec<String>,
}

/// Walks from `url` as the person `login`, with `cookies`, up to an address that contains `stop`.
///
/// # Errors
/// When the walk cannot be made.
pub fn walk(
    roots: &std::path::Path,
    url: &str,
    login: &str,
    stop: Option<&str>,
    cookies: &BTreeMap<String, String>,
) -> anyhow::Result<Walk> {
    let asked = json!({ "url": url, "login": login, "cookies": cookies, "stop": stop });
    let mut command = Command::new("node");
    command.arg("visit.mjs").arg(asked.to_string()).current_dir(folder());
    command.env("NODE_EXTRA_CA_CERTS", roots).env("NO_PROXY", "localhost");
    let answer: Value = serde_json::from_slice(&run(&mut command)?.stdout)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let part = |name: &str| answer.get(name).with_context(|| format!("no `{name}`: {answer}"));
    let cookies = part("cookies")?.as_object().context("cookies")?;
    Ok(Walk {
        url: text(part("url")?),
        cookies: cookies.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        set: part("set")?.as_array().context("set")?.iter().map(text).collect(),
    })
}

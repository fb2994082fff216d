//! Asks MetroSOC for decisions and has records masked; see ../README.md.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use reqwest::blocking::Client;
use serde_json::{Value, json};

/// Most records of one batch.
const BATCH_RECORDS: usize = 500;
/// What it ends with when the answer is a denial.
const DENIED: u8 = 77;
/// Obligations that this client hands to its user.
const KNOWN_OBLIGATIONS: [&str; 2] = ["mask", "filter"];

/// The service at one address, asked as one machine.
struct Service {
    client: Client,
    server: String,
    token: Option<String>,
}

impl Service {
    fn new(options: &Options) -> anyhow::Result<Self> {
        // A second start within one process keeps the first provider, which is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = reqwest::Certificate::from_pem_bundle(&std::fs::read(options.needed("ca")?)?)?;
        let mut builder = Client::builder().tls_certs_only(roots).no_proxy();
        if let Some(file) = options.one("identity") {
            builder = builder.identity(reqwest::Identity::from_pem(&std::fs::read(file)?)?);
        }
        let token = options.one("token-file").map(std::fs::read_to_string).transpose()?;
        Ok(Self {
            client: builder.build()?,
            server: options.needed("server")?.trim_end_matches('/').to_owned(),
            token: token.map(|token| token.trim().to_owned()),
        })
    }

    fn post(&self, path: &str, content_type: &str, body: Vec<u8>) -> anyhow::Result<String> {
        let mut request = self.client.post(format!("{}{path}", self.server)).header("content-type", content_type);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.body(body).send()?;
        let status = response.status();
        let text = response.text()?;
        ensure!(status.is_success(), "{status}: {text}");
        Ok(text)
    }

    /// One decision of AuthZEN 1.0. Obligations that are not known make it a denial.
    fn evaluate(&self, options: &Options) -> anyhow::Result<Value> {
        let mut properties = json!({ "fields": options.many("field") });
        if let (Some(agency), Some(map)) = (options.one("agency"), properties.as_object_mut()) {
            map.insert("agency".to_owned(), agency.into());
        }
        let request = json!({
            "subject": { "type": "user", "id": options.needed("subject")? },
            "action": { "name": options.needed("action")? },
            "resource": {
                "type": options.needed("resource")?, "id": options.one("id").unwrap_or("*"), "properties": properties,
            },
            "context": { "purpose": options.one("purpose").unwrap_or_default() },
        });
        let text = self.post("/access/v1/evaluation", "application/json", request.to_string().into_bytes())?;
        let answer: Value = serde_json::from_str(&text)?;
        let obligations = answer.pointer("/context/obligations").and_then(Value::as_array).cloned();
        let known =
            |one: &Value| one.get("type").and_then(Value::as_str).is_some_and(|kind| KNOWN_OBLIGATIONS.contains(&kind));
        if obligations.unwrap_or_default().iter().all(known) {
            return Ok(answer);
        }
        Ok(json!({ "decision": false, "context": { "reason": "unknown obligations" } }))
    }

    /// Records of NDJSON from `records`, masked ones to `out`, batch by batch.
    fn mask(&self, options: &Options, records: impl BufRead, mut out: impl Write) -> anyhow::Result<()> {
        let mut query = Vec::new();
        for name in ["dataset", "purpose", "subject", "role", "agency"] {
            // Ids of the policy are plain words: nothing in them needs another writing.
            query.extend(options.one(name).map(|value| format!("{name}={value}")));
        }
        let path = format!("/api/v1/mask?{}", query.join("&"));
        let (mut batch, mut held, mut done) = (Vec::new(), 0, 0);
        for line in records.split(b'\n') {
            let line = line?;
            if !line.trim_ascii().is_empty() {
                batch.extend_from_slice(&line);
                batch.push(b'\n');
                held += 1;
            }
            if held == BATCH_RECORDS {
                self.batch(&path, &mut batch, done, &mut out)?;
                (held, done) = (0, done + held);
            }
        }
        self.batch(&path, &mut batch, done, &mut out)
    }

    fn batch(&self, path: &str, batch: &mut Vec<u8>, done: usize, out: &mut impl Write) -> anyhow::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let body = std::mem::take(batch);
        let masked = self.post(path, "application/x-ndjson", body);
        out.write_all(masked.with_context(|| format!("behind record {done}"))?.as_bytes())?;
        Ok(())
    }
}

/// `--name value`, each name as often as it is given.
struct Options(HashMap<String, Vec<String>>);

impl Options {
    fn read(arguments: impl Iterator<Item = String>) -> anyhow::Result<(Vec<String>, Self)> {
        let (mut words, mut options) = (Vec::new(), HashMap::<String, Vec<String>>::new());
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.strip_prefix("--") {
                Some(name) => {
                    let value = arguments.next().with_context(|| format!("`--{name}` needs a value"))?;
                    options.entry(name.to_owned()).or_default().push(value);
                }
                None => words.push(argument),
            }
        }
        Ok((words, Self(options)))
    }

    fn many(&self, name: &str) -> &[String] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.many(name).first().map(String::as_str)
    }

    fn needed(&self, name: &str) -> anyhow::Result<&str> {
        self.one(name).with_context(|| format!("`--{name}` is missing"))
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let (words, options) = Options::read(std::env::args().skip(1))?;
    let service = Service::new(&options)?;
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["evaluate"] => {
            let answer = service.evaluate(&options)?;
            writeln!(std::io::stdout(), "{answer:#}")?;
            let allowed = answer.get("decision") == Some(&Value::Bool(true));
            Ok(if allowed { ExitCode::SUCCESS } else { ExitCode::from(DENIED) })
        }
        ["mask"] => {
            service.mask(&options, std::io::stdin().lock(), std::io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("say `evaluate` or `mask`"),
    }
}

//! `metrosoc import`: put files into the index as a site's source.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use collector::file::{self, FileSettings};
use event::SiteId;
use reqwest::Method;
use serde_json::{Value, json};

use super::Context;
use crate::api::import::encode;
use crate::api::problem;
use crate::client::Client;
use crate::exit::{Failure, Status};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads plain logs, NDJSON, EVTX, and .gz or .zst of them, told apart by content; `-` is standard input.
Examples:
  metrosoc import /var/log/auth.log.1 /var/log/auth.log.2.gz
  metrosoc import --site hcm-q1-p-bennghe Security.evtx"
)]
pub struct Arguments {
    /// The registered site that the files come from
    #[arg(long, default_value = "local")]
    site: SiteId,
    /// Files to read
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Bytes of records in one request.
const REQUEST_BYTES: usize = 4 * 1024 * 1024;

#[derive(Default)]
struct Sent {
    records: u64,
    next: Option<u64>,
    faults: u64,
    /// Records of which only the beginning was kept.
    cut: u64,
}

pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let mut sent = Sent::default();
    let mut failed = 0_usize;
    for path in &arguments.files {
        let (before, whole) = (sent.records, sent.cut);
        if let Err(error) = import(&client, &arguments.site, path, context, &mut sent).await {
            if error.downcast_ref::<Failure>().is_some() {
                return Err(error);
            }
            context.output.say(format!("metrosoc: {error:#}"));
            failed += 1;
        }
        context.output.say(format!("{}: {} records", path.display(), sent.records - before));
        if sent.cut > whole {
            let cut = sent.cut - whole;
            context.output.say(format!("{}: of {cut} of them only the beginning is kept", path.display()));
        }
    }
    if let Some(next) = sent.next {
        wait_until_searchable(&client, next).await?;
    }
    let answer = json!({ "records": sent.records, "cut": sent.cut, "faults": sent.faults, "files_failed": failed });
    context.output.print(&answer, |_| format!("{} records imported and searchable\n", sent.records))?;
    match failed {
        0 => Ok(()),
        _ => Err(Failure::new(
            Status::BadData,
            format!("{failed} of {} files could not be read whole", arguments.files.len()),
        )
        .into()),
    }
}

async fn import(client: &Client, site: &SiteId, path: &Path, context: &Context, sent: &mut Sent) -> anyhow::Result<()> {
    let reader = file::open(path, &FileSettings::default()).with_context(|| format!("`{}`", path.display()))?;
    let name = path.file_name().map_or_else(|| "stdin".into(), |name| name.to_string_lossy().into_owned());
    let mut body = Vec::with_capacity(REQUEST_BYTES);
    let mut last_fault = None;
    for record in reader {
        match record {
            Ok(record) => {
                sent.cut += u64::from(record.truncated);
                encode(&record, &mut body);
            }
            Err(error) => {
                sent.faults += 1;
                context.output.say(format!("metrosoc: {error}"));
                last_fault = Some(error);
            }
        }
        if body.len() >= REQUEST_BYTES {
            send(client, site, &name, std::mem::take(&mut body), sent).await?;
            body.reserve(REQUEST_BYTES);
        }
    }
    if !body.is_empty() {
        send(client, site, &name, body, sent).await?;
    }
    match last_fault {
        Some(error) => Err(anyhow::Error::new(error).context(format!("`{}`", path.display()))),
        None => Ok(()),
    }
}

async fn send(client: &Client, site: &SiteId, name: &str, body: Vec<u8>, sent: &mut Sent) -> anyhow::Result<()> {
    loop {
        let request = client
            .request(Method::POST, "/api/v1/import")
            .query(&[("site", site.as_str()), ("name", name)])
            .header("content-type", crate::api::import::MEDIA_TYPE)
            .body(body.clone());
        let answer: Value = match crate::client::answer(request).await {
            Ok(answer) => answer,
            Err(error) if is_full(&error) => {
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        sent.records += answer.get("records").and_then(Value::as_u64).unwrap_or(0);
        sent.next = answer.get("next").and_then(Value::as_u64).or(sent.next);
        return Ok(());
    }
}

fn is_full(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failure>().is_some_and(|failure| failure.kind == problem::kind(problem::SPOOL_FULL))
}

async fn wait_until_searchable(client: &Client, next: u64) -> anyhow::Result<()> {
    loop {
        let answer: Value = client.get("/api/v1/import/position").await?;
        if answer.get("searchable").and_then(Value::as_u64).unwrap_or(0) >= next {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

//! A site that ships over HTTPS: batches to `_bulk` or as NDJSON, each sent again until the platform has it.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, timeout_at};

use super::Shared;
use super::backoff::Backoff;
use crate::dice::Dice;
use crate::entry::Entry;
use crate::site::{Site, Via};

/// Most records of a batch.
const BATCH_MAX: usize = 200;
/// How long the first record of a batch waits for others.
const LINGER: Duration = Duration::from_millis(700);

/// Runs until the queue is closed and empty, or all is told to stop.
pub(super) async fn serve(shared: &Shared, site: &Site, mut queue: Receiver<Entry>, dice: Dice) {
    let mut backoff = Backoff::new(dice);
    loop {
        let batch = tokio::select! {
            () = shared.stop.cancelled() => return,
            batch = gather(&mut queue) => batch,
        };
        if batch.is_empty() {
            return;
        }
        let refused = loop {
            match post(shared, site, &batch).await {
                Ok(refused) => break refused,
                Err(error) => shared.failed(site, &error),
            }
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = sleep(backoff.pause()) => {}
            }
        };
        backoff.reset();
        shared.sent(batch.len().saturating_sub(refused));
        if refused > 0 {
            // These will never be taken; sent again they would hold up the others.
            shared.dropped(refused);
            shared.failed(site, &anyhow::anyhow!("the platform refused {refused} documents of {}", batch.len()));
        }
    }
}

/// The next batch; empty when the queue is closed.
async fn gather(queue: &mut Receiver<Entry>) -> Vec<Entry> {
    let mut batch = Vec::new();
    let Some(first) = queue.recv().await else { return batch };
    batch.push(first);
    let end = Instant::now() + LINGER;
    while batch.len() < BATCH_MAX {
        match timeout_at(end, queue.recv()).await {
            Ok(Some(entry)) => batch.push(entry),
            Ok(None) | Err(_) => break,
        }
    }
    batch
}

/// The body of a batch and the path that it goes to.
fn body(site: &Site, batch: &[Entry]) -> (&'static str, String) {
    let mut text = String::new();
    let mut line = |document: &Value| {
        text.push_str(&document.to_string());
        text.push('\n');
    };
    let bulk = site.via == Via::Bulk;
    for entry in batch {
        if bulk {
            line(&json!({ "create": { "_index": "metronet" } }));
        }
        line(&entry.document());
    }
    (if bulk { "/_bulk" } else { "/api/v1/ingest" }, text)
}

/// Sends a batch and gives the number of documents that the platform refused for good.
async fn post(shared: &Shared, site: &Site, batch: &[Entry]) -> anyhow::Result<usize> {
    let (path, body) = body(site, batch);
    let url = format!("https://{}:{}{path}", shared.platform.host, shared.platform.ports.https);
    let request = shared.http.post(url).query(&[("site", site.id.as_str())]).bearer_auth(&shared.platform.token);
    let answer = request.header("content-type", "application/x-ndjson").body(body).send().await.context("sending")?;
    let status = answer.status();
    let answer = answer.text().await.context("reading the answer")?;
    anyhow::ensure!(status == StatusCode::OK, "the platform says {status}: {answer}");
    Ok(refused(&serde_json::from_str(&answer).context("the platform's answer")?))
}

/// Items of a `_bulk` answer that have an error.
fn refused(answer: &Value) -> usize {
    let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter(|item| item.get("create").is_some_and(|item| item.get("error").is_some())).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted() {
        let answer = json!({ "errors": true, "items": [
            { "create": { "status": 201 } },
            { "create": { "status": 400, "error": { "type": "mapper_parsing_exception" } } },
        ] });
        assert_eq!(refused(&answer), 1);
        assert_eq!(refused(&json!({ "accepted": 3 })), 0);
    }
}

//! Elasticsearch's `_bulk`, item by item, and what its clients ask before. Answered when the records are durable.
//!
//! An item with an `_id` is stored once: sent again, `create` is a conflict, as in Elasticsearch, and `index` changes nothing.
//! Items without one are stored as often as they are sent.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use collector::source::body::{self, BulkItem, BulkOperation};
use collector::source::identity::{Entry, Identity, Verdict, check, note};
use collector::{Format, Record};
use event::{SiteId, Transport};
use serde_json::{Value, json};

use super::App;
use super::caller::Caller;
use super::ingest::{self, IngestQuery};
use super::problem::{self, Problem};

/// The version that is told to clients which ask: the newest whose `_bulk` this is like.
const VERSION: &str = "9.1.3";
/// The header by which clients know that they speak to what they were made for.
const PRODUCT: (&str, &str) = ("x-elastic-product", "Elasticsearch");
/// Most bytes of a problem.
const PROBLEM_BYTES_MAX: usize = 64 * 1024;
/// The media type that newer clients ask for.
const COMPATIBLE: &str = "application/vnd.elasticsearch+json";

/// `GET /es/`: what a client asks first.
pub async fn about(_: Caller, headers: HeaderMap) -> Response {
    let body = json!({
        "name": "metrosoc", "cluster_name": "metrosoc", "cluster_uuid": "metrosoc",
        "version": {
            "number": VERSION, "build_flavor": "default", "lucene_version": "10.2.2",
            "minimum_wire_compatibility_version": "8.19.0", "minimum_index_compatibility_version": "8.0.0",
        },
        "tagline": "You Know, for Search",
    });
    answer(&headers, body)
}

/// Turns a problem into what clients of Elasticsearch read; a spool without room into the status at which they wait.
pub async fn in_their_words(response: Response) -> Response {
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    if !is_problem {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, PROBLEM_BYTES_MAX).await.unwrap_or_default();
    let about: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let kind = about.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind == problem::kind(problem::SPOOL_FULL) {
        parts.status = StatusCode::TOO_MANY_REQUESTS;
    }
    let word = match parts.status.as_u16() {
        401 | 403 => "security_exception",
        429 => "es_rejected_execution_exception",
        _ => "illegal_argument_exception",
    };
    let cause = json!({ "type": word, "reason": about.get("detail") });
    let body = json!({ "error": { "root_cause": [cause], "type": word, "reason": about.get("detail") }, "status": parts.status.as_u16(), "type": kind });
    for name in [CONTENT_TYPE, CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    (parts.status, parts.headers, [PRODUCT], Json(body)).into_response()
}

/// `POST /_bulk`
pub async fn bulk(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<IngestQuery>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    take(&app, &caller, query.site(), None, &bytes).await.map(|body| answer(&headers, body))
}

/// `POST /{index}/_bulk`
pub async fn bulk_into(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(index): Path<String>,
    Query(query): Query<IngestQuery>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    take(&app, &caller, query.site(), Some(&index), &bytes).await.map(|body| answer(&headers, body))
}

/// An answer in the media type that the client asked for: newer clients refuse another.
fn answer(headers: &HeaderMap, body: Value) -> Response {
    let accepted = headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wanted = accepted.split(',').map(str::trim).find(|kind| kind.starts_with(COMPATIBLE));
    let kind = wanted.unwrap_or("application/json").to_owned();
    ([PRODUCT], [(CONTENT_TYPE, kind)], Json(body).into_response().into_body()).into_response()
}

async fn take(
    app: &Arc<App>,
    caller: &Caller,
    site: Option<&SiteId>,
    index: Option<&str>,
    bytes: &Bytes,
) -> Result<Value, Problem> {
    let started = app.clock.now();
    let origin = ingest::origin(app, caller, site, Transport::Http)?;
    let items = body::bulk(bytes, app.loaded.config.syslog.line_bytes_max)
        .map_err(|fault| Problem::bad_request(problem::chain(&fault)))?;
    let whose = [caller.subject.name.as_str().as_bytes(), origin.site.as_str().as_bytes()];
    let entries: Vec<Option<Entry>> = items.iter().map(|item| entry(item, index, whose)).collect();
    let (verdicts, claim) = app.identities.claim(entries.iter().flatten().copied().collect());
    let mut verdicts = verdicts.into_iter();
    let (mut records, mut answers, mut errors) =
        (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()), false);
    for (item, entry) in items.iter().zip(&entries) {
        let verdict = entry.and_then(|_| verdicts.next()).unwrap_or(Verdict::Fresh);
        let said = say(item, verdict);
        if let (Ok(document), 201) = (&item.document, said.status) {
            let record = Record::new(Arc::clone(&origin), started, bytes.slice_ref(document)).with_format(Format::Json);
            records.push(Record { dedupe: entry.map(|entry| note(&[entry])), ..record });
        }
        errors |= said.status >= 300;
        answers.push(json!({ item.operation.as_str(): said.answer(item, index) }));
    }
    ingest::store(app, &origin, records).await?;
    claim.stored();
    let took = u64::try_from(app.clock.now().since(started).as_millis()).unwrap_or(u64::MAX);
    Ok(json!({ "took": took, "errors": errors, "items": answers }))
}

/// The identity of an item that can be stored and has an `_id`: the sender's, in its site and index.
fn entry(item: &BulkItem<'_>, index: Option<&str>, [who, site]: [&[u8]; 2]) -> Option<Entry> {
    let (id, document) = (item.id.as_ref()?, item.document.as_ref().ok()?);
    let index = item.index.as_deref().or(index).unwrap_or_default();
    let identity = Identity::of(&[b"bulk", who, site, index.as_bytes(), id.as_bytes()]);
    Some(Entry::new(identity, check(document)))
}

/// What is said of one item.
struct Said {
    status: u16,
    result: &'static str,
    /// Kind and reason of an error.
    error: Option<(&'static str, String)>,
}

fn say(item: &BulkItem<'_>, verdict: Verdict) -> Said {
    let refused = |status, kind, reason: String| Said { status, result: "", error: Some((kind, reason)) };
    if let Err(fault) = &item.document {
        return refused(fault.status(), fault.kind(), fault.to_string());
    }
    let id = item.id.as_deref().unwrap_or_default();
    match (verdict, item.operation) {
        (Verdict::Fresh, _) => Said { status: 201, result: "created", error: None },
        (Verdict::Same, BulkOperation::Index) => Said { status: 200, result: "noop", error: None },
        (Verdict::Same, _) => refused(
            409,
            "version_conflict_engine_exception",
            format!("[{id}]: version conflict, document already exists"),
        ),
        (Verdict::Other(_), _) => refused(
            409,
            "version_conflict_engine_exception",
            format!("[{id}]: another document has this `_id`; records are never changed or removed"),
        ),
        (Verdict::Busy, _) => refused(
            429,
            "es_rejected_execution_exception",
            format!("[{id}]: a document with this `_id` is being stored; send it again"),
        ),
    }
}

impl Said {
    fn answer(self, item: &BulkItem<'_>, index: Option<&str>) -> Value {
        let index = item.index.as_deref().or(index);
        match self.error {
            None => json!({
                "_index": index, "_id": item.id, "_version": 1, "result": self.result, "status": self.status,
            }),
            Some((kind, reason)) => json!({
                "_index": index, "_id": item.id, "status": self.status, "error": { "type": kind, "reason": reason },
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_again_is_said_as_elasticsearch_does() {
        let items = body::bulk(b"{\"create\":{\"_id\":\"a\"}}\n{}\n{\"index\":{\"_id\":\"a\"}}\n{}\n", 10).unwrap();
        for (verdict, create, index) in [
            (Verdict::Fresh, 201, 201),
            (Verdict::Same, 409, 200),
            (Verdict::Other(1), 409, 409),
            (Verdict::Busy, 429, 429),
        ] {
            assert_eq!(
                (say(&items[0], verdict).status, say(&items[1], verdict).status),
                (create, index),
                "{verdict:?}"
            );
        }
        let whose = [&b"shipper"[..], b"hcm-a"];
        assert_eq!(entry(&items[0], None, whose), entry(&items[1], None, whose));
        assert_ne!(entry(&items[0], Some("logs"), whose), entry(&items[0], None, whose));
        assert_ne!(entry(&items[0], None, [b"other", b"hcm-a"]), entry(&items[0], None, whose));
    }

    #[test]
    fn the_media_type_is_the_one_asked_for() {
        let kind = |accept: &'static str| {
            let headers =
                HeaderMap::from_iter([(axum::http::header::ACCEPT, axum::http::HeaderValue::from_static(accept))]);
            answer(&headers, Value::Null).headers()[CONTENT_TYPE].to_str().unwrap().to_owned()
        };
        assert_eq!(
            kind("application/vnd.elasticsearch+json;compatible-with=9"),
            "application/vnd.elasticsearch+json;compatible-with=9"
        );
        assert_eq!(kind("*/*"), "application/json");
    }
}

//! Files that `metrosoc import` reads on its side and sends as records.
//!
//! The body is a row of records: one byte for the form (its highest bit: only the beginning is here), four bytes
//! (big-endian) for the length, the bytes.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use collector::file::FileRecord;
use collector::{Format, Record};
use event::{KnownBy, Object, Operation, SiteId, Transport};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::caller::Caller;
use super::ingest::refused;
use super::problem::Problem;

/// Media type of the body.
pub const MEDIA_TYPE: &str = "application/vnd.metrosoc.records";

const HEAD_BYTES: usize = 5;
/// The bit of the first byte that says that the record was cut at the bound.
const TRUNCATED: u8 = 0x80;
const FORMATS: [(u8, Format); 4] =
    [(1, Format::Syslog), (2, Format::Json), (3, Format::WindowsXmlJson), (4, Format::Line)];

/// What stands behind `?`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportQuery {
    site: SiteId,
    name: String,
}

/// Adds one record to a body.
pub fn encode(record: &FileRecord, body: &mut Vec<u8>) {
    let code = FORMATS.iter().find(|(_, format)| *format == record.format).map_or(0, |(code, _)| *code);
    body.push(if record.truncated { code | TRUNCATED } else { code });
    // Files' records are bounded far below 4 GiB.
    body.extend_from_slice(&u32::try_from(record.bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    body.extend_from_slice(&record.bytes);
}

/// Splits a body into records, each with whether it was cut; `None` when a length points behind its end or a form is
/// unknown.
pub fn decode(body: &Bytes) -> Option<Vec<(Format, Bytes, bool)>> {
    let mut records = Vec::new();
    let mut rest = body.clone();
    while !rest.is_empty() {
        let (&code, length) = rest.get(..HEAD_BYTES)?.split_first()?;
        let (_, format) = FORMATS.iter().find(|(known, _)| *known == code & !TRUNCATED)?;
        let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
        let end = HEAD_BYTES.checked_add(length)?;
        if end > rest.len() {
            return None;
        }
        records.push((*format, rest.slice(HEAD_BYTES..end), code & TRUNCATED != 0));
        rest = rest.slice(end..);
    }
    Some(records)
}

/// `POST /api/v1/import?site=ID&name=FILE`: answered when the records are durable.
pub async fn import(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ImportQuery>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Write, Object::Ingest, "")?;
    let parts = decode(&body).ok_or_else(|| Problem::bad_request(format!("the body is not `{MEDIA_TYPE}`")))?;
    let origin = app
        .sites
        .by_id(&query.site)
        .map(|_| ())
        .or_else(|| (query.site == SiteId::local()).then_some(()))
        .map(|()| app.attribution.origin_for_site(&query.site, KnownBy::Operator, Transport::Import, None))
        .ok_or_else(|| Problem::not_found(format!("no site `{}`; `metrosoc site list` shows them", query.site)))?;
    let received = app.clock.now();
    let records: Vec<Record> = parts
        .into_iter()
        .map(|(format, bytes, truncated)| {
            let record = Record::new(Arc::clone(&origin), received, bytes).with_format(format);
            Record { truncated, ..record }
        })
        .collect();
    let count = records.len();
    app.record(&caller, "import", &format!("site:{}", query.site), json!({ "file": query.name, "records": count }))
        .await?;
    if records.is_empty() {
        return Ok(Json(json!({ "records": 0, "next": null })));
    }
    let bytes = records.iter().map(|record| record.bytes.len()).sum();
    let accepted = app.intake.submit(records).await.map_err(|error| refused(&error))?;
    app.attribution.stored(&origin, count, bytes);
    Ok(Json(json!({ "records": accepted.count, "next": accepted.first.0 + accepted.count as u64 })))
}

/// `GET /api/v1/import/position`: every event below it is searchable.
pub async fn position(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Write, Object::Ingest, "")?;
    let searchable = app.index.position().map_or(0, |id| app.passed.searchable(id).0);
    Ok(Json(json!({ "searchable": searchable, "received": app.spool.next_id().0 })))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_length_of_four_billion_is_refused() {
        assert!(decode(&Bytes::from_static(&[4, 255, 255, 255, 255, 1])).is_none());
        assert!(decode(&Bytes::from_static(&[4, 0, 0])).is_none());
        assert!(decode(&Bytes::from_static(&[9, 0, 0, 0, 0])).is_none());
    }

    #[test]
    fn what_was_cut_is_told() {
        let record = |truncated| FileRecord { bytes: Bytes::from_static(b"ab"), format: Format::Line, truncated };
        let mut body = Vec::new();
        encode(&record(true), &mut body);
        encode(&record(false), &mut body);
        let found = decode(&Bytes::from(body)).unwrap();
        assert_eq!(found.iter().map(|(_, _, truncated)| *truncated).collect::<Vec<_>>(), [true, false]);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(body in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&Bytes::from(body));
        }
    }
}

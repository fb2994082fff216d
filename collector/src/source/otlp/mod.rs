//! OpenTelemetry logs (OTLP 1): a request becomes one JSON document a log record, in ECS names.
//!
//! A record keeps every attribute under the sender's own name too. What carries the bytes, gRPC or HTTP, is not known here.
//! OTLP gives a record no identity: it is at-least-once, and a request that is sent again is stored again.

mod answer;
mod grpc;
mod names;
mod wire;

#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use event::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use serde_json::{Map, Value};
use thiserror::Error;

pub use answer::{answer_json, answer_protobuf, status};
pub use grpc::{GrpcFault, frame, message};

/// Most log records of one request.
pub const RECORDS_MAX: usize = 100_000;
/// Most bytes of the documents of one request: each carries what all records of a resource share.
pub const DOCUMENTS_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Deepest nesting of an attribute's value; what lies deeper is left out.
const DEPTH_MAX: usize = 16;

/// Why a request cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OtlpFault {
    /// It is no protobuf message of this kind.
    #[error("the body is no `ExportLogsServiceRequest` in protobuf: {0}")]
    Protobuf(String),
    /// It is no JSON of this kind.
    #[error("the body is no `ExportLogsServiceRequest` in JSON: {0}")]
    Json(String),
    /// It is said to be something else.
    #[error("a request is `application/x-protobuf` or `application/json`, not `{0}`")]
    Kind(String),
    /// More than a request may hold.
    #[error("more than {RECORDS_MAX} log records in one request; send fewer at a time")]
    TooMany,
    /// The documents are larger together than a request may be.
    #[error(
        "the log records with the attributes of their resources are longer than {DOCUMENTS_BYTES_MAX} bytes; send fewer at a time"
    )]
    TooLarge,
}

/// The log records of a request.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct OtlpLogs {
    /// One JSON document a record, in order.
    pub documents: Vec<Bytes>,
    /// How many records were refused because their document is longer than the bound.
    pub refused: u64,
}

/// Reads a request in protobuf; documents may have `document_bytes_max` bytes.
///
/// # Errors
/// When it is none, or holds too many records; they are counted before anything is made of them.
pub fn from_protobuf(body: &[u8], document_bytes_max: usize) -> Result<OtlpLogs, OtlpFault> {
    if wire::records(body) > RECORDS_MAX {
        return Err(OtlpFault::TooMany);
    }
    let request = ExportLogsServiceRequest::decode(body).map_err(|error| OtlpFault::Protobuf(error.to_string()))?;
    documents(&request, document_bytes_max)
}

/// Reads a request in OTLP's JSON form, as [`from_protobuf`].
///
/// # Errors
/// When it is none, or holds too many records.
pub fn from_json(body: &[u8], document_bytes_max: usize) -> Result<OtlpLogs, OtlpFault> {
    if !body.trim_ascii_start().starts_with(b"{") {
        // An array would be read as the fields of the request in their order.
        return Err(OtlpFault::Json("an object was expected".to_owned()));
    }
    let request: ExportLogsServiceRequest =
        serde_json::from_slice(body).map_err(|error| OtlpFault::Json(error.to_string()))?;
    documents(&request, document_bytes_max)
}

fn documents(request: &ExportLogsServiceRequest, document_bytes_max: usize) -> Result<OtlpLogs, OtlpFault> {
    let mut logs = OtlpLogs::default();
    let mut bytes = 0;
    for resource_logs in &request.resource_logs {
        let resource =
            resource_logs.resource.as_ref().map(|resource| resource.attributes.as_slice()).unwrap_or_default();
        for scope_logs in &resource_logs.scope_logs {
            if logs.documents.len() + scope_logs.log_records.len() > RECORDS_MAX {
                return Err(OtlpFault::TooMany);
            }
            for record in &scope_logs.log_records {
                let document = document(resource, scope_logs.scope.as_ref(), record);
                bytes += document.len();
                if bytes > DOCUMENTS_BYTES_MAX {
                    return Err(OtlpFault::TooLarge);
                }
                if document.len() > document_bytes_max {
                    logs.refused += 1;
                } else {
                    logs.documents.push(document.into());
                }
            }
        }
    }
    Ok(logs)
}

/// The document of one record. The first to set a name keeps it: the record itself, its attributes, then its resource.
fn document(resource: &[KeyValue], scope: Option<&InstrumentationScope>, record: &LogRecord) -> Vec<u8> {
    let mut fields = Map::new();
    let happened = [record.time_unix_nano, record.observed_time_unix_nano].into_iter().find(|nanos| *nanos > 0);
    set_time("@timestamp", happened.unwrap_or(0), &mut fields);
    set_time("event.created", record.observed_time_unix_nano, &mut fields);
    if let Some(body) = record.body.as_ref().map(|body| plain(body, 0)) {
        let message = match body {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        set("message", Value::String(message), &mut fields);
    }
    let level = match record.severity_text.as_str() {
        "" => names::level(record.severity_number).to_owned(),
        text => text.to_owned(),
    };
    set("log.level", Value::String(level), &mut fields);
    if record.severity_number > 0 {
        set("event.severity", record.severity_number.into(), &mut fields);
    }
    set("event.action", Value::String(record.event_name.clone()), &mut fields);
    for (name, id, length) in [("trace.id", &record.trace_id, 16), ("span.id", &record.span_id, 8)] {
        // An id of zeros is none.
        if id.len() == length && id.iter().any(|byte| *byte != 0) {
            set(name, Value::String(hex::encode(id)), &mut fields);
        }
    }
    attributes(&record.attributes, &mut fields);
    if let Some(scope) = scope {
        set("log.logger", Value::String(scope.name.clone()), &mut fields);
        set("otel.scope.name", Value::String(scope.name.clone()), &mut fields);
        set("otel.scope.version", Value::String(scope.version.clone()), &mut fields);
        attributes(&scope.attributes, &mut fields);
    }
    attributes(resource, &mut fields);
    if record.dropped_attributes_count > 0 {
        set("otel.dropped_attributes_count", record.dropped_attributes_count.into(), &mut fields);
    }
    // A map of strings to JSON can always be written.
    serde_json::to_vec(&fields).unwrap_or_default()
}

/// Attributes under their own names, and under ECS's where that has another.
fn attributes(from: &[KeyValue], fields: &mut Map<String, Value>) {
    for KeyValue { key, value, .. } in from {
        let Some(value) = value.as_ref().map(|value| plain(value, 0)) else { continue };
        if let Some(name) = names::ecs(key) {
            set(name, value.clone(), fields);
        }
        if let (Some(name), Value::String(text)) = (names::address(key), &value)
            && text.parse::<std::net::IpAddr>().is_ok()
        {
            set(name, value.clone(), fields);
        }
        set(key, value, fields);
    }
}

/// Sets a field that has no value yet; empty text and null are none.
fn set(name: &str, value: Value, fields: &mut Map<String, Value>) {
    let empty = value.is_null() || value.as_str() == Some("");
    if !empty && !name.is_empty() && !fields.contains_key(name) {
        fields.insert(name.to_owned(), value);
    }
}

fn set_time(name: &str, nanos: u64, fields: &mut Map<String, Value>) {
    if let Ok(nanos @ 1..) = i64::try_from(nanos) {
        set(name, Value::String(Timestamp::from_nanos(nanos).to_string()), fields);
    }
}

/// A value as JSON; bytes in base64, what is no number of JSON as text.
fn plain(value: &AnyValue, depth: usize) -> Value {
    if depth >= DEPTH_MAX {
        return Value::Null;
    }
    match &value.value {
        None | Some(Any::StringValueStrindex(_)) => Value::Null,
        Some(Any::StringValue(text)) => Value::String(text.clone()),
        Some(Any::BoolValue(truth)) => Value::Bool(*truth),
        Some(Any::IntValue(number)) => Value::from(*number),
        Some(Any::DoubleValue(number)) => {
            serde_json::Number::from_f64(*number).map_or_else(|| Value::String(number.to_string()), Value::Number)
        }
        Some(Any::ArrayValue(list)) => list.values.iter().map(|value| plain(value, depth + 1)).collect(),
        Some(Any::KvlistValue(map)) => {
            let mut inner = Map::new();
            for KeyValue { key, value, .. } in &map.values {
                inner.insert(key.clone(), value.as_ref().map_or(Value::Null, |value| plain(value, depth + 1)));
            }
            Value::Object(inner)
        }
        Some(Any::BytesValue(bytes)) => Value::String(STANDARD.encode(bytes)),
    }
}

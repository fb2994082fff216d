//! What a sender of OTLP is answered: all taken, some refused, or a `google.rpc.Status`.

use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use prost::Message;

/// `google.rpc.Status`, as OTLP gives errors in protobuf.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

fn answer(refused: u64) -> ExportLogsServiceResponse {
    let partial_success = (refused > 0).then(|| ExportLogsPartialSuccess {
        rejected_log_records: i64::try_from(refused).unwrap_or(i64::MAX),
        error_message: format!("{refused} log records are longer than this server takes; the others are stored"),
    });
    ExportLogsServiceResponse { partial_success }
}

/// The answer to a request of which so many records were refused, in protobuf.
pub fn answer_protobuf(refused: u64) -> Vec<u8> {
    answer(refused).encode_to_vec()
}

/// The same in JSON.
pub fn answer_json(refused: u64) -> String {
    match answer(refused).partial_success {
        None => "{}".to_owned(),
        Some(partial) => serde_json::json!({ "partialSuccess": {
            "rejectedLogRecords": partial.rejected_log_records.to_string(), "errorMessage": partial.error_message,
        }})
        .to_string(),
    }
}

/// An error as `google.rpc.Status` in protobuf, with the seconds after which to try again where that helps: without them a
/// sender drops what was refused for want of room (OTLP 1, "throttling").
pub fn status(code: i32, message: &str, retry_after_secs: Option<u64>) -> Vec<u8> {
    let details = retry_after_secs.map(|secs| {
        let delay = Delay { seconds: i64::try_from(secs).unwrap_or(i64::MAX) };
        Detail {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: RetryInfo { retry_delay: Some(delay) }.encode_to_vec(),
        }
    });
    Status { code, message: message.to_owned(), details: details.into_iter().collect() }.encode_to_vec()
}

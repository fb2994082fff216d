//! OTLP log requests in protobuf, in JSON, and in a gRPC frame.
#![no_main]
use collector::source::otlp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for logs in [otlp::from_protobuf(bytes, 4_096), otlp::from_json(bytes, 4_096)].into_iter().flatten() {
        assert!(logs.documents.iter().all(|document| document.len() <= 4_096));
    }
    if let Ok(message) = otlp::message(bytes, Some("gzip"), 65_536) {
        assert!(message.len() <= 65_536);
    }
});

//! Requests, whole and broken, in both forms.

use proptest::prelude::*;

use super::*;

const REQUEST: &str = r#"{"resourceLogs":[{
  "resource":{"attributes":[
    {"key":"service.name","value":{"stringValue":"portal"}},
    {"key":"host.arch","value":{"stringValue":"amd64"}},
    {"key":"process.pid","value":{"intValue":"77"}}]},
  "scopeLogs":[{"scope":{"name":"auth","version":"1.2"},"logRecords":[
    {"timeUnixNano":"1793664000123456789","observedTimeUnixNano":"1793664001000000000","severityNumber":13,
     "severityText":"Warning","body":{"stringValue":"login failed"},
     "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","eventName":"login",
     "attributes":[{"key":"client.address","value":{"stringValue":"2001:db8::7"}},
       {"key":"exception.type","value":{"stringValue":"Denied"}},
       {"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"a"},{"boolValue":true}]}}},
       {"key":"service.name","value":{"stringValue":"of the record"}}]},
    {"observedTimeUnixNano":"1793664001000000000","severityNumber":9,
     "body":{"kvlistValue":{"values":[{"key":"a","value":{"doubleValue":1.5}}]}}}]}]}]}"#;

fn document(logs: &OtlpLogs, at: usize) -> Value {
    serde_json::from_slice(&logs.documents[at]).unwrap()
}

#[test]
fn a_record_becomes_an_ecs_document() {
    let logs = from_json(REQUEST.as_bytes(), 10_000).unwrap();
    assert_eq!((logs.documents.len(), logs.refused), (2, 0));
    let first = document(&logs, 0);
    for (name, expected) in [
        ("@timestamp", serde_json::json!("2026-11-03T00:00:00.123456789Z")),
        ("message", "login failed".into()),
        ("log.level", "Warning".into()),
        ("event.severity", 13.into()),
        ("event.action", "login".into()),
        ("trace.id", "5b8efff798038103d269b633813fc60c".into()),
        ("span.id", "eee19b7ec3c1b174".into()),
        ("source.ip", "2001:db8::7".into()),
        ("client.address", "2001:db8::7".into()),
        ("error.type", "Denied".into()),
        ("exception.type", "Denied".into()),
        ("tags", serde_json::json!(["a", true])),
        ("service.name", "of the record".into()),
        ("host.architecture", "amd64".into()),
        ("process.pid", 77.into()),
        ("log.logger", "auth".into()),
    ] {
        assert_eq!(first[name], expected, "{name} in {first}");
    }
    let second = document(&logs, 1);
    assert_eq!(second["message"], r#"{"a":1.5}"#);
    assert_eq!((&second["log.level"], &second["service.name"]), (&"info".into(), &"portal".into()));
    assert_eq!(second["@timestamp"], "2026-11-03T00:00:01Z");
    assert!(second.get("trace.id").is_none());
}

#[test]
fn protobuf_and_json_say_the_same() {
    let request: ExportLogsServiceRequest = serde_json::from_str(REQUEST).unwrap();
    let bytes = request.encode_to_vec();
    assert_eq!(wire::records(&bytes), 2);
    assert_eq!(from_protobuf(&bytes, 10_000), from_json(REQUEST.as_bytes(), 10_000));
}

#[test]
fn what_is_too_much_is_refused() {
    let logs = from_json(REQUEST.as_bytes(), 400).unwrap();
    assert_eq!((logs.documents.len(), logs.refused), (1, 1));
    // So many empty records: `ResourceLogs { ScopeLogs { … } }`.
    let records = [0x12, 0].repeat(RECORDS_MAX + 1);
    let framed = |field: u8, inner: &[u8]| {
        let mut bytes = vec![field << 3 | 2];
        prost::encode_length_delimiter(inner.len(), &mut bytes).unwrap();
        bytes.extend_from_slice(inner);
        bytes
    };
    let body = framed(1, &framed(2, &records));
    assert_eq!(from_protobuf(&body, 100), Err(OtlpFault::TooMany));
    assert!(matches!(from_protobuf(b"\x0a\xff", 100), Err(OtlpFault::Protobuf(_))));
    for text in [
        "",
        "[]",
        "{\"resourceLogs\":7}",
        "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"traceId\":\"x\"}]}]}]}",
    ] {
        assert!(matches!(from_json(text.as_bytes(), 100), Err(OtlpFault::Json(_))), "{text}");
    }
}

#[test]
fn what_records_share_is_not_multiplied_without_end() {
    let attribute = |bytes: usize| KeyValue {
        key: "shared".to_owned(),
        value: Some(AnyValue { value: Some(Any::StringValue("x".repeat(bytes))) }),
        ..KeyValue::default()
    };
    let mut request: ExportLogsServiceRequest = serde_json::from_str(REQUEST).unwrap();
    request.resource_logs[0].resource.as_mut().unwrap().attributes.push(attribute(1 << 20));
    request.resource_logs[0].scope_logs[0].log_records = vec![LogRecord::default(); 30];
    assert_eq!(from_protobuf(&request.encode_to_vec(), 4 << 20), Err(OtlpFault::TooLarge));
}

#[test]
fn grpc_frames_come_back() {
    let plain = frame(b"abc");
    assert_eq!(message(&plain, None, 10).unwrap(), &b"abc"[..]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &[b'a'; 1_000]).unwrap();
    let mut gzip = frame(&packed.finish().unwrap()).to_vec();
    gzip[0] = 1;
    assert_eq!(message(&gzip, Some("gzip"), 1_000).unwrap().len(), 1_000);
    for (body, encoding, fault) in [
        (&gzip[..], Some("gzip"), GrpcFault::TooLong),
        (&gzip[..], Some("snappy"), GrpcFault::Encoding),
        (&gzip[..], None, GrpcFault::Encoding),
        (b"", None, GrpcFault::Frame),
        (b"\0\0\0\0\x05abc", None, GrpcFault::Frame),
        (b"\0\0\0\0\x01abc", None, GrpcFault::Frame),
        (b"\x02\0\0\0\x03abc", None, GrpcFault::Frame),
        (b"\x01\0\0\0\x03abc", Some("gzip"), GrpcFault::Packed),
    ] {
        assert_eq!(message(body, encoding, 999).unwrap_err(), fault, "{body:?}");
    }
}

#[test]
fn answers_say_what_was_refused() {
    assert_eq!(answer_json(0), "{}");
    assert!(answer_json(2).starts_with(r#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":""#));
    assert!(answer_protobuf(0).is_empty());
    assert!(!answer_protobuf(2).is_empty());
    let detail = status(8, "full", Some(5));
    assert!(detail.windows(20).any(|window| window == b"google.rpc.RetryInfo"));
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in r#"[\{\}\[\]":,a-zA-Z0-9]{0,80}"#) {
        let _ = from_protobuf(&bytes, 1_000);
        let _ = from_json(text.as_bytes(), 1_000);
        let _ = wire::records(&bytes);
        let _ = message(&bytes, Some("gzip"), 1_000);
    }

    #[test]
    fn attributes_come_back(pairs in proptest::collection::btree_map("[a-z]{1,8}\\.[a-z]{1,8}", "[ -~]{1,20}", 0..10)) {
        let attribute = |(key, text): (&String, &String)| KeyValue {
            key: key.clone(),
            value: Some(AnyValue { value: Some(Any::StringValue(text.clone())) }),
            ..KeyValue::default()
        };
        let record = LogRecord { attributes: pairs.iter().map(attribute).collect(), ..LogRecord::default() };
        let document: Value = serde_json::from_slice(&super::document(&[], None, &record)).unwrap();
        for (key, text) in &pairs {
            prop_assert_eq!(document[key].as_str(), Some(text.as_str()));
        }
    }
}

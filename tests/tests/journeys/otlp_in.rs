//! OpenTelemetry's own SDK sends logs over gRPC and HTTP; they are found in ECS's words, under the site that was proved.

use serde_json::json;
use tests::{Role, Server, Setup, python, wait_for};

const SITES: &str = "hcm-otlp,Phường Thử Nghiệm,p-thu-nghiem,dc1,\n";

#[test]
fn the_sdk_sends_over_grpc_and_http() {
    let Some(mut python) = python() else { return };
    let mut server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    server.cli(&["pki", "issue", "hcm-otlp", "--out", &folder.path().display().to_string()]).unwrap();
    std::fs::write(folder.path().join("roots.pem"), server.roots()).unwrap();
    let token = server.token("shipper", Role("machine", None)).unwrap();
    std::fs::write(folder.path().join("token"), token).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();

    python.arg(tests::repository().join("tests/parts/otlp_logs.py")).arg(folder.path());
    python.args([server.port("otlp").to_string(), server.port("https").to_string()]);
    let output = tests::run(&mut python).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let count = |line: &str| said.lines().filter(|said| *said == line).count();
    for (line, expected) in [
        ("grpc SUCCESS", 21),
        ("token SUCCESS", 1),
        ("stranger FAILURE", 1),
        ("http SUCCESS", 21),
        ("nobody FAILURE", 1),
    ] {
        assert_eq!(count(line), expected, "{line} in\n{said}{}", String::from_utf8_lossy(&output.stderr));
    }

    // What was answered is durable: a power cut takes nothing of it.
    server.kill_and_restart().unwrap();
    let lead = tests::Api::new(server.port("https"), server.roots(), lead.token().map(str::to_owned)).unwrap();
    for (via, known_by, expected) in [("grpc", "certificate", 21), ("token", "token", 1), ("http", "token", 21)] {
        let query = format!("via:{via} AND metrosoc.site.id:hcm-otlp AND metrosoc.site.known_by:{known_by}");
        wait_for(&query, 20, || Ok((lead.count(&query)? == expected).then_some(()))).unwrap();
    }
    assert_eq!(lead.count("via:stranger OR via:nobody").unwrap(), 0);
    let answer = lead.search(&json!({ "query": "via:grpc AND number:7" })).unwrap();
    let fields = &answer["hits"][0]["fields"];
    for (name, expected) in [
        ("message", json!("login failed number 7")),
        ("service.name", json!("portal-grpc")),
        ("host.architecture", json!("amd64")),
        ("log.level", json!("WARN")),
        ("log.logger", json!("auth")),
        ("source.ip", json!("2001:db8::77")),
        ("trace.id", json!("5b8efff798038103d269b633813fc60c")),
        ("span.id", json!("eee19b7ec3c1b174")),
        ("metrosoc.transport", json!("otlp")),
    ] {
        assert_eq!(fields[name], expected, "{name} in {fields}");
    }
    assert!(fields["@timestamp"].as_str().unwrap().starts_with("2026-11-03T00:00:00.123456796"), "{fields}");

    // The SDK has no JSON form; its protocol has.
    let record = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [
        { "timeUnixNano": "1793664000000000000", "severityNumber": 17, "body": { "stringValue": "in JSON" } }
    ]}]}]});
    let shipper = server.user("json", Role("machine", None)).unwrap();
    let (status, answer) = shipper.post("/v1/logs?site=hcm-otlp", &record).unwrap();
    assert_eq!((status, answer), (200, json!({})));
    wait_for("the JSON record", 20, || Ok((lead.count("\"in JSON\" AND log.level:error")? == 1).then_some(())))
        .unwrap();
    let (status, problem) = shipper.post("/v1/logs", &json!({ "resourceLogs": 7 })).unwrap();
    assert_eq!((status, &problem["type"]), (400, &json!("/problems/bad-request")));
}

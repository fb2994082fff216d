//! Counts below a threshold, records of other systems, decisions for others: each as the policy says, through the binary.

use std::io::Write as _;
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, repository};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\nhcm-b,Site B,agency-b,dc2,\n";

fn line(address: &str) -> String {
    format!(
        "<86>1 2026-11-03T00:00:01Z srv-1 sshd 10 - - Failed password for invalid user lan from {address} port 22022 ssh2\n"
    )
}

/// 30 events: 15, 12 and 3 from three addresses.
fn counted(config: &str) -> Server {
    let setup = Setup { sites: SITES.to_owned(), config: config.to_owned() };
    let server = Server::start(&setup).unwrap();
    for (site, address, count) in
        [("hcm-a", "203.0.113.1", 12), ("hcm-a", "203.0.113.2", 3), ("hcm-b", "203.0.113.3", 15)]
    {
        let file = server.path(&format!("{address}.log"));
        std::fs::write(&file, line(address).repeat(count)).unwrap();
        server.cli(&["import", "--site", site, &file.display().to_string()]).unwrap();
    }
    server
}

fn ask(api: &Api, query: &str, purpose: &str) -> (u16, Value) {
    let by = json!({ "by": { "terms": { "field": "source.ip" } } });
    api.post("/api/v1/search", &json!({ "query": query, "purpose": purpose, "aggregations": by })).unwrap()
}

fn counts(answer: &Value) -> Vec<u64> {
    let buckets = answer["aggregations"]["by"]["buckets"].as_array().unwrap();
    buckets.iter().map(|bucket| bucket["count"].as_u64().unwrap()).collect()
}

#[test]
fn small_counts_are_withheld_and_differences_with_them() {
    let server = counted("");
    let api = server.user("tu", Role("analyst-tier1", None)).unwrap();
    let (_, exact) = ask(&api, "*", "triage");
    assert_eq!((exact["total"].as_u64(), counts(&exact)), (Some(30), vec![15, 12, 3]), "{exact}");
    assert!(exact.get("withheld").is_none() && !exact["hits"].as_array().unwrap().is_empty());

    let (_, first) = ask(&api, "*", "statistics");
    // The bucket of 3 is withheld, and that of 12 with it: 30 less 15 and 12 would tell it.
    assert_eq!((first["total"].as_u64(), counts(&first)), (Some(30), vec![15]), "{first}");
    assert_eq!(first["aggregations"]["by"]["others"], 15);
    assert_eq!(first["withheld"], json!({ "at_least": 10, "noise": false, "rows": false }));
    assert!(first["hits"].as_array().unwrap().is_empty() && first["next"].is_null(), "{first}");
    let id = exact["hits"][0]["id"].as_u64().unwrap();
    assert_eq!(api.get(&format!("/api/v1/events/{id}?purpose=statistics")).unwrap().0, 403);

    // A question about too few is answered like one about none.
    let few = ask(&api, "source.ip:203.0.113.2", "statistics").1;
    let none = ask(&api, "source.ip:198.51.100.1", "statistics").1;
    assert_eq!((few["total"].as_u64(), &few["aggregations"]), (Some(0), &none["aggregations"]), "{few}");

    // All but the three: its difference from the first question would tell them.
    let (status, refused) = ask(&api, "NOT source.ip:203.0.113.2", "statistics");
    assert_eq!(status, 403, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("fewer than 10 events"), "{refused}");
    let (status, refused) = ask(&api, "source.ip:(203.0.113.1 OR 203.0.113.3)", "statistics");
    assert_eq!(status, 403, "{refused}");
    // Far enough apart, and the same again.
    assert_eq!(ask(&api, "source.ip:203.0.113.3", "statistics").1["total"], 15);
    assert_eq!(counts(&ask(&api, "*", "statistics").1), [15]);
    // Three more change nothing: the answer is that of before, and says so.
    let file = server.path("more.log");
    std::fs::write(&file, line("203.0.113.9").repeat(3)).unwrap();
    server.cli(&["import", "--site", "hcm-a", &file.display().to_string()]).unwrap();
    let (_, again) = ask(&api, "*", "statistics");
    assert_eq!(again["total"], 30, "{again}");
    assert!(again["withheld"]["as_of"].is_string(), "{again}");
    assert_eq!(ask(&api, "*", "triage").1["total"], 33);
    // Somebody else's questions are his own.
    let other = server.user("officer", Role("agency-officer", Some("agency-a"))).unwrap();
    assert_eq!(ask(&other, "NOT source.ip:203.0.113.2", "statistics").1["total"], 15);
}

#[test]
fn noise_is_the_same_for_the_same_cell() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["model.conf", "policy.csv", "purposes.yml", "masks.yml"] {
        std::fs::copy(repository().join("rules/policy").join(name), folder.path().join(name)).unwrap();
    }
    let path = folder.path().join("masks.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = text.replace("purposes: [statistics], at_least: 10", "purposes: [statistics], at_least: 2, noise: 4");
    assert_ne!(text, changed);
    std::fs::write(&path, changed).unwrap();
    let server = counted(&format!("[policy]\npath = \"{}\"\n", folder.path().display()));
    let api = server.user("tu", Role("analyst-tier1", None)).unwrap();
    let (_, first) = ask(&api, "*", "statistics");
    assert_eq!(first["withheld"]["noise"], true, "{first}");
    for query in ["*", "event.outcome:failure", "NOT source.ip:198.51.100.1", "*"] {
        let (status, again) = ask(&api, query, "statistics");
        assert_eq!((status, &again["aggregations"], &again["total"]), (200, &first["aggregations"], &first["total"]));
    }
    // A question that differs by few is answered, with noise of its own.
    assert_eq!(ask(&api, "NOT source.ip:203.0.113.2", "statistics").0, 200);
    let sum: u64 = counts(&first).iter().sum();
    assert!((1..150).contains(&sum), "{first}");
}

const QUERY: &str = "/api/v1/mask?dataset=people&purpose=triage&role=agency-officer&agency=agency-a";

fn masked(api: &Api, path: &str, form: &str, accept: &str, body: &str) -> (u16, String, String) {
    let request = api.request(Method::POST, path).header("content-type", form).header("accept", accept);
    let response = request.body(body.to_owned()).send().unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), kind, response.text().unwrap_or_default())
}

#[test]
fn records_are_masked_in_every_form_and_the_ledger_says_how_many() {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let api = server.user("lgsp", Role("machine", None)).unwrap();
    let record = json!({
        "citizen_id": "079203001234", "contact": {"phone": "0912345678"}, "age": 34, "source": {"ip": "203.0.113.9"},
        "note": "CCCD 079203001234, số điện thoại 0912345678", "admitted": "2026-01-01", "discharged": "2026-01-08",
    });
    let (status, kind, text) =
        masked(&api, QUERY, "application/json", "*/*", &json!([record.clone(), record.clone()]).to_string());
    assert_eq!((status, kind.as_str()), (200, "application/json"), "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer[0], answer[1]);
    for hidden in ["079203001234", "0912345678", "203.0.113.9"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    assert_eq!((&answer[0]["age"], &answer[0]["source"]["ip"]), (&json!("30-39"), &json!("203.0.113.0/24")));
    assert_eq!(answer[0]["contact"]["phone"], "••••678");
    let hash = answer[0]["citizen_id"].as_str().unwrap();
    assert!(answer[0]["note"].as_str().unwrap().contains(hash), "{text}");

    // Another recipient, and another system, get other marks of the same value.
    let lines = format!("{record}\n");
    for (api, path) in [
        (&api, QUERY.replace("agency-a", "agency-b")),
        (&server.user("dwh", Role("machine", None)).unwrap(), QUERY.to_owned()),
    ] {
        let (status, _, text) = masked(api, &path, "application/x-ndjson", "application/x-ndjson", &lines);
        assert!(status == 200 && !text.contains(hash) && !text.contains("079203001234"), "{status} {text}");
    }

    // CSV, whose cells are no formulas; and from one form into another.
    let csv = "citizen_id,note,password\r\n079203001234,=HYPERLINK(\"x\"),p\r\n";
    let (_, kind, text) = masked(&api, QUERY, "text/csv", "", csv);
    assert_eq!(kind, "text/csv; charset=utf-8");
    assert_eq!(text, format!("citizen_id,note,password\r\n{hash},\"'=HYPERLINK(\"\"x\"\")\",\r\n"));
    let (_, _, text) = masked(&api, QUERY, "text/csv", "application/x-ndjson", csv);
    assert!(text.starts_with('{') && text.contains("\"password\":null"), "{text}");

    // What is wrong names the record, and nothing is half answered.
    for (form, body, expected) in [
        ("application/json", "[{},{\"a\":}]", "record 2 is no JSON"),
        ("application/json", "{}", "no `[`"),
        ("application/x-ndjson", "{}\n{}\n7\n", "record 3 is no object"),
        ("text/csv", "a,b\n1,2\n1\n", "record 2 has 1 fields"),
        ("text/csv", "a,a\n", "header"),
    ] {
        let (status, _, text) = masked(&api, QUERY, form, "", body);
        assert!(status == 400 && text.contains(expected), "{body}: {status} {text}");
    }
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1_100_000));
    let (status, _, text) = masked(&api, QUERY, "application/x-ndjson", "", &long);
    assert!(status == 400 && text.contains("record 1 is longer than 1048576 bytes"), "{status} {text}");
    assert_eq!(masked(&api, QUERY, "text/html", "", "").0, 415);
    assert_eq!(masked(&api, QUERY, "text/csv", "text/html", "").0, 406);

    // What the policy does not name, it does not mask.
    for path in [
        "/api/v1/mask?dataset=land&purpose=triage",
        "/api/v1/mask?dataset=people&purpose=curiosity",
        "/api/v1/mask?dataset=events&purpose=triage&role=auditor",
        "/api/v1/mask?dataset=events&purpose=statistics&role=analyst-tier1",
    ] {
        assert_eq!(masked(&api, path, "application/json", "", "[]").0, 403, "{path}");
    }
    let events = "/api/v1/mask?dataset=events&purpose=triage&role=analyst-tier1";
    let (_, _, text) = masked(&api, events, "application/json", "", r#"[{"user.name":"nguyenvana","message":"x"}]"#);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!([{ "user.name": "••••vana" }]));

    let auditor = server.user("audit", Role("auditor", None)).unwrap();
    let (_, audit) = auditor.get("/api/v1/audit?limit=200").unwrap();
    let entries = audit["entries"].as_array().unwrap();
    let of = |action: &str| entries.iter().filter(|entry| entry["action"] == action).collect::<Vec<_>>();
    assert_eq!(of("mask").len(), of("mask_ended").len());
    let first = of("mask_ended").into_iter().min_by_key(|entry| entry["index"].as_u64()).unwrap();
    assert_eq!((&first["detail"]["records"], &first["detail"]["state"]), (&json!(2), &json!("complete")), "{first}");
    assert!(!audit.to_string().contains("079203001234"));
}

#[test]
fn large_batches_stream_and_break_off_where_they_are_wrong() {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let api = server.user("lgsp", Role("machine", None)).unwrap();
    let record =
        |at: usize| format!("{{\"n\":{at},\"citizen_id\":\"079203{at:06}\",\"note\":\"{}\"}}\n", "word ".repeat(20));
    let body: String = (0..20_000).map(record).collect();
    let (status, _, text) = masked(&api, QUERY, "application/x-ndjson", "", &body);
    assert_eq!((status, text.lines().count()), (200, 20_000));
    assert!(!text.contains("079203000001"));

    let body: String = (0..20_000).map(|at| if at == 19_990 { "broken\n".to_owned() } else { record(at) }).collect();
    let request = api.request(Method::POST, QUERY).header("content-type", "application/x-ndjson").body(body);
    let response = request.send().unwrap();
    assert_eq!(response.status().as_u16(), 200);
    // The answer is cut off: whoever reads it cannot take it for whole.
    assert!(response.text().is_err());
    let auditor = server.user("audit", Role("auditor", None)).unwrap();
    let (_, audit) = auditor.get("/api/v1/audit?limit=50").unwrap();
    let broken = audit["entries"].as_array().unwrap().iter().any(|entry| entry["detail"]["state"] == "broken_off");
    assert!(broken, "{audit}");
}

fn evaluation(role: &str, action: &str, kind: &str, id: &str) -> Value {
    json!({
        "subject": { "type": "role", "id": role, "properties": { "agency": "agency-a" } },
        "action": { "name": action },
        "resource": { "type": kind, "id": id, "properties": { "fields": ["user.name", "source.ip", "message"] } },
        "context": { "purpose": "triage" },
    })
}

#[test]
fn others_are_told_decisions_with_their_obligations() {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let api = server.user("lgsp", Role("machine", None)).unwrap();
    server.user("lan", Role("agency-officer", Some("agency-a"))).unwrap();
    let ask = |request: &Value| {
        let (status, answer) = api.post("/access/v1/evaluation", request).unwrap();
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let answer = ask(&evaluation("agency-officer", "read", "events", "*"));
    assert_eq!(answer["decision"], true, "{answer}");
    let obligations = answer["context"]["obligations"].as_array().unwrap();
    assert_eq!(obligations[0]["agencies"], json!({ "only": ["agency-a"] }), "{answer}");
    let fields = &obligations[1]["fields"];
    assert_eq!(fields["user.name"], json!({ "form": "keep_last", "bounds": "4 characters" }), "{answer}");
    assert_eq!((&fields["source.ip"]["form"], &fields["message"]["form"]), (&json!("clear"), &json!("hide")));
    // An account, by its own role and agency, whatever is claimed for it.
    let mut account = evaluation("", "read", "events", "*");
    account["subject"] = json!({ "type": "user", "id": "lan", "properties": { "role": "soc-lead" } });
    assert_eq!(ask(&account)["context"]["obligations"], answer["context"]["obligations"]);

    let mut other = evaluation("agency-officer", "read", "events", "17");
    for (properties, expected) in [
        (json!({}), false),
        (json!({ "agency": "agency-a" }), true),
        (json!({ "agency": "agency-b" }), false),
        (json!({ "site": "hcm-a" }), true),
        (json!({ "site": "hcm-b" }), false),
        (json!({ "site": "hcm-b", "agency": "agency-a" }), false),
    ] {
        other["resource"]["properties"] = properties.clone();
        let answer = ask(&other);
        assert_eq!(answer["decision"], expected, "{properties} {answer}");
    }
    for (role, action, kind) in [
        ("agency-officer", "export", "events"),
        ("auditor", "read", "events"),
        ("wizard", "read", "events"),
        ("soc-lead", "can_read_todos", "events"),
        ("soc-lead", "read", "todo"),
    ] {
        let answer = ask(&evaluation(role, action, kind, "*"));
        assert_eq!(answer["decision"], false, "{role} {action} {kind} {answer}");
        assert!(!answer["context"]["reason"].as_str().unwrap().is_empty());
    }
    account["subject"]["id"] = json!("nobody");
    assert_eq!(ask(&account)["decision"], false);

    // What is no evaluation is 400 with a message; the request's id comes back.
    let request = api.request(Method::POST, "/access/v1/evaluation").header("x-request-id", "abc-1");
    let response = request.json(&json!({ "subject": {} })).send().unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["x-request-id"]), (400, &"abc-1".parse().unwrap()));
    let answer: Value = serde_json::from_str(&response.text().unwrap()).unwrap();
    assert_eq!(answer["message"], "`action` is missing", "{answer}");
    let analyst = server.user("tu", Role("analyst-tier2", None)).unwrap();
    assert_eq!(analyst.post("/access/v1/evaluation", &account).unwrap().0, 403);
    let (_, configuration) = server.anonymous().unwrap().get("/.well-known/authzen-configuration").unwrap();
    let base = format!("https://localhost:{}", server.port("https"));
    assert_eq!(configuration["policy_decision_point"], base);
    assert_eq!(configuration["access_evaluations_endpoint"], format!("{base}/access/v1/evaluations"));
}

#[test]
fn several_decisions_end_where_they_should() {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let api = server.user("lgsp", Role("machine", None)).unwrap();
    let mut request = evaluation("soc-lead", "read", "events", "*");
    request["evaluations"] = json!([
        {}, { "action": { "name": "manage" } }, { "resource": { "type": "alerts", "id": "*" } }, { "action": {} },
    ]);
    let decisions = |request: &Value| -> Vec<bool> {
        let (status, answer) = api.post("/access/v1/evaluations", request).unwrap();
        assert_eq!(status, 200, "{answer}");
        answer["evaluations"].as_array().unwrap().iter().map(|one| one["decision"].as_bool().unwrap()).collect()
    };
    assert_eq!(decisions(&request), [true, false, true, false]);
    request["options"] = json!({ "evaluations_semantic": "deny_on_first_deny" });
    assert_eq!(decisions(&request), [true, false]);
    request["options"] = json!({ "evaluations_semantic": "permit_on_first_permit" });
    assert_eq!(decisions(&request), [true]);
    request["options"] = json!({ "evaluations_semantic": "perhaps" });
    assert_eq!(api.post("/access/v1/evaluations", &request).unwrap().0, 400);
    request["evaluations"] = json!([]);
    let (status, single) = api.post("/access/v1/evaluations", &request).unwrap();
    assert_eq!((status, &single["decision"]), (200, &json!(true)), "{single}");
}

#[test]
fn the_client_examples_do_what_they_say() {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let token = server.path("token");
    std::fs::write(&token, server.token("lgsp", Role("machine", None)).unwrap()).unwrap();
    server.user("lan", Role("agency-officer", Some("agency-a"))).unwrap();
    let roots = server.path("roots.pem");
    std::fs::write(&roots, server.roots()).unwrap();
    let built = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/mask_client");
    let mut clients = vec![vec![built.display().to_string()]];
    if tests::has("python3") {
        let script = repository().join("docs/clients/python/metrosoc_client.py");
        clients.push(vec!["python3".to_owned(), script.display().to_string()]);
    }
    let records: String = (0..1_200).map(|at| format!("{{\"citizen_id\":\"079203{at:06}\"}}\n")).collect();
    let mut answers = Vec::new();
    for client in &clients {
        let command = || {
            let mut command = Command::new(&client[0]);
            command.args(&client[1..]).env_remove("SSL_CERT_FILE");
            command.args(["--server", &format!("https://localhost:{}", server.port("https"))]);
            command.args(["--ca", &roots.display().to_string(), "--token-file", &token.display().to_string()]);
            command
        };
        let evaluate = |purpose: &str| {
            let mut command = command();
            command.args(["evaluate", "--subject", "lan", "--action", "read", "--resource", "events"]);
            command.args(["--purpose", purpose, "--field", "user.name"]).output().unwrap()
        };
        let allowed = evaluate("triage");
        let answer: Value = serde_json::from_slice(&allowed.stdout).unwrap();
        assert!(allowed.status.success() && answer["decision"] == true, "{allowed:?}");
        assert_eq!(evaluate("curiosity").status.code(), Some(77));
        let mask = |input: &str| {
            let mut command = command();
            command.args(["mask", "--dataset", "people", "--purpose", "triage", "--role", "agency-officer"]);
            command.args(["--agency", "agency-a"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
            let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
            let output = child.wait_with_output().unwrap();
            let _ = writer.join().unwrap();
            output
        };
        let output = mask(&records);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.lines().count() == 1_200 && !text.contains("079203"), "{text:.200}");
        answers.push(text);
        let broken = mask("{}\nx\n");
        assert!(!broken.status.success() && String::from_utf8_lossy(&broken.stderr).contains("record 2"), "{broken:?}");
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

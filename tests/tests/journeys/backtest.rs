//! A rule that is not saved yet runs over what is stored: counts, alerts, samples through masks, and the record of it.

use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\nhcm-b,Site B,agency-b,dc2,\n";
const RULE: &str = "title: A sign-in of root fails\nid: 6d7cfae7-56f6-4f0e-b1ac-7d1d4c5a1d11\nlevel: low\n\
    logsource: {product: linux}\ndetection:\n  s: {user.name: ROOT, event.outcome: failure}\n  condition: s\n";
/// Looks at nothing that tier 1 sees masked.
const CLEAR: &str =
    "title: Requests\nlogsource: {product: nginx}\ndetection: {s: {http.response.status_code: 403}, condition: s}\n";

fn prepared() -> Server {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    for (site, address, days) in [("hcm-a", "203.0.113.1", 1..4), ("hcm-b", "2001:db8::b", 3..5)] {
        let mut lines = String::new();
        for day in days {
            for second in 0..10 {
                for user in ["root", "lan", "tu"] {
                    lines.push_str(&format!(
                        "<86>1 2026-11-{day:02}T00:00:{second:02}Z srv-1 sshd 10 - - Failed password for {user} from {address} port 22022 ssh2\n"
                    ));
                }
            }
        }
        let file = server.path(&format!("{site}.log"));
        std::fs::write(&file, lines).unwrap();
        server.cli(&["import", "--site", site, &file.display().to_string()]).unwrap();
    }
    server
}

fn range(rule: &str) -> Value {
    json!({ "yaml": rule, "from": "2026-11-01T00:00:00Z", "to": "2026-11-30T00:00:00Z", "purpose": "rule-tuning" })
}

/// Starts a job and waits for its end.
fn outcome(api: &Api, path: &str, body: &Value) -> Value {
    let (status, started) = api.post(path, body).unwrap();
    assert_eq!(status, 202, "{started}");
    assert!(started["ledger"].is_u64() && !started["explanation"].as_array().unwrap().is_empty(), "{started}");
    let job = format!("/api/v1/rules/backtest/{}", started["id"].as_str().unwrap());
    wait_for("the backtest", 30, || {
        let (status, answer) = api.get(&job)?;
        assert_eq!(status, 200, "{answer}");
        Ok((answer["state"] != "running").then_some(answer))
    })
    .unwrap()
}

#[test]
fn an_unsaved_rule_is_run_over_what_is_stored() {
    let server = prepared();
    let api = server.user("lead", Role("soc-lead", None)).unwrap();
    let answer = outcome(&api, "/api/v1/rules/backtest", &range(RULE));
    assert_eq!(answer["state"], "done", "{answer}");
    let result = &answer["result"];
    assert_eq!(result["seen"]["total"], 50, "{result}");
    // Midnight UTC is seven in the morning of the same day here.
    assert_eq!(result["seen"]["by_day"][2], json!({ "day": "2026-11-03", "count": 20 }), "{result}");
    assert_eq!(result["seen"]["by_site"], json!([{ "site": "hcm-a", "count": 30 }, { "site": "hcm-b", "count": 20 }]));
    assert_eq!(result["seen"]["samples"][0]["hit"]["fields"]["user.name"], "root");
    assert_eq!(result["pruned"], true);
    assert_eq!(result["work"]["candidates"], 50, "{result}");
    assert!(result["alerts"]["total"].as_u64().unwrap() >= 2, "{result}");

    let auditor = server.user("kiem", Role("auditor", None)).unwrap();
    let (_, audit) = auditor.get("/api/v1/audit").unwrap();
    let text = audit.to_string();
    assert!(text.contains("backtest") && text.contains("rule-tuning") && text.contains("6d7cfae7"), "{text}");

    let saved = api.get("/api/v1/rules").unwrap().1["rules"][0]["rule"]["id"].clone();
    let by_id = json!({ "rule": saved, "from": "2026-11-01T00:00:00Z", "purpose": "rule-tuning" });
    assert_eq!(outcome(&api, "/api/v1/rules/backtest", &by_id)["state"], "done");
}

#[test]
fn a_backtest_shows_no_more_than_a_search() {
    let server = prepared();
    let tier_1 = server.user("tu", Role("analyst-tier1", None)).unwrap();
    let (status, refused) = tier_1.post("/api/v1/rules/backtest", &range(RULE)).unwrap();
    assert!(status == 403 && refused["detail"].as_str().unwrap().contains("masked for you"), "{refused}");
    assert_eq!(outcome(&tier_1, "/api/v1/rules/backtest", &range(CLEAR))["state"], "done");
    let auditor = server.user("kiem", Role("auditor", None)).unwrap();
    assert_eq!(auditor.post("/api/v1/rules/backtest", &range(CLEAR)).unwrap().0, 403);

    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let (_, started) = lead.post("/api/v1/rules/backtest", &range(RULE)).unwrap();
    let job = format!("/api/v1/rules/backtest/{}", started["id"].as_str().unwrap());
    assert_eq!(tier_1.get(&job).unwrap().0, 404, "a job is seen by who started it");
    assert_eq!(lead.request(reqwest::Method::DELETE, &job).send().unwrap().status().as_u16(), 204);
    assert_eq!(lead.get(&job).unwrap().0, 404);
    for bad in [json!({}), json!({ "yaml": "title: x\n" }), json!({ "yaml": RULE, "from": "yesterday" })] {
        let (status, answer) = lead.post("/api/v1/rules/backtest", &bad).unwrap();
        assert_eq!(status, 400, "{bad}: {answer}");
    }
    assert_eq!(lead.post("/api/v1/rules/backtest", &json!({ "rule": "nobody" })).unwrap().0, 404);
}

#[test]
fn the_command_line_runs_one_and_previews_an_exception() {
    let server = prepared();
    let token = server.path("token");
    std::fs::write(&token, server.token("lead", Role("soc-lead", None)).unwrap()).unwrap();
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let rule = server.path("rule.yml");
    std::fs::write(&rule, RULE).unwrap();
    let (rule, token) = (rule.display().to_string(), token.display().to_string());
    let range = ["--from", "2026-11-01T00:00:00Z", "--to", "2026-11-30T00:00:00Z", "--purpose", "rule-tuning"];
    let mut command = vec!["rules", "backtest", &rule, "--token-file", &token, "--json"];
    command.extend(range);
    let output = server.cli(&command).unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["seen"]["total"], 50, "{result}");
    command.retain(|argument| *argument != "--json");
    let text = String::from_utf8(server.cli(&command).unwrap().stdout).unwrap();
    assert!(text.starts_with("50 findings") && text.contains("hcm-a  30"), "{text}");

    let saved: Value = serde_json::from_slice(&server.cli(&["rules", "check", "--json"]).unwrap().stdout).unwrap();
    assert!(saved["loaded"].as_u64().unwrap() > 100);
    let api = server.user("lan", Role("soc-lead", None)).unwrap();
    let id = api.get("/api/v1/rules").unwrap().1["rules"][0]["rule"]["id"].as_str().unwrap().to_owned();
    let preview =
        ["rules", "except", "preview", "--rule", &id, "--field", "user.name=root", "--token-file", &token, "--json"];
    let result: Value = serde_json::from_slice(&server.cli(&preview).unwrap().stdout).unwrap();
    assert!(result["hidden"]["total"].is_u64(), "{result}");
    // Without a named user's token the operator's socket is no way to events.
    let refused = server.command(&["rules", "backtest", &rule]).output().unwrap();
    assert_eq!(refused.status.code(), Some(77), "{}", String::from_utf8_lossy(&refused.stderr));
}

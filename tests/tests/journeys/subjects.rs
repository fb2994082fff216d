//! What persons ask for: found, handed over, restricted, destroyed by two; the clocks of the law run, with forms; and what
//! correlations remember of a person is gone with the rest.

use std::process::Command;

use keys::{KeySource, Keyring};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Api, Role, Server, Setup, has, repository, run, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
const PASSWORD: &str = "correct horse battery staple";
const PHONE: &str = "0912345678";
const LINES: &str = "\
<86>1 2026-11-03T00:00:04Z srv-1 portal 11 - - hồ sơ của công dân, điện thoại 0912345678
<86>1 2026-11-03T00:00:05Z srv-1 portal 11 - - gọi lại số điện thoại +84 912 345 678 và số điện thoại 0987654321
<86>1 2026-11-03T00:00:06Z srv-1 portal 11 - - người khác, điện thoại 0987654321
<38>1 2026-11-03T00:00:07Z srv-1 sshd 12 - - Failed password for lan.nguyen from 203.0.113.9 port 22022 ssh2
";
/// Remembers an account for sixty days, by the time of events; five failures are never reached here.
const RULE: &str = "\
title: failures
id: 3f6d1c52-98a1-4b5e-a6a4-5a0c5d7f1b11
name: failures_of_one
status: experimental
logsource:
    product: linux
    service: sshd
detection:
    words:
        message|contains: Failed password
    condition: words
level: low
---
title: many failures of one account
id: 5a1b7d3e-64cc-4ad2-8f21-0d5a3e1c9a22
status: experimental
correlation:
    type: event_count
    rules:
        - failures_of_one
    generate: true
    group-by:
        - user.name
    timespan: 60d
    condition:
        gte: 5
level: high
";

fn api(server: &Server, token: &str) -> Api {
    Api::new(server.port("https"), server.roots(), Some(token.to_owned())).unwrap()
}

fn found(api: &Api, query: &str, expected: u64) {
    wait_for(query, 30, || Ok((api.count(query)? == expected).then_some(()))).unwrap();
}

fn about(values: &[&str]) -> Value {
    json!({ "values": values, "reason": "đơn số 12/2026" })
}

#[track_caller]
fn posts(api: &Api, path: &str, body: &Value, expected: u16) -> Value {
    let (status, answer) = api.post(path, body).unwrap();
    assert_eq!(status, expected, "{path}: {answer}");
    answer
}

/// What correlations remember, opened with the master key.
fn remembered(server: &Server) -> String {
    let keyring = Keyring::open(&KeySource::File(server.path("data.key")), &server.data()).unwrap();
    let sealed = std::fs::read(server.data().join("correlations.state")).unwrap();
    let bytes = keyring.sealer("correlations").unwrap().open(b"metrosoc/correlations/1", &sealed).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn start() -> (Server, TempDir) {
    let rules = tempfile::tempdir().unwrap();
    std::fs::write(rules.path().join("failures.yml"), RULE).unwrap();
    let privacy = rules.path().join("privacy");
    std::fs::create_dir(&privacy).unwrap();
    std::fs::write(privacy.join("exempt.yml"), "version: 1\ncitizen_networks:\n  - 203.0.113.0/24\n").unwrap();
    let config = format!(
        "[privacy]\npseudonyms = true\nrules = \"{}\"\n[rules]\npaths = [\"{}\"]\n",
        privacy.display(),
        rules.path().join("failures.yml").display()
    );
    let server = Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap();
    let file = server.path("lines");
    std::fs::write(&file, LINES).unwrap();
    server.cli(&["import", "--site", "hcm-a", &file.display().to_string()]).unwrap();
    (server, rules)
}

#[test]
fn a_person_is_found_handed_over_and_restricted() {
    let (server, _rules) = start();
    let lead = api(&server, &server.token("lead", Role("soc-lead", None)).unwrap());
    let officer = api(&server, &server.token("huong", Role("dpo", None)).unwrap());
    found(&lead, PHONE, 2);
    let alerts = |api: &Api, about: &str| {
        let (status, page) = api.get(&format!("/api/v1/alerts?limit=100{about}")).unwrap();
        assert_eq!(status, 200, "{page}");
        page["alerts"].as_array().unwrap().clone()
    };
    let failed = |alert: &&Value| alert["rule"]["title"] == json!("failures");
    wait_for("the alert", 30, || Ok(alerts(&lead, "").iter().any(|alert| failed(&alert)).then_some(()))).unwrap();

    // Handed over: the person's own values, of others their tokens; recorded without a value.
    assert_eq!(lead.post("/api/v1/subjects/export", &about(&[PHONE])).unwrap().0, 403);
    let export = posts(&officer, "/api/v1/subjects/export", &about(&[PHONE]), 200);
    assert_eq!(export["events_total"], json!(2), "{export}");
    let text = export.to_string();
    // Each in the writing in which it came, whichever the vault met first.
    let messages: Vec<&str> = export["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event.pointer("/fields/message/0")?.as_str())
        .collect();
    assert!(messages.iter().any(|text| text.ends_with(PHONE)), "{text}");
    assert!(messages.iter().any(|text| text.contains("thoại +84 912 345 678 và số điện thoại pph")), "{text}");
    assert!(!text.contains("0987654321"), "{text}");
    let address = posts(&officer, "/api/v1/subjects/export", &about(&["203.0.113.9"]), 200);
    assert_eq!(address["events"][0]["fields"]["source.ip"], json!(["203.0.113.9"]), "{address}");
    let document = export["document"].as_str().unwrap();
    assert!(document.contains("Dữ liệu cá nhân") && document.contains("Personal data that is held"), "{document}");
    let other = posts(&officer, "/api/v1/subjects/export", &about(&["0987654321"]), 200);
    assert_eq!(other["events_total"], json!(2), "{other}");

    // Restricted: nobody finds, counts or opens the events, but who the policy names, for that purpose.
    let hits = lead.search(&json!({ "query": PHONE, "limit": 10 })).unwrap();
    let event = hits["hits"][0]["id"].clone();
    let set = posts(&officer, "/api/v1/subjects/restrictions", &about(&[PHONE]), 200);
    let id = set["restriction"]["id"].as_str().unwrap().to_owned();
    found(&lead, PHONE, 0);
    found(&lead, "0987654321", 1);
    found(&lead, "*", 2);
    let one = format!("/api/v1/events/{event}?purpose=triage");
    assert_eq!(lead.get(&one).unwrap().0, 404);
    let named = json!({ "query": PHONE, "purpose": "incident-response", "limit": 10 });
    assert_eq!(lead.search(&named).unwrap()["total"], json!(2));
    assert_eq!(posts(&officer, "/api/v1/subjects/export", &about(&[PHONE]), 200)["events_total"], json!(2));
    let phone = hits["hits"][0]["fields"]["message"].as_str().unwrap();
    let phone = phone.split(|found: char| !found.is_ascii_alphanumeric()).find(|word| word.starts_with("pph")).unwrap();
    let reveal = |purpose: &str| json!({ "agency": "agency-a", "tokens": [phone], "purpose": purpose, "case": "case-1", "reason": "to warn" });
    let refused = posts(&lead, "/api/v1/reveals", &reveal("triage"), 403);
    assert!(refused["detail"].as_str().unwrap().contains("not processed further"), "{refused}");
    let auditor = api(&server, &server.token("kiem", Role("auditor", None)).unwrap());
    let (_, audit) = auditor.get("/api/v1/audit?action=reveal_refused").unwrap();
    assert!(audit["entries"][0]["detail"]["reason"].as_str().unwrap().contains(phone), "{audit}");
    posts(&lead, "/api/v1/reveals", &reveal("incident-response"), 200);
    posts(&officer, &format!("/api/v1/subjects/restrictions/{id}/lift"), &json!({ "reason": "đã giải quyết" }), 204);
    found(&lead, PHONE, 2);

    // An alert on a restricted person is withheld likewise, in lists, counts and by itself.
    let alert = alerts(&lead, "").iter().find(failed).unwrap().clone();
    // Other rules may speak meanwhile of what was done here.
    let of_rule = "&q=failures";
    let (all, one) = (alerts(&lead, of_rule).len(), format!("/api/v1/alerts/{}", alert["id"].as_str().unwrap()));
    let set = posts(&officer, "/api/v1/subjects/restrictions", &about(&["203.0.113.9"]), 200);
    assert_eq!((alerts(&lead, "").iter().filter(failed).count(), alerts(&lead, of_rule).len()), (0, all - 1));
    assert_eq!(lead.get(&one).unwrap().0, 404);
    assert_eq!(lead.get(&format!("/api/v1/alerts?limit=1{of_rule}")).unwrap().1["total"], json!(all - 1));
    assert_eq!(
        lead.request(Method::PATCH, &one).json(&json!({ "status": "acknowledged" })).send().unwrap().status(),
        404
    );
    assert_eq!(alerts(&lead, "&purpose=incident-response").iter().filter(failed).count(), 1);
    assert_eq!(lead.get(&format!("{one}?purpose=incident-response")).unwrap().0, 200);
    let lift = format!("/api/v1/subjects/restrictions/{}/lift", set["restriction"]["id"].as_str().unwrap());
    posts(&officer, &lift, &json!({ "reason": "đã giải quyết" }), 204);
    assert_eq!(lead.get(&one).unwrap().0, 200);
    assert_eq!(lead.get(&one).unwrap().0, 200);
    posts(&officer, &format!("/api/v1/subjects/restrictions/{id}/lift"), &json!({ "reason": "again" }), 409);
    server.cli(&["ledger", "verify"]).unwrap();
}

#[test]
fn the_clocks_of_the_law_run_with_reminders_and_forms() {
    let (server, _rules) = start();
    let officer = api(&server, &server.token("huong", Role("dpo", None)).unwrap());
    found(&api(&server, &server.token("lead", Role("soc-lead", None)).unwrap()), PHONE, 2);
    let named = json!({ "kind": "access", "reference": "đơn của 0912345678", "values": [PHONE] });
    posts(&officer, "/api/v1/subjects/requests", &named, 400);
    let new = json!({ "kind": "erase", "reference": "đơn số 14/2026", "values": [PHONE] });
    let taken = posts(&officer, "/api/v1/subjects/requests", &new, 200)["request"].clone();
    assert_eq!((taken["tokens"].as_array().unwrap().len(), taken["owed"].as_array().unwrap().len()), (1, 2), "{taken}");
    let path = |id: &Value, step: &str| format!("/api/v1/subjects/requests/{}/{step}", id.as_str().unwrap());
    let form = |id: &Value| {
        let answer = officer.request(Method::GET, &path(id, "form")).send().unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        answer.text().unwrap()
    };
    let text = form(&taken["id"]);
    assert!(text.contains("Thông báo đã tiếp nhận") && text.contains("*Confirmation of receipt"), "{text}");
    assert!(text.contains("đơn số 14/2026") && !text.contains("{{") && !text.contains(PHONE), "{text}");
    let confirmed = posts(&officer, &path(&taken["id"], "acknowledge"), &json!({}), 200)["request"].clone();
    assert_eq!(confirmed["owed"].as_array().unwrap().len(), 1, "{confirmed}");
    posts(&officer, &path(&taken["id"], "acknowledge"), &json!({}), 409);
    let later = posts(&officer, &path(&taken["id"], "extend"), &json!({ "reason": "nhiều hệ thống" }), 200);
    assert_ne!(later["request"]["owed"], confirmed["owed"]);
    posts(&officer, &path(&taken["id"], "extend"), &json!({ "reason": "again" }), 409);
    posts(&officer, &path(&taken["id"], "close"), &json!({ "outcome": "refused", "reason": "x" }), 400);
    let refusal = json!({ "outcome": "refused", "reason": "phải lưu nhật ký", "basis": "Nghị định 53/2022" });
    assert_eq!(posts(&officer, &path(&taken["id"], "close"), &refusal, 200)["request"]["state"], json!("closed"));
    let text = form(&taken["id"]);
    assert!(text.contains("phải lưu nhật ký") && text.contains("Nghị định 53/2022"), "{text}");

    // A breach that was found four days ago is overdue: a notice, and an event for detection.
    let breach = json!({ "kind": "breach", "reference": "sự cố 3/2026", "received": "2026-01-05T00:00:00Z" });
    let breach = posts(&officer, "/api/v1/subjects/requests", &breach, 200)["request"].clone();
    assert!(form(&breach["id"]).contains("72 giờ"));
    wait_for("a notice of the overdue report", 60, || {
        let (status, notices) = officer.get("/api/v1/policy/notices")?;
        anyhow::ensure!(status == 200, "{notices}");
        Ok(notices.to_string().contains("subject_request_overdue").then_some(()))
    })
    .unwrap();
    let asked = json!({ "query": "event.action:subject_request_overdue", "limit": 0 });
    wait_for("the event of it", 60, || {
        let (_, answer) = officer.post("/api/v1/audit/search", &asked)?;
        Ok((answer["total"] == json!(1)).then_some(()))
    })
    .unwrap();
    server.cli(&["ledger", "verify"]).unwrap();
}

#[test]
fn two_destroy_and_correlations_forget() {
    let (mut server, _rules) = start();
    let lead_token = server.token("lead", Role("soc-lead", None)).unwrap();
    let (first, second) = (server.token("huong", Role("dpo", None)), server.token("mai", Role("dpo", None)));
    let (first_token, second_token) = (first.unwrap(), second.unwrap());
    found(&api(&server, &lead_token), PHONE, 2);
    found(&api(&server, &lead_token), "user.name:lan.nguyen", 1);
    wait_for("what correlations remember is on the disk", 60, || {
        Ok(server.data().join("correlations.state").exists().then_some(()))
    })
    .unwrap();
    assert_eq!(server.stop().unwrap(), 0);
    assert!(remembered(&server).contains("lan.nguyen"), "the account stands in a group");
    server.restart().unwrap();
    let (first, second) = (api(&server, &first_token), api(&server, &second_token));

    // One asks, and cannot approve what he asked for; the other does.
    let asked = posts(&first, "/api/v1/subjects/shred", &about(&["lan.nguyen"]), 202)["waiting"].clone();
    let path = format!("/api/v1/subjects/shred/{}/approve", asked["id"].as_str().unwrap());
    posts(&first, &path, &json!({}), 403);
    found(&api(&server, &lead_token), "lan.nguyen", 1);
    let signed = posts(&second, &path, &json!({}), 200)["certificate"].clone();
    assert_eq!(signed["ordered_by"], json!("huong, mai"), "{signed}");
    assert_eq!((&signed["keys_left"], &signed["rows_left"]), (&json!(0), &json!(0)), "{signed}");
    posts(&second, &path, &json!({}), 404);
    found(&api(&server, &lead_token), "lan.nguyen", 0);

    // At once, not only when the server stops.
    assert!(!remembered(&server).to_lowercase().contains("lan.nguyen"));
    server.kill_and_restart().unwrap();
    assert_eq!(server.stop().unwrap(), 0);
    assert!(!remembered(&server).to_lowercase().contains("lan.nguyen"));
    server.restart().unwrap();
    let other = posts(&api(&server, &first_token), "/api/v1/subjects/shred", &about(&[PHONE]), 202)["waiting"].clone();
    let path = format!("/api/v1/subjects/shred/{}/refuse", other["id"].as_str().unwrap());
    posts(&api(&server, &second_token), &path, &json!({ "reason": "sai người" }), 204);
    found(&api(&server, &lead_token), PHONE, 2);
    server.cli(&["ledger", "verify"]).unwrap();
}

#[test]
fn the_protection_officers_work_in_chromium() {
    if !has("chromium") || !has("node") {
        return;
    }
    let (server, _rules) = start();
    found(&api(&server, &server.token("watch", Role("soc-lead", None)).unwrap()), PHONE, 2);
    // Set-up must be over, or the page asks for it; an administrator with a password would have to agree to a second officer.
    server.token("quantri", Role("admin", None)).unwrap();
    let mut users = json!({ "values": [PHONE, "0987654321"] });
    for (key, name, role) in [("lead", "minh", "soc-lead"), ("officer", "huong", "dpo"), ("second", "mai", "dpo")] {
        server.user_with_password(name, role, PASSWORD).unwrap();
        users[key] = json!({ "name": name, "password": PASSWORD });
    }
    let users_file = server.path("users.json");
    std::fs::write(&users_file, users.to_string()).unwrap();
    let folder = repository().join("tests/browser");
    if !folder.join("node_modules").exists() {
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder)).unwrap();
    }
    let mut journey = Command::new("node");
    journey.arg("subjects.mjs").current_dir(&folder).env("METROSOC_USERS_FILE", &users_file);
    journey.env("METROSOC_URL", format!("https://localhost:{}", server.port("https")));
    let text = String::from_utf8(run(&mut journey).unwrap().stdout).unwrap();
    assert!(text.contains(" passed, 0 failed"), "{text}");
}

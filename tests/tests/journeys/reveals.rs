//! Reveals: who asks gets the values after somebody of the data's agency agreed, with a second factor, and no others; each is
//! in the ledger without itself; mass reveals and broken glass raise alerts, and the protection officer is told.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Api, Browser, Role, Server, Setup, has, repository, run, wait_for};

use crate::sign_in::{browser, enrol};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\nhcm-b,Site B,agency-b,dc2,\n";
const PASSWORD: &str = "correct horse battery staple";
const MASS_REVEAL: &str = "12654e9f-d2f1-4842-8ea5-0bad569f9a50";
const BREAK_GLASS: &str = "0d3a6f5e-6c53-4e0b-9a41-3f0c1b7a9d22";
const REVEAL_REFUSED: &str = "a7e2d8b8-a66c-4fa4-965e-99e562b11bd4";
const PEOPLE: usize = 55;

struct City {
    server: Server,
    lead: Browser,
    owner: Api,
    dpo: Api,
    auditor: Api,
}

fn city() -> City {
    let config = "[privacy]\npseudonyms = true\n".to_owned();
    let server = Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap();
    let lines: String = (0..PEOPLE)
        .map(|who| {
            format!("<86>1 2026-11-03T00:00:01Z srv sshd 10 - - Failed password for nguyen.van{who:02} from 10.1.2.3 port 22 ssh2\n")
        })
        .collect();
    let file = server.path("people.log");
    std::fs::write(&file, lines).unwrap();
    server.cli(&["import", "--site", "hcm-b", &file.display().to_string()]).unwrap();
    server.user_with_password("truong", "soc-lead", PASSWORD).unwrap();
    let owner = server.user("chu", Role("data-owner", Some("agency-b"))).unwrap();
    let dpo = server.user("bao-ve", Role("dpo", None)).unwrap();
    let auditor = server.user("kiem", Role("auditor", None)).unwrap();
    let mut lead = browser(&server);
    assert_eq!(lead.sign_in("truong", PASSWORD).unwrap().0, 200);
    City { server, lead, owner, dpo, auditor }
}

/// The events, once all of them are there.
fn events(lead: &mut Browser) -> Vec<Value> {
    let body = json!({ "query": "user.name:*", "limit": 100, "purpose": "incident-response", "case": "case-9" });
    wait_for("the events", 40, || {
        let (status, answer) = lead.ask(Method::POST, "/api/v1/search", Some(&body))?;
        anyhow::ensure!(status == 200, "{answer}");
        let hits = answer["hits"].as_array().cloned().unwrap_or_default();
        Ok((hits.len() == PEOPLE).then_some(hits))
    })
    .unwrap()
}

fn form(events: &[Value]) -> Value {
    let ids: Vec<&Value> = events.iter().map(|event| &event["id"]).collect();
    json!({ "agency": "agency-b", "events": ids, "fields": ["user.name"], "purpose": "incident-response",
            "case": "case-9", "reason": "to warn them", "hours": 1 })
}

fn asked(lead: &mut Browser, path: &str, form: &Value) -> Value {
    let (status, answer) = lead.ask(Method::POST, path, Some(form)).unwrap();
    assert_eq!(status, 200, "{answer}");
    answer["reveal"].clone()
}

fn values(lead: &mut Browser, reveal: &Value) -> (u16, Value) {
    lead.ask(Method::GET, &format!("/api/v1/reveals/{}/values", reveal["id"].as_str().unwrap()), None).unwrap()
}

fn step(api: &Api, reveal: &Value, act: &str, body: &Value) -> (u16, Value) {
    api.post(&format!("/api/v1/reveals/{}/{act}", reveal["id"].as_str().unwrap()), body).unwrap()
}

fn alerted(lead: &mut Browser, rule: &str) {
    wait_for("the alert", 40, || {
        let (_, answer) = lead.ask(Method::GET, "/api/v1/alerts?limit=100", None)?;
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        Ok(alerts.iter().any(|alert| alert["rule"]["id"] == rule).then_some(()))
    })
    .unwrap();
}

#[test]
fn values_take_a_purpose_a_case_somebody_else_and_a_second_factor() {
    if !has("python3") {
        return;
    }
    let mut city = city();
    let events = events(&mut city.lead);
    assert!(!json!(events).to_string().contains("nguyen"), "tokens, for the lead too");
    let lead = &mut city.lead;
    let one = asked(lead, "/api/v1/reveals", &form(&events[..1]));
    assert_eq!((&one["state"], &one["approvals"]["needed"]), (&json!("asked"), &json!(1)), "{one}");
    assert_eq!(values(lead, &one).0, 409, "nobody agreed yet");
    assert_eq!(step(&city.owner, &one, "approve", &json!({})).1["reveal"]["state"], "approved");
    let (status, answer) = values(lead, &one);
    assert_eq!((status, answer["type"].as_str()), (403, Some("/problems/step-up")), "a password alone: {answer}");
    enrol(lead);
    let (status, answer) = values(lead, &one);
    assert_eq!(status, 200, "{answer}");
    let [value] = answer["values"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert!(value["value"].as_str().unwrap().starts_with("nguyen.van"), "{answer}");
    assert_eq!(value["token"], events[0]["fields"]["user.name"], "the one that was asked for");

    let other = city.server.user("truong-2", Role("soc-lead", None)).unwrap();
    let path = format!("/api/v1/reveals/{}/values", one["id"].as_str().unwrap());
    assert_eq!(other.get(&path).unwrap().0, 404, "of who asked alone");
    let (_, audit) = city.auditor.get("/api/v1/audit?action=reveal").unwrap();
    assert_eq!(audit["entries"][0]["object"], value["token"], "{audit}");
    assert_eq!(audit["entries"][0]["detail"]["case"], "case-9", "{audit}");
    assert!(!audit.to_string().contains("nguyen"), "{audit}");
    alerted(lead, REVEAL_REFUSED);

    let all = asked(lead, "/api/v1/reveals", &form(&events));
    assert_eq!(step(&city.owner, &all, "approve", &json!({})).0, 200);
    assert_eq!(values(lead, &all).1["values"].as_array().unwrap().len(), PEOPLE);
    alerted(lead, MASS_REVEAL);
    let (_, answer) = step(&city.owner, &all, "withdraw", &json!({ "reason": "enough" }));
    assert_eq!(answer["reveal"]["state"], "withdrawn", "{answer}");
    assert_eq!(values(lead, &all).0, 409);

    let mut wrong = form(&events[..1]);
    wrong["agency"] = json!("agency-a");
    let (status, answer) = lead.ask(Method::POST, "/api/v1/reveals", Some(&wrong)).unwrap();
    assert_eq!(status, 400, "data of another agency: {answer}");
    wrong["agency"] = json!("agency-b");
    wrong["hours"] = json!(9);
    assert_eq!(lead.ask(Method::POST, "/api/v1/reveals", Some(&wrong)).unwrap().0, 400);
}

#[test]
fn broken_glass_works_at_once_alarms_and_is_reviewed() {
    if !has("python3") {
        return;
    }
    let mut city = city();
    let events = events(&mut city.lead);
    let (lead, path) = (&mut city.lead, "/api/v1/reveals/break-glass");
    let (status, answer) = lead.ask(Method::POST, path, Some(&form(&events[..2]))).unwrap();
    assert_eq!((status, answer["type"].as_str()), (403, Some("/problems/step-up")), "{answer}");
    enrol(lead);
    let one = asked(lead, path, &form(&events[..2]));
    assert_eq!((&one["state"], &one["break_glass"]), (&json!("approved"), &json!(true)), "{one}");
    let (status, answer) = values(lead, &one);
    assert_eq!((status, answer["values"].as_array().map(Vec::len)), (200, Some(2)), "{answer}");
    alerted(lead, BREAK_GLASS);
    let (_, told) = city.dpo.get("/api/v1/policy/notices").unwrap();
    let told = told["notices"].as_array().unwrap();
    assert!(told.iter().any(|notice| notice["kind"] == "break_glass" && notice["actor"] == "truong"), "{told:?}");
    assert_eq!(
        city.server.user("phan", Role("analyst-tier2", None)).unwrap().post(path, &form(&events[..1])).unwrap().0,
        403
    );
    assert_eq!(step(&city.dpo, &one, "review", &json!({ "justified": true, "finding": "" })).0, 400);
    let review = json!({ "justified": true, "finding": "minutes counted" });
    let (status, answer) = step(&city.dpo, &one, "review", &review);
    assert_eq!((status, &answer["reveal"]["reviewed_by"]), (200, &json!("bao-ve")), "{answer}");
    let (_, audit) = city.auditor.get("/api/v1/audit?action=break_glass_reviewed").unwrap();
    assert_eq!(audit["entries"][0]["actor"], "bao-ve", "{audit}");
}

/// The command line with somebody's token: exit code, what it printed as JSON, what it said.
fn told(server: &Server, token: &str, arguments: &[&str]) -> (i32, Value, String) {
    let file = server.path("token");
    std::fs::write(&file, token).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = server.command(arguments);
    let output = command.arg("--json").env("METROSOC_TOKEN_FILE", &file).output().unwrap();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), printed, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_command_line_asks_decides_takes_and_reviews() {
    if !has("python3") {
        return;
    }
    let mut city = city();
    let events = events(&mut city.lead);
    let token = events[0]["fields"]["user.name"].as_str().unwrap().to_owned();
    let (_, _, codes) = enrol(&mut city.lead);
    let made = city.server.cli(&["user", "token", "truong"]).unwrap();
    let lead = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let (owner, dpo) = (city.owner.token().unwrap(), city.dpo.token().unwrap());
    let as_lead = |arguments: &[&str]| told(&city.server, &lead, arguments);
    let ask = ["--agency", "agency-b", "--case", "case-9", "--reason", "to warn them"];
    let asked = |what: &[&str]| {
        let (code, answer, says) = as_lead(&[&["reveal", "ask"], what, &ask].concat());
        assert_eq!(code, 0, "{says}");
        assert_eq!(answer["reveal"]["state"], "asked", "{answer}");
        answer["reveal"]["id"].as_str().unwrap().to_owned()
    };
    let one = asked(&[&token]);
    assert_eq!(as_lead(&["reveal", "approve", &one]).0, 77, "nobody approves his own");
    assert_eq!(told(&city.server, owner, &["reveal", "take", &one]).0, 77, "of who asked alone");
    let (code, answer, says) = told(&city.server, owner, &["reveal", "approve", &one]);
    assert_eq!((code, &answer["reveal"]["state"]), (0, &json!("approved")), "{says}");
    let (code, _, says) = as_lead(&["reveal", "take", &one]);
    assert!(code == 77 && says.contains("metrosoc-code"), "a token alone: {code} {says}");
    assert_eq!(as_lead(&["reveal", "take", &one, "--code", "000000"]).0, 77);
    let (code, answer, says) = as_lead(&["reveal", "take", &one, "--code", &codes[0]]);
    assert_eq!(code, 0, "{says}");
    assert_eq!(answer["values"][0]["token"], token, "{answer}");
    assert!(answer["values"][0]["value"].as_str().unwrap().starts_with("nguyen.van"), "{answer}");
    assert_eq!(as_lead(&["reveal", "take", &one, "--code", &codes[0]]).0, 77, "a code works once");

    let event = events[1]["id"].to_string();
    let two = asked(&["--event", &event, "--field", "user.name"]);
    let (code, answer, _) = told(&city.server, owner, &["reveal", "refuse", &two, "--reason", "not needed"]);
    assert_eq!((code, &answer["reveal"]["state"]), (0, &json!("refused")));
    let three = asked(&[&token]);
    assert_eq!(as_lead(&["reveal", "withdraw", &three, "--reason", "found otherwise"]).0, 0);
    let (_, answer, _) = as_lead(&["reveal", "list", "--state", "withdrawn"]);
    let listed = answer["reveals"].as_array().unwrap();
    assert!(listed.len() == 1 && listed[0]["id"] == json!(three), "{answer}");
    let (_, answer, _) = as_lead(&["reveal", "show", &two]);
    assert_eq!(answer["reveal"]["history"][1]["text"], "not needed", "{answer}");

    let glass = [&["reveal", "break-glass", &token], ask.as_slice()].concat();
    assert_eq!(as_lead(&glass).0, 77, "without the second factor");
    let (code, answer, says) = as_lead(&[glass.as_slice(), &["--code", &codes[1]]].concat());
    assert_eq!((code, &answer["reveal"]["break_glass"]), (0, &json!(true)), "{says}");
    let id = answer["reveal"]["id"].as_str().unwrap();
    let review = ["reveal", "review", id, "--justified", "--finding", "minutes counted"];
    let (code, answer, says) = told(&city.server, dpo, &review);
    assert_eq!((code, &answer["reveal"]["reviewed_by"]), (0, &json!("bao-ve")), "{says}");
}

/// Puts lines into the index as a site's, and gives the events that a query finds once there are so many.
fn brought(city: &mut City, site: &str, lines: &str, query: &str, count: usize) -> Vec<Value> {
    let file = city.server.path("brought.log");
    std::fs::write(&file, lines).unwrap();
    city.server.cli(&["import", "--site", site, &file.display().to_string()]).unwrap();
    let body = json!({ "query": query, "limit": 100, "purpose": "incident-response", "case": "case-9" });
    wait_for("the events", 40, || {
        let (status, answer) = city.lead.ask(Method::POST, "/api/v1/search", Some(&body))?;
        anyhow::ensure!(status == 200, "{answer}");
        let hits = answer["hits"].as_array().cloned().unwrap_or_default();
        Ok((hits.len() == count).then_some(hits))
    })
    .unwrap()
}

#[test]
fn a_text_comes_back_byte_for_byte_and_a_look_alike_is_nobodys_value() {
    if !has("python3") {
        return;
    }
    let mut city = city();
    enrol(&mut city.lead);
    // One name composed, decomposed and without marks; one number in two writings.
    let composed = "Nguy\u{1ec5}n V\u{103}n B\u{ec}nh";
    let decomposed = "Nguye\u{302}\u{303}n Va\u{306}n Bi\u{300}nh";
    let line = format!(
        "<86>1 2026-11-03T00:00:02Z srv-text portal 10 - - kh\u{e1}ch h\u{e0}ng {composed}, ho\u{323} te\u{302}n {decomposed}, \
         s\u{111}t 0912345678 hay +84 912 345 678, cccd 079090012345"
    );
    let events = brought(&mut city, "hcm-b", &format!("{line}\n"), "host.name:srv-text", 1);
    let stored = events[0]["fields"]["event.original"].as_str().unwrap().to_owned();
    for hidden in ["B\u{ec}nh", "Bi\u{300}nh", "912345678", "912 345 678", "079090012345"] {
        assert!(!stored.contains(hidden), "`{hidden}` in {stored}");
    }
    let mut form = form(&events);
    form["fields"] = json!(["event.original"]);
    let one = asked(&mut city.lead, "/api/v1/reveals", &form);
    assert_eq!(one["approvals"]["needed"], 2, "a citizen's id stands in it: {one}");
    assert_eq!(one["places"], json!([{ "event": events[0]["id"], "field": "event.original" }]), "{one}");
    for api in [&city.owner, &city.dpo] {
        assert_eq!(step(api, &one, "approve", &json!({})).0, 200);
    }
    let (status, answer) = values(&mut city.lead, &one);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["texts"][0]["whole"], true, "{answer}");
    assert_eq!(answer["texts"][0]["texts"][0].as_str(), Some(line.as_str()), "byte for byte");

    // Somebody who saw the token of another writes it into his own logs, as a text and as a field.
    let phone = stored.split_whitespace().find(|word| word.starts_with("pph")).unwrap().trim_end_matches(',');
    let forged = format!(
        "<86>1 2026-11-03T00:00:03Z srv-forged portal 10 - - see {phone} there\n\
         <86>1 2026-11-03T00:00:04Z srv-forged {phone} 10 - - hello\n"
    );
    let forged = brought(&mut city, "hcm-a", &forged, "host.name:srv-forged", 2);
    assert!(json!(forged).to_string().contains(phone), "the look-alike is what he wrote: {forged:?}");
    let ids: Vec<&Value> = forged.iter().map(|event| &event["id"]).collect();
    let mut wanted = json!({ "agency": "agency-a", "events": ids, "purpose": "incident-response", "case": "case-9",
        "fields": ["message", "event.original", "process.name", "log.syslog.appname", "user.name"],
        "reason": "whose number is it" });
    let path = "/api/v1/reveals";
    let (status, answer) = city.lead.ask(Method::POST, path, Some(&wanted)).unwrap();
    assert!(status == 400 && answer["detail"].as_str().unwrap().contains("holds a pseudonym"), "{answer}");
    // Nor does it make the token a matter of his own agency, whose owner would have to agree then.
    wanted = json!({ "agency": "agency-a", "tokens": [phone], "purpose": "incident-response", "case": "case-9",
        "reason": "whose number is it" });
    let (status, answer) = city.lead.ask(Method::POST, path, Some(&wanted)).unwrap();
    assert!(status == 400 && answer["detail"].as_str().unwrap().contains("stands in none"), "{answer}");
    wanted["agency"] = json!("agency-b");
    assert_eq!(city.lead.ask(Method::POST, path, Some(&wanted)).unwrap().0, 200, "where it does stand");
}

/// An account with a password that speaks for an agency.
fn account(server: &Server, name: &str, role: &str, agency: &str) {
    let mut add = server.command(&["user", "add", name, "--role", role, "--agency", agency]);
    let mut child = add.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "no account for `{name}`");
}

#[test]
fn data_is_asked_for_and_a_value_is_revealed_in_chromium() {
    if !has("chromium") || !has("node") || !has("python3") {
        return;
    }
    let mut city = city();
    let token = events(&mut city.lead)[0]["fields"]["user.name"].as_str().unwrap().to_owned();
    let (_, _, codes) = enrol(&mut city.lead);
    // Set-up must be over, or the page asks for it.
    city.server.user_with_password("quantri", "admin", PASSWORD).unwrap();
    account(&city.server, "lan", "agency-officer", "agency-a");
    account(&city.server, "ha", "data-owner", "agency-b");
    let one = asked(
        &mut city.lead,
        "/api/v1/reveals",
        &json!({
            "agency": "agency-b", "tokens": [token], "purpose": "incident-response", "case": "case-1", "reason": "which one it is",
        }),
    );
    assert_eq!(step(&city.owner, &one, "approve", &json!({})).0, 200);
    let value = values(&mut city.lead, &one).1["values"][0]["value"].clone();
    let withdrawn = step(&city.owner, &one, "withdraw", &json!({ "reason": "known now" }));
    assert_eq!(withdrawn.0, 200, "{}", withdrawn.1);
    let users = json!({
        "officer": { "name": "lan", "password": PASSWORD }, "owner": { "name": "ha", "password": PASSWORD },
        "lead": { "name": "truong", "password": PASSWORD, "codes": codes }, "token": token, "value": value,
    });
    let users_file = city.server.path("users.json");
    std::fs::write(&users_file, users.to_string()).unwrap();
    let folder = repository().join("tests/browser");
    if !folder.join("node_modules").exists() {
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder)).unwrap();
    }
    let mut journey = Command::new("node");
    journey.arg("access.mjs").current_dir(&folder).env("METROSOC_USERS_FILE", &users_file);
    journey.env("METROSOC_URL", format!("https://localhost:{}", city.server.port("https")));
    let text = String::from_utf8(run(&mut journey).unwrap().stdout).unwrap();
    assert!(text.contains(" passed, 0 failed"), "{text}");
}

/// An export as lines, with the ledger's entry of it.
fn exported(lead: &Api, recipient: &str) -> Vec<Value> {
    let form =
        json!({ "query": "user.name:*", "purpose": "incident-response", "case": "case-9", "recipient": recipient });
    let answer = lead.request(Method::POST, "/api/v1/events/export").json(&form).send().unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let text = answer.text().unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_recipient_of_an_export_gets_tokens_of_his_own() {
    let mut city = city();
    let events = events(&mut city.lead);
    let ours: BTreeSet<String> =
        events.iter().map(|event| event["fields"]["user.name"].as_str().unwrap().to_owned()).collect();
    let lead = city.server.user("truong-2", Role("soc-lead", None)).unwrap();
    let [police, health, again] = ["cong-an", "so-y-te", "cong-an"].map(|recipient| exported(&lead, recipient));
    let users = |lines: &[Value]| -> Vec<String> {
        lines.iter().map(|line| line["user.name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(police.len(), PEOPLE);
    assert_eq!(police, again, "one recipient gets the same tokens every time");
    let (one, other): (BTreeSet<String>, BTreeSet<String>) =
        (users(&police).into_iter().collect(), users(&health).into_iter().collect());
    assert!(one.len() == PEOPLE && other.len() == PEOPLE, "one token a person");
    assert!(one.is_disjoint(&other) && one.is_disjoint(&ours) && other.is_disjoint(&ours));
    let all = json!([police, health]).to_string();
    assert!(ours.iter().all(|token| !all.contains(token)), "none of ours, in no field and no text");
    assert!(!all.contains("nguyen.van") && !all.contains("metrosoc.pseudonyms"));
    for line in &police {
        assert!(line["event.original"].as_str().unwrap().contains(line["user.name"].as_str().unwrap()), "{line}");
    }
    // A recipient's token is nobody's pseudonym here.
    let his = one.first().unwrap();
    let ask = json!({ "agency": "agency-b", "tokens": [his], "purpose": "incident-response", "case": "case-9", "reason": "x" });
    let (status, answer) = lead.post("/api/v1/reveals", &ask).unwrap();
    assert!(status == 400 && answer["detail"].as_str().unwrap().contains("stands in none"), "{answer}");

    let form = json!({ "query": "user.name:*", "purpose": "incident-response", "recipient": "cong-an",
        "fields": ["@timestamp", "user.name"] });
    let csv = lead.request(Method::POST, "/api/v1/events/export").header("accept", "text/csv").json(&form);
    let csv = csv.send().unwrap().text().unwrap();
    assert!(csv.starts_with("'@timestamp,user.name\r\n") && csv.lines().count() == PEOPLE + 1, "{csv}");
    assert!(csv.contains(his.as_str()), "{csv}");
    for (wrong, status) in [
        (json!({ "query": "a:(", "purpose": "incident-response", "recipient": "x" }), 400),
        (json!({ "query": "*", "purpose": "incident-response", "recipient": "" }), 400),
        (json!({ "query": "*", "purpose": "", "recipient": "x" }), 403),
    ] {
        assert_eq!(lead.post("/api/v1/events/export", &wrong).unwrap().0, status, "{wrong}");
    }
    let analyst = city.server.user("phan", Role("analyst-tier2", None)).unwrap();
    let form = json!({ "query": "*", "purpose": "incident-response", "recipient": "x" });
    assert_eq!(analyst.post("/api/v1/events/export", &form).unwrap().0, 403);
    let (_, audit) = city.auditor.get("/api/v1/audit?action=export_events").unwrap();
    let counts: Vec<&Value> = audit["entries"].as_array().unwrap().iter().map(|one| &one["detail"]["count"]).collect();
    assert_eq!(counts, [&json!(PEOPLE); 4], "{audit}");
    assert_eq!(audit["entries"][0]["detail"]["recipient"], "cong-an", "{audit}");
}

//! Access requests: an officer of one agency asks for data of another, the data owner narrows, the protection officer is
//! the second where it is sensitive, and what is granted is what is seen, until it ends.

use std::os::unix::fs::PermissionsExt as _;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\nhcm-b,Site B,agency-b,dc2,\n";

struct City {
    server: Server,
    officer: Api,
    owner: Api,
    dpo: Api,
    auditor: Api,
}

fn city() -> City {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    for (site, user) in [("hcm-a", "an"), ("hcm-b", "root"), ("hcm-b", "binh")] {
        let file = server.path(&format!("{site}-{user}.log"));
        let line = format!(
            "<86>1 2026-11-03T00:00:01Z srv sshd 10 - - Failed password for {user} from 203.0.113.2 port 22 ssh2\n"
        );
        std::fs::write(&file, line.repeat(2)).unwrap();
        server.cli(&["import", "--site", site, &file.display().to_string()]).unwrap();
    }
    let officer = server.user("lan", Role("agency-officer", Some("agency-a"))).unwrap();
    server.user("tu", Role("agency-officer", Some("agency-a"))).unwrap();
    let owner = server.user("chu", Role("data-owner", Some("agency-b"))).unwrap();
    let dpo = server.user("bao-ve", Role("dpo", None)).unwrap();
    let auditor = server.user("kiem", Role("auditor", None)).unwrap();
    let lead = server.user("truong", Role("soc-lead", None)).unwrap();
    wait_for("the events", 30, || Ok((lead.count("*")? == 6).then_some(()))).unwrap();
    City { server, officer, owner, dpo, auditor }
}

fn in_secs(secs: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let then = i64::try_from(now.as_secs()).unwrap() + secs;
    event::Timestamp::from_secs(then).to_string()
}

fn ask(api: &Api, fields: &[&str], filter: &str, purpose: &str, secs: i64) -> String {
    let body = json!({
        "agency": "agency-b", "purpose": purpose, "reason": "who knocks at both",
        "terms": { "fields": fields, "filter": filter, "from": in_secs(-60), "until": in_secs(secs), "people": ["lan"] },
    });
    let (status, answer) = api.post("/api/v1/requests", &body).unwrap();
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["request"]["state"], "asked", "{answer}");
    answer["request"]["id"].as_str().unwrap().to_owned()
}

fn act(api: &Api, id: &str, act: &str, body: &Value) -> (u16, Value) {
    api.post(&format!("/api/v1/requests/{id}/{act}"), body).unwrap()
}

/// What somebody sees through a grant: status and answer.
fn through(api: &Api, grant: &str, body: &Value) -> (u16, Value) {
    let request = api.request(Method::POST, "/api/v1/search").header("metrosoc-grant", grant).json(body);
    let answer = request.send().unwrap();
    (answer.status().as_u16(), answer.json().unwrap())
}

fn total(answer: &Value) -> u64 {
    answer["total"].as_u64().unwrap()
}

#[test]
fn what_was_granted_is_seen_and_nothing_else() {
    let city = city();
    let City { officer, owner, auditor, .. } = &city;
    assert_eq!(officer.count("*").unwrap(), 2, "the own agency alone");
    let id = ask(officer, &["user.name", "source.ip"], "user.name:*", "agency-review", 3_600);
    let all = json!({ "query": "*", "limit": 10 });
    assert_eq!(through(officer, &id, &all).0, 403, "asked is not granted");
    assert_eq!(act(officer, &id, "approve", &json!({})).0, 403, "nobody approves his own");
    let to = json!({ "fields": ["user.name"], "filter": "user.name:root" });
    let (status, answer) = act(owner, &id, "narrow", &json!({ "reason": "root alone", "to": to }));
    assert_eq!((status, &answer["request"]["state"]), (200, &json!("narrowed")), "{answer}");

    let (status, answer) = through(officer, &id, &all);
    assert_eq!((status, total(&answer)), (200, 2), "{answer}");
    for hit in answer["hits"].as_array().unwrap() {
        assert_eq!(hit["fields"]["user.name"], "root", "{hit}");
        assert_eq!(hit["fields"]["metrosoc.agency.id"], "agency-b", "{hit}");
        for hidden in ["source.ip", "message", "event.original"] {
            assert!(hit["fields"].get(hidden).is_none(), "{hidden}: {hit}");
        }
    }
    // Neither by a query, nor by counting, nor by an event's number does more come out.
    assert_eq!(total(&through(officer, &id, &json!({ "query": "user.name:binh OR *" })).1), 2);
    assert_eq!(total(&through(officer, &id, &json!({ "query": "user.name:binh" })).1), 0);
    assert_eq!(through(officer, &id, &json!({ "query": "source.ip:203.0.113.2" })).0, 403);
    let grouped = json!({ "query": "*", "aggregations": { "who": { "terms": { "field": "user.name" } } } });
    let (status, answer) = through(officer, &id, &grouped);
    assert!(status == 200 && !answer["aggregations"].to_string().contains("binh"), "{answer}");
    let lead = city.server.user("truong-2", Role("soc-lead", None)).unwrap();
    for hit in lead.search(&all).unwrap()["hits"].as_array().unwrap() {
        let path = format!("/api/v1/events/{}", hit["id"]);
        let answer = officer.request(Method::GET, &path).header("metrosoc-grant", &id).send().unwrap();
        let granted = hit["fields"]["user.name"] == "root";
        assert_eq!(answer.status().as_u16(), if granted { 200 } else { 404 }, "{hit}");
    }
    // The command line goes the same way.
    let file = city.server.path("officer.token");
    std::fs::write(&file, officer.token().unwrap()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let cli = |arguments: &[&str]| {
        let mut command = city.server.command(&["search", "--json", "user.name:*"]);
        let output = command.args(arguments).env("METROSOC_TOKEN_FILE", &file).output().unwrap();
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default())
    };
    let (code, answer) = cli(&["--grant", &id]);
    assert_eq!((code, total(&answer)), (Some(0), 2), "{answer}");
    assert_eq!(answer["hits"][0]["fields"]["user.name"], "root", "{answer}");
    assert_eq!(cli(&["--grant", "none"]).0, Some(77));
    // For another purpose, or by somebody else, it is none.
    let (status, answer) = through(officer, &id, &json!({ "query": "*", "purpose": "incident-response" }));
    assert_eq!(status, 403, "{answer}");
    let tu = city.server.user("tu-2", Role("agency-officer", Some("agency-a"))).unwrap();
    assert_eq!(through(&tu, &id, &all).0, 403);

    let page = officer.request(Method::GET, &format!("/api/v1/requests/{id}/agreement")).send().unwrap();
    assert_eq!(page.headers()["content-type"], "text/markdown; charset=utf-8");
    let page = page.text().unwrap();
    assert!(page.contains("Thỏa thuận") && page.contains("agency-review") && page.contains("user.name"), "{page}");

    let (status, answer) = act(owner, &id, "withdraw", &json!({ "reason": "the review is done" }));
    assert_eq!((status, &answer["request"]["state"]), (200, &json!("withdrawn")), "{answer}");
    assert_eq!(through(officer, &id, &all).0, 403, "at the next read");
    let (_, audit) = auditor.get("/api/v1/audit?action=grant_changed").unwrap();
    let changes = audit["entries"].as_array().unwrap();
    assert_eq!(changes.len(), 2, "granted, and taken back: {audit}");
    assert!(changes.iter().all(|one| one["object"] == format!("grant:{id}") && one["actor"] == "chu"), "{audit}");
    for action in ["request_asked", "request_narrowed", "request_withdrawn"] {
        let (_, audit) = auditor.get(&format!("/api/v1/audit?action={action}")).unwrap();
        assert_eq!(audit["entries"][0]["object"], format!("request:{id}"), "{audit}");
    }
}

#[test]
fn sensitive_data_takes_two_units_and_ends_by_itself() {
    let city = city();
    let City { officer, owner, dpo, .. } = &city;
    let id = ask(officer, &["message", "event.original"], "", "incident-response", 30);
    let (_, answer) = act(owner, &id, "approve", &json!({}));
    assert_eq!(answer["request"]["state"], "asked", "one of two: {answer}");
    assert_eq!(act(owner, &id, "approve", &json!({})).0, 403);
    let all = json!({ "query": "*", "purpose": "incident-response" });
    assert_eq!(through(officer, &id, &all).0, 403);
    let (status, answer) = act(dpo, &id, "approve", &json!({}));
    assert_eq!((status, &answer["request"]["state"]), (200, &json!("approved")), "{answer}");
    let (status, answer) = through(officer, &id, &all);
    assert_eq!((status, total(&answer)), (200, 4), "{answer}");
    wait_for("the end of the grant", 60, || Ok((through(officer, &id, &all).0 == 403).then_some(()))).unwrap();
    wait_for("its state", 20, || {
        let (_, answer) = officer.get(&format!("/api/v1/requests/{id}"))?;
        Ok((answer["request"]["state"] == "expired").then_some(()))
    })
    .unwrap();
    let (_, audit) = city.auditor.get("/api/v1/audit?action=grant_ending").unwrap();
    assert_eq!(audit["entries"][0]["object"], format!("request:{id}"), "{audit}");

    let refused = ask(officer, &["source.ip"], "", "agency-review", 3_600);
    assert_eq!(act(owner, &refused, "refuse", &json!({ "reason": "", "basis": "public-task" })).0, 400);
    let body = json!({ "reason": "the review needs no addresses", "basis": "public-task" });
    let (_, answer) = act(owner, &refused, "refuse", &body);
    assert_eq!(answer["request"]["state"], "refused", "{answer}");
    assert_eq!(answer["request"]["refusal_basis"], "public-task", "{answer}");
    let (_, list) = officer.get("/api/v1/requests?state=refused").unwrap();
    assert_eq!(list["requests"][0]["history"][1]["text"], "the review needs no addresses", "{list}");
}

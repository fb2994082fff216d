//! What a tier-1 analyst, an agency officer, an auditor and a machine see of events and alerts is what the policy says.

use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\nhcm-b,Site B,agency-b,dc2,\n";
const SECRET: &str = "nguyenvana";

fn line(user: &str, address: &str) -> String {
    format!(
        "<86>1 2026-11-03T00:00:01Z srv-1 sshd 10 - - Failed password for invalid user {user} from {address} port 22022 ssh2\n"
    )
}

fn prepared() -> Server {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    for (site, address) in [("hcm-a", "203.0.113.1"), ("hcm-b", "2001:db8::b")] {
        let file = server.path(&format!("{site}.log"));
        std::fs::write(&file, line(SECRET, address).repeat(12)).unwrap();
        server.cli(&["import", "--site", site, &file.display().to_string()]).unwrap();
    }
    server
}

fn alerts_of(api: &Api) -> Vec<Value> {
    wait_for("alerts", 20, || {
        let (status, answer) = api.get("/api/v1/alerts")?;
        assert_eq!(status, 200, "{answer}");
        let mut alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        // Not those about the product's own acts, such as making the accounts of this test.
        alerts.retain(|alert| alert["entities"]["site"] != "local");
        Ok((!alerts.is_empty()).then_some(alerts))
    })
    .unwrap()
}

#[test]
fn tier_1_sees_through_masks_on_every_path() {
    let server = prepared();
    let api = server.user("tu", Role("analyst-tier1", None)).unwrap();
    let by_user = json!({ "names": { "terms": { "field": "user.name", "size": 5 } } });
    for refused in [
        json!({ "query": format!("user.name:{SECRET}") }),
        json!({ "query": "user.name:*" }),
        json!({ "query": "user.name:nguyen*" }),
        json!({ "query": SECRET }),
        json!({ "query": "\"Failed password\"" }),
        json!({ "query": format!("message:{SECRET}") }),
        json!({ "query": format!("event.original:{SECRET}") }),
        json!({ "query": "*", "aggregations": by_user }),
    ] {
        let (status, answer) = api.post("/api/v1/search", &refused).unwrap();
        assert_eq!(status, 403, "{refused}: {answer}");
    }
    let answer = api.search(&json!({ "query": "event.outcome:failure", "limit": 50 })).unwrap();
    assert_eq!(answer["total"], 24);
    assert!(!answer["explanation"].as_array().unwrap().is_empty());
    assert!(answer["ledger"].is_u64());
    let id = answer["hits"][0]["id"].clone();
    assert!(answer["hits"][0]["fields"].get("message").is_none());
    assert!(answer["hits"][0]["fields"].get("event.original").is_none());
    let alerts = alerts_of(&api);
    let alert = alerts[0]["id"].as_str().unwrap().to_owned();
    for seen in [
        answer,
        api.get(&format!("/api/v1/events/{id}")).unwrap().1,
        api.get(&format!("/api/v1/alerts/{alert}")).unwrap().1,
        json!(alerts),
        api.get("/api/v1/fields").unwrap().1,
        api.patch(&format!("/api/v1/alerts/{alert}"), &json!({ "status": "acknowledged" })).unwrap().1,
    ] {
        assert!(!seen.to_string().contains(SECRET), "leak: {seen}");
    }
    assert_eq!(api.get("/api/v1/audit").unwrap().0, 403);
    assert_eq!(api.get("/api/v1/users").unwrap().0, 403);
}

#[test]
fn an_officer_sees_the_own_agency_only() {
    let server = prepared();
    let api = server.user("officer-b", Role("agency-officer", Some("agency-b"))).unwrap();
    let answer = api.search(&json!({ "query": "*", "limit": 100 })).unwrap();
    assert_eq!(answer["total"], 12);
    let hits = answer["hits"].as_array().unwrap();
    assert!(hits.iter().all(|hit| hit["fields"]["metrosoc.site.id"] == "hcm-b"), "{answer}");
    let sites =
        json!({ "query": "*", "limit": 0, "aggregations": { "s": { "terms": { "field": "metrosoc.site.id" } } } });
    let buckets = api.search(&sites).unwrap()["aggregations"]["s"]["buckets"].clone();
    assert_eq!(buckets, json!([{ "key": "hcm-b", "count": 12 }]));
    let alerts = alerts_of(&api);
    assert!(alerts.iter().all(|alert| alert["entities"]["agency"] == "agency-b"), "{alerts:?}");
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let other =
        lead.search(&json!({ "query": "metrosoc.site.id:hcm-a", "limit": 1 })).unwrap()["hits"][0]["id"].clone();
    assert_eq!(api.get(&format!("/api/v1/events/{other}")).unwrap().0, 404);
    let foreign = alerts_of(&lead).into_iter().find(|alert| alert["entities"]["agency"] == "agency-a").unwrap();
    let foreign = foreign["id"].as_str().unwrap();
    assert_eq!(api.get(&format!("/api/v1/alerts/{foreign}")).unwrap().0, 404);
    assert_eq!(api.patch(&format!("/api/v1/alerts/{foreign}"), &json!({ "status": "acknowledged" })).unwrap().0, 403);
    let (_, sites) = api.get("/api/v1/sites").unwrap();
    assert_eq!(sites["total"], 1);
    assert_eq!(api.get("/api/v1/sites/unknown").unwrap().0, 403);
}

#[test]
fn those_without_events_get_none() {
    let server = prepared();
    for role in ["auditor", "dpo", "machine"] {
        let api = server.user(role, Role(role, None)).unwrap();
        assert_eq!(api.post("/api/v1/search", &json!({ "query": "*" })).unwrap().0, 403, "{role}");
        assert_eq!(api.get("/api/v1/alerts").unwrap().0, 403, "{role}");
    }
    let auditor = server.user("auditor-2", Role("auditor", None)).unwrap();
    let (status, audit) = auditor.get("/api/v1/audit?limit=100").unwrap();
    assert_eq!(status, 200, "{audit}");
    assert!(audit["entries"].to_string().contains("user_created"), "{audit}");
    // The operator at the Unix socket administers, and reads no event.
    let output = server.command(&["search", "*"]).output().unwrap();
    assert_eq!(output.status.code(), Some(77), "{}", String::from_utf8_lossy(&output.stderr));
}

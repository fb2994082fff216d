//! The product watches itself: failed sign-ins of an administrator, an analyst who reads of people without a case, and a
//! certificate asked for a site that nobody knows raise the alerts of their rules; who reads of that is the auditor.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
const SIGN_IN_REFUSED: &str = "70d45df3-6445-46e5-96ac-0ba8562f80f7";
const PEOPLE_WITHOUT_CASE: &str = "e1a0892f-219e-4b4e-88a1-079b86a082b2";
const UNKNOWN_SITE: &str = "d0d7c962-f04c-4379-a570-a74f1253aac0";

fn call(user: u32) -> String {
    let call = json!({
        "gateway": "lgsp", "time": "2026-11-03T00:00:01Z", "consumer": "agency-a", "api": "/citizens/v1/lookup",
        "method": "GET", "status": 200, "records": 1, "purpose": "residence", "client_ip": "10.1.2.3",
        "user": format!("officer-{user}"), "token_id": "t1",
    });
    format!("{call}\n")
}

/// The alert of a rule, once there is one that `fits`.
fn alert(api: &Api, rule: &str, fits: impl Fn(&Value) -> bool) -> Value {
    wait_for("the alert", 30, || {
        let (status, answer) = api.get("/api/v1/alerts?limit=100")?;
        anyhow::ensure!(status == 200, "{answer}");
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        Ok(alerts.into_iter().find(|alert| alert["rule"]["id"] == rule && fits(alert)))
    })
    .unwrap()
}

fn record(auditor: &Api, query: &str) -> Vec<Value> {
    let (status, answer) = auditor.post("/api/v1/audit/search", &json!({ "query": query, "limit": 500 })).unwrap();
    assert_eq!(status, 200, "{answer}");
    answer["hits"].as_array().cloned().unwrap_or_default()
}

fn ids(hits: &[Value]) -> BTreeSet<String> {
    hits.iter().map(|hit| hit["fields"]["event.id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_the_product_did_raises_alerts_and_only_auditors_read_of_it() {
    let mut server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let lead_token = server.token("lead", Role("soc-lead", None)).unwrap();
    let auditor_token = server.token("mai", Role("auditor", None)).unwrap();
    let api =
        |server: &Server, token: &str| Api::new(server.port("https"), server.roots(), Some(token.to_owned())).unwrap();
    let (lead, auditor) = (api(&server, &lead_token), api(&server, &auditor_token));

    // Somebody tries the password of an administrator.
    server.user_with_password("quan-tri", "admin", "con ngua sat cua lang").unwrap();
    let stranger = server.anonymous().unwrap();
    for _ in 0..3 {
        let form = json!({ "name": "quan-tri", "password": "mot hai ba bon nam" });
        assert_eq!(stranger.post("/api/v1/session", &form).unwrap().0, 401);
    }
    let found = alert(&lead, SIGN_IN_REFUSED, |alert| alert["count"].as_u64() >= Some(3));
    assert_eq!(found["entities"]["user"], "quan-tri", "{found}");

    // An analyst looks through people: with a case nothing is said, without one it is.
    let calls = server.path("calls.ndjson");
    std::fs::write(&calls, (0..30).map(call).collect::<String>()).unwrap();
    server.cli(&["import", "--site", "hcm-a", &calls.display().to_string()]).unwrap();
    let analyst = server.user("lan", Role("analyst-tier2", None)).unwrap();
    let question =
        |case: Option<&str>| json!({ "query": "lgsp.api:\"/citizens/v1/lookup\"", "limit": 30, "case": case });
    let shown = wait_for("the calls are found", 20, || {
        let answer = analyst.search(&question(Some("case-17")))?;
        Ok((answer["total"] == 30).then_some(answer))
    })
    .unwrap();
    let person = shown["hits"][0]["id"].as_u64().unwrap();
    assert_eq!(analyst.get(&format!("/api/v1/events/{person}?case=case-17")).unwrap().0, 200);
    wait_for("the reading is in the record", 20, || {
        Ok((!record(&auditor, "event.action:read_event AND metrosoc.audit.case:\"case-17\"").is_empty()).then_some(()))
    })
    .unwrap();
    let (_, alerts) = lead.get("/api/v1/alerts?limit=100").unwrap();
    assert!(!alerts.to_string().contains(PEOPLE_WITHOUT_CASE), "{alerts}");
    for _ in 0..4 {
        analyst.search(&question(None)).unwrap();
    }
    assert_eq!(analyst.get(&format!("/api/v1/events/{person}")).unwrap().0, 200);
    let found = alert(&lead, PEOPLE_WITHOUT_CASE, |alert| alert["count"].as_u64() >= Some(5));
    assert_eq!(found["entities"]["user"], "lan", "{found}");
    let people = found["id"].as_str().unwrap().to_owned();

    // A certificate is asked for a site that nobody knows.
    let admin = server.user("an", Role("admin", None)).unwrap();
    assert_eq!(admin.post("/api/v1/certificates", &json!({ "site": "hcm-q99" })).unwrap().0, 404);
    let certificate = alert(&lead, UNKNOWN_SITE, |_| true)["id"].as_str().unwrap().to_owned();

    // The lead sees what the authority did and not who read what; in searches neither appears.
    wait_for("the event of the certificate is shown", 20, || {
        let (_, certificate) = lead.get(&format!("/api/v1/alerts/{certificate}"))?;
        Ok((certificate["events"][0]["fields"]["pki.reason"] == "unknown_site").then_some(()))
    })
    .unwrap();
    let (_, people) = lead.get(&format!("/api/v1/alerts/{people}")).unwrap();
    assert_eq!(people["events"], json!([]), "{people}");
    for query in ["event.module:metrosoc", "metrosoc.source.id:own*", "NOT event.module:lgsp"] {
        assert_eq!(lead.count(query).unwrap(), 0, "{query}");
    }
    assert_eq!(lead.count("*").unwrap(), 30);
    let officer = server.user("officer", Role("agency-officer", Some("agency-a"))).unwrap();
    assert_eq!(officer.search(&json!({ "query": "event.module:metrosoc" })).unwrap()["total"], 0);
    assert_eq!(lead.post("/api/v1/audit/search", &json!({ "query": "*" })).unwrap().0, 403);
    assert_eq!(auditor.post("/api/v1/search", &json!({ "query": "*" })).unwrap().0, 403);
    assert!(record(&auditor, "event.module:lgsp").is_empty());
    assert_eq!(record(&auditor, "event.action:sign_in_refused AND user.name:\"quan-tri\"").len(), 3);
    let own = record(&auditor, "event.action:read_event")[0]["id"].as_u64().unwrap();
    assert_eq!(auditor.get(&format!("/api/v1/audit/events/{own}")).unwrap().0, 200);
    assert_eq!(auditor.get(&format!("/api/v1/audit/events/{person}")).unwrap().0, 404);
    assert_eq!(lead.get(&format!("/api/v1/events/{own}")).unwrap().0, 404);

    // Who claims to be the record is not, and a power cut neither loses nor repeats an entry under another id.
    let shipper = server.user("shipper", Role("machine", None)).unwrap();
    let forged = json!({ "event": { "dataset": "metrosoc.pki", "module": "metrosoc", "action": "unknown_site" } });
    let sent = shipper.request(Method::POST, "/api/v1/ingest").header("content-type", "application/x-ndjson");
    assert_eq!(sent.body(format!("{forged}\n")).send().unwrap().status().as_u16(), 200);
    wait_for("the forged event is kept as what it is", 20, || {
        Ok((lead.count("sender.event.module:metrosoc AND event.dataset:json")? == 1).then_some(()))
    })
    .unwrap();
    assert!(record(&auditor, "event.action:unknown_site").is_empty());
    let before = ids(&record(&auditor, "event.action:(sign_in_refused OR search OR certificate_refused)"));
    assert!(before.len() >= 9, "{before:?}");
    server.kill_and_restart().unwrap();
    let auditor = api(&server, &auditor_token);
    let after = wait_for("the record is searchable again", 20, || {
        let after = ids(&record(&auditor, "event.action:(sign_in_refused OR search OR certificate_refused)"));
        Ok((after.is_superset(&before)).then_some(after))
    })
    .unwrap();
    assert!(after.len() <= before.len() + 3, "{before:?} {after:?}");
}

//! Every path says whether it shows what was logged, and each that does shows it through the masks.
//!
//! The table names every path of the server: one that is not in it fails the test. Values that tier 1 may not see are put
//! into events; whoever may see them finds them on the paths that show data (so that the test looks at the right place),
//! and tier 1 finds them on none.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
/// Hidden from tier 1 wherever they stand: an account's name, words of the text, the target of a command.
const SECRETS: [&str; 2] = ["nguyenvansecret", "22022 ssh2"];

/// What a path shows of what was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// Nothing of it: configuration, accounts, rules, certificates, counts of bytes.
    Nothing,
    /// Events, alerts or plans, through masks. Asked with this body (or what stands behind `?`).
    Data(&'static str),
    /// Data for those alone who see all of it: the audit record's readers, a proof's checker.
    Whole,
    /// Answers with what the request itself brought, masked.
    Brought,
}

use Shows::{Brought, Data, Nothing, Whole};

const TABLE: &[(&str, Shows)] = &[
    ("POST /api/v1/search", Data(r#"{"query":"event.outcome:failure","purpose":"triage"}"#)),
    ("GET /api/v1/events/{id}", Data("?purpose=triage")),
    ("POST /api/v1/events/export", Whole),
    ("GET /api/v1/fields", Nothing),
    ("GET /api/v1/alerts", Data("?limit=50")),
    ("GET /api/v1/alerts/{id}", Data("?purpose=triage")),
    ("PATCH /api/v1/alerts/{id}", Data(r#"{"status":"acknowledged"}"#)),
    ("GET /api/v1/risk", Data("?limit=20")),
    ("GET /api/v1/responses", Data("")),
    ("POST /api/v1/responses/{plan}/run", Nothing),
    ("POST /api/v1/responses/{plan}/undo", Nothing),
    ("POST /api/v1/rules/backtest", Nothing),
    ("GET /api/v1/rules/backtest/{id}", Data("backtest")),
    ("DELETE /api/v1/rules/backtest/{id}", Nothing),
    ("POST /api/v1/exceptions/preview", Nothing),
    ("POST /api/v1/mask", Brought),
    ("POST /access/v1/evaluation", Nothing),
    ("POST /access/v1/evaluations", Nothing),
    ("GET /.well-known/authzen-configuration", Nothing),
    ("GET /api/v1/reveals/{id}/values", Whole),
    ("POST /api/v1/subjects/find", Whole),
    ("POST /api/v1/subjects/shred", Whole),
    ("GET /api/v1/subjects/certificates/{id}", Nothing),
    ("POST /api/v1/subjects/export", Whole),
    ("GET /api/v1/subjects/shred", Whole),
    ("POST /api/v1/subjects/shred/{id}/approve", Nothing),
    ("POST /api/v1/subjects/shred/{id}/refuse", Nothing),
    ("GET /api/v1/subjects/restrictions", Whole),
    ("POST /api/v1/subjects/restrictions", Whole),
    ("POST /api/v1/subjects/restrictions/{id}/lift", Nothing),
    ("GET /api/v1/subjects/requests", Whole),
    ("POST /api/v1/subjects/requests", Whole),
    ("POST /api/v1/subjects/requests/{id}/acknowledge", Nothing),
    ("POST /api/v1/subjects/requests/{id}/extend", Nothing),
    ("POST /api/v1/subjects/requests/{id}/close", Nothing),
    ("GET /api/v1/subjects/requests/{id}/form", Nothing),
    ("GET /api/v1/ledger/events/{id}", Whole),
    ("POST /api/v1/audit/search", Whole),
    ("GET /api/v1/audit", Whole),
    ("GET /api/v1/audit/events/{id}", Whole),
    ("GET /api/v1/ledger/tile/entries/{bundle}", Whole),
    ("GET /ledger/tile/entries/{bundle}", Whole),
];

/// First steps of paths that neither hold nor give out what was logged. A path below them is named here as a group.
const WITHOUT_DATA: &[&str] = &[
    "/healthz",
    "/readyz",
    "/metrics",
    "/pki/",
    "/_bulk",
    "/{index}/",
    "/es/",
    "/v1/logs",
    "/api/v1/openapi.json",
    "/api/v1/setup",
    "/api/v1/session",
    "/api/v1/sessions",
    "/api/v1/oidc",
    "/api/v1/backup",
    "/api/v1/recover",
    "/api/v1/recovery-code",
    "/api/v1/users",
    "/api/v1/tokens/",
    "/api/v1/rules",
    "/api/v1/exceptions",
    "/api/v1/sites",
    "/api/v1/sources",
    "/api/v1/ingest",
    "/api/v1/import",
    "/api/v1/certificates",
    "/api/v1/edge/",
    "/api/v1/responses/status",
    "/api/v1/responses/reconcile",
    "/api/v1/policy",
    "/api/v1/requests",
    "/api/v1/reveals",
    "/api/v1/ledger/checkpoint",
    "/api/v1/ledger/proof/{index}",
    "/api/v1/ledger/tile/{level}/{tile}",
    "/api/v1/ledger/verify",
    "/ledger/checkpoint",
    "/ledger/tile/{level}/{tile}",
    "/api/v1/stats",
    "/api/v1/config",
    "/api/v1/reload",
    "/api/v1/keys",
];

fn documented(server: &Server) -> BTreeSet<String> {
    let (_, document) = server.anonymous().unwrap().get("/api/v1/openapi.json").unwrap();
    let paths = document["paths"].as_object().unwrap();
    let rows = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    rows.collect()
}

fn is_grouped(path: &str) -> bool {
    WITHOUT_DATA.iter().any(|group| {
        let below = group.ends_with('/') && path.starts_with(group);
        below || path == *group || path.strip_prefix(group).is_some_and(|rest| rest.starts_with('/'))
    })
}

fn prepared() -> Server {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let line = "<86>1 2026-11-03T00:00:01Z srv-1 sshd 10 - - Failed password for invalid user nguyenvansecret from \
                203.0.113.1 port 22022 ssh2\n";
    let file = server.path("sshd.log");
    std::fs::write(&file, line.repeat(12)).unwrap();
    server.cli(&["import", "--site", "hcm-a", &file.display().to_string()]).unwrap();
    server
}

fn alert_of(api: &Api) -> String {
    wait_for("an alert", 20, || {
        let (_, answer) = api.get("/api/v1/alerts")?;
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        let found = alerts.iter().find(|alert| alert["entities"]["site"] == "hcm-a");
        Ok(found.and_then(|alert| alert["id"].as_str()).map(str::to_owned))
    })
    .unwrap()
}

/// The answer of a backtest that asks for nothing that tier 1 may not ask.
fn backtest(api: &Api) -> (u16, String) {
    let yaml = "title: t\nlogsource: {product: linux}\ndetection: {s: {event.outcome: failure}, condition: s}\n";
    let (from, to) = ("2026-11-01T00:00:00Z", "2026-11-30T00:00:00Z");
    let asked = json!({ "yaml": yaml, "purpose": "triage", "from": from, "to": to });
    let (status, started) = api.post("/api/v1/rules/backtest", &asked).unwrap();
    assert!(status < 300, "{started}");
    let id = started["id"].as_str().unwrap_or_default().to_owned();
    let answer = wait_for("the backtest", 30, || {
        let (status, answer) = api.get(&format!("/api/v1/rules/backtest/{id}"))?;
        anyhow::ensure!(status == 200, "{answer}");
        Ok((answer["state"] != "running").then_some(answer))
    });
    (200, answer.unwrap().to_string())
}

fn ask(api: &Api, row: &str, body: &str, event: u64, alert: &str) -> (u16, String) {
    if body == "backtest" {
        return backtest(api);
    }
    let (method, path) = row.split_once(' ').unwrap();
    let id = if path.contains("/alerts/") { alert.to_owned() } else { event.to_string() };
    let mut url = path.replace("{id}", &id);
    let query = body.strip_prefix('?');
    url.extend(query.iter().flat_map(|query| ["?", query]));
    let mut request = api.request(Method::from_bytes(method.as_bytes()).unwrap(), &url);
    if query.is_none() && !body.is_empty() {
        request = request.header("content-type", "application/json").body(body.to_owned());
    }
    let response = request.send().unwrap();
    (response.status().as_u16(), response.text().unwrap())
}

#[test]
fn every_path_is_named_and_none_shows_what_masks_hide() {
    let server = prepared();
    let documented = documented(&server);
    let named: BTreeSet<String> = TABLE.iter().map(|(row, _)| (*row).to_owned()).collect();
    let path_of = |row: &String| row.split_once(' ').map(|(_, path)| path.to_owned()).unwrap_or_default();
    let unnamed: Vec<_> = documented.iter().filter(|row| !named.contains(*row) && !is_grouped(&path_of(row))).collect();
    assert!(unnamed.is_empty(), "paths of which nobody said what they show: {unnamed:?}");
    let gone: Vec<_> = named.difference(&documented).collect();
    assert!(gone.is_empty(), "in the table, and no path of the server: {gone:?}");

    let masked = server.user("tier-1", Role("analyst-tier1", None)).unwrap();
    let clear = server.user("lead", Role("soc-lead", None)).unwrap();
    let auditor = server.user("audit", Role("auditor", None)).unwrap();
    let alert = alert_of(&clear);
    let found = clear.search(&json!({ "query": "event.outcome:failure", "limit": 1 })).unwrap();
    let event = found["hits"][0]["id"].as_u64().unwrap();
    let mut shown = 0;
    for (row, shows) in TABLE {
        let secret_in = |text: &str| SECRETS.iter().find(|secret| text.contains(*secret)).copied();
        match shows {
            Data(body) => {
                let (status, text) = ask(&clear, row, body, event, &alert);
                assert_eq!(status, 200, "{row}: {text}");
                shown += usize::from(secret_in(&text).is_some());
                let (status, text) = ask(&masked, row, body, event, &alert);
                assert_eq!(status, 200, "{row}: {text}");
                assert_eq!(secret_in(&text), None, "{row} shows it to tier 1: {text}");
            }
            Whole => {
                let path = row.replace("{bundle}", "000.p/1");
                let (status, text) = ask(&masked, &path, "", event, &alert);
                // Not allowed, nothing that he may see, or a proof without the event.
                assert!(matches!(status, 200 | 400 | 403 | 404 | 415), "{row}: {status} {text}");
                assert_eq!(secret_in(&text), None, "{row} shows it to tier 1: {text}");
            }
            Nothing | Brought => {}
        }
    }
    // Search, one event, alerts in three ways, risk and the backtest do show it to who may see it.
    assert!(shown >= 6, "only {shown} paths show what is looked for: the test looks at the wrong place");
    // The record of all this holds none of it.
    let (_, audit) = auditor.get("/api/v1/audit?limit=500").unwrap();
    let audit: Value = audit;
    assert!(!audit.to_string().contains(SECRETS[0]), "{audit}");
}

//! Every path of the API answers every role as the policy file says, and nobody with 401.
//!
//! The table names what each path asks the policy for. A path that the server documents and the table does not name
//! fails the test, so that none is added without a decision about who may call it.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;
use tests::{Api, Role, Server, Setup, repository};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
const ROLES: [&str; 9] = [
    "analyst-tier1",
    "analyst-tier2",
    "soc-lead",
    "agency-officer",
    "data-owner",
    "auditor",
    "dpo",
    "admin",
    "machine",
];

/// Who may call a path.
enum Need {
    /// Everybody, signed in or not.
    Public,
    /// Everybody who is signed in.
    SignedIn,
    /// Everybody on this machine, and from elsewhere whoever has this.
    Here(&'static str),
    /// Whoever the policy allows one of these (`OBJECT OPERATION`), in whichever scope.
    One(&'static [&'static str]),
    /// Whoever the policy allows all of these, in whichever scope.
    All(&'static [&'static str]),
    /// Whoever the policy allows this in the scope `all`: what is shown belongs to no agency.
    Whole(&'static str),
    /// Nobody over the network, whatever the policy says: it hands out private keys.
    Socket,
    /// Whoever signed in on the page, and nobody by token.
    Session,
    /// Nobody but a site's certificate, whatever the policy says: it speaks as that site.
    Certificate,
}

use Need::{All, Certificate, Here, One, Public, Session, SignedIn, Socket, Whole};

/// `METHOD PATH`, the body (or what stands behind `?`), who may.
const TABLE: &[(&str, &str, Need)] = &[
    ("GET /healthz", "", Public),
    ("GET /readyz", "", Public),
    ("GET /metrics", "", Here("platform read")),
    ("GET /pki/roots.pem", "", Public),
    ("GET /pki/crl/{name}", "", Public),
    ("POST /_bulk", BULK, One(&["ingest write"])),
    ("PUT /_bulk", BULK, One(&["ingest write"])),
    ("POST /{index}/_bulk", BULK, One(&["ingest write"])),
    ("PUT /{index}/_bulk", BULK, One(&["ingest write"])),
    ("GET /es/", "", SignedIn),
    ("POST /es/_bulk", BULK, One(&["ingest write"])),
    ("PUT /es/_bulk", BULK, One(&["ingest write"])),
    ("POST /es/{index}/_bulk", BULK, One(&["ingest write"])),
    ("PUT /es/{index}/_bulk", BULK, One(&["ingest write"])),
    ("POST /v1/logs", "{}", One(&["ingest write"])),
    ("GET /.well-known/authzen-configuration", "", Public),
    ("POST /access/v1/evaluation", EVALUATION, One(&["decisions read"])),
    ("POST /access/v1/evaluations", EVALUATION, One(&["decisions read"])),
    ("GET /api/v1/openapi.json", "", Public),
    ("GET /api/v1/setup", "", Public),
    ("POST /api/v1/setup", "", Public),
    ("GET /api/v1/session", "", SignedIn),
    ("POST /api/v1/session", "", Public),
    ("DELETE /api/v1/session", "", SignedIn),
    ("POST /api/v1/session/second-step", "", Public),
    ("POST /api/v1/session/step-up", r#"{"code":"000000"}"#, Session),
    ("GET /api/v1/session/second-factor", "", Session),
    ("POST /api/v1/session/second-factor", "", Session),
    ("DELETE /api/v1/session/second-factor", "", Session),
    ("POST /api/v1/session/second-factor/confirm", r#"{"code":"000000"}"#, Session),
    ("POST /api/v1/session/second-factor/codes", "", Session),
    ("GET /api/v1/oidc", "", Public),
    ("GET /api/v1/oidc/start", "", Public),
    ("GET /api/v1/oidc/callback", "", Public),
    ("POST /api/v1/oidc/back-channel-logout", "", Public),
    ("GET /api/v1/sessions", "", SignedIn),
    ("DELETE /api/v1/sessions", "", SignedIn),
    ("DELETE /api/v1/sessions/{id}", "", SignedIn),
    ("POST /api/v1/recover", "", Public),
    ("POST /api/v1/recovery-code", r#"{"name":"nobody"}"#, One(&["users manage"])),
    ("GET /api/v1/users", "", One(&["users read"])),
    ("POST /api/v1/users", r#"{"name":"","role":"auditor"}"#, One(&["users manage"])),
    ("GET /api/v1/users/assignable", "", One(&["alerts write"])),
    ("PATCH /api/v1/users/{name}", r#"{"disabled":true}"#, One(&["users manage"])),
    ("GET /api/v1/users/{name}/tokens", "", One(&["users read"])),
    ("POST /api/v1/users/{name}/tokens", r#"{"label":"x","expires":null}"#, One(&["users manage"])),
    ("DELETE /api/v1/users/{name}/second-factor", "", One(&["users manage"])),
    ("GET /api/v1/users/{name}/sessions", "", One(&["users read"])),
    ("DELETE /api/v1/users/{name}/sessions", "", One(&["users manage"])),
    ("DELETE /api/v1/users/{name}/sessions/{id}", "", One(&["users manage"])),
    ("DELETE /api/v1/tokens/{id}", "", One(&["users manage"])),
    ("POST /api/v1/search", r#"{"query":"*"}"#, One(&["events read"])),
    ("POST /api/v1/mask", "?dataset=people&purpose=triage", One(&["decisions export"])),
    ("POST /api/v1/events/export", r#"{"query":"*","purpose":"triage","recipient":"x"}"#, One(&["events export"])),
    ("GET /api/v1/events/{id}", "", One(&["events read"])),
    ("GET /api/v1/fields", "", One(&["events read"])),
    ("GET /api/v1/alerts", "", One(&["alerts read"])),
    ("GET /api/v1/alerts/{id}", "", One(&["alerts read"])),
    ("PATCH /api/v1/alerts/{id}", r#"{"status":"acknowledged"}"#, One(&["alerts write"])),
    ("GET /api/v1/risk", "", One(&["alerts read"])),
    ("GET /api/v1/rules", "", One(&["rules read"])),
    ("GET /api/v1/rules/rejected", "", One(&["rules read"])),
    ("GET /api/v1/rules/silent", "", One(&["rules read"])),
    ("GET /api/v1/rules/{id}/versions", "", One(&["rules read"])),
    ("POST /api/v1/rules/backtest", BACKTEST, All(&["rules read", "events read"])),
    ("GET /api/v1/rules/backtest/{id}", "", All(&["rules read", "events read"])),
    ("DELETE /api/v1/rules/backtest/{id}", "", All(&["rules read", "events read"])),
    ("GET /api/v1/exceptions", "", One(&["rules read"])),
    ("POST /api/v1/exceptions", EXCEPTION, One(&["rules write"])),
    ("POST /api/v1/exceptions/preview", PREVIEW, All(&["rules read", "rules write", "events read"])),
    ("POST /api/v1/exceptions/{id}/withdraw", r#"{"reason":"not needed any more"}"#, One(&["rules write"])),
    ("GET /api/v1/sites", "", One(&["sites read"])),
    ("POST /api/v1/sites/import", "id,name,agency,data_center\n", One(&["sites manage"])),
    ("GET /api/v1/sites/unknown", "", Whole("sites read")),
    ("GET /api/v1/sources", "", One(&["sites read"])),
    ("POST /api/v1/ingest", "a line\n", One(&["ingest write"])),
    ("POST /api/v1/import", "?site=hcm-a&name=x", One(&["ingest write"])),
    ("GET /api/v1/import/position", "", One(&["ingest write"])),
    ("GET /api/v1/certificates", "", One(&["certificates read"])),
    ("POST /api/v1/certificates", r#"{"site":"nowhere"}"#, One(&["certificates manage"])),
    ("POST /api/v1/certificates/machines", r#"{"machine":"nobody"}"#, One(&["certificates manage"])),
    ("GET /api/v1/certificates/authority", "", One(&["certificates read"])),
    ("POST /api/v1/certificates/bulk", r#"{"out":"/nowhere"}"#, Socket),
    ("POST /api/v1/certificates/revoke", r#"{"target":"nowhere"}"#, One(&["certificates manage"])),
    ("POST /api/v1/certificates/tokens", r#"{"site":"nowhere"}"#, One(&["certificates manage"])),
    ("POST /api/v1/edge/batches", "x", Certificate),
    ("GET /api/v1/edge/position", "?stream=00000000000000000000000000000000", Certificate),
    ("POST /api/v1/edge/enrolments", "", Public),
    ("POST /api/v1/edge/certificate", r#"{"csr":"x"}"#, Certificate),
    ("GET /api/v1/responses", "", One(&["responses read"])),
    ("GET /api/v1/responses/status", "", One(&["responses read"])),
    ("POST /api/v1/responses/reconcile", "", One(&["responses manage"])),
    ("POST /api/v1/responses/{plan}/run", "", One(&["responses manage"])),
    ("POST /api/v1/responses/{plan}/undo", "", One(&["responses manage"])),
    ("GET /api/v1/policy", "", One(&["policy read"])),
    ("POST /api/v1/policy/explain", QUESTION, One(&["policy read"])),
    ("GET /api/v1/policy/versions", "", One(&["policy read"])),
    ("GET /api/v1/policy/export", "", One(&["policy read"])),
    ("GET /api/v1/policy/diff", "?from=embedded", One(&["policy read"])),
    ("POST /api/v1/policy/import", r#"{"files":{},"dry_run":true}"#, One(&["policy manage"])),
    ("POST /api/v1/policy/simulate", r#"{"files":{}}"#, One(&["policy read"])),
    ("GET /api/v1/policy/review", "", All(&["policy read", "users read"])),
    ("GET /api/v1/policy/requests", "", One(&["users read"])),
    ("POST /api/v1/policy/requests/{id}/approve", "", One(&["users write"])),
    ("POST /api/v1/policy/requests/{id}/refuse", r#"{"reason":"not needed"}"#, One(&["users write"])),
    ("GET /api/v1/policy/personnel", "", One(&["users read"])),
    ("POST /api/v1/policy/personnel", PERSONNEL, One(&["users write"])),
    ("GET /api/v1/policy/notices", "", One(&["audit read"])),
    ("POST /api/v1/policy/notices/{id}/acknowledge", "", One(&["audit read"])),
    ("GET /api/v1/requests", "", One(&["requests read"])),
    ("POST /api/v1/requests", REQUEST, One(&["requests write"])),
    ("GET /api/v1/requests/{id}", "", One(&["requests read"])),
    ("POST /api/v1/requests/{id}/approve", "", One(&["requests manage"])),
    ("POST /api/v1/requests/{id}/narrow", r#"{"reason":"less","to":{}}"#, One(&["requests manage"])),
    ("POST /api/v1/requests/{id}/refuse", r#"{"reason":"no","basis":"public-task"}"#, One(&["requests manage"])),
    ("POST /api/v1/requests/{id}/withdraw", r#"{"reason":"over"}"#, One(&["requests manage", "requests write"])),
    ("POST /api/v1/requests/{id}/delegate", r#"{"to":"nobody"}"#, One(&["requests manage"])),
    ("POST /api/v1/requests/{id}/renew", r#"{"until":"2222-01-01T00:00:00Z","reason":"on"}"#, One(&["requests write"])),
    ("GET /api/v1/requests/{id}/agreement", "", One(&["requests read"])),
    ("GET /api/v1/reveals", "", One(&["reveals read"])),
    ("POST /api/v1/reveals", REVEAL, One(&["reveals write"])),
    // A token alone breaks no glass: it takes a second factor.
    ("POST /api/v1/reveals/break-glass", REVEAL, Certificate),
    ("GET /api/v1/reveals/{id}/values", "", One(&["reveals write"])),
    ("POST /api/v1/reveals/{id}/approve", "", One(&["reveals manage"])),
    ("POST /api/v1/reveals/{id}/refuse", r#"{"reason":"no"}"#, One(&["reveals manage"])),
    ("POST /api/v1/reveals/{id}/withdraw", r#"{"reason":"over"}"#, One(&["reveals manage", "reveals write"])),
    ("POST /api/v1/reveals/{id}/review", r#"{"justified":true,"finding":"x"}"#, One(&["reveals manage"])),
    ("GET /api/v1/audit", "", One(&["audit read"])),
    ("POST /api/v1/audit/search", r#"{"query":"*"}"#, One(&["audit read"])),
    ("GET /api/v1/audit/events/{id}", "", One(&["audit read"])),
    ("GET /api/v1/ledger/checkpoint", "", One(&["platform read", "audit read"])),
    ("GET /api/v1/ledger/events/{id}", "", One(&["platform read", "audit read", "events read"])),
    ("GET /api/v1/ledger/tile/entries/{bundle}", "", Whole("audit read")),
    ("GET /api/v1/ledger/tile/{level}/{tile}", "", One(&["platform read", "audit read"])),
    ("GET /ledger/checkpoint", "", One(&["platform read", "audit read"])),
    ("GET /ledger/tile/entries/{bundle}", "", Whole("audit read")),
    ("GET /ledger/tile/{level}/{tile}", "", One(&["platform read", "audit read"])),
    ("GET /api/v1/ledger/proof/{index}", "", One(&["platform read", "audit read"])),
    ("POST /api/v1/ledger/verify", "", One(&["platform read", "audit read"])),
    ("POST /api/v1/subjects/find", SUBJECT, One(&["subjects read"])),
    ("POST /api/v1/subjects/shred", SUBJECT, One(&["subjects manage"])),
    ("GET /api/v1/subjects/certificates/{id}", "", One(&["subjects read"])),
    ("POST /api/v1/subjects/export", SUBJECT, One(&["subjects export"])),
    ("GET /api/v1/subjects/shred", "", One(&["subjects read"])),
    ("POST /api/v1/subjects/shred/{id}/approve", "", One(&["subjects manage"])),
    ("POST /api/v1/subjects/shred/{id}/refuse", r#"{"reason":"no"}"#, One(&["subjects manage"])),
    ("GET /api/v1/subjects/restrictions", "", One(&["subjects read"])),
    ("POST /api/v1/subjects/restrictions", SUBJECT, One(&["subjects write"])),
    ("POST /api/v1/subjects/restrictions/{id}/lift", r#"{"reason":"over"}"#, One(&["subjects write"])),
    ("GET /api/v1/subjects/requests", "", One(&["subjects read"])),
    ("POST /api/v1/subjects/requests", r#"{"kind":"access","reference":"1/2026"}"#, One(&["subjects write"])),
    ("POST /api/v1/subjects/requests/{id}/acknowledge", "", One(&["subjects write"])),
    ("POST /api/v1/subjects/requests/{id}/extend", r#"{"reason":"x"}"#, One(&["subjects write"])),
    ("POST /api/v1/subjects/requests/{id}/close", r#"{"outcome":"fulfilled"}"#, One(&["subjects write"])),
    ("GET /api/v1/subjects/requests/{id}/form", "", One(&["subjects read"])),
    ("GET /api/v1/stats", "", One(&["sites read"])),
    ("GET /api/v1/config", "", One(&["platform read"])),
    ("POST /api/v1/reload", "", One(&["platform manage"])),
    ("GET /api/v1/keys", "", One(&["platform read"])),
    ("POST /api/v1/keys/rotate", r#"{"keys":"look-up"}"#, One(&["platform manage"])),
    ("POST /api/v1/backup", r#"{"to":"/nowhere"}"#, Socket),
];

const SUBJECT: &str = r#"{"values":["0912345678"],"reason":"tried by a test"}"#;
const BULK: &str = "{\"create\":{}}\n{\"message\":\"one\"}\n";
const EXCEPTION: &str =
    r#"{"rules":["x"],"fields":{"user.name":"x"},"reason":"tried by a test","expires":"2222-01-01T00:00:00Z"}"#;
const PREVIEW: &str = r#"{"exception":{"rules":["x"],"fields":{"user.name":"x"},"reason":"tried by a test","expires":"2222-01-01T00:00:00Z"}}"#;
const BACKTEST: &str =
    r#"{"yaml":"title: t\nlogsource: {product: nginx}\ndetection: {s: {event.outcome: x}, condition: s}\n"}"#;
const EVALUATION: &str =
    r#"{"subject":{"type":"role","id":"auditor"},"action":{"name":"read"},"resource":{"type":"audit","id":"*"}}"#;
const PERSONNEL: &str = r#"{"account":"nobody-yet","kind":"training","begins":"2026-01-01T00:00:00Z","ends":"2036-01-01T00:00:00Z","document":"x"}"#;
const REQUEST: &str = r#"{"agency":"agency-b","purpose":"agency-review","reason":"x","terms":{"fields":["source.ip"],"from":"2026-01-01T00:00:00Z","until":"2222-01-01T00:00:00Z","people":["nobody-yet"]}}"#;
const REVEAL: &str =
    r#"{"agency":"agency-a","tokens":["x"],"purpose":"incident-response","case":"case-1","reason":"x"}"#;
const QUESTION: &str = r#"{"role":"auditor","operation":"read","object":"audit"}"#;

/// The policy file, read by itself and not by the guard that is tested.
struct PolicyFile {
    lines: Vec<Vec<String>>,
}

impl PolicyFile {
    fn read() -> Self {
        let text = std::fs::read_to_string(repository().join("rules/policy/policy.csv")).unwrap();
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        Self { lines: lines.map(|line| line.split(',').map(|part| part.trim().to_owned()).collect()).collect() }
    }

    /// Whether a role may, with one of the scopes.
    fn allows(&self, role: &str, what: &str, scopes: &[&str]) -> bool {
        let (object, operation) = what.split_once(' ').unwrap();
        let mut roles = BTreeSet::from([role]);
        while let Some(more) = self
            .lines
            .iter()
            .find(|line| line[0] == "g" && roles.contains(line[1].as_str()) && !roles.contains(line[2].as_str()))
        {
            roles.insert(&more[2]);
        }
        let of = |effect: &'static str| {
            self.lines.iter().filter(move |line| line[0] == "p" && line[6] == effect).filter({
                let roles = roles.clone();
                move |line| {
                    roles.contains(line[1].as_str())
                        && (line[3] == object || line[3] == "any")
                        && (line[4] == operation || line[4] == "any")
                }
            })
        };
        of("deny").next().is_none() && of("allow").any(|line| scopes.contains(&line[2].as_str()))
    }
}

fn may(policy: &PolicyFile, role: &str, need: &Need) -> bool {
    match need {
        Public | SignedIn => true,
        Here(what) => policy.allows(role, what, &["all", "own_agency"]),
        One(whats) => whats.iter().any(|what| policy.allows(role, what, &["all", "own_agency"])),
        All(whats) => whats.iter().all(|what| policy.allows(role, what, &["all", "own_agency"])),
        Whole(what) => policy.allows(role, what, &["all"]),
        Socket | Certificate | Session => false,
    }
}

fn ask(api: &Api, row: &str, body: &str) -> (u16, String) {
    let (method, path) = row.split_once(' ').unwrap();
    let mut url = path.to_owned();
    for (name, value) in [
        ("{name}", "nobody"),
        ("{plan}", "none"),
        ("{index}", "1"),
        ("{id}", "1"),
        ("{level}", "0"),
        ("{tile}", "000.p/1"),
        ("{bundle}", "000.p/1"),
    ] {
        url = url.replace(name, value);
    }
    let query = body.strip_prefix('?');
    url.extend(query.iter().flat_map(|query| ["?", query]));
    let request = api.request(Method::from_bytes(method.as_bytes()).unwrap(), &url);
    let response = request.body(if query.is_some() { String::new() } else { body.to_owned() }).send().unwrap();
    (response.status().as_u16(), response.text().unwrap())
}

/// The kind of problem that an answer is (RFC 9457); empty for what is none.
fn problem(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    answer["type"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn every_path_answers_every_role_as_the_policy_file_says() {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let anonymous = server.anonymous().unwrap();
    let (_, document) = anonymous.get("/api/v1/openapi.json").unwrap();
    let mut documented = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            let public = about.get("security") == Some(&Value::Array(Vec::new()));
            documented.insert(format!("{} {path}", method.to_uppercase()), public);
        }
    }
    let named: Vec<String> = TABLE.iter().map(|(row, ..)| (*row).to_owned()).collect();
    let unnamed: Vec<_> = documented.keys().filter(|row| !named.contains(row)).collect();
    assert!(unnamed.is_empty(), "paths without a decision about who may call them: {unnamed:?}");
    let gone: Vec<_> = named.iter().filter(|row| !documented.contains_key(*row)).collect();
    assert!(gone.is_empty(), "in the table, and no path of the server: {gone:?}");

    for (row, body, need) in TABLE {
        assert_eq!(
            documented[*row],
            matches!(need, Public),
            "{row}: public in the document, or in the table, not both"
        );
        let (status, answer) = ask(&anonymous, row, body);
        match need {
            Public if row.starts_with("GET") => assert!(matches!(status, 200 | 404), "{row}: {status} {answer}"),
            // Signing in with an empty form: refused for the form, not for who sends it.
            Public => assert_eq!(status, 400, "{row}: {answer}"),
            Here(_) => assert_eq!(status, 200, "{row}: {answer}"),
            _ => assert_eq!((status, problem(&answer).as_str()), (401, "/problems/unauthenticated"), "{row}: {answer}"),
        }
    }

    let policy = PolicyFile::read();
    let mut answered = 0;
    for role in ROLES {
        let agency = matches!(role, "agency-officer" | "data-owner").then_some("agency-a");
        let api = server.user(&format!("some-{role}"), Role(role, agency)).unwrap();
        for (row, body, need) in TABLE.iter().filter(|(.., need)| !matches!(need, Public)) {
            let (status, answer) = ask(&api, row, body);
            if may(&policy, role, need) {
                assert!(!matches!(status, 401 | 403) && status < 500, "{role} may {row}: {status} {answer}");
            } else {
                assert_eq!(
                    (status, problem(&answer).as_str()),
                    (403, "/problems/denied"),
                    "{role} may not {row}: {answer}"
                );
            }
            answered += 1;
        }
    }
    assert_eq!(answered, ROLES.len() * TABLE.iter().filter(|(.., need)| !matches!(need, Public)).count());
}

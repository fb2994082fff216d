//! Signing in through a real OpenID Connect provider, its access tokens, its word about the end, and hostile answers.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Api, Browser, CLIENT_SECRET, Server, Setup, SignOnProvider, Walk, has, repository, run, wait_for, walk};

const COOKIE: &str = "__Host-metrosoc";
const FLOW: &str = "__Host-metrosoc-flow";
const DUE: &str = "[sign_in]\nsecond_factor_roles = [\"dpo\"]\n";
const PASSWORD: &str = "correct horse battery staple";
/// Ports are tried so often when somebody else takes them first.
const PORTS_TRIED: usize = 5;
const AUDIENCE: &str = "https://soc.example/api";

/// A MetroSOC with a provider beside it.
struct City {
    provider: SignOnProvider,
    server: Server,
    roots: PathBuf,
    _folder: TempDir,
}

impl City {
    fn start(more: &Value) -> Option<Self> {
        let mut tried = 0;
        loop {
            tried += 1;
            match Self::start_once(more) {
                Ok(city) => return city,
                Err(error) => {
                    let taken = error.to_string().contains("Address already in use");
                    assert!(taken && tried < PORTS_TRIED, "{error}");
                }
            }
        }
    }

    fn start_once(more: &Value) -> anyhow::Result<Option<Self>> {
        let people = json!({
            "17": { "preferred_username": "lan", "groups": ["everybody", "soc-leads"] },
            "18": { "preferred_username": "officer", "groups": ["officers"], "unit": "SYT" },
            "19": { "preferred_username": "nobody", "groups": ["everybody"] },
            "20": { "preferred_username": "quantri", "groups": ["soc-leads"] },
        });
        // A port that is free now, and may be somebody's in a moment: provider and server must know each other's address before they start.
        let port = TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port();
        let public_url = format!("https://localhost:{port}");
        let Some(provider) = SignOnProvider::start(&public_url, &people, more)? else { return Ok(None) };
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("client-secret");
        std::fs::write(&secret, CLIENT_SECRET).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let config = format!(
            "[https]\nlisten = \"[::]:{port}\"\n[oidc]\nissuer = \"{}\"\nname = \"City account\"\n\
             client_secret_file = \"{}\"\npublic_url = \"{public_url}\"\napi_audience = \"{AUDIENCE}\"\n\
             agency_claim = \"unit\"\nagencies = [{{ value = \"SYT\", agency = \"so-y-te\" }}]\n\
             roles = [{{ group = \"soc-leads\", role = \"soc-lead\" }}, {{ group = \"officers\", role = \"agency-officer\" }},\n\
             {{ group = \"machines\", role = \"machine\" }}]\n{DUE}",
            provider.issuer(),
            secret.display(),
        );
        let server = Server::start(&Setup { config, ..Setup::default() })?;
        let roots = folder.path().join("roots.pem");
        std::fs::write(&roots, server.roots()).unwrap();
        Ok(Some(Self { provider, server, roots, _folder: folder }))
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.server.port("https"))
    }

    fn walk(&self, login: &str, stop: Option<&str>) -> Walk {
        walk(&self.roots, &self.url("/api/v1/oidc/start"), login, stop, &BTreeMap::new()).unwrap()
    }

    fn browser(&self, walk: &Walk) -> Browser {
        let cookie = walk.cookies.get(COOKIE).cloned().unwrap_or_default();
        assert!(!cookie.is_empty(), "not signed in: {walk:?}");
        Browser::with_cookie(self.server.anonymous().unwrap(), &cookie).unwrap()
    }

    fn refused(&self, walk: &Walk) {
        assert!(!walk.cookies.contains_key(COOKIE), "signed in: {walk:?}");
        assert!(walk.url.ends_with("/#/alerts?sso=refused"), "{walk:?}");
    }

    fn api(&self, token: &str) -> Api {
        Api::new(self.server.port("https"), self.server.roots(), Some(token.to_owned())).unwrap()
    }
}

#[test]
fn people_sign_in_through_the_provider_and_groups_give_their_role() {
    let Some(mut city) = City::start(&json!({})) else { return };
    city.server.user_with_password("quantri", "admin", PASSWORD).unwrap();
    let (_, about) = city.server.anonymous().unwrap().get("/api/v1/oidc").unwrap();
    assert_eq!(about, json!({ "enabled": true, "name": "City account" }));
    let lan = city.walk("17", None);
    assert_eq!(lan.url, city.url("/"));
    assert!(lan.set.iter().any(|cookie| cookie.starts_with(COOKIE) && cookie.contains("SameSite=Strict")));
    let mut browser = city.browser(&lan);
    let (_, session) = browser.ask(Method::GET, "/api/v1/session", None).unwrap();
    assert_eq!((&session["user"]["name"], &session["user"]["role"]), (&json!("lan"), &json!("soc-lead")), "{session}");
    assert_eq!((&session["federated"], &session["authentication"]["strength"]), (&json!(true), &json!("federated")));
    let again = city.url("/api/v1/oidc/start?again");
    let again = walk(&city.roots, &again, "17", Some("/auth?"), &BTreeMap::new()).unwrap().url;
    assert!(again.contains("prompt=login") && again.contains("max_age=0"), "{again}");
    let out = session["sign_out_url"].as_str().unwrap();
    assert!(out.starts_with(city.provider.issuer()) && out.contains("post_logout_redirect_uri="), "{out}");
    let mut officer = city.browser(&city.walk("18", None));
    let (_, session) = officer.ask(Method::GET, "/api/v1/session", None).unwrap();
    assert_eq!(session["user"], json!({ "name": "officer", "role": "agency-officer", "agency": "so-y-te" }));

    // Who is in no group that gives a role gets nothing, not even an account; who calls himself like a local account is not it.
    city.refused(&city.walk("19", None));
    let mut named = city.browser(&city.walk("20", None));
    let (_, session) = named.ask(Method::GET, "/api/v1/session", None).unwrap();
    assert!(session["user"]["name"].as_str().unwrap().starts_with("quantri-"), "{session}");
    let users = String::from_utf8(city.server.cli(&["user", "list"]).unwrap().stdout).unwrap();
    assert!(users.contains("lan") && !users.contains("nobody"), "{users}");

    // The provider changes its keys; the next tokens name one that is not known yet.
    city.provider.rotate().unwrap();
    wait_for("tokens of the new keys are taken", 30, || Ok(city.walk("17", None).cookies.get(COOKIE).cloned()))
        .unwrap();

    // The provider's word that he signed out ends his sessions, and nobody else's.
    let mut last = city.browser(&city.walk("17", None));
    city.provider.log_out("17").unwrap();
    wait_for("the session ends", 20, || Ok((last.ask(Method::GET, "/api/v1/session", None)?.0 == 401).then_some(())))
        .unwrap();
    assert_eq!(officer.ask(Method::GET, "/api/v1/session", None).unwrap().0, 200);
    city.server.cli(&["user", "disable", "officer"]).unwrap();
    city.refused(&city.walk("18", None));
}

#[test]
fn an_answer_counts_once_and_in_the_browser_that_asked() {
    let Some(city) = City::start(&json!({ "id_token_alg": "ES256", "conform": false })) else { return };
    let callback = "/api/v1/oidc/callback";
    let held = city.walk("17", Some(callback));
    assert!(held.url.contains(callback) && held.cookies.contains_key(FLOW), "{held:?}");
    let go = |url: &str, cookies: &BTreeMap<String, String>| walk(&city.roots, url, "17", None, cookies).unwrap();

    // Another browser, which has no sign-in on its way, or another one: session fixation and forged sign-ins.
    city.refused(&go(&held.url, &BTreeMap::new()));
    let other = city.walk("18", Some(callback));
    city.refused(&go(&held.url, &other.cookies));
    let state = |url: &str| url.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    city.refused(&go(&held.url.replace(&state(&held.url), &state(&other.url)), &held.cookies));
    // Somebody else's code in an own sign-in: the nonce in the token, and the verifier, are not this one's.
    let code = |url: &str| url.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let mine = city.walk("17", Some(callback));
    city.refused(&go(&mine.url.replace(&code(&mine.url), &code(&other.url)), &mine.cookies));
    // An answer that names another provider (RFC 9207), or an error.
    let mixed = city.walk("17", Some(callback));
    city.refused(&go(&mixed.url.replace("iss=http", "iss=https"), &mixed.cookies));
    let denied = city.walk("17", Some(callback));
    let answer = format!("{}?error=access_denied&state={}", city.url(callback), state(&denied.url));
    city.refused(&go(&answer, &denied.cookies));

    // The right browser, once; then never again.
    let entered = go(&held.url, &held.cookies);
    city.browser(&entered);
    city.refused(&go(&held.url, &held.cookies));
    let audit =
        city.server.user("auditor", tests::Role("auditor", None)).unwrap().get("/api/v1/audit?limit=200").unwrap().1;
    assert!(audit.to_string().contains("sign_in_refused"));
}

#[test]
fn programs_come_with_access_tokens_of_the_provider() {
    let claims = json!({ "machine_claims": { "groups": ["machines"] } });
    let Some(city) = City::start(&claims) else { return };
    let token = city.provider.access_token(AUDIENCE).unwrap();
    let (status, session) = city.api(&token).get("/api/v1/session").unwrap();
    assert_eq!((status, &session["user"]["role"]), (200, &json!("machine")), "{session}");
    assert_eq!(session["authentication"]["strength"], "token");
    let sent = city.api(&token).request(Method::POST, "/api/v1/ingest").body("a line\n").send().unwrap();
    assert_eq!(sent.status(), 200);
    assert_eq!(city.api(&token).get("/api/v1/users").unwrap().0, 403, "what the role may, and no more");
    let evaluation = json!({
        "subject": { "type": "role", "id": "soc-lead" }, "action": { "name": "read" },
        "resource": { "type": "events", "id": "*" }, "context": { "purpose": "triage" },
    });
    let (status, answer) = city.api(&token).post("/access/v1/evaluation", &evaluation).unwrap();
    assert_eq!((status, &answer["decision"]), (200, &json!(true)), "{answer}");
    assert_eq!(answer["context"]["legal_basis"], "network-security", "{answer}");

    let parts: Vec<&str> = token.split('.').collect();
    let header = |header: Value| URL_SAFE_NO_PAD.encode(header.to_string());
    let other = city.provider.access_token("https://other.example/api").unwrap();
    for (bad, why) in [
        (other, "for another interface"),
        (format!("{}.{}.", header(json!({ "alg": "none", "typ": "at+jwt" })), parts[1]), "no signature"),
        (
            format!("{}.{}.{}", header(json!({ "alg": "HS256", "typ": "at+jwt" })), parts[1], parts[2]),
            "a shared secret",
        ),
        (
            format!("{}.{}.{}", header(json!({ "alg": "ES256", "typ": "at+jwt", "kid": "x" })), parts[1], parts[2]),
            "no such key",
        ),
        (format!("{}.{}x.{}", parts[0], parts[1], parts[2]), "changed"),
        (format!("{}.{}", parts[0], parts[1]), "cut"),
    ] {
        assert_eq!(city.api(&bad).get("/api/v1/session").unwrap().0, 401, "{why}");
    }
    // A logout token that is none, and an access token in its place.
    for form in ["logout_token=x.y.z".to_owned(), format!("logout_token={token}")] {
        let request = city.server.anonymous().unwrap().request(Method::POST, "/api/v1/oidc/back-channel-logout");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        assert_eq!(request.send().unwrap().status(), 400);
    }
}

#[test]
fn a_person_signs_in_in_chromium_with_a_second_factor_and_through_the_provider() {
    if !has("chromium") || !has("node") {
        return;
    }
    let city = City::start(&json!({}));
    let alone;
    let server = match &city {
        Some(city) => &city.server,
        None => {
            alone = Server::start(&Setup { config: DUE.to_owned(), ..Setup::default() }).unwrap();
            &alone
        }
    };
    // Set-up must be over, or the page asks for it.
    for (name, role) in [("quantri", "admin"), ("minh", "soc-lead"), ("dpo", "dpo")] {
        server.user_with_password(name, role, PASSWORD).unwrap();
    }
    let mut users = json!({
        "local": { "name": "minh", "password": PASSWORD }, "due": { "name": "dpo", "password": PASSWORD },
    });
    if city.is_some() {
        users["signon"] = json!({ "login": "17", "name": "lan" });
    }
    let users_file = server.path("users.json");
    std::fs::write(&users_file, users.to_string()).unwrap();
    let folder = repository().join("tests/browser");
    if !folder.join("node_modules").exists() {
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder)).unwrap();
    }
    let mut journey = Command::new("node");
    journey.arg("sign-in.mjs").current_dir(&folder).env("METROSOC_USERS_FILE", &users_file);
    journey.env("METROSOC_URL", format!("https://localhost:{}", server.port("https")));
    let output = run(&mut journey).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(" passed, 0 failed"), "{text}");
}

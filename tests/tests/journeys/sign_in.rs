//! Signing in with a second factor, sessions and their end, and what must not let anybody in.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Api, Browser, Role, Server, Setup, has, run};

const PASSWORD: &str = "correct horse battery staple";
const ENROL: &str = "/api/v1/session/second-factor";

/// What an authenticator app shows, `steps` of thirty seconds from now: RFC 6238 by another's hand than ours.
fn code(secret: &str, steps: i64) -> String {
    let script = "import base64,hashlib,hmac,struct,sys,time\n\
        step = int(time.time()) // 30 + int(sys.argv[2])\n\
        mac = hmac.new(base64.b32decode(sys.argv[1]), struct.pack('>Q', step), hashlib.sha1).digest()\n\
        at = mac[-1] & 15\n\
        print(f\"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}\")";
    let output = run(Command::new("python3").args(["-c", script, secret, &steps.to_string()])).unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn browser(server: &Server) -> Browser {
    Browser::new(server.anonymous().unwrap(), "Mozilla/5.0 (a test)")
}

/// Enrols; gives the secret, the code that was used up, and the recovery codes.
pub(crate) fn enrol(browser: &mut Browser) -> (String, String, Vec<String>) {
    let (status, begun) = browser.ask(Method::POST, ENROL, None).unwrap();
    assert_eq!(status, 200, "{begun}");
    let secret = begun["secret"].as_str().unwrap().to_owned();
    assert!(begun["uri"].as_str().unwrap().contains(&format!("secret={secret}&issuer=MetroSOC")));
    assert!(begun["qr"].as_array().unwrap().len() > 20);
    let confirm = format!("{ENROL}/confirm");
    let (status, answer) = browser.ask(Method::POST, &confirm, Some(&json!({ "code": "000000" }))).unwrap();
    assert_eq!(status, 403, "{answer}");
    let used = code(&secret, 0);
    let (status, answer) = browser.ask(Method::POST, &confirm, Some(&json!({ "code": used }))).unwrap();
    assert_eq!(status, 200, "{answer}");
    let codes: Vec<String> = serde_json::from_value(answer["recovery_codes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);
    (secret, used, codes)
}

#[test]
fn a_second_factor_is_enrolled_asked_for_and_reset() {
    if !has("python3") {
        return;
    }
    let server = Server::start(&Setup::default()).unwrap();
    server.user_with_password("lan", "soc-lead", PASSWORD).unwrap();
    let mut lan = browser(&server);
    assert_eq!(lan.sign_in("lan", PASSWORD).unwrap().0, 200);
    let before = lan.cookie.clone();
    let (secret, used, codes) = enrol(&mut lan);
    assert_ne!(lan.cookie, before, "the session goes on under another token");
    assert!(Browser::with_cookie(server.anonymous().unwrap(), &before).is_err(), "the old one is worth nothing");
    let (_, session) = lan.ask(Method::GET, "/api/v1/session", None).unwrap();
    assert_eq!(session["authentication"]["strength"], "two_factor", "{session}");

    let mut again = browser(&server);
    let (status, answer) = again.sign_in("lan", PASSWORD).unwrap();
    assert_eq!((status, again.cookie.as_str()), (202, ""), "no session before the second step: {answer}");
    let second = |challenge: &Value, code: &str| json!({ "challenge": challenge["challenge"], "code": code });
    let step = "/api/v1/session/second-step";
    for wrong in [used, code(&secret, 5), "000000".to_owned(), String::new()] {
        let (status, refused) = again.ask(Method::POST, step, Some(&second(&answer, &wrong))).unwrap();
        assert_eq!(status, 403, "used, of another time, or wrong: {refused}");
    }
    let (status, ready) = again.ask(Method::POST, step, Some(&second(&answer, &code(&secret, 1)))).unwrap();
    assert_eq!((status, &ready["user"]["name"]), (200, &json!("lan")), "{ready}");
    let (status, _) = again.ask(Method::POST, step, Some(&second(&answer, &codes[0]))).unwrap();
    assert_eq!(status, 401, "a first step is good for one session");

    let (status, answer) = again.sign_in("lan", PASSWORD).unwrap();
    assert_eq!(status, 202);
    assert_eq!(again.ask(Method::POST, step, Some(&second(&answer, &codes[0]))).unwrap().0, 200, "a recovery code");
    let (status, answer) = again.sign_in("lan", PASSWORD).unwrap();
    assert_eq!(status, 202);
    assert_eq!(again.ask(Method::POST, step, Some(&second(&answer, &codes[0]))).unwrap().0, 403, "works once");

    server.cli(&["user", "reset-second-factor", "lan"]).unwrap();
    assert_eq!(lan.ask(Method::GET, "/api/v1/session", None).unwrap().0, 401, "sessions ended");
    assert_eq!(browser(&server).sign_in("lan", PASSWORD).unwrap().0, 200);
    let auditor = server.user("auditor", Role("auditor", None)).unwrap();
    let (_, audit) = auditor.get("/api/v1/audit?limit=200").unwrap();
    let audit = audit.to_string();
    for action in ["second_factor_enrolled", "second_factor_reset", "sign_in_refused"] {
        assert!(audit.contains(action), "`{action}` is not in the ledger");
    }
    assert!(!audit.contains(&secret) && !server.log().contains(&secret), "the secret is nowhere");
}

#[test]
fn a_role_that_must_have_a_second_factor_opens_nothing_before() {
    if !has("python3") {
        return;
    }
    let config = "[sign_in]\nsecond_factor_roles = [\"dpo\"]\n".to_owned();
    let server = Server::start(&Setup { config, ..Setup::default() }).unwrap();
    server.user_with_password("dpo", "dpo", PASSWORD).unwrap();
    let mut dpo = browser(&server);
    let (status, answer) = dpo.sign_in("dpo", PASSWORD).unwrap();
    assert_eq!((status, &answer["second_factor"]), (200, &json!({ "enrolled": false, "due": true })));
    for path in ["/api/v1/policy", "/api/v1/audit"] {
        let (status, answer) = dpo.ask(Method::GET, path, None).unwrap();
        assert_eq!((status, answer["type"].as_str()), (403, Some("/problems/second-factor-due")), "{answer}");
    }
    enrol(&mut dpo);
    assert_eq!(dpo.ask(Method::GET, "/api/v1/policy", None).unwrap().0, 200);
    let (status, fresh) = dpo.ask(Method::POST, &format!("{ENROL}/codes"), None).unwrap();
    assert_eq!(status, 200, "the factor was just shown: {fresh}");
    assert_eq!(dpo.ask(Method::DELETE, ENROL, None).unwrap().0, 204);
    let (status, answer) = dpo.ask(Method::GET, "/api/v1/policy", None).unwrap();
    assert_eq!((status, answer["type"].as_str()), (403, Some("/problems/second-factor-due")), "due again");
    let (status, answer) = dpo.ask(Method::POST, &format!("{ENROL}/codes"), None).unwrap();
    assert_eq!((status, answer["type"].as_str()), (403, Some("/problems/step-up")), "{answer}");
    let password = json!({ "password": "not the password" });
    assert_eq!(dpo.ask(Method::POST, "/api/v1/session/step-up", Some(&password)).unwrap().0, 403);
    let before = dpo.cookie.clone();
    let password = json!({ "password": PASSWORD });
    let (status, answer) = dpo.ask(Method::POST, "/api/v1/session/step-up", Some(&password)).unwrap();
    assert_eq!((status, &answer["authentication"]["strength"]), (200, &json!("password")), "{answer}");
    assert_ne!(dpo.cookie, before);
}

#[test]
fn sessions_are_seen_and_ended() {
    let server = Server::start(&Setup::default()).unwrap();
    server.user_with_password("lan", "soc-lead", PASSWORD).unwrap();
    let (mut here, mut there) = (browser(&server), browser(&server));
    here.cookie = "mss_chosen_by_somebody_else".to_owned();
    assert_eq!(here.sign_in("lan", PASSWORD).unwrap().0, 200);
    assert_ne!(here.cookie, "mss_chosen_by_somebody_else", "no browser chooses its session");
    assert_eq!(there.sign_in("lan", PASSWORD).unwrap().0, 200);
    let (_, listed) = here.ask(Method::GET, "/api/v1/sessions", None).unwrap();
    let listed = listed["sessions"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 2, "{listed:?}");
    for session in &listed {
        assert!(["::1", "127.0.0.1"].contains(&session["address"].as_str().unwrap()), "headers name no address");
        assert_eq!(session["user_agent"], "Mozilla/5.0 (a test)");
        assert_eq!(session["strength"], "password");
    }
    let other = listed.iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/api/v1/sessions/{}", other["id"].as_str().unwrap());
    let mut minh = browser(&server);
    server.user_with_password("minh", "soc-lead", PASSWORD).unwrap();
    minh.sign_in("minh", PASSWORD).unwrap();
    assert_eq!(minh.ask(Method::DELETE, &path, None).unwrap().0, 404, "somebody else's");
    assert_eq!(minh.ask(Method::DELETE, "/api/v1/users/lan/sessions", None).unwrap().0, 403);
    assert_eq!(here.ask(Method::DELETE, &path, None).unwrap().0, 204);
    assert_eq!(there.ask(Method::GET, "/api/v1/session", None).unwrap().0, 401);
    there.cookie.clear();
    there.sign_in("lan", PASSWORD).unwrap();
    let (_, answer) = here.ask(Method::DELETE, "/api/v1/sessions", None).unwrap();
    assert_eq!(answer["ended"], 1);
    assert_eq!(there.ask(Method::GET, "/api/v1/session", None).unwrap().0, 401);
    let table = String::from_utf8(server.cli(&["user", "sessions", "lan"]).unwrap().stdout).unwrap();
    assert!(table.contains("password") && table.contains("Mozilla"), "{table}");
    server.cli(&["user", "end-sessions", "lan"]).unwrap();
    assert_eq!(here.ask(Method::GET, "/api/v1/session", None).unwrap().0, 401);
}

#[test]
fn a_program_comes_with_a_certificate_of_its_account() {
    let server = Server::start(&Setup::default()).unwrap();
    server.cli(&["user", "add", "lgsp", "--role", "machine", "--no-password"]).unwrap();
    server.user_with_password("lan", "soc-lead", PASSWORD).unwrap();
    let folder = server.path("certificates");
    let out = folder.display().to_string();
    assert!(server.cli(&["pki", "machine", "lan", "--out", &out]).is_err(), "a person's account");
    assert!(server.cli(&["pki", "machine", "nobody", "--out", &out]).is_err());
    let printed = String::from_utf8(server.cli(&["pki", "machine", "lgsp", "--out", &out]).unwrap().stdout).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let identity = format!("{}{}", read("lgsp.pem"), read("lgsp.key.pem"));
    let connect = || Api::with_identity(server.port("https"), server.roots(), None, Some(&identity)).unwrap();
    let lgsp = connect();
    let (status, session) = lgsp.get("/api/v1/session").unwrap();
    assert_eq!((status, &session["user"]["name"]), (200, &json!("lgsp")), "{session}");
    assert_eq!(
        (&session["user"]["role"], &session["authentication"]["strength"]),
        (&json!("machine"), &json!("certificate"))
    );
    let sent = lgsp.request(Method::POST, "/api/v1/ingest").body("a line\n").send().unwrap();
    assert_eq!(sent.status(), 200);
    assert_eq!(lgsp.get("/api/v1/users").unwrap().0, 403, "what the role may, and no more");
    assert_eq!(lgsp.get("/api/v1/edge/position?stream=00000000000000000000000000000000").unwrap().0, 403, "no site");
    server.cli(&["user", "disable", "lgsp"]).unwrap();
    assert_eq!(lgsp.get("/api/v1/session").unwrap().0, 401);
    server.cli(&["user", "enable", "lgsp"]).unwrap();
    assert_eq!(lgsp.get("/api/v1/session").unwrap().0, 200);
    let serial = printed.split_whitespace().next().unwrap().to_owned();
    server.cli(&["pki", "revoke", &serial]).unwrap();
    assert!(connect().get("/api/v1/session").is_err(), "a revoked certificate opens no connection");
}

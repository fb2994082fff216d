//! Personal values become pseudonyms on their way in: who may asks by the value and finds the same as without, who may not
//! is refused, alerts carry tokens, and while the vault is away everything waits and nothing is lost.

use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, wait_for};

const ID: &str = "7b4d2f8e-3f1e-4d55-9d4e-0c8a6b1d2e40";
const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
const LINES: &str = "\
<86>1 2026-11-03T00:00:01Z srv-1 sshd 10 - - Failed password for lan.nguyen from 113.162.72.5 port 50022 ssh2
<86>1 2026-11-03T00:00:02Z srv-1 sshd 10 - - Failed password for root from 10.1.2.3 port 50022 ssh2
<86>1 2026-11-03T00:00:03Z srv-1 sshd 10 - - Accepted password for lan.nguyen from 10.1.2.3 port 50022 ssh2
<86>1 2026-11-03T00:00:04Z srv-1 portal 11 - - hồ sơ của công dân CCCD 079090012345, điện thoại 0912345678
<86>1 2026-11-03T00:00:05Z srv-1 portal 11 - - gửi thư tới lan.nguyen@hcm.gov.vn, số điện thoại 0912345678
<86>1 2026-11-03T00:00:06Z srv-1 portal 11 - - user logged in, nothing else
";
/// What must not be seen in any answer.
const VALUES: [&str; 5] = ["lan.nguyen", "113.162.72.5", "079090012345", "0912345678", "912345678"];

fn rule() -> String {
    format!(
        "title: Failed password of a person\nid: {ID}\nstatus: test\nmodified: 2026-11-22\nlogsource:\n    product: linux\n    \
         service: sshd\ndetection:\n    selection:\n        user.name: lan.nguyen\n        message|contains: Failed\n    \
         condition: selection\nlevel: high\n"
    )
}

fn started(pseudonyms: bool) -> Server {
    let folder = tempfile::tempdir().unwrap().keep();
    std::fs::write(folder.join("person.yml"), rule()).unwrap();
    let config = format!("[privacy]\npseudonyms = {pseudonyms}\n[rules]\npaths = [\"{}\"]\n", folder.display());
    Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap()
}

fn import(server: &Server, name: &str, lines: &str) {
    let file = server.path(name);
    std::fs::write(&file, lines).unwrap();
    server.cli(&["import", "--site", "hcm-a", &file.display().to_string()]).unwrap();
}

fn clear_in(answer: &Value) -> Vec<&'static str> {
    let text = answer.to_string();
    VALUES.into_iter().filter(|value| text.contains(value)).collect()
}

fn all(api: &Api) -> Value {
    api.search(&json!({ "query": "*", "limit": 100 })).unwrap()
}

#[test]
fn who_may_finds_by_the_value_what_is_stored_under_a_token() {
    let (with, without) = (started(true), started(false));
    let apis = [&with, &without].map(|server| {
        import(server, "lines", LINES);
        server.user("lead", Role("soc-lead", None)).unwrap()
    });
    for (query, expected) in [
        ("*", 6),
        ("user.name:lan.nguyen", 2),
        ("user.name:\"lan.nguyen\" AND message:Failed", 1),
        ("user.name:root", 1),
        ("user.name:(lan.nguyen OR root)", 3),
        ("NOT user.name:lan.nguyen AND event.dataset:system.auth", 1),
        ("user.name:nguyen.lan", 0),
        ("\"lan.nguyen@hcm.gov.vn\"", 1),
        ("\"079090012345\"", 1),
        ("079090012345", 1),
        ("0912345678", 2),
        ("\"điện thoại 0912345678\"", 2),
        ("message:0912345678", 2),
        ("source.ip:113.162.72.5", 1),
        ("source.ip:10.0.0.0/8", 2),
        ("0999999999", 0),
        ("logged", 1),
    ] {
        let counts = apis.each_ref().map(|api| api.count(query).unwrap());
        assert_eq!(counts, [expected; 2], "{query}");
    }
    let [api, clear] = &apis;
    // Any writing of the number is the number.
    assert_eq!(api.count("\"+84 912 345 678\"").unwrap(), 2);
    assert_eq!(clear_in(&all(api)), [""; 0]);
    assert_eq!(clear_in(&all(clear)).len(), VALUES.len(), "without pseudonyms the same lines are clear");
    // Analysts follow the token.
    let found = api.search(&json!({ "query": "user.name:lan.nguyen" })).unwrap();
    let token = found["hits"][0]["fields"]["user.name"].as_str().or(found["hits"][0]["user.name"].as_str()).unwrap();
    assert!(token.starts_with("pun") && token.len() == 19, "{token}");
    assert_eq!(api.count(&format!("user.name:{token}")).unwrap(), 2);
    assert_eq!(api.count(token).unwrap(), 2, "in the messages too");
    let terms = json!({ "query": "*", "limit": 0, "aggregations": { "who": { "terms": { "field": "user.name" } } } });
    let answer = api.search(&terms).unwrap();
    assert!(clear_in(&answer).is_empty() && answer.to_string().contains(token), "{answer}");
}

#[test]
fn who_may_not_is_refused_whether_the_value_is_there_or_not() {
    let server = started(true);
    import(&server, "lines", LINES);
    let tier1 = server.user("tu", Role("analyst-tier1", None)).unwrap();
    for query in ["user.name:lan.nguyen", "user.name:nobody.here", "lan.nguyen", "nobody.here", "\"079090012345\""] {
        let (status, answer) = tier1.post("/api/v1/search", &json!({ "query": query })).unwrap();
        assert_eq!(status, 403, "{query}: {answer}");
        assert!(answer["total"].is_null() && clear_in(&answer).iter().all(|value| query.contains(value)), "{answer}");
    }
    let answer = tier1.search(&json!({ "query": "event.dataset:system.auth" })).unwrap();
    assert!(clear_in(&answer).is_empty(), "{answer}");
}

#[test]
fn alerts_match_clear_values_and_carry_tokens() {
    let mut server = started(true);
    import(&server, "lines", LINES);
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let api = |server: &Server| Api::new(server.port("https"), server.roots(), Some(token.clone())).unwrap();
    let of_rule = |answer: &Value| {
        let all = answer["alerts"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|alert| alert["rule"]["id"] == ID)
    };
    let alert = wait_for("the alert", 20, || Ok(of_rule(&api(&server).get("/api/v1/alerts")?.1))).unwrap();
    assert!(clear_in(&alert).is_empty(), "{alert}");
    let user = alert["entities"]["user"].as_str().unwrap().to_owned();
    assert!(user.starts_with("pun"), "{alert}");
    let (status, one) = api(&server).get(&format!("/api/v1/alerts/{}", alert["id"].as_str().unwrap())).unwrap();
    assert!(status == 200 && clear_in(&one).is_empty(), "{one}");

    // After a crash the same person has the same token.
    server.kill_and_restart().unwrap();
    import(
        &server,
        "more",
        "<86>1 2026-11-03T00:01:01Z srv-1 sshd 10 - - Failed password for lan.nguyen from 10.9.9.9 port 1 ssh2\n",
    );
    let api = api(&server);
    wait_for("both lines", 20, || Ok((api.count("user.name:lan.nguyen AND Failed")? == 2).then_some(()))).unwrap();
    assert_eq!(api.count(&format!("user.name:{user} AND Failed")).unwrap(), 2);
}

#[test]
fn while_the_vault_is_away_everything_waits_and_nothing_is_lost() {
    let server = started(true);
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let machine = server.user("shipper", Role("machine", None)).unwrap();
    let anonymous = server.anonymous().unwrap();
    let send = |text: &str| {
        let sent = machine.request(reqwest::Method::POST, "/api/v1/ingest?site=hcm-a").body(text.to_owned()).send();
        assert_eq!(sent.unwrap().status().as_u16(), 200);
    };
    send("the line before, gọi 0912345678");
    wait_for("the line before", 20, || Ok((lead.count("\"line before\"")? == 1).then_some(()))).unwrap();
    let (keys, aside) = (server.data().join("vault-keys"), server.path("aside"));
    std::fs::rename(&keys, &aside).unwrap();
    send("the line meanwhile, gọi 0912345679");
    let parts = wait_for("the alarm", 20, || {
        let (status, answer) = anonymous.get("/readyz")?;
        Ok((status == 503).then(|| answer["parts"].clone()))
    })
    .unwrap();
    assert_eq!((&parts["vault"], &parts["spool"]), (&json!("failed"), &json!("ok")), "{parts}");
    server.wait_logged("vault is locked").unwrap();
    assert_eq!(lead.count("meanwhile").unwrap_or_default(), 0, "nothing is decoded");
    let (status, answer) = lead.post("/api/v1/search", &json!({ "query": "*" })).unwrap();
    assert!(status == 200 && !answer.to_string().contains("0912345678"), "what is stored stays masked: {answer}");
    assert_eq!(lead.count("0912345678").unwrap(), 1, "what is known is found without the keys");
    let (status, _) = lead.post("/api/v1/search", &json!({ "query": "0912345670" })).unwrap();
    assert_eq!(status, 503, "a new value cannot be taken in, not even of a question");

    std::fs::rename(&aside, &keys).unwrap();
    wait_for("green again", 20, || Ok((anonymous.get("/readyz")?.0 == 200).then_some(()))).unwrap();
    for line in ["0912345678", "0912345679", "\"line meanwhile\""] {
        wait_for(line, 20, || Ok((lead.count(line)? == 1).then_some(()))).unwrap();
    }
}

//! What a sender names is stored once: `_id` with Elasticsearch's own client, `Idempotency-Key`, both over `kill -9`.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, python, wait_for};

#[test]
fn elasticsearchs_own_client_is_served_and_its_ids_count_once() {
    if python().is_none() {
        return;
    }
    let mut server = Server::start(&Setup::default()).unwrap();
    let token = server.token("shipper", Role("machine", None)).unwrap();
    let lead = server.token("lead", Role("soc-lead", None)).unwrap();
    let (token_file, roots) = (server.path("token"), server.path("roots.pem"));
    std::fs::write(&token_file, token).unwrap();
    std::fs::write(&roots, server.roots()).unwrap();
    let run = |server: &Server, turn: usize| -> Value {
        let mut python = python().unwrap();
        python.arg(tests::repository().join("tests/parts/bulk.py"));
        python.args([turn.to_string(), server.port("https").to_string()]).arg(&roots).arg(&token_file);
        serde_json::from_slice(&tests::run(&mut python).unwrap().stdout).unwrap()
    };
    let conflict = json!([409, "version_conflict_engine_exception"]);
    for turn in 0..3 {
        let said = run(&server, turn);
        assert_eq!(said["bulk"], json!([500, 0]), "`index` with a known id succeeds and changes nothing: {said}");
        let expected = if turn == 0 { json!([201, ""]) } else { conflict.clone() };
        assert!(said["create"].as_array().unwrap().iter().all(|item| *item == expected), "{said}");
        assert_eq!(said["other"], "version_conflict_engine_exception", "{said}");
        assert_eq!((&said["without"], &said["stranger"]), (&json!([3, 0]), &json!(401)), "{said}");
        // At once, before anything is written down elsewhere, and after a while.
        server.kill_and_restart().unwrap();
    }
    let lead = Api::new(server.port("https"), server.roots(), Some(lead)).unwrap();
    wait_for("everything once", 30, || Ok((lead.count("*")? == 500 + 10 + 3 * 3).then_some(()))).unwrap();
    assert_eq!(lead.count("\"of the client 7\"").unwrap(), 2, "one was `own-7`, one `new-7`");
    assert_eq!(lead.count("\"without an id\"").unwrap(), 9);
}

#[test]
fn a_named_request_is_stored_once() {
    let mut server = Server::start(&Setup::default()).unwrap();
    let token = server.token("shipper", Role("machine", None)).unwrap();
    let lead = server.token("lead", Role("soc-lead", None)).unwrap();
    let send = |server: &Server, key: &str, body: &str| {
        let api = Api::new(server.port("https"), server.roots(), Some(token.clone())).unwrap();
        let request = api.request(Method::POST, "/api/v1/ingest").header("idempotency-key", key);
        let answer = request.body(body.to_owned()).send().unwrap();
        let replayed = answer.headers().contains_key("idempotency-replayed");
        (answer.status().as_u16(), replayed, answer.json::<Value>().unwrap())
    };
    let body = "named one\nnamed two\nnamed two\n";
    for turn in 0..4 {
        let expected = (200, turn > 0, json!({ "accepted": 3 }));
        assert_eq!(send(&server, "first", body), expected, "turn {turn}");
        if turn > 0 {
            server.kill_and_restart().unwrap();
        }
    }
    assert_eq!(send(&server, "second", body), (200, false, json!({ "accepted": 3 })));
    let (status, _, problem) = send(&server, "first", "another body\n");
    assert_eq!((status, &problem["type"]), (422, &json!("/problems/unprocessable")), "{problem}");
    assert_eq!(send(&server, &"x".repeat(256), body).0, 400);
    let lead = Api::new(server.port("https"), server.roots(), Some(lead)).unwrap();
    wait_for("both requests", 30, || Ok((lead.count("named")? == 6).then_some(()))).unwrap();
    assert_eq!(lead.count("\"named two\"").unwrap(), 4, "equal lines are evidence");
    assert_eq!(lead.count("*").unwrap(), 6);
}

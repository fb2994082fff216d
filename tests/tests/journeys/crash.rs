//! What was acknowledged is found exactly once after `kill -9`, and a full stop drains.

use reqwest::Method;
use serde_json::json;
use tests::{Role, Server, Setup, wait_for};

#[test]
fn acknowledged_events_survive_kill_9_exactly_once() {
    let mut server = Server::start(&Setup::default()).unwrap();
    let token = server.token("shipper", Role("machine", None)).unwrap();
    let lead = server.token("lead", Role("soc-lead", None)).unwrap();
    let mut acknowledged = 0_u64;
    for round in 0..4 {
        let api = tests::Api::new(server.port("https"), server.roots(), Some(token.clone())).unwrap();
        for batch in 0..10 {
            let body: String = (0..50)
                .map(|at| {
                    format!(
                        "{}\n",
                        json!({ "message": "equal lines are evidence", "round": round, "n": batch * 50 + at })
                    )
                })
                .collect();
            let sent = api
                .request(Method::POST, "/api/v1/ingest")
                .header("content-type", "application/x-ndjson")
                .body(body)
                .send()
                .unwrap();
            assert_eq!(sent.status().as_u16(), 200);
            acknowledged += 50;
        }
        server.kill_and_restart().unwrap();
    }
    let api = tests::Api::new(server.port("https"), server.roots(), Some(lead)).unwrap();
    wait_for("everything acknowledged is found", 30, || {
        let found = api.count("\"equal lines are evidence\"")?;
        anyhow::ensure!(found <= acknowledged, "{found} found, {acknowledged} acknowledged");
        Ok((found == acknowledged).then_some(()))
    })
    .unwrap();
    for n in [0, 250, 499] {
        assert_eq!(api.count(&format!("n:{n}")).unwrap(), 4);
    }
    assert_eq!(server.stop().unwrap(), 0);
    let verified = server.command(&["ledger", "verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

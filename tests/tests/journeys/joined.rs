//! Records of one event of the audit system are found as one event, exactly once, also when the server is killed between
//! them; what comes alone is found alone.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;
use tests::{Api, Role, Server, Setup, wait_for};

/// One event, the records of two batches.
fn records(number: u32) -> (String, String) {
    let stamp = format!("audit(1793664004.123:{number})");
    let first = format!(
        "type=SYSCALL msg={stamp}: arch=c000003e syscall=59 success=yes a0=1 pid={number} comm=\"id\" exe=\"/usr/bin/id\"\n\
         type=EXECVE msg={stamp}: argc=2 a0=\"id\" a1=\"-u\"\n"
    );
    (first, format!("type=CWD msg={stamp}: cwd=\"/root\"\ntype=PROCTITLE msg={stamp}: proctitle=6964002D75\n"))
}

fn send(api: &Api, body: String) {
    let request = api.request(Method::POST, "/api/v1/ingest").header("content-type", "text/plain");
    assert_eq!(request.body(body).send().unwrap().status().as_u16(), 200);
}

#[test]
fn audit_events_are_joined_exactly_once_over_kill_9() {
    let mut server = Server::start(&Setup::default()).unwrap();
    let token = server.token("shipper", Role("machine", None)).unwrap();
    let lead = server.token("lead", Role("soc-lead", None)).unwrap();
    let mut total = 0;
    for round in 0..3_u32 {
        let api = Api::new(server.port("https"), server.roots(), Some(token.clone())).unwrap();
        for number in round * 100..round * 100 + 20 {
            let (first, second) = records(number);
            send(&api, format!("{first}a line between {number}\n"));
            send(&api, second);
            total += 1;
        }
        // What is begun when the power goes is ended after it, in time.
        let (first, second) = records(round * 100 + 50);
        send(&api, first);
        if round < 2 {
            server.kill_and_restart().unwrap();
        }
        let api = Api::new(server.port("https"), server.roots(), Some(token.clone())).unwrap();
        send(&api, second);
    }
    let api = Api::new(server.port("https"), server.roots(), Some(lead)).unwrap();
    wait_for("every joined event is found", 30, || {
        Ok((api.count("process.pid:[0 TO 1000] AND auditd.log.record_type:PROCTITLE")? >= total).then_some(()))
    })
    .unwrap();
    let answer = api.search(&json!({ "query": "auditd.log.record_type:EXECVE", "limit": 500 })).unwrap();
    let hits = answer["hits"].as_array().unwrap();
    let numbers: BTreeSet<u64> =
        hits.iter().map(|hit| hit["fields"]["auditd.log.sequence"].as_u64().unwrap()).collect();
    assert_eq!((hits.len(), numbers.len()), (63, 63), "each event once");
    let whole = hits.iter().filter(|hit| hit["fields"]["auditd.log.record_type"].as_array().map(Vec::len) == Some(4));
    assert!(whole.count() >= 60, "the records of an event are in it");
    assert_eq!(api.count("process.command_line:\"id -u\" AND auditd.log.record_type:EXECVE").unwrap(), 63);
    wait_for("the lines between are found", 20, || Ok((api.count("\"a line between\"")? == 60).then_some(()))).unwrap();

    // A record that nothing follows is waited for, and not for long.
    let shipper = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    let alone = "type=SYSCALL msg=audit(1793664005.1:9999): arch=c000003e syscall=59 success=yes pid=9999 comm=\"id\"";
    send(&shipper, format!("{alone}\nafter it\n"));
    wait_for("what came alone is found alone", 20, || {
        Ok((api.count("auditd.log.sequence:9999")? == 1 && api.count("\"after it\"")? == 1).then_some(()))
    })
    .unwrap();
    assert_eq!(server.stop().unwrap(), 0);
}

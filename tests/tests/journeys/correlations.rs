//! Correlations in the running server: what they remember outlives `kill -9`, and exceptions hide what they name.

use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
/// "SSH password guessed": ten failures of an address, then a success of it.
const GUESSED: &str = "a052b992-2bfd-484d-ac14-a818125693c5";

fn failure(second: u64) -> String {
    format!(
        "<86>1 2026-11-03T00:00:{second:02}Z srv-1 sshd 10 - - Failed password for root from 2001:db8::7 port 22022 ssh2\n"
    )
}

const SUCCESS: &str =
    "<86>1 2026-11-03T00:00:40Z srv-1 sshd 10 - - Accepted password for root from 2001:db8::7 port 22022 ssh2\n";

fn import(server: &Server, name: &str, lines: &str) {
    let log = server.path(name);
    std::fs::write(&log, lines).unwrap();
    server.cli(&["import", "--site", "hcm-a", &log.display().to_string()]).unwrap();
}

fn alerts(api: &Api, rule: &str) -> Vec<Value> {
    let (status, answer) = api.get("/api/v1/alerts").unwrap();
    assert_eq!(status, 200, "{answer}");
    let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
    alerts.into_iter().filter(|alert| alert["rule"]["id"] == rule).collect()
}

#[test]
fn a_guess_that_a_crash_interrupts_is_still_found() {
    let mut server = Server::start(&Setup { config: String::new(), sites: SITES.to_owned() }).unwrap();
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let api = |server: &Server| Api::new(server.port("https"), server.roots(), Some(token.clone())).unwrap();
    import(&server, "before.log", &(0..12).map(failure).collect::<String>());
    assert_eq!(alerts(&api(&server), GUESSED), Vec::<Value>::new());
    server.kill_and_restart().unwrap();
    import(&server, "after.log", SUCCESS);
    let found = wait_for("the alert", 20, || Ok(alerts(&api(&server), GUESSED).into_iter().next())).unwrap();
    assert_eq!(found["count"], 1, "{found}");
    assert_eq!(found["entities"]["source_ip"], "2001:db8::7");
    assert!(found["events"].as_array().unwrap().len() >= 2, "{found}");
    // What the state did not have was replayed from the spool, so that who sent it is known, too.
    assert_eq!(found["authenticated"], true);
    let (status, whole) = api(&server).get(&format!("/api/v1/alerts/{}", found["id"].as_str().unwrap())).unwrap();
    assert_eq!(status, 200);
    assert!(whole["rule"]["correlation"].is_array() && whole["rule"]["description_vi"].is_string(), "{whole}");
}

#[test]
fn an_exception_hides_what_it_names_until_it_is_withdrawn() {
    let server = Server::start(&Setup { config: String::new(), sites: SITES.to_owned() }).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let root =
        "<86>1 2026-11-03T00:00:00Z srv-1 sshd 10 - - Accepted password for root from 203.0.113.9 port 2202 ssh2\n";
    import(&server, "seen.log", root);
    let rule = wait_for("an alert", 20, || {
        let (_, answer) = lead.get("/api/v1/alerts")?;
        // The product's own acts raise alerts too: here it is the one about what was sent.
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        let sent = alerts.iter().find(|alert| alert["entities"]["source_ip"] == "203.0.113.9");
        Ok(sent.and_then(|alert| alert["rule"]["id"].as_str()).map(str::to_owned))
    })
    .unwrap();
    let expires = "now+30d";
    let output = server
        .cli(&[
            "rules",
            "except",
            "add",
            "--rule",
            &rule,
            "--field",
            "source.ip|cidr=203.0.113.0/24",
            "--reason",
            "The jump hosts of the city sign in as root",
            "--expires",
            expires,
            "--json",
        ])
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let id = answer["exception"]["id"].as_str().unwrap().to_owned();
    let count = |expected: u64| {
        wait_for("the count", 20, || {
            let found = alerts(&lead, &rule);
            let count: u64 = found.iter().filter_map(|alert| alert["count"].as_u64()).sum();
            Ok((count == expected).then_some(()))
        })
        .unwrap();
    };
    import(&server, "hidden.log", &root.repeat(3));
    let (status, listed) = lead.get("/api/v1/exceptions").unwrap();
    assert_eq!((status, &listed["exceptions"][0]["hidden"]), (200, &json!(3)), "{listed}");
    count(1);
    server.cli(&["rules", "except", "withdraw", &id, "--reason", "The jump hosts are gone"]).unwrap();
    import(&server, "again.log", root);
    count(2);
}

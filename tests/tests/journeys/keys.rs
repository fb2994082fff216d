//! All keys are replaced while records come and are found; a kill in the middle changes nothing; what is old and what is new
//! opens under the new keys, and under the old ones nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, run, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
const CONFIG: &str = "[privacy]\npseudonyms = true\n";

fn api(server: &Server, token: &str) -> Api {
    Api::new(server.port("https"), server.roots(), Some(token.to_owned())).unwrap()
}

fn found(api: &Api, query: &str, expected: u64) {
    wait_for(query, 60, || Ok((api.count(query)? == expected).then_some(()))).unwrap();
}

fn phone(number: u32) -> String {
    format!("09123{number:05}")
}

fn line(number: u32) -> String {
    format!("<86>1 2026-11-03T00:00:04Z srv-1 portal 11 - - hồ sơ của công dân, điện thoại {}\n", phone(number))
}

fn send(api: &Api, number: u32) -> bool {
    let request = api.request(Method::POST, "/api/v1/ingest?site=hcm-a").body(line(number));
    request.send().is_ok_and(|answer| answer.status().as_u16() == 200)
}

fn status(server: &Server) -> Value {
    serde_json::from_slice(&server.cli(&["keys", "status", "--json"]).unwrap().stdout).unwrap()
}

/// The id of each kind's newest generation, and the mark of the master key.
fn in_force(status: &Value) -> [String; 3] {
    let newest = |kind: &str| status["keys"]["generations"][kind].as_array().unwrap().last().unwrap()["id"].to_string();
    [status["keys"]["master"].to_string(), newest("sealing"), newest("look-up")]
}

fn wait_for_end(server: &Server) -> Value {
    wait_for("the end of the rotation", 120, || {
        let now = status(server);
        let of = |kind: &str| now["keys"]["generations"][kind].as_array().map_or(0, Vec::len);
        Ok((of("sealing") == 1 && of("look-up") == 1).then_some(now))
    })
    .unwrap()
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push(path);
        }
    }
}

#[test]
fn keys_are_replaced_under_reads_and_writes_and_after_a_kill() {
    let mut server = Server::start(&Setup { config: CONFIG.to_owned(), sites: SITES.to_owned() }).unwrap();
    let lead = server.token("lead", Role("soc-lead", None)).unwrap();
    let auditor = server.token("auditor", Role("auditor", None)).unwrap();
    let shipper = server.token("shipper", Role("machine", None)).unwrap();
    let roots = server.roots().to_owned();
    assert!((0..50).all(|number| send(&api(&server, &shipper), number)));
    found(&api(&server, &lead), &phone(7), 1);
    let (before, old_key) = (in_force(&status(&server)), std::fs::read(server.path("data.key")).unwrap());

    // All at once, with records coming and being found.
    let (ended, sent) = (AtomicBool::new(false), AtomicU32::new(50));
    std::thread::scope(|scope| {
        let (writer, reader) = (api(&server, &shipper), api(&server, &lead));
        let (ended, sent) = (&ended, &sent);
        scope.spawn(move || {
            while !ended.load(Ordering::Acquire) {
                // Every number twice: the second one must find what the first one brought, under whichever key.
                let number = sent.load(Ordering::Acquire);
                assert!(send(&writer, number) && send(&writer, number));
                sent.store(number + 1, Ordering::Release);
            }
        });
        scope.spawn(move || {
            while !ended.load(Ordering::Acquire) {
                assert_eq!(reader.count(&phone(7)).unwrap(), 1, "found at every moment");
            }
        });
        let rotated = server.cli(&["keys", "rotate", "all", "--wait", "--json"]);
        ended.store(true, Ordering::Release);
        rotated.unwrap();
    });
    let after = in_force(&wait_for_end(&server));
    for (before, after) in before.iter().zip(&after) {
        assert_ne!(before, after);
    }
    let sent = sent.load(Ordering::Acquire);
    assert!(sent > 50, "nothing came meanwhile");
    for number in [0, 7, 49] {
        found(&api(&server, &lead), &phone(number), 1);
    }
    for number in [50, sent - 1] {
        found(&api(&server, &lead), &phone(number), 2);
    }

    // Once more, killed in the middle: the next start goes on and ends it.
    server.cli(&["keys", "rotate", "all", "--json"]).unwrap();
    server.kill_and_restart().unwrap();
    let last = in_force(&wait_for_end(&server));
    assert!(last.iter().zip(&after).all(|(last, after)| last != after), "{last:?} {after:?}");
    assert_eq!(server.roots(), roots, "the authority's keys opened");
    assert_eq!(server.stop().unwrap(), 0);
    server.restart().unwrap();
    found(&api(&server, &lead), &phone(7), 1);
    assert!(send(&api(&server, &shipper), 7));
    found(&api(&server, &lead), &phone(7), 2);
    found(&api(&server, &lead), &phone(sent - 1), 2);
    server.cli(&["ledger", "verify"]).unwrap();

    // Told in the ledger and to detection; nobody's log has a key.
    for (action, least) in [("key_rotation_begun", 2), ("key_rotation_ended", 4)] {
        let asked = json!({ "query": format!("event.action:{action}"), "limit": 0 });
        wait_for(action, 60, || {
            let (status, answer) = api(&server, &auditor).post("/api/v1/audit/search", &asked)?;
            anyhow::ensure!(status == 200, "{answer}");
            Ok(answer["total"].as_u64().filter(|total| *total >= least))
        })
        .unwrap();
    }
    let new_key = String::from_utf8(std::fs::read(server.path("data.key")).unwrap()).unwrap();
    let secret = new_key.split_whitespace().last().unwrap().to_owned();
    assert!(!server.log().contains(&secret));
    assert_eq!(server.stop().unwrap(), 0);

    // A stolen data directory: no value, no key, and it opens neither without the master key nor with the old one.
    let stolen = server.path("stolen");
    run(Command::new("cp").arg("-a").arg(server.data()).arg(&stolen)).unwrap();
    let mut all = Vec::new();
    files(&stolen, &mut all);
    assert!(all.len() > 10);
    for path in all {
        let bytes = std::fs::read(&path).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!holds(&phone(7)) && !holds(&secret), "{}", path.display());
    }
    for (key, expected) in [(None, "is missing"), (Some(&old_key), "was sealed under another key")] {
        let beside = server.path("stolen.key");
        if let Some(key) = key {
            run(Command::new("install").args(["-m", "600", "/dev/null"]).arg(&beside)).unwrap();
            std::fs::write(&beside, key).unwrap();
        }
        let mut command = Command::new(server.command(&[]).get_program());
        let config = server.path("metrosoc.toml");
        let output = command.args(["serve", "--config"]).arg(config).arg("--data").arg(&stolen).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(expected), "{said}");
    }
}

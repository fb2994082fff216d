//! A backup made while lines come in, checked, damaged, and brought back: the same answers, and no number twice.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reqwest::Method;
use serde_json::Value;
use tests::{Api, Role, Server, Setup, run, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
/// Where numbers go on after the first restore.
const LEAP: u64 = 1 << 40;
const FAILED: &str = "<86>1 2026-11-03T00:00:01Z srv-1 sshd 10 - - Failed password for invalid user oracle from 203.0.113.1 port 22022 ssh2\n";

fn api(server: &Server, token: &str) -> Api {
    Api::new(server.port("https"), server.roots(), Some(token.to_owned())).unwrap()
}

fn send(api: &Api, text: &str) -> u16 {
    let request = api.request(Method::POST, "/api/v1/ingest?site=hcm-a").body(text.to_owned());
    request.send().unwrap().status().as_u16()
}

fn found(api: &Api, query: &str, expected: u64) {
    wait_for(query, 30, || Ok((api.count(query)? == expected).then_some(()))).unwrap();
}

/// Runs a command that must fail; gives its exit code and what it said.
fn fails(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?}");
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// A personal value of a line's own.
fn phone(number: u64) -> String {
    format!("0912{number:06}")
}

/// Lines sent one after the other while a backup is made; gives how many were acknowledged.
fn while_sending(machine: &Api, work: impl FnOnce()) -> u64 {
    /// Set when work is over, also when that failed.
    struct Over<'o>(&'o AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let (done, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let _over = Over(&done);
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let number = sent.load(Ordering::SeqCst);
                assert_eq!(send(machine, &format!("meanwhile number {number}, called {}\n", phone(number))), 200);
                sent.store(number + 1, Ordering::SeqCst);
            }
        });
        wait_for("the sender", 20, || Ok((sent.load(Ordering::SeqCst) > 5).then_some(()))).unwrap();
        work();
    });
    sent.load(Ordering::SeqCst)
}

#[test]
fn a_backup_is_made_online_checked_and_brought_back() {
    let config = "[privacy]\npseudonyms = true\n".to_owned();
    let mut server = Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap();
    let (lead, shipper) = (
        server.token("lead", Role("soc-lead", None)).unwrap(),
        server.token("shipper", Role("machine", None)).unwrap(),
    );
    let machine = api(&server, &shipper);
    assert_eq!(send(&machine, &FAILED.repeat(12)), 200);
    assert_eq!(send(&machine, &"kept before\n".repeat(40)), 200);
    found(&api(&server, &lead), "\"kept before\"", 40);
    let (first, second) = (server.path("backup-1"), server.path("backup-2"));
    let path = |path: &Path| path.display().to_string();

    // Made, and made again with the first one's files while lines come in.
    let made = json(&server.cli(&["backup", &path(&first), "--json"]).unwrap());
    assert!(made["events"].as_u64().unwrap() >= 52, "{made}");
    let mut again = Value::Null;
    let acknowledged = while_sending(&machine, || {
        let second = server.cli(&["backup", &path(&second), "--previous", &path(&first), "--json"]);
        again = json(&second.unwrap());
    });
    assert!(again["events"].as_u64().unwrap() >= 52 + 5, "{again}");
    assert!(again["shared_bytes"].as_u64().unwrap() > 0, "{again}");

    // What must not be in it is not, and nobody else reads it.
    for file in files(&first) {
        let name = path(&file);
        assert!(!name.contains("/spool/") && !name.ends_with(".key") && !name.contains("vault-keys"), "{name}");
        let master = std::fs::read(server.path("data.key")).unwrap();
        assert_ne!(std::fs::read(&file).unwrap(), master, "{name}");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{name}");
    }
    assert!(!server.data().join("backup-staging").exists());

    // Refusals: into the data, over something, twice.
    let inside = server.data().join("backup");
    for (to, reason) in [(&inside, "in the data directory"), (&first, "not empty")] {
        let (code, said) = fails(&mut server.command(&["backup", &path(to)]));
        assert!(code == 69 && said.contains(reason), "{code} {said}");
    }

    // It is whole, and what was changed is named.
    let checked = json(&server.cli(&["backup", "verify", &path(&first), "--json"]).unwrap());
    assert_eq!((&checked["whole"], &checked["signed_by_this_master_key"]), (&true.into(), &true.into()), "{checked}");
    let store = files(&first).into_iter().find(|file| path(file).ends_with(".store")).unwrap();
    for damaged in [&store, &first.join("data/ledger/checkpoint"), &first.join("manifest.json")] {
        let good = std::fs::read(damaged).unwrap();
        let mut bytes = good.clone();
        bytes[good.len() / 2] ^= 1;
        // A new file: the second backup may share the old one.
        std::fs::remove_file(damaged).unwrap();
        std::fs::write(damaged, bytes).unwrap();
        let (code, said) = fails(&mut server.command(&["backup", "verify", &path(&first)]));
        assert_eq!(code, 65, "{said}");
        std::fs::write(damaged, good).unwrap();
    }
    server.cli(&["backup", "verify", &path(&first)]).unwrap();

    // What comes after the backup is lost with the machine.
    assert_eq!(send(&machine, &"kept after\n".repeat(7)), 200);
    found(&api(&server, &lead), "\"kept after\"", 7);
    let alert = |api: &Api| -> Value {
        let (_, answer) = api.get("/api/v1/alerts").unwrap();
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        alerts.into_iter().find(|alert| alert["count"] == 12).unwrap()
    };
    let raised = alert(&api(&server, &lead))["id"].clone();
    found(&api(&server, &lead), "\"meanwhile number\"", acknowledged);
    assert_eq!(server.stop().unwrap(), 0);
    std::fs::rename(server.data(), server.path("lost")).unwrap();
    let good = std::fs::read(&store).unwrap();
    std::fs::write(&store, &good[1..]).unwrap();
    let (code, said) = fails(&mut server.command(&["restore", &path(&first)]));
    assert!(code == 65 && said.contains(".store` was changed"), "{code} {said}");
    assert!(!server.data().exists(), "nothing is touched before everything is known to be good");
    let key = server.path("data.key");
    std::fs::rename(&key, server.path("safe.key")).unwrap();
    let (code, said) = fails(&mut server.command(&["restore", &path(&second)]));
    assert!(code == 69 && said.contains("master key is not at"), "{code} {said}");
    std::fs::rename(server.path("safe.key"), &key).unwrap();
    let restored = json(&server.cli(&["restore", &path(&second), "--json"]).unwrap());
    let missing_from = restored["missing_from"].as_u64().unwrap();
    assert_eq!((&restored["events"], restored["next"].as_u64()), (&again["events"], Some(LEAP)), "{restored}");
    assert_eq!(restored["missing_from"], again["events_from"]);
    assert!(restored["notes"].to_string().contains("vault-keys"), "{restored}");
    let keys = [server.path("lost/vault-keys"), server.data().join("vault-keys")];
    run(Command::new("cp").arg("-a").args(keys)).unwrap();
    let (code, said) = fails(&mut server.command(&["restore", &path(&second)]));
    assert!(code == 65 && said.contains("is not empty"), "{code} {said}");

    // The same answers as then, and everything goes on.
    server.restart().unwrap();
    let (lead, machine) = (api(&server, &lead), api(&server, &shipper));
    found(&lead, "\"kept before\"", 40);
    found(&lead, "user.name:oracle", 12);
    let kept = lead.count("\"meanwhile number\"").unwrap();
    assert!((5..=acknowledged).contains(&kept), "{kept} of {acknowledged}: {again}");
    for number in [0, kept / 2, kept - 1] {
        // What stands under a token in the index has its value in the vault: both are of one moment.
        assert_eq!(lead.count(&phone(number)).unwrap(), 1, "{number} of {kept}");
    }
    found(&lead, "\"kept after\"", 0);
    assert_eq!(alert(&lead)["id"], raised);
    let (status, ready) = server.anonymous().unwrap().get("/readyz").unwrap();
    assert_eq!((status, &ready["warnings"]), (200, &serde_json::json!([])), "{ready}");
    assert_eq!(send(&machine, &"a new line\n".repeat(3)), 200);
    found(&lead, "\"a new line\"", 3);
    let hits = lead.search(&serde_json::json!({ "query": "\"a new line\"", "limit": 3 })).unwrap()["hits"].clone();
    for hit in hits.as_array().unwrap() {
        let id = hit["id"].as_u64().or_else(|| hit["id"].as_str().and_then(|id| id.parse().ok())).unwrap();
        assert!(id >= LEAP && id > missing_from, "{hit}");
    }
    let log = server.path("late.log");
    std::fs::write(&log, "imported late\n".repeat(5)).unwrap();
    server.cli(&["import", "--site", "hcm-a", &path(&log)]).unwrap();
    assert_eq!(lead.count("\"imported late\"").unwrap(), 5, "an import sees its end across the gap");
    assert!(!server.log().contains("records that a consumer wants are gone"));
    server.cli(&["ledger", "verify"]).unwrap();
    assert_eq!(server.stop().unwrap(), 0);
    let entries = std::fs::read_dir(server.data().join("ledger/entries")).unwrap();
    let text: String = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    for action in ["backup_begun", "platform_restored"] {
        assert!(text.contains(action), "{action}");
    }

    // Without a server it is copied as it lies, and that comes back too; numbers leap again. The vault's keys are lost this time.
    let third = server.path("backup-3");
    let offline = server.cli(&["backup", &path(&third), "--json"]).unwrap();
    assert!(String::from_utf8_lossy(&offline.stderr).contains("no server runs on"), "{offline:?}");
    std::fs::rename(server.data(), server.path("lost-too")).unwrap();
    let restored = server.cli(&["restore", &path(&third), "--without-vault-keys", "--json"]).unwrap();
    let restored = json(&restored);
    assert_eq!(restored["next"].as_u64(), Some(2 * LEAP), "{restored}");
    server.restart().unwrap();
    let (lead, machine) = (api(&server, lead.token().unwrap()), api(&server, &shipper));
    found(&lead, "\"imported late\"", 5);
    found(&lead, "\"a new line\"", 3);
    assert_eq!(send(&machine, &format!("another begin, called {}\n", phone(0))), 200);
    found(&lead, "\"another begin\"", 1);
    assert_eq!(lead.count(&phone(0)).unwrap(), 1, "the vault begins anew");
    found(&lead, "\"meanwhile number\"", kept);
    server.cli(&["ledger", "verify"]).unwrap();
}

#[test]
fn what_this_program_does_not_know_is_refused() {
    let mut server = Server::start(&Setup::default()).unwrap();
    assert_eq!(server.stop().unwrap(), 0);
    let serve = || {
        let config = server.path("metrosoc.toml").display().to_string();
        fails(&mut server.command(&["serve", "--config", &config]))
    };
    let data = server.data();
    for (file, newer, reason) in [
        ("FORMAT", "metrosoc-data 9\n", "the form `metrosoc-data 9`"),
        ("ledger/format", "metrosoc-ledger 9\n", "the form `metrosoc-ledger 9`"),
        ("index/catalogue.json", "{\"version\":9}", "form 9"),
        ("event-gaps.json", "{\"version\":9,\"gaps\":[]}", "form 9"),
        (
            "spool/00000000000009999999.seg",
            "MSspool9 and so on, longer than a header of version 1 is",
            "version that this program knows",
        ),
        ("RESTORING", "id", "was not finished"),
    ] {
        let path = data.join(file);
        let good = std::fs::read(&path).ok();
        std::fs::write(&path, newer).unwrap();
        let key = path.with_extension("key");
        let is_segment = file.ends_with(".seg");
        if is_segment {
            std::fs::write(&key, "a key").unwrap();
        }
        let (code, said) = serve();
        assert!(said.contains(reason) && code != 0, "{file}: {code} {said}");
        match good {
            Some(good) => std::fs::write(&path, good).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        if is_segment {
            std::fs::remove_file(&key).unwrap();
        }
    }
    server.restart().unwrap();
}

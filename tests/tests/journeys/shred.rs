//! A person's value is destroyed for ever: in the vault, in what is searched, and in what comes back from an old backup, with
//! an old copy of the keys too; the certificate proves it and the ledger still verifies.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, run, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
const LINES: &str = "\
<86>1 2026-11-03T00:00:04Z srv-1 portal 11 - - hồ sơ của công dân, điện thoại 0912345678
<86>1 2026-11-03T00:00:05Z srv-1 portal 11 - - gọi lại số điện thoại +84 912 345 678 sau
<86>1 2026-11-03T00:00:06Z srv-1 portal 11 - - người khác, điện thoại 0987654321
";

fn api(server: &Server, token: &str) -> Api {
    Api::new(server.port("https"), server.roots(), Some(token.to_owned())).unwrap()
}

fn found(api: &Api, query: &str, expected: u64) {
    wait_for(query, 30, || Ok((api.count(query)? == expected).then_some(()))).unwrap();
}

/// The phone tokens of the events that a query finds.
fn token_in(api: &Api, query: &str) -> String {
    let answer = api.search(&json!({ "query": query, "limit": 1 })).unwrap().to_string();
    let words = answer.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.len() == 19).find(|word| word.starts_with("pph")).unwrap().to_owned()
}

fn token_file(server: &Server, name: &str, role: &'static str) -> (String, String) {
    let token = server.token(name, Role(role, None)).unwrap();
    let path = server.path(name);
    std::fs::write(&path, &token).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    (token, path.display().to_string())
}

fn fails(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?}");
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn json_of(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn move_keys(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").arg(from).arg(to)).unwrap();
}

/// A file with one value, for the command line.
fn value_file(server: &Server, value: &str) -> String {
    let path = server.path(&format!("value-{}", value.replace(['.', ' '], "-")));
    std::fs::write(&path, format!("{value}\n")).unwrap();
    path.display().to_string()
}

fn shred<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["shred", "--json", "--reason", "đơn số 12/2026"], more].concat()
}

#[test]
fn a_shredded_value_stays_gone_through_backups_and_old_keys() {
    let config = "[privacy]\npseudonyms = true\n".to_owned();
    let mut server = Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "no core dumps: {core}");
    let (lead, lead_file) = token_file(&server, "lead", "soc-lead");
    let (officer, officer_file) = token_file(&server, "huong", "dpo");
    let shipper = server.token("shipper", Role("machine", None)).unwrap();
    let file = server.path("lines");
    std::fs::write(&file, LINES).unwrap();
    server.cli(&["import", "--site", "hcm-a", &file.display().to_string()]).unwrap();
    found(&api(&server, &lead), "0912345678", 2);
    let token = token_in(&api(&server, &lead), "\"hồ sơ\"");
    let backup = server.path("backup").display().to_string();
    server.cli(&["backup", &backup]).unwrap();
    assert_eq!(server.stop().unwrap(), 0);
    move_keys(&server.data().join("vault-keys"), &server.path("old-keys"));
    server.restart().unwrap();

    // Who may, and what it would be. A value on the command line is refused and not said again.
    let (code, said) = fails(&mut server.command(&shred(&["--token-file", &officer_file, "0912345678"])));
    assert!(code == 64 && !said.contains("0912345678") && said.contains("never on the command line"), "{code} {said}");
    let value = value_file(&server, "0912345678");
    let (code, said) = fails(&mut server.command(&shred(&["--token-file", &lead_file, &value])));
    assert_eq!(code, 77, "{said}");
    let (code, said) = fails(&mut server.command(&shred(&[&value])));
    assert_eq!(code, 77, "the operator at the socket is nobody with a name: {said}");
    let dry = server.cli(&shred(&["--token-file", &officer_file, "--dry-run", &value])).unwrap();
    let dry = json_of(&dry);
    assert_eq!(dry["held"].as_array().unwrap().len(), 1, "{dry}");
    assert_eq!((&dry["held"][0]["token"], &dry["held"][0]["writings"]), (&json!(token), &json!(2)), "{dry}");
    let named = json!({ "values": ["0912345678"], "reason": "0912345678 asked" });
    assert_eq!(api(&server, &officer).post("/api/v1/subjects/shred", &named).unwrap().0, 400);
    found(&api(&server, &lead), "0912345678", 2);

    // Destroyed, by another writing; the certificate says what and is signed.
    let certificate = server.path("certificate.json").display().to_string();
    let other_writing = value_file(&server, "0912.345.678");
    let order = shred(&["--token-file", &officer_file, "--out", &certificate, &other_writing]);
    let signed = json_of(&server.cli(&order).unwrap())["certificate"].clone();
    assert_eq!(signed["destroyed"][0]["token"], json!(token), "{signed}");
    assert_eq!((&signed["keys_left"], &signed["rows_left"]), (&json!(0), &json!(0)), "{signed}");
    let text = std::fs::read_to_string(&certificate).unwrap();
    assert!(!text.contains("345678") && !text.contains("345 678"), "{text}");
    let verified = json_of(&server.cli(&["shred", "verify", "--json", &certificate]).unwrap());
    assert_eq!(verified["signed_by_known_key"], json!(true), "{verified}");
    let forged = server.path("forged.json");
    std::fs::write(&forged, text.replace("\"keys_left\": 0", "\"keys_left\": 1")).unwrap();
    let (code, said) = fails(&mut server.command(&["shred", "verify", &forged.display().to_string()]));
    assert!(code == 65 && said.contains("was changed"), "{code} {said}");
    let (code, said) = fails(&mut server.command(&shred(&["--token-file", &officer_file, &value])));
    assert!(code == 65 && said.contains("any more"), "{code} {said}");

    // The events stay, under a token of nobody; the same value begins anew.
    found(&api(&server, &lead), "0912345678", 0);
    found(&api(&server, &lead), &token, 2);
    let line = "<86>1 2026-11-03T00:01:00Z srv-1 portal 11 - - gọi mới, điện thoại 0912345678\n";
    let request = api(&server, &shipper).request(Method::POST, "/api/v1/ingest?site=hcm-a").body(line);
    assert_eq!(request.send().unwrap().status().as_u16(), 200);
    found(&api(&server, &lead), "0912345678", 1);
    assert_ne!(token_in(&api(&server, &lead), "\"gọi mới\""), token);
    server.cli(&["ledger", "verify"]).unwrap();

    // A restart begins a new segment of the spool: the one with the value goes, and the certificate says when.
    assert_eq!(server.stop().unwrap(), 0);
    server.restart().unwrap();
    let path = format!("/api/v1/subjects/certificates/{}", signed["id"].as_str().unwrap());
    let officer_api = api(&server, &officer);
    wait_for("the spool's last segment", 60, || {
        let (status, answer) = officer_api.get(&path)?;
        anyhow::ensure!(status == 200, "{answer}");
        Ok(answer["certificate"]["spool_gone"].is_string().then_some(()))
    })
    .unwrap();
    found(&api(&server, &lead), &token, 2);
    assert_eq!(server.stop().unwrap(), 0);

    // The old backup, once with the keys as they are and once with the old copy of them and the certificate.
    move_keys(&server.data().join("vault-keys"), &server.path("keys"));
    for (keys, more) in [("keys", &[][..]), ("old-keys", &["--shredded", certificate.as_str()][..])] {
        std::fs::remove_dir_all(server.data()).unwrap();
        let restored = json_of(&server.cli(&[&["restore", &backup, "--json"], more].concat()).unwrap());
        assert_eq!(restored["notes"].to_string().contains("destroyed again"), !more.is_empty(), "{keys}: {restored}");
        move_keys(&server.path(keys), &server.data().join("vault-keys"));
        server.restart().unwrap();
        let asked = json!({ "values": ["0912345678"], "reason": "after the restore" });
        let (status, found_now) = api(&server, &officer).post("/api/v1/subjects/find", &asked).unwrap();
        assert!(status == 200 && found_now["shredded"][0]["token"] == json!(token), "{keys}: {found_now}");
        let held = found_now["held"].to_string();
        assert!(!held.contains(&token), "{keys}: {found_now}");
        found(&api(&server, &lead), "0912345678", 0);
        found(&api(&server, &lead), &token, 2);
        found(&api(&server, &lead), "0987654321", 1);
        server.cli(&["ledger", "verify"]).unwrap();
        assert_eq!(server.stop().unwrap(), 0);
    }
}

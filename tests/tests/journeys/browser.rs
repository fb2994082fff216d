//! A real Chromium sets up, signs in, triages and searches; the steps are in `tests/browser/journey.mjs`.

use std::process::Command;

use serde_json::json;
use tests::{Server, Setup, has, repository};

#[test]
fn an_analyst_triages_in_chromium() {
    if !has("chromium") || !has("node") {
        return;
    }
    let server =
        Server::start(&Setup { sites: "hcm-a,Phường Bến Nghé,p-ben-nghe,dc1,\n".to_owned(), ..Setup::default() })
            .unwrap();
    let file = server.path("auth.log");
    // The page opens on the last day, so the events happened a moment ago.
    let now = String::from_utf8(tests::run(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"])).unwrap().stdout)
        .unwrap();
    let lines: String = (0..40)
        .map(|at| {
            let (host, port) = (at % 3 + 1, 4_000 + at);
            format!("<86>1 {} srv-1 sshd 10 - - Failed password for invalid user oracle from 203.0.113.{host} port {port} ssh2\n", now.trim())
        })
        .collect();
    std::fs::write(&file, lines).unwrap();
    server.cli(&["import", "--site", "hcm-a", &file.display().to_string()]).unwrap();
    let password = "correct horse battery staple";
    let mut users = json!({ "admin": { "name": "quantri", "password": password } });
    for (key, name, role) in [
        ("tier1", "tu", "analyst-tier1"),
        ("tier2", "lan", "analyst-tier2"),
        ("lead", "minh", "soc-lead"),
        ("auditor", "hoa", "auditor"),
    ] {
        server.user_with_password(name, role, password).unwrap();
        users[key] = json!({ "name": name, "password": password });
    }
    let users_file = server.path("users.json");
    std::fs::write(&users_file, users.to_string()).unwrap();
    let folder = repository().join("tests/browser");
    if !folder.join("node_modules").exists() {
        tests::run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder)).unwrap();
    }
    let output = tests::run(
        Command::new("node")
            .arg("journey.mjs")
            .current_dir(&folder)
            .env("METROSOC_URL", format!("https://localhost:{}", server.port("https")))
            .env("METROSOC_SETUP_CODE_FILE", server.data().join("first-administrator.code"))
            .env("METROSOC_USERS_FILE", &users_file),
    )
    .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(" passed, 0 failed"), "{text}");
}

//! PostgreSQL as the running server's store: what was found before a restart is found after it.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;
use tests::{Api, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";

/// A schema of the test's own in the server that `METROSOC_TEST_POSTGRES` names; dropped at the end.
struct Schema {
    server: String,
    name: String,
}

impl Schema {
    fn new() -> Option<Self> {
        let Ok(server) = std::env::var("METROSOC_TEST_POSTGRES") else {
            eprintln!("SKIPPED: `METROSOC_TEST_POSTGRES` is not set (scripts/test starts a PostgreSQL and sets it)");
            return None;
        };
        let nanos = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let schema = Self { server, name: format!("journey_{}_{nanos}", std::process::id()) };
        schema.ask(&format!("CREATE SCHEMA {}", schema.name));
        Some(schema)
    }

    fn ask(&self, statement: &str) -> String {
        let output = tests::run(Command::new("psql").arg(&self.server).args(["-qAt", "-c", statement])).unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn url(&self) -> String {
        let sign = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{sign}options[search_path]={}", self.server, self.name)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        self.ask(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

fn alert(api: &Api) -> Value {
    wait_for("the alert", 20, || {
        let (status, answer) = api.get("/api/v1/alerts")?;
        assert_eq!(status, 200, "{answer}");
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        Ok(alerts.into_iter().find(|alert| alert["count"] == 12))
    })
    .unwrap()
}

#[test]
fn the_alert_is_found_before_and_after_a_restart() {
    let Some(schema) = Schema::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, schema.url() + "\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = format!("[store]\nurl_file = \"{}\"\n", file.display());
    let mut server = Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap();
    let line = "<86>1 2026-11-03T00:00:01Z srv-1 sshd 10 - - Failed password for invalid user oracle from 203.0.113.1 port 22022 ssh2\n";
    let log = server.path("auth.log");
    std::fs::write(&log, line.repeat(12)).unwrap();
    server.cli(&["import", "--site", "hcm-a", &log.display().to_string()]).unwrap();
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let api = |server: &Server| Api::new(server.port("https"), server.roots(), Some(token.clone())).unwrap();
    let before = alert(&api(&server));
    let id = before["id"].as_str().unwrap().to_owned();
    let acknowledge = serde_json::json!({ "status": "acknowledged" });
    assert_eq!(api(&server).patch(&format!("/api/v1/alerts/{id}"), &acknowledge).unwrap().0, 200);
    assert!(!server.data().join("metrosoc.sqlite").exists(), "nothing is stored beside PostgreSQL");
    let accounts = schema.ask(&format!("SELECT count(*) FROM {}.account WHERE name = 'lead'", schema.name));
    assert_eq!(accounts, "1");

    assert_eq!(server.stop().unwrap(), 0);
    server.restart().unwrap();
    let after = alert(&api(&server));
    assert_eq!((&after["id"], &after["status"]), (&before["id"], &Value::from("acknowledged")));
    assert_eq!(api(&server).count("user.name:oracle").unwrap(), 12);
    let (status, ready) = server.anonymous().unwrap().get("/readyz").unwrap();
    assert_eq!((status, &ready["parts"]["store"]), (200, &Value::from("ok")), "{ready}");
}

#[test]
fn a_backup_takes_the_database_along() {
    let Some(schema) = Schema::new() else { return };
    if !["pg_dump", "pg_restore"].into_iter().all(tests::has) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, schema.url() + "\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = format!("[privacy]\npseudonyms = true\n[store]\nurl_file = \"{}\"\n", file.display());
    let mut server = Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap();
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let log = server.path("calls.log");
    std::fs::write(&log, "somebody called 0912345678\n").unwrap();
    server.cli(&["import", "--site", "hcm-a", &log.display().to_string()]).unwrap();
    let (backup, config) = (server.path("backup"), server.path("metrosoc.toml"));
    let (backup, config) = (backup.display().to_string(), config.display().to_string());
    server.cli(&["backup", &backup]).unwrap();
    server.cli(&["backup", "verify", &backup]).unwrap();
    assert_eq!(server.stop().unwrap(), 0);
    std::fs::rename(server.data(), server.path("lost")).unwrap();
    schema.ask(&format!("DROP SCHEMA {} CASCADE", schema.name));
    server.cli(&["restore", &backup, "--config", &config]).unwrap();
    let keys = [server.path("lost/vault-keys"), server.data().join("vault-keys")];
    tests::run(Command::new("cp").arg("-a").args(keys)).unwrap();
    let accounts = schema.ask(&format!("SELECT count(*) FROM {}.account WHERE name = 'lead'", schema.name));
    assert_eq!(accounts, "1");
    server.restart().unwrap();
    let api = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    assert_eq!(api.get("/api/v1/session").unwrap().0, 200, "the account's token is known");
    assert_eq!(api.count("0912345678").unwrap(), 1, "the vault's rows are back");
    assert_eq!(server.anonymous().unwrap().get("/readyz").unwrap().0, 200);
    server.cli(&["ledger", "verify"]).unwrap();
}

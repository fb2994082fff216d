//! The command line without a server: help, exit codes, configuration.
#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::process::{Command, Output};

fn metrosoc(arguments: &[&str]) -> Output {
    let data = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_metrosoc")).args(arguments).env("METROSOC_DATA", data.path()).output().unwrap()
}

fn check(arguments: &[&str], code: i32, says: &str) {
    let output = metrosoc(arguments);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(says), "{arguments:?}: {text}");
}

#[test]
fn every_command_of_the_contract_answers() {
    for command in [
        "serve", "detect", "rules", "import", "search", "user", "site", "pki", "policy", "request", "reveal", "shred",
        "respond", "ledger", "backup", "restore", "config", "bench",
    ] {
        check(&[command, "--help"], 0, "Usage: metrosoc");
    }
}

#[test]
fn exit_codes_follow_sysexits() {
    check(&["nonsense"], 64, "unrecognized subcommand");
    check(&["request", "list"], 69, "not built yet");
    check(&["backup", "/tmp/x"], 69, "not built yet");
    check(&["search", "*"], 69, "no server runs on");
    check(&["detect", "/nonexistent.ndjson"], 65, "/nonexistent.ndjson");
    check(&["config", "check", "--config", "/nonexistent.toml"], 78, "/nonexistent.toml");
    check(&["config", "show"], 0, "slice_hours = 24");
    check(&["policy", "check"], 0, "analyst-tier1");
    check(&["rules", "check"], 0, "0 rejected");
}

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
        "respond", "ledger", "backup", "restore", "config", "bench", "edge", "export",
    ] {
        check(&[command, "--help"], 0, "Usage: metrosoc");
    }
}

#[test]
fn exit_codes_follow_sysexits() {
    check(&["nonsense"], 64, "unrecognized subcommand");
    check(&["request", "list"], 69, "no server runs on");
    check(&["reveal", "list"], 69, "no server runs on");
    check(&["reveal", "ask", "--agency", "a", "--case", "c", "--reason", "r"], 64, "TOKEN");
    check(&["reveal", "review", "1", "--finding", "x"], 64, "--justified");
    check(&["backup", "/tmp/x"], 69, "is no data directory");
    check(&["search", "*"], 69, "no server runs on");
    check(&["detect", "/nonexistent.ndjson"], 65, "/nonexistent.ndjson");
    check(&["config", "check", "--config", "/nonexistent.toml"], 78, "/nonexistent.toml");
    check(&["config", "show"], 0, "slice_hours = 24");
    check(&["edge"], 78, "`server.url`");
    check(&["edge", "status"], 69, "no edge runs on");
    check(&["edge", "check"], 78, "`server.url`");
    check(&["policy", "check"], 0, "analyst-tier1");
    check(&["rules", "check"], 0, "0 rejected");
}

const GUESSING: &str = "\
title: failed
name: failed
logsource: {service: x}
detection: {s: {outcome: failure}, condition: s}
---
title: guessing
id: 7d1f8a5e-0b1e-4c59-9d0a-0d2f6f1d7a11
level: high
correlation: {type: event_count, rules: [failed], group-by: [source.ip], timespan: 1m, condition: {gte: 3}}
";

#[test]
fn detect_correlates_over_files_and_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("rules.yml"), GUESSING).unwrap();
    let line = |second: u32, outcome: &str| {
        format!(
            "{{\"@timestamp\":\"2026-11-03T00:00:{second:02}Z\",\"event.dataset\":\"p.x\",\"outcome\":\"{outcome}\",\"source.ip\":\"2001:db8::7\"}}\n"
        )
    };
    std::fs::write(path("a.ndjson"), line(1, "success") + &line(2, "failure") + &line(3, "failure")).unwrap();
    std::fs::write(path("b.ndjson"), line(4, "success") + &line(5, "failure")).unwrap();
    for threads in ["1", "3"] {
        let output = metrosoc(&[
            "detect",
            "--rules",
            &path("rules.yml"),
            "--threads",
            threads,
            "--stats",
            &path("stats.json"),
            &path("a.ndjson"),
            &path("b.ndjson"),
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((found["file"].as_str(), found["event"].as_u64()), (Some(path("b.ndjson").as_str()), Some(1)));
        assert_eq!(found["rule"]["title"], "guessing");
        let first = |event: u64| serde_json::json!({ "file": path("a.ndjson"), "event": event });
        assert_eq!(found["events"], serde_json::json!([first(1), first(2), 1]));
        let stats: serde_json::Value = serde_json::from_slice(&std::fs::read(path("stats.json")).unwrap()).unwrap();
        assert_eq!((&stats["events"], &stats["findings"], &stats["rules_loaded"]), (&5.into(), &1.into(), &2.into()));
    }
}

//! What `nft` is told and what it says; the kernel itself is tested in `responder/tests/kernel.rs`.

use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[test]
fn a_block_is_added_deleted_and_added_with_its_end() {
    let text = ruleset::document(&ruleset::block("2001:db8::9".parse().unwrap(), Duration::from_secs(90))).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let commands = document["nftables"].as_array().unwrap();
    assert_eq!(commands.len(), 3);
    assert_eq!(commands[1]["delete"]["element"]["elem"][0], "2001:db8::9");
    let last = &commands[2]["add"]["element"];
    assert_eq!((&last["table"], &last["name"]), (&"metrosoc".into(), &"blocked6".into()));
    assert_eq!(last["elem"][0]["elem"]["timeout"], 90);
}

#[test]
fn the_answer_is_read() {
    let answer = r#"{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "x", "json_schema_version": 1}},
        {"set": {"family": "inet", "name": "blocked4", "table": "metrosoc", "type": "ipv4_addr", "handle": 1, "size": 65536,
        "flags": ["timeout"], "elem": [{"elem": {"val": "203.0.113.9", "timeout": 60, "expires": 59}}]}}]}"#;
    let found = ruleset::elements(answer).unwrap();
    assert_eq!(found, [Blocked { address: "203.0.113.9".parse().unwrap(), remaining: Duration::from_secs(59) }]);
    assert!(ruleset::elements("nothing").is_err());
}

fn check(complaint: &str, expected: &str) {
    let found = program::refused(complaint).to_string();
    assert!(found.contains(expected), "{complaint:?} gave: {found}");
}

#[test]
fn complaints_are_sorted() {
    check("Error: Could not process rule: Operation not permitted\n", "CAP_NET_ADMIN is missing");
    check("netlink: Error: cache initialization failed: Operation not permitted", "not available");
    check("Unable to initialize Netlink socket: Protocol not supported", "this kernel has no nftables");
    check("internal:0:0-0: Error: Could not process rule: Too many open files", "is full");
    check("\n\nError: No such file or directory\nmore", "refused: Error: No such file or directory");
    check("", "no reason given");
}

#[test]
fn a_missing_program_is_said() {
    let error = Nftables::new(PathBuf::from("/nowhere/nft")).ready().unwrap_err();
    assert!(
        matches!(&error, FirewallError::Unavailable { reason } if reason.contains("install the package nftables")),
        "{error}"
    );
}

proptest! {
    #[test]
    fn garbage_answers_never_panic(text in "\\PC{0,300}") {
        let _ = ruleset::elements(&text);
        let _ = program::refused(&text);
    }
}

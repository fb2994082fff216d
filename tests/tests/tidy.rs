//! What a grep can hold: the shape of the house.
#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::path::{Path, PathBuf};

use tests::repository;

const CRATES: [&str; 11] =
    ["event", "ledger", "store", "keys", "collector", "detector", "policy", "pki", "responder", "metrosoc", "demo"];
const MIDDLE: [&str; 5] = ["collector", "detector", "policy", "pki", "responder"];
const LINES_MAX: usize = 600;

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn all() -> Vec<(PathBuf, String)> {
    CRATES.iter().flat_map(|name| sources(&repository().join(name).join("src"))).collect()
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.ends_with("tests.rs")
        || path.ends_with("testing.rs")
}

/// The part of a file before its tests.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

#[test]
fn every_file_says_first_what_it_is() {
    for (path, text) in all() {
        assert!(text.starts_with("//! "), "{}: the first line is not `//! …`", path.display());
    }
}

#[test]
fn files_have_one_subject_and_a_telling_name() {
    for (path, text) in all() {
        let lines = product(&text).lines().count();
        assert!(is_test(&path) || lines <= LINES_MAX, "{}: {lines} lines, split it by subject", path.display());
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(!["utils", "util", "common", "helpers", "manager"].contains(&stem.as_str()), "{}", path.display());
    }
}

#[test]
fn only_the_guard_issues_permits() {
    for (path, text) in all() {
        let guard = path.starts_with(repository().join("policy/src/guard")) || path.ends_with("event/src/permit.rs");
        assert!(guard || is_test(&path) || !product(&text).contains("Permit::issue"), "{}", path.display());
    }
}

#[test]
fn arrows_between_crates_run_one_way() {
    for name in CRATES {
        let manifest = std::fs::read_to_string(repository().join(name).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        let has = |other: &str| dependencies.contains(&format!("\n{other}.workspace"));
        let forbidden: Vec<&str> = match name {
            "event" => CRATES.to_vec(),
            "ledger" | "store" | "keys" => CRATES.iter().copied().filter(|other| *other != "event").collect(),
            "metrosoc" => Vec::new(),
            _ => MIDDLE.iter().copied().chain(["metrosoc"]).collect(),
        };
        for other in forbidden {
            assert!(!has(other), "{name} must not depend on {other}");
        }
    }
}

#[test]
fn nothing_is_silenced_or_left_undone() {
    for (path, text) in all() {
        for word in ["#[allow(", "#![allow(", "todo!(", "unimplemented!(", "#[ignore"] {
            assert!(!text.contains(word), "{}: `{word}`", path.display());
        }
    }
}

#[test]
fn every_rule_has_its_test_beside_it() {
    let rules = repository().join("rules/sigma");
    let mut folders = vec![rules];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".yml") && !name.ends_with(".test.yml") {
                let beside = path.with_file_name(name.replace(".yml", ".test.yml"));
                assert!(beside.exists(), "{}: no {}", path.display(), beside.display());
            }
        }
    }
}

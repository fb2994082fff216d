//! A record that was changed behind the server's back is found and named; what stands in it can be proved.

use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, repository, wait_for};

#[test]
fn a_flipped_bit_in_the_record_is_named() {
    let mut server = Server::start(&Setup::default()).unwrap();
    server.token("lead", Role("soc-lead", None)).unwrap();
    server.token("tu", Role("analyst-tier1", None)).unwrap();
    let sound = server.cli(&["ledger", "verify", "--json"]).unwrap();
    assert!(String::from_utf8_lossy(&sound.stdout).contains("\"sound\":true"));
    assert_eq!(server.stop().unwrap(), 0);
    server.cli(&["ledger", "verify"]).unwrap();

    let folder = server.data().join("ledger");
    let mut hit = None;
    for path in files(&folder) {
        let mut bytes = std::fs::read(&path).unwrap();
        if let Some(at) = bytes.windows(12).position(|window| window == b"user_created") {
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            hit = Some(path);
            break;
        }
    }
    assert!(hit.is_some(), "no entry `user_created` under {}", folder.display());
    let output = server.command(&["ledger", "verify"]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(65), "{message}");
    assert!(message.contains("entry"), "{message}");
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A proof that a user who sees everything asked for, and the id of its event.
fn proof_of(server: &Server, api: &Api, query: &str) -> (u64, String) {
    let found = wait_for("the event and its leaf", 30, || {
        let answer = api.search(&json!({ "query": query }))?;
        let Some(id) = answer["hits"][0]["id"].as_u64() else { return Ok(None) };
        let (status, proof) = api.get(&format!("/api/v1/ledger/events/{id}"))?;
        Ok((status == 200).then(|| (id, proof.to_string())))
    });
    let (id, _) = found.unwrap();
    let token = server.path("lead.token");
    let mut prove = server.command(&["ledger", "prove", &id.to_string(), "--token-file", token.to_str().unwrap()]);
    let output = prove.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (id, String::from_utf8(output.stdout).unwrap())
}

/// What the independent verifier says of a proof.
fn verifier(server: &Server, proof: &str, note: Option<&str>) -> Result<String, String> {
    let path = server.path("proof.json");
    std::fs::write(&path, proof).unwrap();
    let mut command = std::process::Command::new("python3");
    command.arg(repository().join("tests/verify_proof.py")).arg(path);
    if let Some(note) = note {
        std::fs::write(server.path("note"), note).unwrap();
        command.arg(server.path("note"));
    }
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Whether OpenSSL finds the note signed by the key beside the ledger.
fn openssl_accepts(server: &Server, note: &str) -> bool {
    let (text, signatures) = note.split_once("\n\n").unwrap();
    let (text, signature) = (format!("{text}\n"), signatures.trim_end().rsplit(' ').next().unwrap());
    let key = std::fs::read_to_string(server.data().join("ledger/key")).unwrap();
    let key = STANDARD.decode(key.trim_end().splitn(3, '+').nth(2).unwrap()).unwrap();
    // The key as RFC 8410 writes it: 12 bytes that say Ed25519, then the key without its type byte.
    let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let file = |name: &str, bytes: &[u8]| {
        let path = server.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let key = file("key.der", &[&head[..], &key[1..]].concat());
    let signature = file("note.sig", &STANDARD.decode(signature).unwrap()[4..]);
    let text = file("note.txt", text.as_bytes());
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["pkeyutl", "-verify", "-pubin", "-rawin", "-keyform", "DER", "-inkey"]).arg(key);
    openssl.arg("-sigfile").arg(signature).arg("-in").arg(text).output().unwrap().status.success()
}

#[test]
fn an_event_is_proved_to_somebody_who_trusts_no_line_of_ours() {
    let server = Server::start(&Setup::default()).unwrap();
    let token = server.token("shipper", Role("machine", None)).unwrap();
    let shipper = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    std::fs::write(server.path("lead.token"), &token).unwrap();
    std::fs::set_permissions(server.path("lead.token"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let lead = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    for batch in 0..4 {
        let body: String = (0..70).map(|n| format!("{{\"message\":\"proved\",\"n\":{}}}\n", batch * 70 + n)).collect();
        let sent = shipper.request(Method::POST, "/api/v1/ingest").header("content-type", "application/x-ndjson");
        assert_eq!(sent.body(body).send().unwrap().status().as_u16(), 200);
    }
    for n in [0, 69, 133, 279] {
        let (id, proof) = proof_of(&server, &lead, &format!("n:{n}"));
        let parsed: Value = serde_json::from_str(&proof).unwrap();
        let note = parsed["checkpoint"].as_str().unwrap();
        let said = verifier(&server, &proof, Some(note)).unwrap();
        assert!(said.starts_with(&format!("stored bytes of event {id} in entry ")), "{said}");
        assert!(openssl_accepts(&server, note));
        assert!(!openssl_accepts(&server, &note.replacen('\n', "\n1", 1)));
        // Every hash, the stored bytes, the entry and the checkpoint: one changed character each.
        for part in ["/stored", "/salt", "/leaf", "/batch/path/0", "/entry/path/0", "/entry/text", "/checkpoint"] {
            let mut changed = parsed.clone();
            let Some(value) = changed.pointer_mut(part) else { continue };
            let text = value.as_str().unwrap();
            let at =
                if part == "/checkpoint" { text.match_indices('\n').nth(1).unwrap().0 + 3 } else { text.len() / 2 };
            let other = if text.as_bytes()[at] == b'7' { "8" } else { "7" };
            *value = format!("{}{other}{}", &text[..at], &text[at + 1..]).into();
            let said = verifier(&server, &changed.to_string(), None);
            assert!(said.as_ref().is_err_and(|said| said.starts_with("does not hold")), "{part}: {said:?}");
        }
        let mut other = parsed.clone();
        other["event"] = (id + 1).into();
        assert_eq!(verifier(&server, &other.to_string(), None).unwrap_err(), "does not hold: stored bytes");
        assert_eq!(verifier(&server, &proof, Some("x")).unwrap_err(), "does not hold: checkpoint");
    }
    // An auditor sees that it stands there, and not what.
    let (id, _) = proof_of(&server, &lead, "n:17");
    let auditor = server.user("an", Role("auditor", None)).unwrap();
    let (status, proof) = auditor.get(&format!("/api/v1/ledger/events/{id}")).unwrap();
    assert_eq!((status, proof["stored"].is_null(), proof["salt"].is_null()), (200, true, true), "{proof}");
    assert!(verifier(&server, &proof.to_string(), None).unwrap().starts_with("leaf of event"));
    assert_eq!(auditor.get("/api/v1/ledger/events/999999999").unwrap().0, 404);
}

#[test]
fn a_question_is_committed_to_and_not_kept_in_the_record() {
    let server = Server::start(&Setup::default()).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let auditor = server.user("an", Role("auditor", None)).unwrap();
    let asked = lead.search(&json!({ "query": "user.name:\"Tran Van Binh\"" })).unwrap();
    let (_, page) = auditor.get("/api/v1/audit?action=search").unwrap();
    let entry = &page["entries"][0];
    assert_eq!(entry["index"], asked["ledger"]);
    assert_eq!(entry["detail"]["query"], "user.name:\"Tran Van Binh\"");
    assert_eq!(entry["detail"]["question"].as_str().unwrap().len(), 64);
    for path in files(&server.data().join("ledger/entries")) {
        assert!(!String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains("Tran Van Binh"));
    }
}

#[test]
fn a_cut_end_is_named_by_a_mirrored_checkpoint_and_tiles_are_served() {
    let outside = tempfile::tempdir().unwrap();
    let mirror = outside.path().join("mirror");
    let setup = Setup { config: format!("[ledger]\nmirror = \"{}\"\n", mirror.display()), ..Setup::default() };
    let mut server = Server::start(&setup).unwrap();
    let auditor = server.user("an", Role("auditor", None)).unwrap();
    let text = |path: &str| {
        let answer = auditor.request(Method::GET, path).send().unwrap();
        (answer.status().as_u16(), answer.bytes().unwrap().to_vec())
    };
    let old = String::from_utf8(text("/ledger/checkpoint").1).unwrap();
    let size: usize = old.lines().nth(1).unwrap().parse().unwrap();
    assert!(size > 1 && size < 256, "{old}");
    let (status, hashes) = text(&format!("/ledger/tile/0/000.p/{size}"));
    assert_eq!((status, hashes.len()), (200, size * 32));
    let (status, bundle) = text(&format!("/api/v1/ledger/tile/entries/000.p/{size}"));
    assert_eq!((status, ledger_entries(&bundle).len()), (200, size));
    for (path, expected) in
        [("/ledger/tile/0/x001/000", 404), ("/ledger/tile/0/0", 400), ("/ledger/tile/7/000.p/1", 404)]
    {
        assert_eq!(text(path).0, expected, "{path}");
    }
    // The ledger as it stands between two runs, and its checkpoint.
    assert_eq!(server.stop().unwrap(), 0);
    let (folder, past) = (server.data().join("ledger"), outside.path().join("past"));
    copy(&folder, &past);
    let old = std::fs::read_to_string(past.join("checkpoint")).unwrap().trim_end().to_owned() + "\n";
    let size: usize = old.lines().nth(1).unwrap().parse().unwrap();
    server.restart().unwrap();
    server.user("more", Role("auditor", None)).unwrap();
    assert_eq!(server.stop().unwrap(), 0);

    let kept = std::fs::read_to_string(mirror.join("checkpoint")).unwrap();
    assert!(kept.lines().nth(1).unwrap().parse::<usize>().unwrap() > size);
    let (old_file, kept_file) = (outside.path().join("old"), mirror.join("checkpoint"));
    std::fs::write(&old_file, &old).unwrap();
    let names = (old_file.to_str().unwrap(), kept_file.to_str().unwrap());
    for checkpoint in [names.0, names.1] {
        server.cli(&["ledger", "verify", "--checkpoint", checkpoint]).unwrap();
    }
    let proof = server.cli(&["ledger", "consistency", names.0, names.1, "--json"]).unwrap();
    let proof: Value = serde_json::from_slice(&proof.stdout).unwrap();
    assert_eq!(proof["old_size"], size);

    // The record is taken back to where the old checkpoint stood, with everything that agrees with it.
    std::fs::remove_dir_all(&folder).unwrap();
    copy(&past, &folder);
    server.cli(&["ledger", "verify", "--checkpoint", names.0]).unwrap();
    let output = server.command(&["ledger", "verify", "--checkpoint", names.1]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(65), "{message}");
    assert!(message.contains("the end was cut off"), "{message}");
    let output = server.command(&["ledger", "consistency", names.0, names.1]).output().unwrap();
    assert_eq!(output.status.code(), Some(65));
    // The server itself does not go on with it.
    assert!(server.restart().is_err());
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// The entries of a bundle: two bytes of length, then so many of JSON.
fn ledger_entries(mut bundle: &[u8]) -> Vec<Value> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)));
        entries.push(serde_json::from_slice(entry).unwrap());
        bundle = rest;
    }
    entries
}

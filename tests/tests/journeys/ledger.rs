//! A record that was changed behind the server's back is found and named.

use tests::{Role, Server, Setup};

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

//! Bundles made and read; each way to change one is refused.

use event::Signer;
use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const RULE: &str = "title: a rule\nid: one\nlogsource: {service: x}\ndetection: {s: {A: x}, condition: s}\n";

#[derive(Debug)]
struct Key(&'static str, Ed25519KeyPair);

impl Key {
    fn new(name: &'static str) -> Self {
        Self(name, Ed25519KeyPair::from_seed_unchecked(digest(&SHA256, name.as_bytes()).as_ref()).unwrap())
    }

    fn verifier(&self) -> VerifierKey {
        let note = sign_note("x\n", self).unwrap();
        let encoded = note.trim_end().rsplit(' ').next().unwrap().to_owned();
        let id = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded).unwrap();
        let id: String = id[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let typed = [&[1], self.public_key()].concat();
        let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, typed);
        format!("{}+{id}+{key}", self.0).parse().unwrap()
    }
}

impl Signer for Key {
    fn name(&self) -> &str {
        self.0
    }
    fn public_key(&self) -> &[u8] {
        self.1.public_key().as_ref()
    }
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.1.sign(message).as_ref().to_vec()
    }
}

fn files() -> Vec<(String, String)> {
    let long = format!("{}/{}.yml", "a".repeat(120), "b".repeat(90));
    [(long, "x: 1\n".to_owned()), ("linux/one.yml".to_owned(), RULE.to_owned()), ("two.yaml".to_owned(), String::new())]
        .into()
}

fn unpacked(files: &[(String, String)]) -> Vec<u8> {
    zstd::decode_all(pack(files, &Key::new("k"), NOW).unwrap().as_slice()).unwrap()
}

/// An archive whose manifest names `listed` and which holds `held`.
fn forged(listed: &[Listed], held: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::from("metrosoc rules bundle v1\ncreated now\n");
    for file in listed {
        let digest: String = file.digest.iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("{digest} {} {}\n", file.bytes, file.path));
    }
    let mut writer = Writer::default();
    writer.add(MANIFEST, sign_note(&text, &Key::new("k")).unwrap().as_bytes()).unwrap();
    for (path, content) in held {
        writer.add(path, content.as_bytes()).unwrap();
    }
    zstd::encode_all(writer.finish().as_slice(), 1).unwrap()
}

fn listed(path: &str, content: &str) -> Listed {
    let digest = digest(&SHA256, content.as_bytes()).as_ref().to_vec();
    Listed { path: path.to_owned(), bytes: content.len() as u64, digest }
}

fn check(packed: &[u8], expected: &str) {
    let refused = read(packed, &[Key::new("k").verifier()]).unwrap_err().to_string();
    assert!(refused.contains(expected), "{refused:?} does not say {expected:?}");
}

#[test]
fn what_is_packed_is_read() {
    let packed = pack(&files(), &Key::new("k"), NOW).unwrap();
    let bundle = read(packed.as_slice(), &[Key::new("other").verifier(), Key::new("k").verifier()]).unwrap();
    assert_eq!((&bundle.files, &bundle.signers, &bundle.created), (&files(), &vec!["k".to_owned()], &NOW.to_string()));
    assert_eq!(inspect(packed.as_slice()).unwrap().files, files());
    let sources = bundle.into_sources("b.rules");
    assert!(matches!(&sources[1], RuleSource::Text { path, .. } if path == "b.rules:linux/one.yml"));
}

#[test]
fn a_folder_is_packed_without_its_tests() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("linux")).unwrap();
    for (name, text) in [("linux/one.yml", RULE), ("linux/one.test.yml", "rule: one\n"), ("readme.md", "no")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let (packed, count) = create(folder.path(), &Key::new("k"), NOW).unwrap();
    let path = folder.path().join("out.bundle");
    std::fs::write(&path, packed).unwrap();
    let bundle = open(&path, &[Key::new("k").verifier()]).unwrap();
    assert_eq!((bundle.files, count), (vec![("linux/one.yml".to_owned(), RULE.to_owned())], 1));
    assert!(create(&folder.path().join("nothing"), &Key::new("k"), NOW).is_err());
}

#[test]
fn every_changed_byte_is_noticed() {
    let whole = unpacked(&files());
    let trusted = [Key::new("k").verifier()];
    let repack = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    assert!(read(repack(&whole).as_slice(), &trusted).is_ok());
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        // The mode, owner and time of a file say nothing; a header's sum covers them.
        assert!(read(repack(&bytes).as_slice(), &trusted).is_err(), "byte {at}");
    }
    for length in (0..whole.len()).step_by(64) {
        assert!(read(repack(&whole[..length]).as_slice(), &trusted).is_err(), "cut at {length}");
    }
    check(&repack(&[whole.as_slice(), b"x"].concat()), "behind its end");
}

#[test]
fn what_is_refused_says_why() {
    let packed = pack(&files(), &Key::new("stranger"), NOW).unwrap();
    check(&packed, "none of the trusted keys signed it; it is signed by `stranger`");
    let x = listed("x.yml", "a: 1\n");
    check(
        &forged(std::slice::from_ref(&x), &[("x.yml", "a: 2\n")]),
        "file `x.yml` is not what the signed manifest says: its SHA-256",
    );
    check(&forged(std::slice::from_ref(&x), &[("x.yml", "a: 22\n")]), "its length differs");
    check(&forged(std::slice::from_ref(&x), &[]), "it is missing");
    check(&forged(std::slice::from_ref(&x), &[("y.yml", "a: 1\n")]), "names another one here");
    check(&forged(std::slice::from_ref(&x), &[("x.yml", "a: 1\n"), ("y.yml", "")]), "does not name");
    check(&forged(&[x.clone(), x.clone()], &[("x.yml", "a: 1\n")]), "names one twice");
    for path in ["../x.yml", "/etc/x.yml", "a/../x.yml", "a//x.yml", "./x.yml", "a\\x.yml"] {
        check(&forged(&[listed(path, "")], &[(path, "")]), "cannot stand in a bundle");
    }
    check(&forged(&[listed("x.sh", "")], &[("x.sh", "")]), "no `.yml`");
    check(b"", "");
    check(&zstd::encode_all(b"".as_slice(), 1).unwrap(), "ends early");
    check(&zstd::encode_all([0_u8; 1_024].as_slice(), 1).unwrap(), "first entry is not `MANIFEST`");
}

#[test]
fn bombs_stop_at_their_bound() {
    // 300 MiB of zeros are some kilobytes when they are compressed.
    let huge = Listed { path: "x.yml".to_owned(), bytes: FILE_BYTES_MAX + 1, digest: vec![0; 32] };
    check(&forged(&[huge], &[]), "bytes unpacked");
    let mut writer = Writer::default();
    writer.add(MANIFEST, &vec![b'a'; MANIFEST_BYTES_MAX as usize + 1]).unwrap();
    check(&zstd::encode_all(writer.finish().as_slice(), 1).unwrap(), "more bytes in one file");
    let many: Vec<Listed> = (0..=FILES_MAX).map(|at| listed(&format!("{at:06}.yml"), "")).collect();
    check(&forged(&many, &[]), "more files");
    let big: Vec<Listed> =
        (0..40).map(|at| Listed { bytes: FILE_BYTES_MAX, ..listed(&format!("{at:02}.yml"), "") }).collect();
    check(&forged(&big, &[]), "bytes unpacked");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..2_048), at in 0_usize..4_096) {
        let _ = read(bytes.as_slice(), &[]);
        let _ = inspect_unpacked(bytes.as_slice());
        let mut whole = unpacked(&files());
        let at = at % whole.len();
        let end = (at + bytes.len()).min(whole.len());
        whole[at..end].copy_from_slice(&bytes[..end - at]);
        let _ = inspect_unpacked(whole.as_slice());
    }

    #[test]
    fn every_good_path_comes_back(parts in prop::collection::vec("[a-zà-ỹ0-9_ .-]{1,40}", 1..6)) {
        let path = format!("{}.yml", parts.join("/"));
        prop_assume!(manifest::check_path(&path).is_ok());
        let files = [(path, RULE.to_owned())];
        if let Ok(packed) = pack(&files, &Key::new("k"), NOW) {
            prop_assert_eq!(read(packed.as_slice(), &[Key::new("k").verifier()]).unwrap().files, files);
        }
    }
}

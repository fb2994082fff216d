//! The keyring against a file system: first start, restart, wrong, lost, exposed and misplaced keys.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::{CertificateKey, KeyError, KeySource, Keyring, Secret};
use event::Signer;
use proptest::prelude::*;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey};
use tempfile::TempDir;

/// A machine with an empty data directory and a place for keys beside it.
struct Machine {
    root: TempDir,
}

impl Machine {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn key(&self) -> PathBuf {
        self.root.path().join("etc/master.key")
    }

    fn open(&self, source: &KeySource) -> Result<Keyring, KeyError> {
        Keyring::open(source, &self.data())
    }

    fn open_file(&self) -> Result<Keyring, KeyError> {
        self.open(&KeySource::File(self.key()))
    }

    /// Puts bytes where the key is.
    fn put_key(&self, bytes: &[u8], mode: u32) {
        fs::create_dir_all(self.key().parent().unwrap()).unwrap();
        fs::write(self.key(), bytes).unwrap();
        set_mode(&self.key(), mode);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn seal(keyring: &Keyring) -> Vec<u8> {
    keyring.sealer("test").unwrap().seal(b"aad", b"secret").unwrap()
}

fn opens(keyring: &Keyring, sealed: &[u8]) -> bool {
    keyring.sealer("test").unwrap().open(b"aad", sealed).is_ok_and(|plain| plain == b"secret")
}

#[test]
fn a_first_start_makes_the_key_and_a_restart_reads_it() {
    let machine = Machine::new();
    let sealed = seal(&machine.open_file().unwrap());
    assert_eq!(mode(&machine.key()), 0o600);
    assert_eq!(mode(&machine.data().join("keys")), 0o700);
    assert_eq!(mode(&machine.data().join("keys/check")), 0o600);
    assert!(opens(&machine.open_file().unwrap(), &sealed));
    let shown = format!("{:?}", machine.open_file().unwrap());
    assert!(shown.starts_with("Keyring { directory:"), "{shown}");
}

#[test]
fn nothing_of_the_key_lies_in_the_data_directory() {
    let machine = Machine::new();
    machine.open_file().unwrap().note_signer("soc.example/ledger").unwrap();
    let text = fs::read_to_string(machine.key()).unwrap();
    let encoded = text.trim().rsplit(' ').next().unwrap().to_owned();
    for file in fs::read_dir(machine.data().join("keys")).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(16).any(|window| encoded.as_bytes().windows(16).any(|part| part == window)));
    }
}

#[test]
fn a_wrong_key_is_refused() {
    let machine = Machine::new();
    machine.open_file().unwrap();
    machine.put_key("0123456789abcdef".repeat(4).as_bytes(), 0o600);
    let refused = machine.open_file().unwrap_err();
    assert!(matches!(refused, KeyError::WrongKey { .. }), "{refused}");
    assert!(refused.to_string().contains("was sealed under another key"), "{refused}");
}

#[test]
fn a_lost_key_is_not_replaced() {
    let machine = Machine::new();
    machine.open_file().unwrap();
    fs::remove_file(machine.key()).unwrap();
    assert!(matches!(machine.open_file(), Err(KeyError::Missing { .. })));
    assert!(!machine.key().exists());
}

#[test]
fn a_lost_check_value_is_not_replaced_beside_sealed_keys() {
    let machine = Machine::new();
    machine.open_file().unwrap().note_signer("soc.example/ledger").unwrap();
    fs::remove_file(machine.data().join("keys/check")).unwrap();
    assert!(matches!(machine.open_file(), Err(KeyError::CheckMissing { .. })));
}

#[test]
fn a_start_that_was_broken_off_is_taken_up_again() {
    let machine = Machine::new();
    let sealed = seal(&machine.open_file().unwrap());
    // The key was written, the check value was not.
    fs::remove_file(machine.data().join("keys/check")).unwrap();
    assert!(opens(&machine.open_file().unwrap(), &sealed));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let machine = Machine::new();
    machine.open_file().unwrap();
    for exposed in [0o640, 0o604, 0o620, 0o644, 0o666] {
        set_mode(&machine.key(), exposed);
        let refused = machine.open_file().unwrap_err();
        assert!(matches!(refused, KeyError::Readable { mode, .. } if mode == exposed), "{refused}");
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }
    set_mode(&machine.key(), 0o400);
    machine.open_file().unwrap();
}

#[test]
fn a_key_inside_the_data_directory_is_refused() {
    let machine = Machine::new();
    fs::create_dir_all(machine.data().join("inner")).unwrap();
    let link = machine.root.path().join("link");
    symlink(machine.data(), &link).unwrap();
    for inside in [
        machine.data().join("master.key"),
        machine.data().join("inner/deep/master.key"),
        machine.data().join("../data/master.key"),
        machine.root.path().join("missing/../data/master.key"),
        link.join("master.key"),
    ] {
        for source in [KeySource::File(inside.clone()), KeySource::Credential(inside.clone())] {
            let refused = machine.open(&source).unwrap_err();
            assert!(matches!(refused, KeyError::InsideData { .. }), "{}: {refused}", inside.display());
        }
        assert!(!inside.exists());
    }
    // A link from outside to a key inside.
    machine.put_key("0123456789abcdef".repeat(4).as_bytes(), 0o600);
    let outside = machine.root.path().join("outside.key");
    fs::rename(machine.key(), machine.data().join("real.key")).unwrap();
    symlink(machine.data().join("real.key"), &outside).unwrap();
    assert!(matches!(machine.open(&KeySource::File(outside)), Err(KeyError::InsideData { .. })));
    // A neighbour whose name begins the same is outside.
    machine.open(&KeySource::File(machine.root.path().join("data-key/master.key"))).unwrap();
}

#[test]
fn damaged_key_files_are_refused() {
    for (bytes, expected) in [
        (&b""[..], "expected a MetroSOC key file"),
        (b"hello\n", "expected a MetroSOC key file"),
        (&[0; 32], "all its bytes are equal"),
        (&[0xff; 40], "neither text nor 32 bytes"),
        (b"metrosoc-master-key-1 !!!!\n", "base64 is damaged"),
        (b"metrosoc-master-key-1 AAAA\n", "not 32 bytes long"),
        (&[b'a'; 70_000], "longer than 64 KiB"),
    ] {
        let machine = Machine::new();
        machine.put_key(bytes, 0o600);
        let refused = machine.open_file().unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
    let machine = Machine::new();
    fs::create_dir_all(machine.key()).unwrap();
    set_mode(&machine.key(), 0o700);
    assert!(matches!(machine.open_file(), Err(KeyError::NotAFile { .. })));
}

#[test]
fn a_credential_is_read_and_never_made() {
    let machine = Machine::new();
    let source = KeySource::Credential(machine.key());
    assert!(matches!(machine.open(&source), Err(KeyError::File { .. })));
    assert!(!machine.key().exists());
    let raw: Vec<u8> = (0..32).collect();
    // systemd hands the file over with the access list's mask as group bits.
    machine.put_key(&raw, 0o440);
    let sealed = seal(&machine.open(&source).unwrap());
    machine
        .put_key(format!("{}\n", raw.iter().map(|byte| format!("{byte:02x}")).collect::<String>()).as_bytes(), 0o440);
    assert!(opens(&machine.open(&source).unwrap(), &sealed), "hexadecimal is the same key");
    set_mode(&machine.key(), 0o444);
    assert!(matches!(machine.open(&source), Err(KeyError::Readable { .. })));
}

#[test]
fn a_passphrase_opens_its_file_and_no_other_does() {
    let machine = Machine::new();
    // The file is sealed itself, so it may lie with the data.
    let file = machine.data().join("master.wrapped");
    let source = |text: &str| KeySource::Passphrase { file: file.clone(), passphrase: Secret::from(text) };
    assert!(matches!(machine.open(&source("short")), Err(KeyError::PassphraseShort { found: 5, least: 12 })));
    let sealed = seal(&machine.open(&source("Bến Nghé correct")).unwrap());
    assert!(opens(&machine.open(&source("Be\u{302}\u{301}n Nghe\u{301} correct")).unwrap(), &sealed));
    assert!(matches!(machine.open(&source("Bến Nghé incorrect")), Err(KeyError::WrongPassphrase { .. })));
    assert_eq!(mode(&file), 0o600);
    let text = fs::read_to_string(&file).unwrap();
    for (from, to) in
        [("\"passes\":3", "\"passes\":2"), ("\"salt\":\"", "\"salt\":\"AAAA"), ("\"sealed\":\"A", "\"sealed\":\"B")]
    {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        fs::write(&file, changed).unwrap();
        assert!(matches!(machine.open(&source("Bến Nghé correct")), Err(KeyError::WrongPassphrase { .. })), "{to}");
    }
    for changed in [text.replace("65536", "4294967295"), text.replace("key\":1", "key\":2"), "{}".to_owned()] {
        fs::write(&file, changed).unwrap();
        assert!(matches!(machine.open(&source("Bến Nghé correct")), Err(KeyError::Malformed { .. })));
    }
    fs::write(&file, text).unwrap();
    machine.open(&source("Bến Nghé correct")).unwrap();
}

#[test]
fn a_note_signer_keeps_its_key() {
    let machine = Machine::new();
    let keyring = machine.open_file().unwrap();
    let signer = keyring.note_signer("soc.example/ledger").unwrap();
    let signature = signer.sign(b"message");
    UnparsedPublicKey::new(&ED25519, signer.public_key()).verify(b"message", &signature).unwrap();
    let again = machine.open_file().unwrap().note_signer("soc.example/ledger").unwrap();
    assert_eq!(signer.public_key(), again.public_key());
    assert_ne!(signer.public_key(), keyring.note_signer("soc.example/other").unwrap().public_key());
    assert_eq!(signer.name(), "soc.example/ledger");
    for name in ["", "a b", "a+b", "a\nb", &"x".repeat(101)] {
        assert!(matches!(keyring.note_signer(name), Err(KeyError::SignerName { .. })), "{name}");
    }
}

#[test]
fn a_note_signer_that_was_changed_or_exchanged_is_refused() {
    let machine = Machine::new();
    let keyring = machine.open_file().unwrap();
    keyring.note_signer("one").unwrap();
    keyring.note_signer("two").unwrap();
    let files: Vec<_> = fs::read_dir(machine.data().join("keys"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sealed"))
        .collect();
    let [left, right] = &files[..] else { panic!("two signers") };
    fs::copy(left, right).unwrap();
    let refused = [keyring.note_signer("one"), keyring.note_signer("two")].into_iter().filter(Result::is_err).count();
    assert_eq!(refused, 1, "a key sealed for one name is none for another");
}

#[test]
fn certificate_keys_sign_and_are_sealed() {
    use rcgen::{PublicKeyData, SigningKey};
    let machine = Machine::new();
    let sealer = machine.open_file().unwrap().sealer("pki").unwrap();
    let key = CertificateKey::generate().unwrap();
    let signature = SigningKey::sign(&key, b"message").unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key()).verify(b"message", &signature).unwrap();
    let sealed = key.seal(&sealer, b"root").unwrap();
    assert!(matches!(CertificateKey::from_sealed(&sealer, b"issuing", &sealed), Err(KeyError::Unsealable)));
    let again = CertificateKey::from_sealed(&sealer, b"root", &sealed).unwrap();
    assert_eq!(again.der_bytes(), key.der_bytes());
    assert!(!format!("{key:?}").contains("PRIVATE"));
    // Others read the PEM and find the same key.
    let pair = rcgen::KeyPair::from_pem(key.to_pem().expose()).unwrap();
    assert_eq!(pair.der_bytes(), key.der_bytes());
    assert_eq!(pair.subject_public_key_info(), key.subject_public_key_info());
    assert_eq!(pair.serialize_der(), key.private_key_der().secret_der());
    let certificate = rcgen::CertificateParams::new(vec!["soc.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    assert!(!certificate.der().is_empty());
}

#[test]
fn two_first_starts_at_once_agree_on_one_key() {
    let machine = Machine::new();
    let opened: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| machine.open_file())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let opened: Vec<_> = opened.into_iter().flatten().collect();
    let sealed = seal(&machine.open_file().unwrap());
    assert!(!opened.is_empty());
    assert!(opened.iter().all(|keyring| opens(keyring, &sealed)), "nobody holds a key that was not kept");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_bytes_may_stand_in_a_key_file(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let machine = Machine::new();
        machine.put_key(&bytes, 0o600);
        let opened = machine.open_file();
        prop_assert!(opened.is_err() || bytes.len() == 32);
        let passphrase = Secret::from("correct horse battery");
        let source = KeySource::Passphrase { file: machine.key(), passphrase };
        prop_assert!(machine.open(&source).is_err());
    }

    #[test]
    fn any_flipped_bit_of_a_sealed_key_is_refused(at in any::<prop::sample::Index>()) {
        let machine = Machine::new();
        let keyring = machine.open_file().unwrap();
        keyring.note_signer("one").unwrap();
        let directory = machine.data().join("keys");
        let file = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path())
            .find(|path| path.extension().is_some_and(|extension| extension == "sealed")).unwrap();
        let flip = |path: &Path| {
            let mut bytes = fs::read(path).unwrap();
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(path, bytes).unwrap();
        };
        flip(&file);
        let signer = keyring.note_signer("one");
        let refused = matches!(signer, Err(KeyError::Malformed { .. }));
        prop_assert!(refused);
        flip(&directory.join("check"));
        let opened = machine.open_file();
        let refused = matches!(opened, Err(KeyError::WrongKey { .. }));
        prop_assert!(refused);
    }
}

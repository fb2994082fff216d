//! Rotation against a file system: what opens before, during, after, and after a stop at any moment.

use std::fs;

use event::Signer as _;
use tempfile::TempDir;

use super::*;

struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn source(&self) -> KeySource {
        KeySource::File(self.path("master.key"))
    }

    fn open(&self) -> Result<Keyring, KeyError> {
        Keyring::open(&self.source(), &self.path("data"))
    }

    /// A data directory as it was before there was a ring.
    fn old() -> Self {
        let machine = Self::new();
        fs::write(machine.path("master.key"), [5; 31].iter().chain(&[6]).copied().collect::<Vec<u8>>()).unwrap();
        fs::set_permissions(machine.path("master.key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        fs::create_dir_all(machine.path("data/keys")).unwrap();
        let master = machine.source().read(&machine.path("data")).unwrap().unwrap();
        fs::write(machine.path("data/keys/check"), master.wrap(CHECK, CHECK_AAD, b"0").unwrap()).unwrap();
        machine
    }
}

fn seal(keyring: &Keyring) -> Vec<u8> {
    keyring.sealer("test").unwrap().seal(b"aad", b"secret").unwrap()
}

fn opens(keyring: &Keyring, sealed: &[u8]) -> bool {
    keyring.sealer("test").unwrap().open(b"aad", sealed).is_ok_and(|plain| plain == b"secret")
}

fn now(secs: i64) -> Timestamp {
    Timestamp::from_secs(2_000_000_000 + secs)
}

#[test]
fn another_master_key_opens_the_same_and_the_old_one_nothing() {
    let machine = Machine::new();
    let keyring = machine.open().unwrap();
    let (sealed, public) = (seal(&keyring), keyring.note_signer("one").unwrap().public_key().to_vec());
    let old = fs::read(machine.path("master.key")).unwrap();
    let (before, after) = keyring.rotate_master().unwrap();
    assert!(before != after && keyring.keys_state().master == after);
    assert!(opens(&keyring, &sealed));
    assert!(!machine.path("master.key.next").exists());
    let again = machine.open().unwrap();
    assert!(opens(&again, &sealed) && !again.resume().unwrap());
    assert_eq!(again.note_signer("one").unwrap().public_key(), public);
    fs::write(machine.path("master.key"), old).unwrap();
    assert!(matches!(machine.open(), Err(KeyError::WrongKey { .. })));
}

#[test]
fn a_stop_at_any_moment_of_replacing_the_master_key_is_gone_on_from() {
    // Before the ring has both, before the file is the next one, and before the ring has the next one alone.
    for (stop, replaced) in [(0, false), (1, true), (2, true)] {
        let machine = Machine::new();
        let keyring = machine.open().unwrap();
        let (sealed, before) = (seal(&keyring), keyring.keys_state().master);
        {
            let state = keyring.state();
            let next = keyring.custodian.prepare().unwrap();
            if stop > 0 {
                keyring.write(&Ring::wrap(&state.roots, &[state.master.as_ref(), next.as_ref()]).unwrap()).unwrap();
            }
            if stop > 1 {
                keyring.custodian.promote().unwrap();
            }
        }
        let again = machine.open().unwrap();
        assert!(opens(&again, &sealed), "{stop}");
        assert_eq!(again.keys_state().master_underway, stop > 0, "{stop}");
        assert_eq!(again.resume().unwrap(), stop > 0, "{stop}");
        assert_eq!(again.keys_state().master != before, replaced, "{stop}");
        let last = machine.open().unwrap();
        assert!(opens(&last, &sealed) && !last.keys_state().master_underway, "{stop}");
    }
}

#[test]
fn generations_come_and_go_under_what_was_handed_out() {
    for machine in [Machine::new(), Machine::old()] {
        let keyring = machine.open().unwrap();
        let (sealer, lookup) = (keyring.sealer("test").unwrap(), keyring.lookup_key("test").unwrap());
        keyring.note_signer("one").unwrap();
        let (old, mark) = (seal(&keyring), lookup.mark(1, b"lan"));
        for kind in KeyKind::ALL {
            keyring.begin(kind, now(1)).unwrap();
            assert!(matches!(keyring.begin(kind, now(2)), Err(KeyError::Underway { .. })));
            assert!(keyring.is_underway(kind) && !keyring.is_first(kind));
        }
        let new = sealer.seal(b"aad", b"secret").unwrap();
        assert!(!sealer.is_current(&old) && sealer.is_current(&new));
        assert_eq!(lookup.older_marks(1, b"lan"), [mark]);

        // A start in between knows both.
        let again = machine.open().unwrap();
        assert!(opens(&again, &old) && opens(&again, &new) && again.is_underway(KeyKind::LookUp));
        assert_eq!(again.lookup_key("test").unwrap().mark(1, b"lan"), lookup.mark(1, b"lan"));
        drop(again);

        assert!(matches!(keyring.retire(KeyKind::Sealing), Err(KeyError::StillSealed { .. })), "the signer's key");
        assert_eq!(keyring.reseal_signers().unwrap(), 1);
        KeyKind::ALL.into_iter().for_each(|kind| keyring.retire(kind).unwrap());
        for keyring in [keyring, machine.open().unwrap()] {
            assert!(opens(&keyring, &new) && !opens(&keyring, &old));
            assert_eq!(keyring.keys_state().generations["sealing"].len(), 1);
            keyring.note_signer("one").unwrap();
        }
    }
}

#[test]
fn a_ring_that_comes_back_older_is_made_whole_by_the_one_beside_the_data_keys() {
    let machine = Machine::new();
    let keyring = machine.open().unwrap();
    let old = seal(&keyring);
    fs::create_dir_all(machine.path("data/vault-keys")).unwrap();
    let kept = fs::read(machine.path("data/keys/ring")).unwrap();
    keyring.begin(KeyKind::Sealing, now(1)).unwrap();
    let new = seal(&keyring);
    keyring.retire(KeyKind::Sealing).unwrap();
    fs::write(machine.path("data/keys/ring"), kept).unwrap();
    let restored = machine.open().unwrap();
    assert!(opens(&restored, &old) && opens(&restored, &new) && restored.is_underway(KeyKind::Sealing));
    assert!(restored.sealer("test").unwrap().is_current(&new));
    assert!(restored.resume().unwrap());
    fs::remove_dir_all(machine.path("data/vault-keys")).unwrap();
    assert!(opens(&machine.open().unwrap(), &new));
}

#[test]
fn a_ring_that_is_lost_is_missed() {
    let machine = Machine::new();
    machine.open().unwrap();
    fs::remove_file(machine.path("data/keys/ring")).unwrap();
    assert!(matches!(machine.open(), Err(KeyError::RingMissing { .. })));
    let credential = KeySource::Credential(machine.path("master.key"));
    let other = Machine::new();
    let keyring = Keyring::open(&credential, &other.path("data")).unwrap();
    assert!(matches!(keyring.rotate_master(), Err(KeyError::Fixed { .. })));
}

#[test]
fn nothing_that_is_shown_holds_a_key() {
    let machine = Machine::new();
    let keyring = machine.open().unwrap();
    let shown = format!("{keyring:?} {:?}", keyring.keys_state());
    let state = keyring.state();
    for root in state.roots.of(KeyKind::Sealing) {
        assert!(!shown.contains(&hex::encode(root.secret.as_slice())));
        assert!(!shown.contains(&format!("{:?}", root.secret.as_slice())));
    }
}

//! Signed notes (C2SP signed-note): a text with Ed25519 signatures beneath, the operator's keys that sign one, and the
//! keys that are trusted to have signed it.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event::Signer;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::note::check_name;
use crate::wiped::Wiped;
use crate::{KeyError, file, random};

/// Algorithm byte of Ed25519 in a key id and in an encoded key.
const ED25519_TYPE: u8 = 1;
/// What a signing key's file begins with.
const PRIVATE: &str = "PRIVATE+KEY+";
/// What a signature's line begins with: an em dash and a blank.
const MARK: &str = "\u{2014} ";
/// Most signatures that are read of one note.
const SIGNATURES_MAX: usize = 16;
const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 4;

/// Why a note is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoteError {
    /// It is no signed note.
    #[error("it is no signed note: {0}")]
    Shape(&'static str),
    /// A trusted key is named and its signature does not fit: the text was changed.
    #[error("its signature by `{name}` does not fit: it was changed after it was signed")]
    Signature {
        /// The key's name.
        name: String,
    },
    /// Nobody who is trusted signed it.
    #[error("none of the trusted keys signed it; it is signed by {signers}")]
    Unknown {
        /// The names that stand beneath it.
        signers: String,
    },
    /// A trusted key that cannot be read.
    #[error("`{text}` is no verifier key `NAME+ID+KEY` (C2SP signed-note, Ed25519)")]
    Key {
        /// What was given.
        text: String,
    },
}

/// The public half of a key with its name: `NAME+ID+KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public_key: [u8; KEY_BYTES],
}

impl VerifierKey {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; ID_BYTES] {
        key_id(&self.name, &self.public_key)
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let fault = || NoteError::Key { text: text.chars().take(200).collect() };
        let (name, rest) = text.trim().split_once('+').ok_or_else(fault)?;
        let (id, encoded) = rest.split_once('+').ok_or_else(fault)?;
        let public_key = decode(encoded).ok_or_else(fault)?;
        let key = Self { name: name.to_owned(), public_key: *public_key };
        let fits = check_name(name).is_ok() && id == hex::encode(key.id());
        if fits { Ok(key) } else { Err(fault()) }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = [&[ED25519_TYPE], self.public_key.as_slice()].concat();
        write!(formatter, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(typed))
    }
}

/// An operator's own signing key, in a file with mode 0600 outside the data directory (the form is that of Go's
/// `sumdb/note`).
pub struct NoteKey {
    name: String,
    pair: Wiped<Ed25519KeyPair>,
}

impl NoteKey {
    /// Makes a key of this name and its file, which must not be there yet.
    ///
    /// # Errors
    /// When the name cannot stand in a note or the file cannot be made.
    pub fn create(path: &Path, name: &str) -> Result<Self, KeyError> {
        check_name(name)?;
        let seed = random::key_bytes()?;
        let key = Self::of(name, seed.as_slice())?;
        let typed = Zeroizing::new([&[ED25519_TYPE], seed.as_slice()].concat());
        let encoded = Zeroizing::new(STANDARD.encode(typed.as_slice()));
        let text = Zeroizing::new(format!("{PRIVATE}{name}+{}+{}\n", hex::encode(key.verifier().id()), *encoded));
        file::create(path, text.as_bytes())?;
        Ok(key)
    }

    /// Reads a key from its file.
    ///
    /// # Errors
    /// When others can read the file too, or it holds no such key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let about = std::fs::metadata(path).map_err(KeyError::file(path))?;
        if !about.is_file() {
            return Err(KeyError::NotAFile { path: path.to_owned() });
        }
        let mode = about.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Readable { path: path.to_owned(), mode });
        }
        let fault = |reason| KeyError::Malformed { path: path.to_owned(), reason };
        let bytes = file::read(path)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| fault("it is not text"))?.trim();
        let rest = text.strip_prefix(PRIVATE).ok_or(fault("it does not begin with `PRIVATE+KEY+`"))?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(fault("it is not `PRIVATE+KEY+NAME+ID+KEY`"));
        };
        check_name(name)?;
        let seed = decode(encoded).ok_or(fault("it is not an Ed25519 key"))?;
        let key = Self::of(name, seed.as_slice())?;
        if hex::encode(key.verifier().id()) == id { Ok(key) } else { Err(fault("its id does not fit its key")) }
    }

    fn of(name: &str, seed: &[u8]) -> Result<Self, KeyError> {
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Crypto { what: "making a signing key" })?;
        Ok(Self { name: name.to_owned(), pair: Wiped::new(pair) })
    }

    /// Its public half, which others are given.
    pub fn verifier(&self) -> VerifierKey {
        let public_key = self.pair.public_key().as_ref().try_into().unwrap_or_default();
        VerifierKey { name: self.name.clone(), public_key }
    }
}

impl Signer for NoteKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for NoteKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("NoteKey").field(&self.verifier().to_string()).finish()
    }
}

/// The note that `signer` makes of a text.
///
/// # Errors
/// When the text does not end with its last line or holds control characters.
pub fn sign_note(text: &str, signer: &dyn Signer) -> Result<String, NoteError> {
    check_text(text)?;
    let id = key_id(signer.name(), signer.public_key());
    let signature = [id.as_slice(), &signer.sign(text.as_bytes())].concat();
    Ok(format!("{text}\n{MARK}{} {}\n", signer.name(), STANDARD.encode(signature)))
}

/// The text of a note that one of the trusted keys signed, and that key. Signatures by others are passed over.
///
/// # Errors
/// [`NoteError`]; also when a trusted key's signature does not fit beside another one that does.
pub fn open_note<'n, 'k>(note: &'n [u8], trusted: &'k [VerifierKey]) -> Result<(&'n str, &'k VerifierKey), NoteError> {
    let (text, signatures) = split(note)?;
    let mut signed_by = None;
    for (name, id, signature) in &signatures {
        let Some(key) = trusted.iter().find(|key| key.name == *name && key.id() == *id) else { continue };
        let verified = UnparsedPublicKey::new(&ED25519, key.public_key).verify(text.as_bytes(), signature);
        verified.map_err(|_| NoteError::Signature { name: key.name.clone() })?;
        signed_by = signed_by.or(Some(key));
    }
    let signers = || signatures.iter().map(|(name, ..)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    signed_by.map(|key| (text, key)).ok_or_else(|| NoteError::Unknown { signers: signers() })
}

/// The text of a note and the names beneath it, nothing of which is verified.
///
/// # Errors
/// When it is no signed note.
pub fn read_note(note: &[u8]) -> Result<(&str, Vec<&str>), NoteError> {
    let (text, signatures) = split(note)?;
    Ok((text, signatures.into_iter().map(|(name, ..)| name).collect()))
}

/// Name, key id and signature.
type Signature<'n> = (&'n str, [u8; ID_BYTES], Vec<u8>);

fn split(note: &[u8]) -> Result<(&str, Vec<Signature<'_>>), NoteError> {
    let shape = NoteError::Shape;
    let note = std::str::from_utf8(note).map_err(|_| shape("it is not text"))?;
    let at = note.rfind("\n\n").ok_or(shape("no blank line stands before its signatures"))?;
    let (text, rest) = note.split_at(at + 1);
    let lines = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n'));
    check_text(text)?;
    let mut signatures = Vec::new();
    for line in lines.ok_or(shape("its last line does not end"))?.split('\n') {
        if signatures.len() >= SIGNATURES_MAX {
            return Err(shape("it has more than 16 signatures"));
        }
        signatures.push(signature(line).ok_or(shape("a line beneath it is no signature"))?);
    }
    Ok((text, signatures))
}

fn signature(line: &str) -> Option<Signature<'_>> {
    let (name, encoded) = line.strip_prefix(MARK)?.split_once(' ')?;
    check_name(name).ok()?;
    let decoded = STANDARD.decode(encoded).ok()?;
    let (id, signature) = decoded.split_first_chunk::<ID_BYTES>()?;
    (!signature.is_empty()).then(|| (name, *id, signature.to_vec()))
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Shape("its text does not end with a whole line"));
    }
    if text.chars().any(|c| c.is_ascii_control() && c != '\n') {
        return Err(NoteError::Shape("its text holds control characters"));
    }
    Ok(())
}

/// Key bytes behind the algorithm's byte.
fn decode(encoded: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let typed = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    let (algorithm, key) = typed.split_first()?;
    let key: [u8; KEY_BYTES] = key.try_into().ok()?;
    (*algorithm == ED25519_TYPE).then(|| Zeroizing::new(key))
}

fn key_id(name: &str, public_key: &[u8]) -> [u8; ID_BYTES] {
    let hash = digest(&SHA256, &[name.as_bytes(), b"\n", &[ED25519_TYPE], public_key].concat());
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn key(name: &str) -> NoteKey {
        NoteKey::of(name, digest(&SHA256, name.as_bytes()).as_ref()).unwrap()
    }

    #[test]
    fn a_note_opens_for_who_trusts_its_key() {
        let (ours, other) = (key("hcm/rules"), key("other"));
        let note = sign_note("line one\nđiều hai\n", &ours).unwrap();
        let trusted = [other.verifier(), ours.verifier()];
        let (text, by) = open_note(note.as_bytes(), &trusted).unwrap();
        assert_eq!((text, by.name()), ("line one\nđiều hai\n", "hcm/rules"));
        assert_eq!(read_note(note.as_bytes()).unwrap().1, ["hcm/rules"]);
        let unknown = open_note(note.as_bytes(), &[other.verifier()]).unwrap_err();
        assert_eq!(unknown.to_string(), "none of the trusted keys signed it; it is signed by `hcm/rules`");
        assert!(open_note(note.as_bytes(), &[]).is_err());
        let impostor = NoteKey::of("hcm/rules", &[7; 32]).unwrap();
        assert!(matches!(open_note(note.as_bytes(), &[impostor.verifier()]), Err(NoteError::Unknown { .. })));
        // Two signatures: both stand, and the trusted one is enough.
        let second = sign_note("line one\nđiều hai\n", &other).unwrap();
        let both = format!("{note}{}", second.rsplit_once("\n\n").unwrap().1);
        assert_eq!(open_note(both.as_bytes(), &[ours.verifier()]).unwrap().1.name(), "hcm/rules");
    }

    #[test]
    fn no_byte_can_be_changed() {
        let ours = key("k");
        let trusted = [ours.verifier()];
        let note = sign_note("a\n\nb\n", &ours).unwrap();
        assert_eq!(open_note(note.as_bytes(), &trusted).unwrap().0, "a\n\nb\n");
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(open_note(&bytes, &trusted).is_err(), "byte {at}");
            assert!(open_note(&note.as_bytes()[..at], &trusted).is_err(), "cut at {at}");
        }
        assert!(sign_note("no end", &ours).is_err() && sign_note("a\tb\n", &ours).is_err());
    }

    #[test]
    fn keys_are_written_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.key");
        let made = NoteKey::create(&path, "hcm-rules").unwrap();
        let read = NoteKey::read(&path).unwrap();
        let text = made.verifier().to_string();
        assert_eq!((read.verifier(), text.parse::<VerifierKey>().unwrap()), (made.verifier(), made.verifier()));
        assert!(format!("{read:?}").contains("hcm-rules") && !format!("{read:?}").contains("PRIVATE"));
        assert!(NoteKey::create(&path, "hcm-rules").is_err(), "never over another key");
        for bad in ["", "a+b", "a+00000000+AAAA", &text.replace("hcm-rules", "other"), &format!("{text}AA")] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(NoteKey::read(&path), Err(KeyError::Readable { .. })));
    }
}

//! Checkpoints and signed notes, as C2SP tlog-checkpoint and signed-note have them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::Signer;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::{Hash, LineFault};

/// Algorithm byte of Ed25519 in a key id and a verifier key.
const ED25519_TYPE: u8 = 1;
const NAME_CHARS_MAX: usize = 100;
const NOTE_BYTES_MAX: usize = 8192;
/// Signatures in other names that a note can have.
const OTHERS_MAX: usize = 16;
/// Bytes of a key id before a signature.
const ID_BYTES: usize = 4;
const SIGNATURE_BYTES: usize = 64;

/// How many entries there are and the root of the tree over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ledger's name, which is that of its key.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    pub(crate) fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Signs; gives key id and signature.
    pub(crate) fn sign(self, signer: &dyn Signer) -> SignedCheckpoint {
        let id = key_id(signer.name(), signer.public_key());
        let signature = [&id[..], &signer.sign(self.text().as_bytes())].concat();
        SignedCheckpoint { checkpoint: self, signature }
    }
}

/// A checkpoint with a signature that nobody has verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What is signed.
    pub checkpoint: Checkpoint,
    /// Key id (4 bytes) and Ed25519 signature (64 bytes).
    pub signature: Vec<u8>,
}

impl SignedCheckpoint {
    /// The signed note.
    pub fn note(&self) -> String {
        let Checkpoint { origin, .. } = &self.checkpoint;
        format!("{}\n\u{2014} {origin} {}\n", self.checkpoint.text(), STANDARD.encode(&self.signature))
    }

    /// Whether the key of that name signed it.
    pub fn is_signed_by(&self, public_key: &[u8]) -> bool {
        let Some((id, signature)) = self.signature.split_first_chunk::<ID_BYTES>() else { return false };
        let text = self.checkpoint.text();
        *id == key_id(&self.checkpoint.origin, public_key)
            && UnparsedPublicKey::new(&ED25519, public_key).verify(text.as_bytes(), signature).is_ok()
    }
}

/// Reads a signed note that holds a checkpoint signed in the name that it gives. Signatures in other names, such as
/// those of witnesses (C2SP tlog-cosignature), are read over, at most 16 of them.
///
/// # Errors
/// When one byte is out of place: no blank more, no second signature in its own name, no extension lines.
pub fn parse_note(bytes: &[u8]) -> Result<SignedCheckpoint, LineFault> {
    let shape = |reason| LineFault::Shape(reason);
    if bytes.len() > NOTE_BYTES_MAX {
        return Err(shape("it is longer than a checkpoint can be"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| shape("it is not text"))?;
    let text = text.strip_suffix('\n').ok_or(shape("it ends early"))?;
    let mut lines = text.split('\n');
    let mut line = || lines.next().ok_or(shape("it ends early"));
    let origin = line()?.to_owned();
    let (size, root) = (parse_size(line()?)?, parse_root(line()?)?);
    if !line()?.is_empty() {
        return Err(shape("it has lines that are not understood"));
    }
    if !is_name(&origin) {
        return Err(shape("its origin is no name"));
    }
    let (mut own, mut others) = (None, 0);
    for signed in lines {
        let signed = signed.strip_prefix("\u{2014} ").ok_or(shape("something stands behind its signature"))?;
        let (name, signature) = signed.split_once(' ').ok_or(shape("its signature is missing"))?;
        if name == origin {
            let again = own.replace(parse_signature(signature)?);
            if again.is_some() {
                return Err(shape("it is signed twice in its own name"));
            }
            continue;
        }
        others += 1;
        let known = STANDARD.decode(signature).is_ok_and(|bytes| bytes.len() > ID_BYTES);
        if !is_name(name) || !known || others > OTHERS_MAX {
            return Err(shape("a signature in another name is not understood"));
        }
    }
    let signature = own.ok_or(shape("it is not signed in its own name"))?;
    Ok(SignedCheckpoint { checkpoint: Checkpoint { origin, size, root }, signature })
}

/// A decimal number without leading zeros.
pub(crate) fn parse_size(text: &str) -> Result<u64, LineFault> {
    let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    if !canonical {
        return Err(LineFault::Shape("its size is not a number"));
    }
    text.parse().map_err(|_| LineFault::Shape("its size is not a number"))
}

/// 32 bytes in base64.
pub(crate) fn parse_root(text: &str) -> Result<Hash, LineFault> {
    let decoded = STANDARD.decode(text).map_err(|_| LineFault::Shape("its root is not base64"))?;
    decoded.try_into().map_err(|_| LineFault::Shape("its root is not 32 bytes long"))
}

/// Key id and signature in base64.
pub(crate) fn parse_signature(text: &str) -> Result<Vec<u8>, LineFault> {
    let decoded = STANDARD.decode(text).map_err(|_| LineFault::Shape("its signature is not base64"))?;
    if decoded.len() != ID_BYTES + SIGNATURE_BYTES {
        return Err(LineFault::Shape("its signature has the wrong length"));
    }
    Ok(decoded)
}

/// The key as others are given it: `NAME+ID+KEY` (C2SP signed-note, verifier keys).
pub fn verifier_key(name: &str, public_key: &[u8]) -> String {
    let typed = [&[ED25519_TYPE], public_key].concat();
    format!("{name}+{}+{}", hex::encode(key_id(name, public_key)), STANDARD.encode(typed))
}

/// Reads a verifier key; gives name and public key.
pub(crate) fn parse_verifier_key(text: &str) -> Option<(String, Vec<u8>)> {
    let (name, rest) = text.split_once('+')?;
    let (_, encoded) = rest.split_once('+')?;
    let typed = STANDARD.decode(encoded).ok()?;
    let (algorithm, public_key) = typed.split_first()?;
    let canonical =
        *algorithm == ED25519_TYPE && is_name(name) && public_key.len() == 32 && verifier_key(name, public_key) == text;
    canonical.then(|| (name.to_owned(), public_key.to_vec()))
}

pub(crate) fn is_name(name: &str) -> bool {
    let bad = |character: char| character.is_whitespace() || character.is_control() || character == '+';
    !name.is_empty() && name.len() <= NAME_CHARS_MAX && !name.contains(bad)
}

fn key_id(name: &str, public_key: &[u8]) -> [u8; ID_BYTES] {
    let hash = digest(&SHA256, &[name.as_bytes(), b"\n", &[ED25519_TYPE], public_key].concat());
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

//! The Ed25519 key that signs the ledger's checkpoints (C2SP signed notes).

use std::io;
use std::path::Path;

use event::Signer;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use crate::wiped::Wiped;
use crate::{KeyError, Sealer, file};

const NAME_CHARS_MAX: usize = 100;

/// Signs notes under a name; stored sealed, made at first use.
pub struct NoteSigner {
    name: String,
    pair: Wiped<Ed25519KeyPair>,
}

impl NoteSigner {
    pub(crate) fn open(directory: &Path, sealer: &Sealer, name: &str) -> Result<Self, KeyError> {
        check_name(name)?;
        let path = directory.join(file_name(name));
        let aad = associated(name);
        let document = match file::read(&path) {
            Ok(sealed) => Zeroizing::new(sealer.open(&aad, &sealed).map_err(|_| KeyError::Malformed {
                path: path.clone(),
                reason: "it was changed, or sealed under another key or name",
            })?),
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let failed = |_| KeyError::Crypto { what: "making a signing key" };
                let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?;
                let document = Zeroizing::new(document.as_ref().to_vec());
                file::create(&path, &sealer.seal(&aad, &document)?)?;
                document
            }
            Err(error) => return Err(error),
        };
        let pair = Ed25519KeyPair::from_pkcs8(&document)
            .map_err(|_| KeyError::Malformed { path, reason: "it is not an Ed25519 key" })?;
        Ok(Self { name: name.to_owned(), pair: Wiped::new(pair) })
    }
}

/// Seals the key of a name anew when an older generation sealed it; gives whether it did.
pub(crate) fn reseal(directory: &Path, sealer: &Sealer, name: &str) -> Result<bool, KeyError> {
    let path = directory.join(file_name(name));
    let sealed = file::read(&path)?;
    let anew = sealer.reseal(&associated(name), &sealed).map_err(|_| KeyError::Malformed {
        path: path.clone(),
        reason: "it was changed, or sealed under another key or name",
    })?;
    match anew {
        Some(anew) => file::replace(&path, &anew).map(|()| true),
        None => Ok(false),
    }
}

fn associated(name: &str) -> Vec<u8> {
    [b"note signer ", name.as_bytes()].concat()
}

impl Signer for NoteSigner {
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

impl std::fmt::Debug for NoteSigner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NoteSigner")
            .field("name", &self.name)
            .field("public_key", &hex::encode(self.public_key()))
            .finish_non_exhaustive()
    }
}

/// C2SP signed-note: a name has neither spaces nor plus signs.
pub(crate) fn check_name(name: &str) -> Result<(), KeyError> {
    let bad = |character: char| character.is_whitespace() || character.is_control() || character == '+';
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.contains(bad) {
        return Err(KeyError::SignerName { name: name.chars().take(NAME_CHARS_MAX).collect() });
    }
    Ok(())
}

/// Names may hold slashes, file names may not.
pub(crate) fn file_name(name: &str) -> String {
    let hash = digest(&SHA256, name.as_bytes());
    format!("note-{}.sealed", hex::encode(hash.as_ref().get(..8).unwrap_or_default()))
}

//! The certificate of destruction: what was destroyed of a person, signed by the installation.
//!
//! It holds tokens and keyed hashes, never a value, and can be given to the person. A restore of an older backup reads it
//! (`restore --shredded`) and destroys again what it names.

use std::path::Path;

use anyhow::Context as _;
use event::{Signer, Timestamp};
use keys::{KeySource, Keyring};
use policy::vault::Shredded;
use serde::{Deserialize, Serialize};

use crate::exit::{Failure, Status};

/// Name of the signing key.
pub const SIGNER: &str = "metrosoc-erasure";
/// The form that is written and read.
pub const FORMAT: u32 = 1;
/// Longest certificate that is read.
const BYTES_MAX: u64 = 16 << 20;
/// What is signed begins with this, so that no other signature of the key can stand for it.
const DOMAIN: &[u8] = b"metrosoc certificate of destruction 1\n";

/// What was destroyed, and what is left of it where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The form; [`FORMAT`].
    pub format: u32,
    /// Its id.
    pub id: String,
    /// When destruction was ordered.
    pub ordered: Timestamp,
    /// By whom.
    pub ordered_by: String,
    /// What for, a word of the policy.
    pub purpose: String,
    /// Why.
    pub reason: String,
    /// In which case.
    pub case: Option<String>,
    /// The ledger's entry, which was there before anything was destroyed.
    pub ledger_entry: u64,
    /// What was destroyed: data key and row of each.
    pub destroyed: Vec<Shredded>,
    /// Data keys of these that are there all the same; 0 when all is well.
    pub keys_left: usize,
    /// Rows of these that are there all the same; 0 when all is well.
    pub rows_left: usize,
    /// The values may stand in received records before this number as long as the sealed spool has them.
    pub spool_before: u64,
    /// When the spool's last such segment was seen to be gone; `null` while there are some.
    pub spool_gone: Option<Timestamp>,
    /// When this was signed.
    pub issued: Timestamp,
}

/// A certificate with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// What is certified.
    pub certificate: Certificate,
    /// The key's name.
    pub signed_by: String,
    /// Ed25519 public key, hexadecimal.
    pub public_key: String,
    /// Ed25519 signature over the domain's line and the certificate as compact JSON in the order of its fields, hexadecimal.
    pub signature: String,
}

impl Signed {
    /// Signs.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn new(certificate: Certificate, signer: &dyn Signer) -> Result<Self, serde_json::Error> {
        let signature = signer.sign(&message(&certificate)?);
        Ok(Self {
            certificate,
            signed_by: signer.name().to_owned(),
            public_key: hex::encode(signer.public_key()),
            signature: hex::encode(signature),
        })
    }

    /// Reads one and checks its signature, and that it is by `key` where that is known.
    ///
    /// # Errors
    /// When it is none, was changed, or is another installation's.
    pub fn read(path: &Path, key: Option<&[u8]>) -> anyhow::Result<Self> {
        let about = std::fs::metadata(path).with_context(|| format!("`{}`", path.display()))?;
        let bad = |reason: &str| Failure::new(Status::BadData, format!("certificate `{}`: {reason}", path.display()));
        if about.len() > BYTES_MAX {
            return Err(bad("it is longer than any certificate").into());
        }
        let bytes = std::fs::read(path).with_context(|| format!("`{}`", path.display()))?;
        let signed: Self = serde_json::from_slice(&bytes).map_err(|error| bad(&format!("it is none: {error}")))?;
        signed.check(key).map_err(bad)?;
        Ok(signed)
    }

    fn check(&self, expected: Option<&[u8]>) -> Result<(), &'static str> {
        if self.certificate.format != FORMAT {
            return Err("it has a form that this program does not know");
        }
        let forged = "its signature does not fit: it was changed after it was issued";
        let key = hex::decode(&self.public_key).map_err(|_| forged)?;
        let signature = hex::decode(&self.signature).map_err(|_| forged)?;
        if expected.is_some_and(|expected| expected != key) {
            return Err("it is signed by another key than this installation's");
        }
        let message = message(&self.certificate).map_err(|_| forged)?;
        let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, key);
        key.verify(&message, &signature).map_err(|_| forged)
    }
}

fn message(certificate: &Certificate) -> Result<Vec<u8>, serde_json::Error> {
    Ok([DOMAIN, &serde_json::to_vec(certificate)?].concat())
}

/// The key that signs certificates, opened from the sealed keys of a data directory; `None` while master key or sealed key
/// are not there.
///
/// # Errors
/// When the master key is there and does not open them.
pub fn key_of(data: &Path, source: &KeySource) -> anyhow::Result<Option<Vec<u8>>> {
    // A keyring makes what is not there; here nothing is made.
    if !source.path().exists() || !data.join("keys/check").exists() {
        return Ok(None);
    }
    let keyring = Keyring::open(source, data).context("the master key")?;
    if !keyring.has_note_signer(SIGNER) {
        return Ok(None);
    }
    Ok(Some(keyring.note_signer(SIGNER).context("the key of certificates")?.public_key().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> Certificate {
        Certificate {
            format: FORMAT,
            id: "0a".to_owned(),
            ordered: Timestamp::from_secs(1),
            ordered_by: "huong".to_owned(),
            purpose: "data-subject-request".to_owned(),
            reason: "đơn số 12".to_owned(),
            case: None,
            ledger_entry: 7,
            destroyed: Vec::new(),
            keys_left: 0,
            rows_left: 0,
            spool_before: 9,
            spool_gone: None,
            issued: Timestamp::from_secs(2),
        }
    }

    #[test]
    fn certificates_are_checked_to_the_last_field() {
        let folder = tempfile::tempdir().unwrap();
        let signer = keys::NoteKey::create(&folder.path().join("key"), SIGNER).unwrap();
        let signed = Signed::new(certificate(), &signer).unwrap();
        let path = folder.path().join("certificate.json");
        let check = |signed: &Signed, key: Option<&[u8]>| {
            std::fs::write(&path, serde_json::to_vec_pretty(signed).unwrap()).unwrap();
            Signed::read(&path, key).map_err(|error| error.to_string())
        };
        assert_eq!(check(&signed, Some(signer.public_key())).unwrap(), signed);
        assert!(check(&signed, Some(&[1; 32])).unwrap_err().contains("another key"));
        let mut changed = signed.clone();
        changed.certificate.spool_gone = Some(Timestamp::from_secs(3));
        assert!(check(&changed, None).unwrap_err().contains("changed"));
        std::fs::write(&path, "{}").unwrap();
        assert!(Signed::read(&path, None).unwrap_err().to_string().contains("it is none"));
    }
}

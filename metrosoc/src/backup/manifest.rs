//! The manifest: what a backup holds, signed. Written last: without it a folder is no backup.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The form that is written and read.
pub const FORMAT: u32 = 1;
/// Its file in the backup.
pub const FILE: &str = "manifest.json";
/// Its signature beside it.
pub const SIGNATURE_FILE: &str = "manifest.signature";
/// Longest manifest and signature that are read.
pub const BYTES_MAX: u64 = 256 << 20;
/// What is signed begins with this, so that no other signature of the key can stand for it.
const DOMAIN: &[u8] = b"metrosoc backup manifest 1\n";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form; [`FORMAT`].
    pub format: u32,
    /// The version of the program that made it.
    pub program: String,
    /// Random, 32 hexadecimal digits.
    pub id: String,
    /// When copying began, RFC 3339; alerts of events received later may be missing.
    pub began: String,
    /// When it was made, RFC 3339.
    pub made: String,
    /// Events from this number on are not in it.
    pub events_from: u64,
    /// Events up to here (excluded) had been received when it was finished.
    pub events_received: u64,
    /// Events in the index.
    pub events: u64,
    /// The ledger's checkpoint, a C2SP signed note.
    pub ledger: String,
    /// `sqlite` or `postgres`.
    pub store: String,
    /// The backup whose files it shares, by id.
    pub previous: Option<String>,
    /// Names in the data directory that are never copied.
    pub excluded: Vec<String>,
    /// Every file, by path.
    pub files: Vec<FileEntry>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Relative to the backup, with `/`.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// Who signed a manifest, and the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The key's name.
    pub name: String,
    /// Ed25519 public key, hexadecimal.
    pub public_key: String,
    /// Ed25519 signature, hexadecimal.
    pub signature: String,
}

/// Why a manifest is not believed.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// Not JSON of this form.
    #[error("it is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    /// Another version's.
    #[error("it has form {found}, and this program reads form {FORMAT}; use the newer program that made it")]
    Newer {
        /// The form it has.
        found: u32,
    },
    /// A path that leads out of the backup, or stands there twice.
    #[error("it names the file `{path}`, which no backup has")]
    Path {
        /// The path.
        path: String,
    },
    /// The signature is not the key's.
    #[error("its signature does not fit: it was changed after the backup was made")]
    Forged,
    /// Signed by another key than the one that is sealed in the backup under the master key.
    #[error("it is signed by another key than this master key's: it is a backup of another platform, or forged")]
    Foreign,
}

impl Manifest {
    /// Reads one; its paths lead nowhere but into the backup.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = serde_json::from_slice(bytes)?;
        if format != FORMAT {
            return Err(ManifestError::Newer { found: format });
        }
        let manifest: Self = serde_json::from_slice(bytes)?;
        let mut seen = BTreeSet::new();
        for file in &manifest.files {
            if !is_inside(&file.path) || !seen.insert(file.path.as_str()) {
                return Err(ManifestError::Path { path: file.path.chars().take(200).collect() });
            }
        }
        Ok(manifest)
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add)
    }
}

/// Whether a path leads to a file of the data, of the configuration or to the dump.
fn is_inside(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let clean = parts.iter().all(|part| !matches!(*part, "" | "." | "..") && !part.contains('\0'));
    let excluded = matches!(parts.as_slice(), ["data", "spool" | "vault-keys" | "edge", ..]);
    clean
        && !excluded
        && (matches!(parts.as_slice(), ["data" | "config", _, ..])
            || matches!(path, "postgres.dump" | "postgres-vault.dump"))
}

/// What is signed for a manifest of these bytes.
pub fn message(bytes: &[u8]) -> Vec<u8> {
    [DOMAIN, bytes].concat()
}

impl Signature {
    /// Checks the signature over a manifest's bytes, and that it is of `expected` where that key is known.
    ///
    /// # Errors
    /// [`ManifestError::Forged`] or [`ManifestError::Foreign`].
    pub fn check(&self, bytes: &[u8], expected: Option<&[u8]>) -> Result<(), ManifestError> {
        let decode = |text: &str| hex::decode(text).map_err(|_| ManifestError::Forged);
        let (key, signature) = (decode(&self.public_key)?, decode(&self.signature)?);
        if expected.is_some_and(|expected| expected != key) {
            return Err(ManifestError::Foreign);
        }
        let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, key);
        key.verify(&message(bytes), &signature).map_err(|_| ManifestError::Forged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    fn manifest(paths: &[&str]) -> Manifest {
        let file = |path: &&str| FileEntry { path: (*path).to_owned(), bytes: 3, sha256: "00".repeat(32) };
        Manifest {
            format: FORMAT,
            program: "0.1.0".to_owned(),
            id: "0".repeat(32),
            began: "2026-11-03T11:59:00Z".to_owned(),
            made: "2026-11-03T12:00:00Z".to_owned(),
            events_from: 9,
            events_received: 12,
            events: 9,
            ledger: String::new(),
            store: "sqlite".to_owned(),
            previous: None,
            excluded: vec!["spool".to_owned()],
            files: paths.iter().map(file).collect(),
        }
    }

    fn check(paths: &[&str], expected: bool) {
        let bytes = serde_json::to_vec(&manifest(paths)).unwrap();
        assert_eq!(Manifest::parse(&bytes).is_ok(), expected, "{paths:?}");
    }

    #[test]
    fn paths_stay_inside_and_stand_there_once() {
        check(
            &[
                "data/metrosoc.sqlite",
                "data/index/20261103T000000Z/meta.json",
                "config/metrosoc.toml",
                "postgres.dump",
                "postgres-vault.dump",
            ],
            true,
        );
        for path in [
            "",
            "data",
            "data/",
            "/etc/passwd",
            "data/../x",
            "data//x",
            "data/./x",
            "../data/x",
            "manifest.json",
            "data/spool/0.seg",
            "data/vault-keys/a",
            "data/edge/x",
            "other/x",
            "data/a\0b",
        ] {
            check(&[path], false);
        }
        check(&["data/a", "data/a"], false);
    }

    #[test]
    fn newer_forms_are_refused() {
        let refused = Manifest::parse(br#"{"format":2,"shape":"another"}"#).unwrap_err();
        assert!(refused.to_string().contains("form 2"), "{refused}");
    }

    #[test]
    fn signatures_are_of_these_bytes_and_this_key() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let bytes = serde_json::to_vec(&manifest(&["data/a"])).unwrap();
        let signature = Signature {
            name: "metrosoc-backup".to_owned(),
            public_key: hex::encode(pair.public_key()),
            signature: hex::encode(pair.sign(&message(&bytes))),
        };
        let key = pair.public_key().as_ref();
        assert!(signature.check(&bytes, Some(key)).is_ok() && signature.check(&bytes, None).is_ok());
        assert!(matches!(signature.check(&bytes, Some(&[1; 32])), Err(ManifestError::Foreign)));
        let mut changed = bytes.clone();
        changed[20] ^= 1;
        assert!(matches!(signature.check(&changed, Some(key)), Err(ManifestError::Forged)));
        // A signature of the key over something else, without the domain, does not do.
        let other = Signature { signature: hex::encode(pair.sign(&bytes)), ..signature };
        assert!(matches!(other.check(&bytes, Some(key)), Err(ManifestError::Forged)));
    }

    proptest! {
        #[test]
        fn what_is_read_stays_inside(paths in prop::collection::vec("[a-z./]{0,12}", 0..6)) {
            let paths: Vec<_> = paths.iter().map(|path| format!("data/{path}")).collect();
            let paths: Vec<_> = paths.iter().map(String::as_str).collect();
            let bytes = serde_json::to_vec(&manifest(&paths)).unwrap();
            if let Ok(read) = Manifest::parse(&bytes) {
                for file in &read.files {
                    let target = std::path::Path::new("/backup").join(&file.path);
                    prop_assert!(target.components().all(|part| !matches!(part, std::path::Component::ParentDir)));
                    prop_assert!(target.starts_with("/backup"));
                }
            }
        }

        #[test]
        fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Manifest::parse(&bytes).is_err());
        }
    }
}

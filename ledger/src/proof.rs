//! The proofs that an entry stands in the ledger, and that one checkpoint continues another.

use serde::Serialize;

use crate::{Hash, parse_note, verify_inclusion};

/// That the entry with a leaf hash stands at an index under a signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The entry's place.
    pub index: u64,
    /// Its leaf hash: SHA-256 of a zero byte and the entry's JSON.
    #[serde(serialize_with = "one")]
    pub leaf: Hash,
    /// The siblings on the way to the root, lowest first.
    #[serde(serialize_with = "many")]
    pub path: Vec<Hash>,
    /// The signed note.
    pub note: String,
}

impl Proof {
    /// Whether the note is signed by the key and the path leads from the leaf to its root.
    pub fn holds(&self, public_key: &[u8]) -> bool {
        let Ok(signed) = parse_note(self.note.as_bytes()) else { return false };
        let checkpoint = &signed.checkpoint;
        signed.is_signed_by(public_key)
            && verify_inclusion(&self.leaf, self.index, checkpoint.size, &self.path, &checkpoint.root)
    }
}

/// That the tree of an older checkpoint is the beginning of a newer one's (RFC 9162, 2.1.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsistencyProof {
    /// Entries of the older.
    pub old_size: u64,
    /// Its root.
    #[serde(serialize_with = "one")]
    pub old_root: Hash,
    /// Entries of the newer.
    pub new_size: u64,
    /// Its root.
    #[serde(serialize_with = "one")]
    pub new_root: Hash,
    /// The hashes of which both roots are made.
    #[serde(serialize_with = "many")]
    pub proof: Vec<Hash>,
}

fn one<S: serde::Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(hash))
}

fn many<S: serde::Serializer>(path: &[Hash], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(path.iter().map(hex::encode))
}

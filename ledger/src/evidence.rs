//! The proof that an indexed record stands in the ledger as it was stored.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::batch::record_leaf;
use crate::{Hash, LineFault, leaf_hash, parse_note, verify_inclusion};

/// The form of proofs that is written and read.
const FORM: u32 = 1;
/// Bytes of a proof's JSON at most.
const PROOF_BYTES_MAX: usize = 8 << 20;

/// From an event's stored bytes to its leaf, from the leaf to the batch's root, from there into the ledger's entry, and
/// from the entry to a signed checkpoint. Hashes and salt are hexadecimal, stored bytes base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventProof {
    /// Form of this proof; 1.
    pub form: u32,
    /// The event.
    pub event: u64,
    /// The salt; `null` when it is destroyed, or not for whoever asked.
    pub salt: Option<String>,
    /// The event's stored bytes; `null` as the salt.
    pub stored: Option<String>,
    /// SHA-256 of a zero byte, the salt, the event's id (8 bytes, big endian) and the stored bytes.
    pub leaf: String,
    /// The way from the leaf to the root of the batch.
    pub batch: BatchPath,
    /// The ledger's entry that holds this root, and the way from there to the checkpoint's root.
    pub entry: EntryPath,
    /// The signed note.
    pub checkpoint: String,
}

/// Where a leaf stands in its batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchPath {
    /// The leaf's place, from 0.
    pub index: u64,
    /// Leaves of the batch.
    pub size: u64,
    /// The siblings on the way to the root, lowest first.
    pub path: Vec<String>,
}

/// Where the batch's entry stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryPath {
    /// The entry's place, from 0.
    pub index: u64,
    /// The entry's JSON, byte for byte; its leaf is SHA-256 of a zero byte and this.
    pub text: String,
    /// The siblings on the way to the root, lowest first.
    pub path: Vec<String>,
}

/// The part of a batch's entry that a proof looks at.
#[derive(Deserialize)]
struct BatchEntry {
    index: u64,
    action: String,
    detail: BatchDetail,
}

/// What a batch's entry says of its leaves.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BatchDetail {
    /// Leaves.
    pub(crate) count: u64,
    /// Their root, hexadecimal.
    pub(crate) root: String,
}

/// The action of entries of batches.
pub(crate) const BATCH_ACTION: &str = "batch_indexed";

impl EventProof {
    /// Puts a proof together.
    pub(crate) fn new(event: u64, leaf: &Hash, batch: BatchPath, entry: EntryPath, checkpoint: String) -> Self {
        Self { form: FORM, event, salt: None, stored: None, leaf: hex::encode(leaf), batch, entry, checkpoint }
    }

    /// Adds what the leaf commits to.
    #[must_use]
    pub fn with_record(self, salt: &[u8; 16], stored: &[u8]) -> Self {
        Self { salt: Some(hex::encode(salt)), stored: Some(STANDARD.encode(stored)), ..self }
    }

    /// Reads a proof's JSON. Takes any bytes.
    ///
    /// # Errors
    /// When it is no proof of this form.
    pub fn parse(json: &[u8]) -> Result<Self, LineFault> {
        if json.len() > PROOF_BYTES_MAX {
            return Err(LineFault::Shape("it is longer than a proof can be"));
        }
        let read: Self =
            serde_json::from_slice(json).map_err(|_| LineFault::Shape("its JSON is not that of a proof"))?;
        if read.form == FORM { Ok(read) } else { Err(LineFault::Shape("it has a form that is not known")) }
    }

    /// Whether everything agrees, from the stored bytes (when they are given) to the note's signature by the key.
    pub fn holds(&self, public_key: &[u8]) -> bool {
        self.leads(public_key).unwrap_or(false)
    }

    fn leads(&self, public_key: &[u8]) -> Option<bool> {
        let leaf = hash(&self.leaf)?;
        let committed = match (&self.salt, &self.stored) {
            (Some(salt), Some(stored)) => {
                let mut bytes = [0; 16];
                hex::decode_to_slice(salt, &mut bytes).ok()?;
                record_leaf(&bytes, self.event, &STANDARD.decode(stored).ok()?) == leaf
            }
            (None, None) => true,
            _ => false,
        };
        let entry: BatchEntry = serde_json::from_str(&self.entry.text).ok()?;
        let named = entry.index == self.entry.index && entry.action == BATCH_ACTION;
        let (count, root) = (entry.detail.count, hash(&entry.detail.root)?);
        let in_batch = count == self.batch.size
            && verify_inclusion(&leaf, self.batch.index, count, &hashes(&self.batch.path)?, &root);
        let signed = parse_note(self.checkpoint.as_bytes()).ok()?;
        let (path, checkpoint) = (hashes(&self.entry.path)?, &signed.checkpoint);
        let entry_leaf = leaf_hash(self.entry.text.as_bytes());
        let in_log = verify_inclusion(&entry_leaf, entry.index, checkpoint.size, &path, &checkpoint.root);
        Some(committed && named && in_batch && in_log && signed.is_signed_by(public_key))
    }
}

fn hash(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).ok().map(|()| hash)
}

fn hashes(texts: &[String]) -> Option<Vec<Hash>> {
    texts.iter().map(|text| hash(text)).collect()
}

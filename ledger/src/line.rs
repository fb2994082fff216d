//! A line of a segment: an entry, or the checkpoint after a group of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::entry::ENTRY_BYTES_READ;
use crate::note::{parse_root, parse_signature, parse_size};
use crate::{Hash, LineFault, SignedCheckpoint, StoredEntry, entry, leaf_hash};

/// Hexadecimal digits of a hash, and a space.
const HASH_BYTES: usize = 65;
/// No line is longer, its end included.
pub(crate) const LINE_BYTES_MAX: usize = ENTRY_BYTES_READ + HASH_BYTES + 1;

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// An entry whose hash agrees with its text.
    Entry(StoredEntry),
    /// A checkpoint; its signature is not verified yet.
    Checkpoint {
        /// Entries before it.
        size: u64,
        /// Root of the tree over them.
        root: Hash,
        /// Key id and signature.
        signature: Vec<u8>,
    },
}

/// Reads a line of a segment without its line feed. Takes any bytes.
///
/// # Errors
/// When it is neither, or an entry's hash does not agree with its text.
pub fn parse_line(bytes: &[u8]) -> Result<Line, LineFault> {
    if let Some(rest) = bytes.strip_prefix(b"# ") {
        return parse_checkpoint(rest);
    }
    let (head, json) = bytes.split_at_checked(HASH_BYTES).ok_or(LineFault::Shape("it is too short"))?;
    let (hash, [b' ']) = head.split_at(HASH_BYTES - 1) else {
        return Err(LineFault::Shape("no space stands behind its hash"));
    };
    if hash.iter().any(u8::is_ascii_uppercase) {
        return Err(LineFault::Shape("its hash is not lowercase hexadecimal"));
    }
    let mut written: Hash = [0; 32];
    hex::decode_to_slice(hash, &mut written).map_err(|_| LineFault::Shape("its hash is not lowercase hexadecimal"))?;
    if leaf_hash(json) != written {
        return Err(LineFault::Hash);
    }
    entry::parse(json, written).map(Line::Entry)
}

/// The JSON of an entry's line, without a look at its hash.
pub(crate) fn entry_json(line: &[u8]) -> Result<&[u8], LineFault> {
    line.get(HASH_BYTES..).ok_or(LineFault::Shape("it is too short"))
}

fn parse_checkpoint(bytes: &[u8]) -> Result<Line, LineFault> {
    let text = std::str::from_utf8(bytes).map_err(|_| LineFault::Shape("it is not text"))?;
    let mut words = text.split(' ');
    let mut word = || words.next().ok_or(LineFault::Shape("it ends early"));
    let (size, root, signature) = (parse_size(word()?)?, parse_root(word()?)?, parse_signature(word()?)?);
    if words.next().is_some() {
        return Err(LineFault::Shape("something stands behind its signature"));
    }
    Ok(Line::Checkpoint { size, root, signature })
}

/// Writes an entry's line.
pub(crate) fn write_entry(out: &mut Vec<u8>, hash: &Hash, json: &[u8]) {
    out.extend_from_slice(hex::encode(hash).as_bytes());
    out.push(b' ');
    out.extend_from_slice(json);
    out.push(b'\n');
}

/// Writes a checkpoint's line.
pub(crate) fn write_checkpoint(out: &mut Vec<u8>, signed: &SignedCheckpoint) {
    let root = STANDARD.encode(signed.checkpoint.root);
    let line = format!("# {} {root} {}\n", signed.checkpoint.size, STANDARD.encode(&signed.signature));
    out.extend_from_slice(line.as_bytes());
}

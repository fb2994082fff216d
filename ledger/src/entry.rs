//! An entry: what is given to the ledger, and what stands in it.

use event::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Hash, LedgerError, LineFault};

/// Bytes of an actor at most.
pub const ACTOR_BYTES_MAX: usize = 256;
/// Bytes of an action at most.
pub const ACTION_BYTES_MAX: usize = 64;
/// Bytes of an object at most.
pub const OBJECT_BYTES_MAX: usize = 1024;
/// Bytes of an entry's JSON at most: what two bytes can say, as bundles of entries have it (C2SP tlog-tiles).
pub const ENTRY_BYTES_MAX: usize = 65_535;
/// Older ledgers can hold one byte more.
pub(crate) const ENTRY_BYTES_READ: usize = 65_536;
/// How deep the detail may be nested.
pub const DETAIL_DEPTH_MAX: usize = 16;

/// What happened, to be appended. The ledger adds index and time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Who did it: a user's name, `site:ID`, `metrosoc` itself.
    pub actor: String,
    /// What was done: lowercase letters, digits, `_` and `.`, such as `search`, `sign_in`, `batch_indexed`.
    pub action: String,
    /// What it was done to: an id or a name, no personal data.
    pub object: String,
    /// More, in the action's own form.
    pub detail: Value,
}

impl Entry {
    /// An entry.
    pub fn new(actor: impl Into<String>, action: impl Into<String>, object: impl Into<String>, detail: Value) -> Self {
        Self { actor: actor.into(), action: action.into(), object: object.into(), detail }
    }

    /// About how long it will be; a detail counts by its outermost text only.
    pub(crate) fn bytes(&self) -> usize {
        let detail = self.detail.as_str().map_or(256, str::len);
        self.actor.len() + self.action.len() + self.object.len() + detail
    }

    /// Holds the entry against the bounds.
    pub(crate) fn check(&self) -> Result<(), LedgerError> {
        let refused = |reason: String| Err(LedgerError::Refused { reason });
        for (name, text, most) in [
            ("actor", &self.actor, ACTOR_BYTES_MAX),
            ("action", &self.action, ACTION_BYTES_MAX),
            ("object", &self.object, OBJECT_BYTES_MAX),
        ] {
            if text.len() > most {
                return refused(format!("its {name} has {} bytes, at most {most} are kept", text.len()));
            }
        }
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
        if self.action.is_empty() || !self.action.bytes().all(plain) {
            return refused(format!("action `{}` has other characters than a-z 0-9 _ .", self.action.escape_debug()));
        }
        if self.actor.is_empty() {
            return refused("its actor is empty".to_owned());
        }
        if deeper(&self.detail, DETAIL_DEPTH_MAX) {
            return refused(format!("its detail is nested deeper than {DETAIL_DEPTH_MAX}"));
        }
        Ok(())
    }
}

/// Whether arrays and objects are nested deeper than `most`; looks no deeper than that.
fn deeper(value: &Value, most: usize) -> bool {
    let Some(rest) = most.checked_sub(1) else { return value.is_array() || value.is_object() };
    match value {
        Value::Array(items) => items.iter().any(|item| deeper(item, rest)),
        Value::Object(fields) => fields.values().any(|item| deeper(item, rest)),
        _ => false,
    }
}

/// An entry as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredEntry {
    /// Its place, counted from 0.
    pub index: u64,
    /// When it was appended.
    pub time: Timestamp,
    /// Who, what and to what.
    #[serde(flatten)]
    pub entry: Entry,
    /// Its leaf hash.
    #[serde(serialize_with = "hexadecimal")]
    pub hash: Hash,
    /// The leaf hash of the entry before it; zeros for the first.
    #[serde(serialize_with = "hexadecimal")]
    pub previous: Hash,
}

fn hexadecimal<S: serde::Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(hash))
}

/// The JSON of an entry, in this order.
#[derive(Serialize)]
struct Written<'a> {
    index: u64,
    time: Timestamp,
    actor: &'a str,
    action: &'a str,
    object: &'a str,
    detail: &'a Value,
    prev: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    index: u64,
    time: Timestamp,
    actor: String,
    action: String,
    object: String,
    detail: Value,
    prev: String,
}

/// The JSON of an entry.
pub(crate) fn render(entry: &Entry, index: u64, time: Timestamp, previous: &Hash) -> Result<Vec<u8>, LedgerError> {
    entry.check()?;
    let written = Written {
        index,
        time,
        actor: &entry.actor,
        action: &entry.action,
        object: &entry.object,
        detail: &entry.detail,
        prev: hex::encode(previous),
    };
    let json = serde_json::to_vec(&written).map_err(|error| LedgerError::Refused { reason: error.to_string() })?;
    if json.len() > ENTRY_BYTES_MAX {
        let reason = format!("it has {} bytes, at most {ENTRY_BYTES_MAX} are kept", json.len());
        return Err(LedgerError::Refused { reason });
    }
    Ok(json)
}

/// Reads the JSON of an entry whose leaf hash is `hash`.
pub(crate) fn parse(json: &[u8], hash: Hash) -> Result<StoredEntry, LineFault> {
    if json.len() > ENTRY_BYTES_READ {
        return Err(LineFault::Shape("it is longer than an entry can be"));
    }
    let read: Read = serde_json::from_slice(json).map_err(|_| LineFault::Shape("its JSON is not that of an entry"))?;
    let mut previous = [0; 32];
    hex::decode_to_slice(&read.prev, &mut previous)
        .map_err(|_| LineFault::Shape("its previous hash is not hexadecimal"))?;
    let entry = Entry { actor: read.actor, action: read.action, object: read.object, detail: read.detail };
    Ok(StoredEntry { index: read.index, time: read.time, entry, hash, previous })
}

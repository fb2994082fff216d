//! The digest of a batch, for the ledger.

use event::EventId;
use ring::digest::{Context, SHA256};
use serde::Serialize;

/// What the ledger records of a batch: which events, and a digest of their stored bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchDigest {
    /// The first event added.
    pub first: EventId,
    /// The last event added.
    pub last: EventId,
    /// Number of events added; 0 when the index held them all already.
    pub count: u64,
    /// SHA-256 over the stored bytes (see the index's `packed`), each event preceded by its length (64 bits, big endian); hexadecimal.
    pub sha256: String,
}

/// A digest in the making.
pub(crate) struct Digester {
    context: Context,
    first: Option<EventId>,
    last: EventId,
    count: u64,
}

impl Digester {
    pub(crate) fn new() -> Self {
        Self { context: Context::new(&SHA256), first: None, last: EventId(0), count: 0 }
    }

    /// Takes one event's stored bytes in.
    pub(crate) fn take(&mut self, id: EventId, source: &[u8]) {
        self.context.update(&(source.len() as u64).to_be_bytes());
        self.context.update(source);
        self.first.get_or_insert(id);
        self.last = id;
        self.count += 1;
    }

    pub(crate) fn finish(self) -> BatchDigest {
        let sha256 = self.context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        BatchDigest { first: self.first.unwrap_or_default(), last: self.last, count: self.count, sha256 }
    }
}

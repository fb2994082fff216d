//! What the product itself does: acts for the ledger, and the events that they become, so that its rules watch it like
//! any other log. This is its audit record, not its log: log lines are never taken in again.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{SourceId, Timestamp, Transport};

/// One of the product's own records: the `service` of Sigma's product `metrosoc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnRecord {
    /// Who read, searched, changed and signed in.
    Audit,
    /// What the certificate authority and the listeners' verification did.
    Pki,
    /// What became known of sites and senders.
    Site,
}

impl OwnRecord {
    /// Every record.
    pub const ALL: [Self; 3] = [Self::Audit, Self::Pki, Self::Site];

    /// As Sigma's `service` writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Pki => "pki",
            Self::Site => "site",
        }
    }

    /// `event.dataset` of its events.
    pub fn dataset(self) -> &'static str {
        match self {
            Self::Audit => "metrosoc.audit",
            Self::Pki => "metrosoc.pki",
            Self::Site => "metrosoc.site",
        }
    }

    /// The source that its events come from; no sender can have it.
    pub fn source(self) -> SourceId {
        SourceId::of(Transport::Own, self.as_str())
    }
}

/// `event.module` of the product's own events; no sender may say it of its events.
pub const OWN_MODULE: &str = "metrosoc";

/// Something that happened in a place that cannot wait for the ledger: a handshake, a datagram.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// Who did it: `site:ID`, or `metrosoc` where nobody is known.
    pub actor: String,
    /// What, in the words of the ledger: `certificate_refused`.
    pub action: &'static str,
    /// To what: an id or a name, no personal data.
    pub object: String,
    /// More, in the action's own form.
    pub detail: Value,
}

/// Takes acts on their way to the ledger; never waits. What comes too fast is counted and not recorded.
pub trait Acts: Send + Sync + fmt::Debug {
    /// An act happened.
    fn happened(&self, act: Act);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoActs;

impl Acts for NoActs {
    fn happened(&self, _act: Act) {}
}

/// An entry of the ledger on its way into detection: what a spool record of the product's own holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnEvent {
    /// Which record it belongs to.
    pub record: OwnRecord,
    /// When it happened.
    pub time: Timestamp,
    /// ECS names, dotted, with their values; arrays are lists.
    pub fields: Map<String, Value>,
}

impl OwnEvent {
    /// The bytes of its spool record.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Maps of text to JSON always serialise; an empty record would be kept as one that nothing understands.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`OwnEvent::to_bytes`] wrote; `None` for anything else.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_back() {
        for record in OwnRecord::ALL {
            let mut fields = Map::new();
            fields.insert("event.action".to_owned(), "sign_in".into());
            fields.insert("user.roles".to_owned(), serde_json::json!(["admin"]));
            let event = OwnEvent { record, time: Timestamp::from_secs(1_793_664_000), fields };
            assert_eq!(OwnEvent::read(&String::from_utf8(event.to_bytes()).unwrap()), Some(event));
            assert_eq!(record.dataset(), format!("{OWN_MODULE}.{}", record.as_str()));
            assert_eq!(record.source().as_str(), format!("own:{}", record.as_str()));
        }
        assert_eq!(OwnEvent::read("{\"record\":\"audit\"}"), None);
    }
}

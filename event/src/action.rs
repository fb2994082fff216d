//! What a response does, and what calls for one.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{AlertId, Entities, RuleRef, SiteId, Timestamp};

/// The kinds of action that a playbook can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Drop packets from an address, for a time.
    BlockAddress,
    /// Revoke a site's certificate.
    RevokeCertificate,
}

/// One action with its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Drop packets from an address, for a time.
    BlockAddress {
        /// The address, v4 or v6.
        address: IpAddr,
        /// For how long, in seconds.
        duration_secs: u64,
    },
    /// Revoke a site's certificate.
    RevokeCertificate {
        /// The site.
        site: SiteId,
    },
}

impl Action {
    /// Its kind.
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::BlockAddress { .. } => ActionKind::BlockAddress,
            Self::RevokeCertificate { .. } => ActionKind::RevokeCertificate,
        }
    }
}

/// What the detector tells the responder: an alert was made or grew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// The alert.
    pub alert: AlertId,
    /// Its rule.
    pub rule: RuleRef,
    /// Who and what it is about.
    pub entities: Entities,
    /// Number of findings so far.
    pub count: u64,
    /// Whether the sender of every finding proved who it is; without proof nothing is done automatically.
    pub authenticated: bool,
    /// When.
    pub time: Timestamp,
}

//! The collector's gate to the PKI: an adapter, nothing else.

use std::collections::HashSet;
use std::sync::Arc;

use collector::source::syslog::{PeerGate, PeerIdentity};
use pki::link::{PeerSite, Trust};
use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;

/// Who may connect to the TLS log ports: who holds a certificate of ours that is valid and not revoked.
#[derive(Debug)]
pub struct Gate {
    config: Arc<ServerConfig>,
    trust: Trust,
}

impl Gate {
    /// The gate of listeners that use `config`.
    pub fn new(config: Arc<ServerConfig>, trust: Trust) -> Self {
        Self { config, trust }
    }
}

impl PeerGate for Gate {
    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    fn peer(&self, chain: &[CertificateDer<'_>]) -> Option<PeerIdentity> {
        let peer = PeerSite::of_verified(chain)?;
        Some(PeerIdentity { site: peer.site, serial: peer.serial, not_after: peer.not_after })
    }

    fn cut(&self) -> watch::Receiver<Arc<HashSet<String>>> {
        self.trust.revocations()
    }
}

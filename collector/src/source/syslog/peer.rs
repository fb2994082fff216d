//! Who is at the other end of a TLS connection: decided by the PKI, which this crate does not know.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use event::SiteId;
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;

/// A peer whose certificate was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The site that the certificate names.
    pub site: SiteId,
    /// The certificate's serial number, in the form that [`PeerGate::cut`] uses.
    pub serial: String,
}

/// Gives the TLS configuration and reads peers' certificates; the PKI implements it.
pub trait PeerGate: Send + Sync + fmt::Debug {
    /// The configuration of the next handshake; it must require a client certificate and not resume sessions.
    fn config(&self) -> Arc<rustls::ServerConfig>;
    /// Who showed this verified chain; `None` when it is nobody whose records are taken.
    fn peer(&self, chain: &[CertificateDer<'_>]) -> Option<PeerIdentity>;
    /// The serial numbers that are revoked; live connections of these are cut when the set changes.
    fn cut(&self) -> watch::Receiver<Arc<HashSet<String>>>;
}

/// Returns when `serial` is revoked, at once when it is already; never when the gate is gone.
pub(in crate::source) async fn until_revoked(mut revoked: watch::Receiver<Arc<HashSet<String>>>, serial: &str) {
    if revoked.wait_for(|serials| serials.contains(serial)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

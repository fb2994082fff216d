//! Every TLS configuration of MetroSOC: TLS 1.2 and 1.3 with ring, certificates that can be swapped while it runs.

mod identity;
mod peer;
mod refusal;
mod verifier;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use event::{Acts, Clock, NoActs};
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::time_provider::TimeProvider;
use rustls::{ConfigBuilder, ServerConfig, WantsVerifier};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::sync::watch;

pub use identity::ServerIdentity;
pub use peer::{PeerMachine, PeerSite};
pub use verifier::SiteVerifier;

use crate::PkiError;

/// Serial numbers that are revoked and not expired, in the written form of the register.
pub type RevokedSerials = Arc<HashSet<String>>;

/// TLS sessions that browsers may resume; only where no client certificate is asked for.
const SESSIONS_MAX: usize = 1_024;

/// Whom to trust: our own certificates, the revoked serial numbers as they change, and the time.
#[derive(Debug, Clone)]
pub struct Trust {
    pub(crate) anchors: Vec<CertificateDer<'static>>,
    pub(crate) revoked: watch::Receiver<RevokedSerials>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) acts: Arc<dyn Acts>,
}

impl Trust {
    /// Trust in `anchors`. [`Authority::trust`](crate::Authority::trust) makes the usual one.
    pub fn new(
        anchors: Vec<CertificateDer<'static>>,
        revoked: watch::Receiver<RevokedSerials>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { anchors, revoked, clock, acts: Arc::new(NoActs) }
    }

    /// The same, telling `acts` which certificates are refused: of each reason one in five seconds, with the number of
    /// those between.
    #[must_use]
    pub fn telling(self, acts: Arc<dyn Acts>) -> Self {
        Self { acts, ..self }
    }

    /// The revoked serial numbers as they change: whoever holds connections cuts those whose serial number appears.
    pub fn revocations(&self) -> watch::Receiver<RevokedSerials> {
        self.revoked.clone()
    }
}

/// Whether a listener asks for client certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificate {
    /// It does not ask.
    None,
    /// It asks; who has none is let in without, who shows a bad one is refused.
    Optional,
    /// Nobody gets in without a good one.
    Required,
}

/// The configuration of the HTTPS listener: ALPN `h2` and `http/1.1`, the certificate taken from `identity` at every
/// handshake. Where client certificates are asked for, no session can be resumed.
///
/// # Errors
/// When the TLS library refuses the trust anchors.
pub fn https_config(
    identity: &Arc<ServerIdentity>,
    clients: ClientCertificate,
    trust: &Trust,
) -> Result<Arc<ServerConfig>, PkiError> {
    let mut config = config(identity, clients, trust)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The configuration of listeners that only sites may reach (syslog over TLS): a client certificate of ours is required,
/// revoked ones are refused, no session can be resumed.
///
/// # Errors
/// When the TLS library refuses the trust anchors.
pub fn mutual_config(identity: &Arc<ServerIdentity>, trust: &Trust) -> Result<Arc<ServerConfig>, PkiError> {
    config(identity, ClientCertificate::Required, trust).map(Arc::new)
}

/// The provider of every TLS connection of ours: ring, passed explicitly; nothing process-wide is set.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn config(identity: &Arc<ServerIdentity>, clients: ClientCertificate, trust: &Trust) -> Result<ServerConfig, PkiError> {
    let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(identity) as Arc<dyn ResolvesServerCert>;
    let builder = builder(trust)?;
    let mut config = match clients {
        ClientCertificate::None => builder.with_no_client_auth(),
        ClientCertificate::Optional => builder.with_client_cert_verifier(Arc::new(SiteVerifier::optional(trust)?)),
        ClientCertificate::Required => builder.with_client_cert_verifier(Arc::new(SiteVerifier::required(trust)?)),
    }
    .with_cert_resolver(resolver);
    // A revoked client could resume a session without being verified again: with client certificates, none is kept.
    // The library's default ticketer makes no tickets; both versions are then without state.
    if clients == ClientCertificate::None {
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config.max_early_data_size = 0;
    Ok(config)
}

fn builder(trust: &Trust) -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, PkiError> {
    let time = Arc::new(ClockTime(Arc::clone(&trust.clock)));
    Ok(ServerConfig::builder_with_details(provider(), time)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?)
}

/// Our clock as the TLS library's.
#[derive(Debug)]
struct ClockTime(Arc<dyn Clock>);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let secs = u64::try_from(self.0.now().secs()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs)))
    }
}

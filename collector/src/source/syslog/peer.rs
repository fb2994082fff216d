//! Who is at the other end of a TLS connection: decided by the PKI, which this crate does not know.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use event::{SiteId, Timestamp};
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;

use super::sender::Ended;

/// A peer whose certificate was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The site that the certificate names.
    pub site: SiteId,
    /// The certificate's serial number, in the form that [`PeerGate::cut`] uses.
    pub serial: String,
    /// The certificate's end: a connection does not outlive it.
    pub not_after: Timestamp,
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

/// Times between two looks at the clock, at least and at most: somebody may set it.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));

/// Returns why a connection must end: its certificate is revoked, or was valid until now. At once when it is so already.
pub(in crate::source) async fn until_invalid(
    gate: &dyn PeerGate,
    peer: &PeerIdentity,
    now: impl Fn() -> Timestamp,
) -> Ended {
    let mut revoked = gate.cut();
    let revocation = async {
        // Never when the gate is gone.
        if revoked.wait_for(|serials| serials.contains(&peer.serial)).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let end = async {
        while now() <= peer.not_after {
            let left = peer.not_after.since(now());
            tokio::time::sleep(left.clamp(LOOK_EVERY.0, LOOK_EVERY.1)).await;
        }
    };
    tokio::select! {
        () = revocation => Ended::Revoked,
        () = end => Ended::Expired,
    }
}

#[cfg(test)]
mod tests {
    use event::{Clock as _, ManualClock};
    use futures::FutureExt as _;

    use super::*;

    #[derive(Debug)]
    struct Gate(watch::Sender<Arc<HashSet<String>>>);

    impl PeerGate for Gate {
        fn config(&self) -> Arc<rustls::ServerConfig> {
            unreachable!("no handshake here")
        }

        fn peer(&self, _: &[CertificateDer<'_>]) -> Option<PeerIdentity> {
            None
        }

        fn cut(&self) -> watch::Receiver<Arc<HashSet<String>>> {
            self.0.subscribe()
        }
    }

    #[tokio::test]
    async fn a_connection_ends_with_its_certificate() {
        let gate = Gate(watch::Sender::new(Arc::default()));
        let clock = ManualClock::at(Timestamp::from_secs(1_000));
        let of = |secs: i64| PeerIdentity {
            site: SiteId::new("hcm-a").unwrap(),
            serial: "01".to_owned(),
            not_after: Timestamp::from_secs(secs),
        };
        assert_eq!(until_invalid(&gate, &of(999), || clock.now()).await, Ended::Expired);
        let peer = of(1_000);
        let ended = until_invalid(&gate, &peer, || clock.now());
        tokio::pin!(ended);
        assert_eq!(ended.as_mut().now_or_never(), None, "it is valid up to its last second");
        clock.advance(Duration::from_secs(1));
        assert_eq!(ended.await, Ended::Expired);
        gate.0.send_replace(Arc::new(HashSet::from(["01".to_owned()])));
        assert_eq!(until_invalid(&gate, &of(5_000), || clock.now()).await, Ended::Revoked);
    }
}

//! The HTTPS listener: TLS, then HTTP/1.1 or HTTP/2, bounded in connections and in patience.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use collector::source::{LimitBounds, Limits};
use event::{Clock, Timestamp};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use pki::link::{PeerMachine, PeerSite};
use rustls::ServerConfig;
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::api::{LocalPeer, Remote};
use crate::config::Https;

/// Handshakes of one address at the same time; others wait for their turn.
const HANDSHAKES_PER_ADDRESS_MAX: usize = 64;
/// Times between two looks at the clock, at least and at most: somebody may set it.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));

/// What every connection of a listener shares.
#[derive(Clone)]
pub struct Server {
    router: Router,
    header_timeout: Duration,
    limits: Arc<Limits>,
    cancel: CancellationToken,
    tracker: TaskTracker,
}

impl Server {
    /// Serves `router` within the bounds of `settings` until `cancel`.
    pub fn new(
        name: &'static str,
        router: Router,
        settings: &Https,
        cancel: CancellationToken,
        tracker: TaskTracker,
    ) -> Self {
        let bounds = LimitBounds {
            total_max: settings.connections_max,
            per_address_max: settings.connections_per_address_max,
            handshakes_per_address_max: HANDSHAKES_PER_ADDRESS_MAX,
            unproven_max: settings.unproven_max,
            partial_bytes_max: 0,
        };
        Self {
            router,
            header_timeout: Duration::from_secs(settings.header_timeout_secs),
            limits: Limits::new(name, bounds),
            cancel,
            tracker,
        }
    }

    /// Accepts TLS connections until cancelled.
    pub async fn tls(
        self,
        listener: TcpListener,
        config: Arc<ServerConfig>,
        revoked: pki::link::Trust,
        clock: Arc<dyn Clock>,
    ) {
        let acceptor = TlsAcceptor::from(config);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.cancel.cancelled() => return,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let mut slot = match self.limits.slot(address.ip().to_canonical()) {
                Ok(slot) => slot,
                Err(full) => {
                    metrics::counter!("metrosoc_https_refused_connections_total", "why" => full.as_str()).increment(1);
                    tracing::debug!(peer = %address, reason = full.as_str(), "connection refused");
                    continue;
                }
            };
            let (server, acceptor) = (self.clone(), acceptor.clone());
            let (trust, clock) = (revoked.clone(), Arc::clone(&clock));
            self.tracker.spawn(async move {
                // Small answers must not wait for the peer's acknowledgement.
                let _ = stream.set_nodelay(true);
                let turns = slot.handshakes();
                let handshake = async {
                    let _turn = turns.acquire().await;
                    acceptor.accept(stream).await
                };
                match tokio::time::timeout(server.header_timeout, handshake).await {
                    Ok(Ok(stream)) => {
                        slot.prove();
                        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                        let site = PeerSite::of_verified(chain);
                        let machine = PeerMachine::of_verified(chain);
                        let shown = site.as_ref().map(|peer| (peer.serial.clone(), peer.not_after));
                        let shown =
                            shown.or_else(|| machine.as_ref().map(|peer| (peer.serial.clone(), peer.not_after)));
                        let cut = cut_when_invalid(shown, trust, clock);
                        let remote = Remote::Tls { address, site, machine };
                        tokio::select! {
                            () = server.serve(TokioIo::new(stream), remote) => {}
                            why = cut => tracing::warn!(peer = %address, "connection cut: certificate {why}"),
                        }
                    }
                    Ok(Err(error)) => tracing::debug!(peer = %address, %error, "TLS handshake failed"),
                    Err(_) => tracing::debug!(peer = %address, "TLS handshake took too long"),
                }
            });
        }
    }

    /// Accepts connections on the Unix socket until cancelled; the kernel names the peer's user.
    pub async fn unix(self, listener: UnixListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.cancel.cancelled() => return,
            };
            let peer = accepted.and_then(|(stream, _)| stream.peer_cred().map(|peer| (stream, peer)));
            let (stream, uid) = match peer {
                Ok((stream, peer)) => (stream, peer.uid()),
                Err(error) => {
                    tracing::warn!(%error, "connection on the Unix socket not accepted");
                    continue;
                }
            };
            let server = self.clone();
            self.tracker.spawn(async move {
                server.serve(TokioIo::new(stream), Remote::Local(LocalPeer { uid })).await;
            });
        }
    }

    async fn serve<I>(&self, io: I, remote: Remote)
    where
        I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(remote.clone()));
            let router = router.clone();
            async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.header_timeout);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(128)
            .keep_alive_interval(Duration::from_secs(30));
        let connection = builder.serve_connection(io, TowerToHyperService::new(service));
        tokio::pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = self.cancel.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(error = %error, "connection ended early");
        }
    }
}

/// Resolves when the certificate that was shown, by serial number and end, is revoked or valid no more, and says which;
/// never for connections without one.
async fn cut_when_invalid(
    shown: Option<(String, Timestamp)>,
    trust: pki::link::Trust,
    clock: Arc<dyn Clock>,
) -> &'static str {
    let Some((serial, not_after)) = shown else { return std::future::pending().await };
    let mut revoked = trust.revocations();
    let revocation = async {
        if revoked.wait_for(|set| set.contains(&serial)).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let end = async {
        while clock.now() <= not_after {
            let left = not_after.since(clock.now());
            tokio::time::sleep(left.clamp(LOOK_EVERY.0, LOOK_EVERY.1)).await;
        }
    };
    tokio::select! {
        () = revocation => "revoked",
        () = end => "expired",
    }
}

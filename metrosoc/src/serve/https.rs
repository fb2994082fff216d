//! The HTTPS listener: TLS, then HTTP/1.1 or HTTP/2, bounded in connections and in patience.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use pki::link::PeerSite;
use rustls::ServerConfig;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::api::{LocalPeer, Remote};
use crate::config::Https;

/// What every connection of a listener shares.
#[derive(Clone)]
pub struct Server {
    router: Router,
    header_timeout: Duration,
    slots: Arc<Semaphore>,
    cancel: CancellationToken,
    tracker: TaskTracker,
}

impl Server {
    /// Serves `router` within the bounds of `settings` until `cancel`.
    pub fn new(router: Router, settings: &Https, cancel: CancellationToken, tracker: TaskTracker) -> Self {
        Self {
            router,
            header_timeout: Duration::from_secs(settings.header_timeout_secs),
            slots: Arc::new(Semaphore::new(settings.connections_max)),
            cancel,
            tracker,
        }
    }

    /// Accepts TLS connections until cancelled.
    pub async fn tls(self, listener: TcpListener, config: Arc<ServerConfig>, revoked: pki::link::Trust) {
        let acceptor = TlsAcceptor::from(config);
        loop {
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return };
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
            let (server, acceptor, trust) = (self.clone(), acceptor.clone(), revoked.clone());
            self.tracker.spawn(async move {
                let _slot = slot;
                // Small answers must not wait for the peer's acknowledgement.
                let _ = stream.set_nodelay(true);
                match tokio::time::timeout(server.header_timeout, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                        let site = PeerSite::of_verified(chain);
                        let cut = cut_when_revoked(site.as_ref().map(|peer| peer.serial.clone()), trust);
                        let remote = Remote::Tls { address, site };
                        tokio::select! {
                            () = server.serve(TokioIo::new(stream), remote) => {}
                            () = cut => tracing::warn!(peer = %address, "connection cut: certificate revoked"),
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

/// Resolves when the certificate is revoked; never for connections without one.
async fn cut_when_revoked(serial: Option<String>, trust: pki::link::Trust) {
    let Some(serial) = serial else { return std::future::pending().await };
    let mut revoked = trust.revocations();
    if revoked.wait_for(|set| set.contains(&serial)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

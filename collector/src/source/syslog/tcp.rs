//! Syslog over plain TCP: the sender is known by its address, which proves nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use event::Transport;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Connection, keep_alive};
use super::{Listening, SyslogSettings};
use crate::SourceError;
use crate::sites::Attribution;
use crate::source::limits::{LimitBounds, Limits, Slot};
use crate::source::sampled::Sampler;
use crate::spool::Intake;

/// Pause after the system refuses to accept (no file descriptors left, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves plain TCP connections until `cancel` is cancelled; then waits until every record read is stored.
///
/// # Errors
/// When the listener has no address; single connections never end it.
pub async fn serve_tcp(
    listener: TcpListener,
    settings: SyslogSettings,
    intake: Intake,
    attribution: Arc<Attribution>,
    cancel: CancellationToken,
) -> Result<(), SourceError> {
    let transport = Transport::SyslogTcp;
    let listening =
        Arc::new(Listening { settings, transport, intake, attribution, cancel, sampler: Sampler::default() });
    accept(listener, listening, |stream, peer, mut slot, listening| async move {
        let Some(lane) = listening.admit(peer) else { return };
        slot.prove();
        Connection::new(listening, slot, lane, peer).serve(stream, std::future::pending()).await;
    })
    .await
}

/// Accepts connections within the bounds and runs `serve` for each.
pub(in crate::source) async fn accept<F, R>(
    listener: TcpListener,
    listening: Arc<Listening>,
    serve: F,
) -> Result<(), SourceError>
where
    F: Fn(TcpStream, IpAddr, Slot, Arc<Listening>) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let transport = listening.transport.as_str();
    let address = listener.local_addr().map_err(|source| SourceError::Socket { transport, doing: "name", source })?;
    let limits = limits(&listening);
    let connections = TaskTracker::new();
    tracing::info!(transport, %address, "listening");
    loop {
        let accepted = tokio::select! {
            () = listening.cancel.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match admit(&limits, &listening, peer) {
                Some((peer, slot)) => {
                    keep_alive(&stream);
                    connections.spawn(serve(stream, peer, slot, Arc::clone(&listening)));
                }
                None => drop(stream),
            },
            Err(error) => {
                if let Some(suppressed) = listening.sampler.pass("cannot accept") {
                    tracing::error!(transport, %error, suppressed, "cannot accept connections");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

fn limits(listening: &Listening) -> Arc<Limits> {
    let settings = &listening.settings;
    let bounds = LimitBounds {
        total_max: settings.connections_max,
        per_address_max: settings.connections_per_address_max,
        handshakes_per_address_max: settings.handshakes_per_address_max,
        unproven_max: settings.unproven_max,
        partial_bytes_max: settings.partial_bytes_max,
    };
    Limits::new(listening.transport.as_str(), bounds)
}

fn admit(limits: &Arc<Limits>, listening: &Listening, peer: SocketAddr) -> Option<(IpAddr, Slot)> {
    let peer = peer.ip().to_canonical();
    match limits.slot(peer) {
        Ok(slot) => Some((peer, slot)),
        Err(full) => {
            listening.attribution.refuse(peer, listening.transport, 1);
            listening.complain("connection refused", peer, full.as_str());
            None
        }
    }
}

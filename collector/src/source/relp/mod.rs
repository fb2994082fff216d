//! RELP, the Reliable Event Logging Protocol, as rsyslog's `omrelp` speaks it: over TLS with client certificates, and plain.
//!
//! A record is answered with `200 OK` when it is durable, in the order of sending and many at a time. RELP is at-least-once:
//! a sender whose answers were lost sends again under new transaction numbers, and equal records are never merged.

mod frame;
mod offer;
mod session;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use event::Transport;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub use frame::{RelpCommand, RelpFault, RelpFrame, RelpFrames, RelpReader};

use super::limits::Slot;
use super::sampled::Sampler;
use super::syslog::{Greeted, Listening, PeerGate, SyslogSettings, accept, greet, until_invalid};
use crate::SourceError;
use crate::sites::Attribution;
use crate::spool::Intake;
use session::Session;

/// Serves RELP over TLS until `cancel` is cancelled; then waits until every record read is stored and answered. The bounds
/// are those of a syslog listener; a session must be opened within the handshake's time.
///
/// # Errors
/// When the listener has no address; single connections never end it.
pub async fn serve_tls(
    listener: TcpListener,
    gate: Arc<dyn PeerGate>,
    settings: SyslogSettings,
    intake: Intake,
    attribution: Arc<Attribution>,
    cancel: CancellationToken,
) -> Result<(), SourceError> {
    let transport = Transport::Relp;
    let listening =
        Arc::new(Listening { settings, transport, intake, attribution, cancel, sampler: Sampler::default() });
    accept(listener, listening, move |stream, peer, slot, listening| {
        serve_greeted(stream, peer, slot, listening, Arc::clone(&gate))
    })
    .await
}

async fn serve_greeted(
    stream: TcpStream,
    peer: IpAddr,
    mut slot: Slot,
    listening: Arc<Listening>,
    gate: Arc<dyn PeerGate>,
) {
    let Some(Greeted { stream, lane, identity }) = greet(stream, peer, &slot, &listening, &*gate).await else { return };
    slot.prove();
    let attribution = Arc::clone(&listening.attribution);
    let cut = until_invalid(&*gate, &identity, || attribution.now());
    Session::new(listening, slot, lane, peer).serve(stream, cut).await;
}

/// Serves RELP over plain TCP as [`serve_tls`]: the sender is known by its address, which proves nothing.
///
/// # Errors
/// When the listener has no address; single connections never end it.
pub async fn serve_plain(
    listener: TcpListener,
    settings: SyslogSettings,
    intake: Intake,
    attribution: Arc<Attribution>,
    cancel: CancellationToken,
) -> Result<(), SourceError> {
    let transport = Transport::RelpPlain;
    let listening =
        Arc::new(Listening { settings, transport, intake, attribution, cancel, sampler: Sampler::default() });
    accept(listener, listening, |stream, peer, mut slot, listening| async move {
        let Some(lane) = listening.admit(peer) else { return };
        slot.prove();
        Session::new(listening, slot, lane, peer).serve(stream, std::future::pending()).await;
    })
    .await
}

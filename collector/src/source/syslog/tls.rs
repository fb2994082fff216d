//! Syslog over TLS: the site is the client certificate's, and a revoked certificate ends the connection.

use std::net::IpAddr;
use std::sync::Arc;

use event::{KnownBy, Transport};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::peer::{PeerGate, PeerIdentity, until_revoked};
use super::tcp::accept;
use super::{Listening, SyslogSettings};
use crate::SourceError;
use crate::sites::Attribution;
use crate::source::limits::Slot;
use crate::source::sampled::Sampler;
use crate::spool::Intake;

/// Serves TLS connections until `cancel` is cancelled; then waits until every record read is stored.
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
    let transport = Transport::SyslogTls;
    let listening =
        Arc::new(Listening { settings, transport, intake, attribution, cancel, sampler: Sampler::default() });
    accept(listener, listening, move |stream, peer, slot, listening| {
        serve_one(stream, peer, slot, listening, Arc::clone(&gate))
    })
    .await
}

async fn serve_one(stream: TcpStream, peer: IpAddr, slot: Slot, listening: Arc<Listening>, gate: Arc<dyn PeerGate>) {
    let greeted = tokio::select! {
        () = listening.cancel.cancelled() => return,
        greeted = timeout(listening.settings.handshake_timeout, handshake(stream, &slot, &*gate)) => greeted,
    };
    let (stream, identity) = match greeted {
        Err(_) => return listening.complain("handshake not finished in time", peer, ""),
        Ok(Err(reason)) => {
            listening.attribution.refuse(peer, listening.transport, 1);
            return listening.complain("handshake failed", peer, &reason);
        }
        Ok(Ok(greeted)) => greeted,
    };
    let PeerIdentity { site, serial } = identity;
    let lane = listening.attribution.lane_for_site(&site, KnownBy::Certificate, listening.transport, Some(peer));
    let connection = Connection::new(listening, slot, lane, peer);
    connection.serve(stream, until_revoked(gate.cut(), &serial)).await;
}

/// Waits for the address's turn, shakes hands, and asks the gate who it is.
async fn handshake(
    stream: TcpStream,
    slot: &Slot,
    gate: &dyn PeerGate,
) -> Result<(TlsStream<TcpStream>, PeerIdentity), String> {
    let turns = slot.handshakes();
    let _turn = turns.acquire().await.map_err(|error| error.to_string())?;
    let stream = TlsAcceptor::from(gate.config()).accept(stream).await.map_err(|error| error.to_string())?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    match gate.peer(chain) {
        Some(identity) => Ok((stream, identity)),
        None => Err("certificate names no site whose records are taken".to_owned()),
    }
}

//! Syslog over TLS: the site is the client certificate's; a certificate that is revoked, or valid no more, ends the connection.

use std::net::IpAddr;
use std::sync::Arc;

use event::{KnownBy, Transport};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::peer::{PeerGate, PeerIdentity, until_invalid};
use super::tcp::accept;
use super::{Listening, SyslogSettings};
use crate::SourceError;
use crate::sites::{Attribution, Lane};
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

async fn serve_one(
    stream: TcpStream,
    peer: IpAddr,
    mut slot: Slot,
    listening: Arc<Listening>,
    gate: Arc<dyn PeerGate>,
) {
    let Some(Greeted { stream, lane, identity }) = greet(stream, peer, &slot, &listening, &*gate).await else { return };
    slot.prove();
    let attribution = Arc::clone(&listening.attribution);
    let connection = Connection::new(listening, slot, lane, peer);
    connection.serve(stream, until_invalid(&*gate, &identity, || attribution.now())).await;
}

/// A peer that has shown a certificate whose records are taken.
pub(in crate::source) struct Greeted {
    /// The encrypted stream.
    pub(in crate::source) stream: TlsStream<TcpStream>,
    /// Where its records go.
    pub(in crate::source) lane: Lane,
    /// What its certificate says.
    pub(in crate::source) identity: PeerIdentity,
}

/// Shakes hands within the bounds; `None` when nobody is to be served, which is then counted and told.
pub(in crate::source) async fn greet(
    stream: TcpStream,
    peer: IpAddr,
    slot: &Slot,
    listening: &Listening,
    gate: &dyn PeerGate,
) -> Option<Greeted> {
    let greeted = tokio::select! {
        () = listening.cancel.cancelled() => return None,
        greeted = timeout(listening.settings.handshake_timeout, handshake(stream, slot, gate)) => greeted,
    };
    let (stream, identity) = match greeted {
        Err(_) => {
            listening.complain("handshake not finished in time", peer, "");
            return None;
        }
        Ok(Err(reason)) => {
            listening.attribution.refuse(peer, listening.transport, 1);
            listening.complain("handshake failed", peer, &reason);
            return None;
        }
        Ok(Ok(greeted)) => greeted,
    };
    let site = &identity.site;
    listening.attribution.certificate_shown(site, &identity.serial, peer);
    let lane = listening.attribution.lane_for_site(site, KnownBy::Certificate, listening.transport, Some(peer));
    Some(Greeted { stream, lane, identity })
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

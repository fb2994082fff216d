//! Syslog over UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425).

mod connection;
mod kernel;
mod peer;
mod sender;
mod tcp;
mod tls;
mod udp;

#[cfg(test)]
pub(in crate::source) mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use event::Transport;
use tokio_util::sync::CancellationToken;

pub(in crate::source) use peer::until_invalid;
pub use peer::{PeerGate, PeerIdentity};
pub(in crate::source) use sender::{Ended, Sender};
pub(in crate::source) use tcp::accept;
pub use tcp::serve_tcp;
pub use tls::serve_tls;
pub(in crate::source) use tls::{Greeted, greet};
pub use udp::serve_udp;

use super::FrameLimits;
use super::sampled::Sampler;
use crate::sites::{Attribution, Lane};
use crate::spool::Intake;

/// Bounds of a syslog listener. One listener has one set; they are not shared between listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogSettings {
    /// Bounds of a frame.
    pub frame: FrameLimits,
    /// How long a frame may take from its first byte to its last; then it is cut and the connection closed. Default 30 s.
    pub frame_timeout: Duration,
    /// How long a connection may be silent between frames. Default 1 h; TCP keep-alive finds dead peers sooner.
    pub idle_timeout: Duration,
    /// How long a TLS handshake may take, its turn included. Default 10 s.
    pub handshake_timeout: Duration,
    /// Most connections. Default 4,096.
    pub connections_max: usize,
    /// Most connections from one address. Default 1,024.
    pub connections_per_address_max: usize,
    /// Most handshakes of one address at the same time; others wait for their turn. Default 64.
    pub handshakes_per_address_max: usize,
    /// Most connections that have not shown whose they are; more are closed at once, and of one address
    /// already half as many. Default 2,048: all sites may come back together, even behind one address.
    pub unproven_max: usize,
    /// Most memory of unfinished frames of all connections. Default 128 MiB.
    pub partial_bytes_max: usize,
    /// UDP: what the kernel is asked to keep for us (`SO_RCVBUF`); it may grant less. Default 16 MiB.
    pub receive_buffer_bytes: usize,
    /// UDP: most bytes of datagrams that wait for the spool; what comes beyond is dropped and counted. Default 32 MiB.
    pub datagrams_bytes_max: usize,
}

impl Default for SyslogSettings {
    fn default() -> Self {
        Self {
            frame: FrameLimits::default(),
            frame_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(3_600),
            handshake_timeout: Duration::from_secs(10),
            connections_max: 4_096,
            connections_per_address_max: 1_024,
            handshakes_per_address_max: 64,
            unproven_max: 2_048,
            partial_bytes_max: 128 << 20,
            receive_buffer_bytes: 16 << 20,
            datagrams_bytes_max: 32 << 20,
        }
    }
}

/// What every connection of a listener needs.
#[derive(Debug)]
pub(in crate::source) struct Listening {
    pub(in crate::source) settings: SyslogSettings,
    pub(in crate::source) transport: Transport,
    pub(in crate::source) intake: Intake,
    pub(in crate::source) attribution: Arc<Attribution>,
    pub(in crate::source) cancel: CancellationToken,
    pub(in crate::source) sampler: Sampler,
}

impl Listening {
    /// Something bad came from an address: a counter always, a log line now and then.
    pub(in crate::source) fn complain(&self, what: &'static str, peer: IpAddr, detail: &str) {
        let transport = self.transport.as_str();
        metrics::counter!("metrosoc_source_faults_total", "transport" => transport, "what" => what).increment(1);
        if let Some(suppressed) = self.sampler.pass(what) {
            tracing::warn!(transport, %peer, detail, suppressed, "{what}");
        }
    }

    /// Where records of a plain sender go; `None` when its address is refused, which is then counted and told.
    pub(in crate::source) fn admit(&self, peer: IpAddr) -> Option<Lane> {
        match self.attribution.lane_for_address(peer, self.transport) {
            Ok(lane) => Some(lane),
            Err(refusal) => {
                self.attribution.refuse(peer, self.transport, 1);
                self.complain("connection refused", peer, refusal.as_str());
                None
            }
        }
    }
}

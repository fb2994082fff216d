//! One connection of a syslog stream: read, frame, store, and only then read on.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use event::KnownBy;
use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout};

use super::Listening;
use crate::sites::{Lane, Refusal};
use crate::source::limits::Slot;
use crate::source::{Framer, Frames, own};
use crate::{Format, IntakeError, Record};

/// Bytes of a read, at first and at most.
const READ_BYTES: (usize, usize) = (8 * 1024, 64 * 1024);
/// Bytes that are read, when they are there, before they go to the spool.
const BATCH_BYTES: usize = 256 * 1024;

/// One stream of frames from one peer.
#[derive(Debug)]
pub(super) struct Connection {
    listening: Arc<Listening>,
    slot: Slot,
    lane: Lane,
    peer: IpAddr,
    /// The register that `lane` was looked up in.
    generation: u64,
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The peer closed it.
    Closed,
    /// It broke, or was closed without saying so.
    Broken,
    /// A frame took too long.
    SlowFrame,
    /// Nothing came for too long.
    Idle,
    /// Unfinished frames of all connections hold too much memory.
    Crowded,
    /// The peer's certificate was revoked.
    Revoked,
    /// We are stopping.
    Stopped,
    /// The spool takes nothing more.
    Refused,
}

impl Connection {
    /// A connection whose sender is known.
    pub(super) fn new(listening: Arc<Listening>, slot: Slot, lane: Lane, peer: IpAddr) -> Self {
        let generation = listening.attribution.sites().generation();
        Self { listening, slot, lane, peer, generation }
    }

    /// Serves the stream until it ends; `cut` ends it at once.
    pub(super) async fn serve<S>(mut self, mut stream: S, cut: impl Future<Output = ()>) -> Ended
    where
        S: AsyncRead + Unpin,
    {
        let listening = Arc::clone(&self.listening);
        let mut framer = Framer::new(listening.settings.frame);
        let ended = tokio::select! {
            biased;
            () = cut => Ended::Revoked,
            ended = self.read_on(&mut stream, &mut framer) => ended,
        };
        // Many senders close without saying so: between two frames nothing is lost by that.
        let ended = if ended == Ended::Broken && !framer.is_mid_frame() { Ended::Closed } else { ended };
        if ended != Ended::Revoked && framer.is_mid_frame() {
            let mut frames = Frames::default();
            framer.finish(ended == Ended::Closed, &mut frames);
            if self.store(frames).await.is_err() {
                self.lane.source.dropped(1, listening.attribution.now());
            }
        }
        self.tell(ended);
        ended
    }

    async fn read_on<S>(&mut self, stream: &mut S, framer: &mut Framer) -> Ended
    where
        S: AsyncRead + Unpin,
    {
        let mut buffer = vec![0; READ_BYTES.0];
        let mut begun = Instant::now();
        loop {
            let patience = if framer.is_mid_frame() {
                (self.listening.settings.frame_timeout.saturating_sub(begun.elapsed()), Ended::SlowFrame)
            } else {
                (self.listening.settings.idle_timeout, Ended::Idle)
            };
            let was_mid_frame = framer.is_mid_frame();
            let mut frames = Frames::default();
            let read = tokio::select! {
                () = self.listening.cancel.cancelled() => None,
                read = timeout(patience.0, stream.read(&mut buffer)) => Some(read),
            };
            let end = match read {
                None => Some(Ended::Stopped),
                Some(Err(_)) => Some(patience.1),
                Some(Ok(read)) => gather(read, stream, &mut buffer, framer, &mut frames),
            };
            if !was_mid_frame || !frames.is_empty() {
                begun = Instant::now();
            }
            if frames.cut_bytes > 0 {
                self.listening.complain("frame too long", self.peer, &format!("{} bytes cut", frames.cut_bytes));
            }
            if let Err(refusal) = self.look_up_again() {
                self.listening.attribution.refuse(self.peer, self.listening.transport, frames.len() as u64);
                self.listening.complain("connection refused", self.peer, refusal.as_str());
                return Ended::Refused;
            }
            if let Err(error) = self.store(frames).await {
                self.listening.complain("records not stored", self.peer, &error.to_string());
                return Ended::Refused;
            }
            if let Some(end) = end {
                return end;
            }
            if !self.slot.holds(if framer.is_mid_frame() { framer.held_bytes() } else { 0 }) {
                return Ended::Crowded;
            }
        }
    }

    /// The register has changed: the sender may belong to another site or agency, or be refused now.
    fn look_up_again(&mut self) -> Result<(), Refusal> {
        let generation = self.listening.attribution.sites().generation();
        if generation == self.generation {
            return Ok(());
        }
        self.generation = generation;
        let (attribution, transport) = (&self.listening.attribution, self.listening.transport);
        self.lane = match self.lane.origin.known_by {
            KnownBy::Certificate => {
                attribution.lane_for_site(&self.lane.origin.site, KnownBy::Certificate, transport, Some(self.peer))
            }
            _ => attribution.lane_for_address(self.peer, transport)?,
        };
        Ok(())
    }

    /// Puts frames into the spool and waits until they are durable.
    async fn store(&mut self, frames: Frames) -> Result<(), IntakeError> {
        if frames.is_empty() {
            return Ok(());
        }
        let now = self.listening.attribution.now();
        let bytes = frames.bytes_total();
        let local = self.peer.is_loopback();
        let mut skipped = 0;
        let mut records = Vec::with_capacity(frames.len());
        for (frame, truncated) in frames.into_frames() {
            if local && own::is_own(&frame) {
                skipped += 1;
                continue;
            }
            let record = Record::new(Arc::clone(&self.lane.origin), now, frame).with_format(Format::Syslog);
            records.push(Record { truncated, ..record });
        }
        if skipped > 0 {
            own::skipped(skipped);
        }
        if records.is_empty() {
            return Ok(());
        }
        let count = records.len();
        let stored = self.listening.intake.submit_until_stored(records, &self.listening.cancel).await;
        match &stored {
            Ok(_) => self.lane.source.stored(count, bytes, now),
            Err(_) => self.lane.source.dropped(count as u64, now),
        }
        stored.map(|_| ())
    }

    fn tell(&self, ended: Ended) {
        let what = match ended {
            Ended::SlowFrame => "frame not finished in time",
            Ended::Crowded => "unfinished frames hold too much memory",
            Ended::Broken => "connection broke",
            Ended::Revoked => {
                tracing::warn!(peer = %self.peer, site = %self.lane.origin.site, "connection cut: certificate revoked");
                return;
            }
            Ended::Closed | Ended::Idle | Ended::Stopped | Ended::Refused => {
                tracing::debug!(peer = %self.peer, site = %self.lane.origin.site, ?ended, "connection ended");
                return;
            }
        };
        self.listening.complain(what, self.peer, self.lane.origin.source.as_str());
    }
}

/// Frames what was read, and what can be read without waiting, up to a batch.
fn gather<S>(
    first: std::io::Result<usize>,
    stream: &mut S,
    buffer: &mut Vec<u8>,
    framer: &mut Framer,
    frames: &mut Frames,
) -> Option<Ended>
where
    S: AsyncRead + Unpin,
{
    let mut read = first;
    loop {
        let count = match read {
            Ok(0) => return Some(Ended::Closed),
            Ok(count) => count,
            Err(_) => return Some(Ended::Broken),
        };
        framer.push(buffer.get(..count).unwrap_or_default(), frames);
        if frames.bytes_total() >= BATCH_BYTES {
            return None;
        }
        if count == buffer.len() && count < READ_BYTES.1 {
            buffer.resize((count * 2).min(READ_BYTES.1), 0);
        }
        read = stream.read(buffer).now_or_never()?;
    }
}

/// TCP keep-alive, so that a peer that vanished is noticed.
pub(super) fn keep_alive(socket: &tokio::net::TcpStream) {
    let keep_alive =
        socket2::TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(20));
    if let Err(error) = socket2::SockRef::from(socket).set_tcp_keepalive(&keep_alive) {
        tracing::debug!(%error, "no TCP keep-alive");
    }
}

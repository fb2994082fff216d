//! One connection of a syslog stream: read, frame, store, and only then read on.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout};

use super::Listening;
use super::sender::{Ended, Sender};
use crate::sites::Lane;
use crate::source::limits::Slot;
use crate::source::{Framer, Frames};

/// Bytes of a read, at first and at most.
const READ_BYTES: (usize, usize) = (8 * 1024, 64 * 1024);
/// Bytes that are read, when they are there, before they go to the spool.
const BATCH_BYTES: usize = 256 * 1024;

/// One stream of frames from one peer.
#[derive(Debug)]
pub(super) struct Connection {
    listening: Arc<Listening>,
    slot: Slot,
    sender: Sender,
}

impl Connection {
    /// A connection whose sender is known.
    pub(super) fn new(listening: Arc<Listening>, slot: Slot, lane: Lane, peer: IpAddr) -> Self {
        let sender = Sender::new(Arc::clone(&listening), lane, peer);
        Self { listening, slot, sender }
    }

    /// Serves the stream until it ends; `cut` ends it at once.
    pub(super) async fn serve<S>(mut self, mut stream: S, cut: impl Future<Output = Ended>) -> Ended
    where
        S: AsyncRead + Unpin,
    {
        let listening = Arc::clone(&self.listening);
        let mut framer = Framer::new(listening.settings.frame);
        let ended = tokio::select! {
            biased;
            ended = cut => ended,
            ended = self.read_on(&mut stream, &mut framer) => ended,
        };
        // Many senders close without saying so: between two frames nothing is lost by that.
        let ended = if ended == Ended::Broken && !framer.is_mid_frame() { Ended::Closed } else { ended };
        if !matches!(ended, Ended::Revoked | Ended::Expired) && framer.is_mid_frame() {
            let mut frames = Frames::default();
            framer.finish(ended == Ended::Closed, &mut frames);
            let bytes = frames.bytes_total();
            // What is not stored is counted where it is noticed.
            let _ = self.sender.store(frames.into_frames(), bytes).await;
        }
        self.sender.tell(ended);
        ended
    }

    async fn read_on<S>(&mut self, stream: &mut S, framer: &mut Framer) -> Ended
    where
        S: AsyncRead + Unpin,
    {
        let mut buffer = vec![0; READ_BYTES.0];
        let mut begun = Instant::now();
        loop {
            let held = Instant::now();
            self.sender.wait_for_turn().await;
            // The time that we hold it back is not its own.
            begun += held.elapsed();
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
                self.sender.complain("frame too long", &format!("{} bytes cut", frames.cut_bytes));
            }
            if !self.sender.look_up_again(frames.len()) {
                return Ended::Refused;
            }
            let bytes = frames.bytes_total();
            if self.sender.store(frames.into_frames(), bytes).await.is_err() {
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

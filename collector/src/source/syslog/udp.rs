//! Syslog over UDP: one datagram, one record. Nobody can be told to wait, so what cannot be kept is counted by source.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use event::{SiteId, SourceId, Timestamp, Transport};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Listening, SyslogSettings, kernel};
use crate::sites::{Attribution, Lane, Source};
use crate::source::sampled::Sampler;
use crate::source::{Frames, own};
use crate::spool::Intake;
use crate::{Format, Record, SourceError};

/// Largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_536;
/// Datagrams taken from the socket before the spool is looked at again.
const DATAGRAMS_MAX: usize = 1_024;
/// One site's datagrams may hold so much of what may wait: the rest is for the others.
const SITE_PART: (usize, usize) = (3, 4);
/// How often the kernel's own count of drops is read.
const KERNEL_COUNT_EVERY: Duration = Duration::from_secs(10);

/// Serves datagrams until `cancel` is cancelled; then waits until every datagram read is stored.
///
/// # Errors
/// When the socket has no address or cannot be waited for.
pub async fn serve_udp(
    socket: UdpSocket,
    settings: SyslogSettings,
    intake: Intake,
    attribution: Arc<Attribution>,
    cancel: CancellationToken,
) -> Result<(), SourceError> {
    let transport = Transport::SyslogUdp;
    let failed = |doing| move |source| SourceError::Socket { transport: "syslog-udp", doing, source };
    let address = socket.local_addr().map_err(failed("name"))?;
    let reference = socket2::SockRef::from(&socket);
    let _ = reference.set_recv_buffer_size(settings.receive_buffer_bytes);
    let granted = reference.recv_buffer_size().unwrap_or(0);
    tracing::info!(transport = "syslog-udp", %address, receive_buffer_bytes = granted, "listening");
    let listening =
        Arc::new(Listening { settings, transport, intake, attribution, cancel, sampler: Sampler::default() });
    let (batches, waiting) = mpsc::channel(1);
    let storing = tokio::spawn(store_all(Arc::clone(&listening), waiting));
    let received = Receiver { listening, waiting: Waiting::default(), buffer: vec![0; DATAGRAM_BYTES_MAX] }
        .run(&socket, batches)
        .await;
    let _ = storing.await;
    received.map_err(failed("receive from"))
}

/// Datagrams that wait for the spool.
#[derive(Debug, Default)]
struct Waiting {
    frames: Frames,
    lanes: Vec<(Lane, Timestamp)>,
    /// Bytes by site.
    by_site: HashMap<SiteId, usize>,
}

struct Receiver {
    listening: Arc<Listening>,
    waiting: Waiting,
    buffer: Vec<u8>,
}

impl Receiver {
    async fn run(mut self, socket: &UdpSocket, batches: mpsc::Sender<Waiting>) -> std::io::Result<()> {
        let mut kernel_count = kernel::Drops::of(socket);
        let mut look = tokio::time::interval(KERNEL_COUNT_EVERY);
        let cancel = self.listening.cancel.clone();
        let ended = loop {
            tokio::select! {
                () = cancel.cancelled() => break Ok(()),
                _ = look.tick() => self.count_kernel_drops(&mut kernel_count),
                room = batches.reserve(), if !self.waiting.lanes.is_empty() => match room {
                    Ok(room) => room.send(std::mem::take(&mut self.waiting)),
                    Err(_) => break Ok(()),
                },
                readable = socket.readable() => {
                    if let Err(error) = readable {
                        break Err(error);
                    }
                    self.take_what_is_there(socket);
                }
            }
        };
        self.take_what_is_there(socket);
        self.count_kernel_drops(&mut kernel_count);
        if !self.waiting.lanes.is_empty() {
            let _ = batches.send(self.waiting).await;
        }
        ended
    }

    fn take_what_is_there(&mut self, socket: &UdpSocket) {
        let now = self.listening.attribution.now();
        for _ in 0..DATAGRAMS_MAX {
            // An error here is about an earlier datagram of ours, and we send none; `WouldBlock` is the end.
            let Ok((count, peer)) = socket.try_recv_from(&mut self.buffer) else { return };
            self.take(count, peer.ip().to_canonical(), now);
        }
    }

    fn take(&mut self, count: usize, peer: IpAddr, now: Timestamp) {
        let listening = &self.listening;
        let lane = match listening.attribution.lane_for_address(peer, listening.transport) {
            Ok(lane) => lane,
            Err(refusal) => {
                listening.attribution.refuse(peer, listening.transport, 1);
                return listening.complain("datagram refused", peer, refusal.as_str());
            }
        };
        let datagram = self.buffer.get(..count).unwrap_or_default();
        let datagram = trim(datagram);
        if datagram.is_empty() || (peer.is_loopback() && own::is_own(datagram)) {
            own::skipped(u64::from(!datagram.is_empty()));
            return;
        }
        let bytes_max = listening.settings.datagrams_bytes_max;
        let of_site = self.waiting.by_site.get(&lane.origin.site).copied().unwrap_or(0);
        let is_over = !lane.share.wait(now).is_zero();
        let reason = if is_over {
            lane.share.dropped(1);
            Some("its site is over its quota")
        } else if self.waiting.frames.bytes_total() + datagram.len() > bytes_max {
            Some("the spool does not keep up")
        } else if of_site + datagram.len() > bytes_max / SITE_PART.1 * SITE_PART.0 {
            Some("the spool does not keep up with its site")
        } else {
            None
        };
        if let Some(reason) = reason {
            lane.source.dropped(1, now);
            return listening.complain("datagram dropped", peer, reason);
        }
        lane.share.charge(1, datagram.len(), now);
        self.waiting.by_site.insert(lane.origin.site.clone(), of_site + datagram.len());
        let fits = datagram.len().min(listening.settings.frame.frame_bytes_max);
        self.waiting.frames.push(datagram.get(..fits).unwrap_or_default(), fits < datagram.len());
        self.waiting.lanes.push((lane, now));
    }

    fn count_kernel_drops(&self, drops: &mut kernel::Drops) {
        let lost = drops.since_last_time();
        if lost == 0 {
            return;
        }
        metrics::counter!("metrosoc_udp_kernel_dropped_datagrams_total").increment(lost);
        tracing::warn!(datagrams = lost, "the kernel dropped datagrams: the socket's buffer was full");
    }
}

/// The datagram without the line end or NUL that some senders add.
fn trim(datagram: &[u8]) -> &[u8] {
    let end = datagram.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0)).map_or(0, |last| last + 1);
    datagram.get(..end).unwrap_or_default()
}

async fn store_all(listening: Arc<Listening>, mut waiting: mpsc::Receiver<Waiting>) {
    while let Some(batch) = waiting.recv().await {
        let mut counts: HashMap<SourceId, (Arc<Source>, usize, usize)> = HashMap::new();
        let mut records = Vec::with_capacity(batch.lanes.len());
        for ((frame, truncated), (lane, received)) in batch.frames.into_frames().zip(batch.lanes) {
            let count = counts.entry(lane.origin.source.clone()).or_insert((lane.source, 0, 0));
            (count.1, count.2) = (count.1 + 1, count.2 + frame.len());
            records.push(Record { truncated, ..Record::new(lane.origin, received, frame).with_format(Format::Syslog) });
        }
        let stored = listening.intake.submit_until_stored(records, &listening.cancel).await;
        let now = listening.attribution.now();
        for (source, records, bytes) in counts.into_values() {
            match &stored {
                Ok(_) => source.stored(records, bytes, now),
                Err(_) => source.dropped(records as u64, now),
            }
        }
    }
}

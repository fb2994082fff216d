//! A site that sends syslog over TCP or TLS: connects, sends, and connects again when the connection is lost.

use std::sync::atomic::Ordering;

use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc::Receiver;
use tokio::time::sleep;

use super::backoff::Backoff;
use super::{Shared, connect};
use crate::dice::Dice;
use crate::entry::Entry;
use crate::site::{Site, Via};

/// A record in the frame of its site's way: octet-counted (RFC 6587, section 3.4.1), or a line for old devices.
pub(super) fn framed(entry: &Entry) -> Vec<u8> {
    if entry.site.via == Via::TcpOld {
        return format!("{}\n", entry.rfc3164()).into_bytes();
    }
    let message = entry.rfc5424();
    format!("{} {message}", message.len()).into_bytes()
}

/// Runs until the queue is closed and empty, or all is told to stop.
pub(super) async fn serve(shared: &Shared, site: &Site, mut queue: Receiver<Entry>, dice: Dice) {
    let mut backoff = Backoff::new(dice);
    let mut unsent = None;
    loop {
        // A queue that was closed while there was no connection and nothing waits: nothing is left to do.
        if queue.is_closed() && queue.is_empty() && unsent.is_none() {
            return;
        }
        let connected = tokio::select! {
            () = shared.stop.cancelled() => return,
            connected = async { shared.turn().await; connect::own(shared, site).await } => connected,
        };
        let ended = match connected {
            Ok(stream) => {
                backoff.reset();
                shared.counters.connected.fetch_add(1, Ordering::Relaxed);
                let ended = send(shared, stream, &mut queue, &mut unsent).await;
                shared.counters.connected.fetch_sub(1, Ordering::Relaxed);
                ended
            }
            Err(error) => Err(error),
        };
        let Err(error) = ended else { return };
        shared.failed(site, &error);
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = sleep(backoff.pause()) => {}
        }
    }
}

/// Sends until the queue is closed (`Ok`) or the connection is lost (`Err`); then `unsent` is what was not written.
async fn send(
    shared: &Shared,
    mut stream: connect::Stream,
    queue: &mut Receiver<Entry>,
    unsent: &mut Option<Entry>,
) -> anyhow::Result<()> {
    let mut nothing = [0_u8; 64];
    loop {
        let entry = match unsent.take() {
            Some(entry) => Some(entry),
            None => tokio::select! {
                entry = queue.recv() => entry,
                // The platform never answers over syslog: whatever comes is the end.
                read = stream.read(&mut nothing) => {
                    read?;
                    anyhow::bail!("the platform closed the connection");
                }
            },
        };
        let Some(entry) = entry else { return connect::close(&mut stream).await };
        if let Err(error) = connect::write(&mut stream, &framed(&entry)).await {
            *unsent = Some(entry);
            return Err(error);
        }
        shared.sent(1);
    }
}

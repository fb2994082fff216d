//! A site that sends syslog over UDP: one datagram a record, nothing comes back.

use anyhow::Context as _;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::Receiver;

use super::Shared;
use crate::entry::Entry;
use crate::platform::own_address;
use crate::site::{Site, Via};

/// Runs until the queue is closed and empty, or all is told to stop.
pub(super) async fn serve(shared: &Shared, site: &Site, mut queue: Receiver<Entry>) {
    loop {
        let entry = tokio::select! {
            () = shared.stop.cancelled() => return,
            entry = queue.recv() => entry,
        };
        let Some(entry) = entry else { return };
        match send(shared, site, &entry).await {
            Ok(()) => shared.sent(1),
            Err(error) => shared.failed(site, &error),
        }
    }
}

async fn send(shared: &Shared, site: &Site, entry: &Entry) -> anyhow::Result<()> {
    let from = own_address(site, shared.address);
    let socket = UdpSocket::bind(from).await.with_context(|| format!("the address `{from}`"))?;
    let text = if site.via == Via::UdpOld { entry.rfc3164() } else { entry.rfc5424() };
    socket.send_to(text.as_bytes(), (shared.address, shared.platform.ports.udp)).await.context("sending")?;
    Ok(())
}

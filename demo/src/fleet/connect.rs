//! Opens, writes and closes connections: TCP, and TLS with a site's certificate.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Shared;
use crate::platform::{other_address, own_address};
use crate::site::Site;

/// How long connecting and writing may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A connection, encrypted or not.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Bytes for T {}

/// Any connection.
pub(super) type Stream = Box<dyn Bytes>;

/// The site's own connection, from its own address.
pub(super) async fn own(shared: &Shared, site: &Site) -> anyhow::Result<Stream> {
    let from = own_address(site, shared.address);
    match site.via.is_tls() {
        true => tls(shared, site, shared.address, from).await,
        false => Ok(Box::new(tcp(SocketAddr::new(shared.address, shared.platform.ports.tcp), from).await?)),
    }
}

/// A connection with the site's certificate from another address.
pub(super) async fn stolen(shared: &Shared, site: &Site) -> anyhow::Result<Stream> {
    let (to, from) = other_address(shared.address);
    tls(shared, site, to, from).await
}

async fn tls(shared: &Shared, site: &Site, to: IpAddr, from: SocketAddr) -> anyhow::Result<Stream> {
    let config = shared.platform.tls(&site.id)?;
    let stream = tcp(SocketAddr::new(to, shared.platform.ports.tls), from).await?;
    let handshake = TlsConnector::from(config).connect(shared.platform.name()?, stream);
    let stream = timeout(PATIENCE, handshake).await.context("the handshake takes too long")?;
    Ok(Box::new(stream.context("the handshake")?))
}

async fn tcp(to: SocketAddr, from: SocketAddr) -> anyhow::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(from).with_context(|| format!("the address `{from}`"))?;
    let stream = timeout(PATIENCE, socket.connect(to)).await.with_context(|| format!("`{to}` does not answer"))?;
    let stream = stream.with_context(|| format!("connecting to `{to}`"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Writes all of it, to the socket.
pub(super) async fn write(stream: &mut Stream, bytes: &[u8]) -> anyhow::Result<()> {
    let written = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    timeout(PATIENCE, written).await.context("the platform does not read")?.context("writing")
}

/// Says goodbye.
pub(super) async fn close(stream: &mut Stream) -> anyhow::Result<()> {
    timeout(PATIENCE, stream.shutdown()).await.context("the platform does not read")?.context("closing")
}

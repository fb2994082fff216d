//! Binding sockets: dual stack on `[::]`, so that one listener takes IPv4 and IPv6.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1_024;

/// Binds a UDP socket; an IPv6 wildcard takes IPv4 too.
///
/// # Errors
/// When the address cannot be bound. Must be called inside a tokio runtime.
pub fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    prepare(&socket, address)?;
    UdpSocket::from_std(socket.into())
}

/// Binds a TCP listener; an IPv6 wildcard takes IPv4 too.
///
/// # Errors
/// When the address cannot be bound. Must be called inside a tokio runtime.
pub fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    prepare(&socket, address)?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())
}

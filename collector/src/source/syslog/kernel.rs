//! How many datagrams the kernel has dropped before we could read them: a column of `/proc/net/udp`.

use std::fs;
use std::os::fd::AsRawFd;

use tokio::net::UdpSocket;

/// Files that list the UDP sockets.
const TABLES: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];
/// Column of the socket's inode.
const INODE: usize = 9;
/// Column of the datagrams dropped.
const DROPS: usize = 12;

/// The drops of one socket.
#[derive(Debug)]
pub(super) struct Drops {
    inode: Option<String>,
    seen: u64,
}

impl Drops {
    /// Starts counting for `socket`.
    pub(super) fn of(socket: &UdpSocket) -> Self {
        let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok();
        let name = link.as_ref().and_then(|link| link.to_str());
        let inode = name.and_then(|name| name.strip_prefix("socket:[")?.strip_suffix(']')).map(str::to_owned);
        let mut drops = Self { inode, seen: 0 };
        drops.seen = drops.total();
        drops
    }

    /// Datagrams dropped since this was asked last; 0 where the kernel does not tell.
    pub(super) fn since_last_time(&mut self) -> u64 {
        let total = self.total();
        let fresh = total.saturating_sub(self.seen);
        self.seen = total;
        fresh
    }

    fn total(&self) -> u64 {
        let Some(inode) = &self.inode else { return 0 };
        let table = |path: &&str| fs::read_to_string(path).ok().and_then(|table| find(&table, inode));
        TABLES.iter().find_map(table).unwrap_or(0)
    }
}

fn find(table: &str, inode: &str) -> Option<u64> {
    let row = table.lines().find(|line| line.split_whitespace().nth(INODE) == Some(inode))?;
    row.split_whitespace().nth(DROPS)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_found() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
             1: 00000000:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 17\n";
        assert_eq!(find(table, "4711"), Some(17));
        assert_eq!(find(table, "4712"), None);
    }

    #[tokio::test]
    async fn a_flooded_socket_shows_its_drops() {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket2::SockRef::from(&receiver).set_recv_buffer_size(1).unwrap();
        let mut drops = Drops::of(&receiver);
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..200 {
            sender.send_to(&[b'x'; 1_000], receiver.local_addr().unwrap()).unwrap();
        }
        assert!(drops.since_last_time() > 100);
        assert_eq!(drops.since_last_time(), 0);
    }
}

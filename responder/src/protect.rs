//! The never-block list: what must stay reachable whatever an alert says.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use event::Timestamp;
use ipnet::IpNet;

/// Most bytes read of a system file.
const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most operators' addresses that are kept.
const OPERATORS_MAX: usize = 10_000;
/// Flag of a route through a gateway (`RTF_GATEWAY`).
const THROUGH_GATEWAY: u32 = 0x2;

/// Where the system says what it depends on; the usual files unless a test names others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// Routes of v4.
    pub routes4: PathBuf,
    /// Routes of v6.
    pub routes6: PathBuf,
    /// This machine's own v4 addresses.
    pub local4: PathBuf,
    /// This machine's own v6 addresses.
    pub local6: PathBuf,
    /// Files that name resolvers.
    pub resolvers: Vec<PathBuf>,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            routes4: PathBuf::from("/proc/net/route"),
            routes6: PathBuf::from("/proc/net/ipv6_route"),
            local4: PathBuf::from("/proc/net/fib_trie"),
            local6: PathBuf::from("/proc/net/if_inet6"),
            resolvers: vec![PathBuf::from("/etc/resolv.conf"), PathBuf::from("/run/systemd/resolve/resolv.conf")],
        }
    }
}

/// The never-block list. The system's part is read anew for each question, or once for the questions of a batch
/// ([`Protected::look`]), so that it follows the routes.
#[derive(Debug, Default)]
pub struct Protected {
    networks: Networks,
    sources: Sources,
    operators: Mutex<HashMap<IpAddr, Timestamp>>,
}

impl Protected {
    /// The list with these networks beside what the system names.
    pub fn new(networks: Vec<IpNet>, sources: Sources) -> Self {
        Self { networks: Networks::new(networks), sources, operators: Mutex::new(HashMap::new()) }
    }

    /// Protects the address of somebody who signed in, until his session ends.
    pub fn add_operator(&self, address: IpAddr, until: Timestamp, now: Timestamp) {
        let mut operators = self.operators.lock().unwrap_or_else(PoisonError::into_inner);
        if operators.len() >= OPERATORS_MAX {
            operators.retain(|_, end| *end > now);
        }
        if operators.len() >= OPERATORS_MAX {
            tracing::error!(operators = operators.len(), "no room for another operator's address");
            return;
        }
        let end = operators.entry(address.to_canonical()).or_insert(until);
        *end = until.max(*end);
    }

    /// Why `address` must never be blocked; `None` when it may be.
    ///
    /// # Errors
    /// When a file of the system cannot be read: nobody may then be blocked. A file that does not exist is empty.
    pub fn why(&self, address: IpAddr, now: Timestamp) -> io::Result<Option<String>> {
        self.look().why(address, now).map_err(|error| io::Error::new(error.kind(), error.to_string()))
    }

    /// Reads what the system names now, for several questions.
    pub fn look(&self) -> Look<'_> {
        Look { protected: self, system: self.sources.read() }
    }

    fn holds_operator(&self, address: IpAddr, now: Timestamp) -> bool {
        let operators = self.operators.lock().unwrap_or_else(PoisonError::into_inner);
        operators.get(&address).is_some_and(|end| *end > now)
    }
}

/// The never-block list with what the system named when it was made; who signed in since is seen.
#[derive(Debug)]
pub struct Look<'p> {
    protected: &'p Protected,
    system: io::Result<BTreeMap<IpAddr, &'static str>>,
}

impl Look<'_> {
    /// As [`Protected::why`].
    ///
    /// # Errors
    /// As [`Protected::why`].
    pub fn why(&self, address: IpAddr, now: Timestamp) -> Result<Option<String>, &io::Error> {
        let address = address.to_canonical();
        if let Some(kind) = special(address) {
            return Ok(Some(format!("{address} is {kind}")));
        }
        if let Some(network) = self.protected.networks.around(address) {
            return Ok(Some(format!("{address} lies in {network}, which the configuration protects")));
        }
        if self.protected.holds_operator(address, now) {
            return Ok(Some(format!("a signed-in operator works from {address}")));
        }
        let role = self.system.as_ref()?.get(&address);
        Ok(role.map(|role| format!("{address} is {role} of this machine")))
    }
}

/// Networks, found by their lengths: one look for each length that occurs, however many networks there are.
#[derive(Debug, Default)]
struct Networks {
    all: HashSet<IpNet>,
    /// Lengths of v4 and of v6 networks.
    lengths: (BTreeSet<u8>, BTreeSet<u8>),
}

impl Networks {
    fn new(networks: Vec<IpNet>) -> Self {
        let mut found = Self::default();
        for network in networks {
            let lengths = if network.addr().is_ipv4() { &mut found.lengths.0 } else { &mut found.lengths.1 };
            lengths.insert(network.prefix_len());
            found.all.insert(network.trunc());
        }
        found
    }

    /// The narrowest network around an address.
    fn around(&self, address: IpAddr) -> Option<IpNet> {
        let lengths = if address.is_ipv4() { &self.lengths.0 } else { &self.lengths.1 };
        let network = |length: &u8| IpNet::new(address, *length).ok().map(|network| network.trunc());
        lengths.iter().rev().filter_map(network).find(|network| self.all.contains(network))
    }
}

/// Addresses that are nobody's in particular.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        _ if address.is_loopback() => Some("a loopback address"),
        _ if address.is_unspecified() => Some("the unspecified address"),
        _ if address.is_multicast() => Some("a multicast address"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
        IpAddr::V4(v4) if v4.octets().first() == Some(&0) => Some("an address of `this network`"),
        _ => None,
    }
}

impl Sources {
    /// Every address that this machine depends on, with its role.
    ///
    /// # Errors
    /// When a file is there but cannot be read.
    pub fn read(&self) -> io::Result<BTreeMap<IpAddr, &'static str>> {
        let mut found = BTreeMap::new();
        let mut add = |addresses: Vec<IpAddr>, role| {
            for address in addresses {
                found.entry(address.to_canonical()).or_insert(role);
            }
        };
        add(gateways4(&text(&self.routes4)?), "a gateway");
        add(gateways6(&text(&self.routes6)?), "a gateway");
        for path in &self.resolvers {
            add(resolvers(&text(path)?), "a resolver");
        }
        add(local4(&text(&self.local4)?), "an address");
        add(local6(&text(&self.local6)?), "an address");
        Ok(found)
    }
}

fn text(path: &Path) -> io::Result<String> {
    match std::fs::read(path) {
        Ok(mut bytes) => {
            bytes.truncate(FILE_BYTES_MAX);
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))),
    }
}

/// `/proc/net/route`: interface, destination, gateway, flags … in hexadecimal, addresses in the machine's byte order.
fn gateways4(table: &str) -> Vec<IpAddr> {
    let gateway = |line: &str| {
        let mut fields = line.split_whitespace().skip(2);
        let (gateway, flags) = (fields.next()?, fields.next()?);
        let gateway = u32::from_str_radix(gateway, 16).ok()?;
        let through = u32::from_str_radix(flags, 16).ok()? & THROUGH_GATEWAY != 0;
        (through && gateway != 0).then(|| IpAddr::V4(Ipv4Addr::from(gateway.to_ne_bytes())))
    };
    table.lines().filter_map(gateway).collect()
}

/// `/proc/net/ipv6_route`: destination, length, source, length, next hop, metric, references, use, flags, interface.
fn gateways6(table: &str) -> Vec<IpAddr> {
    let gateway = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let through = u32::from_str_radix(fields.get(8)?, 16).ok()? & THROUGH_GATEWAY != 0;
        let next = address6(fields.get(4)?)?;
        (through && !next.is_unspecified()).then_some(IpAddr::V6(next))
    };
    table.lines().filter_map(gateway).collect()
}

/// `resolv.conf`: `nameserver ADDRESS`, perhaps with `%interface`.
fn resolvers(file: &str) -> Vec<IpAddr> {
    let resolver = |line: &str| {
        let address = line.trim().strip_prefix("nameserver")?.strip_prefix(char::is_whitespace)?;
        let address = address.split_whitespace().next()?;
        address.split('%').next()?.parse().ok()
    };
    file.lines().filter_map(resolver).collect()
}

/// `/proc/net/fib_trie`: an address on a line of its own, `/32 host LOCAL` on one of the lines below it.
fn local4(trie: &str) -> Vec<IpAddr> {
    let (mut found, mut last) = (Vec::new(), None);
    for line in trie.lines() {
        let line = line.trim_start_matches([' ', '|', '+']);
        if let Some(address) = line.strip_prefix("-- ") {
            last = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.trim() == "/32 host LOCAL" {
            found.extend(last.map(IpAddr::V4));
        }
    }
    found
}

/// `/proc/net/if_inet6`: an address in 32 hexadecimal digits begins each line.
fn local6(table: &str) -> Vec<IpAddr> {
    let address = |line: &str| address6(line.split_whitespace().next()?).map(IpAddr::V6);
    table.lines().filter_map(address).collect()
}

fn address6(digits: &str) -> Option<Ipv6Addr> {
    (digits.len() == 32).then(|| u128::from_str_radix(digits, 16).ok().map(Ipv6Addr::from)).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(files: &[(&str, &str)]) -> (tempfile::TempDir, Protected) {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(dir.path().join(name), content).unwrap();
        }
        let path = |name: &str| dir.path().join(name);
        let sources = Sources {
            routes4: path("route"),
            routes6: path("ipv6_route"),
            local4: path("fib_trie"),
            local6: path("if_inet6"),
            resolvers: vec![path("resolv.conf")],
        };
        let networks = vec!["10.20.0.0/16".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()];
        (dir, Protected::new(networks, sources))
    }

    #[test]
    fn what_must_stay_reachable_is_protected() {
        let (_dir, list) = list(&[
            (
                "route",
                "Iface\tDestination\tGateway \tFlags\neth0\t00000000\t010200C0\t0003\t0\neth0\t000200C0\t00000000\t0001\t0\n",
            ),
            (
                "ipv6_route",
                "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n",
            ),
            (
                "fib_trie",
                "Local:\n     |-- 192.0.2.2\n        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n",
            ),
            ("if_inet6", "fd000000000000000000000000000002 04 40 00 82     eth0\n"),
            (
                "resolv.conf",
                "# nameserver 1.1.1.1\nnameserver 10.255.255.53\nnameserver fe80::53%eth0\noptions ndots:1\n",
            ),
        ]);
        let now = Timestamp::from_secs(1_000);
        list.add_operator("::ffff:203.0.113.9".parse().unwrap(), Timestamp::from_secs(2_000), now);
        let check = |address: &str, expected: Option<&str>, now| {
            let found = list.why(address.parse().unwrap(), now).unwrap();
            assert_eq!(found.is_some(), expected.is_some(), "{address}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{address}");
        };
        for loopback in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            check(loopback, Some("loopback"), now);
        }
        for gateway in ["192.0.2.1", "::ffff:192.0.2.1", "fe80::1"] {
            check(gateway, Some("gateway"), now);
        }
        for resolver in ["10.255.255.53", "fe80::53"] {
            check(resolver, Some("resolver"), now);
        }
        for own in ["192.0.2.2", "fd00::2"] {
            check(own, Some("address of this machine"), now);
        }
        for nobody in ["0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:224.0.0.1"] {
            check(nobody, Some(""), now);
        }
        for configured in ["10.20.3.4", "::ffff:10.20.3.4", "2001:db8:1::9"] {
            check(configured, Some("configuration"), now);
        }
        check("203.0.113.9", Some("operator"), now);
        check("203.0.113.9", None, Timestamp::from_secs(2_001));
        for stranger in ["1.1.1.1", "192.0.2.255", "10.21.0.1", "2001:db8:2::1", "fe80::2"] {
            check(stranger, None, now);
        }
    }

    #[test]
    fn one_look_answers_many_questions() {
        let (dir, list) = list(&[("if_inet6", "fd000000000000000000000000000002 04 40 00 82     eth0\n")]);
        let (now, look) = (Timestamp::from_secs(1_000), list.look());
        let check = |address: &str, expected: &str| {
            let found = look.why(address.parse().unwrap(), now).unwrap().unwrap_or_default();
            assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{address}: {found}");
        };
        check("fd00::2", "address of this machine");
        std::fs::remove_file(dir.path().join("if_inet6")).unwrap();
        check("fd00::2", "address of this machine");
        assert_eq!(list.why("fd00::2".parse().unwrap(), now).unwrap(), None, "a question of its own looks anew");
        // Who signs in between two questions is protected at once.
        check("203.0.113.9", "");
        list.add_operator("203.0.113.9".parse().unwrap(), Timestamp::from_secs(2_000), now);
        check("203.0.113.9", "operator");
    }

    #[test]
    fn a_file_that_cannot_be_read_protects_everybody() {
        let dir = tempfile::tempdir().unwrap();
        let sources = Sources { routes4: dir.path().to_owned(), ..Sources::default() };
        let list = Protected::new(Vec::new(), sources);
        assert!(list.why("1.1.1.1".parse().unwrap(), Timestamp::default()).is_err());
    }

    proptest! {
        #[test]
        fn networks_are_found_like_one_by_one(
            networks in proptest::collection::vec((any::<u32>(), 0_u8..=32), 0..20), address in any::<u32>(), near in any::<bool>(),
        ) {
            let v4 = |(bits, length)| IpNet::new(IpAddr::V4(Ipv4Addr::from_bits(bits)), length).unwrap();
            let networks: Vec<IpNet> = networks.into_iter().map(v4).collect();
            let address = match networks.first().map(IpNet::addr) {
                Some(IpAddr::V4(first)) if near => IpAddr::V4(Ipv4Addr::from_bits(first.to_bits() ^ (address & 0xFF))),
                _ => IpAddr::V4(Ipv4Addr::from_bits(address)),
            };
            let one_by_one = networks.iter().filter(|network| network.contains(&address)).map(IpNet::prefix_len).max();
            let around = Networks::new(networks).around(address);
            prop_assert_eq!(around.map(|network| network.prefix_len()), one_by_one);
            prop_assert!(around.is_none_or(|network| network.contains(&address)));
        }

        #[test]
        fn garbage_never_panics(text in "\\PC{0,300}", fields in "([0-9a-fA-F]{0,33}[ \t]){0,12}") {
            for table in [&text, &fields] {
                let _ = (gateways4(table), gateways6(table), resolvers(table), local4(table), local6(table));
            }
        }
    }
}

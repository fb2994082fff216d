//! The simulated sites: read from the register's own CSV, with what each is, how it sends, and from which address.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use anyhow::Context as _;

use crate::dice::Dice;

/// Most sites that are simulated.
const SITES_MAX: usize = 16_384;

/// What a site is, which decides what runs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The data-sharing platform's gateway.
    Gateway,
    /// A portal for the public: open data, or a one-stop service of a ward.
    Portal,
    /// A data centre or the shared data warehouse.
    DataCenter,
    /// Cameras and sensors: traffic, flood, environment.
    Sensors,
    /// A ward's people's committee.
    Ward,
    /// A ward's police.
    Police,
    /// A health station or hospital.
    Health,
    /// A department, an archive, a corporation.
    Office,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Gateway,
        Self::Portal,
        Self::DataCenter,
        Self::Sensors,
        Self::Ward,
        Self::Police,
        Self::Health,
        Self::Office,
    ];

    /// By the words of a site's id.
    fn of(id: &str) -> Self {
        let has = |words: &[&str]| words.iter().any(|word| id.contains(word));
        let ends = |words: &[&str]| words.iter().any(|word| id.ends_with(word));
        if has(&["lgsp"]) {
            Self::Gateway
        } else if ends(&["-hcc"]) || has(&["cong-du-lieu-mo"]) {
            Self::Portal
        } else if has(&["trung-tam-du-lieu", "kho-du-lieu"]) {
            Self::DataCenter
        } else if has(&["quan-ly-giao-thong", "chong-ngap", "quan-trac", "chieu-sang", "thoat-nuoc"]) {
            Self::Sensors
        } else if ends(&["-ubnd"]) {
            Self::Ward
        } else if ends(&["-ca"]) {
            Self::Police
        } else if ends(&["-tyt"]) || has(&["benh-vien", "so-y-te"]) {
            Self::Health
        } else {
            Self::Office
        }
    }
}

/// How a site sends its logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// Syslog over TLS with the site's certificate, RFC 5424.
    Tls,
    /// Syslog over TCP, RFC 5424, octet-counted.
    Tcp,
    /// Syslog over TCP as old devices do, RFC 3164, a line each.
    TcpOld,
    /// Syslog over UDP, RFC 5424.
    Udp,
    /// Syslog over UDP as old devices do, RFC 3164.
    UdpOld,
    /// Elasticsearch's `_bulk` over HTTPS with a token.
    Bulk,
    /// NDJSON over HTTPS with a token.
    Ndjson,
}

impl Via {
    /// Every way.
    pub const ALL: [Self; 7] = [Self::Tls, Self::Tcp, Self::TcpOld, Self::Udp, Self::UdpOld, Self::Bulk, Self::Ndjson];

    fn of(id: &str, kind: Kind) -> Self {
        match kind {
            Kind::Gateway | Kind::DataCenter => return Self::Bulk,
            Kind::Portal if !id.ends_with("-hcc") => return Self::Ndjson,
            _ => {}
        }
        match Dice::new(0).of(id).below(20) {
            0 | 1 => Self::Tcp,
            2 => Self::TcpOld,
            3 | 4 => Self::Udp,
            5 => Self::UdpOld,
            6 if kind == Kind::Portal => Self::Ndjson,
            _ => Self::Tls,
        }
    }

    /// Whether the site proves itself by its certificate.
    pub fn is_tls(self) -> bool {
        self == Self::Tls
    }

    /// Whether the site holds a connection that syslog runs over.
    pub fn is_connected(self) -> bool {
        matches!(self, Self::Tls | Self::Tcp | Self::TcpOld)
    }

    /// Whether the site sends over HTTPS.
    pub fn is_https(self) -> bool {
        matches!(self, Self::Bulk | Self::Ndjson)
    }
}

/// One simulated site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its id in the register.
    pub id: String,
    /// The agency that owns it.
    pub agency: String,
    /// What it is.
    pub kind: Kind,
    /// How it sends.
    pub via: Via,
    /// The address on this machine that it sends from, when the server is on this machine too: of `127.64.0.0/12`.
    pub sends_from: Ipv4Addr,
    /// Its network of IPv4 addresses, /24.
    network: [u8; 3],
    /// Its network of IPv6 addresses, /64.
    network_v6: [u16; 4],
}

impl Site {
    /// A machine's name at the site: `srv`, `ws` … and a number.
    pub fn machine(&self, role: &str, number: u64) -> String {
        let short = self.id.strip_prefix("hcm-").unwrap_or(&self.id);
        format!("{role}-{number:02}.{short}")
    }

    /// The IPv4 address of a machine at the site.
    pub fn v4(&self, machine: u8) -> Ipv4Addr {
        let [first, second, third] = self.network;
        Ipv4Addr::new(first, second, third, machine)
    }

    /// The IPv6 address of a machine at the site.
    pub fn v6(&self, machine: u16) -> Ipv6Addr {
        let [a, b, c, d] = self.network_v6;
        Ipv6Addr::new(a, b, c, d, 0, 0, 0, machine)
    }

    /// The address of a machine at the site, as often of IPv6 as of IPv4.
    pub fn address(&self, machine: u8, dice: &mut Dice) -> IpAddr {
        if dice.chance(0.5) { self.v6(u16::from(machine)).into() } else { self.v4(machine).into() }
    }
}

/// The sites of one simulation, in the register's order.
#[derive(Debug, Clone, Default)]
pub struct Town {
    sites: Vec<Arc<Site>>,
}

impl Town {
    /// Reads the register's CSV (`id,name,agency,data_center,addresses,…`).
    ///
    /// # Errors
    /// When it is no such table, or holds no site or too many.
    pub fn read(csv: impl Read) -> anyhow::Result<Self> {
        let mut reader = csv::Reader::from_reader(csv);
        let head = reader.headers().context("the register's head")?.clone();
        let column = |name: &str| {
            let at = head.iter().position(|found| found == name);
            at.with_context(|| format!("the register has no column `{name}`; its head is `{}`", join(&head)))
        };
        let (id, agency, addresses) = (column("id")?, column("agency")?, column("addresses")?);
        let mut sites = Vec::new();
        for row in reader.records().take(SITES_MAX + 1) {
            let row = row.context("a row of the register")?;
            let text = |at: usize| row.get(at).unwrap_or_default();
            sites.push(Arc::new(site(sites.len(), text(id), text(agency), text(addresses))));
        }
        anyhow::ensure!(!sites.is_empty(), "the register holds no site");
        anyhow::ensure!(sites.len() <= SITES_MAX, "the register holds more than {SITES_MAX} sites");
        Ok(Self { sites })
    }

    /// The sites.
    pub fn sites(&self) -> &[Arc<Site>] {
        &self.sites
    }

    /// A smaller town of so many sites that still has every kind and every way of sending, as far as the number allows.
    #[must_use]
    pub fn few(&self, count: usize) -> Self {
        let mut chosen: Vec<Arc<Site>> = Vec::new();
        let missing = |chosen: &[Arc<Site>], site: &Site| {
            let kind = chosen.iter().filter(|other| other.kind == site.kind).count();
            let via = chosen.iter().filter(|other| other.via == site.via).count();
            kind == 0 || via == 0
        };
        for site in &self.sites {
            if chosen.len() < count && missing(&chosen, site) {
                chosen.push(Arc::clone(site));
            }
        }
        let step = (self.sites.len() / count.max(1)).max(1);
        for site in self.sites.iter().step_by(step).chain(&self.sites) {
            if chosen.len() < count && !chosen.iter().any(|other| other.id == site.id) {
                chosen.push(Arc::clone(site));
            }
        }
        Self { sites: chosen }
    }

    /// The sites for which `keep` holds.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Site) -> bool) -> Self {
        Self { sites: self.sites.iter().filter(|site| keep(site)).map(Arc::clone).collect() }
    }

    /// One site of a kind, and of a way of sending where one is named; any site when there is none of them.
    pub fn one(&self, kind: Kind, via: Option<Via>, dice: &mut Dice) -> Option<Arc<Site>> {
        let fits = |site: &&Arc<Site>| site.kind == kind && via.is_none_or(|via| site.via == via);
        let fitting: Vec<&Arc<Site>> = self.sites.iter().filter(fits).collect();
        let found = match fitting.is_empty() {
            true => self.sites.iter().find(|site| via.is_none_or(|via| site.via == via)),
            false => dice.pick(&fitting).copied(),
        };
        found.or_else(|| self.sites.first()).map(Arc::clone)
    }
}

/// The register once more as CSV, each site with the address on this machine that it is going to send from.
///
/// # Errors
/// When `csv` is no register.
pub fn register_for_this_machine(csv: &str) -> anyhow::Result<String> {
    let town = Town::read(csv.as_bytes())?;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let head = reader.headers().context("the register's head")?.clone();
    let at = head.iter().position(|name| name == "addresses");
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&head)?;
    for (row, site) in reader.records().zip(town.sites()) {
        let row = row?;
        let fields = row.iter().enumerate().map(|(column, field)| match Some(column) == at {
            true => format!("{field} {}/32", site.sends_from).trim_start().to_owned(),
            false => field.to_owned(),
        });
        writer.write_record(fields)?;
    }
    let bytes = writer.into_inner().context("writing the register")?;
    String::from_utf8(bytes).context("the register is no UTF-8")
}

fn join(head: &csv::StringRecord) -> String {
    head.iter().collect::<Vec<_>>().join(",")
}

fn site(number: usize, id: &str, agency: &str, addresses: &str) -> Site {
    let networks = || addresses.split_whitespace().filter_map(|network| network.split('/').next());
    let v4 = networks().find_map(|text| text.parse::<Ipv4Addr>().ok()).unwrap_or(Ipv4Addr::new(10, 127, 0, 0));
    let v6 = networks().find_map(|text| text.parse::<Ipv6Addr>().ok());
    let [a, b, c, d, ..] = v6.unwrap_or(Ipv6Addr::new(0xfd4d, 0x534f, 0x43, 0, 0, 0, 0, 0)).segments();
    let [first, second, third, _] = v4.octets();
    // SITES_MAX keeps the number within the network.
    let sends_from = Ipv4Addr::from_bits(0x7f40_0001_u32.saturating_add(u32::try_from(number).unwrap_or(0)));
    let kind = Kind::of(id);
    Site {
        id: id.to_owned(),
        agency: agency.to_owned(),
        kind,
        via: Via::of(id, kind),
        sends_from,
        network: [first, second, third],
        network_v6: [a, b, c, d],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTER: &str = include_str!("../../collector/demo/sites.csv");

    #[test]
    fn the_register_has_every_kind_and_every_way() {
        let town = Town::read(REGISTER.as_bytes()).unwrap();
        assert_eq!(town.sites().len(), 807);
        for town in [town.few(40), town.clone()] {
            for kind in Kind::ALL {
                assert!(town.sites().iter().any(|site| site.kind == kind), "{kind:?}");
            }
            for via in Via::ALL {
                assert!(town.sites().iter().any(|site| site.via == via), "{via:?}");
            }
        }
        assert_eq!(town.few(40).sites().len(), 40);
        assert_eq!(town.few(3).sites().len(), 3);
        let tls = town.sites().iter().filter(|site| site.via.is_tls()).count();
        assert!(tls > 450, "{tls} of 807 sites send over TLS");
    }

    #[test]
    fn the_register_for_this_machine_has_an_address_more() {
        let csv = register_for_this_machine(REGISTER).unwrap();
        let before = Town::read(REGISTER.as_bytes()).unwrap();
        let after = Town::read(csv.as_bytes()).unwrap();
        assert_eq!(before.sites(), after.sites());
        assert!(csv.contains("10.64.0.0/24 fd4d:534f:43:0::/64 127.64.0.1/32"), "{}", &csv[..300]);
        assert_eq!(before.sites()[806].sends_from, Ipv4Addr::new(127, 64, 3, 39));
    }

    #[test]
    fn a_wrong_table_is_named() {
        let error = Town::read("a,b\n1,2\n".as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "the register has no column `id`; its head is `a,b`");
        assert!(Town::read("id,agency,addresses\n".as_bytes()).is_err());
    }

    #[test]
    fn machines_lie_in_the_site_s_networks() {
        let town = Town::read(REGISTER.as_bytes()).unwrap();
        let site = &town.sites()[1];
        assert_eq!(site.v4(7).to_string(), "10.64.1.7");
        assert_eq!(site.v6(7).to_string(), "fd4d:534f:43:1::7");
        assert_eq!(site.machine("srv", 1), "srv-01.hdnd-thanh-pho");
    }
}

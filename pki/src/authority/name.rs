//! Names in certificates: a site's identity as a URI, and the server's host names and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use event::{SiteId, UserName};
use rcgen::SanType;

use crate::PkiError;

/// What a site's URI begins with.
const SITE_URI: &str = "spiffe://metrosoc/site/";
/// What the URI of a program's account begins with.
const MACHINE_URI: &str = "spiffe://metrosoc/machine/";
/// The domain under which a site has a host name, for senders that verify one.
const SITE_DOMAIN: &str = "site.metrosoc.internal";
/// Upper bound of a common name, RFC 5280 appendix A.1 (`ub-common-name`).
pub(crate) const COMMON_NAME_CHARS_MAX: usize = 64;
const LABEL_BYTES_MAX: usize = 63;
const HOST_BYTES_MAX: usize = 253;

/// A site's identity: `spiffe://metrosoc/site/SITE_ID`, what is not allowed in a path percent-encoded.
pub(crate) fn site_uri(site: &SiteId) -> String {
    uri_of(SITE_URI, site.as_str())
}

/// The identity of a program's account: `spiffe://metrosoc/machine/NAME`, encoded alike.
pub(crate) fn machine_uri(machine: &UserName) -> String {
    uri_of(MACHINE_URI, machine.as_str())
}

fn uri_of(prefix: &str, id: &str) -> String {
    let mut uri = String::from(prefix);
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'@') {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// The site that a URI names; `None` when it names none.
pub(crate) fn site_of_uri(uri: &str) -> Option<SiteId> {
    let site = SiteId::new(id_of(SITE_URI, uri)?).ok()?;
    (site_uri(&site) == uri).then_some(site)
}

/// The program's account that a URI names; `None` when it names none.
pub(crate) fn machine_of_uri(uri: &str) -> Option<UserName> {
    let machine = UserName::new(id_of(MACHINE_URI, uri)?).ok()?;
    (machine_uri(&machine) == uri).then_some(machine)
}

fn id_of(prefix: &str, uri: &str) -> Option<String> {
    let mut rest = uri.strip_prefix(prefix)?.bytes();
    let mut bytes = Vec::new();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let pair = [rest.next()?, rest.next()?];
            let mut decoded = [0_u8];
            hex::decode_to_slice(pair, &mut decoded).ok()?;
            bytes.extend(decoded);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The site's host name, when its id is a valid label in lower case.
pub(crate) fn site_host(site: &SiteId) -> Option<String> {
    let id = site.as_str();
    let lower = !id.bytes().any(|byte| byte.is_ascii_uppercase());
    (lower && label(id)).then(|| format!("{id}.{SITE_DOMAIN}"))
}

/// Host names and addresses that the server's certificate stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerNames {
    /// Host names, in lower case; a leading `*.` is allowed.
    pub hosts: Vec<String>,
    /// Addresses, v4 and v6.
    pub addresses: Vec<IpAddr>,
}

impl ServerNames {
    /// `localhost`, both loopback addresses, this machine's own name, and `more` (names or addresses, as the operator
    /// writes them). A machine name that cannot stand in a certificate is left out.
    ///
    /// # Errors
    /// [`PkiError::Name`] when one of `more` is neither a host name nor an address.
    pub fn local(more: &[String]) -> Result<Self, PkiError> {
        let mut names = Self {
            hosts: vec!["localhost".to_owned()],
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        };
        if let Ok(machine) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
            let machine = machine.trim();
            if names.add(machine).is_err() {
                tracing::info!(machine, "machine name left out of the certificate");
            }
        }
        for name in more {
            names.add(name)?;
        }
        Ok(names)
    }

    /// Adds a host name or an address, once.
    ///
    /// # Errors
    /// [`PkiError::Name`] when it is neither.
    pub fn add(&mut self, name: &str) -> Result<(), PkiError> {
        let plain = name.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = plain.parse::<IpAddr>() {
            let address = address.to_canonical();
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
            return Ok(());
        }
        let host = name.trim_end_matches('.').to_ascii_lowercase();
        let labels = host.strip_prefix("*.").unwrap_or(&host);
        if host.len() > HOST_BYTES_MAX || !labels.split('.').all(label) {
            let name = name.chars().take(64).collect();
            return Err(PkiError::Name { name, reason: "it is neither a host name nor an address" });
        }
        if !self.hosts.contains(&host) {
            self.hosts.push(host);
        }
        Ok(())
    }

    /// Every name as text, sorted; the form that the register keeps.
    pub(crate) fn written(&self) -> Vec<String> {
        let mut all: Vec<String> = self.hosts.clone();
        all.extend(self.addresses.iter().map(IpAddr::to_string));
        all.sort();
        all
    }

    /// Every name as it stands in a certificate.
    pub(crate) fn alternative(&self) -> Result<Vec<SanType>, PkiError> {
        let mut names = Vec::with_capacity(self.hosts.len() + self.addresses.len());
        for host in &self.hosts {
            names.push(SanType::DnsName(host.as_str().try_into()?));
        }
        names.extend(self.addresses.iter().map(|address| SanType::IpAddress(*address)));
        Ok(names)
    }
}

fn label(text: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_site_has_a_uri_and_perhaps_a_host_name() {
        let site = SiteId::new("hcm-q1-p-bennghe").unwrap();
        assert_eq!(site_uri(&site), "spiffe://metrosoc/site/hcm-q1-p-bennghe");
        assert_eq!(site_host(&site).unwrap(), "hcm-q1-p-bennghe.site.metrosoc.internal");
        let accents = SiteId::new("phường-1").unwrap();
        assert_eq!(site_of_uri(&site_uri(&accents)), Some(accents.clone()));
        assert_eq!(site_host(&accents), None);
        assert_eq!(site_host(&SiteId::new("A").unwrap()), None);
        for bad in [
            "spiffe://metrosoc/site/",
            "spiffe://metrosoc/site/a/b",
            "spiffe://other/site/a",
            "",
            "spiffe://metrosoc/site/%61",
            "spiffe://metrosoc/site/%",
        ] {
            assert_eq!(site_of_uri(bad), None, "{bad}");
        }
    }

    #[test]
    fn server_names_are_checked() {
        let names =
            ServerNames::local(&["Soc.Example.VN".into(), "[2001:db8::1]".into(), "::ffff:10.0.0.1".into()]).unwrap();
        assert!(names.hosts.contains(&"soc.example.vn".to_owned()) && names.hosts.contains(&"localhost".to_owned()));
        for address in ["127.0.0.1", "::1", "2001:db8::1", "10.0.0.1"] {
            assert!(names.addresses.contains(&address.parse().unwrap()), "{address}");
        }
        for bad in ["", "a b", "-a", "a..b", "ü.de", "*", "a.*.b", "a/b"] {
            assert!(ServerNames::default().add(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn uris_read_back(id in "[\\PC&&[^/\\\\]]{1,40}") {
            if let Ok(site) = SiteId::new(&id) {
                prop_assert_eq!(machine_of_uri(&site_uri(&site)), None);
                prop_assert_eq!(site_of_uri(&site_uri(&site)), Some(site));
            }
            if let Ok(machine) = UserName::new(&id) {
                prop_assert_eq!(site_of_uri(&machine_uri(&machine)), None);
                prop_assert_eq!(machine_of_uri(&machine_uri(&machine)), Some(machine));
            }
        }

        #[test]
        fn garbage_is_no_site_and_no_panic(uri in "(spiffe://metrosoc/site/)?\\PC{0,60}", name in "\\PC{0,80}") {
            let _ = (site_of_uri(&uri), machine_of_uri(&uri));
            let _ = ServerNames::default().add(&name);
        }
    }
}

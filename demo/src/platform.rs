//! Where the platform is and what it gave us: ports, roots, the sites' certificates, the machine's token.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::site::Site;

/// The platform's ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// HTTPS.
    pub https: u16,
    /// Syslog over UDP.
    pub udp: u16,
    /// Syslog over TCP.
    pub tcp: u16,
    /// Syslog over TLS.
    pub tls: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { https: 8443, udp: 5514, tcp: 5514, tls: 6514 }
    }
}

/// How to reach the platform.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Its name, as its certificate says it.
    pub host: String,
    /// Its ports.
    pub ports: Ports,
    /// The folder that `metrosoc pki bulk --out` wrote: `SITE.pem`, `SITE.key.pem`, `roots.pem`.
    pub certificates: PathBuf,
    /// A token of an account with the role `machine`.
    pub token: String,
}

/// Most bytes of a file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

impl Platform {
    /// The address to send to; the simulated sites keep to IPv4 so that each has an address of its own.
    ///
    /// # Errors
    /// When the name has no address.
    pub async fn address(&self) -> anyhow::Result<IpAddr> {
        let found = tokio::net::lookup_host((self.host.as_str(), 0)).await;
        let found: Vec<IpAddr> =
            found.with_context(|| format!("the name `{}`", self.host))?.map(|found| found.ip()).collect();
        let v4 = found.iter().copied().find(IpAddr::is_ipv4);
        let machine = found.iter().any(IpAddr::is_loopback).then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let any = found.first().copied();
        machine.or(v4).or(any).with_context(|| format!("the name `{}` has no address", self.host))
    }

    /// The roots that its certificates are checked against, PEM.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn roots_pem(&self) -> anyhow::Result<Vec<u8>> {
        read(&self.certificates.join("roots.pem"))
    }

    /// TLS as a site: its certificate, the platform's roots.
    ///
    /// # Errors
    /// When the site has no certificate, or a file cannot be read.
    pub fn tls(&self, site: &str) -> anyhow::Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(&self.roots_pem()?) {
            roots.add(root.context("the roots")?)?;
        }
        let path = self.certificates.join(format!("{site}.pem"));
        let chain = CertificateDer::pem_slice_iter(&read(&path)?).collect::<Result<Vec<_>, _>>();
        let chain = chain.with_context(|| format!("certificate `{}`", path.display()))?;
        let path = self.certificates.join(format!("{site}.key.pem"));
        let key = PrivateKeyDer::from_pem_slice(&read(&path)?);
        let key = key.with_context(|| format!("key `{}`", path.display()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .with_context(|| format!("certificate and key of site `{site}`"))?;
        Ok(Arc::new(config))
    }

    /// The name that its certificate must bear.
    ///
    /// # Errors
    /// When it is no name.
    pub fn name(&self) -> anyhow::Result<ServerName<'static>> {
        ServerName::try_from(self.host.clone()).with_context(|| format!("`{}` is no name of a server", self.host))
    }
}

/// The address on this machine that a site's own connections come from: the site's on loopback, any other elsewhere.
pub(crate) fn own_address(site: &Site, platform: IpAddr) -> SocketAddr {
    match platform {
        IpAddr::V4(address) if address.is_loopback() => (site.sends_from, 0).into(),
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// Where somebody who stole a certificate sends to and from: on loopback another protocol altogether, elsewhere an
/// address that the system picks.
pub(crate) fn other_address(platform: IpAddr) -> (IpAddr, SocketAddr) {
    match platform.is_loopback() {
        true => (Ipv6Addr::LOCALHOST.into(), (Ipv6Addr::LOCALHOST, 0).into()),
        false if platform.is_ipv4() => (platform, (Ipv4Addr::UNSPECIFIED, 0).into()),
        false => (platform, (Ipv6Addr::UNSPECIFIED, 0).into()),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let about = std::fs::metadata(path).with_context(|| {
        format!("`{}` (`metrosoc pki bulk --out DIR` writes certificates and roots)", path.display())
    })?;
    anyhow::ensure!(about.len() <= FILE_BYTES_MAX, "`{}` is longer than {FILE_BYTES_MAX} bytes", path.display());
    std::fs::read(path).with_context(|| format!("`{}`", path.display()))
}

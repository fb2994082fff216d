//! Which site, or which program, stands at the other end of a connection.

use event::{SiteId, Timestamp, UserName};
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::authority::{machine_of_uri, serial, site_of_uri};

/// What a site's certificate says. Only as good as the chain that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSite {
    /// The site.
    pub site: SiteId,
    /// The certificate's serial number, as it stands in the set of revoked ones.
    pub serial: String,
    /// When the certificate ends.
    pub not_after: Timestamp,
}

/// What the certificate of a program's account says. Only as good as the chain that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerMachine {
    /// The account.
    pub machine: UserName,
    /// The certificate's serial number, as it stands in the set of revoked ones.
    pub serial: String,
    /// When the certificate ends.
    pub not_after: Timestamp,
}

impl PeerSite {
    /// Reads the first certificate of a chain **that the handshake verified**; nothing is verified here. `None` when it
    /// does not name exactly one site.
    pub fn of_verified(chain: &[CertificateDer<'_>]) -> Option<Self> {
        Self::read(chain.first()?)
    }

    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let Holder { uri, serial, not_after } = Holder::read(der)?;
        Some(Self { site: site_of_uri(&uri)?, serial, not_after })
    }
}

impl PeerMachine {
    /// As [`PeerSite::of_verified`], for a program's account.
    pub fn of_verified(chain: &[CertificateDer<'_>]) -> Option<Self> {
        Self::read(chain.first()?)
    }

    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let Holder { uri, serial, not_after } = Holder::read(der)?;
        Some(Self { machine: machine_of_uri(&uri)?, serial, not_after })
    }
}

/// What every client certificate of ours says: exactly one URI.
struct Holder {
    uri: String,
    serial: String,
    not_after: Timestamp,
}

impl Holder {
    fn read(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let names = certificate.subject_alternative_name().ok()??;
        let mut uris = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        let uri = uris.next()?;
        if uris.next().is_some() {
            return None;
        }
        Some(Self {
            uri: uri.to_owned(),
            serial: serial::written(certificate.raw_serial()),
            not_after: Timestamp::from_secs(certificate.validity().not_after.timestamp()),
        })
    }
}

//! The holder's side: a key that never leaves its machine, the request for a certificate, and when to ask for the next.

use event::{SiteId, Timestamp};
use keys::{CertificateKey, Secret};
use rcgen::{CertificateParams, DnType};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::PkiError;
use crate::link::PeerSite;

/// A fresh key with the request for its certificate.
#[derive(Debug)]
pub struct Request {
    /// PKCS#8 in PEM.
    pub key_pem: Secret<String>,
    /// PKCS#10 in PEM, signed with the key. It names nobody: whose certificate it becomes is the authority's to say.
    pub request_pem: String,
}

impl Request {
    /// Makes a P-256 key and signs a request with it.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn make() -> Result<Self, PkiError> {
        let key = CertificateKey::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "metrosoc edge");
        let request_pem = params.serialize_request(&key)?.pem()?;
        Ok(Self { key_pem: key.to_pem(), request_pem })
    }
}

/// What a holder reads in its own certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The site that it names.
    pub site: SiteId,
    /// When it begins.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
}

impl Held {
    /// Reads the first certificate of a chain in PEM. Nothing is verified: the other side does that.
    ///
    /// # Errors
    /// [`PkiError::Damaged`] when there is none, or it names no site.
    pub fn read(chain_pem: &[u8]) -> Result<Self, PkiError> {
        let damaged = |reason: String| PkiError::Damaged { what: "certificate chain", reason };
        let der = CertificateDer::from_pem_slice(chain_pem).map_err(|error| damaged(error.to_string()))?;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|error| damaged(error.to_string()))?;
        let peer =
            PeerSite::of_verified(std::slice::from_ref(&der)).ok_or_else(|| damaged("it names no site".to_owned()))?;
        let not_before = Timestamp::from_secs(certificate.validity().not_before.timestamp());
        Ok(Self { site: peer.site, not_before, not_after: peer.not_after })
    }

    /// When two thirds of its life are over: the time to ask for the next.
    pub fn renew_from(&self) -> Timestamp {
        let life = self.not_after.since(self.not_before);
        self.not_before.plus(life / 3 * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProvenKey;

    #[test]
    fn requests_prove_their_key() {
        let request = Request::make().unwrap();
        ProvenKey::from_pem(request.request_pem.as_bytes()).unwrap();
        assert!(request.key_pem.expose().starts_with("-----BEGIN PRIVATE KEY-----"));
        assert!(!format!("{request:?}").contains("BEGIN PRIVATE"));
    }

    #[test]
    fn two_thirds_of_a_life() {
        let (not_before, not_after) = (Timestamp::from_secs(1_000), Timestamp::from_secs(1_900));
        let held = Held { site: SiteId::local(), not_before, not_after };
        assert_eq!(held.renew_from(), Timestamp::from_secs(1_600));
        assert!(Held::read(b"").is_err());
    }
}

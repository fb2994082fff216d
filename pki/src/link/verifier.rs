//! Verification of client certificates: the library's path building, then our own set of revoked serial numbers.
//!
//! Lists of revoked certificates are not given to the library: it would check their signature in every handshake, and
//! accept expired ones. The set in memory is written by the authority itself.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::UnixTime;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::refusal::{Refusals, reason};
use super::{PeerMachine, PeerSite, RevokedSerials, Trust, provider};
use crate::PkiError;
use crate::authority::serial;

/// Most certificates that a client may send beside its own.
const CHAIN_MAX: usize = 8;

/// Accepts certificates of sites that our authority signed and has not revoked; where certificates are optional, which is
/// where accounts are known, those of programs too.
pub struct SiteVerifier {
    path: Arc<dyn ClientCertVerifier>,
    revoked: watch::Receiver<RevokedSerials>,
    refusals: Refusals,
    machines: bool,
}

impl SiteVerifier {
    /// One that insists on a certificate.
    ///
    /// # Errors
    /// When a trust anchor cannot be read.
    pub fn required(trust: &Trust) -> Result<Self, PkiError> {
        Self::new(trust, true)
    }

    /// One that lets in who shows none.
    ///
    /// # Errors
    /// When a trust anchor cannot be read.
    pub fn optional(trust: &Trust) -> Result<Self, PkiError> {
        Self::new(trust, false)
    }

    fn new(trust: &Trust, required: bool) -> Result<Self, PkiError> {
        let mut roots = RootCertStore::empty();
        for anchor in &trust.anchors {
            roots.add(anchor.clone())?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let path = if required { builder.build()? } else { builder.allow_unauthenticated().build()? };
        let refusals = Refusals::new(Arc::clone(&trust.acts));
        Ok(Self { path, revoked: trust.revoked.clone(), refusals, machines: !required })
    }

    fn verify(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        if rest.len() > CHAIN_MAX {
            return Err(CertificateError::BadEncoding.into());
        }
        self.path.verify_client_cert(leaf, rest, now)?;
        let machine = || PeerMachine::read(leaf).filter(|_| self.machines).map(|peer| peer.serial);
        let serial = PeerSite::read(leaf).map(|peer| peer.serial).or_else(machine);
        let serial = serial.ok_or(CertificateError::ApplicationVerificationFailure)?;
        let revoked = self.revoked.borrow();
        if revoked.contains(&serial) {
            return Err(CertificateError::Revoked.into());
        }
        // What the client sent beside its own may be on the path; a revoked one is no part of any path.
        for certificate in rest {
            let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
            if revoked.contains(&serial::written(parsed.raw_serial())) {
                return Err(CertificateError::Revoked.into());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SiteVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SiteVerifier").field("revoked", &self.revoked.borrow().len()).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for SiteVerifier {
    fn offer_client_auth(&self) -> bool {
        self.path.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.path.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.path.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.verify(end_entity, intermediates, now) {
            Ok(()) => Ok(ClientCertVerified::assertion()),
            Err(error) => {
                self.refusals.note(reason(&error), end_entity);
                Err(error)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.path.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.path.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.path.supported_verify_schemes()
    }
}

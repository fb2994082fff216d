//! The certificate that the server shows: swapped while listeners run.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use event::Timestamp;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::provider;
use crate::PkiError;

/// Most bytes of an operator's PEM file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The server's chain and key; [`ServerIdentity::replace`] and [`ServerIdentity::reload`] change them for every
/// configuration that shares it, from the next handshake on.
pub struct ServerIdentity {
    current: ArcSwap<Shown>,
}

struct Shown {
    key: Arc<CertifiedKey>,
    not_after: Timestamp,
}

impl ServerIdentity {
    /// Shows `chain` (the server's certificate first), signed for with `key`.
    ///
    /// # Errors
    /// When the chain is empty or unreadable, or the key is not the certificate's.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Arc<Self>, PkiError> {
        Ok(Arc::new(Self { current: ArcSwap::from_pointee(Shown::new(chain, key)?) }))
    }

    /// Shows the operator's own certificate: a PEM file with the chain, a PEM file with the key.
    ///
    /// # Errors
    /// [`PkiError::File`] or [`PkiError::Io`] name the file and what is wrong with it.
    pub fn load(chain: &Path, key: &Path) -> Result<Arc<Self>, PkiError> {
        Ok(Arc::new(Self { current: ArcSwap::from_pointee(Shown::load(chain, key)?) }))
    }

    /// Shows another chain from the next handshake on.
    ///
    /// # Errors
    /// As [`ServerIdentity::new`]; the old one stays then.
    pub fn replace(&self, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<(), PkiError> {
        self.current.store(Arc::new(Shown::new(chain, key)?));
        Ok(())
    }

    /// Reads the operator's files again.
    ///
    /// # Errors
    /// As [`ServerIdentity::load`]; the old one stays then.
    pub fn reload(&self, chain: &Path, key: &Path) -> Result<(), PkiError> {
        self.current.store(Arc::new(Shown::load(chain, key)?));
        Ok(())
    }

    /// When the certificate that is shown ends.
    pub fn not_after(&self) -> Timestamp {
        self.current.load().not_after
    }

    /// The chain that is shown, the server's certificate first.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.current.load().key.cert.clone()
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServerIdentity").field("not_after", &self.not_after()).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for ServerIdentity {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().key))
    }
}

impl Shown {
    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, PkiError> {
        let not_after = chain.first().and_then(|leaf| end_of(leaf)).ok_or(PkiError::Damaged {
            what: "server certificate",
            reason: "its chain is empty or its first certificate unreadable".to_owned(),
        })?;
        let key = CertifiedKey::from_der(chain, key, &provider())?;
        Ok(Self { key: Arc::new(key), not_after })
    }

    fn load(chain_path: &Path, key_path: &Path) -> Result<Self, PkiError> {
        let wrong = |path: &Path, reason: String| PkiError::File { path: path.to_owned(), reason };
        let chain_pem = read(chain_path)?;
        let chain = CertificateDer::pem_slice_iter(&chain_pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong(chain_path, format!("not a PEM file: {error}")))?;
        if chain.is_empty() {
            return Err(wrong(chain_path, "no `BEGIN CERTIFICATE` in it".to_owned()));
        }
        if let Some(at) = chain.iter().position(|certificate| end_of(certificate).is_none()) {
            return Err(wrong(chain_path, format!("certificate {} of it is not readable", at + 1)));
        }
        let key = PrivateKeyDer::from_pem_slice(&keys::Secret::new(read(key_path)?).expose()[..])
            .map_err(|error| wrong(key_path, format!("no private key in PEM: {error}")))?;
        Self::new(chain, key).map_err(|error| match error {
            PkiError::Tls(rustls::Error::InconsistentKeys(_)) => {
                wrong(key_path, format!("is not the key of the first certificate in `{}`", chain_path.display()))
            }
            PkiError::Tls(error) => wrong(key_path, format!("a kind of key that TLS cannot use: {error}")),
            other => other,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PkiError> {
    let io = |source| PkiError::Io { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > FILE_BYTES_MAX {
        return Err(PkiError::File { path: path.to_owned(), reason: format!("longer than {FILE_BYTES_MAX} bytes") });
    }
    std::fs::read(path).map_err(io)
}

fn end_of(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(Timestamp::from_secs(certificate.validity().not_after.timestamp()))
}

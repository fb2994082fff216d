//! Certificate signing requests (PKCS #10): only the public key is taken from them, after proof of possession.

use rcgen::SubjectPublicKeyInfo;
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use crate::PkiError;

/// Most bytes of a request.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

/// A public key whose holder proved to have the private one.
#[derive(Debug)]
pub struct ProvenKey {
    info: SubjectPublicKeyInfo,
}

impl ProvenKey {
    /// Reads a request in PEM and checks its signature. Names and extensions in it are ignored: the profile decides.
    ///
    /// # Errors
    /// [`PkiError::Request`] says what is wrong: not PEM, not PKCS #10, wrong signature, a key that is too weak.
    pub fn from_pem(pem: &[u8]) -> Result<Self, PkiError> {
        if pem.len() > REQUEST_BYTES_MAX {
            return Err(wrong(format!("longer than {REQUEST_BYTES_MAX} bytes")));
        }
        let der = CertificateSigningRequestDer::from_pem_slice(pem)
            .map_err(|error| wrong(format!("not PEM with `BEGIN CERTIFICATE REQUEST`: {error}")))?;
        Self::from_der(&der)
    }

    /// Reads a request in DER, as [`ProvenKey::from_pem`].
    ///
    /// # Errors
    /// As [`ProvenKey::from_pem`].
    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        if der.len() > REQUEST_BYTES_MAX {
            return Err(wrong(format!("longer than {REQUEST_BYTES_MAX} bytes")));
        }
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|error| wrong(format!("not PKCS #10: {error}")))?;
        if !rest.is_empty() {
            return Err(wrong("bytes behind its end".to_owned()));
        }
        request
            .verify_signature()
            .map_err(|_| wrong("its signature is wrong or of a kind we do not take; use P-256".to_owned()))?;
        let public = &request.certification_request_info.subject_pki;
        match public.parsed() {
            Ok(PublicKey::RSA(key)) if !RSA_BITS.contains(&key.key_size()) => {
                return Err(wrong(format!("RSA key of {} bits; 2048 to 4096, or better P-256", key.key_size())));
            }
            Ok(PublicKey::RSA(_) | PublicKey::EC(_)) => {}
            // Ed25519 has no parsed form here; the conversion below knows it.
            Ok(PublicKey::Unknown(_)) => {}
            _ => return Err(wrong("a kind of key we do not take; use P-256".to_owned())),
        }
        let info = SubjectPublicKeyInfo::from_der(public.raw)
            .map_err(|_| wrong("a kind of key we do not take; use P-256".to_owned()))?;
        Ok(Self { info })
    }

    pub(crate) fn into_info(self) -> SubjectPublicKeyInfo {
        self.info
    }

    /// The key itself.
    pub(crate) fn info(&self) -> &SubjectPublicKeyInfo {
        &self.info
    }
}

fn wrong(reason: String) -> PkiError {
    PkiError::Request { reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, PublicKeyData};

    use super::*;

    fn request(algorithm: &'static rcgen::SignatureAlgorithm) -> (KeyPair, Vec<u8>) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let params = CertificateParams::new(vec!["anything.example".to_owned()]).unwrap();
        let der = params.serialize_request(&key).unwrap().der().to_vec();
        (key, der)
    }

    #[test]
    fn good_requests_give_their_key() {
        for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
            let (key, der) = request(algorithm);
            assert_eq!(ProvenKey::from_der(&der).unwrap().info().der_bytes(), key.der_bytes());
        }
    }

    #[test]
    fn a_changed_request_is_refused() {
        let (_, mut der) = request(&rcgen::PKCS_ECDSA_P256_SHA256);
        *der.last_mut().unwrap() ^= 1;
        let error = ProvenKey::from_der(&der).unwrap_err().to_string();
        assert!(error.contains("signature"), "{error}");
        der.push(0);
        assert!(ProvenKey::from_der(&der).unwrap_err().to_string().contains("behind its end"));
        assert!(ProvenKey::from_pem(b"").unwrap_err().to_string().contains("not PEM"));
        assert!(ProvenKey::from_pem(&vec![b'a'; 100_000]).is_err());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = ProvenKey::from_der(&bytes);
            let _ = ProvenKey::from_pem(&bytes);
        }

        #[test]
        fn mangled_requests_never_panic(at in 0_usize..300, bit in 0_u8..8, cut in 0_usize..300) {
            let (_, mut der) = request(&rcgen::PKCS_ECDSA_P256_SHA256);
            let len = der.len();
            der[at % len] ^= 1 << bit;
            let _ = ProvenKey::from_der(&der);
            der.truncate(cut);
            let _ = ProvenKey::from_der(&der);
        }
    }
}

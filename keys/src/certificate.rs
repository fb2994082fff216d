//! Keys of certificates: ECDSA on P-256, the curve that every TLS client knows and ring signs fastest.

use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use crate::wiped::Wiped;
use crate::{KeyError, Sealer, Secret};

/// A P-256 private key; signs certificates through `rcgen` and serves TLS through `rustls`.
pub struct CertificateKey {
    pkcs8: Secret<Vec<u8>>,
    pair: Wiped<EcdsaKeyPair>,
}

impl CertificateKey {
    /// Makes a fresh key.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
            .map_err(|_| KeyError::Crypto { what: "making a certificate key" })?;
        Self::from_pkcs8(document.as_ref().to_vec())
    }

    /// Opens a key that [`CertificateKey::seal`] sealed with the same sealer and `aad`.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] when it was changed or belongs elsewhere.
    pub fn from_sealed(sealer: &Sealer, aad: &[u8], sealed: &[u8]) -> Result<Self, KeyError> {
        Self::from_pkcs8(sealer.open(aad, sealed)?)
    }

    /// The key as it may lie on a disk.
    ///
    /// # Errors
    /// As [`Sealer::seal`].
    pub fn seal(&self, sealer: &Sealer, aad: &[u8]) -> Result<Vec<u8>, KeyError> {
        sealer.seal(aad, self.pkcs8.expose())
    }

    /// PKCS#8 in PEM, for devices that take a key file.
    pub fn to_pem(&self) -> Secret<String> {
        use base64::Engine;
        let encoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(self.pkcs8.expose()));
        let mut pem = String::with_capacity(encoded.len() + 80);
        pem.push_str("-----BEGIN PRIVATE KEY-----\n");
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Secret::new(pem)
    }

    /// The key for a `rustls` configuration.
    pub fn private_key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pkcs8.expose().clone()))
    }

    /// The public point, uncompressed (65 bytes).
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn from_pkcs8(pkcs8: Vec<u8>) -> Result<Self, KeyError> {
        let pkcs8 = Secret::new(pkcs8);
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.expose(), &SystemRandom::new())
            .map_err(|_| KeyError::Crypto { what: "reading a certificate key" })?;
        Ok(Self { pkcs8, pair: Wiped::new(pair) })
    }
}

impl PublicKeyData for CertificateKey {
    fn der_bytes(&self) -> &[u8] {
        self.public_key()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for CertificateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| rcgen::Error::RingUnspecified)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl std::fmt::Debug for CertificateKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CertificateKey")
            .field("public_key", &hex::encode(self.public_key()))
            .finish_non_exhaustive()
    }
}

//! Signatures on others' tokens: JSON Web Key sets (RFC 7517) and compact JSON Web Signatures (RFC 7515), verified by ring.
//!
//! What a token says is given out only once its signature was verified, and only by a public key: `none` and secrets that
//! both sides share do not exist here, so that no token chooses how it is checked.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use thiserror::Error;

/// Longest token that is read, in bytes.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Most keys of a set that are kept.
const KEYS_MAX: usize = 64;

/// Why a token or a set of keys is not taken.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum JoseError {
    /// The token is not three parts of base64url with a JSON header.
    #[error("the token is not a signed token in compact form")]
    Form,
    /// Its algorithm is none that we take.
    #[error("the token's algorithm `{algorithm}` is not taken")]
    Algorithm {
        /// What the header names.
        algorithm: String,
    },
    /// It asks for an extension.
    #[error("the token's header asks for extensions that are not understood")]
    Critical,
    /// No key of the set fits header and signature.
    #[error("no key of the provider fits the token's signature")]
    Signature,
    /// The set of keys cannot be read.
    #[error("the provider's keys are not a JSON Web Key set")]
    Keys,
}

/// The algorithms that are taken (RFC 7518 section 3.1, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rsa(&'static str),
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    fn parse(name: &str) -> Option<Self> {
        const RSA: [&str; 6] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
        match name {
            "ES256" => Some(Self::Es256),
            "ES384" => Some(Self::Es384),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => RSA.into_iter().find(|rsa| *rsa == name).map(Self::Rsa),
        }
    }
}

fn rsa(name: &str) -> &'static RsaParameters {
    match name {
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "PS384" => &RSA_PSS_2048_8192_SHA384,
        "PS512" => &RSA_PSS_2048_8192_SHA512,
        _ => &RSA_PKCS1_2048_8192_SHA256,
    }
}

/// Public keys of a provider, as it publishes them.
#[derive(Debug, Clone, Default)]
pub struct PublicKeys(Vec<PublicKey>);

#[derive(Debug, Clone)]
struct PublicKey {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Debug, Clone)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct WrittenSet {
    keys: Vec<serde_json::Value>,
}

/// One key as it is written; a secret or private part makes it no public key.
#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<String>,
    k: Option<String>,
}

impl PublicKeys {
    /// Reads a set. Keys of other kinds, for other uses, or with private parts are left out, as RFC 7517 section 5 asks.
    ///
    /// # Errors
    /// [`JoseError::Keys`] when it is no set at all.
    pub fn parse(json: &[u8]) -> Result<Self, JoseError> {
        let set: WrittenSet = serde_json::from_slice(json).map_err(|_| JoseError::Keys)?;
        let read = |key| serde_json::from_value::<Written>(key).ok().and_then(public_key);
        Ok(Self(set.keys.into_iter().filter_map(read).take(KEYS_MAX).collect()))
    }

    /// Whether a key of that name is among them.
    pub fn holds(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }
}

fn public_key(written: Written) -> Option<PublicKey> {
    if written.d.is_some() || written.k.is_some() || written.purpose.is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let bytes = |part: Option<String>| URL_SAFE_NO_PAD.decode(part?).ok();
    let point = |length: usize, x: Option<String>, y: Option<String>| {
        let (x, y) = (bytes(x)?, bytes(y)?);
        (x.len() == length && y.len() == length).then(|| [&[4_u8][..], &x, &y].concat())
    };
    let material = match (written.kty.as_str(), written.crv.as_deref()) {
        ("RSA", None) => Material::Rsa { modulus: bytes(written.n)?, exponent: bytes(written.e)? },
        ("EC", Some("P-256")) => Material::P256(point(32, written.x, written.y)?),
        ("EC", Some("P-384")) => Material::P384(point(48, written.x, written.y)?),
        ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(written.x)?),
        _ => return None,
    };
    let algorithm = match written.alg {
        Some(name) => Some(Algorithm::parse(&name)?),
        None => None,
    };
    Some(PublicKey { id: written.kid, algorithm, material })
}

impl PublicKey {
    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if self.algorithm.is_some_and(|own| own != algorithm) {
            return false;
        }
        match (&self.material, algorithm) {
            (Material::Rsa { modulus, exponent }, Algorithm::Rsa(name)) => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(rsa(name), message, signature).is_ok()
            }
            (Material::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            (Material::P384(point), Algorithm::Es384) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature).is_ok()
            }
            (Material::Ed25519(point), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature).is_ok()
            }
            _ => false,
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<serde_json::Value>,
}

/// A token whose signature is not verified yet; of what it says only the header can be seen.
pub struct SignedToken<'t> {
    message: &'t str,
    payload: Vec<u8>,
    signature: Vec<u8>,
    algorithm: Algorithm,
    key_id: Option<String>,
    kind: Option<String>,
}

impl<'t> SignedToken<'t> {
    /// Reads `HEADER.PAYLOAD.SIGNATURE`.
    ///
    /// # Errors
    /// [`JoseError::Form`], [`JoseError::Algorithm`] for `none` and whatever is not a public key's, [`JoseError::Critical`].
    pub fn parse(text: &'t str) -> Result<Self, JoseError> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(JoseError::Form);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(JoseError::Form)?;
        let (header, payload) = message.split_once('.').ok_or(JoseError::Form)?;
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JoseError::Form);
        let header: Header = serde_json::from_slice(&bytes(header)?).map_err(|_| JoseError::Form)?;
        if header.crit.is_some() {
            return Err(JoseError::Critical);
        }
        let algorithm = Algorithm::parse(&header.alg);
        let algorithm =
            algorithm.ok_or_else(|| JoseError::Algorithm { algorithm: header.alg.chars().take(32).collect() })?;
        Ok(Self {
            message,
            payload: bytes(payload)?,
            signature: bytes(signature)?,
            algorithm,
            key_id: header.kid,
            kind: header.typ,
        })
    }

    /// The name of the key that signed it, when the header says.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The header's `typ` in lower case, without `application/`; empty for none (RFC 7515 section 4.1.9).
    pub fn kind(&self) -> String {
        let kind = self.kind.as_deref().unwrap_or_default().to_ascii_lowercase();
        kind.strip_prefix("application/").map(str::to_owned).unwrap_or(kind)
    }

    /// What the token says, once one of `keys` proved its signature.
    ///
    /// # Errors
    /// [`JoseError::Signature`].
    pub fn verify(self, keys: &PublicKeys) -> Result<Vec<u8>, JoseError> {
        let named = |key: &&PublicKey| self.key_id.is_none() || key.id.is_none() || key.id == self.key_id;
        let message = self.message.as_bytes();
        let proven = keys.0.iter().filter(named).any(|key| key.verifies(self.algorithm, message, &self.signature));
        if proven { Ok(self.payload) } else { Err(JoseError::Signature) }
    }
}

#[cfg(test)]
mod tests;

//! Sealing of bytes: AES-256-GCM under a derived key, bound to what the bytes are (the associated data).
//!
//! A sealed value is one version byte, a random 96-bit nonce, the ciphertext and a 128-bit tag. With random nonces a
//! key must seal fewer than 2^32 values (NIST SP 800-38D, 8.3): whatever seals more than a few million of them takes
//! a [`DataKey`] for each file, segment or row.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::{KeyError, random};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = 1 + NONCE_BYTES;

/// By how many bytes a sealed value is longer than the plain one.
pub const SEAL_OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// Associated data of a wrapped data key, so that no plain value passes as a key.
const WRAP_DOMAIN: &[u8] = b"metrosoc data key\0";
/// Associated data of everything else.
const SEAL_DOMAIN: &[u8] = b"metrosoc sealed\0";

/// Length of the derived keys.
struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        32
    }
}

/// Derives 32 bytes from a secret for one purpose: HKDF-SHA256 (RFC 5869).
pub(crate) fn derive(secret: &[u8; 32], purpose: &str, label: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let failed = || KeyError::Crypto { what: "deriving a key" };
    let length = u64::try_from(purpose.len()).map_err(|_| failed())?.to_be_bytes();
    let info = [&length[..], purpose.as_bytes(), label.as_bytes()];
    let mut derived = Zeroizing::new([0_u8; 32]);
    Salt::new(HKDF_SHA256, b"metrosoc keyring 1")
        .extract(secret)
        .expand(&info, KeyLength)
        .and_then(|okm| okm.fill(derived.as_mut_slice()))
        .map_err(|_| failed())?;
    Ok(derived)
}

/// Seals and opens bytes for one purpose, under a key derived from the master key and the purpose's label.
#[derive(Clone)]
pub struct Sealer {
    label: &'static str,
    key: LessSafeKey,
}

impl Sealer {
    pub(crate) fn derived(master: &[u8; 32], label: &'static str) -> Result<Self, KeyError> {
        let key = derive(master, "seal", label)?;
        Ok(Self { label, key: aead_key(&key)? })
    }

    /// The purpose.
    pub fn label(&self) -> &'static str {
        self.label
    }

    /// Seals `plain`; only the same label and the same `aad` open it again.
    ///
    /// # Errors
    /// When the value is longer than AES-GCM takes (64 GiB).
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        seal(&self.key, SEAL_DOMAIN, aad, plain)
    }

    /// Opens what [`Sealer::seal`] made.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] when one bit differs, or key, label or `aad` are others.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        open(&self.key, SEAL_DOMAIN, aad, sealed)
    }

    /// Makes a fresh random key and its wrapped form to be stored beside the data. Destroying every copy of the
    /// wrapped form destroys the data.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn new_data_key(&self, aad: &[u8]) -> Result<(DataKey, Vec<u8>), KeyError> {
        let bytes = random::key_bytes()?;
        let wrapped = seal(&self.key, WRAP_DOMAIN, aad, bytes.as_slice())?;
        Ok((DataKey { key: aead_key(&bytes)? }, wrapped))
    }

    /// Reads a wrapped key back.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] as for [`Sealer::open`].
    pub fn unwrap_data_key(&self, aad: &[u8], wrapped: &[u8]) -> Result<DataKey, KeyError> {
        let bytes = Zeroizing::new(open(&self.key, WRAP_DOMAIN, aad, wrapped)?);
        let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyError::Unsealable)?;
        Ok(DataKey { key: aead_key(bytes)? })
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sealer").field("label", &self.label).finish_non_exhaustive()
    }
}

/// A random key for one file, segment or row; it lives in memory, its wrapped form lies beside the data.
#[derive(Clone)]
pub struct DataKey {
    key: LessSafeKey,
}

impl DataKey {
    /// Seals `plain` under a random nonce; fewer than 2^32 values a key.
    ///
    /// # Errors
    /// When the value is longer than AES-GCM takes (64 GiB).
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        seal(&self.key, SEAL_DOMAIN, aad, plain)
    }

    /// Opens what [`DataKey::seal`] made.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] when one bit differs, or key or `aad` are others.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        open(&self.key, SEAL_DOMAIN, aad, sealed)
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DataKey(REDACTED)")
    }
}

fn aead_key(bytes: &[u8; 32]) -> Result<LessSafeKey, KeyError> {
    let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| KeyError::Crypto { what: "loading a key" })?;
    Ok(LessSafeKey::new(key))
}

fn associated(domain: &[u8], aad: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([&[VERSION], domain, aad].concat())
}

fn seal(key: &LessSafeKey, domain: &[u8], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
    let nonce: [u8; NONCE_BYTES] = random::bytes();
    let mut sealed = Vec::with_capacity(plain.len().saturating_add(SEAL_OVERHEAD_BYTES));
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let body = sealed.get_mut(HEADER_BYTES..).unwrap_or_default();
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), associated(domain, aad), body)
        .map_err(|_| KeyError::Crypto { what: "sealing" })?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

fn open(key: &LessSafeKey, domain: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
    let (header, body) = sealed.split_first_chunk::<HEADER_BYTES>().ok_or(KeyError::Unsealable)?;
    let [version, nonce @ ..] = *header;
    if version != VERSION {
        return Err(KeyError::Unsealable);
    }
    let mut plain = body.to_vec();
    let length = key
        .open_in_place(Nonce::assume_unique_for_key(nonce), associated(domain, aad), &mut plain)
        .map_err(|_| KeyError::Unsealable)?
        .len();
    plain.truncate(length);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealer() -> Sealer {
        Sealer::derived(&[7; 32], "test").unwrap()
    }

    #[test]
    fn label_key_and_purpose_separate_values() {
        let sealed = sealer().seal(b"row 1", b"secret").unwrap();
        assert_eq!(sealed.len(), 6 + SEAL_OVERHEAD_BYTES);
        assert_eq!(sealer().open(b"row 1", &sealed).unwrap(), b"secret");
        assert!(sealer().open(b"row 2", &sealed).is_err());
        assert!(Sealer::derived(&[7; 32], "test2").unwrap().open(b"row 1", &sealed).is_err());
        assert!(Sealer::derived(&[8; 32], "test").unwrap().open(b"row 1", &sealed).is_err());
        assert_ne!(sealer().seal(b"row 1", b"secret").unwrap(), sealed, "a nonce is never used twice");
    }

    #[test]
    fn data_keys_are_wrapped() {
        let (key, wrapped) = sealer().new_data_key(b"segment 1").unwrap();
        let sealed = key.seal(b"frame 0", b"line").unwrap();
        let again = sealer().unwrap_data_key(b"segment 1", &wrapped).unwrap();
        assert_eq!(again.open(b"frame 0", &sealed).unwrap(), b"line");
        assert!(sealer().unwrap_data_key(b"segment 2", &wrapped).is_err());
        assert!(sealer().open(b"segment 1", &wrapped).is_err(), "a wrapped key is no value");
        let value = sealer().seal(b"segment 1", &[1; 32]).unwrap();
        assert!(sealer().unwrap_data_key(b"segment 1", &value).is_err(), "a value is no wrapped key");
        assert_eq!(format!("{key:?} {:?}", sealer()), "DataKey(REDACTED) Sealer { label: \"test\", .. }");
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_refused(plain in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()) {
            let mut sealed = sealer().seal(b"aad", &plain).unwrap();
            prop_assert_eq!(sealer().open(b"aad", &sealed).unwrap(), plain);
            let bit = at.index(sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(sealer().open(b"aad", &sealed).is_err());
        }

        #[test]
        fn cut_or_invented_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), keep in any::<prop::sample::Index>()) {
            prop_assert!(sealer().open(b"aad", &bytes).is_err());
            let sealed = sealer().seal(b"aad", &bytes).unwrap();
            prop_assert!(sealer().open(b"aad", &sealed[..keep.index(sealed.len())]).is_err());
        }
    }
}

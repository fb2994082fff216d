//! Sealing of bytes: AES-256-GCM under a derived key, bound to what the bytes are (the associated data).
//!
//! A sealed value is one version byte, in version 2 the generation of the key (32 bits), a random 96-bit nonce, the
//! ciphertext and a 128-bit tag. Version 1 names no generation: it is what data keys seal, and what was sealed before keys
//! had generations. With random nonces a key must seal fewer than 2^32 values (NIST SP 800-38D, 8.3): whatever seals more
//! than a few million of them takes a [`DataKey`] for each file, segment or row.

use std::sync::{Arc, PoisonError, RwLock};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::roots::{FIRST, Root};
use crate::wiped::Wiped;
use crate::{KeyError, random};

const VERSION: u8 = 1;
/// The version byte of what names its key's generation.
const VERSION_NAMED: u8 = 2;
const GENERATION_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// By how many bytes a sealed value is longer than the plain one at most.
pub const SEAL_OVERHEAD_BYTES: usize = 1 + GENERATION_BYTES + NONCE_BYTES + TAG_BYTES;

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

/// A key and the generation it belongs to.
struct Generation {
    id: u32,
    key: Arc<Wiped<LessSafeKey>>,
}

/// Seals and opens bytes for one purpose, under keys derived from the ring's roots and the purpose's label. Clones share
/// their keys: when a new generation comes, all of them seal under it.
#[derive(Clone)]
pub struct Sealer {
    label: &'static str,
    /// The last one seals, all of them open.
    keys: Arc<RwLock<Vec<Generation>>>,
}

impl Sealer {
    /// A sealer of one key without a generation.
    pub(crate) fn derived(secret: &[u8; 32], label: &'static str) -> Result<Self, KeyError> {
        let sealer = Self { label, keys: Arc::default() };
        sealer.push(FIRST, secret)?;
        Ok(sealer)
    }

    /// A sealer of several generations, oldest first.
    pub(crate) fn of<'r>(roots: impl Iterator<Item = &'r Root>, label: &'static str) -> Result<Self, KeyError> {
        let sealer = Self { label, keys: Arc::default() };
        for root in roots {
            sealer.push(root.id, &root.secret)?;
        }
        Ok(sealer)
    }

    /// From now on every clone seals under this generation.
    pub(crate) fn push(&self, id: u32, secret: &[u8; 32]) -> Result<(), KeyError> {
        let derived = derive(secret, "seal", self.label)?;
        let key = aead_key(&derived)?;
        self.keys.write().unwrap_or_else(PoisonError::into_inner).push(Generation { id, key });
        Ok(())
    }

    /// Forgets all generations but the newest.
    pub(crate) fn retire(&self) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let older = keys.len().saturating_sub(1);
        keys.drain(..older);
    }

    /// The purpose.
    pub fn label(&self) -> &'static str {
        self.label
    }

    /// The generation that seals now.
    pub fn generation(&self) -> u32 {
        self.newest().map_or(FIRST, |(id, _)| id)
    }

    /// Whether these bytes were sealed under the generation that seals now.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        named(sealed).is_some_and(|(id, _)| id == self.generation())
    }

    /// Seals `plain`; only the same label and the same `aad` open it again.
    ///
    /// # Errors
    /// When the value is longer than AES-GCM takes (64 GiB).
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.seal_in(SEAL_DOMAIN, aad, plain)
    }

    /// Opens what [`Sealer::seal`] made.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] when one bit differs, or key, label or `aad` are others.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.open_in(SEAL_DOMAIN, aad, sealed)
    }

    /// Seals anew what an older generation sealed; `None` for what the newest did.
    ///
    /// # Errors
    /// As [`Sealer::open`].
    pub fn reseal(&self, aad: &[u8], sealed: &[u8]) -> Result<Option<Vec<u8>>, KeyError> {
        if self.is_current(sealed) {
            return Ok(None);
        }
        let plain = Zeroizing::new(self.open(aad, sealed)?);
        self.seal(aad, &plain).map(Some)
    }

    /// Makes a fresh random key and its wrapped form to be stored beside the data. Destroying every copy of the
    /// wrapped form destroys the data.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn new_data_key(&self, aad: &[u8]) -> Result<(DataKey, Vec<u8>), KeyError> {
        let bytes = random::key_bytes()?;
        let wrapped = self.seal_in(WRAP_DOMAIN, aad, bytes.as_slice())?;
        Ok((DataKey { key: aead_key(&bytes)? }, wrapped))
    }

    /// Reads a wrapped key back.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] as for [`Sealer::open`].
    pub fn unwrap_data_key(&self, aad: &[u8], wrapped: &[u8]) -> Result<DataKey, KeyError> {
        let bytes = Zeroizing::new(self.open_in(WRAP_DOMAIN, aad, wrapped)?);
        let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyError::Unsealable)?;
        Ok(DataKey { key: aead_key(bytes)? })
    }

    /// Wraps a data key anew that an older generation wrapped; `None` for one that the newest did.
    ///
    /// # Errors
    /// As [`Sealer::open`].
    pub fn rewrap_data_key(&self, aad: &[u8], wrapped: &[u8]) -> Result<Option<Vec<u8>>, KeyError> {
        if self.is_current(wrapped) {
            return Ok(None);
        }
        let plain = Zeroizing::new(self.open_in(WRAP_DOMAIN, aad, wrapped)?);
        self.seal_in(WRAP_DOMAIN, aad, &plain).map(Some)
    }

    fn newest(&self) -> Option<(u32, Arc<Wiped<LessSafeKey>>)> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.last().map(|newest| (newest.id, Arc::clone(&newest.key)))
    }

    fn of_generation(&self, id: u32) -> Option<Arc<Wiped<LessSafeKey>>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().rev().find(|one| one.id == id).map(|one| Arc::clone(&one.key))
    }

    fn seal_in(&self, domain: &[u8], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        let (id, key) = self.newest().ok_or(KeyError::Crypto { what: "finding a key" })?;
        seal(&key, &header(id), domain, aad, plain)
    }

    fn open_in(&self, domain: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let (id, rest) = named(sealed).ok_or(KeyError::Unsealable)?;
        let key = self.of_generation(id).ok_or(KeyError::Unsealable)?;
        open(&key, &header(id), domain, aad, rest)
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
    key: Arc<Wiped<LessSafeKey>>,
}

impl DataKey {
    /// Seals `plain` under a random nonce; fewer than 2^32 values a key.
    ///
    /// # Errors
    /// When the value is longer than AES-GCM takes (64 GiB).
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        seal(&self.key, &[VERSION], SEAL_DOMAIN, aad, plain)
    }

    /// Opens what [`DataKey::seal`] made.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] when one bit differs, or key or `aad` are others.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        match sealed.split_first() {
            Some((&VERSION, rest)) => open(&self.key, &[VERSION], SEAL_DOMAIN, aad, rest),
            _ => Err(KeyError::Unsealable),
        }
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DataKey(REDACTED)")
    }
}

fn aead_key(bytes: &[u8; 32]) -> Result<Arc<Wiped<LessSafeKey>>, KeyError> {
    let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| KeyError::Crypto { what: "loading a key" })?;
    Ok(Arc::new(Wiped::new(LessSafeKey::new(key))))
}

/// What a sealed value of a generation begins with.
fn header(id: u32) -> Vec<u8> {
    if id == FIRST {
        return vec![VERSION];
    }
    [&[VERSION_NAMED], id.to_be_bytes().as_slice()].concat()
}

/// The generation that sealed, and what stands behind it.
fn named(sealed: &[u8]) -> Option<(u32, &[u8])> {
    match sealed.split_first()? {
        (&VERSION, rest) => Some((FIRST, rest)),
        (&VERSION_NAMED, rest) => {
            let (id, rest) = rest.split_first_chunk::<GENERATION_BYTES>()?;
            let id = u32::from_be_bytes(*id);
            (id != FIRST).then_some((id, rest))
        }
        _ => None,
    }
}

fn associated(header: &[u8], domain: &[u8], aad: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([header, domain, aad].concat())
}

fn seal(key: &LessSafeKey, header: &[u8], domain: &[u8], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
    let nonce: [u8; NONCE_BYTES] = random::bytes();
    let mut sealed = Vec::with_capacity(plain.len().saturating_add(SEAL_OVERHEAD_BYTES));
    sealed.extend_from_slice(header);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let body = sealed.get_mut(header.len().saturating_add(NONCE_BYTES)..).unwrap_or_default();
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), associated(header, domain, aad), body)
        .map_err(|_| KeyError::Crypto { what: "sealing" })?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens what stands behind the header.
fn open(key: &LessSafeKey, header: &[u8], domain: &[u8], aad: &[u8], rest: &[u8]) -> Result<Vec<u8>, KeyError> {
    let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(KeyError::Unsealable)?;
    let mut plain = body.to_vec();
    let length = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), associated(header, domain, aad), &mut plain)
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
        assert_eq!(sealed.len(), 6 + SEAL_OVERHEAD_BYTES - GENERATION_BYTES);
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

    #[test]
    fn a_new_generation_seals_and_the_older_opens_until_it_is_retired() {
        let (sealer, clone) = (sealer(), sealer());
        let clone_of = sealer.clone();
        let old = sealer.seal(b"row", b"secret").unwrap();
        let (_, wrapped) = sealer.new_data_key(b"segment").unwrap();
        assert!(sealer.is_current(&old) && sealer.reseal(b"row", &old).unwrap().is_none());
        sealer.push(9, &[9; 32]).unwrap();
        assert_eq!((sealer.generation(), clone_of.generation(), clone.generation()), (9, 9, FIRST));
        assert!(!sealer.is_current(&old) && !sealer.is_current(&wrapped));
        assert_eq!(clone_of.open(b"row", &old).unwrap(), b"secret");
        let new = clone_of.reseal(b"row", &old).unwrap().unwrap();
        assert_eq!(new.len(), 6 + SEAL_OVERHEAD_BYTES);
        let rewrapped = sealer.rewrap_data_key(b"segment", &wrapped).unwrap().unwrap();
        assert!(sealer.reseal(b"segment", &wrapped).is_err(), "a wrapped key is no value");
        let mut renamed = new.clone();
        renamed[4] ^= 1;
        assert!(sealer.open(b"row", &renamed).is_err(), "the generation is bound to the seal");
        sealer.retire();
        assert_eq!(clone_of.open(b"row", &new).unwrap(), b"secret");
        sealer.unwrap_data_key(b"segment", &rewrapped).unwrap();
        assert!(clone_of.open(b"row", &old).is_err() && sealer.unwrap_data_key(b"segment", &wrapped).is_err());
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

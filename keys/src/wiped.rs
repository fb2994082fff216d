//! Keys of `ring`, overwritten in memory when they are dropped: `ring` itself leaves them where they lay.
//!
//! The key lies on the heap, so that moving its holder leaves no copy behind, and is replaced in place by one that is
//! worth nothing. What `ring` copies to the stack while it builds a key is out of reach here.

use std::hint::black_box;
use std::ops::Deref;

use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair};

/// A key that has a worthless one of its kind.
pub(crate) trait Blank: Sized {
    /// A key that everybody knows, or that nobody needs; `None` when the machine gives none.
    fn blank() -> Option<Self>;
}

impl Blank for LessSafeKey {
    fn blank() -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, &[0; 32]).ok().map(Self::new)
    }
}

impl Blank for hmac::Key {
    fn blank() -> Option<Self> {
        Some(Self::new(hmac::HMAC_SHA256, &[0; 32]))
    }
}

impl Blank for Ed25519KeyPair {
    fn blank() -> Option<Self> {
        Self::from_seed_unchecked(&[0; 32]).ok()
    }
}

impl Blank for EcdsaKeyPair {
    fn blank() -> Option<Self> {
        let random = SystemRandom::new();
        let document = Self::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).ok()?;
        Self::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).ok()
    }
}

/// Holds a key of `ring` and overwrites it when dropped.
pub(crate) struct Wiped<K: Blank>(Box<K>);

impl<K: Blank> Wiped<K> {
    pub(crate) fn new(key: K) -> Self {
        Self(Box::new(key))
    }

    /// Puts the worthless key in the place of this one.
    fn wipe(&mut self) {
        if let Some(blank) = K::blank() {
            *self.0 = blank;
            // Without this the compiler may leave out a write that nobody reads.
            black_box(&*self.0);
        }
    }
}

impl<K: Blank> Deref for Wiped<K> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.0
    }
}

impl<K: Blank> Drop for Wiped<K> {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::KeyPair as _;

    use super::*;

    #[test]
    fn what_dropping_does_leaves_nothing_of_the_key_in_its_place() {
        let mut aead = Wiped::new(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap()));
        let place = std::ptr::from_ref::<LessSafeKey>(&aead);
        let seal = |key: &LessSafeKey| {
            let mut text = b"text".to_vec();
            let nonce = ring::aead::Nonce::assume_unique_for_key([1; 12]);
            key.seal_in_place_append_tag(nonce, ring::aead::Aad::empty(), &mut text).unwrap();
            text
        };
        let before = seal(&aead);
        aead.wipe();
        assert_eq!(std::ptr::from_ref::<LessSafeKey>(&aead), place, "overwritten where it lay");
        assert_ne!(seal(&aead), before);
        assert_eq!(seal(&aead), seal(&LessSafeKey::blank().unwrap()));

        let mut mac = Wiped::new(hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]));
        let before = hmac::sign(&mac, b"text");
        mac.wipe();
        assert_ne!(hmac::sign(&mac, b"text").as_ref(), before.as_ref());

        let mut pair = Wiped::new(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap());
        let before = pair.public_key().as_ref().to_vec();
        pair.wipe();
        assert_ne!(pair.public_key().as_ref(), before);
        let mut pair = Wiped::new(EcdsaKeyPair::blank().unwrap());
        let before = pair.public_key().as_ref().to_vec();
        pair.wipe();
        assert_ne!(pair.public_key().as_ref(), before);
    }
}

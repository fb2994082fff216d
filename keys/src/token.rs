//! Random tokens for sessions, APIs and one-time codes, and how they are kept: as digests.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest as sha};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{Secret, random};

/// A fresh token: `prefix` and 256 random bits in base64url (43 characters). The prefix tells what the token is for,
/// so that scanners for leaked secrets find it.
pub fn random(prefix: &str) -> Secret<String> {
    let bytes = Zeroizing::new(random::bytes::<32>());
    Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// SHA-256 of a token in hexadecimal: what is stored and looked up. Enough for 256 random bits; never for passwords.
pub fn digest(token: &str) -> String {
    hex::encode(sha(&SHA256, token.as_bytes()))
}

/// Whether both are equal, in a time that depends on their lengths only.
pub fn equal(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_differ() {
        let (one, two) = (random("msoc_"), random("msoc_"));
        assert_eq!(one.expose().len(), 5 + 43);
        assert!(one.expose().starts_with("msoc_"));
        assert_ne!(one.expose(), two.expose());
    }

    #[test]
    fn digests_are_plain_sha256() {
        assert_eq!(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(equal("abc", "abc"));
        assert!(!equal("abc", "abd"));
        assert!(!equal("abc", "ab"));
    }
}

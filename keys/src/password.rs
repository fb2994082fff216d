//! Passwords of people: argon2id, kept as PHC strings.
//!
//! A hash takes 19 MiB and some 30 ms of one core (OWASP's first choice of parameters), so callers bound how many run
//! at once and count failures before they call.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::{KeyError, Secret, random};

/// Longer passwords are refused.
pub const PASSWORD_BYTES_MAX: usize = 1024;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// A stored hash that asks for more than this is not computed: a changed row must not exhaust the machine.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 8;

/// Hashes a password under a random salt.
///
/// The text is first put into Unicode's composed form (NFC), so that `ế` typed as one or as three characters is the
/// same password.
///
/// # Errors
/// When the password is empty or longer than [`PASSWORD_BYTES_MAX`], or memory is exhausted.
pub fn hash(password: &Secret<String>) -> Result<String, KeyError> {
    let text = composed(password)?;
    let failed = |_| KeyError::Crypto { what: "hashing a password" };
    let params =
        Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| KeyError::Crypto { what: "hashing a password" })?;
    let salt: [u8; 16] = random::bytes();
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(text.as_bytes(), &salt)
        .map_err(failed)?;
    Ok(hash.to_string())
}

/// Whether the password is the one that was hashed. `false` for anything unreadable, foreign or too costly.
pub fn verify(password: &Secret<String>, phc: &str) -> bool {
    let Ok(text) = composed(password) else { return false };
    let Ok(stored) = PasswordHash::new(phc) else { return false };
    let Ok(params) = Params::try_from(&stored) else { return false };
    let affordable = params.m_cost() <= MEMORY_KIB_MAX && params.t_cost() <= PASSES_MAX && params.p_cost() <= LANES_MAX;
    let argon2id = stored.algorithm.as_str() == "argon2id";
    affordable && argon2id && Argon2::default().verify_password(text.as_bytes(), &stored).is_ok()
}

/// The composed form of a password whose length is accepted.
pub(crate) fn composed(password: &Secret<String>) -> Result<Zeroizing<String>, KeyError> {
    let found = password.expose().len();
    if found == 0 || found > PASSWORD_BYTES_MAX {
        return Err(KeyError::PasswordLength { found, most: PASSWORD_BYTES_MAX });
    }
    let mut text = Zeroizing::new(String::with_capacity(found.saturating_mul(3)));
    text.extend(password.expose().nfc());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hashed: &str, tried: &str, expected: bool) {
        let phc = hash(&Secret::from(hashed)).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_eq!(verify(&Secret::from(tried), &phc), expected, "{hashed} / {tried}");
    }

    #[test]
    fn passwords_are_verified() {
        check("correct horse", "correct horse", true);
        check("correct horse", "Correct horse", false);
        check("B\u{1ebf}n Ngh\u{e9}", "Be\u{302}\u{301}n Nghe\u{301}", true);
        check("correct horse", "", false);
    }

    #[test]
    fn the_same_password_hashes_differently() {
        let password = Secret::from("correct horse");
        assert_ne!(hash(&password).unwrap(), hash(&password).unwrap());
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(hash(&Secret::from("")).is_err());
        assert!(hash(&Secret::from("a".repeat(PASSWORD_BYTES_MAX + 1).as_str())).is_err());
    }

    #[test]
    fn foreign_or_costly_hashes_are_refused() {
        let password = Secret::from("x");
        for phc in [
            "",
            "x",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
            "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
            "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
            "$argon2id$v=19$m=64,t=4000000000,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
            "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW",
        ] {
            assert!(!verify(&password, phc), "{phc}");
        }
    }
}

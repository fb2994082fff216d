//! Random bytes for keys, nonces and tokens.

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::KeyError;

/// Bytes for a key, straight from the operating system.
pub(crate) fn key_bytes() -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    SystemRandom::new().fill(bytes.as_mut_slice()).map_err(|_| KeyError::Crypto { what: "reading random bytes" })?;
    Ok(bytes)
}

/// Bytes for a nonce, a salt or a token, from the thread's cryptographic generator (no system call each time).
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0_u8; N];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut bytes);
    bytes
}

//! The master key wrapped under a passphrase: argon2id makes the wrapping key, AES-256-GCM wraps.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::master::Master;
use crate::password::composed;
use crate::{KeyError, Sealer, Secret, random};

/// Shorter passphrases are refused when the key is made.
pub(crate) const PASSPHRASE_CHARS_MIN: usize = 12;

/// RFC 9106, second recommended choice: 64 MiB, 3 passes, 4 lanes.
const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 4 };
/// Dearer files are refused: a changed file must not exhaust the machine.
const COST_MAX: Cost = Cost { memory_kib: 1024 * 1024, passes: 32, lanes: 16 };

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    metrosoc_wrapped_key: u32,
    argon2id: Cost,
    salt: String,
    sealed: String,
}

/// The text of a wrapped key file.
pub(crate) fn wrap(passphrase: &Secret<String>, master: &Master) -> Result<Zeroizing<String>, KeyError> {
    let found = passphrase.expose().chars().count();
    if found < PASSPHRASE_CHARS_MIN {
        return Err(KeyError::PassphraseShort { found, least: PASSPHRASE_CHARS_MIN });
    }
    let salt: [u8; 32] = random::bytes();
    let sealed = sealer(passphrase, COST, &salt)?.seal(&header(COST, &salt), master.as_slice())?;
    let wrapped = Wrapped {
        metrosoc_wrapped_key: 1,
        argon2id: COST,
        salt: STANDARD.encode(salt),
        sealed: STANDARD.encode(sealed),
    };
    let text = serde_json::to_string(&wrapped).map_err(|_| KeyError::Crypto { what: "writing a wrapped key" })?;
    Ok(Zeroizing::new(format!("{text}\n")))
}

/// Reads a wrapped key file.
pub(crate) fn unwrap(path: &Path, passphrase: &Secret<String>, bytes: &[u8]) -> Result<Master, KeyError> {
    let malformed = |reason| KeyError::Malformed { path: path.to_owned(), reason };
    let wrapped: Wrapped =
        serde_json::from_slice(bytes).map_err(|_| malformed("expected a MetroSOC key wrapped under a passphrase"))?;
    let cost = wrapped.argon2id;
    if wrapped.metrosoc_wrapped_key != 1 {
        return Err(malformed("it was written by a newer version"));
    }
    if cost.memory_kib > COST_MAX.memory_kib || cost.passes > COST_MAX.passes || cost.lanes > COST_MAX.lanes {
        return Err(malformed("it asks for more memory or time than is allowed"));
    }
    let salt = STANDARD.decode(&wrapped.salt).map_err(|_| malformed("its salt is damaged"))?;
    let sealed = STANDARD.decode(&wrapped.sealed).map_err(|_| malformed("its base64 is damaged"))?;
    let wrong = || KeyError::WrongPassphrase { path: path.to_owned() };
    let plain = Zeroizing::new(
        sealer(passphrase, cost, &salt)
            .and_then(|sealer| sealer.open(&header(cost, &salt), &sealed))
            .map_err(|_| wrong())?,
    );
    Ok(Zeroizing::new(plain.as_slice().try_into().map_err(|_| wrong())?))
}

/// What the wrapping is bound to: the cost and the salt, so that neither can be changed.
fn header(cost: Cost, salt: &[u8]) -> Vec<u8> {
    let Cost { memory_kib, passes, lanes } = cost;
    [format!("master m={memory_kib} t={passes} p={lanes} ").as_bytes(), salt].concat()
}

fn sealer(passphrase: &Secret<String>, cost: Cost, salt: &[u8]) -> Result<Sealer, KeyError> {
    let failed = |_| KeyError::Crypto { what: "deriving a key from the passphrase" };
    let text = composed(passphrase)?;
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(failed)?;
    let mut key = Zeroizing::new([0_u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(text.as_bytes(), salt, key.as_mut_slice())
        .map_err(failed)?;
    Sealer::derived(&key, "passphrase")
}

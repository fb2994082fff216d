//! Master key, sealing, signing keys; nothing else in MetroSOC touches key bytes.
//!
//! One master key of 256 bits opens everything. It lies outside the data directory: in a file that only its owner
//! may read, in a systemd credential, or wrapped under a passphrase. It wraps the *ring*: random roots in generations, from
//! which every other key is derived (HKDF-SHA256, one label a purpose) or under which it is stored sealed (AES-256-GCM), so
//! that a copied data directory without the master key is useless. A new generation takes over while everything works; the
//! older ones open and find until all was sealed anew, and are destroyed then ([`Keyring`]).
//!
//! Deliberately absent: any way to print or export the master key, algorithms to choose from, and key bytes in error
//! messages.

mod certificate;
pub mod custody;
mod error;
mod file;
pub mod jose;
mod keyring;
mod lookup;
mod master;
mod note;
mod passphrase;
pub mod password;
mod random;
mod roots;
mod seal;
mod secret;
mod signed_note;
pub mod token;
pub mod totp;
mod wiped;

#[cfg(test)]
mod tests;

pub use certificate::CertificateKey;
pub use custody::{Custodian, MasterKey};
pub use error::KeyError;
pub use keyring::{Generation, Keyring, KeysState};
pub use lookup::{LookupKey, MARK_BYTES};
pub use master::KeySource;
pub use note::NoteSigner;
pub use random::bytes as random_bytes;
pub use roots::KeyKind;
pub use seal::{DataKey, SEAL_OVERHEAD_BYTES, Sealer};
pub use secret::Secret;
pub use signed_note::{NoteError, NoteKey, VerifierKey, open_note, read_note, sign_note};
pub use totp::TotpSecret;

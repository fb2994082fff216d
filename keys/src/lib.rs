//! Master key, sealing, signing keys; nothing else in MetroSOC touches key bytes.
//!
//! One master key of 256 bits opens everything. It lies outside the data directory: in a file that only its owner
//! may read, in a systemd credential, or wrapped under a passphrase. Every other key is derived from it (HKDF-SHA256,
//! one label a purpose) or stored sealed under such a derived key (AES-256-GCM), so that a copied data directory
//! without the master key is useless.
//!
//! Deliberately absent: any way to print or export the master key, algorithms to choose from, and key bytes in error
//! messages.

mod certificate;
mod error;
mod file;
mod keyring;
mod master;
mod note;
mod passphrase;
pub mod password;
mod random;
mod seal;
mod secret;
mod signed_note;
pub mod token;

#[cfg(test)]
mod tests;

pub use certificate::CertificateKey;
pub use error::KeyError;
pub use keyring::Keyring;
pub use master::KeySource;
pub use note::NoteSigner;
pub use seal::{DataKey, SEAL_OVERHEAD_BYTES, Sealer};
pub use secret::Secret;
pub use signed_note::{NoteError, NoteKey, VerifierKey, open_note, read_note, sign_note};

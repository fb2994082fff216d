//! Who holds the master key: two traits that a file fills today and a PKCS#11 module can fill later.
//!
//! The master key does one thing: it wraps the ring of keys ([`crate::Keyring`]) and the check value. A module that never gives
//! its key out can do that, and nothing else here asks for the key's bytes.

use std::path::Path;

use zeroize::Zeroizing;

use crate::KeyError;

/// A master key that can be used, wherever its bytes are.
pub trait MasterKey: Send + Sync {
    /// A short mark by which two master keys are told apart; it says nothing about the key's bytes.
    fn mark(&self) -> &str;

    /// Wraps a small secret; only the same `label` and `aad` unwrap it.
    ///
    /// # Errors
    /// When the holder of the key refuses.
    fn wrap(&self, label: &'static str, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError>;

    /// Unwraps what [`MasterKey::wrap`] made.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] when it was changed or belongs to another key, or when the holder of the key refuses.
    fn unwrap(&self, label: &'static str, aad: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError>;

    /// What everything was derived from in data directories from before there was a ring; `None` for a key that never was
    /// the master key of such a directory.
    fn first_root(&self) -> Option<Zeroizing<[u8; 32]>>;
}

/// Where the master key is kept and replaced.
pub trait Custodian: Send + Sync {
    /// What messages call the place.
    fn place(&self) -> &Path;

    /// The master key in force; `None` when there is none yet.
    ///
    /// # Errors
    /// When the place cannot be used, or others can read it.
    fn read(&self, data_dir: &Path) -> Result<Option<Box<dyn MasterKey>>, KeyError>;

    /// Makes the first one.
    ///
    /// # Errors
    /// When the place cannot be written.
    fn create(&self) -> Result<Box<dyn MasterKey>, KeyError>;

    /// Makes the one that will come next, durable beside the one in force; one that was made and never came into force is
    /// replaced.
    ///
    /// # Errors
    /// [`KeyError::Fixed`] where only somebody else can replace the key; when the place cannot be written.
    fn prepare(&self) -> Result<Box<dyn MasterKey>, KeyError>;

    /// The one that was prepared, if any.
    ///
    /// # Errors
    /// As [`Custodian::read`].
    fn prepared(&self, data_dir: &Path) -> Result<Option<Box<dyn MasterKey>>, KeyError>;

    /// Puts the prepared one in force, at once or not at all, and destroys the one before.
    ///
    /// # Errors
    /// When the place cannot be written.
    fn promote(&self) -> Result<(), KeyError>;
}

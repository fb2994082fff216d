//! What can go wrong with keys, in words for the operator. No variant carries key bytes.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a key could not be had or used.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file system refused.
    #[error("key file `{path}` cannot be used")]
    File {
        /// Which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The key lies where a copy of the data directory would take it along.
    #[error(
        "key file `{path}` lies inside the data directory `{data_dir}`, so a copy of the data would carry its own key; \
         move it elsewhere, for example to /etc/metrosoc"
    )]
    InsideData {
        /// The key file.
        path: PathBuf,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// Others than the owner may read the key.
    #[error("key file `{path}` has mode {mode:04o} and can be read by others; run `chmod 600 {path}`", path = path.display())]
    Readable {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file is a directory, a device or a pipe.
    #[error("key file `{path}` is not a regular file")]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// The file is there but is not a key.
    #[error("key file `{path}` does not hold a key: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The data directory was sealed under a key that is gone.
    #[error(
        "key file `{path}` is missing, but the data directory `{data_dir}` is sealed under a key; put the key back, \
         or start with an empty data directory"
    )]
    Missing {
        /// Where the key should be.
        path: PathBuf,
        /// The sealed data directory.
        data_dir: PathBuf,
    },
    /// The key is not the one that the data directory was sealed under.
    #[error("key file `{path}` does not fit the data directory `{data_dir}`, which was sealed under another key")]
    WrongKey {
        /// The key that was offered.
        path: PathBuf,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// Sealed keys are there, but nothing tells which master key they belong to.
    #[error("check value `{path}` is missing beside sealed keys; restore it from a backup of the data directory")]
    CheckMissing {
        /// Where the check value should be.
        path: PathBuf,
    },
    /// The ring that everything is sealed under is gone.
    #[error("ring of keys `{path}` is missing beside the check value; restore it from a backup of the data directory")]
    RingMissing {
        /// Where the ring should be.
        path: PathBuf,
    },
    /// The master key can only be replaced by somebody else.
    #[error(
        "master key `{path}` is handed over by systemd and cannot be replaced from here; stop the server, make it a file \
         (`keys.file`), rotate, and make the new file the credential"
    )]
    Fixed {
        /// The credential.
        path: PathBuf,
    },
    /// Another rotation of the same keys is not at its end.
    #[error("the {kind} keys are being rotated already; `metrosoc keys status` says how far it is")]
    Underway {
        /// Which keys.
        kind: &'static str,
    },
    /// Something is still sealed under what was to be destroyed.
    #[error("`{path}` is still sealed under older keys, which therefore stay")]
    StillSealed {
        /// What.
        path: PathBuf,
    },
    /// The passphrase does not unwrap the master key.
    #[error("passphrase does not open key file `{path}`, or the file is damaged")]
    WrongPassphrase {
        /// The wrapped key.
        path: PathBuf,
    },
    /// The passphrase is too short to protect a key file that somebody copies.
    #[error("passphrase has {found} characters, at least {least} are needed")]
    PassphraseShort {
        /// Characters found.
        found: usize,
        /// Characters needed.
        least: usize,
    },
    /// A password that is empty or longer than is hashed.
    #[error("password has {found} bytes, between 1 and {most} are accepted")]
    PasswordLength {
        /// Bytes found.
        found: usize,
        /// Bytes accepted at most.
        most: usize,
    },
    /// Sealed bytes that were changed, cut, made under another key or for another purpose.
    #[error("sealed bytes cannot be opened: they were changed, or belong to another key or purpose")]
    Unsealable,
    /// The name cannot stand in a signed note.
    #[error("signer name `{name}` must have 1 to 100 characters, without spaces, `+` or control characters")]
    SignerName {
        /// What was given.
        name: String,
    },
    /// A cryptographic operation failed that does not fail on a working machine.
    #[error("{what} failed; the random source or the memory of this machine may be exhausted")]
    Crypto {
        /// What was attempted.
        what: &'static str,
    },
}

impl KeyError {
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}

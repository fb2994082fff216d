//! The keyring: opened once at start, it hands out sealers and signers.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::master::{self, Master};
use crate::{KeyError, KeySource, NoteSigner, Sealer, file, random};

/// Directory of the sealed keys inside the data directory.
const DIRECTORY: &str = "keys";
/// Name of the check value in it.
const CHECK: &str = "check";
const CHECK_AAD: &[u8] = b"metrosoc check value 1";

/// The opened master key and the place of the keys sealed under it.
pub struct Keyring {
    master: Master,
    directory: PathBuf,
}

impl Keyring {
    /// Opens the master key for a data directory, or makes it when both are new.
    ///
    /// # Errors
    /// When the key lies inside the data directory, can be read by others, is damaged, is missing although data is
    /// sealed under it, or is not the one that the data was sealed under; and when a file cannot be written.
    pub fn open(source: &KeySource, data_dir: &Path) -> Result<Self, KeyError> {
        let directory = data_dir.join(DIRECTORY);
        let master = match master::read(source, data_dir)? {
            Some(master) => master,
            None if sealed(&directory)? => {
                return Err(KeyError::Missing { path: source.path().to_owned(), data_dir: data_dir.to_owned() });
            }
            None => {
                let master = master::create(source)?;
                tracing::info!(path = %source.path().display(), "master key made");
                master
            }
        };
        file::create_dir(&directory)?;
        let keyring = Self { master, directory };
        keyring.check(source, data_dir)?;
        Ok(keyring)
    }

    /// The sealer for one purpose; the same label gives the same keys at every start. Labels are constants of the
    /// program, one for each kind of thing that is sealed, and never change.
    ///
    /// # Errors
    /// When the derivation fails, which it does not on a working machine.
    pub fn sealer(&self, label: &'static str) -> Result<Sealer, KeyError> {
        Sealer::derived(&self.master, label)
    }

    /// The Ed25519 signer of that name, made at first use and kept sealed in the data directory.
    ///
    /// # Errors
    /// When the name cannot stand in a signed note, or the stored key is damaged or unreadable.
    pub fn note_signer(&self, name: &str) -> Result<NoteSigner, KeyError> {
        NoteSigner::open(&self.directory, &self.sealer("note signer")?, name)
    }

    /// Compares with the check value, or leaves one in a new data directory.
    fn check(&self, source: &KeySource, data_dir: &Path) -> Result<(), KeyError> {
        let path = self.directory.join(CHECK);
        let sealer = self.sealer("check")?;
        match file::read(&path) {
            Ok(bytes) => match sealer.open(CHECK_AAD, &bytes) {
                Ok(_) => Ok(()),
                Err(_) => Err(KeyError::WrongKey { path: source.path().to_owned(), data_dir: data_dir.to_owned() }),
            },
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                if sealed(&self.directory)? {
                    return Err(KeyError::CheckMissing { path });
                }
                file::create(&path, &sealer.seal(CHECK_AAD, &random::bytes::<16>())?)
            }
            Err(error) => Err(error),
        }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keyring").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// Whether the directory holds anything that was sealed.
fn sealed(directory: &Path) -> Result<bool, KeyError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(KeyError::file(directory)(error)),
    };
    for entry in entries {
        let name = entry.map_err(KeyError::file(directory))?.file_name();
        let name = name.to_string_lossy();
        // Files on their way (`NAME.RANDOM.new`) hold nothing that is in use.
        if name == CHECK || name.ends_with(".sealed") {
            return Ok(true);
        }
    }
    Ok(false)
}

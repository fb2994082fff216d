//! The master key: where it comes from, and the rules for the file that holds it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::custody::{Custodian, MasterKey};
use crate::seal::{Sealer, derive};
use crate::{KeyError, Secret, file, passphrase, random};

/// First word of a plain key file.
const HEADER: &str = "metrosoc-master-key-1 ";

/// Where the master key comes from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file outside the data directory that only its owner may read; made at first start.
    File(PathBuf),
    /// A systemd credential (`LoadCredential=`, `LoadCredentialEncrypted=`), read only: 32 raw bytes, 64 hexadecimal
    /// digits, or a key file as [`KeySource::File`] makes it.
    Credential(PathBuf),
    /// A file that holds the master key wrapped under a passphrase (argon2id); made at first start. It may lie anywhere.
    Passphrase {
        /// The wrapped key.
        file: PathBuf,
        /// What opens it.
        passphrase: Secret<String>,
    },
}

impl KeySource {
    /// The file that the key is read from.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Credential(path) | Self::Passphrase { file: path, .. } => path,
        }
    }
}

/// The master key's bytes.
pub(crate) type Master = Zeroizing<[u8; 32]>;

/// A master key whose bytes are in this process.
struct HeldKey {
    bytes: Master,
    mark: String,
}

impl HeldKey {
    fn boxed(bytes: Master) -> Result<Box<dyn MasterKey>, KeyError> {
        let mark = derive(&bytes, "mark", "master key")?;
        let mark = hex::encode(mark.get(..8).unwrap_or_default());
        Ok(Box::new(Self { bytes, mark }))
    }
}

impl MasterKey for HeldKey {
    fn mark(&self) -> &str {
        &self.mark
    }

    fn wrap(&self, label: &'static str, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        Sealer::derived(&self.bytes, label)?.seal(aad, plain)
    }

    fn unwrap(&self, label: &'static str, aad: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Sealer::derived(&self.bytes, label)?.open(aad, wrapped).map(Zeroizing::new)
    }

    fn first_root(&self) -> Option<Zeroizing<[u8; 32]>> {
        Some(self.bytes.clone())
    }
}

impl KeySource {
    /// Where the next key lies until it comes into force.
    fn beside(&self) -> PathBuf {
        let mut name = self.path().file_name().unwrap_or_default().to_owned();
        name.push(".next");
        self.path().with_file_name(name)
    }

    /// The same kind of source at another place.
    fn at(&self, path: PathBuf) -> Self {
        match self {
            Self::File(_) => Self::File(path),
            Self::Credential(_) => Self::Credential(path),
            Self::Passphrase { passphrase, .. } => Self::Passphrase { file: path, passphrase: passphrase.clone() },
        }
    }
}

impl Custodian for KeySource {
    fn place(&self) -> &Path {
        self.path()
    }

    fn read(&self, data_dir: &Path) -> Result<Option<Box<dyn MasterKey>>, KeyError> {
        read(self, data_dir)?.map(HeldKey::boxed).transpose()
    }

    fn create(&self) -> Result<Box<dyn MasterKey>, KeyError> {
        HeldKey::boxed(create(self)?)
    }

    fn prepare(&self) -> Result<Box<dyn MasterKey>, KeyError> {
        if let Self::Credential(path) = self {
            return Err(KeyError::Fixed { path: path.clone() });
        }
        let next = self.at(self.beside());
        match fs::remove_file(next.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(KeyError::file(next.path())(error)),
            _ => HeldKey::boxed(create(&next)?),
        }
    }

    fn prepared(&self, data_dir: &Path) -> Result<Option<Box<dyn MasterKey>>, KeyError> {
        match self {
            Self::Credential(_) => Ok(None),
            _ => read(&self.at(self.beside()), data_dir)?.map(HeldKey::boxed).transpose(),
        }
    }

    fn promote(&self) -> Result<(), KeyError> {
        file::supersede(self.path(), &self.beside())
    }
}

/// Reads the key; `None` when there is none yet.
pub(crate) fn read(source: &KeySource, data_dir: &Path) -> Result<Option<Master>, KeyError> {
    let path = source.path();
    // The place is judged before anything is made there.
    if !matches!(source, KeySource::Passphrase { .. }) {
        refuse_inside(path, data_dir)?;
    }
    match fs::metadata(path) {
        Ok(metadata) => check_metadata(source, &metadata)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(KeyError::file(path)(error)),
    }
    let bytes = file::read(path)?;
    match source {
        KeySource::Passphrase { passphrase, .. } => passphrase::unwrap(path, passphrase, &bytes).map(Some),
        KeySource::File(_) | KeySource::Credential(_) => plain(path, &bytes).map(Some),
    }
}

/// Makes the key and its file. A credential is never made: systemd hands it over or it is missing.
pub(crate) fn create(source: &KeySource) -> Result<Master, KeyError> {
    let path = source.path();
    if matches!(source, KeySource::Credential(_)) {
        return Err(KeyError::file(path)(io::ErrorKind::NotFound.into()));
    }
    file::create_dir(file::parent(path))?;
    let master = random::key_bytes()?;
    let text = match source {
        KeySource::Passphrase { passphrase, .. } => passphrase::wrap(passphrase, &master)?,
        KeySource::File(_) | KeySource::Credential(_) => {
            Zeroizing::new(format!("{HEADER}{}\n", STANDARD.encode(master.as_slice())))
        }
    };
    file::create(path, text.as_bytes())?;
    Ok(master)
}

fn check_metadata(source: &KeySource, metadata: &fs::Metadata) -> Result<(), KeyError> {
    let path = source.path().to_owned();
    if !metadata.is_file() {
        return Err(KeyError::NotAFile { path });
    }
    let mode = metadata.mode() & 0o7777;
    // systemd shows the access list that lets the service in as group bits.
    let refused = if matches!(source, KeySource::Credential(_)) { 0o007 } else { 0o077 };
    if mode & refused != 0 {
        return Err(KeyError::Readable { path, mode });
    }
    Ok(())
}

/// Refuses a key that lies inside the data directory, through whatever links.
fn refuse_inside(path: &Path, data_dir: &Path) -> Result<(), KeyError> {
    let found = resolve(path)?;
    let data = resolve(data_dir)?;
    if found.starts_with(&data) {
        return Err(KeyError::InsideData { path: path.to_owned(), data_dir: data_dir.to_owned() });
    }
    Ok(())
}

/// The real path of the longest part that exists, with the rest as it was written.
fn resolve(path: &Path) -> Result<PathBuf, KeyError> {
    let whole = std::path::absolute(path).map_err(KeyError::file(path))?;
    for ancestor in whole.ancestors() {
        if let Ok(real) = fs::canonicalize(ancestor) {
            let rest = whole.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return Ok(normal(&real.join(rest)));
        }
    }
    Ok(normal(&whole))
}

/// Without `..` where nothing exists yet.
fn normal(path: &Path) -> PathBuf {
    let mut kept = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    kept
}

/// Reads one of the three plain forms.
fn plain(path: &Path, bytes: &[u8]) -> Result<Master, KeyError> {
    let malformed = |reason| KeyError::Malformed { path: path.to_owned(), reason };
    if let Ok(raw) = <[u8; 32]>::try_from(bytes) {
        return weak(Zeroizing::new(raw)).map_err(malformed);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is neither text nor 32 bytes"))?.trim();
    let mut master = Zeroizing::new([0_u8; 32]);
    match text.strip_prefix(HEADER) {
        Some(encoded) => {
            let decoded = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| malformed("its base64 is damaged"))?);
            let decoded: &[u8; 32] = decoded.as_slice().try_into().map_err(|_| malformed("it is not 32 bytes long"))?;
            master.copy_from_slice(decoded);
        }
        None => hex::decode_to_slice(text, master.as_mut_slice())
            .map_err(|_| malformed("expected a MetroSOC key file, 64 hexadecimal digits or 32 bytes"))?,
    }
    weak(master).map_err(malformed)
}

/// A file of zeros is what a broken disk or a mistaken `dd` gives.
fn weak(master: Master) -> Result<Master, &'static str> {
    let first = master.first().copied().unwrap_or_default();
    if master.iter().all(|byte| *byte == first) { Err("all its bytes are equal") } else { Ok(master) }
}

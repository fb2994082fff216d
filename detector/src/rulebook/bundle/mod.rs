//! A signed bundle of rules: one file, `tar` under Zstandard, that holds a signed list of what is in it.
//!
//! The first entry is `MANIFEST`, a C2SP signed note (`manifest`); then exactly the files that it names, in its order
//! (`archive` reads and writes them). Reading is: unpack within bounds → believe the note or stop → hold every file
//! against its length and SHA-256. A bundle is taken as a whole or not at all.
//!
//! Deliberately absent: links, devices, modes and times of files, and files that the note does not name.

mod archive;
mod manifest;

use std::io::Read;
use std::path::Path;

use event::{Signer, Timestamp};
use keys::{NoteError, VerifierKey, open_note, read_note, sign_note};
use ring::digest::{SHA256, digest};
use thiserror::Error;

use crate::sigma::RuleSource;
use crate::sigma::files;
use archive::{Archive, Writer};
use manifest::{Listed, Manifest};

/// Most bytes of a bundle as it lies on disk.
pub const BUNDLE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most bytes that it unpacks to.
pub const UNPACKED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Most files in a bundle.
pub const FILES_MAX: usize = 20_000;
/// Longest file in bytes.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Longest path in bytes.
pub const PATH_BYTES_MAX: usize = 255;
/// Longest manifest in bytes.
const MANIFEST_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Name of the manifest's entry.
const MANIFEST: &str = "MANIFEST";
/// Largest window that a compressed bundle may ask for: 16 MiB.
const WINDOW_LOG_MAX: u32 = 24;
const COMPRESSION: i32 = 9;

/// Why a bundle is refused, always as a whole.
#[derive(Debug, Error)]
pub enum BundleError {
    /// It cannot be read.
    #[error("cannot be read")]
    Io(#[from] std::io::Error),
    /// It goes beyond a bound.
    #[error("has {what}, at most {most} are accepted")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        most: u64,
    },
    /// It is not built as a bundle is.
    #[error("is no bundle of rules: {0}")]
    Shape(&'static str),
    /// Its manifest is not believed.
    #[error("its signature is not accepted: {0}; `rules.bundle_keys` names the keys that are trusted")]
    Signature(NoteError),
    /// Its manifest cannot be read or made.
    #[error("its manifest, line {line}: {reason}")]
    Manifest {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A file is not what the manifest says.
    #[error("file `{path}` is not what the signed manifest says: {reason}")]
    Content {
        /// The file.
        path: String,
        /// What differs.
        reason: &'static str,
    },
    /// A path that leads elsewhere, or cannot stand in a bundle.
    #[error("path `{path}` cannot stand in a bundle: {reason}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file that a bundle was to be made of.
    #[error("{path}: {reason}")]
    Source {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A bundle whose files are all as its manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The names of the keys that signed it: the trusted one, or all that stand beneath it when nobody verified them.
    pub signers: Vec<String>,
    /// When it was made, as it says.
    pub created: String,
    /// Paths and texts, in the order of the paths.
    pub files: Vec<(String, String)>,
}

impl Bundle {
    /// Its files as rules are loaded, called `BUNDLE:PATH`.
    pub fn into_sources(self, name: &str) -> Vec<RuleSource> {
        let source = |(path, yaml): (String, String)| RuleSource::Text { path: format!("{name}:{path}"), yaml };
        self.files.into_iter().map(source).collect()
    }
}

/// Reads a bundle that one of the trusted keys signed.
///
/// # Errors
/// [`BundleError`]; nothing of a refused bundle is given.
pub fn open(path: &Path, trusted: &[VerifierKey]) -> Result<Bundle, BundleError> {
    let file = std::fs::File::open(path)?;
    if file.metadata()?.len() > BUNDLE_BYTES_MAX {
        return Err(BundleError::TooLarge { what: "more bytes on disk", most: BUNDLE_BYTES_MAX });
    }
    read(file, trusted)
}

/// As [`open`], from bytes.
///
/// # Errors
/// [`BundleError`].
pub fn read(packed: impl Read, trusted: &[VerifierKey]) -> Result<Bundle, BundleError> {
    read_unpacked(unpack(packed)?, |note| {
        let (text, key) = open_note(note, trusted).map_err(BundleError::Signature)?;
        Ok((text, vec![key.name().to_owned()]))
    })
}

/// Reads a bundle without believing who signed it: for showing what a bundle says of itself.
///
/// # Errors
/// [`BundleError`], but for signatures.
pub fn inspect(packed: impl Read) -> Result<Bundle, BundleError> {
    inspect_unpacked(unpack(packed)?)
}

/// As [`inspect`], of bytes that are unpacked already.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_unpacked(unpacked: impl Read) -> Result<Bundle, BundleError> {
    read_unpacked(unpacked, |note| {
        let (text, names) = read_note(note).map_err(BundleError::Signature)?;
        Ok((text, names.into_iter().map(str::to_owned).collect()))
    })
}

/// Unpacks what is read, and no more than may be.
fn unpack(packed: impl Read) -> Result<impl Read, BundleError> {
    let mut decoder = zstd::stream::read::Decoder::new(packed.take(BUNDLE_BYTES_MAX + 1))?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    Ok(decoder.take(UNPACKED_BYTES_MAX + 1))
}

fn read_unpacked(
    unpacked: impl Read,
    believe: impl Fn(&[u8]) -> Result<(&str, Vec<String>), BundleError>,
) -> Result<Bundle, BundleError> {
    let mut archive = Archive::new(unpacked);
    let note = match archive.next(MANIFEST_BYTES_MAX)? {
        Some((name, note)) if name == MANIFEST => note,
        Some(_) | None => return Err(BundleError::Shape("its first entry is not `MANIFEST`")),
    };
    let (text, signers) = believe(&note)?;
    let Manifest { created, files: listed } = Manifest::parse(text)?;
    let mut files = Vec::with_capacity(listed.len());
    for file in listed {
        files.push(next_file(&mut archive, file)?);
    }
    archive.end()?;
    Ok(Bundle { signers, created, files })
}

/// The next entry, which must be the file that the manifest names next.
fn next_file(archive: &mut Archive<impl Read>, listed: Listed) -> Result<(String, String), BundleError> {
    let fault = |path: String, reason| Err(BundleError::Content { path, reason });
    let Some((name, bytes)) = archive.next(FILE_BYTES_MAX)? else {
        return fault(listed.path, "it is missing");
    };
    if name != listed.path {
        return fault(name, "the manifest names another one here");
    }
    if bytes.len() as u64 != listed.bytes {
        return fault(name, "its length differs");
    }
    if digest(&SHA256, &bytes).as_ref() != listed.digest {
        return fault(name, "its SHA-256 differs");
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok((name, text)),
        Err(_) => fault(name, "it is not UTF-8"),
    }
}

/// Makes a bundle of the rule files below a folder, tests left out, signed by `signer`; gives its bytes and how many
/// files it holds.
///
/// # Errors
/// When a file cannot be read or the folder goes beyond a bound.
pub fn create(folder: &Path, signer: &dyn Signer, now: Timestamp) -> Result<(Vec<u8>, usize), BundleError> {
    let mut read = Vec::new();
    for file in files::read(&[RuleSource::Path(folder.to_owned())]) {
        let text = file.text.map_err(|reason| BundleError::Source { path: file.path.clone(), reason })?;
        let inner = Path::new(&file.path).strip_prefix(folder).unwrap_or(Path::new(&file.path));
        read.push((inner.to_string_lossy().into_owned(), text));
    }
    read.sort();
    pack(&read, signer, now).map(|bytes| (bytes, read.len()))
}

/// Makes a bundle of these paths and texts, in the order of the paths.
fn pack(files: &[(String, String)], signer: &dyn Signer, now: Timestamp) -> Result<Vec<u8>, BundleError> {
    if files.len() > FILES_MAX {
        return Err(BundleError::TooLarge { what: "more files", most: FILES_MAX as u64 });
    }
    let listed = |(path, text): &(String, String)| Listed {
        path: path.clone(),
        bytes: text.len() as u64,
        digest: digest(&SHA256, text.as_bytes()).as_ref().to_vec(),
    };
    let manifest = Manifest { created: now.to_string(), files: files.iter().map(listed).collect() };
    let note = sign_note(&manifest.text()?, signer).map_err(BundleError::Signature)?;
    let mut writer = Writer::default();
    writer.add(MANIFEST, note.as_bytes())?;
    for (path, text) in files {
        writer.add(path, text.as_bytes())?;
    }
    Ok(zstd::encode_all(writer.finish().as_slice(), COMPRESSION)?)
}

#[cfg(test)]
mod tests;

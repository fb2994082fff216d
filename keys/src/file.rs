//! Small key files: written whole or not at all, never over another one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::{KeyError, random};

/// Nothing that this crate writes is longer.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Writes a new file with mode 0600 and makes it durable; `AlreadyExists` when there is one.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let temporary = beside(path);
    let written = write_new(&temporary, bytes).and_then(|()| place(&temporary, path));
    if written.is_err() {
        // Nothing to say: the temporary file may never have come to be.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(KeyError::file(path))
}

/// Replaces a file, or makes it, with mode 0600: after a stop at any moment either the old or the new one is there.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let temporary = beside(path);
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Nothing to say: the temporary file may never have come to be.
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| File::open(parent(path))?.sync_all()).map_err(KeyError::file(path))
}

/// Puts `next` in the place of `path` and overwrites what was there, as far as the disk lets that be done.
pub(crate) fn supersede(path: &Path, next: &Path) -> Result<(), KeyError> {
    let before = OpenOptions::new().write(true).open(path);
    fs::rename(next, path).and_then(|()| File::open(parent(path))?.sync_all()).map_err(KeyError::file(path))?;
    let mut before = before.map_err(KeyError::file(path))?;
    let length = before.metadata().map_err(KeyError::file(path))?.len().min(FILE_BYTES_MAX);
    let zeros = vec![0; usize::try_from(length).unwrap_or_default()];
    before.write_all(&zeros).and_then(|()| before.sync_all()).map_err(KeyError::file(path))
}

/// Reads a whole file that may not be longer than 64 KiB.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(path).map_err(KeyError::file(path))?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(KeyError::file(path))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(KeyError::Malformed { path: path.to_owned(), reason: "it is longer than 64 KiB" });
    }
    Ok(bytes)
}

/// Makes a directory that only its owner may enter, with its parents.
pub(crate) fn create_dir(path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(KeyError::file(path))
}

/// The directory that a path lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", hex::encode(random::bytes::<8>())));
    path.with_file_name(name)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives the written file its name. A hard link never replaces a file; where the file system has none, the name is
/// taken by an empty file first.
fn place(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        Ok(()) => fs::remove_file(temporary)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => {
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            fs::rename(temporary, path)?;
        }
    }
    File::open(parent(path))?.sync_all()
}

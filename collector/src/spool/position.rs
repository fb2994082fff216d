//! Small durable numbers: where each consumer stands and where the spool ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::segment::write_durably;
use crate::SpoolError;

/// Extension of the files that hold a consumer's position.
const POSITION: &str = "position";
/// File that holds the number behind the last record that was ever in a destroyed segment.
const HEAD: &str = "head";

/// Checks a consumer's name: 1 to 32 lower-case letters, digits and `-`.
pub(super) fn check_name(name: &str) -> Result<(), SpoolError> {
    let fits = (1..=32).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if fits { Ok(()) } else { Err(SpoolError::ConsumerName { name: name.chars().take(64).collect() }) }
}

/// Reads the positions of all consumers in `dir`.
pub(super) fn read_all(dir: &Path) -> Result<BTreeMap<String, u64>, SpoolError> {
    let io = |source| SpoolError::Io { doing: "list", path: dir.to_path_buf(), source };
    let mut positions = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == POSITION) && check_name(&name).is_ok() {
            positions.insert(name, read(&path)?);
        }
    }
    Ok(positions)
}

/// Stores a consumer's position.
pub(super) fn write(dir: &Path, name: &str, next: u64) -> Result<(), SpoolError> {
    write_durably(&path(dir, name), format!("{next}\n").as_bytes())
}

/// Removes a consumer's position.
pub(super) fn remove(dir: &Path, name: &str) -> Result<(), SpoolError> {
    let path = path(dir, name);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(SpoolError::Io { doing: "remove", path, source })
        }
        _ => Ok(()),
    }
}

/// Reads where the spool ended when a segment was destroyed last; 0 when none ever was.
pub(super) fn read_head(dir: &Path) -> Result<u64, SpoolError> {
    let path = dir.join(HEAD);
    if path.exists() { read(&path) } else { Ok(0) }
}

/// Stores where the spool ends.
pub(super) fn write_head(dir: &Path, next: u64) -> Result<(), SpoolError> {
    write_durably(&dir.join(HEAD), format!("{next}\n").as_bytes())
}

fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.{POSITION}"))
}

fn read(path: &Path) -> Result<u64, SpoolError> {
    let text = fs::read(path).map_err(|source| SpoolError::Io { doing: "read", path: path.to_path_buf(), source })?;
    let number = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| SpoolError::Foreign { path: path.to_path_buf() })
}

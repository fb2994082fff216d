//! How far the ledger was fed: one number in a file, replaced as a whole.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

/// Longest file that is read.
const BYTES_MAX: u64 = 64;

/// The number of the next entry to be fed; 0 when there is no file, or none that can be read.
pub(super) fn read(path: &Path) -> u64 {
    let Ok(about) = fs::metadata(path) else { return 0 };
    let text = (about.len() <= BYTES_MAX).then(|| fs::read_to_string(path).ok()).flatten();
    let number = text.and_then(|text| text.trim().parse().ok());
    if number.is_none() {
        tracing::warn!(path = %path.display(), "position of the own record is unreadable; it is fed from its beginning");
    }
    number.unwrap_or(0)
}

/// Replaces the number; after a crash the old one or the new one is there.
///
/// # Errors
/// When the disk refuses.
pub(super) fn write(path: &Path, next: u64) -> anyhow::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh).with_context(|| format!("`{}`", fresh.display()))?;
    file.write_all(format!("{next}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("`{}`", fresh.display()))?;
    fs::rename(&fresh, path).with_context(|| format!("`{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own-events.position");
        assert_eq!(read(&path), 0);
        write(&path, 7).unwrap();
        write(&path, 4_096).unwrap();
        assert_eq!(read(&path), 4_096);
        fs::write(&path, "x".repeat(100)).unwrap();
        assert_eq!(read(&path), 0);
    }
}

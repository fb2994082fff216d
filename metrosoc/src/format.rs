//! The version of the data directory as a whole: a file `FORMAT` in it. Its parts have versions of their own, see
//! `ARCHITECTURE.md`; this one stands for how they lie together.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;

use crate::backup::restore::UNFINISHED;
use crate::exit::{Failure, Status};

const FILE: &str = "FORMAT";
/// The form that is written, and the only one there has been.
const CURRENT: &str = "metrosoc-data 1\n";
/// Longest text that is looked at.
const TEXT_BYTES_MAX: usize = 64;

/// Refuses a data directory that this program does not know, or that a restore left half-way; marks one without a mark, which
/// is new or older than the mark.
///
/// # Errors
/// [`Failure`] with the way out, or what the disk said.
pub fn settle(data: &Path) -> anyhow::Result<()> {
    if data.join(UNFINISHED).exists() {
        let message = format!(
            "the restore into `{}` was not finished; empty that directory and run `metrosoc restore` again",
            data.display()
        );
        return Err(Failure::new(Status::BadData, message).into());
    }
    let path = data.join(FILE);
    match fs::read(&path) {
        Ok(found) if found == CURRENT.as_bytes() => Ok(()),
        Ok(found) => {
            let found = found.get(..TEXT_BYTES_MAX).unwrap_or(&found);
            let message = format!(
                "data directory `{}` has the form `{}`, which this program does not know; start the newer program that wrote it, \
                 or restore a backup from before",
                data.display(),
                String::from_utf8_lossy(found).trim_end().escape_debug()
            );
            Err(Failure::new(Status::BadData, message).into())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            write(&path).with_context(|| format!("`{}`", path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("`{}`", path.display())),
    }
}

fn write(path: &Path) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(CURRENT.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: Option<&[u8]>, expected: Option<&str>) {
        let data = tempfile::tempdir().unwrap();
        if let Some(found) = found {
            fs::write(data.path().join(FILE), found).unwrap();
        }
        match (settle(data.path()), expected) {
            (Ok(()), None) => assert_eq!(fs::read(data.path().join(FILE)).unwrap(), CURRENT.as_bytes()),
            (Err(error), Some(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (outcome, _) => panic!("{found:?}: {outcome:?}"),
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        check(None, None);
        check(Some(b"metrosoc-data 1\n"), None);
        check(Some(b"metrosoc-data 2\n"), Some("the form `metrosoc-data 2`"));
        check(Some(b""), Some("the form ``"));
        check(Some(&[0xff; 4_096]), Some("which this program does not know"));
    }

    #[test]
    fn a_restore_that_was_cut_short_is_refused() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join(UNFINISHED), "id").unwrap();
        assert!(settle(data.path()).unwrap_err().to_string().contains("was not finished"));
    }
}

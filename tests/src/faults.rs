//! Faults under the real binary: a clock that somebody sets, and a disk whose flushes fail.
//!
//! `parts/faults.c` is loaded before the C library of the program under test, and reads what is wanted from a file.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use tempfile::TempDir;

use crate::{has, repository, run};

/// What a server or an edge suffers that was started with [`Faults::environment`].
#[derive(Debug)]
pub struct Faults {
    folder: TempDir,
    wanted: File,
}

impl Faults {
    /// None yet; `None`, with a loud word, when there is no C compiler.
    ///
    /// # Errors
    /// When the library cannot be built.
    pub fn new() -> anyhow::Result<Option<Self>> {
        if !has("cc") {
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let source = repository().join("tests/parts/faults.c");
        let library = folder.path().join("faults.so");
        run(Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(source))?;
        let wanted = File::create(folder.path().join("wanted"))?;
        wanted.write_all_at(&[0; 16], 0)?;
        Ok(Some(Self { folder, wanted }))
    }

    /// What a program must be started with.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        vec![("LD_PRELOAD".to_owned(), path("faults.so")), ("METROSOC_FAULTS".to_owned(), path("wanted"))]
    }

    /// Sets the clock so many seconds after the machine's; negative for before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_clock(&self, seconds: i64) -> anyhow::Result<()> {
        Ok(self.wanted.write_all_at(&seconds.to_ne_bytes(), 0)?)
    }

    /// Whether flushes of the spool's files fail from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn fail_flushes(&self, fail: bool) -> anyhow::Result<()> {
        Ok(self.wanted.write_all_at(&i64::from(fail).to_ne_bytes(), 8)?)
    }
}

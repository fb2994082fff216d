//! What an edge proves its site with: the key and chain that enrolment got, in one file, or the operator's own files.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use keys::Secret;
use pki::holder::Held;

use super::config::EdgeConfig;
use crate::exit::{Failure, Status};

/// Key and chain (PEM) that enrolment got. One file, so that both change at once.
const FILE: &str = "identity.pem";
/// The roots that the server's certificate is checked against.
const ROOTS: &str = "roots.pem";
/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A site's key and chain with the roots that its server is checked against.
#[derive(Debug)]
pub struct Identity {
    /// Key and chain, PEM.
    pub pem: Secret<String>,
    /// What its certificate says.
    pub held: Held,
    /// Roots, PEM.
    pub roots: String,
    /// Whether it is ours to renew.
    pub renewable: bool,
}

impl Identity {
    /// Reads what the configuration names, or what enrolment got.
    ///
    /// # Errors
    /// When there is none, a file cannot be read, or the key is readable by others.
    pub fn read(config: &EdgeConfig, folder: &Path) -> anyhow::Result<Self> {
        let given = !config.identity.certificate.is_empty();
        let (pem, chain) = if given {
            let chain = read(Path::new(&config.identity.certificate))?;
            let key = secret(Path::new(&config.identity.key))?;
            (Secret::new(format!("{}\n{chain}", key.expose())), chain)
        } else {
            let path = folder.join(FILE);
            if !path.exists() {
                let message = format!(
                    "this edge has no certificate yet; `metrosoc edge enrol` with a one-time token gets one (`{}` is not there)",
                    path.display()
                );
                return Err(Failure::new(Status::Config, message).into());
            }
            let pem = secret(&path)?;
            let chain = certificates(pem.expose());
            (pem, chain)
        };
        let held = Held::read(chain.as_bytes()).context("the edge's certificate")?;
        let roots = roots_path(config, folder);
        let roots = read(&roots).context("the server's roots (`server.ca`)")?;
        Ok(Self { pem, held, roots, renewable: !given })
    }

    /// Keeps a key and its chain in the place of those before, whole or not at all, mode 0600.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(folder: &Path, key: &Secret<String>, chain: &str) -> anyhow::Result<PathBuf> {
        let path = folder.join(FILE);
        let text = Secret::new(format!("{}{chain}", key.expose()));
        write_whole(&path, text.expose().as_bytes(), 0o600).with_context(|| format!("`{}`", path.display()))?;
        Ok(path)
    }

    /// Keeps the roots.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_roots(folder: &Path, roots: &str) -> anyhow::Result<()> {
        let path = folder.join(ROOTS);
        write_whole(&path, roots.as_bytes(), 0o644).with_context(|| format!("`{}`", path.display()))
    }
}

/// Where the roots lie.
fn roots_path(config: &EdgeConfig, folder: &Path) -> PathBuf {
    if config.server.ca.is_empty() { folder.join(ROOTS) } else { PathBuf::from(&config.server.ca) }
}

/// The certificates of a PEM text, without keys.
fn certificates(pem: &str) -> String {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    pem.find(BEGIN).and_then(|at| pem.get(at..)).unwrap_or_default().to_owned()
}

/// Reads a bounded text file.
///
/// # Errors
/// When it cannot be read or is too long.
pub fn read(path: &Path) -> anyhow::Result<String> {
    let about = std::fs::metadata(path).with_context(|| format!("`{}`", path.display()))?;
    if about.len() > FILE_BYTES_MAX {
        bail!("`{}` is longer than {FILE_BYTES_MAX} bytes", path.display());
    }
    std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))
}

/// Reads a file that only its owner may read.
///
/// # Errors
/// When it cannot be read, or others can.
pub fn secret(path: &Path) -> anyhow::Result<Secret<String>> {
    let about = std::fs::metadata(path).with_context(|| format!("`{}`", path.display()))?;
    if about.is_file() && about.mode() & 0o077 != 0 {
        bail!("`{}` can be read by others; `chmod 600 {}`", path.display(), path.display());
    }
    read(path).map(Secret::new)
}

/// Writes a small file so that it is there whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    // One that a crash left may have another mode.
    let _ = std::fs::remove_file(&fresh);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
    file.write_all(bytes).and_then(|()| file.sync_all())?;
    std::fs::rename(&fresh, path)?;
    path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}

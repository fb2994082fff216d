//! Checking a backup: the manifest and who signed it, every file's hash, the ledger to its last entry.

use std::path::Path;

use anyhow::Context as _;
use event::Signer as _;
use keys::{KeySource, Keyring};

use super::manifest::{self, Manifest, Signature};
use super::{DATA, SIGNER, copy};
use crate::exit::{Failure, Status};

/// Damaged files that are named; more are counted.
const NAMED_MAX: usize = 10;

/// A backup that is whole.
pub struct Checked {
    pub manifest: Manifest,
    /// Entries of its ledger.
    pub ledger_entries: u64,
    /// Whether the master key vouches for the key that signed it.
    pub is_ours: bool,
}

/// The key that signs a platform's backups, opened from the keys that lie sealed in one; `None` while the master key is not
/// there.
///
/// # Errors
/// When the master key is there and does not open them.
pub fn key_of(folder: &Path, source: &KeySource) -> anyhow::Result<Option<Vec<u8>>> {
    if !source.path().exists() {
        return Ok(None);
    }
    // A keyring makes what is not there; in a backup nothing is made.
    if !folder.join(DATA).join("keys/check").exists() {
        return Err(bad(folder, "it holds no sealed keys"));
    }
    let keyring = Keyring::open(source, &folder.join(DATA)).context("the master key")?;
    if !keyring.has_note_signer(SIGNER) {
        return Err(bad(folder, "the key that signed it is not among its keys"));
    }
    Ok(Some(keyring.note_signer(SIGNER).context("the key of backups")?.public_key().to_vec()))
}

/// Reads the manifest of a backup and checks its signature, by `key` where that is known.
///
/// # Errors
/// When there is none, or it is not to be believed.
pub fn read_manifest(folder: &Path, key: Option<&[u8]>) -> anyhow::Result<Manifest> {
    let path = folder.join(manifest::FILE);
    if !path.exists() {
        return Err(bad(folder, "there is no manifest: this is no backup, or one that was not finished"));
    }
    let bytes = copy::read(&path, manifest::BYTES_MAX)?;
    let signature = copy::read(&folder.join(manifest::SIGNATURE_FILE), manifest::BYTES_MAX)?;
    let signature: Signature = serde_json::from_slice(&signature)
        .map_err(|error| bad(folder, &format!("its signature is damaged: {error}")))?;
    let believed = signature.check(&bytes, key).and_then(|()| Manifest::parse(&bytes));
    believed.map_err(|error| bad(folder, &format!("its manifest: {error}")))
}

/// Reads everything in a backup and compares it with the manifest; `read` is told of bytes.
///
/// # Errors
/// Names the files that are not as they were, or what is wrong with the ledger.
pub fn check(folder: &Path, key: Option<&[u8]>, mut read: impl FnMut(u64)) -> anyhow::Result<Checked> {
    let manifest = read_manifest(folder, key)?;
    let mut faults = Vec::new();
    for file in &manifest.files {
        match copy::hash(&folder.join(&file.path)) {
            Ok((bytes, sha256)) if bytes == file.bytes && sha256 == file.sha256 => read(bytes),
            Ok(_) => faults.push(format!("`{}` was changed", file.path)),
            Err(error) => faults.push(format!("`{}`: {error}", file.path)),
        }
    }
    if !faults.is_empty() {
        let more = faults.len().saturating_sub(NAMED_MAX);
        faults.truncate(NAMED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return Err(bad(folder, &format!("{}{more}", faults.join(", "))));
    }
    let ledger_entries = check_ledger(&folder.join(DATA), &manifest)?;
    Ok(Checked { manifest, ledger_entries, is_ours: key.is_some() })
}

/// Verifies the ledger of a data folder against the manifest's checkpoint; gives its number of entries.
///
/// # Errors
/// Names the first thing that is wrong.
pub fn check_ledger(data: &Path, manifest: &Manifest) -> anyhow::Result<u64> {
    let report = ::ledger::verify_against(&data.join("ledger"), None, &manifest.ledger);
    let report = report.map_err(|fault| bad(data, &format!("its ledger: {}", crate::api::problem::chain(&fault))))?;
    Ok(report.entries)
}

pub(super) fn bad(folder: &Path, reason: &str) -> anyhow::Error {
    Failure::new(Status::BadData, format!("backup `{}`: {reason}", folder.display())).into()
}

//! Certificates for every site that has none, with keys, as files for devices that make none themselves.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use event::{Permit, SiteId};
use keys::{CertificateKey, Secret};

use super::issue::{Order, public_info};
use super::{Authority, Certificate, KeyOrigin, ListFilter, Profile};
use crate::PkiError;
use crate::link::ServerIdentity;

/// Certificates that are committed together.
const GROUP_MAX: usize = 500;

/// Certificates that are looked through for sites that have one.
const SITES_MAX: u32 = 1_000_000;

/// What a bulk run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BulkReport {
    /// Certificates made, with their files written.
    pub issued: Vec<Certificate>,
    /// Sites whose chain file was written again after an earlier run that was cut short.
    pub completed: Vec<SiteId>,
    /// Sites that have a good certificate already.
    pub skipped: usize,
}

impl Authority {
    /// Makes a key and a certificate for each of `sites` without a good certificate and writes `SITE_ID.pem` (chain) and
    /// `SITE_ID.key.pem` (mode 0600) into `out_dir`, which is made with mode 0700 when missing.
    ///
    /// Keys are written first and certificates only after they are stored and recorded: a run that was cut short is
    /// finished by the next one.
    ///
    /// # Errors
    /// [`PkiError::NotPermitted`] unless the permit is for managing certificates; [`PkiError::Io`] when a file cannot be
    /// written; when register or ledger fail.
    pub async fn bulk(&self, permit: &Permit, sites: &[SiteId], out_dir: &Path) -> Result<BulkReport, PkiError> {
        let actor = self.manager(permit)?;
        let _one_at_a_time = self.0.bulk.lock().await;
        prepare(out_dir)?;
        let filter = ListFilter { profile: Some(Profile::Site), valid_only: true, limit: SITES_MAX, site: None };
        let good = self.0.register.list(&filter, self.now()).await?;
        let have: HashSet<&str> = good.iter().map(|certificate| certificate.subject.as_str()).collect();
        let mut report = BulkReport::default();
        let mut missing: Vec<&SiteId> = Vec::new();
        let mut asked = HashSet::new();
        for site in sites {
            if !asked.insert(site) {
                continue;
            }
            if have.contains(site.as_str()) {
                report.skipped += 1;
            } else {
                missing.push(site);
            }
        }
        for certificate in good.iter().filter(|one| one.key_origin == KeyOrigin::Authority) {
            report.completed.extend(self.complete(certificate, out_dir).await?);
        }
        for group in missing.chunks(GROUP_MAX) {
            report.issued.extend(self.bulk_group(actor, group, out_dir).await?);
        }
        Ok(report)
    }

    async fn bulk_group(&self, actor: &str, sites: &[&SiteId], out_dir: &Path) -> Result<Vec<Certificate>, PkiError> {
        let owned: Vec<SiteId> = sites.iter().map(|site| (*site).clone()).collect();
        let dir = out_dir.to_owned();
        let orders =
            tokio::task::spawn_blocking(move || make_keys(&owned, &dir)).await.map_err(|_| PkiError::Interrupted)??;
        let done = self.sign(actor, orders).await?;
        let files: Vec<(PathBuf, String)> = done
            .iter()
            .map(|(certificate, pem)| (chain_path(out_dir, &certificate.subject), self.chain_of(pem)))
            .collect();
        tokio::task::spawn_blocking(move || files.iter().try_for_each(|(path, chain)| write(path, chain, 0o644)))
            .await
            .map_err(|_| PkiError::Interrupted)??;
        Ok(done.into_iter().map(|(certificate, _)| certificate).collect())
    }

    /// Writes the chain that an earlier run did not come to, when the key beside it is the certificate's.
    async fn complete(&self, certificate: &Certificate, out_dir: &Path) -> Result<Option<SiteId>, PkiError> {
        let (chain, key) = (chain_path(out_dir, &certificate.subject), key_path(out_dir, &certificate.subject));
        if chain.exists() || !key.exists() {
            return Ok(None);
        }
        let pem = self.chain_pem(&certificate.serial).await?;
        let trial = chain.with_extension("pem.new");
        write(&trial, &pem, 0o644)?;
        if ServerIdentity::load(&trial, &key).is_err() {
            tracing::warn!(key = %key.display(), serial = certificate.serial, "key file is not the certificate's");
            fs::remove_file(&trial).map_err(|source| PkiError::Io { path: trial, source })?;
            return Ok(None);
        }
        fs::rename(&trial, &chain).map_err(|source| PkiError::Io { path: chain, source })?;
        Ok(certificate.site())
    }
}

fn make_keys(sites: &[SiteId], out_dir: &Path) -> Result<Vec<Order>, PkiError> {
    let mut orders = Vec::with_capacity(sites.len());
    for site in sites {
        let key = CertificateKey::generate()?;
        let pem: Secret<String> = key.to_pem();
        write(&key_path(out_dir, site.as_str()), pem.expose(), 0o600)?;
        orders.push(Order::of_site(site, public_info(&key)?, KeyOrigin::Authority));
    }
    Ok(orders)
}

fn prepare(out_dir: &Path) -> Result<(), PkiError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(out_dir)
        .map_err(|source| PkiError::Io { path: out_dir.to_owned(), source })
}

/// Site ids have no `/` in them; the longest one leaves room in a file name.
fn chain_path(out_dir: &Path, site: &str) -> PathBuf {
    out_dir.join(format!("{site}.pem"))
}

fn key_path(out_dir: &Path, site: &str) -> PathBuf {
    out_dir.join(format!("{site}.key.pem"))
}

/// Writes a whole file or leaves the old one; nobody ever sees it with a wider mode.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    let io = |source| PkiError::Io { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    match fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&part).map_err(io)?;
    file.write_all(text.as_bytes()).map_err(io)?;
    drop(file);
    fs::rename(&part, path).map_err(io)
}

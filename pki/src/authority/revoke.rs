//! Revocation: the register first, then every listener, then the ledger.

use std::sync::Arc;

use event::{Permit, SiteId};

use super::{Authority, Certificate, CertificateStatus, ListFilter, Profile, Reason, serial};
use crate::PkiError;

/// Serial numbers in one entry of the ledger, whose size is bounded.
const LEDGER_GROUP_MAX: usize = 500;

/// What to revoke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevokeTarget {
    /// One certificate, by its serial number as a person writes it.
    Serial(String),
    /// Every good certificate of a site.
    Site(SiteId),
}

impl Authority {
    /// Takes certificates back. Handshakes with them fail from now on; connections that hold them are told through
    /// [`Authority::revocations`]. Gives what was revoked.
    ///
    /// # Errors
    /// [`PkiError::NotPermitted`] unless the permit is for managing certificates; [`PkiError::Unknown`] when there is no
    /// good certificate; when the register fails. When the ledger alone fails, the revocation stands all the same.
    pub async fn revoke(
        &self,
        permit: &Permit,
        target: &RevokeTarget,
        reason: Reason,
    ) -> Result<Vec<Certificate>, PkiError> {
        let actor = self.manager(permit)?;
        let found = self.good(target).await?;
        let serials: Vec<String> = found.iter().map(|certificate| certificate.serial.clone()).collect();

        // Step 1: the register.
        let now = self.now();
        self.0.register.revoke(&serials, actor, reason, now).await?;

        // Step 2: listeners, in memory; they cut live connections themselves.
        self.0.revoked.send_modify(|set| Arc::make_mut(set).extend(serials.iter().cloned()));
        self.forget_crls().await;
        metrics::counter!("metrosoc_certificates_revoked_total").increment(u64::try_from(serials.len()).unwrap_or(0));

        // Step 3: the ledger.
        let object = match target {
            RevokeTarget::Serial(_) => serials.first().cloned().unwrap_or_default(),
            RevokeTarget::Site(site) => site.to_string(),
        };
        for group in serials.chunks(LEDGER_GROUP_MAX) {
            let detail = serde_json::json!({ "serials": group, "reason": reason });
            self.record(actor, "certificate_revoked", &object, detail).await?;
        }
        let revoked = |certificate| Certificate {
            status: CertificateStatus::Revoked,
            revoked: Some(now),
            reason: Some(reason),
            ..certificate
        };
        Ok(found.into_iter().map(revoked).collect())
    }

    /// Reads the revoked serial numbers from the register again (SIGHUP, or when another process wrote there).
    ///
    /// # Errors
    /// When the register fails; the set in memory stays then.
    pub async fn reload_revocations(&self) -> Result<(), PkiError> {
        let fresh = self.0.register.revoked_serials(self.now()).await?;
        self.0.revoked.send_if_modified(|set| {
            let changed = **set != fresh;
            if changed {
                *set = Arc::new(fresh);
            }
            changed
        });
        self.forget_crls().await;
        Ok(())
    }

    async fn good(&self, target: &RevokeTarget) -> Result<Vec<Certificate>, PkiError> {
        let found = match target {
            RevokeTarget::Serial(text) => self.0.register.find(&serial::read(text)?, self.now()).await?,
            RevokeTarget::Site(site) => {
                let site = Some(site.clone());
                let filter = ListFilter { profile: Some(Profile::Site), site, valid_only: true, limit: 0 };
                self.0.register.list(&filter, self.now()).await?
            }
        };
        let good: Vec<_> = found.into_iter().filter(|one| one.status == CertificateStatus::Valid).collect();
        if good.is_empty() {
            let target = match target {
                RevokeTarget::Serial(text) => text.chars().take(64).collect(),
                RevokeTarget::Site(site) => site.to_string(),
            };
            return Err(PkiError::Unknown { target });
        }
        Ok(good)
    }
}

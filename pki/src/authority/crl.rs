//! Lists of revoked certificates (CRL, RFC 5280 section 5), signed by the certificate that issued them.

use std::time::Duration;

use event::Timestamp;
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};

use super::ca::Ca;
use super::profile::since_epoch;
use super::{Authority, serial};
use crate::PkiError;

/// A signed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crl {
    /// In PEM.
    pub pem: String,
    /// In DER.
    pub der: Vec<u8>,
    /// Its number; later lists have greater ones.
    pub number: u64,
    /// When it was made.
    pub this_update: Timestamp,
    /// When the next one is there at the latest.
    pub next_update: Timestamp,
    /// Certificates on it.
    pub entries: usize,
}

impl Authority {
    /// The list of revoked sites and servers. A new one is signed after each revocation and at half of its time.
    ///
    /// # Errors
    /// When the register fails.
    pub async fn crl(&self) -> Result<Crl, PkiError> {
        self.current(&self.0.issuing).await
    }

    /// The root's list, on which only the issuing certificate could stand. Verifiers of whole chains need both.
    ///
    /// # Errors
    /// When the register fails.
    pub async fn root_crl(&self) -> Result<Crl, PkiError> {
        self.current(&self.0.root).await
    }

    /// Both lists in PEM, that of sites and servers first.
    ///
    /// # Errors
    /// When the register fails.
    pub async fn crl_pem(&self) -> Result<String, PkiError> {
        let (issuing, root) = (self.crl().await?, self.root_crl().await?);
        Ok(format!("{}{}", issuing.pem, root.pem))
    }

    /// The next question gets a fresh list.
    pub(crate) async fn forget_crls(&self) {
        self.0.crls.lock().await.remove(self.0.issuing.name);
    }

    async fn current(&self, ca: &Ca) -> Result<Crl, PkiError> {
        let now = self.now();
        let mut kept = self.0.crls.lock().await;
        if let Some(crl) = kept.get(ca.name) {
            let half = crl.next_update.since(crl.this_update) / 2;
            if crl.this_update <= now && now < crl.this_update.plus(half) {
                return Ok(crl.clone());
            }
        }
        let crl = self.make_crl(ca, now).await?;
        kept.insert(ca.name, crl.clone());
        Ok(crl)
    }

    async fn make_crl(&self, ca: &Ca, now: Timestamp) -> Result<Crl, PkiError> {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let mut revoked_certs = Vec::new();
        if ca.name == self.0.issuing.name {
            for revoked in self.0.register.revoked(now).await? {
                revoked_certs.push(RevokedCertParams {
                    serial_number: SerialNumber::from(serial::bytes(&revoked.serial)?),
                    revocation_time: epoch + since_epoch(revoked.time),
                    reason_code: Some(revoked.reason.code()),
                    invalidity_date: None,
                });
            }
        }
        let entries = revoked_certs.len();
        let number = self.0.register.next_crl_number(ca.name).await?;
        let valid = Duration::from_secs(u64::from(self.0.settings.crl_hours) * 3_600);
        let (this_update, next_update) =
            (Timestamp::from_secs(now.secs()), Timestamp::from_secs(now.plus(valid).secs()));
        let params = CertificateRevocationListParams {
            this_update: epoch + since_epoch(this_update),
            next_update: epoch + since_epoch(next_update),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&ca.issuer)?;
        Ok(Crl { pem: list.pem()?, der: list.der().to_vec(), number, this_update, next_update, entries })
    }
}

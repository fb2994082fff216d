//! The server's own certificate: kept sealed, made anew before it ends or when names are added.

use std::sync::Arc;
use std::time::Duration;

use keys::CertificateKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::ca::{open_key, seal_key};
use super::issue::{Holder, Order, fingerprint, public_info};
use super::{Authority, Certificate, CertificateStatus, KeyOrigin, ListFilter, Profile, SELF, ServerNames, der_of};
use crate::PkiError;
use crate::link::ServerIdentity;

/// How often [`Authority::keep_server`] looks.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

type Material = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Authority {
    /// The server's certificate for these names: the stored one while it is good for them, otherwise a new one.
    ///
    /// # Errors
    /// When register, ledger or keys fail.
    pub async fn server_certificate(&self, names: &ServerNames) -> Result<Arc<ServerIdentity>, PkiError> {
        let (chain, key) = match self.stored_server(names).await? {
            Some(material) => material,
            None => self.make_server(names).await?,
        };
        ServerIdentity::new(chain, key)
    }

    /// Renews what `identity` shows when a third or less of its time is left; says whether it did. Listeners show the
    /// new one from the next handshake on.
    ///
    /// # Errors
    /// As [`Authority::server_certificate`]; the old one stays then.
    pub async fn renew_server(&self, identity: &ServerIdentity, names: &ServerNames) -> Result<bool, PkiError> {
        let shown = identity.chain();
        let (chain, key) = match self.stored_server(names).await? {
            Some(material) if material.0.first() == shown.first() => return Ok(false),
            Some(material) => material,
            None => self.make_server(names).await?,
        };
        identity.replace(chain, key)?;
        tracing::info!(not_after = %identity.not_after(), "server certificate renewed");
        Ok(true)
    }

    /// Renews for ever, looking once an hour; never returns. A failure is logged and tried again.
    pub async fn keep_server(&self, identity: &ServerIdentity, names: &ServerNames) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(error) = self.renew_server(identity, names).await {
                tracing::error!(%error, not_after = %identity.not_after(), "server certificate not renewed");
            }
        }
    }

    async fn stored_server(&self, names: &ServerNames) -> Result<Option<Material>, PkiError> {
        let filter = ListFilter { profile: Some(Profile::Server), valid_only: true, limit: 100, site: None };
        let wanted = names.written();
        for certificate in self.0.register.list(&filter, self.now()).await? {
            if certificate.names != wanted || self.renewal_due(&certificate) {
                continue;
            }
            let Some((pem, sealed)) = self.0.register.server_key(&certificate.serial).await? else { continue };
            let key = open_key(&self.0.sealer, &certificate.key_sha256, &sealed)?;
            return Ok(Some(self.material(&pem, &key)?));
        }
        Ok(None)
    }

    async fn make_server(&self, names: &ServerNames) -> Result<Material, PkiError> {
        let key = CertificateKey::generate()?;
        let info = public_info(&key)?;
        let key_sealed = seal_key(&self.0.sealer, &fingerprint(&info), &key)?;
        let holder = Holder::Server(names.clone());
        let order = Order { holder, key: info, key_origin: KeyOrigin::Authority, key_sealed: Some(key_sealed) };
        let (_, pem) = self.sign(SELF, vec![order]).await?.pop().ok_or(PkiError::Interrupted)?;
        self.material(&pem, &key)
    }

    fn material(&self, pem: &str, key: &CertificateKey) -> Result<Material, PkiError> {
        Ok((vec![der_of(pem)?, self.0.issuing.der.clone()], key.private_key_der()))
    }

    fn renewal_due(&self, certificate: &Certificate) -> bool {
        let whole = certificate.not_after.since(certificate.not_before);
        let left = certificate.not_after.since(self.now());
        certificate.status != CertificateStatus::Valid || left <= whole / 3
    }
}

//! Enrolment: a site gets its certificate by a one-time token, and later ones by the certificate that it has.

use std::time::Duration;

use event::{Permit, SiteId, Timestamp};
use keys::{Secret, token};

use super::issue::Order;
use super::profile::DAY;
use super::request::ProvenKey;
use super::{Authority, Issued, KeyOrigin};
use crate::PkiError;

/// Begins every token, so that scanners for leaked secrets find it.
const PREFIX: &str = "msoc_enrol_";
/// How long a token may be valid.
const VALID_MAX: Duration = DAY.saturating_mul(30);
/// Longest text that is looked up as a token.
const TOKEN_BYTES_MAX: usize = 128;

/// A fresh one-time token, shown once.
#[derive(Debug)]
pub struct EnrolmentToken {
    /// The token.
    pub token: Secret<String>,
    /// The site that it enrols.
    pub site: SiteId,
    /// Until when.
    pub expires: Timestamp,
}

impl Authority {
    /// Makes a one-time token for a site, valid for `valid` (at most 30 days). Kept as a digest. Whether the site is
    /// registered is the caller's to know.
    ///
    /// # Errors
    /// [`PkiError::NotPermitted`] unless the permit is for managing certificates; [`PkiError::Name`] for a reserved site;
    /// when register or ledger fail: then there is no token.
    pub async fn enrolment_token(
        &self,
        permit: &Permit,
        site: &SiteId,
        valid: Duration,
    ) -> Result<EnrolmentToken, PkiError> {
        let actor = self.manager(permit)?;
        if *site == SiteId::unknown() || *site == SiteId::local() {
            let reason = "it is reserved for senders without a certificate";
            return Err(PkiError::Name { name: site.to_string(), reason });
        }
        let now = self.now();
        let expires = Timestamp::from_millis(now.plus(valid.min(VALID_MAX)).millis());
        let fresh = token::random(PREFIX);
        let digest = token::digest(fresh.expose());
        self.0.register.add_token(&digest, site, actor, now, expires).await?;
        let detail = serde_json::json!({ "token": id_of(&digest), "expires": expires });
        self.record(actor, "enrolment_token_created", &format!("site:{site}"), detail).await?;
        Ok(EnrolmentToken { token: fresh, site: site.clone(), expires })
    }

    /// Issues the certificate of the token's site for the key of a request (PEM). The token is spent before anything is
    /// signed: a second use is refused, even of a token whose certificate was never handed out.
    ///
    /// # Errors
    /// [`PkiError::Request`] when the request is not good, which does not spend the token; [`PkiError::Token`] when the
    /// token is unknown, used or expired; when register or ledger fail.
    pub async fn enrol(&self, token: &str, request: &str) -> Result<Issued, PkiError> {
        let proven = ProvenKey::from_pem(request.as_bytes())?;
        if token.len() > TOKEN_BYTES_MAX || !token.starts_with(PREFIX) {
            return Err(PkiError::Token);
        }
        let digest = token::digest(token);
        let now = self.now();
        let site = self.0.register.token_site(&digest, now).await?.ok_or(PkiError::Token)?;
        self.check_unused(site.as_str(), proven.info()).await?;
        if !self.0.register.spend_token(&digest, now).await? {
            return Err(PkiError::Token);
        }
        let issued = self.issue_to(&site, proven).await?;
        let detail = serde_json::json!({ "token": id_of(&digest), "serial": issued.certificate.serial });
        self.record(&actor_of(&site), "site_enrolled", &format!("site:{site}"), detail).await?;
        Ok(issued)
    }

    /// Issues another certificate to a site that showed a valid one of ours in the handshake of this connection.
    ///
    /// # Errors
    /// [`PkiError::Request`] when the request is not good or its key is another site's; when register or ledger fail.
    pub async fn renew(&self, site: &SiteId, request: &str) -> Result<Issued, PkiError> {
        let proven = ProvenKey::from_pem(request.as_bytes())?;
        self.check_unused(site.as_str(), proven.info()).await?;
        self.issue_to(site, proven).await
    }

    async fn issue_to(&self, site: &SiteId, proven: ProvenKey) -> Result<Issued, PkiError> {
        let order = Order::of_site(site, proven.into_info(), KeyOrigin::Agent);
        let mut done = self.sign(&actor_of(site), vec![order]).await?;
        let (certificate, pem) = done.pop().ok_or(PkiError::Interrupted)?;
        Ok(Issued { certificate, chain_pem: self.chain_of(&pem), key_pem: None })
    }
}

fn actor_of(site: &SiteId) -> String {
    format!("site:{site}")
}

/// What the ledger calls a token: enough of its digest to tell two apart.
fn id_of(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

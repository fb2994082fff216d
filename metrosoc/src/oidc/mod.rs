//! The sign-on provider: OpenID Connect with authorization code and PKCE, access tokens of programs, and its word that
//! somebody signed out.
//!
//! Discovery → to the provider and back → code for tokens → signature → claims → groups → [`FederatedIdentity`]. What is
//! in no group that the configuration names gets nothing.

mod claims;
mod error;
mod mapping;
mod provider;

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::Clock;
use keys::Secret;
use keys::jose::SignedToken;
use policy::account::{FederatedIdentity, Flow};
use reqwest::Url;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

pub use error::OidcError;
use provider::{Known, Provider};

use crate::config::Oidc;

/// Where the provider sends browsers back to.
const CALLBACK: &str = "/api/v1/oidc/callback";

/// The configured provider.
#[derive(Debug)]
pub struct SignOn {
    settings: Oidc,
    provider: Provider,
    clock: Arc<dyn Clock>,
}

/// Whose sessions the provider says have ended.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedOut {
    /// The person.
    pub subject: Option<String>,
    /// The session, by the provider's name.
    pub session: Option<String>,
}

impl SignOn {
    /// The provider of the configuration; `None` without one. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When the file with CA certificates cannot be used.
    pub fn open(
        settings: &Oidc,
        secret: Option<Secret<String>>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Option<Self>> {
        if !settings.enabled() {
            return Ok(None);
        }
        let roots = Some(settings.ca_file.as_str()).filter(|path| !path.is_empty()).map(Path::new);
        let provider = Provider::new(settings, secret, roots, Arc::clone(&clock))?;
        Ok(Some(Self { settings: settings.clone(), provider, clock }))
    }

    /// What the button calls it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// The provider's own name for itself.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Whether a bearer token may be one of the provider's.
    pub fn takes(&self, token: &str) -> bool {
        !self.settings.api_audience.is_empty() && token.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Where the browser goes to sign in; with `again` it must prove itself again although it is signed in there.
    ///
    /// # Errors
    /// When the provider cannot be asked where that is.
    pub async fn address(&self, flow: &Flow, again: bool) -> Result<Url, OidcError> {
        let known = self.provider.known(None).await?;
        let mut address = known.metadata.authorization_endpoint.clone();
        let challenge = digest(&SHA256, flow.verifier().expose().as_bytes());
        let more = self.settings.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid");
        let scope: Vec<&str> = ["openid"].into_iter().chain(more).collect();
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.callback())
            .append_pair("scope", &scope.join(" "))
            .append_pair("state", &flow.state())
            .append_pair("nonce", &flow.nonce())
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge.as_ref()))
            .append_pair("code_challenge_method", "S256");
        if again {
            address.query_pairs_mut().append_pair("prompt", "login").append_pair("max_age", "0");
        }
        Ok(address)
    }

    /// Redeems the code that the browser brought back and reads who it is.
    ///
    /// # Errors
    /// Whatever is wrong with the answer (`iss` of RFC 9207, token, signature, claims), or no group that gives a role.
    pub async fn redeem(&self, flow: &Flow, code: &str, issuer: Option<&str>) -> Result<FederatedIdentity, OidcError> {
        let known = self.provider.known(None).await?;
        let required = known.metadata.authorization_response_iss_parameter_supported;
        if issuer.map_or(required, |issuer| issuer != self.settings.issuer) {
            return Err(OidcError::Claim { claim: "iss", reason: "the answer came from another provider" });
        }
        let answer = self.provider.redeem(&known, code, flow, &self.callback()).await?;
        let mut claims = self.read(&answer.id_token, &["", "jwt"]).await?;
        claims::check_identity(&claims, &self.settings, &flow.nonce(), self.clock.now())?;
        if mapping::claim(&claims, &self.settings.groups_claim).is_none()
            && let (Some(endpoint), Some(token)) = (&known.metadata.userinfo_endpoint, &answer.access_token)
        {
            let more = self.provider.userinfo(endpoint, token).await?;
            claims::check_same_subject(&claims, &more)?;
            for (name, value) in more {
                claims.entry(name).or_insert(value);
            }
        }
        mapping::identity(&self.settings, &claims)
    }

    /// Who a bearer token of the provider's speaks for (RFC 9068).
    ///
    /// # Errors
    /// Whatever is wrong with it, or no group that gives a role.
    pub async fn bearer(&self, token: &str) -> Result<FederatedIdentity, OidcError> {
        let claims = self.read(token, &["at+jwt"]).await?;
        claims::check_access(&claims, &self.settings, self.clock.now())?;
        mapping::identity(&self.settings, &claims)
    }

    /// Whose sessions a logout token ends (OpenID Connect Back-Channel Logout, section 2.6).
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub async fn signed_out(&self, token: &str) -> Result<SignedOut, OidcError> {
        let claims = self.read(token, &["", "jwt", "logout+jwt"]).await?;
        claims::check_logout(&claims, &self.settings, self.clock.now())?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(SignedOut { subject: text("sub"), session: text("sid") })
    }

    /// Where a browser goes after signing out here, so that it is signed out there too; `None` where the provider has no
    /// such page or was not asked yet.
    pub fn sign_out_address(&self) -> Option<Url> {
        let known = self.provider.remembered()?;
        let mut address = known.metadata.end_session_endpoint.clone()?;
        address
            .query_pairs_mut()
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("post_logout_redirect_uri", &format!("{}/", self.settings.public_url));
        Some(address)
    }

    fn callback(&self) -> String {
        format!("{}{CALLBACK}", self.settings.public_url)
    }

    /// What a token of one of `kinds` says, its signature verified by a key that the provider publishes now.
    async fn read(&self, text: &str, kinds: &[&str]) -> Result<Map<String, Value>, OidcError> {
        let token = SignedToken::parse(text)?;
        if !kinds.contains(&token.kind().as_str()) {
            return Err(OidcError::Kind);
        }
        let known: Arc<Known> = self.provider.known(token.key_id()).await?;
        let payload = token.verify(&known.keys)?;
        serde_json::from_slice(&payload).map_err(|_| OidcError::Claims)
    }
}

#[cfg(test)]
mod tests;

//! `[sign_in]` and `[oidc]`: how people sign in, and for how long.

use std::collections::BTreeSet;

use event::{AgencyId, Role};
use serde::{Deserialize, Serialize};

/// Local accounts: how long sessions last, who must have a second factor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignIn {
    /// Seconds after which a session ends, whatever happens.
    pub session_secs_max: u64,
    /// Seconds without use after which a session ends.
    pub idle_secs_max: u64,
    /// Seconds that a second factor counts as fresh, for what asks for a step-up.
    pub step_up_secs_max: u64,
    /// Roles that must have a second factor, such as `["admin", "dpo"]`; their sessions open nothing before.
    pub second_factor_roles: Vec<Role>,
}

/// The sign-on provider (OpenID Connect). Without an issuer there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Oidc {
    /// The provider's issuer, such as `https://sso.hcm.gov.vn/realms/city`; empty for none.
    pub issuer: String,
    /// What the button on the sign-in screen calls it.
    pub name: String,
    /// The name under which the provider knows MetroSOC.
    pub client_id: String,
    /// A file (mode 0600) with the client's secret; empty for systemd's credential `metrosoc.oidc-secret`, or a public
    /// client that has none.
    pub client_secret_file: String,
    /// The address of this page as browsers know it, such as `https://soc.hcm.gov.vn:8443`; the provider sends them back
    /// to `/api/v1/oidc/callback` there.
    pub public_url: String,
    /// CA certificates (PEM) for the provider's own certificate, beside the machine's; empty for none.
    pub ca_file: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim with the person's groups; dots lead into objects, as in `realm_access.roles`.
    pub groups_claim: String,
    /// The claim with the person's wished account name.
    pub name_claim: String,
    /// The claim with the person's agency; empty for none.
    pub agency_claim: String,
    /// Which group gives which role, as in `[{ group = "soc-leads", role = "soc-lead" }]`; the first that fits counts.
    pub roles: Vec<GroupRole>,
    /// Which value of the agency claim is which agency, as in `[{ value = "SYT", agency = "so-y-te" }]`.
    pub agencies: Vec<ClaimAgency>,
    /// Values of `amr` or `acr` by which the provider says that it saw two factors.
    pub two_factor_values: BTreeSet<String>,
    /// Audience under which the provider's access tokens (RFC 9068) are taken as bearer tokens; empty for never.
    pub api_audience: String,
}

/// A group of the provider's and the role that it gives.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRole {
    /// The group, as the claim names it.
    pub group: String,
    /// The role.
    pub role: Role,
    /// The agency that it speaks for, where the group says that too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agency: Option<AgencyId>,
}

/// A value of the agency claim and the agency that it means.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimAgency {
    /// As the claim has it.
    pub value: String,
    /// The agency.
    pub agency: AgencyId,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            session_secs_max: 12 * 3_600,
            idle_secs_max: 1_800,
            step_up_secs_max: 600,
            second_factor_roles: Vec::new(),
        }
    }
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            name: "OpenID Connect".to_owned(),
            client_id: "metrosoc".to_owned(),
            client_secret_file: String::new(),
            public_url: String::new(),
            ca_file: String::new(),
            scopes: vec!["profile".to_owned()],
            groups_claim: "groups".to_owned(),
            name_claim: "preferred_username".to_owned(),
            agency_claim: String::new(),
            roles: Vec::new(),
            agencies: Vec::new(),
            two_factor_values: BTreeSet::from(["mfa".to_owned()]),
            api_audience: String::new(),
        }
    }
}

impl SignIn {
    /// Calls `check` for every bound: whether it holds, the key, what is asked.
    pub fn check(&self, check: &mut impl FnMut(bool, &'static str, &str)) {
        let session = (300..=7 * 86_400).contains(&self.session_secs_max);
        check(session, "sign_in.session_secs_max", "between 300 and 604,800 (7 days)");
        let idle = (60..=self.session_secs_max.max(60)).contains(&self.idle_secs_max);
        check(idle, "sign_in.idle_secs_max", "between 60 and `sign_in.session_secs_max`");
        check((60..=600).contains(&self.step_up_secs_max), "sign_in.step_up_secs_max", "between 60 and 600");
        let people = !self.second_factor_roles.contains(&Role::Machine);
        check(people, "sign_in.second_factor_roles", "role `machine` cannot have a second factor");
    }
}

impl Oidc {
    /// Whether there is a provider.
    pub fn enabled(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// Calls `check` for every bound: whether it holds, the key, what is asked.
    pub fn check(&self, check: &mut impl FnMut(bool, &'static str, &str)) {
        if !self.enabled() {
            let alone = self.api_audience.is_empty() && self.roles.is_empty();
            check(alone, "oidc.issuer", "names the sign-on provider; without it the other keys mean nothing");
            return;
        }
        check(
            secure(&self.issuer),
            "oidc.issuer",
            "begins with `https://` (or is on this machine), without `?` and `#`",
        );
        check(!self.client_id.is_empty(), "oidc.client_id", "not empty");
        let public = secure(&self.public_url) && !self.public_url.ends_with('/');
        check(
            public,
            "oidc.public_url",
            "the page's own address such as `https://soc.example:8443`, without `/` at the end",
        );
        check(!self.roles.is_empty(), "oidc.roles", "at least one group that gives a role; otherwise nobody gets in");
        check(!self.groups_claim.is_empty(), "oidc.groups_claim", "not empty");
        check(!self.name.is_empty() && self.name.len() <= 80, "oidc.name", "between 1 and 80 bytes");
        let words =
            self.scopes.iter().all(|scope| !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic()));
        check(words, "oidc.scopes", "words without spaces");
        let mapped = self.agency_claim.is_empty() == self.agencies.is_empty();
        check(mapped, "oidc.agencies", "goes with `oidc.agency_claim`: give both or neither");
    }
}

/// `https`, or plain `http` to this machine itself.
fn secure(url: &str) -> bool {
    let Ok(parsed) = reqwest::Url::parse(url) else { return false };
    let local = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let scheme = parsed.scheme() == "https" || (parsed.scheme() == "http" && local);
    scheme && parsed.query().is_none() && parsed.fragment().is_none() && parsed.username().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_providers_are_secure() {
        for (url, expected) in [
            ("https://sso.example/realms/city", true),
            ("http://localhost:4444", true),
            ("http://[::1]:4444", true),
            ("http://sso.example", false),
            ("https://sso.example/?a=b", false),
            ("https://user@sso.example", false),
            ("sso.example", false),
        ] {
            assert_eq!(secure(url), expected, "{url}");
        }
    }
}

//! From the provider's claims to a role and an agency, as the configuration says.

use event::AgencyId;
use policy::account::FederatedIdentity;
use serde_json::{Map, Value};

use super::{OidcError, claims};
use crate::config::Oidc;

/// Most values of a claim that are looked at.
const VALUES_MAX: usize = 1_000;

/// Who the verified claims are about. The first group of `oidc.roles` that the person is in counts.
///
/// # Errors
/// [`OidcError::NoRole`] when none is.
pub fn identity(settings: &Oidc, claims: &Map<String, Value>) -> Result<FederatedIdentity, OidcError> {
    let text = |name: &str| claim(claims, name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let subject = text("sub");
    let groups = values(claims, &settings.groups_claim);
    let mapped = settings.roles.iter().find(|mapped| groups.contains(&mapped.group.as_str()));
    let Some(mapped) = mapped else { return Err(OidcError::NoRole { subject }) };
    let shown = [values(claims, "amr"), values(claims, "acr")].concat();
    let authenticated = claims::time(claims, "auth_time").ok();
    Ok(FederatedIdentity {
        issuer: settings.issuer.clone(),
        name: text(&settings.name_claim),
        role: mapped.role,
        agency: mapped.agency.clone().or_else(|| agency(settings, claims)),
        two_factors: shown.iter().any(|value| settings.two_factor_values.contains(*value)),
        authenticated,
        session: text("sid"),
        subject,
    })
}

/// A claim by its name, or by steps into objects: `realm_access.roles`.
pub fn claim<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    claim(claims.get(first)?.as_object()?, rest)
}

fn agency(settings: &Oidc, claims: &Map<String, Value>) -> Option<AgencyId> {
    if settings.agency_claim.is_empty() {
        return None;
    }
    let shown = values(claims, &settings.agency_claim);
    settings.agencies.iter().find(|mapped| shown.contains(&mapped.value.as_str())).map(|mapped| mapped.agency.clone())
}

fn values<'c>(claims: &'c Map<String, Value>, name: &str) -> Vec<&'c str> {
    match claim(claims, name) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().take(VALUES_MAX).filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

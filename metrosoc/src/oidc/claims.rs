//! What a token must say before it counts: for whom it is, from when to when, and for which sign-in.

use std::time::Duration;

use event::Timestamp;
use serde_json::{Map, Value};

use super::OidcError;
use crate::config::Oidc;

/// How far the provider's clock may be away from ours.
const SLACK: Duration = Duration::from_secs(60);
/// Oldest logout token that is taken.
const LOGOUT_AGE_MAX: Duration = Duration::from_secs(300);
/// What a logout token names as its event.
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

type Claims = Map<String, Value>;

/// OpenID Connect Core, section 3.1.3.7.
pub fn check_identity(claims: &Claims, settings: &Oidc, nonce: &str, now: Timestamp) -> Result<(), OidcError> {
    check_common(claims, &settings.issuer, &settings.client_id, now)?;
    text(claims, "sub")?;
    let party = claims.get("azp");
    if party.is_some_and(|party| party.as_str() != Some(&settings.client_id)) {
        return wrong("azp", "it was given to another client");
    }
    if audiences(claims).len() > 1 && party.is_none() {
        return wrong("azp", "missing, with several audiences");
    }
    let sent = text(claims, "nonce")?;
    if !keys::token::equal(sent, nonce) {
        return wrong("nonce", "not this sign-in's");
    }
    Ok(())
}

/// RFC 9068, section 4.
pub fn check_access(claims: &Claims, settings: &Oidc, now: Timestamp) -> Result<(), OidcError> {
    check_common(claims, &settings.issuer, &settings.api_audience, now)?;
    text(claims, "sub")?;
    text(claims, "client_id").map(|_| ())
}

/// OpenID Connect Back-Channel Logout, section 2.6.
pub fn check_logout(claims: &Claims, settings: &Oidc, now: Timestamp) -> Result<(), OidcError> {
    check_source(claims, &settings.issuer, &settings.client_id)?;
    let issued = time(claims, "iat")?;
    if issued > now.plus(SLACK) || now.since(issued) > LOGOUT_AGE_MAX {
        return wrong("iat", "not from the last minutes");
    }
    if claims.contains_key("exp") && time(claims, "exp")?.plus(SLACK) <= now {
        return wrong("exp", "in the past");
    }
    text(claims, "jti")?;
    let event = claims.get("events").and_then(|events| events.get(LOGOUT_EVENT));
    if !event.is_some_and(Value::is_object) {
        return wrong("events", "it is no logout token");
    }
    if claims.contains_key("nonce") {
        return wrong("nonce", "a logout token has none");
    }
    if text(claims, "sub").is_err() && text(claims, "sid").is_err() {
        return wrong("sub", "neither person nor session");
    }
    Ok(())
}

/// What the provider adds must be about the same person (OpenID Connect Core, section 5.3.2).
pub fn check_same_subject(claims: &Claims, more: &Claims) -> Result<(), OidcError> {
    if text(claims, "sub")? == text(more, "sub")? {
        Ok(())
    } else {
        wrong("sub", "the provider answered about another")
    }
}

fn check_common(claims: &Claims, issuer: &str, audience: &str, now: Timestamp) -> Result<(), OidcError> {
    check_source(claims, issuer, audience)?;
    if time(claims, "exp")?.plus(SLACK) <= now {
        return wrong("exp", "in the past");
    }
    if time(claims, "iat")? > now.plus(SLACK) {
        return wrong("iat", "in the future");
    }
    if claims.contains_key("nbf") && time(claims, "nbf")? > now.plus(SLACK) {
        return wrong("nbf", "in the future");
    }
    Ok(())
}

fn check_source(claims: &Claims, issuer: &str, audience: &str) -> Result<(), OidcError> {
    if text(claims, "iss")? != issuer {
        return wrong("iss", "another provider's");
    }
    if !audiences(claims).contains(&audience) {
        return wrong("aud", "for somebody else");
    }
    Ok(())
}

fn audiences(claims: &Claims) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn text<'c>(claims: &'c Claims, claim: &'static str) -> Result<&'c str, OidcError> {
    let text = claims.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or(OidcError::Claim { claim, reason: "missing, or not a text" })
}

/// A number of seconds, whole or not; anything else is an error and never "no bound".
pub fn time(claims: &Claims, claim: &'static str) -> Result<Timestamp, OidcError> {
    let seconds = claims.get(claim).and_then(|value| value.as_i64().or_else(|| whole(value.as_f64()?)));
    let seconds = seconds.filter(|seconds| (0..=253_402_300_799).contains(seconds));
    seconds.map(Timestamp::from_secs).ok_or(OidcError::Claim { claim, reason: "missing, or no time" })
}

fn whole(seconds: f64) -> Option<i64> {
    (0.0..=253_402_300_799.0).contains(&seconds).then_some(seconds as i64)
}

fn wrong<T>(claim: &'static str, reason: &'static str) -> Result<T, OidcError> {
    Err(OidcError::Claim { claim, reason })
}

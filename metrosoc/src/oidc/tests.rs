//! What a token must say, case by case, and what groups give.

use event::Timestamp;
use serde_json::{Map, Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;

fn settings() -> Oidc {
    let config: crate::config::Config = toml::from_str(
        "[oidc]\nissuer = \"https://sso.example\"\nclient_id = \"soc\"\npublic_url = \"https://soc.example\"\n\
         api_audience = \"https://soc.example/api\"\ngroups_claim = \"realm_access.roles\"\nagency_claim = \"unit\"\n\
         roles = [{ group = \"leads\", role = \"soc-lead\" }, { group = \"all\", role = \"analyst-tier1\" },\n\
         { group = \"q1\", role = \"agency-officer\", agency = \"p-ben-nghe\" }, { group = \"unit\", role = \"agency-officer\" }]\n\
         agencies = [{ value = \"SYT\", agency = \"so-y-te\" }]\n",
    )
    .unwrap();
    config.oidc
}

fn claims(changes: Value) -> Map<String, Value> {
    let mut claims = json!({
        "iss": "https://sso.example", "aud": "soc", "sub": "17", "nonce": "n", "iat": NOW - 5, "exp": NOW + 300,
    });
    let map = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            map.remove(name);
        } else {
            map.insert(name.clone(), value.clone());
        }
    }
    map.clone()
}

fn refused(outcome: Result<(), OidcError>) -> String {
    match outcome {
        Ok(()) => String::new(),
        Err(OidcError::Claim { claim, .. }) => claim.to_owned(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn an_identity_token_is_for_this_sign_in_and_nothing_else() {
    let now = Timestamp::from_secs(NOW);
    for (changes, expected) in [
        (json!({}), ""),
        (json!({ "aud": ["soc"] }), ""),
        (json!({ "aud": ["soc", "other"], "azp": "soc" }), ""),
        (json!({ "exp": NOW - 30 }), ""),
        (json!({ "exp": (NOW + 300) as f64 + 0.5 }), ""),
        (json!({ "iss": "https://sso.example/" }), "iss"),
        (json!({ "iss": null }), "iss"),
        (json!({ "aud": "other" }), "aud"),
        (json!({ "aud": null }), "aud"),
        (json!({ "aud": { "soc": true } }), "aud"),
        (json!({ "aud": ["soc", "other"] }), "azp"),
        (json!({ "azp": "other" }), "azp"),
        (json!({ "azp": 7 }), "azp"),
        (json!({ "exp": NOW - 61 }), "exp"),
        (json!({ "exp": null }), "exp"),
        (json!({ "exp": (NOW + 300).to_string() }), "exp"),
        (json!({ "exp": -1 }), "exp"),
        (json!({ "exp": 1e300 }), "exp"),
        (json!({ "iat": NOW + 61 }), "iat"),
        (json!({ "nbf": NOW + 61 }), "nbf"),
        (json!({ "nbf": "now" }), "nbf"),
        (json!({ "nonce": "another" }), "nonce"),
        (json!({ "nonce": null }), "nonce"),
        (json!({ "sub": "" }), "sub"),
        (json!({ "sub": 17 }), "sub"),
    ] {
        let found = refused(claims::check_identity(&claims(changes.clone()), &settings(), "n", now));
        assert_eq!(found, expected, "{changes}");
    }
}

#[test]
fn an_access_token_is_for_our_interface() {
    let now = Timestamp::from_secs(NOW);
    let api = "https://soc.example/api";
    for (changes, expected) in [
        (json!({ "aud": api, "client_id": "lgsp" }), ""),
        (json!({ "aud": [api, "other"], "client_id": "lgsp" }), ""),
        (json!({ "client_id": "lgsp" }), "aud"),
        (json!({ "aud": api }), "client_id"),
        (json!({ "aud": api, "client_id": "lgsp", "exp": NOW - 100 }), "exp"),
        (json!({ "aud": api, "client_id": "lgsp", "sub": null }), "sub"),
    ] {
        let found = refused(claims::check_access(&claims(changes.clone()), &settings(), now));
        assert_eq!(found, expected, "{changes}");
    }
}

#[test]
fn a_logout_token_is_young_and_says_that_it_is_one() {
    let now = Timestamp::from_secs(NOW);
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    let good = json!({ "events": events, "jti": "1", "nonce": null, "sid": "s" });
    for (change, value, expected) in [
        ("aud", json!("soc"), ""),
        ("sub", json!(null), ""),
        ("exp", json!(null), ""),
        ("exp", json!(NOW - 61), "exp"),
        ("iat", json!(NOW - 301), "iat"),
        ("iat", json!(null), "iat"),
        ("jti", json!(null), "jti"),
        ("nonce", json!("n"), "nonce"),
        ("events", json!({}), "events"),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logout": true }), "events"),
        ("aud", json!("other"), "aud"),
        ("iss", json!("https://evil.example"), "iss"),
    ] {
        let mut changes = good.clone();
        changes[change] = value;
        let found = refused(claims::check_logout(&claims(changes.clone()), &settings(), now));
        assert_eq!(found, expected, "{changes}");
    }
    let nobody = claims(json!({ "events": events, "jti": "1", "nonce": null, "sub": null }));
    assert_eq!(refused(claims::check_logout(&nobody, &settings(), now)), "sub");
}

#[test]
fn groups_give_roles_in_the_order_of_the_configuration() {
    let check = |roles: Value, unit: Value, expected: &str| {
        let claims = claims(json!({ "realm_access": { "roles": roles }, "unit": unit, "amr": ["pwd"] }));
        let found = match mapping::identity(&settings(), &claims) {
            Ok(identity) => {
                let agency = identity.agency.map(|agency| format!(" {agency}")).unwrap_or_default();
                format!("{}{agency}", identity.role.as_str())
            }
            Err(OidcError::NoRole { subject }) => format!("nobody {subject}"),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found, expected);
    };
    check(json!(["all"]), json!(null), "analyst-tier1");
    check(json!(["all", "leads"]), json!("SYT"), "soc-lead so-y-te");
    check(json!("all"), json!(null), "analyst-tier1");
    check(json!(["q1"]), json!("SYT"), "agency-officer p-ben-nghe");
    check(json!(["unit"]), json!(["x", "SYT"]), "agency-officer so-y-te");
    check(json!(["unit"]), json!("so-y-te"), "agency-officer");
    for nobody in [json!([]), json!(null), json!(["ALL"]), json!({ "all": true }), json!([["all"]]), json!(7)] {
        check(nobody, json!(null), "nobody 17");
    }
    let mut two = claims(json!({ "realm_access": { "roles": ["all"] }, "amr": ["pwd", "mfa"], "sid": "s" }));
    let identity = mapping::identity(&settings(), &two).unwrap();
    assert!(identity.two_factors && identity.session == "s");
    two.insert("realm_access.roles".into(), json!(["leads"]));
    let identity = mapping::identity(&settings(), &two).unwrap();
    assert_eq!(identity.role.as_str(), "soc-lead", "a claim of that very name comes first");
}

#[test]
fn only_what_looks_like_the_providers_token_goes_there() {
    let clock = Arc::new(event::ManualClock::at(Timestamp::from_secs(NOW)));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sign_on = SignOn::open(&settings(), None, clock.clone()).unwrap().unwrap();
    assert!(sign_on.takes("a.b.c") && !sign_on.takes("msk_abc") && !sign_on.takes("a.b.c.d"));
    let without = Oidc { api_audience: String::new(), ..settings() };
    assert!(!SignOn::open(&without, None, clock.clone()).unwrap().unwrap().takes("a.b.c"));
    assert!(SignOn::open(&Oidc::default(), None, clock).unwrap().is_none());
}

//! Tokens signed by keys that the tests make, and what must not pass for one.

use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap()
}

fn key(pair: &EcdsaKeyPair, more: Value) -> Value {
    let point = pair.public_key().as_ref();
    let mut key = json!({ "kty": "EC", "crv": "P-256", "x": encoded(&point[1..33]), "y": encoded(&point[33..]) });
    key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    key
}

fn set(keys: &[Value]) -> PublicKeys {
    PublicKeys::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn signed(pair: &EcdsaKeyPair, header: Value, payload: &str) -> String {
    let message = format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(payload.as_bytes()));
    let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", encoded(signature.as_ref()))
}

fn verify(token: &str, keys: &PublicKeys) -> Result<Vec<u8>, JoseError> {
    SignedToken::parse(token)?.verify(keys)
}

#[test]
fn a_good_token_is_read_and_another_key_is_not_enough() {
    let (one, two) = (pair(), pair());
    let keys = set(&[key(&one, json!({ "kid": "1", "use": "sig", "alg": "ES256" }))]);
    let token = signed(&one, json!({ "alg": "ES256", "kid": "1", "typ": "application/AT+jwt" }), "{\"a\":1}");
    assert_eq!(SignedToken::parse(&token).unwrap().kind(), "at+jwt");
    assert_eq!(SignedToken::parse(&token).unwrap().key_id(), Some("1"));
    assert_eq!(verify(&token, &keys).unwrap(), b"{\"a\":1}");
    let other = signed(&two, json!({ "alg": "ES256", "kid": "1" }), "{}");
    assert_eq!(verify(&other, &keys), Err(JoseError::Signature));
    let unknown = signed(&one, json!({ "alg": "ES256", "kid": "9" }), "{}");
    assert_eq!(verify(&unknown, &keys), Err(JoseError::Signature), "a name that the set does not have");
    assert!(verify(&signed(&one, json!({ "alg": "ES256" }), "{}"), &keys).is_ok(), "no name: whichever fits");
    assert!(keys.holds("1") && !keys.holds("9"));
}

#[test]
fn no_token_chooses_how_it_is_checked() {
    let one = pair();
    let keys = set(&[key(&one, json!({ "kid": "1" }))]);
    for algorithm in ["none", "None", "HS256", "HS512", "ES512", "", "es256"] {
        let token = signed(&one, json!({ "alg": algorithm, "kid": "1" }), "{}");
        assert_eq!(verify(&token, &keys), Err(JoseError::Algorithm { algorithm: algorithm.to_owned() }));
    }
    for algorithm in ["RS256", "PS256", "ES384", "EdDSA"] {
        let token = signed(&one, json!({ "alg": algorithm, "kid": "1" }), "{}");
        assert_eq!(verify(&token, &keys), Err(JoseError::Signature), "{algorithm} with a P-256 key");
    }
    let token = signed(&one, json!({ "alg": "ES256", "crit": ["b64"], "b64": false }), "{}");
    assert_eq!(verify(&token, &keys), Err(JoseError::Critical));
    let bound = set(&[key(&one, json!({ "alg": "ES384" }))]);
    assert!(
        verify(&signed(&one, json!({ "alg": "ES256" }), "{}"), &bound).is_err(),
        "the key is for another algorithm"
    );
    let token = signed(&one, json!({ "alg": "ES256" }), "{}");
    let (message, _) = token.rsplit_once('.').unwrap();
    for broken in [format!("{message}."), message.to_owned(), format!("{token}="), format!("{token}.x"), String::new()]
    {
        assert!(verify(&broken, &keys).is_err(), "{broken}");
    }
}

#[test]
fn only_public_signing_keys_are_kept() {
    let one = pair();
    for odd in [
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
        key(&one, json!({ "use": "enc" })),
        key(&one, json!({ "d": "AAAA" })),
        key(&one, json!({ "x": "AAAA" })),
        key(&one, json!({ "crv": "P-521" })),
        key(&one, json!({ "alg": "HS256" })),
        json!({ "kty": 7 }),
        json!("key"),
    ] {
        assert!(set(std::slice::from_ref(&odd)).0.is_empty(), "{odd}");
    }
    assert_eq!(PublicKeys::parse(b"{}").unwrap_err(), JoseError::Keys);
    let many: Vec<Value> = (0..100).map(|at| key(&one, json!({ "kid": at.to_string() }))).collect();
    assert_eq!(set(&many).0.len(), KEYS_MAX);
}

#[test]
fn edwards_keys_are_read() {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let keys = set(&[json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key().as_ref()) })]);
    let message = format!("{}.{}", encoded(b"{\"alg\":\"EdDSA\"}"), encoded(b"{}"));
    let token = format!("{message}.{}", encoded(pair.sign(message.as_bytes()).as_ref()));
    assert!(verify(&token, &keys).is_ok());
}

/// Made by OpenSSL 3 (`openssl dgst -sha256 -sign`, for PS256 with `rsa_padding_mode:pss`).
#[test]
fn what_another_program_signed_with_rsa_verifies() {
    let keys = set(&[
        json!({ "kty": "RSA", "e": "AQAB", "n": "2EYM1g8TlmD1-k38rPOAV5oKkZ95oj3PaAOYUEAXSnD-JhTYViZo_d-dBOHB2C01dOjKgbMRpxQmhxiTez99_995zfnhluSYFfmQxXBNGNe42RWYpdguRPknYyaiUMITDw5jd7KPdDpYl2XtYYYqlfA65WJ4kMFPB2tWYXhjfUwl4LC_4tcr1wAFNkBcWz7aYmhiZajTL_DjlrlxqF0CHoLSvfQx52O3zLVLWWKo98asK5nDkvUSiwpi15kQ7zApwahr5euKIpvvFOz5DgmKv6E02h1mQg9fKZjKgNX9Izu8afJ7sNRBnlUJ5P_xFxGneLumKgeZ1q81FrNKA1OBdw" }),
    ]);
    for (algorithm, token) in [
        (
            "RS256",
            "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UifQ.0oZIXqp0XZELA4s9zG-izGnQvLDtLYE4kfl236Ul6uP3j3RAEEmX2AAI4b7PPvzyZyDz67unBOC4ZtNpgIqowINV7kpSvzKM2rGwWZlXFqIWo0XourzQ5cdRhl3wIu6pRAOC0WCqZbg-KtCyh1Ay29s60tCziVPtA9IkgKyGAKTOvCPEEiCx5astSIG-fpSTZw3jscA2W7iR3YE81EGlG-UvbhSJGhCx7gWsCsRsOkdfMz_6NchXyOQUXQ6EA4xgu6oQ0m9qywPJQQusLpTAE6FNbtAReN3FSkYWEdziNWfvBykF7SCvm0Zo6x0kR4QIW1-UNyUHGbNUmf89W26gXA",
        ),
        (
            "PS256",
            "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJqb2UifQ.JuISXjgd39FLIm7YaYwohVDt-24fGBbT5oc4us5tBdFkIkZ5wU4Qud5J7InZjzpTaAcTEZKqcsfb9I7odQEj6zslaJ79LGjWEeXv6VjPqTZx3-VdSz7jFieDDerVfXDdFLejnhaB3GYrkueGYEiqMtfjIQjiqSWpQ5d909d7r3GV0Ke5RO-JeqZy48p5DsT0aIznYReQIpFFHLmg4LzX0vIlr0vqpt5vHuWOVphHXydJ_na9jFIgxv1QzkZDgsBfcBO9MamppHb4eez-WHtutuPlMLRrhQZ6l3Jwij29MvDQ4lWbcQmFkNglFfpSFN2xo2Z4imK6g_urJYfvOjqpjQ",
        ),
    ] {
        assert_eq!(verify(token, &keys).unwrap(), b"{\"iss\":\"joe\"}", "{algorithm}");
        assert!(verify(&token.replace(".eyJpc3MiOiJqb2Ui", ".eyJpc3MiOiJqb2Ei"), &keys).is_err());
        let bound = set(&[
            json!({ "kty": "RSA", "e": "AQAB", "n": "2EYM1g8TlmD1-k38rPOAV5oKkZ95oj3PaAOYUEAXSnD-JhTYViZo_d-dBOHB2C01dOjKgbMRpxQmhxiTez99_995zfnhluSYFfmQxXBNGNe42RWYpdguRPknYyaiUMITDw5jd7KPdDpYl2XtYYYqlfA65WJ4kMFPB2tWYXhjfUwl4LC_4tcr1wAFNkBcWz7aYmhiZajTL_DjlrlxqF0CHoLSvfQx52O3zLVLWWKo98asK5nDkvUSiwpi15kQ7zApwahr5euKIpvvFOz5DgmKv6E02h1mQg9fKZjKgNX9Izu8afJ7sNRBnlUJ5P_xFxGneLumKgeZ1q81FrNKA1OBdw", "alg": "RS384" }),
        ]);
        assert!(verify(token, &bound).is_err(), "the key is for another algorithm");
    }
}

proptest! {
    #[test]
    fn garbage_is_refused_without_panic(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let keys = PublicKeys::default();
        prop_assert!(verify(&text, &keys).is_err());
        let _ = PublicKeys::parse(&bytes);
    }

    #[test]
    fn any_changed_character_is_refused(at in any::<prop::sample::Index>()) {
        let one = pair();
        let keys = set(&[key(&one, json!({}))]);
        let mut token = signed(&one, json!({ "alg": "ES256" }), "{\"sub\":\"lan\"}").into_bytes();
        let at = at.index(token.len());
        token[at] = if token[at] == b'A' { b'B' } else { b'A' };
        prop_assert!(verify(std::str::from_utf8(&token).unwrap(), &keys).is_err());
    }
}

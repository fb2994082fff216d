//! A signed token and a set of keys of a sign-on provider: whatever the bytes are, nothing is proven by them.
#![no_main]
use keys::jose::{PublicKeys, SignedToken};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (keys, token) = bytes.split_at(bytes.len() / 2);
    let keys = PublicKeys::parse(keys).unwrap_or_default();
    if let Ok(text) = std::str::from_utf8(token)
        && let Ok(token) = SignedToken::parse(text)
    {
        let _ = token.kind();
        let _ = token.verify(&keys);
    }
});

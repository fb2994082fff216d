//! A certificate signing request.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = pki::ProvenKey::from_pem(bytes);
    let _ = pki::ProvenKey::from_der(bytes);
});

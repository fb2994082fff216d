//! A bundle of rules, packed and unpacked, and the signed note in it.
#![no_main]
use detector::rulebook::bundle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = bundle::inspect_unpacked(bytes);
    let _ = bundle::inspect(bytes);
    let _ = keys::read_note(bytes);
});

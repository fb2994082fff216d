//! A proof of an event.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(proof) = ledger::EventProof::parse(bytes) {
        assert!(!proof.holds(&[0; 32]));
    }
});

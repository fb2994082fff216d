//! A playbook.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|yaml: &str| {
    let _ = responder::Playbook::parse("fuzz.yml", yaml);
});

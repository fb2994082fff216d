//! The body of `_bulk`.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = collector::source::body::bulk(bytes, 4_096);
});

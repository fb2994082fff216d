//! A batch of an edge: as it travels, and as it is unpacked.
#![no_main]
use collector::edge::Batch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Batch::decode(bytes);
    if let Ok(packed) = zstd::bulk::compress(bytes, 1) {
        let _ = Batch::decode(&packed);
    }
});

//! The name of a tile, and a bundle of entries.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(path) = ledger::TilePath::parse(text)
    {
        assert_eq!(path.to_string(), text);
    }
    let _ = ledger::parse_bundle(bytes);
});

//! A file of any form: compressed, EVTX, JSON, lines.
#![no_main]
use collector::file::{self, FileSettings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let stream = Box::new(std::io::Cursor::new(bytes.to_vec()));
    if let Ok(reader) = file::read(std::path::Path::new("fuzz"), stream, &FileSettings::default()) {
        for record in reader.take(10_000) {
            let _ = record;
        }
    }
});

//! The manifest of a backup and its signature: what is read leads nowhere but into the backup.
#![no_main]
use libfuzzer_sys::fuzz_target;

#[path = "../../metrosoc/src/backup/manifest.rs"]
#[expect(dead_code, reason = "the binary uses the rest")]
mod manifest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(read) = manifest::Manifest::parse(bytes) {
        for file in &read.files {
            assert!(!file.path.split('/').any(|part| matches!(part, "" | "." | "..")));
        }
    }
    if let Ok(signature) = serde_json::from_slice::<manifest::Signature>(bytes) {
        let _ = signature.check(bytes, None);
    }
});

//! What was learnt of sources on disk: damaged bytes are refused or harmless, also when time goes on.
#![no_main]
use std::time::Duration;

use collector::health::{Bounds, Health};
use event::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut now = Timestamp::from_secs(1_793_664_000);
    if let Ok(mut health) = Health::load(bytes, Bounds::default(), now) {
        for secs in [1, 1, 3_600, 700_000] {
            now = now.plus(Duration::from_secs(secs));
            let _ = health.look(&[], &[], true, now);
        }
        let saved = health.save();
        assert!(Health::load(&saved, Bounds::default(), now).is_ok());
    }
});

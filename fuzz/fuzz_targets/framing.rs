//! Syslog framing: newline and octet counting, in two pieces.
#![no_main]
use collector::source::{FrameLimits, Framer, Frames};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = FrameLimits { frame_bytes_max: 4_096, ..FrameLimits::default() };
    let (mut framer, mut frames) = (Framer::new(limits), Frames::default());
    let (first, second) = bytes.split_at(bytes.len() / 2);
    framer.push(first, &mut frames);
    framer.push(second, &mut frames);
    framer.finish(true, &mut frames);
    assert!(frames.into_frames().all(|(frame, _)| frame.len() <= 4_096));
});

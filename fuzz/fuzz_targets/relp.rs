//! RELP frames, in two pieces: the same frames as in one.
#![no_main]
use collector::source::FrameLimits;
use collector::source::relp::{RelpFrames, RelpReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let read = |parts: [&[u8]; 2]| {
        let limits = FrameLimits { frame_bytes_max: 4_096, count_max: 8_192 };
        let (mut reader, mut frames) = (RelpReader::new(limits), RelpFrames::default());
        let fault = parts.into_iter().find_map(|part| reader.push(part, &mut frames).err());
        (frames.into_frames().collect::<Vec<_>>(), fault)
    };
    let whole = read([bytes, &[]]);
    assert_eq!(whole, read(bytes.split_at(bytes.len() / 2).into()));
    assert!(whole.0.iter().all(|frame| frame.data.len() <= 16 * 1024));
});

//! Tables and properties of the framer.

use proptest::prelude::*;

use super::*;

const SMALL: FrameLimits = FrameLimits { frame_bytes_max: 20, count_max: 100 };

fn frames(limits: FrameLimits, parts: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
    let (mut framer, mut frames) = (Framer::new(limits), Frames::default());
    for part in parts {
        framer.push(part, &mut frames);
    }
    framer.finish(true, &mut frames);
    frames.into_frames().map(|(frame, truncated)| (frame.to_vec(), truncated)).collect()
}

fn check(input: &str, expected: &[&str]) {
    let found: Vec<_> = frames(SMALL, &[input.as_bytes()])
        .into_iter()
        .map(|(frame, truncated)| String::from_utf8(frame).unwrap() + if truncated { "…" } else { "" })
        .collect();
    assert_eq!(found, expected, "{input:?}");
}

#[test]
fn both_framings_are_told_apart_frame_by_frame() {
    check("<13>a\n<13>b\r\n", &["<13>a", "<13>b"]);
    check("5 <13>a6 <13>bc", &["<13>a", "<13>bc"]);
    check("5 <13>a\n<13>b\n6 <13>cd<13>e\n", &["<13>a", "<13>b", "<13>cd", "<13>e"]);
    check("8 <13>a\nbc6 <13>d\n<13>e", &["<13>a\nbc", "<13>d", "<13>e"]);
    check("\n\r\n\n<13>a\n\n", &["<13>a"]);
    check("", &[]);
}

#[test]
fn what_looks_like_a_count_and_is_none_is_text() {
    check("12 monkeys\n<13>a\n", &["12 monkeys", "<13>a"]);
    check("2026-11-03 x\n", &["2026-11-03 x"]);
    check("0 <13>a\n", &["0 <13>a"]);
    check("05 <13>a\n", &["05 <13>a"]);
    check("123\n5 <13>a", &["123", "<13>a"]);
    check("1234", &["1234"]);
    check("12345678901 <1>a\nb\n", &["12345678901 <1>a", "b"]);
}

#[test]
fn an_absurd_count_allocates_nothing_and_costs_one_line() {
    check("4294967295 <13>a\n<13>good\n", &["4294967295 <13>a", "<13>good"]);
    let mut framer = Framer::new(FrameLimits::default());
    let mut out = Frames::default();
    framer.push(b"16777216 <13>", &mut out);
    assert!(framer.held_bytes() < 100 && framer.is_mid_frame() && out.is_empty());
}

#[test]
fn long_frames_are_cut_and_marked() {
    check("<13>aaaaaaaaaaaaaaaaBBBBBB\n<13>b\n", &["<13>aaaaaaaaaaaaaaaa…", "<13>b"]);
    check("26 <13>aaaaaaaaaaaaaaaaBBBBBB<13>b\n", &["<13>aaaaaaaaaaaaaaaa…", "<13>b"]);
    check("9 <13>a", &["<13>a…"]);
    let mut out = Frames::default();
    let mut framer = Framer::new(SMALL);
    framer.push(&[b'x'; 1000], &mut out);
    framer.push(b"\n", &mut out);
    assert_eq!((out.len(), out.cut_bytes), (1, 980));
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => proptest::collection::vec(any::<u8>(), 0..30),
        3 => "<[0-9]{1,3}>[ -~]{0,40}\n".prop_map(String::into_bytes),
        3 => "<[0-9]{1,3}>[ -~\n]{0,40}".prop_map(|text| format!("{} {text}", text.len()).into_bytes()),
        1 => "[0-9]{1,12} ?<?".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(stream in stream(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..10)) {
        let whole = frames(SMALL, &[&stream]);
        let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.sort_unstable();
        let mut parts = Vec::new();
        let mut start = 0;
        for place in places.into_iter().chain([stream.len()]) {
            parts.push(&stream[start..place]);
            start = place;
        }
        prop_assert_eq!(frames(SMALL, &parts), whole.clone());
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(frames(SMALL, &single), whole);
    }

    #[test]
    fn memory_is_bounded_and_every_frame_is_short_enough(stream in stream()) {
        let (mut framer, mut out) = (Framer::new(SMALL), Frames::default());
        for part in stream.chunks(3) {
            framer.push(part, &mut out);
            prop_assert!(framer.held_bytes() <= 64);
        }
        framer.finish(true, &mut out);
        prop_assert!(out.bytes_total() <= stream.len());
        prop_assert!(out.into_frames().all(|(frame, _)| !frame.is_empty() && frame.len() <= SMALL.frame_bytes_max));
    }

    #[test]
    fn good_frames_come_back_whole(texts in proptest::collection::vec(("<[0-9]{1,3}>[a-z ]{0,14}", any::<bool>()), 0..20)) {
        let mut stream = Vec::new();
        for (text, counted) in &texts {
            stream.extend(if *counted { format!("{} {text}", text.len()) } else { format!("{text}\n") }.into_bytes());
        }
        let found: Vec<_> = frames(SMALL, &[&stream]).into_iter().map(|(frame, _)| String::from_utf8(frame).unwrap()).collect();
        let expected: Vec<_> = texts.into_iter().map(|(text, _)| text).collect();
        prop_assert_eq!(found, expected);
    }
}

//! States over a restart.

use proptest::prelude::*;
use ring::digest::{SHA256, digest};

use super::*;

const KINDS: [(&str, &str); 9] = [
    ("event_count", "condition: {gte: 3}"),
    ("value_count", "condition: {field: n, gte: 3}"),
    ("temporal", "rules: [a, b, c]"),
    ("temporal_ordered", "rules: [a, b, c]"),
    ("value_sum", "condition: {field: n, gt: 12}"),
    ("value_avg", "condition: {field: n, lt: 4}"),
    ("value_percentile", "condition: {field: n, percentile: 75, gt: 6}"),
    ("value_median", "condition: {field: n, gt: 6}"),
    ("event_count", "condition: {eq: 2}"),
];

fn all() -> String {
    let one = |(number, (measure, rest)): (usize, &(&str, &str))| named(&format!("x{number}"), measure, rest);
    KINDS.iter().enumerate().map(one).collect()
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    let line = ("[abc]", 0..400_u32, "[xy]", 0..9_u8);
    let line = line.prop_map(|(rule, time, host, n)| format!("{rule} {time} host={host} n={n}"));
    prop::collection::vec(line, 1..60)
}

fn small() -> Settings {
    Settings { hits_per_group_max: 8, ..Settings::default() }
}

fn restarted(run: &Run) -> Run {
    let plan = plan_of(&all());
    let bytes = run.state.save(&run.plan);
    let restored = State::load(&plan, small(), &bytes).unwrap();
    assert_eq!(restored.forgotten, []);
    assert_eq!(restored.state.totals(), run.state.totals());
    assert_eq!(restored.state.save(&plan), bytes);
    Run { plan, state: restored.state, out: Vec::new() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_restart_changes_nothing(lines in lines(), cut in 0..60_usize) {
        let (before, after) = lines.split_at(cut.min(lines.len()));
        let mut whole = Run::new(&all(), small());
        before.iter().for_each(|line| whole.take(line));
        let mut second = restarted(&whole);
        whole.out.clear();
        // What was taken is not taken again.
        for (id, line) in before.iter().enumerate() {
            second.take_as(id as u64, line);
        }
        prop_assert_eq!(&second.out, &[]);
        for run in [&mut whole, &mut second] {
            after.iter().for_each(|line| run.take(line));
            run.advance(1 << 32);
        }
        // Windows that are due at the same time are decided in any order.
        let [mut one, mut other] = [whole.told(), second.told()];
        one.sort_unstable();
        other.sort_unstable();
        prop_assert_eq!(one, other);
    }

    #[test]
    fn damaged_bytes_are_refused_and_never_panic(
        lines in lines(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..2),
        len in any::<prop::sample::Index>(),
        sealed: bool,
    ) {
        let mut run = Run::new(&all(), small());
        lines.iter().for_each(|line| run.take(line));
        let mut bytes = run.state.save(&run.plan);
        let whole = bytes.len() - 32;
        for (at, flip) in flips {
            bytes[at.index(whole)] ^= flip;
        }
        if sealed {
            // As if the checksum were right.
            bytes.truncate(len.index(whole) + 1);
            let checksum = digest(&SHA256, &bytes);
            bytes.extend_from_slice(checksum.as_ref());
            if let Ok(restored) = State::load(&run.plan, small(), &bytes) {
                run.state = restored.state;
                run.take("a 100 host=x n=1");
                run.advance(1 << 32);
            }
        } else {
            prop_assert!(State::load(&run.plan, small(), &bytes).is_err());
            bytes.truncate(len.index(whole));
            prop_assert!(State::load(&run.plan, small(), &bytes).is_err());
        }
    }
}

#[test]
fn a_changed_correlation_loses_its_state_alone() {
    let inner = named("inner", "event_count", "condition: {gte: 3}");
    let outer = named("outer", "event_count", "rules: [inner]\ncondition: {gte: 2}");
    let other = named("other", "event_count", "rules: [b]\ncondition: {gte: 2}");
    let mut run = Run::new(&(inner.clone() + &outer + &other), Settings::default());
    for line in ["a 1 host=x", "a 2 host=x", "a 3 host=x", "b 4 host=x"] {
        run.take(line);
    }
    let bytes = run.state.save(&run.plan);
    // In another order, with another threshold of the inner one.
    let plan = plan_of(&(other + &outer + &inner.replace("gte: 3", "gte: 4")));
    let restored = State::load(&plan, Settings::default(), &bytes).unwrap();
    let mut called: Vec<_> = restored.forgotten.iter().map(|gone| (gone.called.as_str(), gone.groups)).collect();
    called.sort_unstable();
    assert_eq!(called, [("inner", 1), ("outer", 1)]);
    let mut run = Run { plan, state: restored.state, out: Vec::new() };
    run.take("b 5 host=x");
    assert_eq!(run.told(), ["other 5 x =2 [3, 4]"]);
}

#[test]
fn what_is_no_checkpoint_is_told() {
    let plan = plan_of(&all());
    let told = |bytes: &[u8]| State::load(&plan, small(), bytes).unwrap_err().to_string();
    assert_eq!(told(b""), "correlation checkpoint is none: it does not begin like one");
    assert_eq!(told(&[0; 100]), "correlation checkpoint is none: it does not begin like one");
    let mut bytes = State::new(&plan, small()).save(&plan);
    bytes[8] = 9;
    assert_eq!(told(&bytes), "correlation checkpoint is damaged: its checksum differs");
    bytes.truncate(bytes.len() - 32);
    let checksum = digest(&SHA256, &bytes);
    bytes.extend_from_slice(checksum.as_ref());
    assert_eq!(told(&bytes), "correlation checkpoint has version 9, this release reads 1");
}

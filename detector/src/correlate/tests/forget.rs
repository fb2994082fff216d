//! What is forgotten before its time, and what stays.

use super::*;

fn forget(run: &mut Run, values: &[&str]) -> usize {
    let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
    run.state.forget(&run.plan, &values)
}

#[test]
fn groups_of_a_value_go_and_the_others_stay() {
    let mut run = Run::new(&one("event_count", "condition: {gte: 3}"), Settings::default());
    for line in ["a 1 host=Lan.Nguyen", "a 1 host=mail:lan.nguyen@x", "a 1 host=other", "a 2 host=other"] {
        run.take(line);
    }
    assert_eq!(forget(&mut run, &["lan.nguyen", ""]), 2);
    assert_eq!((run.state.groups_len(), forget(&mut run, &["lan.nguyen"])), (1, 0));
    let saved = String::from_utf8_lossy(&run.state.save(&run.plan)).to_lowercase();
    assert!(!saved.contains("lan.nguyen") && saved.contains("other"));
    // Both go on: one from where it was, the other anew.
    for line in ["a 3 host=other", "a 3 host=Lan.Nguyen", "a 4 host=Lan.Nguyen"] {
        run.take(line);
    }
    assert_eq!(run.told(), ["x 3 other =3 [2, 3, 4]"]);
}

#[test]
fn windows_that_wait_go_too() {
    let mut run = Run::new(&one("event_count", "condition: {lt: 3}"), Settings::default());
    run.take("a 1 host=lan");
    run.take("a 1 host=mai");
    assert_eq!(forget(&mut run, &["lan"]), 1);
    run.advance(1 << 32);
    let told = run.told();
    assert!(told.len() == 1 && told[0].contains("mai"), "{told:?}");
}

#[test]
fn counted_values_go_with_their_group() {
    for long in ["0912345678", "a value that is longer than fifteen bytes"] {
        let value = long.replace(' ', "_");
        let text = one("value_count", "condition: {field: user, gte: 2}");
        let mut run = Run::new(&text, Settings::default());
        run.take(&format!("a 1 host=x user={value}"));
        run.take("a 1 host=y user=another");
        assert_eq!(forget(&mut run, &[&value]), 1, "{value}");
        assert_eq!(run.state.groups_len(), 1);
    }
}

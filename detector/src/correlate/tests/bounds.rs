//! What happens at the bounds: groups, hits in a group, bytes.

use super::*;

fn settings(groups_max: usize, hits_per_group_max: usize) -> Settings {
    Settings { groups_max, hits_per_group_max, ..Settings::default() }
}

#[test]
fn the_least_recently_used_group_of_the_largest_correlation_gives_way() {
    let text = named("x", "event_count", "condition: {gte: 2}")
        + &named("y", "event_count", "rules: [b]\ncondition: {gte: 2}");
    let mut run = Run::new(&text, settings(4, 100));
    for line in ["b 1 host=q", "a 1 host=p", "a 1 host=r", "a 1 host=s", "a 2 host=t", "a 2 host=u", "a 2 host=p"] {
        run.take(line);
    }
    assert_eq!((run.state.groups_len(), run.state.totals().evicted), (4, 3));
    assert_eq!((run.state.groups_of(0), run.state.groups_of(1)), (3, 1));
    for line in ["b 3 host=q", "a 3 host=t", "a 3 host=s"] {
        run.take(line);
    }
    assert_eq!(run.told(), ["y 3 q =2 [0, 7]", "x 3 t =2 [4, 8]"]);
}

#[test]
fn groups_go_when_their_time_has_passed() {
    let mut run = Run::new(&one("event_count", "condition: {gte: 2}"), Settings::default());
    for host in 0..100 {
        run.take(&format!("a {host} host={host}"));
    }
    run.advance(400);
    assert_eq!(run.state.groups_len(), 60);
    run.take("a 500 host=x");
    run.take("a 500 host=x");
    assert_eq!((run.state.groups_len(), run.state.totals().evicted), (57, 0));
    run.advance(1 << 32);
    assert_eq!(run.state.groups_len(), 0);
    let empty = run.state.bytes();
    assert!(empty < 100_000, "{empty}");
}

#[test]
fn a_count_beyond_the_hits_that_are_kept_stays_right() {
    let mut run = Run::new(&one("event_count", "timespan: 1h\ncondition: {gte: 5000}"), settings(10, 100));
    for hit in 0..5_000 {
        assert_eq!(run.out, []);
        run.take(&format!("a {} host=x", f64::from(hit) / 10.0));
    }
    let found = run.out.remove(0);
    assert_eq!((found.value, found.events_total, found.events.len()), (5_000.0, 5_000, 100));
    assert_eq!((found.events[0], found.events[99]), (EventId(4_900), EventId(4_999)));
    assert_eq!(run.state.totals().dropped, 0);
    assert!(run.state.bytes() < 100_000, "{}", run.state.bytes());
    // They leave the window as single ones would, to 1/4096 of the timespan.
    let mut run = Run::new(&one("event_count", "timespan: 1h\ncondition: {gte: 5000}"), settings(10, 100));
    for hit in 0..4_999 {
        run.take(&format!("a {} host=x", f64::from(hit) / 10.0));
    }
    run.take("a 3601 host=x");
    assert_eq!(run.told(), [""; 0]);
    let sum = one("value_sum", "timespan: 1h\ncondition: {field: n, gte: 4999.5}");
    let mut run = Run::new(&sum, settings(10, 100));
    for hit in 0..9_999 {
        run.take(&format!("a {} host=x n=0.5", f64::from(hit) / 10.0));
    }
    assert_eq!(run.out.len(), 1);
    let few = one("event_count", "timespan: 1h\ncondition: {lte: 4999, gt: 4000}");
    let mut run = Run::new(&few, settings(10, 100));
    for hit in 0..5_500 {
        run.take(&format!("a {hit} host=x"));
    }
    run.advance(1 << 32);
    let values: Vec<f64> = run.out.iter().map(|found| found.value).collect();
    assert!(values.is_empty(), "{values:?}");
    let few = few.replace("lte: 4999, gt: 4000", "lte: 3601, gt: 1898");
    let mut run = Run::new(&few, settings(10, 100));
    for hit in 0..5_500 {
        run.take(&format!("a {hit} host=x"));
    }
    run.advance(1 << 32);
    let values: Vec<f64> = run.out.iter().map(|found| found.value).collect();
    assert_eq!(values, [3_601.0, 1_899.0]);
}

#[test]
fn different_values_and_rules_outlive_repeated_ones() {
    let mut run = Run::new(&one("value_count", "timespan: 1h\ncondition: {field: user, gte: 21}"), settings(10, 100));
    for hit in 0..20 {
        run.take(&format!("a {hit} host=x user={hit}"));
    }
    for hit in 0..5_000 {
        run.take(&format!("a {} host=x user=0", 20.0 + f64::from(hit) / 10.0));
    }
    run.take("a 600 host=x user=last");
    assert_eq!(run.out.len(), 1);
    assert_eq!((run.out[0].value, run.state.totals().dropped), (21.0, 0));
    let mut run = Run::new(&one("temporal_ordered", "rules: [a, b, c]\ntimespan: 1h"), settings(10, 100));
    run.take("a 1 host=x");
    for hit in 0..5_000 {
        run.take(&format!("b {} host=x", 2.0 + f64::from(hit) / 10.0));
    }
    run.take("c 600 host=x");
    assert_eq!(run.out.len(), 1);
    let events = &run.out[0].events;
    assert_eq!((events.first(), events.last()), (Some(&EventId(0)), Some(&EventId(5_001))));
}

#[test]
fn what_is_dropped_is_counted() {
    let mut run = Run::new(&one("value_median", "condition: {field: n, gt: 5}"), settings(10, 100));
    for hit in 0..1_000 {
        run.take(&format!("a {} host=x n=1", f64::from(hit) / 100.0));
    }
    let totals = run.state.totals();
    assert!(totals.dropped >= 900 - 26 && totals.dropped < 1_000, "{totals:?}");
}

#[test]
fn memory_has_a_bound() {
    let bytes_max = 1_000_000;
    let mut run = Run::new(&one("event_count", "condition: {gte: 2}"), Settings { bytes_max, ..Settings::default() });
    for host in 0..20_000 {
        run.take(&format!("a 1 host={host}"));
    }
    assert!(run.state.bytes() <= bytes_max * 3 / 2, "{}", run.state.bytes());
    assert!(run.state.totals().evicted > 10_000 && run.state.groups_len() > 500, "{}", run.state.groups_len());
}

//! Hits out of order, late, repeated, and with clocks that are wrong.

use std::sync::Arc;

use event::{KnownBy, Origin, SiteId, SourceId, Transport};

use super::*;

#[test]
fn hits_out_of_order_are_placed() {
    let text = one("event_count", "condition: {gte: 3}");
    check(&text, "a 100 host=x\na 102 host=x\na 101 host=x", &["x 102 x =3 [0, 2, 1]"]);
    // The window that it completes ends before the newest hit.
    check(&text, "a 10 host=x\na 20 host=x\na 200 host=x\na 15 host=x", &["x 20 x =3 [0, 3, 1]"]);
    let ordered = one("temporal_ordered", "rules: [a, b]");
    check(&ordered, "b 20 host=x\na 10 host=x", &["x 20 x =2 [1, 0]"]);
    check(&ordered, "a 20 host=x\nb 10 host=x", &[]);
    // Of windows that lie apart each fires; of those that lie near one another the first.
    let hits = "a 10 host=x\na 20 host=x\na 200 host=x\na 201 host=x\na 202 host=x\na 15 host=x\na 16 host=x";
    check(&text, hits, &["x 202 x =3 [2, 3, 4]", "x 20 x =3 [0, 5, 1]"]);
}

#[test]
fn late_hits_are_counted_not_silent() {
    let mut run = Run::new(&one("event_count", "condition: {gte: 3}"), Settings::default());
    for line in ["a 1000 host=x", "a 700 host=x", "a 699.9 host=x", "a 5 host=y"] {
        run.take(line);
    }
    assert_eq!((run.state.totals().late, run.state.totals().taken), (1, 3));
    // A timespan that is longer than the lateness takes what still shares a window.
    let text = one("event_count", "timespan: 1h\ncondition: {gte: 3}");
    check(&text, "a 4000 host=x\na 400 host=x\na 399 host=x\na 500 host=x", &["x 4000 x =3 [1, 3, 0]"]);
    // What was decided stays decided.
    let mut run = Run::new(&one("event_count", "condition: {lt: 3}"), Settings::default());
    for line in ["a 1 host=x", "a 400 host=y", "a 61 host=x", "a 62 host=x"] {
        run.take(line);
    }
    assert_eq!(run.told(), ["x 61 x =1 [0]"]);
    assert_eq!(run.state.totals().late, 1);
}

#[test]
fn a_site_that_delivers_hours_late_loses_nothing() {
    let text = one("event_count", "condition: {gte: 3}");
    check(&text, "a 90000 host=x\na 10 host=y\na 11 host=y\na 90001 host=x\na 12 host=y", &["x 12 y =3 [1, 2, 4]"]);
    let few = one("event_count", "condition: {lt: 3}");
    check(
        &few,
        "a 90000 host=x\na 10 host=y\na 90001 host=z\na 11 host=y\na 12 host=y\na 90360 host=w",
        &["x 90060 x =1 [0]"],
    );
}

#[test]
fn events_below_the_position_are_ignored() {
    let mut run = Run::new(&one("event_count", "condition: {gte: 3}"), Settings::default());
    run.take_as(5, "a 1 host=x");
    run.take_as(5, "a 1 host=x");
    run.take_as(4, "a 1 host=x");
    run.take_as(6, "a 2 host=x");
    assert_eq!((run.state.position(), run.state.totals().repeated), (EventId(7), 2));
    run.state.passed(EventId(10));
    run.take_as(9, "a 3 host=x");
    assert_eq!((run.told(), run.state.totals().repeated), (Vec::new(), 3));
    run.take_as(10, "a 3 host=x");
    assert_eq!(run.told(), ["x 3 x =3 [5, 6, 10]"]);
}

#[test]
fn a_clock_that_is_ahead_is_not_believed() {
    let mut run = Run::new(&one("event_count", "condition: {gte: 3}"), Settings::default());
    let origin = Arc::new(Origin {
        site: SiteId::new("quay-1").unwrap(),
        agency: None,
        known_by: KnownBy::Certificate,
        source: SourceId::new("syslog").unwrap(),
        transport: Transport::SyslogTls,
        peer: None,
    });
    let take = |run: &mut Run, id: u64, received: i64, time: i64| {
        let mut event = event_of(&["host=x"]);
        event.origin = Some(Arc::clone(&origin));
        event.received = Timestamp::from_secs(received);
        let hit = Hit { rule: 0, event: &event, id: EventId(id), time: Timestamp::from_secs(time) };
        run.state.take(&run.plan, hit, &mut run.out);
    };
    take(&mut run, 0, 1_000, 9_000_000);
    take(&mut run, 1, 1_001, 1_000);
    take(&mut run, 2, 1_002, 1_100);
    assert_eq!((run.state.totals().ahead, run.state.totals().late), (1, 0));
    take(&mut run, 3, 1_003, 1_003);
    assert_eq!(run.told(), ["x 1003 x =3 [0, 1, 3]"]);
}

//! Every type of correlation, chains and aliases.

use super::*;

const GTE_3: &str = "condition: {gte: 3}";

#[test]
fn event_count_counts_events_of_a_group() {
    let text = one("event_count", GTE_3);
    check(&text, "a 1 host=x\na 2 host=y\na 3 host=x\na 61 host=x", &["x 61 x =3 [0, 2, 3]"]);
    check(&text, "a 1 host=x\na 3 host=x\na 61.001 host=x", &[]);
    check(&text, "a 1 ecs.host=x\na 2 host=x\na 3\na 4 host=x", &["x 4 x =3 [0, 1, 3]"]);
    check(&one("event_count", "group-by: []\ncondition: {gt: 1}"), "a 1\na 2 host=x", &["x 2  =2 [0, 1]"]);
    // An event that two rules matched is one event.
    let two = one("event_count", "rules: [a, b]\ncondition: {gte: 2}");
    check(&two, "ab 1 host=x\nb 2 host=x", &["x 2 x =2 [0, 1]"]);
}

#[test]
fn a_group_fires_once_a_timespan() {
    let text = one("event_count", GTE_3);
    let flood: String = (0..130).map(|second| format!("a {second} host=x\n")).collect();
    let told = outcome(&text, &flood, false);
    let times: Vec<&str> = told.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(times, ["2", "63", "124"]);
    check(
        &text,
        "a 1 host=x\na 2 host=x\na 3 host=x\na 90 host=x\na 91 host=x\na 92 host=x",
        &["x 3 x =3 [0, 1, 2]", "x 92 x =3 [3, 4, 5]"],
    );
}

#[test]
fn value_count_counts_different_values() {
    let text = one("value_count", "condition: {field: user, gte: 3}");
    let hits = "a 1 host=x user=u\na 2 host=x user=u\na 3 host=x user=v\na 4 host=x\na 5 host=x user=w";
    check(&text, hits, &["x 5 x =3 [0, 1, 2, 4]"]);
    check(&text, "a 1 host=x user=u\na 30 host=x user=v\na 62 host=x user=w", &[]);
    let pair = one("value_count", "condition: {field: [user, port], gte: 2}");
    check(
        &pair,
        "a 1 host=x user=u port=1\na 2 host=x user=u port=1\na 3 host=x user=u port=2",
        &["x 3 x =2 [0, 1, 2]"],
    );
    let long = "v".repeat(500);
    check(
        &text,
        &format!("a 1 host=x user={long}\na 2 host=x user={long}1\na 3 host=x user={long}2"),
        &["x 3 x =3 [0, 1, 2]"],
    );
}

#[test]
fn temporal_wants_every_rule_in_any_order() {
    let text = one("temporal", "rules: [a, b, c]");
    check(&text, "c 1 host=x\na 2 host=x\nb 3 host=y\nb 61 host=x", &["x 61 x =3 [0, 1, 3]"]);
    check(&text, "c 1 host=x\na 2 host=x\nb 61.5 host=x", &[]);
    check(&text, "abc 1 host=x", &["x 1 x =3 [0]"]);
    let two = one("temporal", "rules: [a, b, c]\ncondition: {gte: 2}");
    check(&two, "c 1 host=x\nc 2 host=x\nb 3 host=x", &["x 3 x =2 [0, 1, 2]"]);
    let either = one("temporal", "rules: [a, b, c]\ncondition: a and (b or c)");
    check(&either, "b 1 host=x\nc 2 host=x\na 3 host=x", &["x 3 x =3 [0, 1, 2]"]);
    let own = one("temporal", "rules:\ncondition: a and b").replace("rules:\n", "#\n");
    check(&own, "b 1 host=x\na 3 host=x", &["x 3 x =2 [0, 1]"]);
}

#[test]
fn temporal_ordered_wants_them_in_order() {
    let text = one("temporal_ordered", "rules: [a, b, c]");
    check(&text, "a 1 host=x\nb 2 host=x\na 3 host=x\nc 4 host=x", &["x 4 x =3 [0, 1, 2, 3]"]);
    check(&text, "b 1 host=x\na 2 host=x\nc 3 host=x\nb 4 host=x", &[]);
    check(&text, "a 1 host=x\nb 50 host=x\nc 62 host=x\na 63 host=x\nc 64 host=x", &[]);
    // Of the same time: in order.
    check(&text, "c 1 host=x\nb 1 host=x\na 1 host=x", &["x 1 x =3 [0, 1, 2]"]);
    let two = one("temporal_ordered", "rules: [a, b, c]\ncondition: {gte: 2}");
    check(&two, "c 1 host=x\nb 2 host=x\na 3 host=x\nc 4 host=x", &["x 4 x =2 [0, 1, 2, 3]"]);
    let either = one("temporal_ordered", "rules: [a, b, c]\ncondition: (a or b) and c");
    check(&either, "c 1 host=x\nb 2 host=x\na 3 host=x\nc 4 host=x", &["x 4 x =2 [0, 1, 2, 3]"]);
}

#[test]
fn numbers_are_summed_averaged_and_ranked() {
    let hits = "a 1 host=x n=1\na 2 host=x n=4\na 3 host=x n=many\na 4 host=x n=2.5\na 5 host=x n=9";
    check(&one("value_sum", "condition: {field: n, gte: 7.5}"), hits, &["x 4 x =7.5 [0, 1, 3]"]);
    check(&one("value_avg", "condition: {field: n, gt: 4}"), hits, &["x 5 x =4.125 [0, 1, 3, 4]"]);
    check(&one("value_median", "condition: {field: n, gt: 3}"), hits, &["x 5 x =3.25 [0, 1, 3, 4]"]);
    check(&one("value_median", "condition: {field: n, gte: 2.5}"), hits, &["x 2 x =2.5 [0, 1]"]);
    let rank =
        |percentile: u32| one("value_percentile", &format!("condition: {{field: n, percentile: {percentile}, gt: 3}}"));
    check(&rank(75), hits, &["x 2 x =4 [0, 1]"]);
    check(&rank(50), hits, &[]);
    check(&rank(100), "a 1 host=x n=1\na 2 host=x n=2\na 3 host=x n=-9\na 4 host=x n=7", &["x 4 x =7 [0, 1, 2, 3]"]);
    // A large number that came and went leaves the small ones as they were.
    let large = "a 1 host=x n=1e18\na 2 host=x n=0.125\na 62 host=x n=-1e18\na 63 host=x n=0.5\na 123 host=x n=0.25";
    check(&one("value_sum", "condition: {field: n, gte: 1, lte: 2}"), large, &[]);
    check(&one("value_sum", "condition: {field: n, gt: 1e19}"), large, &[]);
}

#[test]
fn upper_bounds_are_decided_when_the_window_is_complete() {
    let few = one("event_count", "condition: {lt: 3}");
    check(&few, "a 1 host=x\na 2 host=x", &[]);
    check_ended(&few, "a 1 host=x\na 2 host=x", &["x 61 x =2 [0, 1]"]);
    check_ended(&few, "a 1 host=x\na 2 host=x\na 3 host=x\na 61.5 host=x", &["x 121.5 x =1 [3]"]);
    // The clock goes on with other hits, 300 s of lateness behind the end.
    check(&few, "a 1 host=x\na 361.5 host=y", &["x 61 x =1 [0]"]);
    check(&few, "a 1 host=x\na 360.5 host=y", &[]);
    let exact = one("event_count", "condition: {eq: 2}");
    check_ended(&exact, "a 1 host=x\na 2 host=x\na 1 host=y\na 2 host=y\na 3 host=y", &["x 61 x =2 [0, 1]"]);
    let range = one("value_sum", "condition: {field: n, gt: 3, lte: 5}");
    check_ended(&range, "a 1 host=x n=4\na 2 host=x n=4\na 1 host=y n=5", &["x 61 y =5 [2]"]);
    let not = one("temporal", "rules: [a, b]\ncondition: a and not b");
    check_ended(&not, "a 1 host=x\na 1 host=y\nb 61 host=x\nb 62 host=y", &["x 61 y =1 [1]"]);
    let not = one("temporal_ordered", "rules: [a, b, c]\ncondition: a and c and not b");
    check_ended(&not, "a 1 host=x\nc 2 host=x\nc 1 host=y\na 2 host=y", &["x 61 x =2 [0, 1]"]);
}

#[test]
fn a_silent_group_is_decided_when_time_comes() {
    let mut run = Run::new(&one("event_count", "condition: {lte: 2}"), Settings::default());
    run.take("a 100 host=x");
    run.advance(459);
    assert_eq!(run.told(), [""; 0]);
    run.advance(460);
    assert_eq!(run.told(), ["x 160 x =1 [0]"]);
    run.advance(1_000);
    assert_eq!((run.told(), run.state.groups_len()), (Vec::new(), 0));
}

#[test]
fn chains_see_group_values_and_the_completing_event() {
    let failures = named("failures", "event_count", "group-by: [host]\ncondition: {gte: 2}");
    let chain = failures + &named("chain", "temporal_ordered", "rules: [failures, b]\ngroup-by: [host, user]");
    check(
        &chain,
        "a 1 host=x user=u\na 2 host=x user=u\nb 3 host=x user=v\nb 4 host=x user=u",
        &["chain 4 x,u =2 [1, 3]"],
    );
    // The inner one is silent unless it is to be generated.
    let loud = chain.replace("type: temporal_ordered", "generate: true\n  type: temporal_ordered");
    check(
        &loud,
        "a 1 host=x user=u\na 2 host=x user=u\nb 4 host=x user=u",
        &["failures 2 x =2 [0, 1]", "chain 4 x,u =2 [1, 2]"],
    );
    let spread = named("failures", "event_count", "condition: {gte: 2}")
        + &named("spread", "value_count", "rules: [failures]\ngroup-by: []\ncondition: {field: host, gte: 2}")
        + &named("top", "event_count", "rules: [spread]\ngroup-by: []\ncondition: {gte: 1}");
    check(&spread, "a 1 host=x\na 2 host=x\na 3 host=y\na 4 host=y", &["top 4  =1 [3]"]);
    // A window that closes has no event at hand; its group is there.
    let few = named("few", "event_count", "condition: {lt: 2}")
        + &named("wide", "value_count", "rules: [few]\ngroup-by: []\ncondition: {field: host, gte: 2}");
    check_ended(&few, "a 1 host=x\na 2 host=y", &["wide 62  =2 [0, 1]"]);
}

#[test]
fn aliases_name_fields_by_rule() {
    let aliases = "rules: [a, b]\ngroup-by: [inner]\naliases:\n  inner:\n    a: dst\n    b: src";
    let text = one("temporal", aliases);
    check(&text, "a 1 dst=1.1.1.1 src=2.2.2.2\nb 2 dst=1.1.1.1\nb 3 src=1.1.1.1", &["x 3 1.1.1.1 =2 [0, 2]"]);
    // A rule that the alias leaves out has the field under the alias's own name.
    let text = one("temporal", "rules: [a, b]\ngroup-by: [inner]\naliases: {inner: {a: dst}}");
    check(&text, "a 1 dst=1.1.1.1\nb 2 inner=1.1.1.1", &["x 2 1.1.1.1 =2 [0, 1]"]);
    let text = one("value_count", "rules: [a, b]\naliases: {ip: {a: dst, b: src}}\ncondition: {field: ip, gte: 2}");
    check(&text, "ab 1 host=x dst=1 src=2", &["x 1 x =2 [0]"]);
    let chain = named("many", "event_count", "group-by: [dst]\ncondition: {gte: 2}")
        + &named("chain", "temporal", "rules: [many, b]\ngroup-by: [ip]\naliases: {ip: {many: dst, b: src}}");
    check(&chain, "a 1 dst=1\na 2 dst=1\nb 3 src=1", &["chain 3 1 =2 [1, 2]"]);
}

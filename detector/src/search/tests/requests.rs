//! Requests that cannot be answered say why; bounds hold.

use super::*;

#[test]
fn bad_requests_say_what_is_wrong() {
    let house = everything();
    let check = |request: SearchRequest, expected: &str| {
        let error = house.search.search(&reader(), &request).unwrap_err();
        assert!(error.to_string().contains(expected), "{error} should say {expected}");
        assert!(error.is_request());
    };
    let aggregate =
        |form: Value| SearchRequest { aggregations: [("x".to_owned(), form)].into_iter().collect(), ..request("") };
    check(request("user.name:"), "character 11");
    check(request("source.ip:10.0.0.0/40"), "character 1: `10.0.0.0/40` is not a network");
    check(request("@timestamp:yesterday"), "`yesterday` is no time");
    check(request("message:[a TO b]"), "a message has no order");
    check(SearchRequest { limit: Some(1_001), ..request("") }, "`limit`: at most 1000");
    check(SearchRequest { from: Some("soon".to_owned()), ..request("") }, "`from`");
    check(SearchRequest { from: Some("now".to_owned()), to: Some("now-1h".to_owned()), ..request("") }, "lies behind");
    check(aggregate(json!({"terms": {"field": "user.name", "size": 10_001}})), "size is 1 to 10000");
    check(aggregate(json!({"terms": {"field": "message"}})), "cannot be counted");
    check(aggregate(json!({"date_histogram": {"field": "user.name", "interval": "1h"}})), "the field is");
    check(aggregate(json!({"date_histogram": {"field": "@timestamp", "interval": "0h"}})), "interval `0h`");
    check(aggregate(json!({"date_histogram": {"field": "@timestamp", "interval": "1é"}})), "interval `1é`");
    check(aggregate(json!({"date_histogram": {"field": "@timestamp", "interval": "1s"}, "x": 1})), "aggregations.x");
    check(aggregate(json!({"avg": {"field": "source.port"}})), "aggregations.x");
    let many = (0..11).map(|at| (at.to_string(), json!({"terms": {"field": "user.name"}}))).collect();
    check(SearchRequest { aggregations: many, ..request("") }, "at most 10");
    let mut far = event(400);
    far.claimed = Some(Timestamp::from_secs(0));
    house.index.add(&[far]).unwrap();
    house.index.flush().unwrap();
    check(aggregate(json!({"date_histogram": {"field": "@timestamp", "interval": "1m"}})), "more than 10000 intervals");
}

#[test]
fn bounds_of_time_and_breadth_hold() {
    let house = everything();
    let narrow = SearchSettings { values_max: 3, ..SearchSettings::default() };
    let search = house.search.clone().with_settings(narrow);
    assert!(matches!(search.search(&reader(), &request("user.name:*a*")), Err(SearchError::TooBroad { limit: 3 })));
    let hurried = SearchSettings { timeout: Duration::ZERO, ..SearchSettings::default() };
    let search = house.search.clone().with_settings(hurried);
    assert!(matches!(search.search(&reader(), &request("")), Err(SearchError::TimedOut { .. })));
}

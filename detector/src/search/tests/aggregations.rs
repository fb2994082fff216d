//! Terms and histograms, against plain counts.

use super::*;

#[test]
fn terms_are_counted_as_a_plain_count_does() {
    let house = everything();
    let fields = [
        "user.name",
        "source.ip",
        "source.port",
        "lgsp.purpose",
        "custom.count",
        "tags",
        "event.dataset",
        "metrosoc.site.id",
        "nothing",
    ];
    for field in fields {
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for event in house.events.iter().filter(|event| event.get_str("event.dataset") != Some("cef")) {
            let values: BTreeSet<String> = match field {
                "metrosoc.site.id" => [format!("site-{}", event.id.0 % 6)].into(),
                _ => event.get_all(field).map(|value| value.text().into_owned()).collect(),
            };
            values.into_iter().for_each(|value| *expected.entry(value).or_default() += 1);
        }
        let found =
            buckets(&house, &reader(), "NOT event.dataset:cef", json!({"terms": {"field": field, "size": 10_000}}));
        let found = found.unwrap();
        assert!(found.windows(2).all(|pair| pair[0].1 >= pair[1].1));
        let text = |key: &Value| key.as_str().map_or_else(|| key.to_string(), str::to_owned);
        let found: BTreeMap<String, u64> = found.iter().map(|(key, count)| (text(key), *count)).collect();
        assert_eq!(found, expected, "{field}");
    }
}

#[test]
fn a_histogram_counts_every_event_once() {
    let house = everything();
    let form = json!({"date_histogram": {"field": "@timestamp", "interval": "10m"}});
    let found = buckets(&house, &reader(), "", form).unwrap();
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for event in &house.events {
        let start = event.timestamp().secs().div_euclid(600) * 600;
        *expected.entry(Timestamp::from_secs(start).to_string()).or_default() += 1;
    }
    let filled: BTreeMap<String, u64> = found
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(key, count)| (key.as_str().unwrap().to_owned(), *count))
        .collect();
    assert_eq!(filled, expected);
    let keys: Vec<_> =
        found.iter().map(|(key, _)| Timestamp::parse_rfc3339(key.as_str().unwrap()).unwrap().secs()).collect();
    assert!(keys.windows(2).all(|pair| pair[1] - pair[0] == 600));
}

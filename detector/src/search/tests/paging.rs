//! Order, pages and exports: nothing is skipped and nothing comes twice.

use super::*;

#[test]
fn times_bound_the_search_and_order_the_hits() {
    let house = everything();
    for sort in [Sort::Descending, Sort::Ascending] {
        let request = SearchRequest {
            from: Some("now-2h".to_owned()),
            to: Some("now-90m".to_owned()),
            sort: Some(sort),
            ..request("user.name:root")
        };
        let answer = house.search.search(&reader(), &request).unwrap();
        let range = Timestamp::from_secs(NOW - 7_200)..=Timestamp::from_secs(NOW - 5_400);
        let mut expected: Vec<_> = house
            .events
            .iter()
            .filter(|event| event.get_str("user.name") == Some("root") && range.contains(&event.timestamp()))
            .map(|event| (event.timestamp(), event.id))
            .collect();
        expected.sort();
        if sort == Sort::Descending {
            expected.reverse();
        }
        assert!(!expected.is_empty());
        assert_eq!(answer.hits.iter().map(|hit| (hit.time, hit.id)).collect::<Vec<_>>(), expected);
        assert_eq!(answer.explanation, ["p, analyst-tier2, events, read"]);
    }
}

fn pages(house: &House, request: &SearchRequest, mut between: impl FnMut()) -> Vec<u64> {
    let mut request = request.clone();
    let mut found = Vec::new();
    let mut total = None;
    loop {
        let answer = house.search.search(&reader(), &request).unwrap();
        assert!(answer.hits.len() <= request.limit.unwrap());
        assert_eq!(*total.get_or_insert(answer.total), answer.total);
        found.extend(answer.hits.iter().map(|hit| hit.id.0));
        let Some(next) = answer.next else { return found };
        request.cursor = Some(next);
        between();
    }
}

#[test]
fn pages_neither_skip_nor_repeat_while_events_arrive() {
    let house = everything();
    for sort in [Sort::Descending, Sort::Ascending] {
        let whole = SearchRequest { sort: Some(sort), ..request("event.dataset:cef OR user.name:root") };
        let expected: Vec<u64> =
            house.search.search(&reader(), &whole).unwrap().hits.iter().map(|hit| hit.id.0).collect();
        let paged = SearchRequest { limit: Some(7), ..whole };
        let mut next = house.index.position().unwrap().0;
        let found = pages(&house, &paged, || {
            let mut late = event(next);
            late.claimed = Some(Timestamp::from_secs(NOW - 7_000));
            house.index.add(&[late]).unwrap();
            house.index.flush().unwrap();
            next += 1;
        });
        assert_eq!(found, expected);
    }
}

#[test]
fn hits_of_one_moment_page_by_id() {
    let mut events: Vec<Event> = (0..50).map(event).collect();
    events.iter_mut().for_each(|event| event.claimed = Some(Timestamp::from_secs(NOW - 5_000)));
    let house = house(events);
    let found = pages(&house, &SearchRequest { limit: Some(3), ..request("") }, || {});
    assert_eq!(found, (0..50).rev().collect::<Vec<_>>());
}

#[test]
fn a_changed_cursor_is_refused() {
    let house = everything();
    let first = SearchRequest { limit: Some(5), ..request("user.name:root") };
    let next = house.search.search(&reader(), &first).unwrap().next.unwrap();
    let refused = |request: &SearchRequest| {
        assert!(matches!(house.search.search(&reader(), request), Err(SearchError::Cursor)), "{request:?}");
    };
    for at in 0..next.len() {
        let mut changed = next.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        refused(&SearchRequest { cursor: String::from_utf8(changed).ok(), ..first.clone() });
    }
    for cursor in ["", "x", "====", "é", &next[1..], &format!("{next}AAAA")] {
        refused(&SearchRequest { cursor: Some((*cursor).to_owned()), ..first.clone() });
    }
    let next = Some(next);
    refused(&SearchRequest { cursor: next.clone(), query: "user.name:*".to_owned(), ..first.clone() });
    refused(&SearchRequest { cursor: next.clone(), from: Some("now-1d".to_owned()), ..first.clone() });
    refused(&SearchRequest { cursor: next.clone(), sort: Some(Sort::Ascending), ..first.clone() });
    assert!(house.search.search(&reader(), &SearchRequest { cursor: next, ..first }).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_cursor_is_read_or_refused(cursor in "[A-Za-z0-9_-]{0,90}") {
        prop_assert!(cursor::Cursor::read(&cursor, &request("")).is_err());
    }
}

#[test]
fn an_export_gives_every_hit_in_order() {
    let house = house((0..2_500).map(event).collect());
    let permit = permit_of(Operation::Export, Scope::all(), Arc::new(NoMasks));
    let hits: Vec<Hit> = house.search.export(&permit, &request("")).unwrap().map(Result::unwrap).collect();
    assert_eq!(hits.len(), 2_500);
    assert!(hits.windows(2).all(|pair| (pair[0].time, pair[0].id) > (pair[1].time, pair[1].id)));
}

#[test]
fn every_page_of_every_window_is_what_a_walk_over_all_events_finds() {
    let house = everything();
    // Sealed slices have one segment of many stretches, the newest several of a few.
    while house.index.seal_next(Timestamp::from_secs(NOW + 86_400)).unwrap().is_some() {}
    let windows = [(None, None), (Some(8_000), None), (None, Some(6_500)), (Some(8_100), Some(8_000)), (Some(5), None)];
    for (query, user) in [("*", None), ("user.name:root", Some("root")), ("user.name:sv*", Some("svc_backup"))] {
        for (sort, (from, to)) in
            [Sort::Descending, Sort::Ascending].iter().flat_map(|sort| windows.map(|one| (*sort, one)))
        {
            let text = |bound: Option<i64>| bound.map(|secs| Timestamp::from_secs(NOW - secs).to_string());
            let bound = |text: Option<i64>| text.map(|secs: i64| Timestamp::from_secs(NOW - secs));
            let within =
                |time: Timestamp| bound(from).is_none_or(|from| time >= from) && bound(to).is_none_or(|to| time <= to);
            let mut expected: Vec<_> = house
                .events
                .iter()
                .filter(|event| {
                    within(event.timestamp()) && user.is_none_or(|user| event.get_str("user.name") == Some(user))
                })
                .map(|event| (event.timestamp(), event.id.0))
                .collect();
            expected.sort_unstable();
            if sort == Sort::Descending {
                expected.reverse();
            }
            let expected: Vec<u64> = expected.into_iter().map(|(_, id)| id).collect();
            for limit in [3, 50, 1_000] {
                let request = SearchRequest {
                    from: text(from),
                    to: text(to),
                    sort: Some(sort),
                    limit: Some(limit),
                    ..request(query)
                };
                assert_eq!(pages(&house, &request, || {}), expected, "{request:?}");
                let total = house.search.search(&reader(), &request).unwrap().total;
                assert_eq!(total, expected.len() as u64, "{request:?}");
            }
        }
    }
}

#[test]
fn small_pages_of_every_kind_of_query_are_the_large_one() {
    let house = everything();
    while house.index.seal_next(Timestamp::from_secs(NOW + 86_400)).unwrap().is_some() {}
    let queries = [
        "\"Failed password\"",
        "\"password root\"~3",
        "Fail* AND user.name:root",
        "message:(Đăng AND nhập)",
        "NOT \"Failed password for root\"",
        "event.dataset:cef AND NOT (\"for root\" OR source.port:[10 TO 20])",
        "source.ip:10.0.0.0/8",
        "source.ip:[10.0.0.0 TO 10.2.0.0] OR 2001:db8::/32",
        "source.port:[3 TO 7]",
        "lgsp.purpose:*",
        "cef.*:10.1*",
        "custom.count:[* TO 4] AND tags:b",
        "user.name:/unused/ OR metrosoc.agency.id:agency-1",
    ];
    let mut asked = 0;
    for query in queries {
        for (sort, permit) in
            [Sort::Descending, Sort::Ascending].into_iter().zip([reader(), scoped_to_sites(&["site-1", "site-4"])])
        {
            let whole = SearchRequest { sort: Some(sort), ..request(query) };
            let Ok(answer) = house.search.search(&permit, &whole) else { continue };
            let all: Vec<u64> = answer.hits.iter().map(|hit| hit.id.0).collect();
            assert_eq!(all.len() as u64, answer.total, "{query}");
            asked += usize::from(!all.is_empty());
            let mut paged = SearchRequest { limit: Some(2), ..whole };
            let mut found = Vec::new();
            loop {
                let page = house.search.search(&permit, &paged).unwrap();
                found.extend(page.hits.iter().map(|hit| hit.id.0));
                let Some(next) = page.next else { break };
                paged.cursor = Some(next);
            }
            assert_eq!(found, all, "{query}");
        }
    }
    assert!(asked > 2 * 9, "{asked} questions found something");
}

fn scoped_to_sites(sites: &[&str]) -> Permit {
    let sites = sites.iter().map(|site| SiteId::new(*site).unwrap()).collect();
    permit_of(Operation::Read, Scope { agencies: Reach::All, sites: Reach::Only(sites) }, Arc::new(NoMasks))
}

#[test]
fn a_search_that_does_not_count_gives_the_same_pages() {
    let house = everything();
    while house.index.seal_next(Timestamp::from_secs(NOW + 86_400)).unwrap().is_some() {}
    let counted = SearchRequest { limit: Some(7), ..request("user.name:root") };
    let quick = SearchRequest { track_total_hits: Some(false), ..counted.clone() };
    let (all, first) =
        (house.search.search(&reader(), &counted).unwrap(), house.search.search(&reader(), &quick).unwrap());
    assert_eq!((first.total, first.total_is_at_least), (8, true), "a page, and one more");
    assert_eq!((all.total, all.total_is_at_least), (80, false));
    assert_eq!(first.hits, all.hits);
    let mut found = first.hits;
    let mut next = first.next;
    while let Some(cursor) = next {
        let page = house.search.search(&reader(), &SearchRequest { cursor: Some(cursor), ..quick.clone() }).unwrap();
        found.extend(page.hits);
        next = page.next;
    }
    let whole = house.search.search(&reader(), &SearchRequest { limit: Some(1_000), ..counted }).unwrap();
    assert_eq!(found, whole.hits);
    // What is aggregated is counted.
    let mut aggregated = quick;
    aggregated.aggregations.insert("by".to_owned(), json!({ "terms": { "field": "user.name" } }));
    let answer = house.search.search(&reader(), &aggregated).unwrap();
    assert_eq!((answer.total, answer.total_is_at_least), (80, false));
}

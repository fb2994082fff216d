//! What a query finds, marks and names, against a plain filter over the same events.

use super::*;

#[test]
fn answers_are_those_of_a_plain_filter() {
    let house = everything();
    let is = |event: &Event, field: &str, value: &str| event.get_all(field).any(|found| found.text() == value);
    type Filter<'f> = Box<dyn Fn(&Event) -> bool + 'f>;
    let cases: Vec<(&str, Filter<'_>)> = vec![
        ("", Box::new(|_| true)),
        ("*", Box::new(|_| true)),
        ("user.name:root", Box::new(|event| is(event, "user.name", "root"))),
        ("user.name:Root", Box::new(|_| false)),
        ("user.name:\"tran thi b\"", Box::new(|event| is(event, "user.name", "tran thi b"))),
        (r"user.name:tran\ thi\ b", Box::new(|event| is(event, "user.name", "tran thi b"))),
        (
            "user.name:(root OR Administrator)",
            Box::new(|event| is(event, "user.name", "root") || is(event, "user.name", "Administrator")),
        ),
        ("NOT user.name:root", Box::new(|event| !is(event, "user.name", "root"))),
        ("-user.name:root", Box::new(|event| !is(event, "user.name", "root"))),
        (
            "user.name:root AND NOT event.dataset:cef",
            Box::new(|event| is(event, "user.name", "root") && !is(event, "event.dataset", "cef")),
        ),
        ("+user.name:root event.dataset:cef", Box::new(|event| is(event, "user.name", "root"))),
        ("user.name:s*", Box::new(|event| is(event, "user.name", "svc_backup"))),
        ("user.name:*a?a", Box::new(|event| is(event, "user.name", "nguyenvana"))),
        ("event.dataset:*.*", Box::new(|event| !is(event, "event.dataset", "cef"))),
        ("tags:b", Box::new(|event| is(event, "tags", "b"))),
        ("tags:a", Box::new(|_| true)),
        ("source.ip:10.0.0.0/8", Box::new(|event| within(event, "source.ip", "10.0.0.0/8"))),
        ("source.ip:10.1.0.0/16", Box::new(|event| within(event, "source.ip", "10.1.0.0/16"))),
        ("source.ip:2001:db8::/32", Box::new(|event| within(event, "source.ip", "2001:db8::/32"))),
        ("source.ip:2001:db8:2::/48", Box::new(|event| within(event, "source.ip", "2001:db8:2::/48"))),
        ("source.ip:\"2001:db8:2::/48\"", Box::new(|event| within(event, "source.ip", "2001:db8:2::/48"))),
        ("source.ip:::/0", Box::new(|event| within(event, "source.ip", "::/0"))),
        ("source.ip:::ffff:0:0/96", Box::new(|event| within(event, "source.ip", "::ffff:0:0/96"))),
        ("source.ip:0.0.0.0/0", Box::new(|event| within(event, "source.ip", "0.0.0.0/0"))),
        ("2001:db8:1::/48", Box::new(|event| within(event, "source.ip", "2001:db8:1::/48"))),
        (
            "cef.extensions.src:2001:db8:2::/48",
            Box::new(|event| within(event, "cef.extensions.src", "2001:db8:2::/48")),
        ),
        ("cef.extensions.src:192.168.0.0/23", Box::new(|event| within(event, "cef.extensions.src", "192.168.0.0/23"))),
        ("source.ip:2001:db8:1::1", Box::new(|event| address(event, "source.ip") == "2001:db8:1::1".parse().ok())),
        (
            "source.ip:2001:0db8:0001:0::1",
            Box::new(|event| address(event, "source.ip") == "2001:db8:1::1".parse().ok()),
        ),
        ("source.ip:192.168.*", Box::new(|event| within(event, "source.ip", "192.168.0.0/16"))),
        (
            "source.ip:[10.1.0.0 TO 10.2.255.255]",
            Box::new(|event| within(event, "source.ip", "10.1.0.0/16") || within(event, "source.ip", "10.2.0.0/16")),
        ),
        ("source.ip:>=2001:db8:3::", Box::new(|event| within(event, "source.ip", "2001:db8:3::/48"))),
        ("source.ip:not-an-address", Box::new(|event| is(event, "source.ip", "not-an-address"))),
        ("source.ip:*", Box::new(|_| true)),
        ("source.port:7", Box::new(|event| number(event, "source.port") == Some(7))),
        (
            "source.port:[3 TO 5]",
            Box::new(|event| number(event, "source.port").is_some_and(|port| (3..=5).contains(&port))),
        ),
        ("source.port:{3 TO 5}", Box::new(|event| number(event, "source.port") == Some(4))),
        (
            "source.port:[3 TO 5}",
            Box::new(|event| number(event, "source.port").is_some_and(|port| (3..5).contains(&port))),
        ),
        ("source.port:>=48.5", Box::new(|event| number(event, "source.port") == Some(49))),
        ("source.port:<2", Box::new(|event| number(event, "source.port").is_some_and(|port| port < 2))),
        ("source.port:4?", Box::new(|event| number(event, "source.port").is_some_and(|port| port >= 40))),
        ("custom.count:10", Box::new(|event| number(event, "custom.count") == Some(10))),
        (
            "custom.count:[2 TO 10]",
            Box::new(|event| number(event, "custom.count").is_some_and(|count| (2..=10).contains(&count))),
        ),
        ("custom.count:>25", Box::new(|event| number(event, "custom.count").is_some_and(|count| count > 25))),
        ("custom.count:*", Box::new(|event| event.has("custom.count"))),
        ("_exists_:lgsp.purpose", Box::new(|event| event.has("lgsp.purpose"))),
        ("NOT lgsp.purpose:*", Box::new(|event| !event.has("lgsp.purpose"))),
        ("lgsp.purpose:\"purpose 2\"", Box::new(|event| is(event, "lgsp.purpose", "purpose 2"))),
        ("nothing.here:*", Box::new(|_| false)),
        ("nothing.here:x", Box::new(|_| false)),
        ("custom.*:10", Box::new(|event| number(event, "custom.count") == Some(10))),
        ("\"password for root\"", Box::new(|event| is(event, "user.name", "root"))),
        ("\"for password root\"", Box::new(|_| false)),
        ("\"failed for\"~1", Box::new(|_| true)),
        ("administrator", Box::new(|event| is(event, "user.name", "Administrator"))),
        ("svc_back*", Box::new(|event| is(event, "user.name", "svc_backup"))),
        ("message:svc_backup", Box::new(|event| is(event, "user.name", "svc_backup"))),
        ("failed AND root", Box::new(|event| is(event, "user.name", "root"))),
        (
            "root administrator",
            Box::new(|event| is(event, "user.name", "root") || is(event, "user.name", "Administrator")),
        ),
        ("\"đăng nhập\"", Box::new(|_| true)),
        ("\"dang nhap 3\"", Box::new(|event| event.id.0 % 10 == 3)),
        ("NOT \"1 1\" OR ?", Box::new(|_| true)),
        ("failed AND NOT \"for root\"", Box::new(|event| !is(event, "user.name", "root"))),
        ("\"đang nhập\"", Box::new(|_| false)),
        ("10.1.0.*", Box::new(|event| event.get_str("message").unwrap().contains(" 10.1.0."))),
        ("metrosoc.site.id:site-3", Box::new(|event| event.id.0 % 6 == 3)),
        ("metrosoc.agency.id:*", Box::new(|event| !event.id.0.is_multiple_of(5))),
        ("_id:17", Box::new(|event| event.id.0 == 17)),
        ("@timestamp:>=now-2h", Box::new(|event| event.timestamp() >= Timestamp::from_secs(NOW - 7_200))),
        (
            "@timestamp:[now-150m TO now-2h}",
            Box::new(|event| {
                (Timestamp::from_secs(NOW - 9_000)..Timestamp::from_secs(NOW - 7_200)).contains(&event.timestamp())
            }),
        ),
        ("event.ingested:<now-2h", Box::new(|event| event.received < Timestamp::from_secs(NOW - 7_200))),
    ];
    let permit = reader();
    for (query, filter) in cases {
        let expected: BTreeSet<u64> =
            house.events.iter().filter(|event| filter(event)).map(|event| event.id.0).collect();
        assert_eq!(ids(&house, &permit, query), expected, "{query}");
    }
}

#[test]
fn what_matched_is_marked() {
    let house = everything();
    let check = |query: &str, field: &str, expected: &str| {
        let request = SearchRequest { limit: Some(1), ..request(&format!("_id:1 AND ({query})")) };
        let answer = house.search.search(&reader(), &request).unwrap();
        let marked = answer.hits[0].highlight.get(field).map(|values| {
            let show =
                |segment: &Segment| if segment.hit { format!("[{}]", segment.text) } else { segment.text.clone() };
            values.iter().map(|value| value.iter().map(show).collect::<String>()).collect::<Vec<_>>().join("|")
        });
        assert_eq!(marked.as_deref().unwrap_or("none"), expected, "{query}");
    };
    check("failed", "message", "[Failed] password for svc_backup from 2001:db8:1::1 Đăng nhập 1");
    check("\"password for\"", "message", "Failed [password for] svc_backup from 2001:db8:1::1 Đăng nhập 1");
    check("dang", "message", "Failed password for svc_backup from 2001:db8:1::1 [Đăng] nhập 1");
    check("svc*", "message", "Failed password for [svc_backup] from 2001:db8:1::1 Đăng nhập 1");
    check("user.name:svc_backup", "user.name", "[svc_backup]");
    check("source.ip:2001:db8::/32", "source.ip", "[2001:db8:1::1]");
    check("source.port:>=1", "source.port", "[1]");
    check("user.name:* AND NOT failing", "message", "none");
}

#[test]
fn fields_are_told() {
    let house = everything();
    let fields = house.search.fields(&reader()).unwrap();
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    for name in [
        "@timestamp",
        "message",
        "user.name",
        "source.ip",
        "source.port",
        "cef.extensions.src",
        "custom.count",
        "tags",
        "metrosoc.site.id",
    ] {
        assert!(names.contains(&name), "{name} is missing of {names:?}");
    }
    assert!(!names.contains(&"process.name") && !names.iter().any(|name| name.starts_with('_')));
}

#[test]
fn any_query_that_reads_is_answered() {
    let house = house((0..60).map(event).collect());
    let query = "[a-c*?:\"()\\[\\] 1./<>=~+!-]{0,24}|(user.name|source.ip|source.port|@timestamp|message|x.y):[a-z0-9*?./:\"\\[\\] TO<>=-]{1,16}";
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    });
    runner
        .run(&query, |query| match house.search.search(&reader(), &request(&query)) {
            Err(SearchError::Index(error)) => Err(TestCaseError::fail(format!("{query}: {error}"))),
            _ => Ok(()),
        })
        .unwrap();
}

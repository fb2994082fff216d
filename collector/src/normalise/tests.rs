//! The small steps that mappings are made of.

use super::*;

#[test]
fn addresses_are_told_from_names() {
    let check = |text: &str, ip: Option<&str>, name: Option<&str>| {
        let mut event = Event::new();
        event.push("a", text).unwrap();
        address("a", "source.ip", "source.domain", &mut event).unwrap();
        assert_eq!((event.get_str("source.ip"), event.get_str("source.domain")), (ip, name), "{text}");
    };
    check("2001:db8::1", Some("2001:db8::1"), None);
    check("::ffff:192.0.2.1", Some("192.0.2.1"), None);
    check("fe80::1%eth0", Some("fe80::1"), None);
    check("192.0.2.1%eth0", None, Some("192.0.2.1%eth0"));
    check("host.example", None, Some("host.example"));
    check("-", None, None);
    check("1.2.3", None, Some("1.2.3"));
}

#[test]
fn urls_are_split() {
    let check = |text: &str, expected: [Option<&str>; 4]| {
        let mut event = Event::new();
        event.push("url.original", text).unwrap();
        url(&mut event).unwrap();
        let names = ["url.scheme", "url.domain", "url.path", "url.query"];
        assert_eq!(names.map(|name| event.get_str(name)), expected, "{text}");
    };
    check("/a/b?c=d&e", [None, None, Some("/a/b"), Some("c=d&e")]);
    check("https://x.vn:8443/p#f", [Some("https"), Some("x.vn:8443"), Some("/p"), None]);
    check("https://x.vn?q=1", [Some("https"), Some("x.vn"), None, Some("q=1")]);
    check("?q=/a://b", [None, None, None, Some("q=/a://b")]);
    check("", [None; 4]);
}

#[test]
fn numbers_are_read() {
    let mut event = Event::new();
    event.push("a", "0xfbe").unwrap();
    event.push("b", "12").unwrap();
    event.push("c", "x").unwrap();
    for name in ["a", "b", "c"] {
        number(name, &format!("{name}.n"), &mut event).unwrap();
    }
    assert_eq!(["a.n", "b.n", "c.n"].map(|name| event.get(name)), [Some(Value::Int(4030)), Some(Value::Int(12)), None]);
    assert_eq!((outcome("DROP"), outcome("Allow"), outcome("maybe")), (Some("failure"), Some("success"), None));
}

//! Documents, whole and broken.

use proptest::prelude::*;

use super::*;

fn walked(text: &str) -> String {
    let mut event = Event::new();
    match walk(text, &mut event) {
        Ok(()) => serde_json::Value::Object(event::json::to_map(&event)).to_string(),
        Err(fault) => format!("{fault:?}"),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(walked(text), expected, "{text}");
}

#[test]
fn leaves_get_dotted_names() {
    check(r#" {"a":{"b":1,"c":[true,"x",{"d":null}]},"e":1.5} "#, r#"{"a.b":1,"a.c":[true,"x"],"a.c.d":null,"e":1.5}"#);
    check(
        r#"{"n":-9223372036854775808,"m":18446744073709551615}"#,
        r#"{"n":-9223372036854775808,"m":"18446744073709551615"}"#,
    );
    check(r#"{"":{"":1}}"#, r#"{"":1}"#);
    check("{}", "{}");
}

#[test]
fn names_of_ours_are_set_aside() {
    check(
        r#"{"metrosoc":{"site":{"id":"x"}},"event.original":"y"}"#,
        r#"{"sender.metrosoc.site.id":"x","sender.event.original":"y"}"#,
    );
}

#[test]
fn what_is_no_document_is_refused() {
    for text in ["{", "{\"a\":}", "{\"a\":1} x", "{\"a\":1}{", "{\"a\":\"\\x\"}"] {
        check(text, "Broken");
    }
    for text in ["", "[1]", "1", "null", "x"] {
        check(text, "NoObject");
    }
}

#[test]
fn small_faults_are_mended() {
    check("{\"a\":\"x\\ud800y\"}", "{\"a\":\"x\u{fffd}y\"}");
    check("{\"a\":\"\\ud83d\\ude00 \\udc00\"}", "{\"a\":\"😀 \u{fffd}\"}");
    check("{\"a\":\"x\ty\u{0}z\"}", "{\"a\":\"x y z\"}");
    check("{\"a\":\"\\\\ud800\u{1}\"}", "{\"a\":\"\\\\ud800 \"}");
}

#[test]
fn depth_is_bounded() {
    for depth in [31, 32, 33, 200, 100_000] {
        let text = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let mut event = Event::new();
        walk(&text, &mut event).unwrap();
        assert_eq!(event.len(), 1, "{depth}");
        let lists = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        walk(&lists, &mut event).unwrap();
    }
}

#[test]
fn width_is_bounded() {
    let many = format!("{{\"a\":[{}1]}}", "1,".repeat(20_000));
    let mut event = Event::new();
    walk(&many, &mut event).unwrap();
    assert_eq!(event.len(), LEAVES_MAX + 1);
    assert_eq!(event.get("metrosoc.fields_left_out"), Some(Value::Int(20_001 - LEAVES_MAX as i64)));
    // A long name above many values must not multiply.
    let wide = format!("{{\"{}\":[{}1]}}", "k".repeat(60_000), "1,".repeat(5_000));
    let mut event = Event::new();
    walk(&wide, &mut event).unwrap();
    assert!(event.len() < 200 && event.has("metrosoc.fields_left_out"));
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec(("[a-z@.]{1,6}", inner), 0..4)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_walk_agrees_with_the_tree(json in prop::collection::vec(("[a-z]{1,6}", document()), 0..5)) {
        let json = serde_json::Value::Object(json.into_iter().collect());
        let (mut walked, mut flattened) = (Event::new(), Event::new());
        walk(&json.to_string(), &mut walked).unwrap();
        event::json::flatten("", &json, &mut flattened).unwrap();
        prop_assert_eq!(event::json::to_map(&walked), event::json::to_map(&flattened));
    }

    #[test]
    fn no_text_panics(text in "[{}\\[\\]:,\"\\\\u0-9a-fd\u{0}-\u{1f}é]{0,60}") {
        walked(&text);
        walked(&format!("{{\"a\":\"{text}\"}}"));
    }
}

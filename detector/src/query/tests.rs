//! Tests of the query language.

use proptest::prelude::*;

use super::*;

fn check(query: &str, expected: &str) {
    let found = parse(query, Joint::Or).map_or_else(|error| error.to_string(), |node| node.to_string());
    assert_eq!(found, expected, "{query}");
}

#[test]
fn queries_become_trees() {
    check("", "*");
    check("  ", "*");
    check("*", "*");
    check("error", "error");
    check("user.name:root", "user.name:root");
    check("\"Failed password\"", "\"Failed password\"");
    check("\"a b\"~3", "\"a b\"~3");
    check("a AND b OR c", "((a AND b) OR c)");
    check("a && b || c", "((a AND b) OR c)");
    check("a b", "(a OR b)");
    check("a b AND c", "(a OR (b AND c))");
    check("+a b -c", "(a AND (NOT c))");
    check("+a +b", "(a AND b)");
    check("-a", "(NOT a)");
    check("-a -b", "((NOT a) AND (NOT b))");
    check("a NOT b", "(a AND (NOT b))");
    check("a AND NOT b", "(a AND (NOT b))");
    check("! a", "(NOT a)");
    check("NOT NOT a", "(NOT (NOT a))");
    check("a OR -b", "(a OR (NOT b))");
    check("user.name:(a OR b)", "(user.name:a OR user.name:b)");
    check("user.name:(a b AND x:c)", "(user.name:a OR (user.name:b AND x:c))");
    check("user.name:(+a -\"b c\")", "(user.name:a AND (NOT user.name:\"b c\"))");
    check("source.port:[1 TO 5]", "source.port:[\"1\" TO \"5\"]");
    check("source.port:{1 TO 5}", "source.port:{\"1\" TO \"5\"}");
    check("source.port:[1 TO 5}", "source.port:[\"1\" TO \"5\"}");
    check("source.port:[* TO 5]", "source.port:[* TO \"5\"]");
    check("source.port:[* TO *]", "source.port:*");
    check("source.port:>=5", "source.port:[\"5\" TO *]");
    check("source.port:<5", "source.port:[* TO \"5\"}");
    check("@timestamp:[2026-11-03T00:00:00Z TO now-15m]", "@timestamp:[\"2026-11-03T00:00:00Z\" TO \"now-15m\"]");
    check("@timestamp:>\"2026-11-03 00:00:00Z\"", "@timestamp:{\"2026-11-03 00:00:00Z\" TO *]");
    check("user.name:*", "user.name:*");
    check("_exists_:user.name", "user.name:*");
    check("user.name:a*b?", "user.name:a*b?");
    check("source.ip:2001:db8::/32", r"source.ip:2001\:db8\:\:\/32");
    check("source.ip:\"2001:db8::/32\"", "source.ip:\"2001:db8::/32\"");
    check("2001:db8::1", r"2001\:db8\:\:1");
    check("fe80::1", r"fe80\:\:1");
    check("10:15:00", r"10\:15\:00");
    check(r"user.name:CORP\\admin", r"user.name:CORP\\admin");
    check(r"a\:b", r"a\:b");
    check(r"winlog.event_data.Threat\ Name:x", r"winlog.event_data.Threat\ Name:x");
    check("url.path:/admin/~root/x", r"url.path:\/admin\/\~root\/x");
    check("source.*:x", "source.*:x");
    check("a^2 (b c)^0.5", "(a OR (b OR c))");
    check("and or not", "((and OR or) OR not)".replace("((and OR or) OR not)", "(and OR or OR not)").as_str());
    check("Đăng nhập", "(Đăng OR nhập)");
    check("ANDROID ORDER NOTE", "(ANDROID OR ORDER OR NOTE)");
    check(r"\AND", r"\AND");
}

#[test]
fn a_bad_query_says_where_and_what() {
    check("(a", "query, character 3: expected `)`, found the end");
    check("a)", "query, character 2: expected the end or another clause, found `)`");
    check("user.name:", "query, character 11: expected a value, found the end");
    check("user.name: x", "query, character 11: expected a value, found a space");
    check("a AND", "query, character 6: expected a value, found the end");
    check("a AND OR b", "query, character 7: expected a clause, found `OR`");
    check("AND a", "query, character 1: expected a clause, found `AND`");
    check("\"abc", "query, character 5: expected `\"`, found the end");
    check("a:[1 5]", "query, character 6: expected `TO`, found `5]`");
    check("a:[1 TO 5", "query, character 10: expected `]` or `}`, found the end");
    check("a:[ TO 5]", "query, character 8: expected `TO`, found `5]`");
    check(":x", "query, character 1: expected a field before `:`, as in `field:value`, found `:x`");
    assert!(parse("::1", Joint::Or).is_ok());
    check("[1 TO 5]", "query, character 1: expected a field before the range, as in `field:[1 TO 5]`, found `[1`");
    check(
        "root~",
        "query, character 5: expected a word without `~` (fuzzy search is not there; `*` and `?` are), found `~`",
    );
    check("\"a b\"~x", "query, character 7: expected a number up to 100 behind `~`, found `x`");
    check("a^x", "query, character 3: expected a number behind `^`, found `x`");
    check("a\\", "query, character 3: expected a character behind `\\`, found the end");
    check("a:>=5*", "query, character 7: expected a value without wildcards, found the end");
    check("+ a", "query, character 2: expected a clause right behind the sign, found a space");
    check("()", "query, character 2: expected a value, found `)`");
}

#[test]
fn size_depth_and_clauses_are_bounded() {
    let found = |query: &str| parse(query, Joint::Or).map(|_| ()).map_err(|error| error.expected);
    assert_eq!(found(&"a ".repeat(9_000)), Err("a query of at most 16384 bytes"));
    assert_eq!(found(&"a ".repeat(1_025)), Err("at most 1024 clauses"));
    assert_eq!(found(&"a ".repeat(1_024)), Ok(()));
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(found(&nested(32)), Ok(()));
    assert_eq!(found(&nested(33)), Err("at most 32 levels of parentheses and negations"));
    assert_eq!(
        found(&"!".repeat(8_000)),
        Err("a clause right behind the sign").or(found("!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!a"))
    );
}

#[test]
fn and_can_be_the_joint() {
    assert_eq!(parse("a b OR c", Joint::And).unwrap().to_string(), "(a AND (b OR c))");
    assert_eq!(parse("a -b", Joint::And).unwrap().to_string(), "(a AND (NOT b))");
}

#[test]
fn patterns_match_whole_values() {
    let check = |pattern: &str, text: &str, expected: bool| {
        let Node::Match(Condition { test: Test::Word(pattern), .. }) = parse(pattern, Joint::Or).unwrap() else {
            panic!("{pattern}");
        };
        assert_eq!(pattern.matches(text), expected, "{pattern} {text}");
    };
    check("a*c", "abbc", true);
    check("a*c", "abcd", false);
    check("*b*", "abc", true);
    check("?b?", "abc", true);
    check("?b?", "abbc", false);
    check("a**b", "ab", true);
    check(r"a\*", "a*", true);
    check(r"a\*", "ab", false);
    check("ă?", "ăâ", true);
    check("*a*a*a*a*a*a*a*a*a*a*b", &"a".repeat(3_000), false);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,6}", "\\PC{1,8}", Just("AND".to_owned()), Just("TO".to_owned()), Just("a b\"\\*?".to_owned())]
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop::collection::vec(prop_oneof![3 => text().prop_map(Some), 1 => Just(None)], 1..4).prop_map(|pieces| {
        let mut pattern = Pattern::default();
        for piece in pieces {
            match piece {
                Some(text) => text.chars().for_each(|found| pattern.push_char(found)),
                None => pattern.push(Piece::Any),
            }
        }
        pattern
    })
}

fn test() -> impl Strategy<Value = Test> {
    prop_oneof![
        pattern().prop_map(|pattern| if pattern.is_any() { Test::Exists } else { Test::Word(pattern) }),
        (text(), 0..4_u32).prop_map(|(text, slop)| Test::Phrase { text, slop }),
        (text(), text()).prop_map(|(low, high)| Test::Range { low: Limit::Included(low), high: Limit::Excluded(high) }),
        text().prop_map(|low| Test::Range { low: Limit::Excluded(low), high: Limit::Open }),
        Just(Test::Exists),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let field = "[a-z@_][a-z._ ]{0,6}".prop_map(|name| Pattern::literal(&name));
    let leaf =
        (field, test()).prop_map(|(field, test)| Node::Match(Condition { field: Some(field), test, position: 0 }));
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::Or),
            inner.prop_map(|node| Node::Not(Box::new(node))),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(query in "\\PC{0,60}") {
        let _ = parse(&query, Joint::Or);
    }

    #[test]
    fn any_syntax_is_read_or_refused(query in "[a-c:\"()\\[\\]{}<>=*?+!~^ \\\\/&|-]{0,40}") {
        if let Ok(node) = parse(&query, Joint::And) {
            prop_assert_eq!(parse(&node.to_string(), Joint::And).unwrap(), node);
        }
    }

    #[test]
    fn a_tree_reads_back(node in node()) {
        let text = node.to_string();
        prop_assert_eq!(parse(&text, Joint::Or).unwrap(), node, "{}", text);
    }
}

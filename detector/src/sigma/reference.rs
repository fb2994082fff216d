//! The slow and obvious evaluator that the compiled engine is compared with: straight from a rule's YAML to an answer.
//!
//! It shares nothing with the engine but the YAML reader: no compiled patterns, no views, no routes. Written from the
//! Sigma 2.1 specification ("Rules", "Modifiers appendix") for generated rules and events whose fields are `A` to `E`.

use std::net::IpAddr;

use event::{Event, Value};

use super::yaml::Node;

/// Whether the detection part of `rule` holds for `event`.
pub(super) fn holds(rule: &Node, event: &Event) -> bool {
    let detection = rule.get("detection").unwrap();
    let condition = detection.get("condition").and_then(Node::text).unwrap();
    let tokens = condition.replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = tokens.split_whitespace().collect();
    let (truth, rest) = any(&tokens, detection, event);
    assert!(rest.is_empty(), "{condition}");
    truth
}

type Truth<'t> = (bool, &'t [&'t str]);

fn any<'t>(tokens: &'t [&'t str], detection: &Node, event: &Event) -> Truth<'t> {
    let (mut truth, mut rest) = all(tokens, detection, event);
    while let ["or", after @ ..] = rest {
        let (next, after) = all(after, detection, event);
        truth = truth || next;
        rest = after;
    }
    (truth, rest)
}

fn all<'t>(tokens: &'t [&'t str], detection: &Node, event: &Event) -> Truth<'t> {
    let (mut truth, mut rest) = not(tokens, detection, event);
    while let ["and", after @ ..] = rest {
        let (next, after) = not(after, detection, event);
        truth = truth && next;
        rest = after;
    }
    (truth, rest)
}

fn not<'t>(tokens: &'t [&'t str], detection: &Node, event: &Event) -> Truth<'t> {
    match tokens {
        ["not", rest @ ..] => {
            let (truth, rest) = not(rest, detection, event);
            (!truth, rest)
        }
        ["(", rest @ ..] => {
            let (truth, rest) = any(rest, detection, event);
            assert_eq!(rest[0], ")");
            (truth, &rest[1..])
        }
        [quantifier @ ("1" | "all"), "of", pattern, rest @ ..] => {
            let Node::Map(entries) = detection else { panic!() };
            let chosen = entries.iter().filter(|(name, _)| name != "condition").filter(|(name, _)| match *pattern {
                "them" => !name.starts_with('_'),
                pattern => like(pattern, name),
            });
            let mut truths = chosen.map(|(_, node)| search(node, event));
            (if *quantifier == "1" { truths.any(|truth| truth) } else { truths.all(|truth| truth) }, rest)
        }
        [name, rest @ ..] => (search(detection.get(name).unwrap(), event), rest),
        [] => panic!("the condition ends early"),
    }
}

/// Maps are joined by `and`, lists by `or`, anything else is a keyword.
fn search(node: &Node, event: &Event) -> bool {
    match node {
        Node::Map(entries) => entries.iter().all(|(key, value)| field(key, value, event)),
        Node::List(items) => items.iter().any(|item| search(item, event)),
        keyword => texts_of(event).iter().any(|text| like(&format!("*{}*", escaped(keyword)), text)),
    }
}

fn field(key: &str, value: &Node, event: &Event) -> bool {
    let mut words = key.split('|');
    let name = words.next().unwrap();
    let modifiers: Vec<&str> = words.collect();
    let values = match value {
        Node::List(items) => items.iter().collect(),
        single => vec![single],
    };
    let one = |wanted: &&Node| match name {
        "" => texts_of(event).iter().any(|text| text_fits(text, wanted, &modifiers)),
        name => one_value(name, wanted, &modifiers, event),
    };
    let truth = if modifiers.contains(&"all") { values.iter().all(one) } else { values.iter().any(one) };
    truth != modifiers.contains(&"neq")
}

fn one_value(name: &str, wanted: &Node, modifiers: &[&str], event: &Event) -> bool {
    let found: Vec<Value<'_>> = event.get_all(name).collect();
    if modifiers.contains(&"exists") {
        return found.is_empty() != (wanted == &Node::Bool(true));
    }
    if wanted == &Node::Null {
        return found.is_empty() || found.contains(&Value::Null);
    }
    let order = ["lt", "lte", "gt", "gte"].into_iter().find(|order| modifiers.contains(order));
    let time = ["minute", "hour", "day", "month", "year"].into_iter().find(|part| modifiers.contains(part));
    found.into_iter().filter(|value| *value != Value::Null).any(|value| {
        let text = value.text();
        if let Some(part) = time {
            let Ok(moment) = text.trim_end_matches('Z').parse::<jiff::civil::DateTime>() else { return false };
            let number = match part {
                "minute" => i64::from(moment.minute()),
                "hour" => i64::from(moment.hour()),
                "day" => i64::from(moment.day()),
                "month" => i64::from(moment.month()),
                _ => i64::from(moment.year()),
            };
            return ordered(number as f64, order.unwrap_or("="), number_of(wanted));
        }
        if let Some(order) = order {
            let number = match value {
                Value::Bool(_) => None,
                _ => text.trim().parse::<f64>().ok(),
            };
            return number.is_some_and(|number| ordered(number, order, number_of(wanted)));
        }
        if modifiers.contains(&"cidr") {
            let net: ipnet::IpNet = wanted.text().unwrap().parse().unwrap();
            return text.parse::<IpAddr>().is_ok_and(|address| net.contains(&address));
        }
        if modifiers.contains(&"fieldref") {
            let others = event.get_all(wanted.text().unwrap()).filter(|other| *other != Value::Null);
            return others.into_iter().any(|other| {
                let (text, other) = (text.to_lowercase(), other.text().to_lowercase());
                match () {
                    () if modifiers.contains(&"startswith") => text.starts_with(&other),
                    () if modifiers.contains(&"endswith") => text.ends_with(&other),
                    () if modifiers.contains(&"contains") => text.contains(&other),
                    () => text == other,
                }
            });
        }
        text_fits(&text, wanted, modifiers)
    })
}

fn text_fits(text: &str, wanted: &Node, modifiers: &[&str]) -> bool {
    if modifiers.contains(&"re") {
        let flags: String = modifiers.iter().filter(|one| ["i", "m", "s"].contains(one)).copied().collect();
        let flags = if flags.is_empty() { String::new() } else { format!("(?{flags})") };
        return regex::Regex::new(&format!("{flags}{}", wanted.scalar().unwrap())).unwrap().is_match(text);
    }
    let mut pattern = escaped(wanted);
    if modifiers.contains(&"windash") {
        // A dash that opens a word is any dash; generated values have at most one such, at their start.
        let opened = pattern.strip_prefix(['-', '/']).filter(|rest| rest.starts_with(char::is_alphanumeric));
        if let Some(rest) = opened {
            let dashes = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];
            return dashes.iter().any(|dash| placed(text, format!("{dash}{rest}"), modifiers));
        }
    }
    if modifiers.contains(&"base64") {
        use base64::Engine;
        pattern = base64::engine::general_purpose::STANDARD.encode(wanted.scalar().unwrap());
    }
    placed(text, pattern, modifiers)
}

fn placed(text: &str, mut pattern: String, modifiers: &[&str]) -> bool {
    if modifiers.contains(&"contains") || modifiers.contains(&"endswith") {
        pattern.insert(0, '*');
    }
    if modifiers.contains(&"contains") || modifiers.contains(&"startswith") {
        pattern.push('*');
    }
    if modifiers.contains(&"cased") { fits(&pieces(&pattern), text) } else { like(&pattern, text) }
}

fn number_of(wanted: &Node) -> f64 {
    wanted.scalar().unwrap().parse().unwrap()
}

fn ordered(value: f64, order: &str, wanted: f64) -> bool {
    match order {
        "lt" => value < wanted,
        "lte" => value <= wanted,
        "gt" => value > wanted,
        "gte" => value >= wanted,
        _ => (value - wanted).abs() < f64::EPSILON,
    }
}

/// Numbers and booleans hold no wildcards, and generated texts neither stars nor question marks that are meant plainly.
fn escaped(wanted: &Node) -> String {
    wanted.scalar().unwrap()
}

fn like(pattern: &str, text: &str) -> bool {
    fits(&pieces(&pattern.to_lowercase()), &text.to_lowercase())
}

#[derive(Clone, Copy, PartialEq)]
enum Piece {
    Char(char),
    One,
    Many,
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        found.push(match (c, next) {
            ('\\', Some(escaped @ ('*' | '?' | '\\'))) => {
                chars.next();
                Piece::Char(escaped)
            }
            ('*', _) => Piece::Many,
            ('?', _) => Piece::One,
            (c, _) => Piece::Char(c),
        });
    }
    found
}

fn fits(pieces: &[Piece], text: &str) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return text.is_empty() };
    let mut chars = text.chars();
    match first {
        Piece::Many => (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| fits(rest, &text[at..])),
        Piece::One => chars.next().is_some() && fits(rest, chars.as_str()),
        Piece::Char(c) => chars.next() == Some(*c) && fits(rest, chars.as_str()),
    }
}

/// The texts in which keywords are searched: those that the sender gave.
fn texts_of(event: &Event) -> Vec<String> {
    let own = event.iter().filter(|(name, value)| !name.contains('.') && *value != Value::Null);
    own.map(|(_, value)| value.text().into_owned()).collect()
}

//! References, circles, building blocks.

use super::*;

fn refused(text: &str, expected: &[(u32, &str)]) {
    let plan = plan_of(text);
    let found: Vec<_> = plan.refused().iter().map(|refused| (refused.correlation, refused.reason.as_str())).collect();
    assert_eq!(found, expected, "{text}");
}

fn leaning(name: &str, on: &str) -> String {
    named(name, "event_count", &format!("rules: [{on}]\ncondition: {{gte: 1}}"))
}

#[test]
fn unknown_references_refuse_what_leans_on_them() {
    let text = leaning("one", "aa") + &leaning("two", "one") + &leaning("three", "two") + &leaning("four", "b");
    refused(
        &text,
        &[
            (0, "`rules` names `aa`, which is neither the id nor the name of a loaded rule"),
            (1, "leans on `one`, which is refused"),
            (2, "leans on `two`, which is refused"),
        ],
    );
    let near = leaning("ones", "a") + &leaning("two", "one");
    refused(
        &near,
        &[(1, "`rules` names `one`, which is neither the id nor the name of a loaded rule (did you mean `ones`?)")],
    );
    refused(&leaning("b", "a"), &[]);
    let both = leaning("b", "a") + &leaning("x", "b");
    refused(&both, &[(1, "`rules` names `b`, which is both a rule and a correlation")]);
    refused(&(leaning("x", "a") + &leaning("x", "b")), &[(1, "another correlation is called `x` already")]);
}

#[test]
fn circles_are_named_and_refused_alone() {
    refused(&leaning("self", "self"), &[(0, "refers to itself in a circle: `self` → `self`")]);
    let text = leaning("above", "one")
        + &leaning("one", "two")
        + &leaning("two", "three")
        + &leaning("three", "one")
        + &leaning("good", "a")
        + &leaning("better", "good");
    refused(
        &text,
        &[
            (0, "leans on `one`, which is refused"),
            (1, "refers to itself in a circle: `one` → `two` → `three` → `one`"),
            (2, "refers to itself in a circle: `two` → `three` → `one` → `two`"),
            (3, "refers to itself in a circle: `three` → `one` → `two` → `three`"),
        ],
    );
}

#[test]
fn building_blocks_are_silent_unless_generated() {
    let silent = |text: &str| (0..6).filter(|rule| plan_of(text).is_silent(*rule)).collect::<Vec<u32>>();
    assert_eq!(silent(&(leaning("x", "a") + &leaning("y", "b"))), [0, 1]);
    let loud = leaning("x", "a").replace("correlation:", "correlation:\n  generate: true");
    assert_eq!(silent(&(loud.clone() + &leaning("y", "b"))), [1]);
    assert_eq!(silent(&(loud + &leaning("y", "a"))), [0_u32; 0]);
    // A refused correlation silences nothing.
    assert_eq!(silent(&named("x", "temporal", "rules: [a, aa]")), [0_u32; 0]);
    let plan = plan_of(&(leaning("x", "a") + &leaning("y", "x")));
    assert!(plan.is_silent_correlation(0) && !plan.is_silent_correlation(1));
    assert!(plan.wants(0) && !plan.wants(1) && !plan.is_empty() && plan.refused().is_empty());
}

#[test]
fn aliases_speak_of_listed_rules() {
    let text = named("x", "temporal", "rules: [a, b]\naliases: {ip: {a: src, c: dst}}");
    let text = text + &leaning("y", "x");
    refused(
        &text,
        &[
            (0, "alias `ip` speaks of `c`, which `rules` does not name (did you mean `a`?)"),
            (1, "leans on `x`, which is refused"),
        ],
    );
}

#[test]
fn many_in_circles_end() {
    let text: String =
        (0..300).map(|number| leaning(&format!("n{number}"), &format!("n{}", (number + 1) % 300))).collect();
    assert_eq!(plan_of(&text).refused().len(), 300);
}

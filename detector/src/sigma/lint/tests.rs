//! One rule for each code, and the public rules as a whole.

use std::path::Path;
use std::time::Instant;

use super::*;

const GOOD: &str = "title: Nothing is wrong with it
id: 4a5c1c1e-0000-4000-8000-000000000001
status: test
description: Says what it finds.
date: 2026-11-22
tags: [attack.discovery, attack.t1033]
logsource: {product: windows, category: process_creation}
detection:
  selection:
    CommandLine|contains: whoami
  condition: selection
level: medium
";

fn lints(texts: &[String]) -> Vec<Lint> {
    let source = |(at, yaml): (usize, &String)| RuleSource::Text { path: format!("{at}.yml"), yaml: yaml.clone() };
    let sources: Vec<RuleSource> = texts.iter().enumerate().map(source).collect();
    lint(&sources, &FieldMap::embedded().unwrap(), &Taxonomy::embedded().unwrap())
}

#[track_caller]
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(GOOD.contains(from), "`{from}` does not stand in the rule");
    let found: Vec<String> = lints(&[GOOD.replace(from, to)])
        .iter()
        .map(|lint| format!("{}:{} {}", lint.line, lint.code, lint.message))
        .collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found:#?} lacks `{expected}`");
    }
}

const ITEM: &str = "CommandLine|contains: whoami";
const CONDITION: &str = "  condition: selection";

#[test]
fn a_good_rule_is_left_alone() {
    check("title", "title", &[]);
}

#[test]
fn headers() {
    check("id: 4a5c1c1e-0000-4000-8000-000000000001\n", "", &["1:missing-id"]);
    check("4a5c1c1e-0000-4000-8000-000000000001", "r-1", &["2:id-form id `r-1` is no UUID"]);
    check("status: test\n", "", &["missing-status"]);
    check("status: test", "status: tset", &["3:unknown-status unknown status `tset` (did you mean `test`?)"]);
    check("status: test", "status: deprecated", &["3:retired-rule"]);
    check("level: medium\n", "", &["missing-level"]);
    check("level: medium", "level: urgent", &["does-not-load unknown level `urgent`"]);
    check("description: Says what it finds.\n", "", &["missing-description"]);
    check("Nothing is wrong with it", &"x".repeat(121), &["1:title-length the title has 121 characters"]);
    check("level: medium", "level: medium\nrisk_score: 100", &[]);
    check("level: medium", "level: medium\nrisk_score: 101", &["13:risk-score `risk_score` is `101`, no whole number"]);
    check("level: medium", "level: medium\ncustom: {risk_score: high}", &["risk-score `risk_score` is `high`"]);
    check("2026-11-22", "2026/11/22", &["5:date-form `date` is `2026/11/22`"]);
    check("2026-11-22", "2026-02-30", &["5:date-form"]);
    check(
        "date: 2026-11-22",
        "date: 2026-11-22\nmodified: 2026-11-21",
        &["6:date-form `modified` (2026-11-21) lies before"],
    );
    check("tags: [attack.discovery, attack.t1033]\n", "", &["missing-attack-tag"]);
    check("attack.t1033", "attack.t103", &["6:tag-form tag `attack.t103` is neither"]);
    check("condition: selection\n", "condition: selction\n", &["1:does-not-load"]);
}

#[test]
fn fields_and_sources() {
    check("CommandLine|", "Commandline|", &["10:unknown-field"]);
    check("CommandLine|", "QueryName|", &["10:unknown-field events of `windows/process_creation/-` are not known"]);
    check("CommandLine|", "process.command_line|", &[]);
    check("category: process_creation", "category: file_access", &["7:source-not-given", "10:unknown-field"]);
    check("product: windows, category: process_creation", "product: azure, service: signinlogs", &["source-not-given"]);
}

#[test]
fn conditions() {
    let with = |more: &str, condition: &str| format!("  more:\n    {more}\n  condition: {condition}");
    check(CONDITION, &with("Image: x", "selection"), &["11:unreached-selection the condition never asks `more`"]);
    let never = "13:constant-condition condition `selection and not selection` can never hold";
    check(CONDITION, &with("Image: x", "selection and not selection"), &["unreached", never]);
    check(
        CONDITION,
        &with("Image: x", "more or selection or not more"),
        &["constant-condition condition `more or selection or not more` always holds"],
    );
    let idle = "is the same whether `more` holds or not";
    check(CONDITION, &with("Image: x", "selection or selection and more"), &[idle]);
    let same = ["11:same-selections `more` asks the same as `selection`", "can never hold"];
    check(CONDITION, &with(ITEM, "selection and not more"), &same);
    check(CONDITION, "  condition: 1 of selection*", &["11:one-of-one `1 of selection*` fits `selection` alone"]);
    check(CONDITION, &with("Image: x", "1 of them"), &[]);
    let dear = "regex-without-literal `Image|re`: expression `\\d` has neither";
    check(CONDITION, &with(r"Image|re: '\d'", "selection and more"), &[]);
    check(CONDITION, &with(r"Image|re: '\d'", "selection or more"), &[dear]);
    check(CONDITION, &with(r"Image|re: '\d'", "selection and not more"), &[]);
}

#[test]
fn items() {
    check(ITEM, "CommandLine|contains|all: whoami", &["10:all-of-one"]);
    check(ITEM, "CommandLine|contains: ['*who*']", &["10:needless-wildcard"]);
    check(
        ITEM,
        "CommandLine: ['*who', '*ami']",
        &["10:wildcard-for-modifier `CommandLine`: its values use wildcards for `endswith`"],
    );
    check(ITEM, "CommandLine: ['*who', 'ami*']", &[]);
    check(ITEM, "CommandLine|contains: [a, '']", &["10:empty-value"]);
    check(ITEM, "CommandLine: ''", &[]);
    check(ITEM, "CommandLine|contains: [who, WHO]", &["10:repeated-value"]);
    check(ITEM, "CommandLine|wide|base64offset|contains: ab", &["10:modifier-alias"]);
    check(ITEM, r"CommandLine|re: '\d+'", &["10:regex-without-literal"]);
    check(ITEM, "CommandLine|re: '\\d+'\n    Image|endswith: x", &[]);
    check(ITEM, r"CommandLine|re: 'who(\s+)+'", &["10:regex-nested"]);
    check(ITEM, r"CommandLine|re: '.*whoami.*'", &["10:regex-plain"]);
    check(ITEM, r"CommandLine|re: '^who\w{64}'", &["10:regex-large"]);
    check(ITEM, r"CommandLine|re: '^(?=who)'", &["does-not-load"]);
}

#[test]
fn rules_are_compared_with_one_another() {
    let other = GOOD.replace("000000000001", "000000000002").replace("title: N", "title: n");
    let found: Vec<String> = lints(&[GOOD.to_owned(), other]).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "1.yml:8: warning[duplicate-detection]: log source and detection are those of the rule at 0.yml:1; keep one of the two"
        ]
    );
    let found = lints(&[GOOD.to_owned(), GOOD.replace("whoami", "net user")]);
    assert_eq!(found.iter().map(|lint| (lint.code, lint.line)).collect::<Vec<_>>(), [(Code::DuplicateId, 2)]);
}

#[test]
fn broken_files_are_told_and_programs_read_json() {
    let found = lints(&["a: [1".to_owned()]);
    assert_eq!((found.len(), found[0].code), (1, Code::DoesNotLoad));
    let found = lints(&[GOOD.replace("status: test\n", "")]);
    assert_eq!(
        serde_json::to_string(&found[0]).unwrap(),
        r#"{"code":"missing-status","severity":"warning","path":"0.yml","line":1,"rule":"4a5c1c1e-0000-4000-8000-000000000001","message":"the rule has no `status`","suggestion":"write `status: experimental` until it has proved itself"}"#
    );
}

#[test]
fn our_own_rules_are_clean() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/sigma");
    let found = lint(&[RuleSource::Path(path)], &FieldMap::embedded().unwrap(), &Taxonomy::embedded().unwrap());
    // Notes are about products that shippers name themselves, and fields that only they have.
    let found = found.iter().filter(|one| one.severity > Severity::Note).map(ToString::to_string);
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn public_rules_are_looked_at_quickly() {
    let named = std::env::var_os("METROSOC_SHARED_DATA").map(std::path::PathBuf::from);
    let shared = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"));
    let rules = shared.join("sigma-rules/rules");
    if !rules.is_dir() {
        eprintln!("SKIPPED: no public rules at {}; set METROSOC_SHARED_DATA to run this test", rules.display());
        return;
    }
    let start = Instant::now();
    let found = lint(&[RuleSource::Path(rules)], &FieldMap::embedded().unwrap(), &Taxonomy::embedded().unwrap());
    eprintln!("{} findings in {:?}", found.len(), start.elapsed());
    let count = |severity| found.iter().filter(|lint| lint.severity == severity).count();
    // These rules are good: what is found in many of them is a false alarm.
    assert!(count(Severity::Error) <= 3, "{:#?}", found.iter().find(|lint| lint.severity == Severity::Error));
    let warnings: Vec<String> =
        found.iter().filter(|lint| lint.severity == Severity::Warning).map(ToString::to_string).collect();
    assert!(warnings.len() <= 60, "{warnings:#?}");
    assert!(found.iter().all(|lint| lint.code == Code::SourceNotGiven || lint.rule.is_some()));
}

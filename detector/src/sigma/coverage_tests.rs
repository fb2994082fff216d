//! What of the Sigma specification is understood: a table in `SIGMA.md`, each line of which is tried here.

use std::fmt::Write as _;
use std::path::Path;

use event::{Event, json};

use super::*;

/// What is tried: the specification's word, a detection that uses it, an event that it must match and one it must not.
struct Row(&'static str, &'static str, &'static str, &'static str);

const MODIFIERS: &[Row] = &[
    Row("(none)", "A: whoami", r#"{"A":"WhoAmI"}"#, r#"{"A":"whoami.exe"}"#),
    Row("`*` and `?`", "A: 'w?o*.exe'", r#"{"A":"whoami.exe"}"#, r#"{"A":"who.com"}"#),
    Row("escapes", r"A: 'a\*b\\c'", r#"{"A":"a*b\\c"}"#, r#"{"A":"axb\\c"}"#),
    Row("number", "A: 42", r#"{"A":"42"}"#, r#"{"A":43}"#),
    Row("boolean", "A: true", r#"{"A":true}"#, r#"{"A":false}"#),
    Row("`null`", "A: null", r#"{"B":1}"#, r#"{"A":""}"#),
    Row("empty text", "A: ''", r#"{"A":""}"#, r#"{"B":1}"#),
    Row("list of values", "A: [x, y]", r#"{"A":["z","Y"]}"#, r#"{"A":"z"}"#),
    Row("`all`", "A|contains|all: [x, y]", r#"{"A":"x-y"}"#, r#"{"A":"x"}"#),
    Row("`contains`", "A|contains: am", r#"{"A":"whoami"}"#, r#"{"A":"who"}"#),
    Row("`startswith`", "A|startswith: who", r#"{"A":"whoami"}"#, r#"{"A":"xwho"}"#),
    Row("`endswith`", "A|endswith: ami", r#"{"A":"whoami"}"#, r#"{"A":"amix"}"#),
    Row("`cased`", "A|cased: Who", r#"{"A":"Who"}"#, r#"{"A":"who"}"#),
    Row("`neq`", "A|neq: x", r#"{"A":"y"}"#, r#"{"A":"x"}"#),
    Row("`exists`", "A|exists: true", r#"{"A":null}"#, r#"{"B":1}"#),
    Row("`re`", "A|re: '^a.c$'", r#"{"A":"abc"}"#, r#"{"A":"ABC"}"#),
    Row("`re`, `i`", "A|re|i: '^a.c$'", r#"{"A":"ABC"}"#, r#"{"A":"abcd"}"#),
    Row("`re`, `m`", "A|re|m: '^b$'", r#"{"A":"a\nb\nc"}"#, r#"{"A":"a\nbc"}"#),
    Row("`re`, `s`", "A|re|s: 'a.b'", r#"{"A":"a\nb"}"#, r#"{"A":"ab"}"#),
    Row("`cidr`, IPv4", "A|cidr: 10.0.0.0/8", r#"{"A":"10.1.2.3"}"#, r#"{"A":"11.1.2.3"}"#),
    Row("`cidr`, IPv6", "A|cidr: '2001:db8::/32'", r#"{"A":"2001:db8::7"}"#, r#"{"A":"2001:db9::7"}"#),
    Row("`base64`", "A|base64|contains: foobar", r#"{"A":"x Zm9vYmFy y"}"#, r#"{"A":"foobar"}"#),
    Row("`base64offset`", "A|base64offset|contains: foobar", r#"{"A":"eGZvb2Jhcg=="}"#, r#"{"A":"foobar"}"#),
    Row("`utf16le`, `wide`", "A|wide|base64offset|contains: ping", r#"{"A":"cABpAG4AZwA="}"#, r#"{"A":"cGluZw=="}"#),
    Row("`utf16be`", "A|utf16be|base64|contains: ab", r#"{"A":"AGEAYg=="}"#, r#"{"A":"YQBiAA=="}"#),
    Row("`utf16`", "A|utf16|base64|contains: A", r#"{"A":"//5BAA=="}"#, r#"{"A":"QQA="}"#),
    Row("`windash`", "A|windash|contains: ' -f'", r#"{"A":"x ―f"}"#, r#"{"A":"x f"}"#),
    Row("`lt`", "A|lt: 5", r#"{"A":4.5}"#, r#"{"A":5}"#),
    Row("`lte`", "A|lte: 5", r#"{"A":"5"}"#, r#"{"A":6}"#),
    Row("`gt`", "A|gt: 5", r#"{"A":6}"#, r#"{"A":5}"#),
    Row("`gte`", "A|gte: 5", r#"{"A":5}"#, r#"{"A":4}"#),
    Row("`minute`", "A|minute: 15", r#"{"A":"2026-11-03T22:15:00Z"}"#, r#"{"A":"2026-11-03T22:16:00Z"}"#),
    Row("`hour` with an order", "A|hour|gte: 22", r#"{"A":"2026-11-03T22:15:00Z"}"#, r#"{"A":"2026-11-03T21:15:00Z"}"#),
    Row("`day`", "A|day: 3", r#"{"A":"2026-11-03T22:15:00Z"}"#, r#"{"A":"2026-11-04T22:15:00Z"}"#),
    Row("`week`", "A|week: 45", r#"{"A":"2026-11-03T22:15:00Z"}"#, r#"{"A":"2026-11-13T22:15:00Z"}"#),
    Row("`month`", "A|month: 11", r#"{"A":"2026-11-03T22:15:00Z"}"#, r#"{"A":"2026-12-03T22:15:00Z"}"#),
    Row("`year`", "A|year: 2026", r#"{"A":"2026-11-03T22:15:00Z"}"#, r#"{"A":"2025-11-03T22:15:00Z"}"#),
    Row("`fieldref`", "A|fieldref: B", r#"{"A":"x","B":"X"}"#, r#"{"A":"x","B":"y"}"#),
    Row("`fieldref`, `endswith`", "A|fieldref|endswith: B", r#"{"A":"xy","B":"y"}"#, r#"{"A":"xy","B":"x"}"#),
];

/// What is more than one item: the whole detection part.
const WHOLES: &[Row] = &[
    Row("keywords", "k: [mimi, katz]\ncondition: k", r#"{"A":"a MIMI b"}"#, r#"{"mimi":"x"}"#),
    Row("keywords, `all`", "k: {'|all': [mimi, katz]}\ncondition: k", r#"{"A":"mimi","B":"katz"}"#, r#"{"A":"mimi"}"#),
    Row("list of maps", "s: [{A: x, B: y}, {C: z}]\ncondition: s", r#"{"C":"z"}"#, r#"{"A":"x"}"#),
    Row(
        "`and`, `or`, `not`, parentheses",
        "a: {A: x}\nb: {B: y}\ncondition: not (a and b) and (a or b)",
        r#"{"A":"x"}"#,
        r#"{"A":"x","B":"y"}"#,
    ),
    Row("`1 of PATTERN`", "s_a: {A: x}\ns_b: {B: y}\ncondition: 1 of s_*", r#"{"B":"y"}"#, r#"{"C":"z"}"#),
    Row("`all of PATTERN`", "s_a: {A: x}\ns_b: {B: y}\ncondition: all of s_*", r#"{"A":"x","B":"y"}"#, r#"{"B":"y"}"#),
    Row(
        "`1 of them`, without `_` names",
        "_h: {A: x}\ns: {B: y}\ncondition: 1 of them",
        r#"{"B":"y"}"#,
        r#"{"A":"x"}"#,
    ),
    Row("several conditions", "a: {A: x}\nb: {B: y}\ncondition: [a, b]", r#"{"B":"y"}"#, r#"{"C":"z"}"#),
];

/// Where the rest of the specification is shown.
const ELSEWHERE: &str = "\
| word | shown by |
| --- | --- |
| `expand`, placeholders | `detector/src/rulebook/tests.rs`: values from a pipeline's `vars`; without values the rule is refused |
| filters (`filter`) | `detector/src/pipelines/tests/filters.rs` |
| collections (`action: global`, `reset`, `repeat`) | `detector/src/sigma/tests.rs` |
| correlations: `event_count`, `value_count`, `temporal`, `temporal_ordered`, `value_sum`, `value_avg`, `value_percentile`, `value_median`; `group-by`, `aliases`, `timespan`, `condition`, `generate`, chains | `detector/src/correlate/tests/` |
| processing pipelines | `detector/src/pipelines/tests/` |
| log sources as sets | `detector/src/sigma/logsource.rs` |
";

fn matches(detection: &str, fields: &str) -> bool {
    let detection = detection.replace('\n', "\n  ");
    let yaml = format!("title: t\nlogsource: {{service: x}}\ndetection:\n  {detection}\n");
    let set = RuleSet::load(&[RuleSource::Text { path: "t".to_owned(), yaml: yaml.clone() }], &FieldMap::default());
    assert!(set.rejected().is_empty(), "{:?}\n{yaml}", set.rejected());
    let mut event = Event::new();
    event.push("event.dataset", "p.x").unwrap();
    json::flatten("", &serde_json::from_str(fields).unwrap(), &mut event).unwrap();
    let found = !set.evaluate(&event, &mut Scratch::default()).is_empty();
    assert_eq!(found, !set.evaluate_slowly(&event).is_empty(), "engine and reference disagree: {yaml} {fields}");
    found
}

fn table(title: &str, rows: &[Row], whole: impl Fn(&str) -> String) -> String {
    let mut text = format!("| {title} | detection | matches | does not match |\n| --- | --- | --- | --- |\n");
    for Row(word, detection, good, bad) in rows {
        assert!(matches(&whole(detection), good), "{word}: `{detection}` must match {good}");
        assert!(!matches(&whole(detection), bad), "{word}: `{detection}` must not match {bad}");
        let detection = detection.replace('\n', "; ");
        // A bar would end the cell, in code too.
        let line = format!("{word}\0`{detection}`\0`{good}`\0`{bad}`").replace('|', "\\|").replace('\0', " | ");
        writeln!(text, "| {line} |").unwrap();
    }
    text
}

#[test]
fn the_table_of_what_is_understood_is_true() {
    let modifiers =
        table("modifier", MODIFIERS, |item| format!("s: {{'{}\ncondition: s", item.replacen(": ", "': ", 1) + "}"));
    let wholes = table("condition or detection", WHOLES, str::to_owned);
    let text = format!(
        "# What of Sigma 2.1 is understood\n\nWritten by a test (`METROSOC_UPDATE_DOCS=1 cargo nextest run -E 'test(what_is_understood)'`), which tries \
         every line of the first two tables with the compiled engine and with the evaluator that asks every rule.\n\n\
         {modifiers}\n{wholes}\n{ELSEWHERE}"
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../SIGMA.md");
    if std::env::var_os("METROSOC_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, text, "SIGMA.md is out of date: run the test with METROSOC_UPDATE_DOCS=1");
}

//! Lines as other systems might log them (`unseen/*.txt`), written without a look at the scanner's words and scores.
//!
//! `{class:value}` marks what is personal. `METROSOC_SHOW_MISSES=1` prints every difference.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that fails says so by panicking")]

use policy::privacy::{Class, Complete, Memory, PrivacyText, Scanner, parse};

/// One line without its marks, and what was marked.
struct Line {
    text: String,
    values: Vec<(usize, usize, Class)>,
}

/// Reads the marks of a line: `{class:value}` with a class that there is; every other brace is text.
fn read(marked: &str) -> Line {
    let mut line = Line { text: String::new(), values: Vec::new() };
    let mut rest = marked;
    while let Some(open) = rest.find('{') {
        let (before, behind) = rest.split_at(open);
        line.text.push_str(before);
        let inner = behind.strip_prefix('{').unwrap();
        let mark =
            inner.split_once(':').and_then(|(class, after)| Some((Class::parse(class)?, after.split_once('}')?)));
        let Some((class, (value, after))) = mark else {
            line.text.push('{');
            rest = inner;
            continue;
        };
        let start = line.text.len();
        line.text.push_str(value);
        line.values.push((start, line.text.len(), class));
        rest = after;
    }
    line.text.push_str(rest);
    line
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Score {
    lines: usize,
    values: usize,
    /// Found with the right class and exactly the right bytes.
    exact: usize,
    /// Found by bytes of which all are in some finding, of whichever class: nothing of the value stays in clear.
    hidden: usize,
    /// Findings that lie on nothing personal.
    wrong: usize,
}

/// How a file of lines fares.
fn score(lines: &str) -> Score {
    let show = std::env::var_os("METROSOC_SHOW_MISSES").is_some();
    let scanner = Scanner::new(parse(&PrivacyText::embedded()).unwrap(), 2026);
    let switches = scanner.rules().default_switches();
    let (mut memory, mut spans, mut score) = (Memory::default(), Vec::new(), Score::default());
    for marked in lines.lines().filter(|line| !line.starts_with('#')) {
        let line = read(marked);
        assert_eq!(scanner.scan(&line.text, &switches, &mut memory, &mut spans), Complete::Yes);
        let value = |start: usize, end: usize| line.text.get(start..end).unwrap();
        score.lines += 1;
        for &(start, end, class) in &line.values {
            score.values += 1;
            let exact = spans.iter().any(|span| (span.start, span.end, span.class) == (start, end, class));
            let hidden = spans.iter().any(|span| span.start <= start && span.end >= end);
            score.exact += usize::from(exact);
            score.hidden += usize::from(hidden);
            if show && !exact {
                println!("{marked}\n   {} {class} `{}`", if hidden { "other " } else { "missed" }, value(start, end));
            }
        }
        for span in &spans {
            if !line.values.iter().any(|&(start, end, _)| span.start < end && start < span.end) {
                score.wrong += 1;
                if show {
                    println!("{marked}\n   wrong  {} `{}` {}", span.class, value(span.start, span.end), span.score);
                }
            }
        }
    }
    score
}

/// Whether the page says how a file of lines fares.
fn page_says(name: &str, lines: &str) {
    let score = score(lines);
    println!("{name}: {score:?}");
    assert!(score.lines >= 60 && score.values >= 60, "{name}: {score:?}");
    let page = include_str!("privacy_page.md");
    let (exact, hidden, values, wrong) = (score.exact, score.hidden, score.values, score.wrong);
    let said = format!("| `{name}` | {} | {values} | ", score.lines);
    let row = page.lines().find(|row| row.starts_with(&said));
    let now = format!(" | {exact}, hidden {hidden}, wrong {wrong} |");
    assert!(row.is_some_and(|row| row.ends_with(&now)), "privacy_page.md does not say `{said}…{now}`");
}

#[test]
fn another_citys_lines_are_read() {
    page_says("another_city.txt", include_str!("unseen/another_city.txt"));
}

#[test]
fn other_vendors_portals_are_read() {
    page_says("portals.txt", include_str!("unseen/portals.txt"));
}

#[test]
fn other_vendors_servers_are_read() {
    page_says("infrastructure.txt", include_str!("unseen/infrastructure.txt"));
}

#[test]
fn systems_of_yet_others_are_read() {
    page_says("systems.txt", include_str!("unseen/systems.txt"));
}

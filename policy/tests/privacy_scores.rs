//! How well personal data is found: precision and recall on the labelled set, for each class and form.
//!
//! A finding counts only with the right class and exactly the right bytes. The table stands in `PRIVACY.md`, which
//! this test writes (`METROSOC_UPDATE_DOCS=1`) and keeps true.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that fails says so by panicking"
)]

#[path = "../examples/labelled/set/mod.rs"]
mod set;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

use policy::privacy::{Class, Complete, Memory, PrivacyText, Scanner, classes_markdown, parse};
use set::{Form, Label, Line};

/// What was found, missed and invented.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    right: u32,
    missed: u32,
    wrong: u32,
}

impl Tally {
    fn precision(self) -> f64 {
        ratio(self.right, self.wrong)
    }

    fn recall(self) -> f64 {
        ratio(self.right, self.missed)
    }
}

fn ratio(right: u32, other: u32) -> f64 {
    if right + other == 0 { 1.0 } else { f64::from(right) / f64::from(right + other) }
}

type Tallies = BTreeMap<(Class, Form), Tally>;

fn measure(lines: impl Iterator<Item = Line>, mut each: impl FnMut(&Line, &[Label])) -> (Tallies, Tallies) {
    let scanner = Scanner::new(parse(&PrivacyText::embedded()).unwrap(), 2026);
    let switches = scanner.rules().default_switches();
    let (mut memory, mut spans) = (Memory::default(), Vec::new());
    let (mut all, mut held_out) = (Tallies::new(), Tallies::new());
    for line in lines {
        assert_eq!(scanner.scan(&line.text, &switches, &mut memory, &mut spans), Complete::Yes);
        let found: Vec<Label> =
            spans.iter().map(|span| Label { start: span.start, end: span.end, class: span.class }).collect();
        for tallies in [Some(&mut all), line.held_out.then_some(&mut held_out)].into_iter().flatten() {
            for label in &line.labels {
                let tally = tallies.entry((label.class, line.form)).or_default();
                if found.contains(label) { tally.right += 1 } else { tally.missed += 1 }
            }
            for label in found.iter().filter(|label| !line.labels.contains(label)) {
                tallies.entry((label.class, line.form)).or_default().wrong += 1;
            }
        }
        each(&line, &found);
    }
    (all, held_out)
}

fn sum(tallies: &Tallies, class: Class) -> Tally {
    let of_class = tallies.iter().filter(|((of, _), _)| *of == class).map(|(_, tally)| *tally);
    of_class.fold(Tally::default(), |sum, tally| Tally {
        right: sum.right + tally.right,
        missed: sum.missed + tally.missed,
        wrong: sum.wrong + tally.wrong,
    })
}

/// Least precision and recall of a class.
fn bar(class: Class) -> (f64, f64) {
    match class {
        Class::PersonName => (0.90, 0.85),
        // No identifier, and no number proves it.
        Class::Address => (0.90, 0.85),
        _ => (0.98, 0.98),
    }
}

fn table(all: &Tallies, held_out: &Tallies) -> String {
    let mut page = String::from("| class | values | all forms |");
    for form in Form::ALL {
        let _ = write!(page, " {} |", form.as_str());
    }
    page.push_str(" held-out templates |\n| --- | ---: |");
    page.push_str(&" --- |".repeat(Form::ALL.len() + 2));
    page.push('\n');
    let cell = |tally: Tally| format!("{:.3} / {:.3}", tally.precision(), tally.recall());
    for class in Class::ALL {
        let total = sum(all, class);
        let _ = write!(page, "| {class} | {} | {} |", total.right + total.missed, cell(total));
        for form in Form::ALL {
            let _ = write!(page, " {} |", cell(all.get(&(class, form)).copied().unwrap_or_default()));
        }
        let _ = writeln!(page, " {} |", cell(sum(held_out, class)));
    }
    page
}

/// What is missed and invented, by template; printed when asked (`METROSOC_SHOW_MISSES=30`).
fn show(line: &Line, found: &[Label], left: &mut usize) {
    let text = |label: &Label| line.text.get(label.start..label.end).unwrap_or_default();
    let missed: Vec<_> = line.labels.iter().filter(|label| !found.contains(label)).collect();
    let wrong: Vec<_> = found.iter().filter(|label| !line.labels.contains(label)).collect();
    if *left == 0 || line.held_out || missed.is_empty() && wrong.is_empty() {
        return;
    }
    *left -= 1;
    println!("{}\n   {} {}", line.text, line.form.as_str(), line.template);
    missed.iter().for_each(|label| println!("   missed {} `{}`", label.class, text(label)));
    wrong.iter().for_each(|label| println!("   wrong  {} `{}`", label.class, text(label)));
}

#[test]
fn every_class_reaches_its_bar_in_every_form() {
    let mut left = std::env::var("METROSOC_SHOW_MISSES").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    let (all, held_out) = measure(set::lines(set::SEED, set::LINES), |line, found| show(line, found, &mut left));
    let page = table(&all, &held_out);
    println!("{page}");
    let mut below = Vec::new();
    for class in Class::ALL {
        let (precision, recall) = bar(class);
        let mut check = |what: &str, tally: Tally| {
            if tally.right + tally.missed < 20 {
                below.push(format!("{class} ({what}): only {} values", tally.right + tally.missed));
            }
            if tally.precision() < precision || tally.recall() < recall {
                below.push(format!("{class} ({what}): {:.3} / {:.3}", tally.precision(), tally.recall()));
            }
        };
        Form::ALL.iter().for_each(|form| check(form.as_str(), all.get(&(class, *form)).copied().unwrap_or_default()));
        check("held out", sum(&held_out, class));
    }
    assert!(below.is_empty(), "below the bar: {below:#?}");
    the_page_is_true(&page);
}

fn the_page_is_true(table: &str) {
    let rules = parse(&PrivacyText::embedded()).unwrap();
    let classes = classes_markdown(&rules);
    let page = format!(include_str!("privacy_page.md"), lines = set::LINES, seed = set::SEED);
    let page = page.replace("CLASSES\n", &classes).replace("FIGURES\n", table);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../PRIVACY.md");
    if std::env::var_os("METROSOC_UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "PRIVACY.md is out of date; run METROSOC_UPDATE_DOCS=1 cargo test -p policy privacy");
}

/// The figures mean something only while the set's people are not the scanner's.
#[test]
fn a_quarter_of_the_names_has_a_word_that_the_scanner_does_not_know() {
    let text = PrivacyText::embedded().words;
    let names = text.split("stop:").next().unwrap();
    let known: HashSet<&str> = names.split(|found: char| !found.is_alphabetic()).collect();
    let (mut unknown, mut total) = (0, 0);
    for line in set::lines(set::SEED, 5_000).filter(|line| line.form == Form::Nfc) {
        for label in line.labels.iter().filter(|label| label.class == Class::PersonName) {
            total += 1;
            let name = line.text.get(label.start..label.end).unwrap();
            unknown += u32::from(name.split(' ').any(|word| !known.contains(word)));
        }
    }
    assert!(total > 300 && unknown * 4 >= total, "{unknown} of {total}");
}

/// The last column means something only while its templates and people are not those that the scanner was made with.
#[test]
fn what_is_held_out_is_disjoint() {
    use std::iter::once;
    let words = |lists: &set::people::Lists| -> HashSet<&'static str> {
        let rare = lists.families.iter().map(|(family, _)| *family).skip(10);
        let rest = [lists.middle_women, lists.middle_men, lists.given_women, lists.given_men];
        let rest = rest.into_iter().flatten().flat_map(|words| words.split(' '));
        rare.chain(rest).filter(|word| !["Thị", "Văn"].contains(word)).collect()
    };
    let (open, held_out) = (words(&set::people::LISTS), words(&set::held_out_people::LISTS));
    let shared: Vec<_> = open.intersection(&held_out).collect();
    assert!(shared.is_empty(), "both lists of people hold {shared:?}");
    assert!(held_out.len() > 100);
    let open: HashSet<_> = set::shapes::TEMPLATES.iter().chain(once(&"")).collect();
    assert!(set::held_out::TEMPLATES.iter().all(|template| !open.contains(template)));
}

/// Labels are what they say: in order, on character bounds, without overlaps; the seed gives the same set again.
#[test]
fn the_set_is_sound() {
    let again: Vec<String> = set::lines(7, 500).map(|line| line.text).collect();
    for (line, again) in set::lines(7, 500).zip(again) {
        assert_eq!(line.text, again);
        let mut end = 0;
        for label in &line.labels {
            assert!(label.start >= end && line.text.get(label.start..label.end).is_some_and(|value| !value.is_empty()));
            end = label.end;
        }
    }
}

/// A message is not read again where it is the end of the event's original text: what stands before it there takes nothing away.
#[test]
fn a_header_before_a_line_hides_nothing_that_the_line_shows() {
    const HEADERS: [&str; 4] = [
        "<134>1 2026-11-22T10:15:02.112Z srv-dvc-02 portal 811 - - ",
        "<13>Nov 22 10:15:02 srv-dvc-02 portal[811]: ",
        "<134>1 2026-11-22T10:15:02Z srv-dvc-02 portal 811 ID47 [origin@32473 iut=\"3\" ip=\"10.1.2.3\"] ",
        "Nov 22 10:15:02 srv-dvc-02 ",
    ];
    let scanner = Scanner::new(parse(&PrivacyText::embedded()).unwrap(), 2026);
    let switches = scanner.rules().default_switches();
    let (mut memory, mut alone, mut behind) = (Memory::default(), Vec::new(), Vec::new());
    let (mut values, mut differs) = (0, Vec::new());
    for (line, header) in set::lines(set::SEED, set::LINES).zip(HEADERS.into_iter().cycle()) {
        let (name, before) = ("message=".len(), format!("original={header}"));
        assert_eq!(scanner.scan(&format!("message={}", line.text), &switches, &mut memory, &mut alone), Complete::Yes);
        let whole = format!("{before}{}", line.text);
        assert_eq!(scanner.scan(&whole, &switches, &mut memory, &mut behind), Complete::Yes);
        values += alone.len();
        let moved = |span: &policy::privacy::Span| {
            (span.start + before.len() - name, span.end + before.len() - name, span.class)
        };
        let here: Vec<_> = behind.iter().map(|span| (span.start, span.end, span.class)).collect();
        if let Some(lost) = alone.iter().find(|span| span.start >= name && !here.contains(&moved(span))) {
            differs.push(format!("{:?} in {whole}", line.text.get(lost.start - name..lost.end - name)));
        }
    }
    assert!(
        values > 10_000 && differs.is_empty(),
        "{} of {values}: {:#?}",
        differs.len(),
        differs.get(..differs.len().min(20))
    );
}

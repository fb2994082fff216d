//! Megabytes a second of the scanner: 500-byte Vietnamese events, with every class on and with numbers and e-mail only.

#[path = "../examples/labelled/set/mod.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it makes test data: a broken template stops it; the bench needs no labels"
)]
mod set;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use policy::privacy::{Class, Memory, PrivacyText, Scanner, parse};

/// Bytes of one event.
const EVENT_BYTES: usize = 500;
/// Events of one round: more than a cache of branches remembers.
const EVENTS: usize = 2_000;

/// Classes that digits and `@` find.
const NUMBERS: [Class; 9] = [
    Class::CitizenId,
    Class::OldCitizenId,
    Class::TaxCode,
    Class::Phone,
    Class::Email,
    Class::SocialInsurance,
    Class::HealthInsurance,
    Class::BankAccount,
    Class::Card,
];

/// How many personal values events hold.
#[derive(Debug, Clone, Copy)]
enum Density {
    /// Records of people end to end: seven values in an event.
    Full,
    /// One line about a person among lines about machines: two values in an event.
    Usual,
}

/// Lines of the labelled set, joined to events of about [`EVENT_BYTES`].
fn events(density: Density) -> Vec<String> {
    let mut lines = set::lines(set::SEED, EVENTS * 200).filter(|line| line.form == set::Form::Nfc);
    let mut events = Vec::with_capacity(EVENTS);
    while events.len() < EVENTS {
        let mut event = String::new();
        while event.len() < EVENT_BYTES {
            let Some(line) = lines.next() else { return events };
            // Usual: first a line about a person, then lines about machines.
            let skipped = matches!(density, Density::Usual) && line.labels.is_empty() == event.is_empty();
            if !skipped {
                event.extend([line.text.as_str(), " "]);
            }
        }
        while event.len() > EVENT_BYTES {
            event.pop();
        }
        events.push(event);
    }
    events
}

fn scan(criterion: &mut Criterion) {
    let Ok(rules) = parse(&PrivacyText::embedded()) else { return };
    let scanner = Scanner::new(rules, 2026);
    let all = scanner.rules().default_switches();
    let (mut memory, mut spans) = (Memory::default(), Vec::new());
    let mut group = criterion.benchmark_group("scan");
    for (density, events) in [("usual", events(Density::Usual)), ("full", events(Density::Full))] {
        let bytes: usize = events.iter().map(String::len).sum();
        group.throughput(Throughput::BytesDecimal(bytes as u64));
        for (name, switches) in [("all_classes", all), ("numbers_and_email", all.only(&NUMBERS))] {
            group.bench_function(format!("{density}/{name}"), |bencher| {
                bencher.iter(|| {
                    for event in &events {
                        let _ = black_box(scanner.scan(black_box(event), &switches, &mut memory, &mut spans));
                    }
                    spans.len()
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, scan);
criterion_main!(benches);

//! The engine against a slow and obvious one: it keeps every hit and computes every window anew.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const SPAN: i64 = 60;
const LATENESS: i64 = 300;

#[derive(Debug, Clone)]
struct Line {
    rule: u8,
    time: i64,
    host: u8,
    n: u8,
}

/// Whether the condition holds for hits in the order of time (and of rules within it), and the value.
type Holds = fn(&[(i64, u64, u8, u8)]) -> Option<f64>;

fn in_order(hits: &[(i64, u64, u8, u8)]) -> Option<f64> {
    let found = (0..hits.len()).any(|a| {
        (0..hits.len()).any(|b| {
            (0..hits.len()).any(|c| {
                (hits[a].2, hits[b].2, hits[c].2) == (0, 1, 2) && hits[a].0 <= hits[b].0 && hits[b].0 <= hits[c].0
            })
        })
    });
    found.then_some(3.0)
}

fn rules(hits: &[(i64, u64, u8, u8)]) -> f64 {
    hits.iter().map(|hit| hit.2).collect::<BTreeSet<_>>().len() as f64
}

fn numbers(hits: &[(i64, u64, u8, u8)]) -> Vec<f64> {
    let mut numbers: Vec<f64> = hits.iter().map(|hit| f64::from(hit.3) / 2.0).collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn median(numbers: &[f64]) -> f64 {
    (numbers[(numbers.len() - 1) / 2] + numbers[numbers.len() / 2]) / 2.0
}

fn gte(value: f64, bound: f64) -> Option<f64> {
    (value >= bound).then_some(value)
}

/// Type, the rest of the part, and the same as a function.
fn kinds() -> Vec<(&'static str, &'static str, Holds)> {
    vec![
        ("event_count", "rules: [a, b, c]\ncondition: {gte: 4}", |hits| gte(hits.len() as f64, 4.0)),
        ("value_count", "rules: [a, b, c]\ncondition: {field: n, gte: 3}", |hits| {
            gte(hits.iter().map(|hit| hit.3).collect::<BTreeSet<_>>().len() as f64, 3.0)
        }),
        ("temporal", "rules: [a, b, c]", |hits| gte(rules(hits), 3.0)),
        ("temporal", "rules: [a, b, c]\ncondition: {gte: 2}", |hits| gte(rules(hits), 2.0)),
        ("temporal_ordered", "rules: [a, b, c]", in_order),
        ("value_sum", "rules: [a, b, c]\ncondition: {field: n, gte: 9}", |hits| gte(numbers(hits).iter().sum(), 9.0)),
        ("value_avg", "rules: [a, b, c]\ncondition: {field: n, gte: 3.25}", |hits| {
            gte(numbers(hits).iter().sum::<f64>() / hits.len() as f64, 3.25)
        }),
        ("value_median", "rules: [a, b, c]\ncondition: {field: n, gte: 3.25}", |hits| {
            gte(median(&numbers(hits)), 3.25)
        }),
        ("value_percentile", "rules: [a, b, c]\ncondition: {field: n, percentile: 25, gte: 2.5}", |hits| {
            let numbers = numbers(hits);
            gte(numbers[numbers.len().div_ceil(4) - 1], 2.5)
        }),
    ]
}

/// What a group's hits complete, by the sentences of the module.
fn expected(lines: &[Line], host: u8, holds: Holds) -> Vec<(usize, i64, f64)> {
    let mut hits: Vec<(i64, u64, u8, u8)> = Vec::new();
    let mut fired: Vec<i64> = Vec::new();
    let mut out = Vec::new();
    let (mut clock, mut touched) = (i64::MIN, i64::MIN);
    for (at, line) in lines.iter().enumerate() {
        clock = clock.max(line.time);
        if touched.saturating_add(SPAN + LATENESS) < clock {
            hits.clear();
            fired.clear();
        }
        if line.host != host {
            continue;
        }
        let newest = hits.iter().map(|hit| hit.0).max().unwrap_or(i64::MIN);
        if line.time < newest.saturating_sub(LATENESS) {
            continue;
        }
        touched = clock;
        hits.push((line.time, at as u64, line.rule, line.n));
        hits.sort_by_key(|hit| (hit.0, hit.2, hit.1));
        let newest = newest.max(line.time);
        hits.retain(|hit| hit.0 >= newest - SPAN - LATENESS);
        let ends: BTreeSet<i64> =
            hits.iter().map(|hit| hit.0).filter(|end| (line.time..=line.time + SPAN).contains(end)).collect();
        for end in ends {
            if fired.iter().any(|old| (end - old).abs() <= SPAN) {
                continue;
            }
            let inside: Vec<_> = hits.iter().copied().filter(|hit| (end - SPAN..=end).contains(&hit.0)).collect();
            if let Some(value) = holds(&inside) {
                fired.push(end);
                out.push((at, end, value));
                break;
            }
        }
    }
    out
}

/// The same for windows that wait, hits in the order of time: they follow one another from the first hit on.
fn expected_complete(lines: &[Line], host: u8, holds: Holds) -> Vec<(i64, f64)> {
    let mut rest: Vec<(i64, u64, u8, u8)> = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.host == host) {
        rest.push((line.time, at as u64, line.rule, line.n));
    }
    let mut out = Vec::new();
    while let Some(first) = rest.first() {
        let end = first.0 + SPAN;
        let (inside, behind): (Vec<_>, Vec<_>) = rest.iter().copied().partition(|hit| hit.0 <= end);
        out.extend(holds(&inside).map(|value| (end, value)));
        rest = behind;
    }
    out
}

fn lines(disorder: i64) -> impl Strategy<Value = Vec<Line>> {
    let line = (0..3_u8, 0..25_i64, -disorder..=disorder, 0..2_u8, 0..9_u8);
    prop::collection::vec(line, 1..120).prop_map(|lines| {
        let mut now = 1_000;
        let line = |(rule, step, off, host, n)| {
            now += step;
            Line { rule, time: now + off, host, n }
        };
        lines.into_iter().map(line).collect()
    })
}

fn found(text: &str, lines: &[Line], ends: bool) -> Vec<(usize, Correlated)> {
    let mut run = Run::new(text, Settings::default());
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let rule = char::from(b'a' + line.rule);
        run.take(&format!("{rule} {} host={} n={}", line.time, line.host, f64::from(line.n) / 2.0));
        found.extend(run.out.drain(..).map(|correlated| (at, correlated)));
    }
    if ends {
        run.advance(1 << 32);
        found.extend(run.out.drain(..).map(|correlated| (lines.len(), correlated)));
    }
    found
}

fn of_host(found: &[(usize, Correlated)], host: u8) -> Vec<(usize, i64, f64)> {
    let own = found.iter().filter(|(_, correlated)| correlated.group[0].1 == host.to_string());
    own.map(|(at, correlated)| (*at, correlated.time.secs(), correlated.value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn sliding_windows_are_as_the_obvious_ones(lines in prop_oneof![lines(0), lines(40), lines(400)]) {
        for (measure, rest, holds) in kinds() {
            let found = found(&one(measure, rest), &lines, false);
            for host in 0..2 {
                prop_assert_eq!(of_host(&found, host), expected(&lines, host, holds), "{} {}", measure, rest);
            }
        }
    }

    #[test]
    fn complete_windows_are_as_the_obvious_ones(lines in lines(0)) {
        let kinds: [(&str, &str, Holds); 4] = [
            ("event_count", "rules: [a, b, c]\ncondition: {lt: 4}", |hits| Some(hits.len() as f64).filter(|n| *n < 4.0)),
            ("value_sum", "rules: [a, b, c]\ncondition: {field: n, gt: 3, lte: 9}", |hits| {
                Some(numbers(hits).iter().sum()).filter(|sum| *sum > 3.0 && *sum <= 9.0)
            }),
            ("value_avg", "rules: [a, b, c]\ncondition: {field: n, lt: 2}", |hits| {
                Some(numbers(hits).iter().sum::<f64>() / hits.len() as f64).filter(|mean| *mean < 2.0)
            }),
            ("temporal", "rules: [a, b, c]\ncondition: a and not b", |hits| {
                let has = |rule: u8| hits.iter().any(|hit| hit.2 == rule);
                (has(0) && !has(1)).then(|| rules(hits))
            }),
        ];
        for (measure, rest, holds) in kinds {
            let found = found(&one(measure, rest), &lines, true);
            for host in 0..2 {
                let own: Vec<_> = of_host(&found, host).into_iter().map(|(_, end, value)| (end, value)).collect();
                prop_assert_eq!(own, expected_complete(&lines, host, holds), "{} {}", measure, rest);
            }
        }
    }
}

//! Runs rules over events and compares the matches with a list of expected ones.
//!
//! `cargo run --release -p detector --example sigma_compare -- RULES EVENTS.ndjson[.zst] [EXPECTED.tsv]`
//!
//! Events are flat or nested JSON, one a line; fields called `sigma_*` are hints and are left out. Expected matches are
//! `event line from 0 <tab> rule id`, lines with `#` left out.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Instant;

use detector::sigma::{FieldMap, RuleSet, RuleSource, Scratch};
use event::Event;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [rules, events, expected @ ..] = arguments.as_slice() else {
        return Err("usage: sigma_compare RULES EVENTS.ndjson[.zst] [EXPECTED.tsv]".into());
    };
    let mut out = std::io::stdout().lock();
    let start = Instant::now();
    let set = RuleSet::load(&[RuleSource::Path(rules.clone())], &FieldMap::embedded()?);
    writeln!(out, "{} rules loaded in {:.2?}", set.rules().len(), start.elapsed())?;
    for rejected in set.rejected() {
        writeln!(out, "rejected {rejected}")?;
    }
    let events = parse(&text(events)?)?;
    let start = cpu_secs()?;
    let mut found = BTreeSet::new();
    let mut scratch = Scratch::default();
    for (line, event) in events.iter().enumerate() {
        found
            .extend(set.evaluate(event, &mut scratch).into_iter().map(|matched| (line, matched.rule.id().to_string())));
    }
    let took = cpu_secs()? - start;
    let rate = events.len() as f64 / took;
    writeln!(
        out,
        "{} events, {} matches in {took:.2} CPU-seconds: {rate:.0} events per CPU-second",
        events.len(),
        found.len()
    )?;
    let Some(expected) = expected.first() else { return Ok(()) };
    let expected = pairs(&text(expected)?);
    for (line, id) in expected.difference(&found) {
        writeln!(out, "missing {line}\t{id}\t{}", title(&set, id))?;
    }
    for (line, id) in found.difference(&expected) {
        writeln!(out, "unexpected {line}\t{id}\t{}", title(&set, id))?;
    }
    writeln!(out, "{} expected, {} differences", expected.len(), expected.symmetric_difference(&found).count())?;
    Ok(())
}

/// Time that this thread was on a processor (`proc_pid_schedstat(5)`).
fn cpu_secs() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanos / 1e9)
}

fn title<'s>(set: &'s RuleSet, id: &str) -> &'s str {
    set.rule(id).map_or("not loaded", |rule| rule.reference.title.as_str())
}

fn text(path: &PathBuf) -> Outcome<String> {
    let file = std::fs::File::open(path)?;
    let mut text = String::new();
    if path.extension().is_some_and(|end| end == "zst") {
        zstd::stream::read::Decoder::new(file)?.read_to_string(&mut text)?;
    } else {
        std::io::BufReader::new(file).read_to_string(&mut text)?;
    }
    Ok(text)
}

fn parse(text: &str) -> Outcome<Vec<Event>> {
    let mut events = Vec::new();
    for line in text.lines() {
        let mut json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line)?;
        json.retain(|name, _| !name.starts_with("sigma_"));
        let mut event = Event::new();
        event::json::flatten("", &json.into(), &mut event)?;
        events.push(event);
    }
    Ok(events)
}

fn pairs(text: &str) -> BTreeSet<(usize, String)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(line, id)| Some((line.parse().ok()?, id.to_owned())))
        .collect()
}

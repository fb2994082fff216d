//! MetroSOC's Sigma engine beside other Rust engines: the same rules, the same events, one thread, one run.
//!
//! `cargo run --release -- RULES EVENTS.ndjson.zst`; `make bench` calls it. Figures are events per CPU-second of this
//! thread (`proc_pid_schedstat(5)`), events parsed before; the ratio is what holds from one machine to another.
//!
//! rsigma-eval is given each event's log source (fields `sigma_product`, `sigma_category`, `sigma_service`, or none),
//! with which it is fastest; sigma-rust has no routing, so every rule is asked, on the first events alone.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use detector::sigma::{FieldMap, RuleSet, RuleSource, Scratch};
use event::Event;
use rsigma_eval::{Engine, JsonEvent};
use rsigma_parser::LogSource;
use serde_json::{Map, Value};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events that the engine without routing is asked about.
const SLOW_EVENTS: usize = 200;
/// Times that each engine goes over the events; the best counts, the first pays for what is compiled lazily.
const ROUNDS: usize = 3;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [rules, events] = arguments.as_slice() else { anyhow::bail!("usage: peers RULES EVENTS.ndjson[.zst]") };
    let documents = read(events)?;
    let ours = ours(rules, &documents)?;
    let ten_times = ten_times(rules, &documents)?;
    let rsigma = rsigma(rules, &documents)?;
    let sigma_rust = sigma_rust(rules, &documents)?;
    println!("engine                    events/CPU-s     MetroSOC is faster by");
    println!("MetroSOC                  {ours:>12.0}");
    println!("MetroSOC, rules ten times {ten_times:>12.0}     {:.2} (time with ten times the rules)", ours / ten_times);
    println!("rsigma-eval 0.23          {rsigma:>12.0}     {:.2}", ours / rsigma);
    println!("sigma-rust 0.7            {sigma_rust:>12.0}     {:.0}", ours / sigma_rust);
    Ok(())
}

/// An event and its log source hints, which are taken out of it.
struct Document {
    json: Value,
    source: LogSource,
}

fn read(path: &Path) -> anyhow::Result<Vec<Document>> {
    let file = std::fs::File::open(path).with_context(|| format!("events `{}`", path.display()))?;
    let mut text = String::new();
    if path.extension().is_some_and(|end| end == "zst") {
        zstd::stream::read::Decoder::new(file)?.read_to_string(&mut text)?;
    } else {
        std::io::BufReader::new(file).read_to_string(&mut text)?;
    }
    text.lines()
        .map(|line| {
            let mut json: Map<String, Value> = serde_json::from_str(line)?;
            let mut hint = |name| json.remove(name).and_then(|hint| hint.as_str().map(str::to_owned));
            let (product, category, service) = (hint("sigma_product"), hint("sigma_category"), hint("sigma_service"));
            let source = LogSource { product, category, service, definition: None, custom: HashMap::new() };
            Ok(Document { json: Value::Object(json), source })
        })
        .collect()
}

fn cpu_secs() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse::<f64>()? / 1e9)
}

/// Best of [`ROUNDS`]; the number of matches is printed so that nothing is compared that does not find.
fn rate(name: &str, events: usize, mut round: impl FnMut() -> usize) -> anyhow::Result<f64> {
    let mut best = 0.0_f64;
    let mut matches = 0;
    for _ in 0..ROUNDS {
        let start = cpu_secs()?;
        matches = round();
        best = best.max(events as f64 / (cpu_secs()? - start));
    }
    eprintln!("{name}: {matches} matches on {events} events");
    Ok(best)
}

fn events_of(documents: &[Document]) -> anyhow::Result<Vec<Event>> {
    let flat = |document: &Document| {
        let mut event = Event::new();
        event::json::flatten("", &document.json, &mut event)?;
        Ok(event)
    };
    documents.iter().map(flat).collect()
}

fn ours(rules: &Path, documents: &[Document]) -> anyhow::Result<f64> {
    let set = RuleSet::load(&[RuleSource::Path(rules.to_owned())], &FieldMap::embedded()?);
    eprintln!("MetroSOC: {} rules", set.rules().len());
    measure(&set, documents)
}

/// Every rule ten times under ids of its own, one letter of its longest text changed, as ten rule sets would differ.
fn ten_times(rules: &Path, documents: &[Document]) -> anyhow::Result<f64> {
    let mut sources = Vec::new();
    for path in files(rules)? {
        let yaml = std::fs::read_to_string(&path)?;
        for copy in 0..10 {
            let yaml = if copy == 0 { yaml.clone() } else { varied(&yaml, copy) };
            sources.push(RuleSource::Text { path: format!("{}#{copy}", path.display()), yaml });
        }
    }
    let set = RuleSet::load(&sources, &FieldMap::embedded()?);
    eprintln!("MetroSOC, ten times: {} rules", set.rules().len());
    measure(&set, documents)
}

/// Another id, and a digit behind the first word of every quoted value: a rule of its own about something near.
fn varied(yaml: &str, copy: usize) -> String {
    let lines = yaml.lines().map(|line| match line.trim_start() {
        text if text.starts_with("id:") => format!("id: copy-{copy}-{}", text.trim_start_matches("id:").trim()),
        text if text.starts_with("- '") && text.len() > 12 && text.ends_with('\'') => {
            let (head, _) = line.rsplit_once('\'').unwrap_or((line, ""));
            format!("{head}{copy}'")
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn measure(set: &RuleSet, documents: &[Document]) -> anyhow::Result<f64> {
    let events = events_of(documents)?;
    let mut scratch = Scratch::default();
    rate("MetroSOC", events.len(), || events.iter().map(|event| set.evaluate(event, &mut scratch).len()).sum())
}

fn rsigma(rules: &Path, documents: &[Document]) -> anyhow::Result<f64> {
    let collection = rsigma_parser::parse_sigma_directory(rules)?;
    let mut engine = Engine::new();
    let refused = engine.add_rules(&collection.rules);
    eprintln!("rsigma-eval: {} rules, {} refused", engine.rule_count(), refused.len());
    rate("rsigma-eval", documents.len(), || {
        let one = |document: &Document| {
            engine.evaluate_with_logsource(&JsonEvent::borrow(&document.json), &document.source).len()
        };
        documents.iter().map(one).sum()
    })
}

fn sigma_rust(rules: &Path, documents: &[Document]) -> anyhow::Result<f64> {
    let mut loaded = Vec::new();
    for path in files(rules)? {
        if let Ok(rule) = sigma_rust::rule_from_yaml(&std::fs::read_to_string(&path)?) {
            loaded.push(rule);
        }
    }
    eprintln!("sigma-rust: {} rules", loaded.len());
    let events: Result<Vec<_>, _> = documents
        .iter()
        .take(SLOW_EVENTS)
        .map(|document| sigma_rust::event_from_json(&document.json.to_string()))
        .collect();
    let events = events?;
    rate("sigma-rust", events.len(), || {
        events.iter().map(|event| loaded.iter().filter(|rule| rule.is_match(event)).count()).sum()
    })
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "yml" || end == "yaml") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

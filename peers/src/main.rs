//! MetroSOC's Sigma engine beside other Rust engines: the same rules, the same events, one thread, one run.
//!
//! `cargo run --release -- RULES EVENTS.ndjson.zst`; `make bench` calls it. Figures are events per CPU-second of this
//! thread (`proc_pid_schedstat(5)`), events parsed before, and from their bytes; the ratio is what holds from one machine to
//! another.
//!
//! rsigma-eval is given each event's log source (fields `sigma_product`, `sigma_category`, `sigma_service`, or none),
//! with which it is fastest; sigma-rust has no routing, so every rule is asked, on the first events alone.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context as _;
use collector::decode::walk_json;
use detector::sigma::{FieldMap, RuleSet, RuleSource, Scratch};
use event::Event;
use rsigma_eval::{Engine, JsonEvent};
use rsigma_parser::LogSource;
use serde_json::{Map, Value};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events that the engine without routing is asked about.
const SLOW_EVENTS: usize = 200;
/// Times that each engine goes over the events, one after the other, so that a machine which is slower for a while is so for
/// all; the best of each counts, the first pays for what is compiled lazily.
const ROUNDS: usize = 5;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [rules, events] = arguments.as_slice() else { anyhow::bail!("usage: peers RULES EVENTS.ndjson[.zst]") };
    let documents = read(events)?;
    let events = events_of(&documents)?;
    let mut contest = Contest::default();
    let set = Rc::new(load(&[RuleSource::Path(rules.to_owned())])?);
    let ours = contest.add("MetroSOC", events.len(), parsed(Rc::clone(&set), &events));
    let from_bytes = contest.add("MetroSOC from bytes", documents.len(), from_bytes(set, &documents));
    let ten_times = contest.add("MetroSOC, rules ten times", events.len(), parsed(Rc::new(ten_times(rules)?), &events));
    let engine = Rc::new(rsigma_engine(rules)?);
    let rsigma = contest.add("rsigma-eval 0.23", documents.len(), rsigma(Rc::clone(&engine), &documents));
    let rsigma_bytes = contest.add("rsigma-eval from bytes", documents.len(), rsigma_from_bytes(engine, &documents));
    let few = documents.get(..SLOW_EVENTS).unwrap_or(&documents);
    let sigma_rust = contest.add("sigma-rust 0.7", few.len(), sigma_rust(rules, few)?);
    contest.run()?;
    println!("events per CPU-second");
    contest.entrants.iter().for_each(|one| println!("{:26} {:>12.0}", one.name, one.best));
    println!("MetroSOC is faster than");
    println!("rsigma-eval, parsed before {:>12.2}", contest.ratio(ours, rsigma));
    println!("rsigma-eval, from bytes    {:>12.2}", contest.ratio(from_bytes, rsigma_bytes));
    println!("sigma-rust                 {:>12.0}", contest.ratio(ours, sigma_rust));
    println!("ten times the rules cost   {:>12.2} times the time", contest.ratio(ours, ten_times));
    Ok(())
}

/// Goes over all events once; gives the number of matches.
type Round<'d> = Box<dyn FnMut() -> usize + 'd>;

struct Entrant<'d> {
    name: &'static str,
    events: usize,
    round: Round<'d>,
    /// Events per CPU-second.
    best: f64,
}

/// Engines that take turns.
#[derive(Default)]
struct Contest<'d> {
    entrants: Vec<Entrant<'d>>,
}

impl<'d> Contest<'d> {
    fn add(&mut self, name: &'static str, events: usize, round: Round<'d>) -> usize {
        self.entrants.push(Entrant { name, events, round, best: 0.0 });
        self.entrants.len() - 1
    }

    /// [`ROUNDS`]; the number of matches is printed so that nothing is compared that does not find.
    fn run(&mut self) -> anyhow::Result<()> {
        for number in 1..=ROUNDS {
            for one in &mut self.entrants {
                let start = cpu_secs()?;
                let matches = (one.round)();
                let rate = one.events as f64 / (cpu_secs()? - start);
                one.best = one.best.max(rate);
                eprintln!("round {number}, {}: {matches} matches on {} events, {rate:.0}/s", one.name, one.events);
            }
        }
        Ok(())
    }

    fn ratio(&self, one: usize, other: usize) -> f64 {
        let best = |at: usize| self.entrants.get(at).map_or(f64::NAN, |entrant| entrant.best);
        best(one) / best(other)
    }
}

/// An event and its log source hints, which are taken out of it.
struct Document {
    /// Its JSON.
    line: String,
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
            let json = Value::Object(json);
            Ok(Document { line: json.to_string(), json, source })
        })
        .collect()
}

fn cpu_secs() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse::<f64>()? / 1e9)
}

fn events_of(documents: &[Document]) -> anyhow::Result<Vec<Event>> {
    let flat = |document: &Document| {
        let mut event = Event::new();
        event::json::flatten("", &document.json, &mut event)?;
        Ok(event)
    };
    documents.iter().map(flat).collect()
}

fn load(sources: &[RuleSource]) -> anyhow::Result<RuleSet> {
    let set = RuleSet::load(sources, &FieldMap::embedded()?);
    eprintln!("MetroSOC: {} rules", set.rules().len());
    Ok(set)
}

fn parsed(set: Rc<RuleSet>, events: &[Event]) -> Round<'_> {
    let mut scratch = Scratch::default();
    Box::new(move || events.iter().map(|event| set.evaluate(event, &mut scratch).len()).sum())
}

fn from_bytes(set: Rc<RuleSet>, documents: &[Document]) -> Round<'_> {
    let (mut event, mut scratch) = (Event::new(), Scratch::default());
    let mut one = move |document: &Document| {
        event.clear();
        walk_json(&document.line, &mut event).map_or(0, |()| set.evaluate(&event, &mut scratch).len())
    };
    Box::new(move || documents.iter().map(&mut one).sum())
}

/// Every rule ten times under ids of its own, one letter of its longest text changed, as ten rule sets would differ.
fn ten_times(rules: &Path) -> anyhow::Result<RuleSet> {
    let mut sources = Vec::new();
    for path in files(rules)? {
        let yaml = std::fs::read_to_string(&path)?;
        for copy in 0..10 {
            let yaml = if copy == 0 { yaml.clone() } else { varied(&yaml, copy) };
            sources.push(RuleSource::Text { path: format!("{}#{copy}", path.display()), yaml });
        }
    }
    load(&sources)
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

fn rsigma_engine(rules: &Path) -> anyhow::Result<Engine> {
    let collection = rsigma_parser::parse_sigma_directory(rules)?;
    let mut engine = Engine::new();
    let refused = engine.add_rules(&collection.rules);
    eprintln!("rsigma-eval: {} rules, {} refused", engine.rule_count(), refused.len());
    Ok(engine)
}

fn rsigma(engine: Rc<Engine>, documents: &[Document]) -> Round<'_> {
    Box::new(move || documents.iter().map(|one| ask(&engine, &one.json, &one.source)).sum())
}

fn rsigma_from_bytes(engine: Rc<Engine>, documents: &[Document]) -> Round<'_> {
    let one = move |document: &Document| {
        serde_json::from_str(&document.line).map_or(0, |json: Value| ask(&engine, &json, &document.source))
    };
    Box::new(move || documents.iter().map(&one).sum())
}

fn ask(engine: &Engine, json: &Value, source: &LogSource) -> usize {
    engine.evaluate_with_logsource(&JsonEvent::borrow(json), source).len()
}

fn sigma_rust<'d>(rules: &Path, documents: &[Document]) -> anyhow::Result<Round<'d>> {
    let mut loaded = Vec::new();
    for path in files(rules)? {
        if let Ok(rule) = sigma_rust::rule_from_yaml(&std::fs::read_to_string(&path)?) {
            loaded.push(rule);
        }
    }
    eprintln!("sigma-rust: {} rules", loaded.len());
    let read = |document: &Document| sigma_rust::event_from_json(&document.line);
    let events: Vec<_> = documents.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Box::new(move || events.iter().map(|event| loaded.iter().filter(|rule| rule.is_match(event)).count()).sum()))
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

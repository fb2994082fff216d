//! What the engine costs: memory of rules and compiled classes, and how much faster two threads are than one.
//!
//! `cargo run --release -p detector --example engine_cost -- RULES EVENTS.ndjson[.zst]`
//!
//! Rates are events per CPU-second (`proc_pid_schedstat(5)`) of the thread, for two threads of the slower one, so that
//! others who use the machine do not count. Memory is what the process has resident more than before.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use detector::sigma::{FieldMap, RuleSet, RuleSource, Scratch};
use event::Event;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Times over the events; the first ones pay for what is compiled and learnt.
const ROUNDS: usize = 6;

fn main() -> Outcome<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [rules, events] = arguments.as_slice() else {
        return Err("usage: engine_cost RULES EVENTS.ndjson[.zst]".into());
    };
    let events = read(events)?;
    let mut out = std::io::stdout().lock();
    let (before, start) = (resident_bytes()?, cpu_secs()?);
    let set = RuleSet::load(&[RuleSource::Path(rules.clone())], &FieldMap::embedded()?);
    let loaded = resident_bytes()?;
    writeln!(out, "{} rules, loaded in {:.2} CPU-seconds", set.rules().len(), cpu_secs()? - start)?;
    let start = cpu_secs()?;
    set.warm_windows();
    let warmed = cpu_secs()?;
    let mut scratch = Scratch::default();
    for event in &events {
        set.evaluate(event, &mut scratch);
    }
    let first = events.len() as f64 / (cpu_secs()? - warmed);
    writeln!(out, "classes of Windows events compiled in {:.2} CPU-seconds", warmed - start)?;
    let one = run(&set, &events, 1)?;
    let compiled = resident_bytes()?;
    let two = run(&set, &events, 2)?;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    writeln!(out, "memory of the rules            {:>8.1} MiB", mib(loaded.saturating_sub(before)))?;
    writeln!(out, "memory with compiled classes   {:>8.1} MiB", mib(compiled.saturating_sub(before)))?;
    writeln!(out, "the first time {first:>8.0} events per CPU-second, learning included")?;
    writeln!(out, "one thread    {one:>9.0} events per CPU-second")?;
    writeln!(out, "two threads   {two:>9.0} events per CPU-second of both: {:.2} times one", two / one)?;
    Ok(())
}

/// Best of [`ROUNDS`]: events of all threads by the CPU time of the slowest.
fn run(set: &RuleSet, events: &[Event], threads: usize) -> Outcome<f64> {
    let barrier = Barrier::new(threads);
    let worker = || -> Outcome<Vec<f64>> {
        let mut scratch = Scratch::default();
        let mut took = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            barrier.wait();
            let start = cpu_secs()?;
            for event in events {
                set.evaluate(event, &mut scratch);
            }
            took.push(cpu_secs()? - start);
        }
        Ok(took)
    };
    let all = std::thread::scope(|scope| -> Outcome<Vec<Vec<f64>>> {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().map_err(|_| "a thread stopped")?).collect()
    })?;
    let slowest = |round: usize| all.iter().filter_map(|took| took.get(round).copied()).fold(0.0, f64::max);
    let best = (0..ROUNDS).map(slowest).fold(f64::INFINITY, f64::min);
    Ok((events.len() * threads) as f64 / best)
}

fn read(path: &Path) -> Outcome<Vec<Event>> {
    let file = std::fs::File::open(path)?;
    let mut text = String::new();
    if path.extension().is_some_and(|end| end == "zst") {
        zstd::stream::read::Decoder::new(file)?.read_to_string(&mut text)?;
    } else {
        std::io::BufReader::new(file).read_to_string(&mut text)?;
    }
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

/// Time that this thread was on a processor.
fn cpu_secs() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse::<f64>()? / 1e9)
}

/// What the process has in memory now.
fn resident_bytes() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}

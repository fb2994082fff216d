//! Measures correlations: hits per CPU-second and bytes a group, with many groups that all stay alive.
//!
//! `cargo run --release -p detector --example correlate_rate -- [GROUPS] [HITS] [DISORDER_SECS]`; 100,000 groups,
//! 1,000,000 hits and no disorder when nothing is said. Every type is measured by itself; hits go around the groups, so
//! that each finds its group cold. Resident memory is true of the first line; later ones use again what was freed.

use std::io::Write;

use detector::correlate::{CorrelationSpec, Hit, Plan, Settings, State};
use event::{Event, EventId, Timestamp};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KINDS: [(&str, &str); 9] = [
    ("event_count", "{gte: 20}"),
    ("event_count", "{gte: 5}"),
    ("event_count", "{lt: 3}"),
    ("value_count", "{field: user.name, gte: 20}"),
    ("temporal", "{gte: 3}"),
    ("temporal_ordered", "first and second and third"),
    ("value_sum", "{field: source.bytes, gte: 1e9}"),
    ("value_avg", "{field: source.bytes, gte: 1e9}"),
    ("value_median", "{field: source.bytes, gte: 1e9}"),
];

fn main() -> Outcome<()> {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let groups = arguments.first().copied().unwrap_or(100_000);
    let hits = arguments.get(1).copied().unwrap_or(1_000_000);
    let disorder = arguments.get(2).copied().unwrap_or(0);
    let mut out = std::io::stdout().lock();
    for (measure, condition) in KINDS {
        writeln!(out, "{}", measured(measure, condition, groups, hits, disorder)?)?;
    }
    Ok(())
}

fn measured(measure: &str, condition: &str, groups: usize, hits: usize, disorder: usize) -> Outcome<String> {
    let text = format!(
        "title: {measure}\ncorrelation: {{type: {measure}, rules: [first, second, third], \
         group-by: [source.ip, host.name], timespan: 1h, condition: {condition}}}"
    );
    let specs = CorrelationSpec::read(&text).into_iter().collect::<Result<Vec<_>, _>>()?;
    let resolve = |name: &str| match name {
        "first" => vec![0],
        "second" => vec![1],
        "third" => vec![2],
        _ => Vec::new(),
    };
    let plan = Plan::compile(specs, &resolve, &|_, field| vec![format!("winlog.{field}"), field.to_owned()]);
    let mut state = State::new(&plan, Settings::default());
    let mut events: Vec<Event> = (0..groups).map(event_of).collect::<Result<_, _>>()?;
    let (resident, start) = (resident_bytes(), cpu_secs()?);
    let mut found = Vec::new();
    let mut results = 0;
    for number in 0..hits {
        let Some(event) = events.get_mut(number % groups.max(1)) else { continue };
        event.id = EventId(number as u64);
        // An hour goes by over all hits: nothing leaves its window and every group stays.
        let behind = number.wrapping_mul(7_919) % (disorder * 1_000 + 1);
        let time = Timestamp::from_millis((3_600_000 * number / hits) as i64 - behind as i64);
        let rule = (number / groups.max(1) % 2) as u32;
        state.take(&plan, Hit { rule, event, id: event.id, time }, &mut found);
        results += found.drain(..).count();
    }
    let took = cpu_secs()? - start;
    let grown = resident_bytes().zip(resident).map_or(0, |(now, before)| now.saturating_sub(before));
    let live = state.groups_len().max(1);
    let start = cpu_secs()?;
    let saved = state.save(&plan).len();
    let save_secs = cpu_secs()? - start;
    let grown = grown / live;
    Ok(format!(
        "{measure} {condition}: {:.0} hits per CPU-second, {live} groups of {} bytes ({grown} resident), \
         {results} results, checkpoint {saved} bytes in {save_secs:.2} s",
        hits as f64 / took,
        state.bytes() / live,
    ))
}

/// An event of some 20 fields, as a decoded log record has them.
fn event_of(group: usize) -> Outcome<Event> {
    let mut event = Event::new();
    for field in 0..14 {
        event.push(&format!("field.number{field}"), "some value of a log")?;
    }
    event.push("user.name", format!("user{}", group % 977).as_str())?;
    event.push("source.ip", format!("10.{}.{}.{}", group >> 16, (group >> 8) & 255, group & 255).as_str())?;
    event.push("host.name", "dc01.example")?;
    event.push("source.bytes", i64::try_from(group % 1_500)?)?;
    Ok(event)
}

/// CPU time of this process in seconds.
fn cpu_secs() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos: f64 = text.split_whitespace().next().ok_or("`/proc/thread-self/schedstat` is empty")?.parse()?;
    Ok(nanos / 1e9)
}

/// Resident memory, where the system tells.
fn resident_bytes() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split_whitespace().nth(1)?.parse::<usize>().ok().map(|pages| pages * 4_096)
}

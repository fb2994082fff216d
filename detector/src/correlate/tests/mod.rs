//! Tables of correlations and hits: `rule seconds field=value …` a line, what they complete as text.

use event::{Event, EventId, Timestamp};

use super::*;

mod bounds;
mod checkpoint;
mod forget;
mod order;
mod plan;
mod reference;
mod spec;
mod types;

/// Base rules `a` to `f` have the numbers 0 to 5; their events may have a field as `ecs.FIELD`.
fn plan_of(text: &str) -> Plan {
    let specs = CorrelationSpec::read(text).into_iter().map(|spec| spec.unwrap()).collect();
    let resolve = |name: &str| match name.as_bytes() {
        [letter @ b'a'..=b'f'] => vec![u32::from(letter - b'a')],
        _ => Vec::new(),
    };
    Plan::compile(specs, &resolve, &|_, field| vec![field.to_owned(), format!("ecs.{field}")])
}

/// A correlation of `measure` with what else stands in its part, grouped by `host`, over a minute.
fn one(measure: &str, rest: &str) -> String {
    named("x", measure, rest)
}

fn named(name: &str, measure: &str, rest: &str) -> String {
    let mut part = format!("type: {measure}\n");
    for (key, default) in [("rules", "[a]"), ("group-by", "[host]"), ("timespan", "1m")] {
        if !rest.contains(&format!("{key}:")) {
            part.push_str(&format!("{key}: {default}\n"));
        }
    }
    let part: String = (part + rest).lines().map(|line| format!("  {line}\n")).collect();
    format!("title: t\nname: {name}\ncorrelation:\n{part}---\n")
}

fn event_of(fields: &[&str]) -> Event {
    let mut event = Event::new();
    for field in fields {
        let (name, value) = field.split_once('=').unwrap();
        event.push(name, value).unwrap();
    }
    event
}

struct Run {
    plan: Plan,
    state: State,
    out: Vec<Correlated>,
}

impl Run {
    fn new(text: &str, settings: Settings) -> Self {
        let plan = plan_of(text);
        assert_eq!(plan.refused(), []);
        Self { state: State::new(&plan, settings), plan, out: Vec::new() }
    }

    fn take(&mut self, line: &str) {
        let id = self.state.position();
        self.take_as(id.0, line);
    }

    fn take_as(&mut self, id: u64, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let event = event_of(&words[2..]);
        let time = Timestamp::from_millis((words[1].parse::<f64>().unwrap() * 1_000.0) as i64);
        // Several letters: several rules matched the event.
        for letter in words[0].bytes() {
            let hit = Hit { rule: u32::from(letter - b'a'), event: &event, id: EventId(id), time };
            self.state.take(&self.plan, hit, &mut self.out);
        }
    }

    fn advance(&mut self, secs: i64) {
        self.state.advance(&self.plan, Timestamp::from_secs(secs), &mut self.out);
    }

    fn told(&mut self) -> Vec<String> {
        let told = self.out.drain(..).map(|correlated| {
            let spec = self.plan.spec(correlated.correlation).unwrap();
            let values: Vec<&str> = correlated.group.iter().map(|(_, value)| value.as_str()).collect();
            let time = correlated.time.millis() as f64 / 1_000.0;
            let ids: Vec<u64> = correlated.events.iter().map(|id| id.0).collect();
            format!("{} {time} {} ={} {ids:?}", spec.called(), values.join(","), correlated.value)
        });
        told.collect()
    }
}

/// What the hits complete; the clock comes to the end of time when `ends`.
fn outcome(text: &str, hits: &str, ends: bool) -> Vec<String> {
    let mut run = Run::new(text, Settings::default());
    hits.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(|line| run.take(line));
    if ends {
        run.advance(1 << 32);
    }
    run.told()
}

fn check(text: &str, hits: &str, expected: &[&str]) {
    assert_eq!(outcome(text, hits, false), expected, "{text}\n{hits}");
}

fn check_ended(text: &str, hits: &str, expected: &[&str]) {
    assert_eq!(outcome(text, hits, true), expected, "{text}\n{hits}");
}

//! Rules over stored history: what an equality or a complete inner word leaves to be read, and how long that takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use detector::hunt::{HuntRequest, Hunter, Watch};
use detector::index::Index;
use detector::rulebook::{Asked, Dialect, Picked};
use detector::sigma::FieldMap;
use event::{Clock, Object, Operation, Permit, Role, Subject, SystemClock, Timestamp, UserName};
use policy::{Guard, PolicySource};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Rules, by what the index can ask for them.
const RULES: [(&str, &str); 2] = [
    (
        "backtest_equality",
        "title: one address\nlogsource: {product: linux, service: sshd}\ndetection:\n  selection: {source.ip: 31.12.50.69}\n  condition: selection\n",
    ),
    (
        "backtest_inner_word",
        "title: look-ups of citizens\nlogsource: {category: webserver}\ndetection:\n  selection: {message|contains: '/api/v1/citizen/'}\n  condition: selection\n",
    ),
];

/// What was measured of one rule.
#[derive(Debug, Serialize)]
struct Timing {
    findings: u64,
    read_of_all: f64,
    seconds: f64,
}

/// Runs each rule over all that an index holds.
pub fn run(index: &Arc<Index>) -> anyhow::Result<Map<String, Value>> {
    let clock = Arc::new(SystemClock) as Arc<dyn Clock>;
    let guard = Guard::open(PolicySource::Embedded, Arc::clone(&clock))?;
    let subject = Subject { name: UserName::new("bench")?, role: Role::SocLead, agency: None };
    let ask = || guard.permit(&subject, Operation::Read, Object::Events, "rule-tuning");
    let hunter = Hunter::new(Arc::clone(index), clock);
    let mut answer = Map::new();
    for (name, yaml) in RULES {
        let picked = Picked::of(&[], &Asked::Yaml(yaml.to_owned()), &Dialect::of(FieldMap::embedded()?))?;
        answer.insert(name.to_owned(), json!(time(&hunter, &ask()?, &|| ask().ok(), picked)?));
    }
    Ok(answer)
}

fn time(
    hunter: &Hunter,
    permit: &Permit,
    renew: &(dyn Fn() -> Option<Permit> + Sync),
    picked: Picked,
) -> anyhow::Result<Timing> {
    let request = HuntRequest {
        picked: Arc::new(picked),
        from: Timestamp::from_secs(0),
        to: SystemClock.now(),
        samples: 50,
        exceptions: None,
        window: Duration::from_secs(3_600),
    };
    let watch = Watch::new();
    let start = Instant::now();
    let found = hunter.run(permit, renew, &request, &watch)?;
    let seconds = start.elapsed().as_secs_f64();
    let progress = watch.progress();
    let read_of_all = progress.candidates as f64 / (progress.events_total as f64).max(1.0);
    Ok(Timing { findings: found.seen.total, read_of_all, seconds })
}

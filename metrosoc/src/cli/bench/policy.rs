//! Decisions a second under a large policy, beside Casbin's own enforcer on the same policy and the same questions.

mod sample;

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use event::{Clock, Object, Operation, Role, Subject, SystemClock, UserName};
use policy::account::{Appending, Journal};
use policy::care::PolicyVersions;
use policy::guard::{CasbinDecider, Decider as _, Line, PolicyText, Question, Tables, parse_lines};
use policy::{Guard, PolicySource};
use sample::Sample;
use serde_json::{Value, json};

use crate::cli::detect::{cpu_of_process, rss_bytes_max};

/// What the measured policy is to say, since none is imported without a case.
const CASE: &str =
    "version: 1\ncases:\n  - { name: the operator, role: operator, operation: export, object: events, expect: deny }\n";

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Agencies in the policy
    #[arg(long, default_value_t = 807, value_name = "N")]
    agencies: usize,
    /// Roles in the policy, 4 to 64
    #[arg(long, default_value_t = 30, value_name = "N")]
    roles: usize,
    /// Lines for each agency and role
    #[arg(long, default_value_t = 4, value_name = "N")]
    lines_each: usize,
    /// Decisions by tables
    #[arg(long, default_value_t = 2_000_000, value_name = "N")]
    decisions: usize,
    /// Decisions by Casbin's own enforcer, which walks every line
    #[arg(long, default_value_t = 50, value_name = "N")]
    casbin_decisions: usize,
    /// Write the policy and questions there, for other engines (`policy.csv`, `questions.ndjson`)
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
}

/// Questions that are written for other engines.
const SAVED_QUESTIONS: usize = 10_000;

pub fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    anyhow::ensure!((4..=64).contains(&arguments.roles), "--roles is 4 to 64");
    anyhow::ensure!(arguments.agencies >= 2, "--agencies is 2 at least");
    let sample = Sample::new(arguments.roles, arguments.agencies, arguments.lines_each);
    let clock = Stopwatch::start();
    let lines: Arc<[Line]> = parse_lines(&sample.text, &sample.words)?.into();
    let read = clock.took();
    let clock = Stopwatch::start();
    let tables = Tables::compile(&lines, &sample.words).context("the policy is beyond what tables hold")?;
    let compile = clock.took();
    let questions = sample.questions(100_000);
    if let Some(folder) = &arguments.save {
        sample.save(folder, &tables, questions.get(..SAVED_QUESTIONS).unwrap_or_default())?;
    }

    let decided = decide(&tables, &questions, arguments.decisions)?;
    let (p50_us, p99_us) = percentiles(&tables, &questions)?;
    let model = PolicyText::embedded().model;
    let clock = Stopwatch::start();
    let casbin = CasbinDecider::new(&model, &lines)?;
    let casbin_build = clock.took();
    let beside = questions.get(..arguments.casbin_decisions.min(questions.len())).unwrap_or_default();
    let mut differences = 0_usize;
    let mut casbin_took = Took::default();
    for question in beside {
        let clock = Stopwatch::start();
        let expected = casbin.decide(question)?;
        casbin_took += clock.took();
        differences += usize::from(tables.decide(question) != Some(expected));
    }
    let (permits, permits_took) = permits()?;
    let (reload_lines, reload) = reload(lines.len(), &model)?;
    Ok(json!({
        "policy_lines": lines.len(), "agencies": arguments.agencies, "roles": arguments.roles,
        "read_ms": read.wall_ms(), "read_cpu_ms": read.cpu_ms(),
        "compile_ms": compile.wall_ms(), "compile_cpu_ms": compile.cpu_ms(),
        "decisions_per_second": decided.wall_rate(arguments.decisions),
        "decisions_per_cpu_second": decided.cpu_rate(arguments.decisions),
        "p50_us": p50_us, "p99_us": p99_us,
        "permits_per_cpu_second": permits_took.cpu_rate(permits),
        "reload_lines": reload_lines, "reload_from_sql_ms": reload.wall_ms(), "reload_from_sql_cpu_ms": reload.cpu_ms(),
        "casbin_build_ms": casbin_build.wall_ms(),
        "casbin_decisions_per_cpu_second": casbin_took.cpu_rate(beside.len()),
        "compared": beside.len(), "differences": differences,
        "rss_bytes_max": rss_bytes_max(),
    }))
}

fn decide(tables: &Tables, questions: &[Question<'_>], decisions: usize) -> anyhow::Result<Took> {
    let clock = Stopwatch::start();
    let mut allowed = 0_usize;
    for question in questions.iter().cycle().take(decisions) {
        let verdict = tables.decide(black_box(question)).context("a question that tables do not know")?;
        allowed += usize::from(verdict.allowed);
    }
    let took = clock.took();
    anyhow::ensure!(allowed > 0 && allowed < decisions, "{allowed} of {decisions} allowed: the sample says nothing");
    Ok(took)
}

fn percentiles(tables: &Tables, questions: &[Question<'_>]) -> anyhow::Result<(f64, f64)> {
    let mut took = Vec::with_capacity(questions.len());
    for question in questions {
        let start = Instant::now();
        black_box(tables.decide(black_box(question)).context("a question that tables do not know")?);
        took.push(start.elapsed().as_secs_f64() * 1e6);
    }
    took.sort_by(f64::total_cmp);
    let at = |part: f64| took.get((took.len() as f64 * part) as usize).copied().unwrap_or(0.0);
    Ok((at(0.5), at(0.99)))
}

/// Whole permits of the guard, under the policy that the program comes with.
fn permits() -> anyhow::Result<(usize, Took)> {
    let guard = Guard::open(PolicySource::Embedded, Arc::new(SystemClock))?;
    let subject = Subject { name: UserName::new("bench")?, role: Role::AnalystTier1, agency: None };
    let count = 200_000;
    let clock = Stopwatch::start();
    for _ in 0..count {
        black_box(guard.permit(black_box(&subject), Operation::Read, Object::Events, "triage")?);
    }
    Ok((count, clock.took()))
}

/// From SQL to a policy in force: a policy of the product's own words with as many lines as the sample, stored in a
/// database of its own, read, checked, compiled and swapped in. Gives the number of lines and the time.
fn reload(lines: usize, model: &str) -> anyhow::Result<(usize, Took)> {
    let mut text = PolicyText { model: model.to_owned(), ..PolicyText::embedded() };
    let roles = Role::ALL.map(Role::as_str);
    let purposes = ["triage", "incident-response", "threat-hunting", "rule-tuning", "agency-review", "operations"];
    let mut count = text.policy.lines().count();
    'filled: for agency in 0.. {
        for role in roles {
            for purpose in purposes {
                if count >= lines {
                    break 'filled;
                }
                text.policy.push_str(&format!("p, {role}, agency:a{agency}, sites, export, {purpose}, allow\n"));
                count += 1;
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let guard = Guard::open(PolicySource::Embedded, Arc::clone(&clock))?;
    runtime.block_on(async {
        let store = store::Store::open(&store::sqlite_url(&folder.path().join("bench.db"))).await?;
        let versions = PolicyVersions::new(store.clone(), Arc::new(Unrecorded), Arc::clone(&clock));
        let admin = Subject { name: UserName::new("bench")?, role: Role::Admin, agency: None };
        let permit = guard.permit(&admin, Operation::Manage, Object::Policy, "")?;
        versions.import(&permit, text, "a measurement", &PolicyText::embedded(), Some(CASE)).await?;
        let watch = Stopwatch::start();
        let (number, _) = versions.newest().await?.context("nothing was stored")?;
        let stored = versions.get(number).await?.context("nothing was stored")?;
        guard.replace(stored.text)?;
        let took = watch.took();
        store.close().await;
        Ok((count, took))
    })
}

/// The measurement's database is thrown away, and so is what would be recorded of it.
#[derive(Debug)]
struct Unrecorded;

impl Journal for Unrecorded {
    fn append<'a>(&'a self, _: &'a str, _: &'static str, _: &'a str, _: Value) -> Appending<'a> {
        Box::pin(async { Ok(0) })
    }
}

/// Time of the wall and of the processors; on a machine that others use, only the second says something.
struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_of_process() }
    }

    fn took(&self) -> Took {
        Took { wall: self.wall.elapsed(), cpu: cpu_of_process().saturating_sub(self.cpu) }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Took {
    wall: Duration,
    cpu: Duration,
}

impl std::ops::AddAssign for Took {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.cpu += other.cpu;
    }
}

impl Took {
    fn wall_ms(self) -> f64 {
        self.wall.as_secs_f64() * 1_000.0
    }

    fn cpu_ms(self) -> f64 {
        self.cpu.as_secs_f64() * 1_000.0
    }

    fn wall_rate(self, count: usize) -> f64 {
        count as f64 / self.wall.max(Duration::from_nanos(1)).as_secs_f64()
    }

    fn cpu_rate(self, count: usize) -> f64 {
        count as f64 / self.cpu.max(Duration::from_nanos(1)).as_secs_f64()
    }
}

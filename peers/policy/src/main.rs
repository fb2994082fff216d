//! Cedar on the policy and the questions that `metrosoc bench policy --save FOLDER` writes: one static policy a line.
//!
//! `cargo run --release -- FOLDER [QUESTIONS]`; `make bench` calls it behind `metrosoc bench policy`. Every answer is
//! compared with that of the decision tables; the time is that of `is_authorized` alone, one thread.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression,
};
use serde_json::{Value, json};

/// Questions that are asked without a number on the command line; each walks every policy.
const QUESTIONS: usize = 50;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().context("usage: policy-peers FOLDER [QUESTIONS]")?);
    let count = match arguments.next() {
        Some(text) => text.to_string_lossy().parse().context("QUESTIONS is a number")?,
        None => QUESTIONS,
    };
    let lines = read(&folder.join("policy.csv"))?;
    let start = Instant::now();
    let (text, parents) = translate(&lines)?;
    let policies: PolicySet = text.parse().context("the translated policy")?;
    let entities = entities(&parents)?;
    let load = start.elapsed();

    let authorizer = Authorizer::new();
    let (mut asked, mut differences, mut took) = (0_usize, 0_usize, Duration::ZERO);
    let (mut last, mut on_cpu) = (Duration::ZERO, Duration::ZERO);
    for line in read(&folder.join("questions.ndjson"))?.lines().take(count) {
        let question: Value = serde_json::from_str(line)?;
        let request = request(&question)?;
        on_cpu_since(&mut last)?;
        let start = Instant::now();
        let answer = authorizer.is_authorized(&request, &policies, &entities);
        took += start.elapsed();
        on_cpu += on_cpu_since(&mut last)?;
        if let Some(error) = answer.diagnostics().errors().next() {
            anyhow::bail!("Cedar: {error}");
        }
        let expected = question["allowed"].as_bool().context("`allowed`")?;
        differences += usize::from((answer.decision() == Decision::Allow) != expected);
        asked += 1;
    }
    anyhow::ensure!(asked > 0, "no question was asked");
    let figures = json!({
        "engine": "cedar", "policies": policies.policies().count(), "load_ms": load.as_secs_f64() * 1_000.0,
        "decisions_per_second": asked as f64 / took.as_secs_f64(),
        "decisions_per_cpu_second": asked as f64 / on_cpu.as_secs_f64(), "compared": asked, "differences": differences,
    });
    println!("{figures:#}");
    anyhow::ensure!(differences == 0, "{differences} of {asked} answers differ from the decision tables");
    Ok(())
}

/// How long this process was on a CPU since the last time it was asked (`/proc/self/schedstat`, nanoseconds).
fn on_cpu_since(last: &mut Duration) -> anyhow::Result<Duration> {
    let text = read(Path::new("/proc/self/schedstat"))?;
    let nanos = text.split_whitespace().next().and_then(|word| word.parse().ok()).context("`schedstat`")?;
    let now = Duration::from_nanos(nanos);
    Ok(now.saturating_sub(std::mem::replace(last, now)))
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("file `{}`", file.display()))
}

/// Who lies in what: roles in those whose rights they have, agencies in their departments.
type Parents = BTreeMap<String, BTreeSet<String>>;

/// The lines in Cedar's language, and the hierarchy that they speak of.
fn translate(lines: &str) -> anyhow::Result<(String, Parents)> {
    let (mut text, mut parents) = (String::new(), Parents::new());
    for line in lines.lines() {
        let columns: Vec<&str> = line.split(',').map(str::trim).collect();
        match columns.as_slice() {
            ["p", role, scope, object, operation, purpose, effect] => {
                let effect = if *effect == "deny" { "forbid" } else { "permit" };
                let resource = match scope.strip_prefix("agency:") {
                    Some(agency) => format!("resource in Agency::\"{agency}\""),
                    None => "resource".to_owned(),
                };
                let when = match *purpose {
                    "any" => String::new(),
                    "stated" => " when { context.purpose != \"\" }".to_owned(),
                    one => format!(" when {{ context.purpose == \"{one}\" }}"),
                };
                writeln!(
                    text,
                    "{effect}(principal in Role::\"{role}\", action == Action::\"{object}:{operation}\", {resource}){when};"
                )?;
                parents.entry(uid("Role", role)).or_default();
                if let Some(agency) = scope.strip_prefix("agency:") {
                    parents.entry(uid("Agency", agency)).or_default();
                }
            }
            ["g", one, other] => {
                parents.entry(uid("Role", one)).or_default().insert(uid("Role", other));
            }
            ["g2", one, other] => {
                let agency = |text: &str| uid("Agency", text.trim_start_matches("agency:"));
                parents.entry(agency(one)).or_default().insert(agency(other));
            }
            _ => anyhow::bail!("line `{line}` is not one that the sample has"),
        }
    }
    Ok((text, parents))
}

fn uid(kind: &str, id: &str) -> String {
    format!("{kind}::\"{id}\"")
}

fn entities(parents: &Parents) -> anyhow::Result<Entities> {
    let entity = |(name, above): (&String, &BTreeSet<String>)| -> anyhow::Result<Entity> {
        let above = above.iter().map(|name| name.parse::<EntityUid>()).collect::<Result<HashSet<_>, _>>()?;
        Ok(Entity::new_no_attrs(name.parse()?, above))
    };
    let all = parents.iter().map(entity).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Entities::from_entities(all, None)?)
}

fn request(question: &Value) -> anyhow::Result<Request> {
    let text = |name: &str| question[name].as_str().with_context(|| format!("`{name}` of a question"));
    let action = format!("{}:{}", text("object")?, text("operation")?);
    let purpose = RestrictedExpression::new_string(text("purpose")?.to_owned());
    Ok(Request::new(
        uid("Role", text("role")?).parse()?,
        uid("Action", &action).parse()?,
        uid("Agency", text("scope")?.trim_start_matches("agency:")).parse()?,
        Context::from_pairs([("purpose".to_owned(), purpose)])?,
        None,
    )?)
}

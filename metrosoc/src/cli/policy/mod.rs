//! `metrosoc policy`: who may see what.

mod care;
mod people;
mod versions;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::policy::care::cases;
use ::policy::guard::{PolicyText, Strength};
use ::policy::{Guard, PolicySource};
use anyhow::Context as _;
use event::{Object, Operation, SystemClock};
use serde_json::{Value, json};

use super::Context;
use crate::exit::{Failure, Status};

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  metrosoc policy explain user:lan reveal events --purpose incident-response --auth two-factor
  metrosoc policy export > policy.csv            then change it, and
  metrosoc policy simulate policy.csv            what would that have allowed or denied in the last 30 days
  metrosoc policy import policy.csv --reason 'machines read sites'
  metrosoc policy review --class citizen_id      who can see citizen identity numbers today")]
pub enum Command {
    /// Check policy files and print the table that they make
    Check {
        /// A folder with model.conf, policy.csv, masks.yml and purposes.yml; the embedded policy without
        folder: Option<PathBuf>,
    },
    /// Put the cases beside a policy (policy.test.yml) to it, offline
    Test {
        /// A folder with the policy's files and policy.test.yml; the embedded policy without
        folder: Option<PathBuf>,
    },
    /// Say what the policy says to somebody, which lines say so and what is missing
    #[command(
        after_help = "Example: metrosoc policy explain agency-officer read events --agency so-y-te --purpose triage"
    )]
    Explain(ExplainArguments),
    /// Print the policy in force, or a version of the history
    Export(versions::ExportArguments),
    /// Put another policy in force; refused with line and reason when it is wrong
    Import(versions::ImportArguments),
    /// Show what two versions of the policy have different
    Diff(versions::DiffArguments),
    /// List every imported version
    History,
    /// Say what a change would have allowed or denied, by agency and role
    Simulate(care::SimulateArguments),
    /// Report who can see personal data, what ends soon, which rights nobody uses
    Review(care::ReviewArguments),
    /// List requests for sensitive roles
    Requests,
    /// Approve a request, as the second person
    Approve {
        /// The request
        id: String,
    },
    /// Refuse a request
    Refuse {
        /// The request
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// List personnel records, or record one: training, appointment, confidentiality
    Personnel(people::PersonnelArguments),
    /// List what the data-protection officer must take note of, or take note
    Notices {
        /// Take note of this one
        #[arg(long, value_name = "ID")]
        acknowledge: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub struct ExplainArguments {
    /// A role, `operator`, or `user:NAME`
    who: String,
    /// read, export, write, manage, search, aggregate, reveal or respond
    operation: String,
    /// events, alerts, rules, sites, users, audit, certificates, responses, policy, ingest or platform
    object: String,
    /// The agency that the subject speaks for
    #[arg(long)]
    agency: Option<event::AgencyId>,
    /// What for
    #[arg(long, default_value = "")]
    purpose: String,
    /// On which legal basis
    #[arg(long, default_value = "")]
    basis: String,
    /// How surely it is known who asks: unknown, token, password, federated, certificate or two-factor
    #[arg(long, default_value = "unknown", value_parser = parse_strength)]
    auth: Strength,
    /// About fields of this class of personal data only, such as `citizen_id`
    #[arg(long)]
    class: Option<String>,
    /// At this time (RFC 3339) instead of now
    #[arg(long)]
    time: Option<String>,
    /// As if a grant were in force
    #[arg(long)]
    grant: bool,
}

fn parse_strength(text: &str) -> Result<Strength, String> {
    let known = Strength::ALL.map(Strength::as_str).join(", ");
    Strength::parse(text).ok_or_else(|| format!("unknown strength `{text}` ({known})"))
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Check { folder } => check(folder, context),
        Command::Test { folder } => test(folder.as_deref(), context),
        Command::Explain(arguments) => explain(arguments, context).await,
        Command::Export(arguments) => versions::export(arguments, context).await,
        Command::Import(arguments) => versions::import(arguments, context).await,
        Command::Diff(arguments) => versions::diff(arguments, context).await,
        Command::History => versions::history(context).await,
        Command::Simulate(arguments) => care::simulate(arguments, context).await,
        Command::Review(arguments) => care::review(arguments, context).await,
        Command::Requests => people::requests(context).await,
        Command::Approve { id } => people::approve(&id, context).await,
        Command::Refuse { id, reason } => people::refuse(&id, &reason, context).await,
        Command::Personnel(arguments) => people::personnel(arguments, context).await,
        Command::Notices { acknowledge } => people::notices(acknowledge.as_deref(), context).await,
    }
}

fn check(folder: Option<PathBuf>, context: &Context) -> anyhow::Result<()> {
    let source = folder.map_or(PolicySource::Embedded, PolicySource::Directory);
    let guard = Guard::open(source, Arc::new(SystemClock)).map_err(bad_policy)?;
    let table = guard.table_markdown()?;
    context.output.print(&json!({ "version": guard.version(), "table": table }), |_| table.clone())
}

fn test(folder: Option<&Path>, context: &Context) -> anyhow::Result<()> {
    let (text, tests) = match folder {
        None => (PolicyText::embedded(), cases::EMBEDDED.to_owned()),
        Some(folder) => {
            let file = folder.join("policy.test.yml");
            let tests = std::fs::read_to_string(&file).with_context(|| format!("`{}`", file.display()))?;
            (PolicySource::Directory(folder.to_owned()).read().map_err(bad_policy)?, tests)
        }
    };
    let cases = cases::parse(&tests).map_err(bad_policy)?;
    let outcomes = cases::run(&text, &cases, Arc::new(SystemClock)).map_err(bad_policy)?;
    let faults = outcomes.iter().filter(|outcome| outcome.fault.is_some()).count();
    context.output.print(
        &json!({ "version": text.version(), "cases": outcomes.len(), "faults": faults, "outcomes": outcomes }),
        |_| {
            let mut page = String::new();
            for outcome in outcomes.iter() {
                if let Some(fault) = &outcome.fault {
                    page.push_str(&format!("FAIL  {}: {fault}\n", outcome.name));
                    page.extend(outcome.because.iter().map(|because| format!("      {because}\n")));
                }
            }
            page.push_str(&format!("{} cases, {faults} do not hold\n", outcomes.len()));
            page
        },
    )?;
    if faults > 0 {
        let message = format!("{faults} of {} cases do not hold", outcomes.len());
        return Err(Failure::new(Status::BadData, message).into());
    }
    Ok(())
}

async fn explain(arguments: ExplainArguments, context: &Context) -> anyhow::Result<()> {
    let ExplainArguments { who, operation, object, agency, purpose, basis, auth, class, time, grant } = arguments;
    let user = who.strip_prefix("user:");
    let known = (user.is_some() || who == ::policy::guard::OPERATOR || event::Role::parse(&who).is_some())
        && Operation::ALL.iter().any(|one| one.as_str() == operation)
        && Object::ALL.iter().any(|one| one.as_str() == object);
    if !known {
        let message = format!("`{who} {operation} {object}`: not a role, an operation and an object; see --help");
        return Err(Failure::new(Status::Usage, message).into());
    }
    let role = user.is_none().then_some(&who);
    let body = json!({
        "role": role, "user": user, "operation": operation, "object": object, "agency": agency, "purpose": purpose,
        "basis": basis, "auth": auth, "class": class, "time": time, "grant": grant,
    });
    let answer: Value = context.client()?.post("/api/v1/policy/explain", &body).await?;
    context.output.print(&answer, |answer| screen(answer, &format!("{who} {operation} {object}"), &purpose))
}

/// The explanation on one screen.
fn screen(answer: &Value, asked: &str, purpose: &str) -> String {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let allowed = answer.get("allowed").and_then(Value::as_bool).unwrap_or(false);
    let list = |name: &str| -> Vec<&str> {
        answer.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let purpose = if purpose.is_empty() { String::new() } else { format!(" for {purpose}") };
    let mut page = format!("{}  {asked}{purpose}\n", if allowed { "ALLOWED" } else { "DENIED" });
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            page.push_str(&format!("  {name:<13} {value}\n"));
        }
    };
    row("role", text("role"));
    row("agency", text("agency"));
    row("missing", text("missing"));
    row("reason", text("reason"));
    if allowed {
        let agencies = answer.pointer("/scope/agencies");
        let only = agencies.and_then(|agencies| agencies.get("only")).and_then(Value::as_array);
        let scope = only.map_or("all agencies".to_owned(), |only| {
            only.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        });
        row("over", &scope);
        row("masks", text("masks"));
        row("hidden", &list("hidden_classes").join(" "));
    }
    row("legal basis", text("basis"));
    row("grant", text("grant"));
    for because in list("because") {
        row(if allowed { "because" } else { "policy says" }, because);
    }
    row("policy", text("policy_version"));
    page
}

/// Whatever is wrong with a policy is bad data, and not a bug of ours.
fn bad_policy(error: ::policy::PolicyError) -> anyhow::Error {
    Failure::new(Status::BadData, crate::api::problem::chain(&error)).into()
}

/// The files of a change: `policy.csv` alone, or a folder with those of the four that are there.
fn read_change(path: &Path) -> anyhow::Result<Value> {
    let read = |path: PathBuf| std::fs::read_to_string(&path).with_context(|| format!("`{}`", path.display()));
    if !path.is_dir() {
        return Ok(json!({ "policy": read(path.to_owned())? }));
    }
    let mut files = serde_json::Map::new();
    for (name, file) in
        [("policy", "policy.csv"), ("model", "model.conf"), ("purposes", "purposes.yml"), ("masks", "masks.yml")]
    {
        let file = path.join(file);
        if file.exists() {
            files.insert(name.to_owned(), read(file)?.into());
        }
    }
    if files.is_empty() {
        let message = format!("`{}` holds neither policy.csv, model.conf, purposes.yml nor masks.yml", path.display());
        return Err(Failure::new(Status::BadData, message).into());
    }
    Ok(Value::Object(files))
}

//! `metrosoc policy simulate|review`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::read_change;
use super::versions::change;
use crate::cli::Context;
use crate::cli::output::table;

#[derive(Debug, clap::Args)]
pub struct SimulateArguments {
    /// policy.csv as it would be, or a folder with those of the four files that change
    path: PathBuf,
    /// How many days back, 30 at most
    #[arg(long, default_value_t = 30)]
    days: u64,
}

#[derive(Debug, clap::Args)]
pub struct ReviewArguments {
    /// About which class of personal data, as rules/privacy/classes.yml names it
    #[arg(long, default_value = "citizen_id")]
    class: String,
}

pub async fn simulate(arguments: SimulateArguments, context: &Context) -> anyhow::Result<()> {
    let body = json!({ "files": read_change(&arguments.path)?, "days": arguments.days });
    let answer: Value = context.client()?.post("/api/v1/policy/simulate", &body).await?;
    context.output.print(&answer, |answer| {
        let found = answer.get("simulation").cloned().unwrap_or_default();
        let number = |name: &str| found.get(name).and_then(Value::as_u64).unwrap_or(0);
        let mut page = change(found.get("change"));
        page.push_str(&format!(
            "of {} decisions {} would have been allowed, {} denied, {} over another scope or through other masks\n",
            number("decisions"),
            number("allowed"),
            number("denied"),
            number("different"),
        ));
        let groups = found.get("groups").and_then(Value::as_array).cloned().unwrap_or_default();
        if !groups.is_empty() {
            let columns =
                ["difference", "agency", "role", "operation", "object", "purpose", "times", "people", "because"];
            page.push_str(&table(&groups, &columns));
        }
        page
    })
}

pub async fn review(arguments: ReviewArguments, context: &Context) -> anyhow::Result<()> {
    let path = format!("/api/v1/policy/review?class={}", arguments.class);
    let answer: Value = context.client()?.get(&path).await?;
    context.output.print(&answer, |answer| {
        let found = answer.get("review").cloned().unwrap_or_default();
        let list = |name: &str| found.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut page = format!("who can see `{}` today\n", arguments.class);
        page.push_str(&table(&list("seers"), &["name", "role", "sight", "agencies", "purposes", "because"]));
        page.push_str("\nwhat ends within 30 days, or has ended\n");
        page.push_str(&table(&list("ending"), &["ends", "name", "what"]));
        page.push_str("\nsensitive roles without complete records\n");
        for (name, kinds) in found.get("records_missing").and_then(Value::as_object).into_iter().flatten() {
            let kinds: Vec<&str> = kinds.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            page.push_str(&format!("{name}: {}\n", kinds.join(", ")));
        }
        let decisions = found.get("decisions").and_then(Value::as_u64).unwrap_or(0);
        page.push_str(&format!("\nrights that none of {decisions} decisions used\n"));
        page.extend(list("unused").iter().filter_map(Value::as_str).map(|line| format!("{line}\n")));
        page
    })
}

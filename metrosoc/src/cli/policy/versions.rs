//! `metrosoc policy export|import|diff|history`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::read_change;
use crate::cli::Context;
use crate::cli::output::table;

#[derive(Debug, clap::Args)]
pub struct ExportArguments {
    /// A number of the history, or `embedded`; the policy in force without
    #[arg(long)]
    version: Option<String>,
    /// Write all four files and policy.test.yml into this folder instead of printing policy.csv
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct ImportArguments {
    /// policy.csv, or a folder with those of the four files that change; policy.test.yml beside it holds the cases that it
    /// must pass, and without one those in force are put to it
    path: PathBuf,
    /// Why, for the record
    #[arg(long, default_value = "")]
    reason: String,
    /// Refuse when another version is in force by now
    #[arg(long, value_name = "VERSION")]
    from_version: Option<String>,
    /// Check and compare, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub struct DiffArguments {
    /// The earlier: a number of the history, or `embedded`
    from: String,
    /// The later; the policy in force without
    to: Option<String>,
}

const FILES: [(&str, &str); 4] =
    [("policy", "policy.csv"), ("model", "model.conf"), ("purposes", "purposes.yml"), ("masks", "masks.yml")];

/// The cases beside a policy.
const CASES_FILE: &str = "policy.test.yml";

pub async fn export(arguments: ExportArguments, context: &Context) -> anyhow::Result<()> {
    let path = match &arguments.version {
        Some(version) => format!("/api/v1/policy/export?version={version}"),
        None => "/api/v1/policy/export".to_owned(),
    };
    let answer: Value = context.client()?.get(&path).await?;
    let text = |name: &str| answer.pointer(&format!("/files/{name}")).and_then(Value::as_str).unwrap_or_default();
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder).with_context(|| format!("`{}`", folder.display()))?;
        for (name, file) in FILES {
            let path = folder.join(file);
            std::fs::write(&path, text(name)).with_context(|| format!("`{}`", path.display()))?;
        }
        let cases = answer.get("cases").and_then(Value::as_str).unwrap_or_default();
        let path = folder.join(CASES_FILE);
        std::fs::write(&path, cases).with_context(|| format!("`{}`", path.display()))?;
        context.output.say(format!("four files and their cases written to `{}`", folder.display()));
        return Ok(());
    }
    context.output.print(&answer, |_| text("policy").to_owned())
}

pub async fn import(arguments: ImportArguments, context: &Context) -> anyhow::Result<()> {
    let cases = cases_beside(&arguments.path)?;
    if cases.is_none() {
        context.output.say("no policy.test.yml lies beside it: the cases in force are put to it");
    }
    let body = json!({
        "files": read_change(&arguments.path)?, "reason": arguments.reason, "cases": cases,
        "from_version": arguments.from_version, "dry_run": arguments.dry_run,
    });
    let answer: Value = context.client()?.post("/api/v1/policy/import", &body).await?;
    if arguments.dry_run {
        context.output.say("checked; nothing was changed");
    }
    context.output.print(&answer, |answer| {
        let version = answer.get("version").and_then(Value::as_str).unwrap_or_default();
        format!("{}version {version}\n", change(answer.get("change")))
    })
}

/// The cases beside a policy: in its folder, or in that of its file.
fn cases_beside(path: &Path) -> anyhow::Result<Option<String>> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
    let file = folder.join(CASES_FILE);
    if !file.exists() {
        return Ok(None);
    }
    std::fs::read_to_string(&file).map(Some).with_context(|| format!("`{}`", file.display()))
}

pub async fn diff(arguments: DiffArguments, context: &Context) -> anyhow::Result<()> {
    let to = arguments.to.map(|to| format!("&to={to}")).unwrap_or_default();
    let path = format!("/api/v1/policy/diff?from={}{to}", arguments.from);
    let answer: Value = context.client()?.get(&path).await?;
    context.output.print(&answer, |answer| change(answer.get("change")))
}

pub async fn history(context: &Context) -> anyhow::Result<()> {
    let answer: Value = context.client()?.get("/api/v1/policy/versions").await?;
    context.output.print(&answer, |answer| {
        let rows = answer.get("versions").and_then(Value::as_array).cloned().unwrap_or_default();
        let force = answer.get("in_force").and_then(Value::as_str).unwrap_or("none");
        let columns = ["number", "version", "time", "actor", "added", "removed", "reason"];
        format!("{}in force: {force}\n", table(&rows, &columns))
    })
}

/// `-` and `+` lines, and the other files that differ.
pub fn change(change: Option<&Value>) -> String {
    let list = |name: &str| -> Vec<String> {
        let found = change.and_then(|change| change.get(name)).and_then(Value::as_array);
        found.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut page: String = list("removed").iter().map(|line| format!("- {line}\n")).collect();
    page.extend(list("added").iter().map(|line| format!("+ {line}\n")));
    page.extend(list("files").iter().map(|file| format!("~ {file}\n")));
    page
}

//! `metrosoc site`: the register of sites.

use std::path::PathBuf;

use anyhow::Context as _;
use reqwest::Method;
use serde_json::Value;

use super::Context;
use super::output::table;
use crate::exit::{Failure, Status};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Register sites from CSV; good rows are kept, each bad row is named
    #[command(after_help = "Columns: id,name,agency,data_center and, optional, addresses (space-separated networks),
latitude_deg, longitude_deg, ward_code.
Example: metrosoc site import collector/demo/sites.csv")]
    Import {
        /// The CSV file
        file: PathBuf,
    },
    /// List sites with what was received from them and their health
    #[command(after_help = "States: waiting, learning, ok, skewed, surge, drop, source_silent, silent, never_spoke.
Times are in seconds; a clock that is behind ours has a positive skew.
Example: metrosoc site list --state silent,never_spoke")]
    List {
        /// Only sites in these states, with commas between
        #[arg(long, default_value = "")]
        state: String,
    },
    /// List the sources of sites with their counts and their health
    Sources {
        /// Only of this site
        site: Option<String>,
        /// Only sources in these states, with commas between
        #[arg(long, default_value = "")]
        state: String,
    },
    /// List addresses that sent logs and belong to no site
    Unknown,
}

const SITE_COLUMNS: [&str; 11] = [
    "id",
    "name",
    "agency",
    "data_center",
    "state",
    "last_seen",
    "usual_interval_secs",
    "events_per_hour",
    "undecoded",
    "clock_skew_secs",
    "events",
];
const SOURCE_COLUMNS: [&str; 11] = [
    "id",
    "site",
    "state",
    "last_seen",
    "usual_interval_secs",
    "events_per_hour",
    "expected_per_hour",
    "undecoded",
    "clock_skew_secs",
    "records",
    "dropped",
];

pub async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        Command::Import { file } => {
            let csv = std::fs::read(&file).with_context(|| format!("`{}`", file.display()))?;
            let request =
                client.request(Method::POST, "/api/v1/sites/import").header("content-type", "text/csv").body(csv);
            let report: Value = crate::client::answer(request).await?;
            context.output.print(&report, report_text)?;
            match report.get("faults").and_then(Value::as_array).map_or(0, Vec::len) {
                0 => Ok(()),
                bad => {
                    Err(Failure::new(Status::BadData, format!("{bad} rows of `{}` are wrong", file.display())).into())
                }
            }
        }
        Command::List { state } => {
            let answer: Value =
                crate::client::answer(client.request(Method::GET, "/api/v1/sites").query(&[("state", &state)])).await?;
            let rows = answer.get("sites").and_then(Value::as_array).cloned().unwrap_or_default();
            context.output.print(&rows, |rows| table(rows, &SITE_COLUMNS))
        }
        Command::Sources { site, state } => {
            let asked = [("site", site), ("state", Some(state))];
            let asked: Vec<_> = asked.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            let answer: Value =
                crate::client::answer(client.request(Method::GET, "/api/v1/sources").query(&asked)).await?;
            let rows = answer.get("sources").and_then(Value::as_array).cloned().unwrap_or_default();
            context.output.print(&rows, |rows| table(rows, &SOURCE_COLUMNS))
        }
        Command::Unknown => {
            let answer: Value = client.get("/api/v1/sites/unknown").await?;
            let rows = answer.get("senders").and_then(Value::as_array).cloned().unwrap_or_default();
            context
                .output
                .print(&rows, |rows| table(rows, &["address", "records", "refused", "first_seen", "last_seen"]))
        }
    }
}

fn report_text(report: &Value) -> String {
    let mut text = format!(
        "{} sites added, {} updated, {} unchanged\n",
        count(report, "added"),
        count(report, "updated"),
        count(report, "unchanged")
    );
    for fault in report.get("faults").and_then(Value::as_array).into_iter().flatten() {
        let line = fault.get("line").and_then(Value::as_u64).unwrap_or(0);
        let reason = fault.get("reason").and_then(Value::as_str).unwrap_or("unknown reason");
        text.push_str(&format!("line {line}: {reason}\n"));
    }
    text
}

fn count(report: &Value, name: &str) -> u64 {
    report.get(name).and_then(Value::as_u64).unwrap_or(0)
}

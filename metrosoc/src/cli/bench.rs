//! `metrosoc bench`: measure on this machine.

mod backtest;
mod detect;
mod ingest;
mod mask;
mod policy;
mod receive;
mod search;
mod vault;

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::Context;
use crate::exit::Failure;

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Figures are of whole processes; rates are a CPU-second, all threads counted.
Examples:
  metrosoc bench ingest --file metronet-100k.rfc5424.zst --privacy --rules sigma/rules --receive 300000
  metrosoc bench search --file metronet-100k.rfc5424.zst --events 200000 --json
  metrosoc bench search --file metronet-100k.rfc5424.zst --events 10000000 --runs 5")]
pub enum Command {
    /// The way of a line by stages: receive, spool, decode, match, replace, index
    Ingest(ingest::Arguments),
    /// Decode and match a file of events
    Detect(detect::Arguments),
    /// Ten named queries and two backtests on an index made of a file of logs
    Search(search::Arguments),
    /// Decisions under a large policy, beside Casbin's own enforcer
    Policy(policy::Arguments),
    /// Scan events and replace the personal values in them; bring new values into a vault
    Mask(mask::Arguments),
    /// Certificates issued (see `cargo bench -p pki`)
    Pki,
    /// Blocks set (not built yet)
    Respond,
}

/// What a bench reads.
#[derive(Debug, Clone, clap::Args)]
pub struct FileArguments {
    /// Logs: plain, NDJSON, EVTX, .gz or .zst
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

pub fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    crate::telemetry::start_quiet();
    match command {
        Command::Ingest(arguments) => print(context, &ingest::run(&arguments)?),
        Command::Detect(arguments) => print(context, &detect::run(&arguments)?),
        Command::Search(arguments) => print(context, &search::run(&arguments)?),
        Command::Policy(arguments) => print(context, &policy::run(&arguments)?),
        Command::Mask(arguments) => print(context, &mask::run(&arguments)?),
        Command::Pki => Err(Failure::not_built("metrosoc bench pki").into()),
        Command::Respond => Err(Failure::not_built("metrosoc bench respond").into()),
    }
}

fn print(context: &Context, figures: &impl Serialize) -> anyhow::Result<()> {
    let figures = serde_json::to_value(figures)?;
    context.output.print(&figures, |figures| {
        let lines = figures.as_object().into_iter().flatten().map(|(name, value)| match value {
            Value::Number(number) => format!("{name:<36} {:>14.2}\n", number.as_f64().unwrap_or(0.0)),
            other => format!("{name:<36} {other}\n"),
        });
        lines.collect()
    })
}

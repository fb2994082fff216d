//! `metrosoc rules`: check, test, lint and explain rules, offline; pack them into signed bundles; at the server, backtest
//! them, except findings from being seen, list versions and those that can never fire.

mod backtest;
mod bundle;
mod except;
mod explain;
mod history;
mod hunt;
mod lint;
mod silent;

use std::path::PathBuf;

use detector::rulebook::{self, Rulebook};
use detector::sigma::RuleSource;
use serde_json::json;

use super::Context;
use crate::exit::{Failure, Status};
use crate::serve::rules::{dialect, embedded_rules};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Load rules and list each one that is rejected, with its reason
    #[command(after_help = "Example: metrosoc rules check rules/sigma /srv/sigma/rules")]
    Check {
        /// Sigma files and folders; the embedded rules without
        paths: Vec<PathBuf>,
        /// Processing pipelines (pySigma's YAML), files and folders
        #[arg(long, num_args = 1.., value_name = "PATH")]
        pipelines: Vec<PathBuf>,
    },
    /// Run the tests that lie beside rules (NAME.test.yml)
    #[command(after_help = "Example: metrosoc rules test rules/sigma")]
    Test {
        /// Folders with rules and their tests
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Processing pipelines (pySigma's YAML), files and folders
        #[arg(long, num_args = 1.., value_name = "PATH")]
        pipelines: Vec<PathBuf>,
    },
    /// Look for rules that never fire, always fire, cost too much or say too little
    Lint(lint::Arguments),
    /// Say why a rule did or did not match an event
    Explain(explain::Arguments),
    /// Hide findings that are known to be harmless: with a reason, until a date
    #[command(subcommand)]
    Except(except::Command),
    /// Run a rule, saved or not, over the server's stored history
    Backtest(backtest::Arguments),
    /// Say which versions of a rule came into force, when and at whose reload
    History(history::Arguments),
    /// List the rules that can never fire on what the server has seen of log sources and fields
    Silent,
    /// Pack rules into one signed file, and look into one
    #[command(subcommand)]
    Bundle(bundle::Command),
}

pub fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    crate::telemetry::start_quiet();
    match command {
        Command::Check { paths, pipelines } => check(&paths, &pipelines, context),
        Command::Test { paths, pipelines } => test(&paths, &pipelines, context),
        Command::Lint(arguments) => lint::run(&arguments, context),
        Command::Explain(arguments) => explain::run(&arguments, context),
        Command::Except(command) => except::run(command, context),
        Command::Backtest(arguments) => backtest::run(arguments, context),
        Command::History(arguments) => history::run(&arguments, context),
        Command::Silent => silent::run(context),
        Command::Bundle(command) => bundle::run(command, context),
    }
}

fn check(paths: &[PathBuf], pipelines: &[PathBuf], context: &Context) -> anyhow::Result<()> {
    let sources =
        if paths.is_empty() { embedded_rules() } else { paths.iter().cloned().map(RuleSource::Path).collect() };
    let book = Rulebook::load(&sources, &dialect(pipelines)?);
    let rejected: Vec<_> = book
        .rejected()
        .iter()
        .map(|one| json!({ "path": one.path, "line": one.line, "title": one.title, "reason": one.reason }))
        .collect();
    let count = rejected.len();
    let correlations = book.correlations().len() - book.plan().refused().len();
    let answer = json!({ "loaded": book.len(), "correlations": correlations, "rejected": rejected });
    context.output.print(&answer, |_| {
        let mut text: String = book.rejected().iter().map(|one| format!("{one}\n")).collect();
        text.push_str(&format!("{} rules loaded, {correlations} of them correlations, {count} rejected\n", book.len()));
        text
    })?;
    if count == 0 { Ok(()) } else { Err(Failure::new(Status::BadData, format!("{count} rules are rejected")).into()) }
}

fn test(paths: &[PathBuf], pipelines: &[PathBuf], context: &Context) -> anyhow::Result<()> {
    let report = rulebook::check(paths, &dialect(pipelines)?);
    let mut failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    failures.extend(report.rejected.iter().map(ToString::to_string));
    failures.extend(report.untested.iter().map(|path| format!("{}: no test beside it", path.display())));
    let (passed, failed) = (report.cases.saturating_sub(report.failures.len()), failures.len());
    context.output.print(&json!({ "passed": passed, "failures": failures }), |_| {
        let mut text: String = failures.iter().map(|failure| format!("{failure}\n")).collect();
        text.push_str(&format!("{passed} passed, {failed} failed\n"));
        text
    })?;
    if failed == 0 { Ok(()) } else { Err(Failure::new(Status::BadData, format!("{failed} rule tests fail")).into()) }
}

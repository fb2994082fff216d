//! `metrosoc rules`: check and test rules, offline.

use std::path::PathBuf;

use detector::sigma::{self, RuleSet, RuleSource};
use serde_json::json;

use super::Context;
use crate::exit::{Failure, Status};
use crate::serve::rules::{embedded_rules, field_map};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Load rules and list each one that is rejected, with its reason
    #[command(after_help = "Example: metrosoc rules check rules/sigma /srv/sigma/rules")]
    Check {
        /// Sigma files and folders; the embedded rules without
        paths: Vec<PathBuf>,
    },
    /// Run the tests that lie beside rules (NAME.test.yml)
    #[command(after_help = "Example: metrosoc rules test rules/sigma")]
    Test {
        /// Folders with rules and their tests
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Say why a rule did or did not match an event (not built yet)
    Explain,
    /// Run a rule over stored history (not built yet)
    Backtest,
}

pub fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    crate::telemetry::start_quiet();
    match command {
        Command::Check { paths } => check(&paths, context),
        Command::Test { paths } => test(&paths, context),
        Command::Explain => Err(Failure::not_built("metrosoc rules explain").into()),
        Command::Backtest => Err(Failure::not_built("metrosoc rules backtest").into()),
    }
}

fn check(paths: &[PathBuf], context: &Context) -> anyhow::Result<()> {
    let sources =
        if paths.is_empty() { embedded_rules() } else { paths.iter().cloned().map(RuleSource::Path).collect() };
    let rules = RuleSet::load(&sources, &field_map()?);
    let rejected: Vec<_> =
        rules.rejected().iter().map(|one| json!({ "path": one.path, "reason": one.reason })).collect();
    let count = rejected.len();
    context.output.print(&json!({ "loaded": rules.rules().len(), "rejected": rejected }), |_| {
        let mut text: String = rules.rejected().iter().map(|one| format!("{}: {}\n", one.path, one.reason)).collect();
        text.push_str(&format!("{} rules loaded, {count} rejected\n", rules.rules().len()));
        text
    })?;
    if count == 0 { Ok(()) } else { Err(Failure::new(Status::BadData, format!("{count} rules are rejected")).into()) }
}

fn test(paths: &[PathBuf], context: &Context) -> anyhow::Result<()> {
    let map = field_map()?;
    let report = sigma::check(paths, &map);
    let mut failures: Vec<String> = report
        .failures
        .iter()
        .map(|failure| format!("{}: {}: {}", failure.path.display(), failure.event, failure.reason))
        .collect();
    failures.extend(report.rejected.iter().map(|one| format!("{}: {}", one.path, one.reason)));
    failures.extend(report.untested.iter().map(|path| format!("{}: no test beside it", path.display())));
    let (passed, failed) = (report.events.saturating_sub(report.failures.len()), failures.len());
    context.output.print(&json!({ "passed": passed, "failures": failures }), |_| {
        let mut text: String = failures.iter().map(|failure| format!("{failure}\n")).collect();
        text.push_str(&format!("{passed} passed, {failed} failed\n"));
        text
    })?;
    if failed == 0 { Ok(()) } else { Err(Failure::new(Status::BadData, format!("{failed} rule tests fail")).into()) }
}

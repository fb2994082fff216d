//! `metrosoc rules lint`: what is wrong with rules that may well load.

use std::path::PathBuf;

use detector::sigma::RuleSource;
use detector::sigma::lint::{Code, Lint, Severity, Taxonomy, lint};
use serde_json::json;

use crate::cli::Context;
use crate::exit::{Failure, Status};
use crate::serve::rules::{dialect, embedded_rules};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  metrosoc rules lint rules/sigma
  metrosoc rules lint --notes --without source-not-given /srv/sigma/rules")]
pub struct Arguments {
    /// Sigma files and folders; the embedded rules without
    paths: Vec<PathBuf>,
    /// Print notes too, not errors and warnings alone
    #[arg(long)]
    notes: bool,
    /// Fail on warnings too
    #[arg(long)]
    strict: bool,
    /// Leave a code out, such as `unknown-field`
    #[arg(long, value_name = "CODE", value_parser = code)]
    without: Vec<Code>,
}

fn code(text: &str) -> Result<Code, String> {
    let known = || Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ");
    Code::ALL.iter().find(|code| code.as_str() == text).copied().ok_or_else(|| format!("not one of {}", known()))
}

pub fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let sources = match arguments.paths.as_slice() {
        [] => embedded_rules(),
        paths => paths.iter().cloned().map(RuleSource::Path).collect(),
    };
    let mut found = lint(&sources, &dialect(&[])?.map, &Taxonomy::embedded()?);
    found.retain(|lint| !arguments.without.contains(&lint.code));
    let count = |severity| found.iter().filter(|lint| lint.severity == severity).count();
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    let shown: Vec<&Lint> = found.iter().filter(|lint| arguments.notes || lint.severity > Severity::Note).collect();
    let answer = json!({ "errors": errors, "warnings": warnings, "notes": notes, "lints": shown });
    context.output.print(&answer, |_| {
        let mut text: String = shown.iter().map(|lint| format!("{lint}\n")).collect();
        text.push_str(&format!("{errors} errors, {warnings} warnings, {notes} notes\n"));
        text
    })?;
    if errors > 0 || (arguments.strict && warnings > 0) {
        let message = format!("{errors} errors and {warnings} warnings in rules");
        return Err(Failure::new(Status::BadData, message).into());
    }
    Ok(())
}
